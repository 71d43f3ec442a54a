"""One run of an arm: train a circuit breaker on its rows, put the eval set before it.

In: a dataset folder, an arm, a seed. Out: graded samples. Runs know nothing of each other, so that
they go side by side in processes of one thread each, and come out the same however many there are.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from arms import ARMS, PAIRS
from recipe import Recipe, train
from states import Rerouted
from train import end_token, load, save, training_sets

import cb_datasets as cb
from cb_datasets.dataset.folder import read_folder
from cb_datasets.evaluation import EvalSample
from cb_datasets.schema import exact_rows

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


SHORT = 0.4
"""The share of an arm's steps that a check takes."""


def recipe_of(arm: str, seed: int, share: float = 1.0) -> Recipe:
    """How an arm is trained under a seed, in a share of its steps.

    The undefended model's runs have one for their seed.
    """
    recipe = ARMS[arm].recipe if arm in ARMS else PAIRS
    return replace(recipe, seed=seed, steps=round(share * recipe.steps))


def build(folder: Path, num_samples: int = 5) -> None:
    """The demo dataset as `cb-datasets build` makes it, some wordings of injections held out."""
    engine = cb.load_engine("transformers", dtype="float32")
    sets = cb.build_sets(cb.load_source("demo"), engine, hold_out=HELD_OUT, num_samples=num_samples)
    sets.save(folder)


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
    stored = read_folder(run.folder)
    model, tokenizer = load(None)
    rows = {name: list(exact_rows(stored[name])) for name in ("ds", "dr", "pairs")}
    sets = training_sets(ARMS[run.arm].rows(rows, tokenizer), run.recipe, tokenizer)
    torch.manual_seed(run.recipe.seed)
    rerouted = Rerouted(model, run.recipe.layers, lora_rank=0, first_trained=FIRST_TRAINED)
    for _ in train(rerouted, sets, run.recipe, end_token(tokenizer)):
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
