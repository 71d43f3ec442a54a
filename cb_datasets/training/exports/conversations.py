"""Trainers that write the text themselves with a chat template: TRL's `SFTTrainer`, and its like.

In: Dr, Ds and pairs. Out: `prompt`, `completion` and `tools`, the calls structured; of pairs the
right completion under the attacked prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cb_datasets.options import NoOptions
from cb_datasets.records import PairRow, TrainingRow
from cb_datasets.schema import exact_rows
from cb_datasets.training.conversations import Conversation, conversation
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.pair_sides import side_row

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


def make(sets: Sets, ids: OwnIds, into: Gathered, options: NoOptions) -> None:
    """Rows of Dr, Ds and pairs as conversations."""
    for name, table in (("dr", sets.dr), ("ds", sets.ds)):
        for row in exact_rows(table, TrainingRow):
            into.add(name, conversation(row))
    for pair in exact_rows(sets.pairs, PairRow):
        into.add("pairs", conversation(side_row(pair, "chosen")))


EXPORT = Export(
    "conversations",
    "Trainers that apply a chat template themselves: prompt, completion, tools",
    tables={name: Table(Conversation, f"{name}.jsonl") for name in ("dr", "ds", "pairs")},
    make=make,
)
