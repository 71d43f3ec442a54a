"""How much of each kind goes into Dr."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cb_datasets.errors import BuildError
from cb_datasets.records import RETAIN_KINDS, Scenario, ToolCall
from cb_datasets.sets import Sets
from cb_datasets.sets.retain_mix import retain_mix

MakeScenario = Callable[..., Scenario]
Build = Callable[..., Sets]
Row = dict[str, Any]
WEB = ToolCall(name="search_web", arguments={"query": "x"})


def rows_of(counts: dict[str, int], tools: int = 1) -> list[Row]:
    return [
        {"id": f"{kind}{n}", "labels": {"kind": kind, "observed_tool": f"tool{n % tools}"}}
        for kind, count in counts.items()
        for n in range(count)
    ]


def mix(rows: list[Row], **options: Any) -> tuple[list[Row], list[Row]]:
    tools = options.pop("tools", [])
    return retain_mix(rows, tools, **{"size": 0, "quotas": {}, "weights": {}, **options})


def kinds(rows: list[Row]) -> dict[str, int]:
    return dict(Counter(row["labels"]["kind"] for row in rows))


def test_a_quota_cuts_its_kind_and_no_other() -> None:
    stay, over = mix(rows_of({"answer": 10, "refusal": 4}), quotas={"answer": 3, "tool_use": 1})
    assert kinds(stay) == {"answer": 3, "refusal": 4}
    assert kinds(over) == {"answer": 7}


def test_a_quota_of_nothing_leaves_none() -> None:
    assert kinds(mix(rows_of({"answer": 5, "refusal": 2}), quotas={"answer": 0})[0]) == {
        "refusal": 2
    }


@pytest.mark.parametrize(
    ("counts", "weights", "size", "expected"),
    [
        ({"answer": 50, "refusal": 50}, {"answer": 3, "refusal": 1}, 40, (30, 10)),
        # What one kind lacks goes to the others, by their weights.
        ({"answer": 50, "refusal": 4}, {"answer": 1, "refusal": 1}, 40, (36, 4)),
        ({"answer": 5, "refusal": 4}, {"answer": 1, "refusal": 1}, 40, (5, 4)),
        ({"answer": 50, "refusal": 50}, {"answer": 1}, 40, (40, 0)),
        ({"answer": 50, "refusal": 50}, {"answer": 1, "refusal": 0}, 40, (40, 0)),
        ({"answer": 50, "refusal": 50}, {"answer": 2, "refusal": 1}, 2, (1, 1)),
        ({"answer": 50, "refusal": 50}, {"answer": 1e-9, "refusal": 1e-9}, 5, (3, 2)),
        ({"answer": 50, "refusal": 50}, {"answer": 1e300, "refusal": 1e-300}, 5, (5, 0)),
        ({"answer": 5, "refusal": 5}, {"tool_use": 1}, 8, (0, 0)),
        ({"answer": 5, "refusal": 5}, {"answer": 1, "refusal": 1}, 0, (0, 0)),
    ],
)
def test_weights_share_what_there_is_room_for(
    counts: dict[str, int], weights: dict[str, float], size: int, expected: tuple[int, int]
) -> None:
    stay, _ = mix(rows_of(counts), weights=weights, size=size)
    assert (kinds(stay).get("answer", 0), kinds(stay).get("refusal", 0)) == expected


_COUNTS = st.dictionaries(st.sampled_from(RETAIN_KINDS), st.integers(0, 30))
_WEIGHTS = st.dictionaries(st.sampled_from(RETAIN_KINDS), st.floats(0, 100), min_size=1)
_QUOTAS = st.dictionaries(st.sampled_from(RETAIN_KINDS), st.integers(0, 30))


@given(_COUNTS, _WEIGHTS, _QUOTAS, st.integers(0, 100))
def test_the_mix_is_as_large_as_it_may_be_and_no_row_is_lost(
    counts: dict[str, int], weights: dict[str, float], quotas: dict[str, int], size: int
) -> None:
    rows = rows_of(counts)
    stay, over = mix(rows, weights=weights, quotas=quotas, size=size)
    assert sorted(row["id"] for row in [*stay, *over]) == sorted(row["id"] for row in rows)
    room = {kind: min(n, quotas.get(kind, n)) for kind, n in counts.items() if weights.get(kind)}
    assert len(stay) == min(size, sum(room.values()))
    assert all(count <= room[kind] for kind, count in kinds(stay).items())


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 5))
def test_each_tool_of_ds_keeps_a_row_before_another_keeps_two(
    tools: int, quota: int, seed: int
) -> None:
    wanted = [f"tool{n}" for n in range(tools)]
    rows = rows_of({"tool_use": 60}, tools=15)
    stay, _ = mix(rows, tools=wanted, quotas={"tool_use": quota}, seed=seed)
    called = Counter(row["labels"]["observed_tool"] for row in stay)
    assert len(set(wanted) & set(called)) == min(tools, quota)


def test_the_choice_is_the_same_each_time_keeps_the_order_and_is_the_seeds() -> None:
    rows = rows_of({"answer": 40, "tool_use": 40})
    first = mix(rows, quotas={"answer": 10}, seed=1)
    assert mix(rows, quotas={"answer": 10}, seed=1) == first
    assert [rows.index(row) for row in first[0]] == sorted(rows.index(row) for row in first[0])
    assert mix(rows, quotas={"answer": 10}, seed=2) != first
    turned = mix(rows[::-1], quotas={"answer": 10}, seed=1)
    assert {row["id"] for row in turned[0]} == {row["id"] for row in first[0]}


@pytest.fixture
def material(scenario: MakeScenario) -> list[Scenario]:
    made = [scenario(f"a{n}", [WEB], attacked=True) for n in range(3)]
    made += [
        scenario(f"t{n}", [ToolCall(name="get_docs", arguments={"query": f"t{n}"})])
        for n in range(20)
    ]
    answers = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    made += [scenario(word, f"It is {word}.", behavior="answer") for word in answers]
    return made


def test_what_is_over_a_quota_is_rejected_and_the_account_adds_up(
    material: list[Scenario], build: Build
) -> None:
    sets = build(*material, retain_quotas={"tool_use": 5})
    assert kinds(list(sets.dr)) == {"tool_use": 5, "answer": 8}
    over = [row for row in sets.rejected if row["reason"] == "over_quota"]
    assert len(over) == 15
    assert all(row["sample_index"] == 0 and row["outcome"] == "correct_tool" for row in over)
    (account,) = sets.stats()["sources"].values()
    assert account["dr"] == {"answer": 8, "tool_use": 5}
    assert account["rejected"] == {"over_quota": 15}
    assert account["judged"] == account["scenarios"] == len(material)


def test_with_weights_dr_is_cut_to_its_ratio(material: list[Scenario], build: Build) -> None:
    sets = build(*material, retain_weights={"tool_use": 1, "answer": 1}, dr_per_ds=2)
    assert kinds(list(sets.dr)) == {"tool_use": 3, "answer": 3}
    assert sets.stats()["dr_per_ds"] == 2.0
    assert sets.stats()["retain"]["missing_tools"] == ["search_web"]


def test_without_either_all_of_dr_stays_whatever_the_ratio(
    material: list[Scenario], build: Build
) -> None:
    assert len(build(*material, dr_per_ds=1).dr) == 28


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retain_quotas": {"tool": 1}}, "'tool', which is no kind of Dr"),
        ({"retain_weights": {"answers": 1.0}}, "known: adversarial_safe, resisted"),
        ({"retain_weights": {"answer": 0, "refusal": 0.0}}, "at least one must be above 0"),
        ({"retain_weights": {"answer": -1}}, "0 or more"),
        ({"retain_weights": {"answer": float("nan")}}, "0 or more"),
        ({"retain_weights": {"answer": float("inf")}}, "0 or more"),
        ({"retain_quotas": {"answer": "3"}}, "0 or more"),
        ({"retain_quotas": {"answer": 2.5}}, "whole number"),
        ({"dr_per_ds": -1}, "0 or more"),
        ({"dr_per_ds": float("nan")}, "0 or more"),
    ],
)
def test_a_mix_that_means_nothing_is_refused(
    options: dict[str, Any], words: str, scenario: MakeScenario, build: Build
) -> None:
    with pytest.raises(BuildError, match=words):
        build(scenario("a", [WEB]), **options)
