"""Train a circuit breaker on a dataset folder: representation rerouting (arXiv:2406.04313).

    cb-datasets build my-dataset
    python examples/train_circuit_breaker/train.py my-dataset --output defended

The loss says how far states have moved, not whether an attack still wins: that is what
`cb-datasets evaluate my-dataset --compare defended` is for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rerouting import RETAIN_LOSSES, coefficients, rerouting_loss
from rows import SINCE, Row, batches, read_rows, tensors
from states import Rerouted
from transformers import AutoModelForCausalLM

from cb_datasets.dataset.whole import check_free, whole_folder
from cb_datasets.errors import BuildError, CBDatasetsError
from cb_datasets.models.files import fetch_weights, find_model
from cb_datasets.models.loading import SMALL_MODEL_PARAMETERS
from cb_datasets.models.precision import autocast_dtype
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.records import RETAIN_KINDS


@dataclass(frozen=True)
class Recipe:
    """How a circuit breaker is trained.

    Attributes:
        layers: Layers whose states are rerouted and retained, counted from 1.
        steps: Optimizer steps, T of the schedule.
        alpha: α of the schedule.
        retain: "l2", the paper's distance, or "squared", its square relative to the state's.
        retain_scale: A factor of the retain loss.
        learning_rate: Of AdamW at the start; it falls to 0 in a straight line.
        ds_batch: Rows of Ds a step.
        dr_batch: Rows of Dr a step.
        retain_weights: How often each kind of Dr is drawn, relative to the others; None draws
            rows alike, whatever their kind.
        noise: Standard deviation of what is added to the trained weights at the start, relative to
            that of the weights: at the model itself the gradient of the cosine is 0.
        seed: Decides batches, noise and adapter.
    """

    layers: tuple[int, ...]
    steps: int = 150
    alpha: float = 10.0
    retain: str = "l2"
    retain_scale: float = 1.0
    learning_rate: float = 1e-4
    ds_batch: int = 8
    dr_batch: int = 16
    retain_weights: dict[str, float] | None = None
    noise: float = 0.0
    seed: int = 0


def reroute(
    rerouted: Rerouted, ds: Sequence[Row], dr: Sequence[Row], recipe: Recipe
) -> Iterator[tuple[int, float, float]]:
    """Train in place.

    Args:
        rerouted: The model, beside itself as it was.
        ds: Rows whose states are to be rerouted.
        dr: Rows whose states are to stay.
        recipe: How.

    Yields:
        After each step its number, the rerouting loss and the retain loss.
    """
    device = rerouted.device
    rerouted.stir(recipe.noise)
    optimizer = torch.optim.AdamW(rerouted.parameters, lr=recipe.learning_rate, weight_decay=0.0)
    harmful = batches(ds, recipe.ds_batch, recipe.seed)
    benign = batches(dr, recipe.dr_batch, recipe.seed + 1, recipe.retain_weights)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - step / recipe.steps)
        losses = []
        break_weight, retain_weight = coefficients(step, recipe.steps, recipe.alpha)
        for weight, loss_of, rows, whole in (
            (break_weight, rerouting_loss, next(harmful), False),
            (retain_weight * recipe.retain_scale, RETAIN_LOSSES[recipe.retain], next(benign), True),
        ):
            batch, mask = tensors(rows)
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            if whole:
                # Later layers read the prompt's states too: of Dr, all tokens are to stay.
                mask = batch["attention_mask"].bool()
            dtype = autocast_dtype(device.type)
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                frozen = rerouted.frozen_states(**batch)
                states = rerouted.states(**batch)
            loss = loss_of(states, frozen, mask)
            # One after the other: only one of the two graphs is in memory.
            (weight * loss).backward()
            losses.append(float(loss.detach()))
        torch.nn.utils.clip_grad_norm_(rerouted.parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield step, losses[0], losses[1]


def check(ds: Sequence[Row], dr: Sequence[Row], recipe: Recipe) -> None:
    """Refuse a recipe that cannot be followed with these rows.

    Raises:
        BuildError: With the reason.
    """
    if recipe.steps < 1 or recipe.ds_batch < 1 or recipe.dr_batch < 1:
        raise BuildError("steps and the rows a step must be 1 or more")
    for name, rows in (("ds", ds), ("dr", dr)):
        if not rows:
            raise BuildError(f"the dataset folder has no rows in {name}, and the loss needs both")
    if recipe.retain_weights is not None:
        there = sorted({row.kind for row in dr})
        if not any(recipe.retain_weights.get(kind) for kind in there):
            raise BuildError(f"no kind of Dr has a weight above 0 (there are: {', '.join(there)})")


def load(name: str | None) -> tuple[Any, Any]:
    """A model and its tokenizer: float32 for a small one on the CPU, else bfloat16."""
    files = find_model(name)
    fetch_weights(files)
    gpu = torch.cuda.is_available()
    model = AutoModelForCausalLM.from_pretrained(
        files.folder,
        local_files_only=True,
        trust_remote_code=False,
        dtype=torch.bfloat16 if gpu else torch.float32,
        device_map="auto" if gpu else None,
    )
    if model.num_parameters() > SMALL_MODEL_PARAMETERS:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
    return model, load_tokenizer(name)


def save(rerouted: Rerouted, tokenizer: Any, output: Path, *, overwrite: bool) -> None:
    """Write the trained model, whole or not at all: the weights, an adapter merged into them."""
    with whole_folder(output, overwrite=overwrite) as unfinished:
        rerouted.whole_model().save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)


def default_layers(model: Any) -> tuple[int, int]:
    """A third and two thirds of the way up: the paper's 10 and 20 of 32."""
    count = len(model.get_decoder().layers)
    return max(1, round(count / 3.2)), max(1, round(count / 1.6))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="dataset folder with ds and dr")
    parser.add_argument("--output", type=Path, required=True, help="folder for the trained model")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--model", help="folder or Hub id; without it the tiny agent")
    parser.add_argument("--layers", type=_numbers, help="such as 10,20; default: 1/3 and 2/3 up")
    parser.add_argument("--lora-rank", type=int, default=16, help="0 trains the weights")
    parser.add_argument("--lora-alpha", type=int, default=16)
    parser.add_argument("--first-trained", type=int, default=1, help="first layer that is trained")
    parser.add_argument("--since", choices=SINCE, default="completion", help="what is rerouted")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--alpha", type=float, default=Recipe.alpha)
    parser.add_argument("--retain", choices=sorted(RETAIN_LOSSES), default=Recipe.retain)
    parser.add_argument("--retain-scale", type=float, default=Recipe.retain_scale)
    parser.add_argument("--learning-rate", type=float, default=Recipe.learning_rate)
    parser.add_argument("--noise", type=float, default=Recipe.noise)
    parser.add_argument("--ds-batch", type=int, default=Recipe.ds_batch)
    parser.add_argument("--dr-batch", type=int, default=Recipe.dr_batch)
    parser.add_argument(
        "--retain-weights", type=_weights, metavar="KIND=WEIGHT,…", help="how Dr is drawn"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    try:
        check_free(options.output, overwrite=options.overwrite)
        model, tokenizer = load(options.model)
        recipe = Recipe(
            layers=options.layers or default_layers(model),
            steps=options.steps,
            alpha=options.alpha,
            retain=options.retain,
            retain_scale=options.retain_scale,
            learning_rate=options.learning_rate,
            ds_batch=options.ds_batch,
            dr_batch=options.dr_batch,
            retain_weights=options.retain_weights,
            noise=options.noise,
            seed=options.seed,
        )
        ds = read_rows(options.folder, "ds", tokenizer, options.since)
        dr = read_rows(options.folder, "dr", tokenizer)
        check(ds, dr, recipe)
        torch.manual_seed(recipe.seed)
        rerouted = Rerouted(
            model,
            recipe.layers,
            options.lora_rank,
            options.lora_alpha,
            first_trained=options.first_trained,
        )
        for step, rerouting, retain in reroute(rerouted, ds, dr, recipe):
            if step % 10 == 0 or step == recipe.steps - 1:
                print(f"step {step}: rerouting {rerouting:.3f}, retain {retain:.3f}", flush=True)
        save(rerouted, tokenizer, options.output, overwrite=options.overwrite)
    except CBDatasetsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"written: {options.output}")
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _weights(text: str) -> dict[str, float]:
    pairs = (part.partition("=") for part in text.split(","))
    found = {kind: float(weight) for kind, _, weight in pairs}
    if unknown := sorted(found.keys() - set(RETAIN_KINDS)):
        raise argparse.ArgumentTypeError(f"{unknown[0]} is no kind of Dr")
    if any(weight < 0 for weight in found.values()):
        raise argparse.ArgumentTypeError("a weight is 0 or more")
    return found


if __name__ == "__main__":
    sys.exit(main())
