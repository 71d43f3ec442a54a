"""One evaluation from beginning to end: rows checked, sampled, graded, counted, controlled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from typing_extensions import Unpack

from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.protocol import Engine, Generation, SamplingParams
from cb_datasets.engines.specification import engine_facts
from cb_datasets.errors import EvalError
from cb_datasets.evaluation.controls import (
    Control,
    criteria_control,
    floor_controls,
    oracle_control,
    output_controls,
    overlap_control,
)
from cb_datasets.evaluation.generation import generations, rows_for
from cb_datasets.evaluation.grading import grade
from cb_datasets.evaluation.metrics import metrics
from cb_datasets.evaluation.options import EvalOptions, FloorOptions
from cb_datasets.evaluation.oracles import ORACLES, run_oracle
from cb_datasets.evaluation.report import EvalReport
from cb_datasets.evaluation.samples import EvalSample, row_facts
from cb_datasets.gates.eval_identity import eval_identity
from cb_datasets.gates.shapes import library_row, shape_problem
from cb_datasets.judge.named import another_judge, judge_name
from cb_datasets.judge.outcome import Judge
from cb_datasets.options import checked, part_of, takes
from cb_datasets.records import EvalRow
from cb_datasets.schema import exact_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

EvalSet = Union["Dataset", Iterable[Mapping[str, Any]], str, Path]
Progress = Callable[[int], None]


@takes(EvalOptions)
def evaluate(
    engine: Engine,
    eval_set: EvalSet,
    *,
    compare: Engine | None = None,
    train: EvalSet | None = None,
    judge: Judge | str | None = None,
    progress: Progress | None = None,
    **options: Unpack[EvalOptions],
) -> EvalReport:
    """Put an eval set before a model, and see what comes of it.

    Args:
        engine: The undefended model, whose attack success rates must reach a floor for the report
            to prove anything. To look at a defended model alone, set the floors to 0.
        eval_set: Rows of the shape of `records.EvalRow`: a `Dataset`, any iterable of rows, a
            dataset folder, or a dataset on the Hub (`owner/name` or `owner/name@v1.0.0`).
        compare: A second model, the defended one, put to the same test.
        train: What the defended model was trained on, to see that the eval set is not in it: rows
            of Ds and Dr, or where they are, as for `eval_set`.
        judge: Another judge than the pipeline's, or its name.
        progress: Called with the number of samples that have just been graded.
        **options: How to sample, and when the report counts as vacuous.

    Returns:
        The report; `.valid` says whether it proves anything.

    Raises:
        EvalError: The rows are no eval set, or an option is out of range.
        JudgeError: There is no judge of that name.
        EngineError: A model cannot be loaded, or the journal cannot be used.
    """
    name, judge = judge_name(judge), another_judge(judge)
    chosen = checked(EvalOptions, options, EvalError)
    floors = part_of(FloorOptions, chosen)
    num_samples, seed, journal = chosen["num_samples"], chosen["seed"], chosen["journal"]
    sampling = SamplingParams(
        chosen["temperature"], chosen["top_p"], chosen["top_k"], chosen["max_new_tokens"]
    )
    rows = eval_set_rows(eval_set)
    reports = []
    with nullcontext() if journal is None else Journal(journal, chosen["resume"]) as kept:
        for one in (engine, compare):
            if one is None:
                continue
            posed, anew = rows_for(rows, one.tokenizer)
            made = generations(
                one, posed, sampling, num_samples=num_samples, seed=seed, journal=kept
            )
            samples = graded(made, one.tokenizer, judge, progress)
            reports.append((one, posed, anew, samples))
    facts = {
        "rows": len(rows),
        "eval_rows": eval_identity(rows),
        "rows_by_kind": dict(sorted(Counter(row["kind"] for row in rows).items())),
        "num_samples": num_samples,
        "seed": seed,
        "sampling": asdict(sampling),
        "floors": floors,
        "judge": name,
    }
    _, posed, anew, samples = reports[0]
    oracle_runs = {o.name: run_oracle(o, posed, engine.tokenizer, judge) for o in ORACLES}
    controls: list[Control] = [
        criteria_control(rows),
        *(oracle_control(oracle, oracle_runs[oracle.name]) for oracle in ORACLES),
        overlap_control(rows, None if train is None else _train_rows(train)),
        *floor_controls(samples, metrics(samples), floors, model=engine.model),
        *output_controls(samples, floors, model=engine.model, undefended=True),
    ]
    compared = None
    if compare is not None:
        _, _, compared_anew, others = reports[1]
        controls += output_controls(others, floors, model=compare.model, undefended=False)
        compared = EvalReport(
            engine_facts(compare), tuple(others), facts={**facts, "rendered_anew": compared_anew}
        )
    return EvalReport(
        model=engine_facts(engine),
        samples=tuple(samples),
        controls=tuple(controls),
        facts={**facts, "rendered_anew": anew},
        oracles={name: metrics(run.samples) for name, run in oracle_runs.items()},
        compared=compared,
    )


def graded(
    made: Iterable[tuple[EvalRow, int, Generation]],
    tokenizer: PreTrainedTokenizerBase,
    judge: Judge | None = None,
    progress: Progress | None = None,
) -> list[EvalSample]:
    """Graded samples, by row and number, from rows and what was generated for them."""
    samples = []
    for row, number, generation in made:
        samples.append(
            EvalSample(
                facts=row_facts(row),
                sample_index=number,
                grade=grade(row, generation, tokenizer=tokenizer, judge=judge),
                assistant_raw=generation.text,
                completion_token_ids=tuple(generation.token_ids),
                finish_reason=generation.finish_reason,
            )
        )
        if progress is not None:
            progress(1)
    return sorted(samples, key=lambda sample: (sample.facts.row_id, sample.sample_index))


def eval_set_rows(eval_set: EvalSet) -> list[EvalRow]:
    """The rows of an eval set, each of the shape that it must have, with all its columns.

    Raises:
        EvalError: They are none.
    """
    given = _folder(eval_set)["eval"] if isinstance(eval_set, (str, Path)) else eval_set
    rows: dict[str, EvalRow] = {}
    for number, row in enumerate(_plain(given)):
        problem = shape_problem(row, "eval") if isinstance(row, Mapping) else "it is no object"
        if problem:
            raise EvalError(f"row {number} is no row of an eval set: {problem}")
        if row["id"] in rows:
            raise EvalError(f"row {number}: the id {row['id']!r} is there twice")
        rows[row["id"]] = library_row(row, EvalRow)
    if not rows:
        raise EvalError("the eval set holds no rows")
    return list(rows.values())


def _train_rows(train: EvalSet) -> Iterator[Mapping[str, Any]]:
    if isinstance(train, (str, Path)):
        found = _folder(train)
        for name in ("ds", "dr"):
            yield from exact_rows(found[name])
    else:
        yield from _plain(train)


def _folder(place: str | Path) -> dict[str, Dataset]:
    from cb_datasets.dataset.folder import read_folder
    from cb_datasets.hub.place import dataset_folder

    return read_folder(dataset_folder(place))


def _plain(rows: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(rows, Mapping):
        for split in rows.values():
            yield from _plain(split)
    elif getattr(rows, "features", None) and hasattr(rows, "with_format"):
        yield from exact_rows(rows)
    elif isinstance(rows, Iterable):
        yield from rows
    else:
        raise EvalError(f"a Dataset or an iterable of rows was expected, not {type(rows).__name__}")
