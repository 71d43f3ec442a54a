"""TRL's `SFTTrainer`, by ids, with the tokens that count.

In: Dr, pairs, and Ds for who unlearns. Out: what `to_token_ids` gives, `loss_mask` among it; of
pairs the right completion under the attacked prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.options import Option
from cb_datasets.records import PairRow
from cb_datasets.schema import doc, exact_rows
from cb_datasets.training.exports.export import Export, Table
from cb_datasets.training.exports.masked import masked
from cb_datasets.training.mask_policies import MaskPolicy
from cb_datasets.training.pair_sides import diverging, side_row
from cb_datasets.training.token_ids import token_row

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
    """Rows of Dr, Ds and pairs as ids."""
    right = (side_row(pair, "chosen") for pair in exact_rows(sets.pairs, PairRow))
    tables: dict[str, Iterable[Mapping[str, Any]]] = {
        "dr": exact_rows(sets.dr),
        "ds": exact_rows(sets.ds),
        "pairs": right,
    }
    parts = diverging(sets)
    for name, rows in tables.items():
        for _, tokens, weights in masked(rows, options["mask"], ids, parts, into):
            into.add(name, token_row(tokens.prompt, tokens.said, weights))


EXPORT = Export(
    "trl_sft",
    "TRL's SFTTrainer, by ids: labels and loss_mask by any mask policy",
    tables={name: Table(TokenRow, f"{name}.jsonl") for name in ("dr", "ds", "pairs")},
    make=make,
    options=SFTOptions,
)
