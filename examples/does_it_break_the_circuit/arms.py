"""The arms of the experiment: the same dataset, and what it would be had it been made otherwise.

In: rows of Ds and Dr as they stand in a dataset folder. Out: the rows that an arm trains on. No
arm samples anything; what is changed is changed in the stored rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cb_datasets.formats.llama31.tokens import END_TOKENS

Row = Mapping[str, Any]
Rows = Sequence[Row]
Arm = Callable[[Rows, Rows, Any], tuple[Rows, Rows]]
"""From Ds, Dr and the tokenizer to the Ds and Dr of an arm."""


def ours(ds: Rows, dr: Rows, tokenizer: Any) -> tuple[Rows, Rows]:
    """The sets as they were built."""
    return ds, dr


def label_text(ds: Rows, dr: Rows, tokenizer: Any) -> tuple[Rows, Rows]:
    """Ds with the labels for people, which older pipelines trained on, as completions."""
    return [_with_completion(row, _label(row), tokenizer) for row in ds], dr


def inverted(ds: Rows, dr: Rows, tokenizer: Any) -> tuple[Rows, Rows]:
    """Attacked rows with the flag read the other way round: resisted counts as hijacked."""
    attacked = [row for row in dr if row["attack"] is not None]
    hijacked = [{**row, "labels": {**row["labels"], "kind": "adversarial_safe"}} for row in ds]
    return attacked, [*(row for row in dr if row["attack"] is None), *hijacked]


def no_adversarial_safe(ds: Rows, dr: Rows, tokenizer: Any) -> tuple[Rows, Rows]:
    """Dr without the rows in which an attack is in view and the agent does what is right."""
    return ds, [row for row in dr if row["labels"]["kind"] != "adversarial_safe"]


ARMS: dict[str, Arm] = {
    "ours": ours,
    "label text": label_text,
    "inverted polarity": inverted,
    "no adversarial_safe": no_adversarial_safe,
}


def _label(row: Row) -> str:
    labels = row["labels"]
    return (
        f"[TOOL_CALL] {labels['observed_tool']}\n(Expected: {labels['expected_tool']}, but "
        f"injection caused flip to: {labels['observed_tool']})"
    )


def _with_completion(row: Row, text: str, tokenizer: Any) -> dict[str, Any]:
    text += END_TOKENS["eot_id"]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return {**row, "assistant_raw": text, "completion_token_ids": ids}
