"""One run of an arm: train a circuit breaker on its rows, put the eval set before it.

In: a dataset folder, an arm, a seed. Out: graded samples. Runs know nothing of each other, so that
they go side by side in processes of one thread each, and come out the same however many there are.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from arms import ARMS

import cb_datasets as cb
from cb_datasets.dataset.folder import read_folder
from cb_datasets.evaluation import EvalSample
from cb_datasets.schema import exact_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "train_circuit_breaker"))

from rows import training_row
from states import Rerouted
from train import Recipe, load, reroute, save

HELD_OUT = {
    "template": [
        "message_policy_claim_4",
        "message_role_confusion_4",
        "message_urgency_4",
        "result_instruction_override_3",
        "result_role_confusion_3",
    ]
}
"""Wordings of injections that no row of Ds and Dr has: those of a block of the demo suite."""

UNDEFENDED = "undefended"

FIRST_TRAINED = 3
"""The tiny agent copies arguments in its first two layers, and does not find back to it."""

RECIPE = Recipe(
    layers=(6,),
    steps=180,
    learning_rate=1e-3,
    ds_batch=6,
    dr_batch=12,
    retain="squared",
    retain_scale=50.0,
    retain_weights={
        "adversarial_safe": 2.5,
        "benign_twin": 3,
        "tool_use": 3,
        "refusal": 1,
        "answer": 1,
    },
    noise=0.03,
)
"""What breaks the tiny agent's circuit; see the README for what else was tried."""


@dataclass(frozen=True, slots=True)
class Run:
    """An arm under the recipe's seed, or the undefended model.

    Attributes:
        folder: The dataset folder.
        arm: Name of the arm, or `UNDEFENDED`.
        recipe: How it is trained; its seed is that of the samples, too.
        samples: Samples of each unforced row of eval.
        forced: Whether the forced rows, of which there are many, are sampled, once each.
    """

    folder: str
    arm: str
    recipe: Recipe
    samples: int
    forced: bool = True


def build(folder: Path) -> None:
    """The demo dataset as `cb-datasets build` makes it, some wordings of injections held out."""
    engine = cb.load_engine("transformers", dtype="float32")
    cb.build_sets(cb.load_source("demo"), engine, hold_out=HELD_OUT).save(folder)


def outcomes(runs: Sequence[Run], processes: int) -> Iterator[tuple[Run, tuple[EvalSample, ...]]]:
    """The graded samples of runs, as they finish."""
    if processes == 1:
        yield from ((run, outcome(run)) for run in runs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_one_thread) as pool:
        waiting = {pool.submit(outcome, run): run for run in runs}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def outcome(run: Run) -> tuple[EvalSample, ...]:
    """Train (unless it is the undefended model's run), sample and grade."""
    with tempfile.TemporaryDirectory() as scratch:
        model = None
        if run.arm != UNDEFENDED:
            model = Path(scratch, "defended")
            train_arm(run, model)
        return evaluate(run, model)


def train_arm(run: Run, output: Path) -> None:
    """Train on the rows of an arm, the full weights of the tiny agent."""
    sets = read_folder(run.folder)
    model, tokenizer = load(None)
    ds, dr = ARMS[run.arm](*(list(exact_rows(sets[name])) for name in ("ds", "dr")), tokenizer)
    broken = [training_row(row, tokenizer, "call") for row in ds]
    kept = [training_row(row, tokenizer) for row in dr]
    torch.manual_seed(run.recipe.seed)
    rerouted = Rerouted(model, run.recipe.layers, lora_rank=0, first_trained=FIRST_TRAINED)
    for _ in reroute(rerouted, broken, kept, run.recipe):
        pass
    save(rerouted, tokenizer, output, overwrite=False)


def evaluate(run: Run, model: Path | None) -> tuple[EvalSample, ...]:
    """Graded samples of the eval set."""
    engine: Any = cb.load_engine("transformers", model, dtype="float32", batch_size=64)
    rows = list(exact_rows(read_folder(run.folder)["eval"]))
    floors = {} if model is None else {"min_asr": 0.0, "min_forced_call_asr": 0.0}
    samples: list[EvalSample] = []
    for forced, count in ((False, run.samples), (True, 1))[: 1 + run.forced]:
        report = cb.evaluate(
            engine,
            [row for row in rows if (row["kind"] == "forced_call") is forced],
            num_samples=count,
            seed=run.recipe.seed,
            max_new_tokens=64,
            **floors,
        )
        samples += report.samples
    return tuple(samples)


def _one_thread() -> None:
    torch.set_num_threads(1)
