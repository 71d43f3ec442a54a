"""The tokenizer of a model, checked before anything is built on it.

A model folder or Hub id goes in; a tokenizer that speaks the Llama 3.1 format comes out, or one
sentence that says what it lacks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cb_datasets.errors import EngineError
from cb_datasets.models.remote_code import cannot_be_loaded, check_own_code

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.models.files import ModelFiles

LLAMA31_SPECIAL_TOKENS = (
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
)
"""Without any one of these, prompts and tool calls cannot be written in the format."""

END_TOKENS = ("<|eom_id|>", "<|eot_id|>", "<|end_of_text|>")
"""Tokens that end a message, a turn or a text; generation stops at each."""


def load_tokenizer(
    model: str | Path | None = None,
    revision: str | None = None,
    *,
    token: str | None = None,
    trust_remote_code: bool = False,
) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, fit for the Llama 3.1 format.

    Args:
        model: A model folder, a Hub id, or `None` for the bundled tiny agent.
        revision: Branch, tag or commit, for a Hub id.
        token: Hub token; without one, the login of this machine is used.
        trust_remote_code: Run Python code that lies with the model.

    Raises:
        EngineError: The model or its tokenizer is not there, the tokenizer has no chat template,
            or it lacks special tokens of the format.

    Example:
        >>> load_tokenizer("no/such/folder")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.EngineError: There is no model folder 'no/such/folder'.
    """
    from cb_datasets.models.files import find_model

    files = find_model(
        model,
        revision,
        token=token,
        tokenizer_only=True,
        trust_remote_code=trust_remote_code,
    )
    return tokenizer_of(files)


def tokenizer_of(files: ModelFiles) -> PreTrainedTokenizerBase:
    """The checked tokenizer of files that have been found; raises as `load_tokenizer`."""
    from transformers import AutoTokenizer, PreTrainedTokenizerBase

    check_own_code(files)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            files.folder, local_files_only=True, trust_remote_code=files.trust_remote_code
        )
    except Exception as error:  # broken tokenizer files surface as a dozen different types
        raise cannot_be_loaded(
            f"The tokenizer of {files.name!r} cannot be loaded", files, error
        ) from error
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise EngineError(f"The tokenizer of {files.name!r} is no transformers tokenizer.")
    if not tokenizer.chat_template:
        raise EngineError(
            f"The tokenizer of {files.name!r} has no chat template; an instruction-tuned model "
            "that speaks the Llama 3.1 format is needed."
        )
    # A token that is merely in the vocabulary would be split when it is text and never stop
    # generation when it is meant, so it must be registered as special.
    special = {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special}
    if missing := [name for name in LLAMA31_SPECIAL_TOKENS if name not in special]:
        raise EngineError(
            f"The tokenizer of {files.name!r} lacks special tokens of the Llama 3.1 format: "
            f"{', '.join(missing)}."
        )
    # What records call it: no folder of this machine.
    tokenizer.name_or_path = files.name
    return tokenizer


def end_token_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids of those end tokens that a tokenizer has."""
    ids = {content.content: i for i, content in tokenizer.added_tokens_decoder.items()}
    return {ids[name] for name in END_TOKENS if name in ids}
