"""What must not leave this machine with a dataset: tokens, its paths and names.

In: a folder's files. Out: the first thing found, by file and in words that do not repeat it.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import HubError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_TOKENS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16})\b"
)
_HOMES = re.compile(r"(?<![\w.])/(?:home|Users)/[\w.-]+|\b[A-Z]:\\+Users\\+\w")
_SECRETS = re.compile(r"(?:TOKEN|SECRET|PASSWORD|KEY)$", re.IGNORECASE)
_CANARY = re.compile(r"canary[ _-]?(?:guid|string)", re.IGNORECASE)
_LONG_ENOUGH = 8


def check_text(name: str, text: str, *, folder: Path, token: str | None) -> None:
    """Refuse a text that holds a token, or a path or the name of this machine.

    Args:
        name: The file.
        text: Its text.
        folder: The dataset folder, whose own place is such a path.
        token: The token in use.

    Raises:
        HubError: It holds one.
    """
    for what, pattern in _forbidden(folder, token):
        if pattern.search(text):
            raise HubError(f"{name} holds {what}; take it out, nothing was pushed")


def check_rows(name: str, table: pa.Table, *, folder: Path, token: str | None) -> None:
    """Refuse rows in which a secret or the home of this machine stands.

    Only what is exactly known is looked for: texts from upstream may hold paths and names of their
    own, which are data.

    Raises:
        HubError: They hold one.
    """
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    known = [(what, text) for what, text in _known(folder, token) if len(text) >= _LONG_ENOUGH]
    for texts in _texts(table):
        for what, text in known:
            if pc.any(pc.match_substring(texts, text)).as_py():
                raise HubError(f"{name} holds {what}; take it out, nothing was pushed")


def has_canary(table: pa.Table) -> bool:
    """Whether a text of a table names a canary: data that ask not to be spread."""
    import pyarrow.compute as pc

    return any(
        pc.any(pc.match_substring_regex(texts, f"(?i){_CANARY.pattern}")).as_py()
        for texts in _texts(table)
    )


def _forbidden(folder: Path, token: str | None) -> Iterator[tuple[str, re.Pattern[str]]]:
    for what, text in _known(folder, token):
        yield what, re.compile(rf"(?<![\w.]){re.escape(text)}(?![\w])")
    host = socket.gethostname()
    # A name such as "demo" is a word like any other.
    if re.search(r"[\d.-]", host) and len(host) > 3:
        yield "the name of this machine", re.compile(rf"(?<![\w-]){re.escape(host)}(?![\w-])")
    yield "an access token", _TOKENS
    yield "a path of somebody's home folder", _HOMES


def _known(folder: Path, token: str | None) -> Iterator[tuple[str, str]]:
    secrets = {value for name, value in os.environ.items() if _SECRETS.search(name)}
    for secret in sorted({*secrets, token or ""}):
        if len(secret) >= _LONG_ENOUGH:
            yield "an access token or other secret of this machine", secret
    for place in sorted({str(folder), str(folder.resolve()), os.getcwd(), str(Path.home())}):
        if Path(place).is_absolute() and len(Path(place).parts) > 2:
            yield "a path of this machine", place


def _texts(table: pa.Table) -> Iterator[Any]:
    import pyarrow as pa

    waiting = [chunk for column in table.columns for chunk in column.chunks]
    while waiting:
        array = waiting.pop()
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_struct(array.type):
            # Not `flatten`: it cannot apply a parent's nulls to JSON columns.
            waiting += [array.field(n) for n in range(array.type.num_fields)]
        elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            waiting.append(array.values)
        elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            yield array
