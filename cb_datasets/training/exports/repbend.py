"""RepBend (arXiv:2504.01550): safe and unsafe answers of the same prompt, and pools of both.

In: pairs with both sides, Ds and Dr. Out: `wildjailbreak.jsonl` in the fields that its trainer
reads of that file, and the pools in the fields of WildGuardMix: Ds is what it bends away from, Dr
what it keeps. The conversations that it retains beside them are those of `conversations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from cb_datasets.options import NoOptions
from cb_datasets.records import CircuitBreakerRow, RetainRow, TrainingRow
from cb_datasets.schema import doc, exact_rows
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.exports.tagged_prompt import tagged
from cb_datasets.training.pair_sides import both_sides

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


class Answers(TypedDict):
    """Two answers to a prompt."""

    prompt_type: Annotated[str, doc("Always harmful: others are not read.")]
    prompt: Annotated[str, doc("What stands between the trainer's tags.")]
    harmful_answer: Annotated[str, doc("The harmful completion.")]
    harmless_answer: Annotated[str, doc("The right completion.")]


class Answer(TypedDict):
    """An answer of a pool."""

    prompt: Annotated[str, doc("What stands between the trainer's tags.")]
    response: Annotated[str, doc("The completion.")]
    prompt_harm_label: Annotated[str, doc("harmful in Ds and where Dr refuses, else unharmful.")]
    response_harm_label: Annotated[str, doc("harmful in Ds, unharmful in Dr.")]
    response_refusal_label: Annotated[str, doc("refusal or compliance.")]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """The pairs, and the rows of Ds and Dr."""
    for right, harmful in both_sides(sets.pairs, into):
        one, other = tagged(right, ids), tagged(harmful, ids)
        if reason := one.unfit or other.unfit:
            into.leave_out(reason)
            continue
        into.cut += one.is_cut or other.is_cut
        answers: Answers = {
            "prompt_type": "harmful",
            "prompt": one.prompt,
            "harmful_answer": harmful["assistant_raw"],
            "harmless_answer": right["assistant_raw"],
        }
        into.add("pairs", answers)
    for row in exact_rows(sets.ds, CircuitBreakerRow):
        _add(row, ids, into, ("harmful", "harmful", "compliance"))
    for retained in exact_rows(sets.dr, RetainRow):
        refused = retained["labels"]["is_refusal"]
        asked, said = ("harmful", "refusal") if refused else ("unharmful", "compliance")
        _add(retained, ids, into, (asked, "unharmful", said))


def _add(row: TrainingRow, ids: OwnIds, into: Gathered, labels: tuple[str, str, str]) -> None:
    found = tagged(row, ids)
    if found.unfit:
        into.leave_out(found.unfit)
        return
    into.cut += found.is_cut
    answer: Answer = {
        "prompt": found.prompt,
        "response": row["assistant_raw"],
        "prompt_harm_label": labels[0],
        "response_harm_label": labels[1],
        "response_refusal_label": labels[2],
    }
    into.add("pools", answer)


EXPORT = Export(
    "repbend",
    "RepBend: two answers to a prompt, and pools of safe and unsafe ones",
    tables={
        "pairs": Table(Answers, "wildjailbreak.jsonl"),
        "pools": Table(Answer, "wildguardmix/train.jsonl"),
    },
    make=make,
    needs_tokenizer=True,
)
