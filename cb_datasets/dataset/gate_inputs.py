"""What a dataset folder knows beside its rows that gates can use: its tokenizer, its evaluation.

In: a folder. Out: options of `run_gates`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.dataset.manifest import MANIFEST_NAME

EVALUATION = Path("reports", "evaluation.json")
"""Where a folder keeps the evaluation that is attached to it."""


def gate_inputs(folder: str | Path) -> dict[str, Any]:
    """The options of `run_gates` that a dataset folder gives by itself.

    Returns:
        `tokenizer`, where the bundled tiny agent's made the folder, and `evaluation`, where one is
        attached.

    Example:
        >>> gate_inputs("no/such/folder")
        {}
    """
    folder = Path(folder)
    found: dict[str, Any] = {}
    if _built_with(folder) == TINY_AGENT_NAME:
        from cb_datasets.models.tokenizer import load_tokenizer

        found["tokenizer"] = load_tokenizer(None)
    if (folder / EVALUATION).is_file():
        found["evaluation"] = folder / EVALUATION
    return found


def _built_with(folder: Path) -> Any:
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    engine = manifest.get("engine") if isinstance(manifest, dict) else None
    return engine.get("model") if isinstance(engine, dict) else None
