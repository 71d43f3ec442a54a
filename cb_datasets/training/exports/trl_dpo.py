"""TRL's `DPOTrainer`: of two completions of an attacked prompt, the right one is preferred.

In: pairs with both sides. Out: conversations, and the same as ids. TRL tokenizes the conversation
anew; `trainer_by_ids` takes the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import NotRequired, TypedDict

from cb_datasets.options import NoOptions
from cb_datasets.schema import JsonObject, doc
from cb_datasets.training.conversations import conversation
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.pair_sides import both_sides

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


class Preference(TypedDict):
    """Two completions of a prompt."""

    prompt: Annotated[list[JsonObject], doc("The messages before the completion.")]
    chosen: Annotated[list[JsonObject], doc("The right completion, one message.")]
    rejected: Annotated[list[JsonObject], doc("The harmful completion, one message.")]
    tools: Annotated[
        list[JsonObject] | None, doc("Tool schemas on offer; null where there are none.")
    ]
    prompt_ids: NotRequired[Annotated[list[int] | None, doc("The prompt's token ids.")]]
    chosen_ids: NotRequired[Annotated[list[int] | None, doc("The right completion's.")]]
    rejected_ids: NotRequired[Annotated[list[int] | None, doc("The harmful completion's.")]]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """The pairs."""
    for right, harmful in both_sides(sets.pairs, into):
        said, other = conversation(right), conversation(harmful)
        prompt, chosen = ids.where_known(right) or (None, None)
        _, rejected = ids.where_known(harmful) or (None, None)
        row: Preference = {
            "prompt": said["prompt"],
            "chosen": said["completion"],
            "rejected": other["completion"],
            "tools": said["tools"],
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
        }
        into.add("train", row)


EXPORT = Export(
    "trl_dpo",
    "TRL's DPOTrainer: pairs, as conversations and by ids",
    tables={"train": Table(Preference, "train.jsonl")},
    make=make,
)
