"""Texts of rows, each kept once, for gates that look for near copies among them.

In: texts, one at a time. Out: a number for each, the same for the same text, and the index that
finds those that are nearly the same. Numbers follow the order in which texts were first seen.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cb_datasets.similarity import SimilarityIndex

_BATCH = 256


class DistinctTexts:
    """Distinct texts by number; of each 128 bytes and a short digest are held in memory.

    Example:
        >>> texts = DistinctTexts()
        >>> texts.add("one"), texts.add("two"), texts.add("one"), len(texts)
        (0, 1, 0, 2)
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._waiting: list[str] = []
        self._index: SimilarityIndex | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, text: str) -> int:
        """The number of a text; the next one for a text that is new."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number = self._numbers.get(digest)
        if number is None:
            number = self._numbers[digest] = len(self._numbers)
            self._waiting.append(text)
            if len(self._waiting) >= _BATCH:
                self._index_waiting()
        return number

    @property
    def index(self) -> SimilarityIndex:
        """The index of all texts so far."""
        return self._index_waiting()

    def _index_waiting(self) -> SimilarityIndex:
        from cb_datasets.similarity import SimilarityIndex

        if self._index is None:
            self._index = SimilarityIndex()
        self._index.add(self._waiting)
        self._waiting = []
        return self._index
