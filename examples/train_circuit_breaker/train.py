"""Train a circuit breaker on a dataset folder.

    cb-datasets build my-dataset
    python examples/train_circuit_breaker/train.py my-dataset --output defended

The loss says how far states have moved, not whether an attack still wins: that is what
`cb-datasets evaluate my-dataset --compare defended` is for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from recipe import Recipe, TrainingSets, check, train
from rerouting import BREAK_LOSSES, RETAIN_LOSSES
from rows import SINCE, read_set, training_pair, training_row
from states import Rerouted
from transformers import AutoModelForCausalLM

from cb_datasets.dataset.whole import check_free, whole_folder
from cb_datasets.errors import CBDatasetsError
from cb_datasets.formats import format_of
from cb_datasets.formats.encode import control_id
from cb_datasets.models.files import fetch_weights, find_model
from cb_datasets.models.precision import SMALL_MODEL_PARAMETERS
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.records import RETAIN_KINDS


def read_sets(folder: str, recipe: Recipe, tokenizer: Any) -> TrainingSets:
    """The sets of a folder that the losses of a recipe read.

    Raises:
        BuildError: There is no such set, or its rows are not for this tokenizer.
    """
    stored = {name: read_set(folder, name) for name in recipe.reads}
    return training_sets(stored, recipe, tokenizer)


def training_sets(
    stored: Mapping[str, Iterable[Mapping[str, Any]]], recipe: Recipe, tokenizer: Any
) -> TrainingSets:
    """Stored rows, by the name of their set, as rows of ids and masks.

    Where pairs train what is said at attacked prompts, rows of Dr with an attack are left out: a
    loss that keeps these states where they are pulls against one that moves them.
    """
    kept = (
        row for row in stored.get("dr", ()) if not (recipe.decides and row["attack"] is not None)
    )
    return TrainingSets(
        ds=[training_row(row, tokenizer, recipe.since) for row in stored.get("ds", ())],
        dr=[training_row(row, tokenizer) for row in kept],
        pairs=[training_pair(row, tokenizer) for row in stored.get("pairs", ())],
    )


def end_token(tokenizer: Any) -> int:
    """The token that ends a turn."""
    known = format_of(tokenizer)
    return control_id(known.end_tokens[known.ends[1]], tokenizer)


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
    # It saves memory, which is short on GPUs alone, and takes a third more time.
    if gpu and model.num_parameters() > SMALL_MODEL_PARAMETERS:
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
    parser.add_argument("folder", help="dataset folder with the sets that the losses read")
    parser.add_argument("--output", type=Path, required=True, help="folder for the trained model")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--model", help="folder or Hub id; without it the tiny agent")
    parser.add_argument("--layers", type=_numbers, help="such as 10,20; default: 1/3 and 2/3 up")
    parser.add_argument("--lora-rank", type=int, default=16, help="0 trains the weights")
    parser.add_argument("--lora-alpha", type=int, default=16)
    parser.add_argument("--first-trained", type=int, default=1, help="first layer that is trained")
    parser.add_argument("--since", choices=SINCE, default=Recipe.since, help="what is rerouted")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--alpha", type=float, default=Recipe.alpha)
    parser.add_argument("--reroute", type=float, default=Recipe.reroute, help="a factor; 0: none")
    parser.add_argument("--broken", choices=sorted(BREAK_LOSSES), default=Recipe.broken)
    parser.add_argument(
        "--complete", type=float, default=Recipe.complete, help="factor: right completions of pairs"
    )
    parser.add_argument(
        "--twin", type=float, default=Recipe.twin, help="factor: states of the benign twin"
    )
    parser.add_argument(
        "--stop", type=float, default=Recipe.stop, help="factor: end behind the attacker's tool"
    )
    parser.add_argument("--stop-from", type=float, default=Recipe.stop_from, help="share of steps")
    parser.add_argument(
        "--prefer", type=float, default=Recipe.prefer, help="factor: DPO on both sides of pairs"
    )
    parser.add_argument("--retain", choices=sorted(RETAIN_LOSSES), default=Recipe.retain)
    parser.add_argument("--retain-scale", type=float, default=Recipe.retain_scale)
    parser.add_argument("--learning-rate", type=float, default=Recipe.learning_rate)
    parser.add_argument("--noise", type=float, default=Recipe.noise)
    parser.add_argument("--ds-batch", type=int, default=Recipe.ds_batch)
    parser.add_argument("--dr-batch", type=int, default=Recipe.dr_batch)
    parser.add_argument("--pair-batch", type=int, default=Recipe.pair_batch)
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
        options.layers = options.layers or default_layers(model)
        names = [field.name for field in fields(Recipe)]
        recipe = Recipe(**{name: getattr(options, name) for name in names})
        sets = read_sets(options.folder, recipe, tokenizer)
        check(sets, recipe)
        torch.manual_seed(recipe.seed)
        rerouted = Rerouted(
            model,
            recipe.layers,
            options.lora_rank,
            options.lora_alpha,
            first_trained=options.first_trained,
        )
        for step, losses in train(rerouted, sets, recipe, end_token(tokenizer)):
            if step % 10 == 0 or step == recipe.steps - 1:
                told = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
                print(f"step {step}: {told}", flush=True)
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
