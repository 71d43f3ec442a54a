"""The chat template of Llama 3.1, as this library ships it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def default_chat_template() -> str:
    """The chat template of Llama 3.1, as this library ships it."""
    file = Path(__file__).with_name("chat_template.jinja")
    return file.read_text(encoding="utf-8").removesuffix("\n")
