"""JSON that stands as text inside a row, as tables and chat APIs keep what has no fixed shape.

In: a text, and what to call it. Out: the value it stands for, without what a dataset cannot store.
"""

from __future__ import annotations

from typing import Any

from cb_datasets.sources.files.json_values import DECODER


def decode_nested(text: str, label: str) -> Any:
    """The value that a JSON text stands for.

    Raises:
        ValueError: If it is none; the sentence begins with the label.

    Example:
        >>> decode_nested(' {"n": 1}', "arguments")
        {'n': 1}
        >>> decode_nested("n = 1", "arguments")
        Traceback (most recent call last):
        ...
        ValueError: arguments is text that is not JSON
    """
    try:
        return DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        raise ValueError(f"{label} is text that is not JSON") from None


def looks_like_json(value: Any) -> bool:
    """Whether a value is a text that begins as an object or a list does.

    Example:
        >>> looks_like_json(' [1, 2]'), looks_like_json("seven"), looks_like_json([1, 2])
        (True, False, False)
    """
    return isinstance(value, str) and value.lstrip().startswith(("{", "["))
