"""TRL's `SFTTrainer`, by ids: Dr, and Ds for who unlearns, with the tokens that count.

In: Ds and Dr. Out: what `to_token_ids` gives, `loss_mask` among it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from cb_datasets.options import Option
from cb_datasets.schema import doc
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.mask_policies import MaskPolicy
from cb_datasets.training.token_ids import to_token_ids

if TYPE_CHECKING:
    from cb_datasets.sets import Sets
    from cb_datasets.training.exports.gathered import Gathered
    from cb_datasets.training.own_ids import OwnIds


class TokenRow(TypedDict):
    """A row as ids, with what counts."""

    input_ids: Annotated[list[int], doc("Prompt and completion.")]
    completion_mask: Annotated[list[int], doc("1 where the model sampled the token.")]
    labels: Annotated[list[int], doc("The ids of tokens that count, -100 elsewhere.")]
    loss_mask: Annotated[list[float], doc("The weight of each token, 0 to 1.")]


class SFTOptions(TypedDict, total=False):
    """What counts."""

    mask: Annotated[
        MaskPolicy, Option("completion", "The tokens that count, by a policy of `token_mask`.")
    ]


def make(sets: Sets, ids: OwnIds, into: Gathered, options: SFTOptions) -> None:
    """Rows of Dr and Ds as ids."""
    for name, table in (("dr", sets.dr), ("ds", sets.ds)):
        for row in to_token_ids(table, ids.tokenizer, mask=options["mask"]):
            into.add(name, row)


EXPORT = Export(
    "trl_sft",
    "TRL's SFTTrainer, by ids: labels and loss_mask by any mask policy",
    tables={"dr": Table(TokenRow, "dr.jsonl"), "ds": Table(TokenRow, "ds.jsonl")},
    make=make,
    options=SFTOptions,
)
