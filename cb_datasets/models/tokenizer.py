"""The tokenizer of a model, checked before anything is built on it.

A model folder or Hub id goes in; a tokenizer whose template writes a known format comes out, or one
sentence that says what is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cb_datasets.errors import EngineError, FormatError
from cb_datasets.models.remote_code import cannot_be_loaded, check_own_code

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.models.files import ModelFiles


def load_tokenizer(
    model: str | Path | None = None,
    revision: str | None = None,
    *,
    token: str | None = None,
    trust_remote_code: bool = False,
) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, known to write a format.

    Args:
        model: A model folder, a Hub id, or `None` for the bundled tiny agent.
        revision: Branch, tag or commit, for a Hub id.
        token: Hub token; without one, the login of this machine is used.
        trust_remote_code: Run Python code that lies with the model.

    Raises:
        EngineError: The model or its tokenizer is not there, the tokenizer has no chat template,
            or what that writes is no known format (`formats.format_of`).

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

    from cb_datasets.formats.canary import format_of

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
            "is needed."
        )
    try:
        format_of(tokenizer)
    except FormatError as error:
        raise EngineError(f"The model {files.name!r} cannot be used: {error}.") from error
    # What records call it: no folder of this machine.
    tokenizer.name_or_path = files.name
    return tokenizer


def end_token_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids of those tokens that end a completion in the tokenizer's format."""
    from cb_datasets.formats.canary import format_of

    ids = {content.content: i for i, content in tokenizer.added_tokens_decoder.items()}
    return {ids[name] for name in format_of(tokenizer).end_tokens.values() if name in ids}
