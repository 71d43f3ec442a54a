"""The sides of pairs as rows of a probe: harmful and right completions under one prompt.

In: rows of pairs. Out: `ProbeRows`, the harmful sides and then the right ones, both in the order of
the pairs. A prompt is on both sides: what tells them apart is in the completion, and in the states
behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.probing.comparisons import LEAST_ROWS
from cb_datasets.probing.rows import ProbeRows, probe_rows
from cb_datasets.records import PairRow, Provenance, ToolCall
from cb_datasets.schema import JsonObject, doc, exact_rows, set_table

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


class SideLabels(TypedDict):
    """What a probe reads of labels."""

    category: Annotated[str, doc("Category of the attack.")]
    kind: Annotated[str, doc("What the prompt is.")]


class SideRow(TypedDict):
    """A prompt with one completion of its pair."""

    id: Annotated[str, doc("The pair.")]
    assistant_raw: Annotated[str, doc("The completion.")]
    tool_calls_structured: Annotated[list[ToolCall], doc("Its calls.")]
    tools: Annotated[list[JsonObject], doc("Tools on offer.")]
    prompt_token_ids: Annotated[list[int] | None, doc("The prompt.")]
    completion_token_ids: Annotated[list[int] | None, doc("The completion.")]
    group: Annotated[str, doc("Split key.")]
    twin_id: Annotated[str | None, doc("The benign twin.")]
    labels: Annotated[SideLabels, doc("Labels.")]
    provenance: Annotated[Provenance, doc("Where it comes from.")]


def enough_pairs(pairs: Dataset | None) -> Dataset | None:
    """The pairs that have both sides, if they are as many, in as many groups, as a probe needs."""
    if pairs is None:
        return None
    both = [place for place, place_in in enumerate(pairs["diverges_at"]) if place_in is not None]
    whole = pairs.select(both)
    return whole if len(whole) >= LEAST_ROWS and len(set(whole["group"])) > 1 else None


def pair_rows(pairs: Dataset, tokenizer: PreTrainedTokenizerBase, *, model: str) -> ProbeRows:
    """The facts of both sides.

    Args:
        pairs: From `enough_pairs`.
        tokenizer: The tokenizer of the model that is probed.
        model: Its name, for sentences.

    Raises:
        ProbeError: A side holds ids of another tokenizer.
    """
    rows = list(exact_rows(pairs, PairRow))
    harmful, right = (
        set_table([_side(row, row[name]) for row in rows], SideRow)
        for name in ("rejected", "chosen")
    )
    return probe_rows(harmful, right, tokenizer, model=model)


def _side(row: PairRow, side: Any) -> dict[str, Any]:
    return {**row, **side, "labels": {"category": row["attack"]["category"], "kind": "pair"}}
