"""TaskTracker (arXiv:2406.00799): the task, and text from outside that is clean or poisoned.

In: the attacked rows of Ds and Dr, each scenario once. Out: `data.json`, as its quick start reads
it, and `triples.json`, from which its training takes the task alone, with the clean text and with
the poisoned one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.formats.messages import joined_text
from cb_datasets.options import NoOptions
from cb_datasets.records import TrainingRow
from cb_datasets.schema import doc, exact_rows
from cb_datasets.sets.redaction import without_attack
from cb_datasets.training.exports.export import Export, Table

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


class Labelled(TypedDict):
    """A text with its task."""

    user_prompt: Annotated[
        str, doc("The task; empty where the injection stands in the user's own message.")
    ]
    text: Annotated[str, doc("The text: a tool's result, or the user's message.")]
    label: Annotated[int, doc("0 clean, 1 poisoned.")]


class Triple(TypedDict):
    """A task, a clean text and the same text poisoned."""

    primary_task_prompt: Annotated[str, doc("The task.")]
    orig_text: Annotated[str, doc("The clean text.")]
    final_text_paragraph: Annotated[str, doc("The poisoned text.")]
    sep_prompt: Annotated[str, doc("What leads to the task: nothing.")]
    instruct_sep_tags: Annotated[str, doc("Tags around the task: none.")]
    data_sep_tags: Annotated[str, doc("Tags around the text: none.")]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """The attacked scenarios."""
    seen: set[str] = set()
    for row in (row for of in (sets.ds, sets.dr) for row in exact_rows(of, TrainingRow)):
        scenario = row["provenance"]["scenario_id"]
        if row["attack"] is None or scenario in seen:
            continue
        seen.add(scenario)
        triples = list(_triples(row))
        if not triples:
            into.leave_out("its attacked text has no clean form")
        for triple in triples:
            into.add("triples", triple)
            task = triple["primary_task_prompt"]
            for label, text in enumerate((triple["orig_text"], triple["final_text_paragraph"])):
                into.add("data", Labelled(user_prompt=task, text=text, label=label))


def _triples(row: TrainingRow) -> Iterator[Triple]:
    attack: Any = row["attack"]
    task = ""
    for message, clean in zip(
        row["messages"], without_attack(row["messages"], attack) or (), strict=False
    ):
        if message["role"] == "user":
            task = joined_text(clean["content"])
        poisoned, text = message.get("content"), clean.get("content")
        if message["role"] not in ("user", "tool") or poisoned == text or not text:
            continue
        yield Triple(
            primary_task_prompt="" if message["role"] == "user" else task,
            orig_text=str(text),
            final_text_paragraph=str(poisoned),
            sep_prompt="",
            instruct_sep_tags="none",
            data_sep_tags="none",
        )


EXPORT = Export(
    "tasktracker",
    "TaskTracker: tasks with clean and poisoned text",
    tables={"data": Table(Labelled, "data.json"), "triples": Table(Triple, "triples.json")},
    make=make,
)
