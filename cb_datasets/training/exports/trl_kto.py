"""TRL's `KTOTrainer`: completions of Dr to be wanted, those of Ds not.

In: Ds and Dr. Out: conversations with a label, and the same as ids. TRL tokenizes the conversation
anew; `trainer_by_ids` takes the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import NotRequired

from cb_datasets.options import NoOptions
from cb_datasets.records import TrainingRow
from cb_datasets.schema import doc, exact_rows
from cb_datasets.training.conversations import Conversation, conversation
from cb_datasets.training.exports.export import Export, Table

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


class LabelledCompletion(Conversation):
    """A completion that is wanted, or not."""

    label: Annotated[bool, doc("Whether it is wanted: a row of Dr.")]
    prompt_ids: NotRequired[Annotated[list[int] | None, doc("The prompt's token ids.")]]
    completion_ids: NotRequired[Annotated[list[int] | None, doc("The completion's.")]]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """Rows of Dr and Ds, labelled."""
    for table, wanted in ((sets.dr, True), (sets.ds, False)):
        for row in exact_rows(table, TrainingRow):
            prompt, said = ids.where_known(row) or (None, None)
            into.add(
                "train",
                conversation(row) | {"label": wanted, "prompt_ids": prompt, "completion_ids": said},
            )


EXPORT = Export(
    "trl_kto",
    "TRL's KTOTrainer: labelled completions, as conversations and by ids",
    tables={"train": Table(LabelledCompletion, "train.jsonl")},
    make=make,
)
