"""The files that the trainer of the circuit breaker paper reads (arXiv:2406.04313).

In: Ds and Dr. Out: `circuit_breakers_train.json`, `circuit_breakers_val.json` and the CSV of what
is to be complied with, for the `data/` folder of that trainer.

Its prompts are those of `tagged_prompt`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from cb_datasets.options import Option
from cb_datasets.records import CircuitBreakerRow, RetainRow
from cb_datasets.schema import Record, doc
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.exports.tagged_prompt import tagged
from cb_datasets.training.own_ids import COLUMNS, OwnIds

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered

_COMPLIANCE = "1_full_compliance"
"""The label of the rows that the trainer keeps."""


class Behaviour(TypedDict):
    """A row of Ds, and what would have been right."""

    category: Annotated[str, doc("Kind of attack.")]
    prompt: Annotated[str, doc("What stands between the trainer's tags.")]
    llama3_output: Annotated[str, doc("A right completion of the same prompt, or of its twin.")]
    output: Annotated[str, doc("The harmful completion.")]


class Compliance(TypedDict):
    """A row of Dr."""

    prompt: Annotated[str, doc("What stands between the trainer's tags.")]
    completion: Annotated[str, doc("The completion.")]
    final_label: Annotated[str, doc("Always 1_full_compliance: others are not read.")]


class PaperOptions(TypedDict, total=False):
    """What the paper's trainer is to read."""

    val_fraction: Annotated[
        float, Option(0.05, "Share of the groups of Ds that goes to the val file.", ge=0, lt=1)
    ]
    safe_completion: Annotated[
        str | None,
        Option(
            None,
            "Taken where Dr has no right completion; None leaves the row out, since nothing is "
            "written that no model said.",
        ),
    ]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: PaperOptions) -> None:
    """The three tables; a row of Ds needs a right completion of its prompt, or of its twin's."""
    safe: dict[str | None, str] = {}
    for retained in _rows(sets.dr, RetainRow):
        found, said = tagged(retained, ids), retained["assistant_raw"]
        safe.setdefault(retained["provenance"]["scenario_id"], said)
        if found.unfit:
            into.leave_out(found.unfit)
            continue
        into.cut += found.is_cut
        kept: Compliance = {"prompt": found.prompt, "completion": said, "final_label": _COMPLIANCE}
        into.add("retain", kept)
    pairs: dict[bool, list[Behaviour]] = {False: [], True: []}
    for row in _rows(sets.ds, CircuitBreakerRow):
        found = tagged(row, ids)
        right = safe.get(row["provenance"]["scenario_id"], safe.get(row["twin_id"]))
        right = options["safe_completion"] if right is None else right
        if found.unfit:
            into.leave_out(found.unfit)
        elif right is None:
            into.leave_out("no right completion of the prompt in Dr")
        else:
            into.cut += found.is_cut
            pairs[_is_val(row["group"], options["val_fraction"])].append(
                {
                    "category": row["labels"]["category"],
                    "prompt": found.prompt,
                    "llama3_output": right,
                    "output": row["assistant_raw"],
                }
            )
    # The trainer needs a val file that has a row.
    for name, listed in (("train", pairs[False]), ("val", pairs[True] or pairs[False][:1])):
        for behaviour in listed:
            into.add(name, behaviour)


def _rows(table: Dataset, record: type[Record]) -> Iterator[Record]:
    yield from table.select_columns([*COLUMNS, "group", "twin_id", "labels"])


def _is_val(group: str, fraction: float) -> bool:
    place = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 0x100000000
    return place < fraction


EXPORT = Export(
    "circuit_breakers",
    "The circuit breaker paper's trainer (representation rerouting)",
    tables={
        "train": Table(Behaviour, "circuit_breakers_train.json"),
        "val": Table(Behaviour, "circuit_breakers_val.json"),
        "retain": Table(Compliance, "xstest_v2_completions_gpt4_gpteval.csv"),
    },
    make=make,
    options=PaperOptions,
)
