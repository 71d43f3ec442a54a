"""Whose token ids a row holds."""

from typing import Annotated

from typing_extensions import TypedDict

from cb_datasets.schema import doc


class TokenizerFacts(TypedDict):
    """A tokenizer as rows, manifest and card name it."""

    name: Annotated[str | None, doc("Hub id, or name of its folder.")]
    vocabulary_size: Annotated[int, doc("Number of its tokens, special ones included.")]
    vocabulary_hash: Annotated[
        str, doc("`sha256:` and 16 hex digits of its tokens with their ids.")
    ]
