"""What an evaluation was made of: a hash of the eval rows, wherever they lie.

In: eval rows, in any order. Out: one hash, equal for the same rows as a `Dataset`, read back from
JSON Lines or as plain dicts, and another as soon as a prompt or a criterion is another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cb_datasets.records import EvalRow
from cb_datasets.schema import json_object

_PARTS = ("id", "kind", "prefill", "success_criteria", "attack")
_IN_MESSAGES = ("messages", "tools")


class EvalIdentity:
    """The hash of the rows added so far; 16 bytes of each are kept.

    Example:
        >>> first, second = EvalIdentity(), EvalIdentity()
        >>> for row in ({"id": "a"}, {"id": "b"}):
        ...     first.add(row)
        >>> for row in ({"id": "b", "tools": []}, {"id": "a", "attack": None}):
        ...     second.add(row)
        >>> first.hexdigest() == second.hexdigest()
        True
    """

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in one row; one that cannot be read counts by what it is written as."""
        try:
            told = [row.get(part) for part in _PARTS]
            told += [[_read(item) for item in row.get(part) or []] for part in _IN_MESSAGES]
            text = json.dumps(_plain(told), sort_keys=True)
        except (TypeError, ValueError, AttributeError, RecursionError):
            text = f"unreadable {row.get('id')!r}"
        data = text.encode("utf-8", "surrogatepass")
        self._rows.append(hashlib.blake2b(data, digest_size=16).digest())

    def hexdigest(self) -> str:
        """The hash, as it stands in reports."""
        return hashlib.sha256(b"".join(sorted(self._rows))).hexdigest()


def eval_identity(rows: Iterable[EvalRow]) -> str:
    """The hash of an eval set."""
    identity = EvalIdentity()
    for row in rows:
        identity.add(row)
    return identity.hexdigest()


def _read(item: Any) -> Any:
    return json_object(item) if isinstance(item, str) else item


def _plain(value: Any) -> Any:
    """A value without nulls and what is empty, with numbers as every table keeps them."""
    if isinstance(value, str) and value.startswith("{"):
        # What a `Json()` column gives back of integers beyond 64 bits.
        try:
            return _plain(json.loads(value))
        except (ValueError, RecursionError):
            return value
    if isinstance(value, Mapping):
        kept = {str(name): _plain(held) for name, held in value.items()}
        return {name: held for name, held in kept.items() if held not in (None, [], {})}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else f"{value:.9g}"
    return value
