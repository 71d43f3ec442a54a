"""Rows of older pipelines, told by how they are written: there is nothing in them to repair.

In: a row that is not valid. Out: the sentence that names it for what it is, or None. Such files
have labels in the place of completions ("[TOOL_CALL] search_web"), the records of an attack set
with no completion at all, or one without the tokens that a model wrote, under another name.
"""

from __future__ import annotations

from cb_datasets.debug_labels import find_marker
from cb_datasets.gates.row import GatedRow, own_marks

LEGACY_ADVICE = (
    "These are rows of an older pipeline, which trained on labels or on text without its tokens: "
    "nothing in them can be repaired. Build anew from the sources, such as `cb-datasets build out "
    "--source fujitsu_b4=attacks.jsonl --model ID`, or read your own logs as `generic`."
)

_TEXT = (
    *("llama3_output", "harmful_completion", "harmful_response", "harmful_output"),
    *("benign_completion", "benign_response", "completion", "response", "output"),
)
"""Where older files have what was said."""

_RECORD = ("combined_query", "malicious_injection", "simulated_tool")
"""What records of an attack set have, in which nothing was said."""


def legacy_problem(row: GatedRow) -> str | None:
    """What makes it a row of an older pipeline, or None.

    Args:
        row: A row of Ds or Dr that is not valid.
    """
    if row.raw:
        if find_marker(row.raw, own=own_marks(row.row)) is None:
            return None
        return "a row of an older pipeline: assistant_raw is a label, which no model wrote"
    for name in (*_TEXT, *_RECORD):
        if isinstance(row.row.get(name), str):
            what = (
                "stands for the raw output" if name in _TEXT else "is of an attack, not an output"
            )
            return f"a row of an older pipeline: {name!r} {what}, and there is no assistant_raw"
    return None
