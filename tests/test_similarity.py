"""Which texts are nearly the same, against a count in plain Python."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cb_datasets.similarity import SimilarityIndex, shingles, similarity
from tests.plain_similarity import alike, jaccard, runs

Pairs = set[tuple[int, int]]


def any_pair(firsts: Any, others: Any) -> Any:
    return np.ones(len(others), bool)


def found(texts: list[str], threshold: float, **options: Any) -> Pairs:
    index = SimilarityIndex()
    for start in range(0, len(texts), 70):
        index.add(texts[start : start + 70])
    return set(index.pairs(threshold, any_pair, **options))


def brute_force(texts: list[str], threshold: float) -> Pairs:
    sets = [runs(text) for text in texts]
    return {
        (one, two)
        for one, two in combinations(range(len(texts)), 2)
        if jaccard(sets[one], sets[two]) >= threshold
    }


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ("", "", 1.0),
        ("", "a", 0.0),
        ("abc", "ABC ", 1.0),
        ("abc", "abd", 0.0),
        ("hello world", "Hello\n\tWORLD ", 1.0),
        ("abcdef", "abcdeg", 1 / 3),
        ("abcde", "abcdef", 1 / 2),
        ("aaaaaaaaaa", "aaaaa", 1.0),
        ("straße", "STRASSE", 1.0),
        ("Ünïcode tëxt", "ünïcode TËXT", 1.0),
        ("what is the weather", "what is the weather?", 15 / 16),
    ],
)
def test_similarity_is_exact(first: str, second: str, value: float) -> None:
    assert similarity(shingles(first), shingles(second)) == value
    assert similarity(shingles(second), shingles(first)) == value


@given(st.text(), st.text())
def test_any_two_texts_have_a_similarity_and_a_text_is_like_itself(first: str, second: str) -> None:
    assert 0 <= similarity(shingles(first), shingles(second)) <= 1
    assert similarity(shingles(second), shingles(second)) == 1.0


@given(st.text("abc ", max_size=30), st.text("abc ", max_size=30))
def test_similarity_is_that_of_sets_of_runs_of_five(first: str, second: str) -> None:
    if min(len(" ".join(text.split())) for text in (first, second)) >= 5:
        assert similarity(shingles(first), shingles(second)) == jaccard(runs(first), runs(second))


def varied_texts(seed: int, count: int, *, shared_words: int = 0) -> list[str]:
    """Texts of which some are variations of others, from a word to a half of it changed."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnopqrst", k=rng.randint(2, 9))) for _ in range(900)]
    shared = rng.choices(words, k=shared_words)
    texts: list[list[str]] = []
    while len(texts) < count:
        text = rng.choices(words, k=rng.randint(3, 60))
        texts.append(text)
        for _ in range(rng.choice((0, 0, 1, 3))):
            other = list(text)
            for _ in range(rng.randint(0, max(1, len(text) // rng.choice((2, 8, 30))))):
                other[rng.randrange(len(other))] = rng.choice(words)
            texts.append(other)
    rng.shuffle(texts)
    return [" ".join([*shared, *text]) for text in texts[:count]]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.9, 0.95, 1.0]))
def test_every_near_duplicate_is_found_and_no_other(seed: int, threshold: float) -> None:
    texts = varied_texts(seed, 250)
    assert found(texts, threshold) == brute_force(texts, threshold)


@pytest.mark.parametrize("shared_words", [0, 40, 120])
def test_near_copies_are_found_among_texts_that_have_much_in_common(shared_words: int) -> None:
    texts = varied_texts(7, 350, shared_words=shared_words)
    expected = brute_force(texts, 0.8)
    got = found(texts, 0.8)
    assert got <= expected
    # A pair of exactly 0.8 is missed three times in a thousand.
    assert len(expected - got) <= 0.002 * len(expected)


def test_the_plain_count_of_pairs_across_two_sides_misses_none() -> None:
    texts = varied_texts(3, 300)
    left, right = texts[::2], texts[1::2]
    sets = {text: runs(text) for text in texts}
    expected = {(a, b) for a in left for b in right if jaccard(sets[a], sets[b]) >= 0.8}
    assert {(a, b) for a, b, _ in alike(left, right, 0.8)} == expected
    assert expected


def test_only_texts_of_one_key_are_compared() -> None:
    texts = ["one note about the weather in May"] * 4
    assert found(texts, 0.9, keys=np.array([5, 7, 5, 7])) == {(0, 2), (1, 3)}


def test_a_text_that_the_caller_lets_go_is_compared_with_no_other() -> None:
    index = SimilarityIndex()
    index.add(["one note about the weather in May"] * 30)
    gone = np.zeros(30, bool)
    gone[0] = True
    pairs = []
    for first, other in index.pairs(0.9, any_pair, gone=gone):
        gone[other] = True
        pairs.append((first, other))
    assert pairs == [(1, other) for other in range(2, 30)]


def test_pairs_of_a_large_bucket_that_lie_far_behind_are_found_too() -> None:
    # All alike by their bands; only the last two may be compared with one another.
    texts = ["one note about the weather in May"] * 100
    keys = np.append(np.arange(98), [200, 200])
    assert found(texts, 0.9, keys=keys) == {(98, 99)}

    def last_two(firsts: Any, others: Any) -> Any:
        return firsts >= 98

    index = SimilarityIndex()
    index.add(texts)
    assert set(index.pairs(0.9, last_two)) == {(98, 99)}


def test_nothing_is_like_nothing() -> None:
    assert found([], 0.9) == set()
    assert found(["alone"], 0.9) == set()
