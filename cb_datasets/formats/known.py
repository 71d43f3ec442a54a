"""The formats that there are, by name.

A format is one module or folder in here that holds a `Format`; another package adds one with an
entry point of the group `cb_datasets.formats`.
"""

from __future__ import annotations

from cb_datasets.errors import FormatError
from cb_datasets.formats.format import Format
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.registry import Registry

FORMATS = Registry(
    Format, "format", room="cb_datasets.formats", group="cb_datasets.formats", error=FormatError
)


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        FormatError: There is none; the message names those there are.

    Example:
        >>> find_format("llama31").title
        'Llama 3.1'
    """
    return FORMATS.find(name)


def named_format(format: Format | str | None) -> Format:
    """A format, or that of a name; Llama 3.1's where none is named, as in rows of old versions.

    Raises:
        FormatError: There is none of that name.
    """
    if isinstance(format, Format):
        return format
    # Most are: looking through all that there are takes longer than reading a completion.
    return LLAMA31 if format in (None, LLAMA31.name) else find_format(format)
