"""What a dataset folder knows beside its rows that gates can use: tokenizer, judge, evaluation.

In: a folder. Out: options of `run_gates`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cb_datasets.dataset.manifest import MANIFEST_NAME
from cb_datasets.dataset.tokenizer_at_hand import tokenizer_at_hand

EVALUATION = Path("reports", "evaluation.json")
"""Where a folder keeps the evaluation that is attached to it."""


def gate_inputs(folder: str | Path) -> dict[str, Any]:
    """The options of `run_gates` that a dataset folder gives by itself.

    Returns:
        `tokenizer`, the one of the folder's token ids where this machine has it, `judge`, where it
        was built with another than the pipeline's, and `evaluation`, where one is attached.

    Example:
        >>> gate_inputs("no/such/folder")
        {}
    """
    folder = Path(folder)
    facts = _manifest(folder)
    found: dict[str, Any] = {**recorded_judge(facts)}
    if (at_hand := tokenizer_at_hand(facts)).tokenizer is not None:
        found["tokenizer"] = at_hand.tokenizer
    if (folder / EVALUATION).is_file():
        found["evaluation"] = folder / EVALUATION
    return found


def recorded_judge(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The option `judge` of a build, if its judge can be asked for by name.

    Args:
        facts: A manifest, or `Sets.facts`.

    Example:
        >>> recorded_judge({"judge": "polite"}), recorded_judge({"judge": "my_module:my_judge"})
        ({'judge': 'polite'}, {})
    """
    judge = facts.get("judge")
    return {"judge": judge} if isinstance(judge, str) and ":" not in judge else {}


def _manifest(folder: Path) -> Mapping[str, Any]:
    if not (folder / MANIFEST_NAME).is_file():
        return {}
    try:
        found = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
