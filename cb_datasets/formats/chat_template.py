"""The chat template of a tokenizer: its own or Llama 3.1's, its hash, and it compiled.

In: a tokenizer. Out: the template as text, as a hash, or compiled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cb_datasets.formats.llama31.template import default_chat_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def chat_template_of(tokenizer: PreTrainedTokenizerBase | None) -> str:
    """The tokenizer's own chat template, or the bundled one where it has none."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, Mapping):
        template = template.get("tool_use") or template.get("default")
    return template if isinstance(template, str) and template else default_chat_template()


def template_hash(template: str) -> str:
    """SHA-256 of a chat template, in hex."""
    return hashlib.sha256(template.encode("utf-8")).hexdigest()


@lru_cache(maxsize=8)
def compiled_template(template: str) -> Any:
    """The template, ready to `render`."""
    from transformers.utils.chat_template_utils import _compile_jinja_template

    return _compile_jinja_template(template)
