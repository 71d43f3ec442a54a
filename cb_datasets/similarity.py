"""Which texts are nearly the same: MinHash finds the candidates, an exact comparison decides.

In: texts by number. Out: pairs whose Jaccard similarity over runs of five characters reaches a
threshold. Signatures are those of `rensa` (Broder, "On the resemblance and containment of
documents", 1997); what is kept of each is 32 bands, 128 bytes a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from cb_datasets.text_file import TextFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Shingles = npt.NDArray[np.uint64]
    Numbers = npt.NDArray[np.intp]
    Comparable = Callable[[Numbers, Numbers], npt.NDArray[np.bool_]]

SHINGLE_BYTES = 5
BANDS = 32
ROWS = 8
"""Two texts share a band with probability s**8: of 32, one at least with 99.7 % at s = 0.8."""

_SEED = 20240604
_KEPT_SHINGLES = 2048
_PAIRS_IN_BAND = 20_000_000
"""So many pairs of a band are looked at: the first text of every bucket with the rest of it, then
the second, and so on."""
_UNLIKE = 1000
"""After so many texts unlike it, a text is compared with no more of its bucket; the likeliest come
first."""
_UNLIKE_IN_BAND = 100_000
"""After so many comparisons for nothing in a band, the next band has its turn."""
_CHUNK = 500


def shingles(text: str) -> Shingles:
    """The runs of five bytes in a text, without regard to case and white space.

    Returns:
        Sorted, without repetition; each run is a number of 40 bits.

    Example:
        >>> len(shingles("Hello  world")), len(shingles("hello world"))
        (7, 7)
    """
    import numpy as np

    data = np.frombuffer(" ".join(text.casefold().split()).encode(), dtype=np.uint8)
    data = data.astype(np.uint64)
    if len(data) < SHINGLE_BYTES:
        data = np.concatenate([data, np.zeros(SHINGLE_BYTES - len(data), np.uint64)])
    runs = np.zeros(len(data) - SHINGLE_BYTES + 1, np.uint64)
    for place in range(SHINGLE_BYTES):
        runs = (runs << np.uint64(8)) | data[place : place + len(runs)]
    runs.sort()
    # `np.unique` does the same, and takes three times as long.
    kept: Shingles = runs[np.concatenate([[True], runs[1:] != runs[:-1]])]
    return kept


def similarity(first: Shingles, second: Shingles) -> float:
    """The Jaccard similarity of two texts by their shingles, 0 to 1.

    Example:
        >>> similarity(shingles("what is the weather"), shingles("what is the weather?"))
        0.9375
    """
    import numpy as np

    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)


class SimilarityIndex:
    """Finds, among texts that were added in order, those that are nearly the same.

    The texts themselves lie in a temporary file: only what is compared is held in memory.

    Example:
        >>> index = SimilarityIndex()
        >>> index.add(["a note about the weather in May", "something else altogether",
        ...            "a note about the weather in May."])
        >>> set(index.pairs(0.9, lambda firsts, others: others >= 0))
        {(0, 2)}
    """

    def __init__(self) -> None:
        texts = self._texts = TextFile()
        self._parts: list[npt.NDArray[np.uint32]] = []
        self._lengths: list[npt.NDArray[np.int32]] = []
        self._shingles = lru_cache(_KEPT_SHINGLES)(lambda number: shingles(texts[number]))

    def add(self, texts: Sequence[str]) -> None:
        """Take in the next texts; their numbers go on from those before."""
        import numpy as np
        from rensa import RMinHash

        if not texts:
            return
        self._texts.add(texts)
        sets = [shingles(text) for text in texts]
        lengths = np.array([len(one) for one in sets], np.int32)
        offsets = np.zeros(len(sets) + 1, np.uint64)
        np.cumsum(lengths, out=offsets[1:], dtype=np.uint64)
        self._lengths.append(lengths)
        digests = RMinHash.digest_matrix_from_flat_token_hashes(
            np.concatenate(sets), offsets, BANDS * ROWS, _SEED
        )
        slots = np.asarray(digests.to_rows(), dtype=np.uint64).reshape(len(sets), BANDS, ROWS)
        band = np.zeros((len(sets), BANDS), np.uint64)
        for place in range(ROWS):
            band = (band ^ slots[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
            band ^= band >> np.uint64(29)
        self._parts.append((band >> np.uint64(32)).astype(np.uint32))

    def pairs(
        self,
        threshold: float,
        comparable: Comparable,
        *,
        keys: npt.NDArray[np.int64] | None = None,
        gone: npt.NDArray[np.bool_] | None = None,
    ) -> Iterator[tuple[int, int]]:
        """Pairs of texts that are similar.

        Args:
            threshold: The similarity, 0 to 1, that a pair must reach.
            comparable: Given numbers, and as many later ones, which pairs of these are worth a
                comparison; asked again as pairs are found.
            keys: For each text a number: only texts with the same are compared.
            gone: For each text, whether it takes no part (any more): the caller may say so as the
                pairs come, as of a duplicate, of which one match is enough.

        Yields:
            `(earlier, later)`, a pair possibly more than once.
        """
        import numpy as np

        bands = self._bands()
        gone = np.zeros(len(bands), bool) if gone is None else gone
        folded = np.zeros(len(bands), np.uint32) if keys is None else _folded(keys)
        complete: list[int] = []
        for band in range(BANDS):
            column = bands[:, band] ^ folded
            ordered = np.flatnonzero(~gone)
            ordered = ordered[np.argsort(column[ordered], kind="stable")]
            unlike: Counter[int] = Counter()
            left = _PAIRS_IN_BAND
            while len(ordered) and left > 0 and unlike.total() < _UNLIKE_IN_BAND:
                firsts, ordered = _with_first_of_bucket(column, ordered[~gone[ordered]])
                left -= len(ordered)
                worth = comparable(firsts, ordered)
                if keys is not None:
                    worth &= keys[firsts] == keys[ordered]
                one, two = self._likely(firsts[worth], ordered[worth], threshold, complete)
                for start in range(0, len(one), _CHUNK):
                    part = slice(start, start + _CHUNK)
                    worth = comparable(one[part], two[part])
                    pairs = zip(one[part][worth].tolist(), two[part][worth].tolist(), strict=True)
                    for first, other in pairs:
                        if gone[first] or gone[other] or unlike[first] >= _UNLIKE:
                            continue
                        if self.similarity(first, other) >= threshold:
                            yield first, other
                        else:
                            unlike[first] += 1
            if not len(ordered) and max(unlike.values(), default=0) < _UNLIKE:
                complete.append(band)

    def _likely(
        self, firsts: Numbers, others: Numbers, threshold: float, complete: list[int]
    ) -> tuple[Numbers, Numbers]:
        """The pairs that may reach a threshold, for each first the likeliest before the others.

        Args:
            firsts: Numbers of texts, equal ones side by side.
            others: A number for each of them.
            threshold: The threshold.
            complete: Bands of which all pairs have been compared.
        """
        import numpy as np

        bands, lengths = self._bands(), self._lengths[0]
        # Fewer shared bands than this, and the pair is not worth an exact comparison.
        least = 3 if threshold >= 0.88 else 1
        # No text is more like another than its length allows.
        one, two = lengths[firsts], lengths[others]
        near = np.minimum(one, two) >= threshold * np.maximum(one, two)
        firsts, others = firsts[near], others[near]
        counts = np.zeros(len(firsts), np.int64)
        for band in range(BANDS):
            shared = bands[firsts, band] == bands[others, band]
            counts += np.where(shared & (band in complete), -BANDS, shared)
        likely = counts >= least
        firsts, others, counts = firsts[likely], others[likely], counts[likely]
        runs = np.cumsum(np.append(0, firsts[1:] != firsts[:-1])) if len(firsts) else firsts
        order = np.lexsort((-counts, runs))
        return firsts[order], others[order]

    def text(self, number: int) -> str:
        """The text of a number."""
        return self._texts[number]

    def similarity(self, first: int, second: int) -> float:
        """The exact similarity of two texts by their numbers."""
        return similarity(self._shingles(first), self._shingles(second))

    def _bands(self) -> npt.NDArray[np.uint32]:
        import numpy as np

        if len(self._parts) != 1:
            self._parts = [np.concatenate([np.zeros((0, BANDS), np.uint32), *self._parts])]
            self._lengths = [np.concatenate([np.zeros(0, np.int32), *self._lengths])]
        return self._parts[0]


def _with_first_of_bucket(
    column: npt.NDArray[np.uint32], ordered: Numbers
) -> tuple[Numbers, Numbers]:
    """The texts that are not the first of their bucket, behind the ones that are.

    Args:
        column: A band of all texts.
        ordered: Numbers of texts, those of a bucket side by side.
    """
    import numpy as np

    values = column[ordered]
    starts = np.append(True, values[1:] != values[:-1]) if len(values) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    return ordered[first[~starts]], ordered[~starts]


def _folded(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Keys in 32 bits, to be mixed into bands."""
    import numpy as np

    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(32)).astype(np.uint32)
