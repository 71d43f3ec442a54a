"""Where every scenario and every completion went: the numbers add up, or there are no sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cb_datasets.dataset.accounting import account, check_account
from cb_datasets.errors import BuildError
from cb_datasets.records import Scenario
from cb_datasets.sets import Sets
from tests.sets.test_selection import CASES

MakeScenario = Callable[..., Scenario]
Build = Callable[..., Sets]

HOWS = [how for _, how, _ in CASES]
PLAIN = {**HOWS[0], "messages": [{"role": "user", "content": "The same each time. Use it."}]}
MIXES = st.lists(
    st.tuples(st.integers(0, len(HOWS)), st.sampled_from(["one", "other"])), min_size=1, max_size=12
)


def made(scenario: MakeScenario, mix: list[tuple[int, str]]) -> list[Scenario]:
    return [
        scenario(f"s{n}", **{**[*HOWS, PLAIN][how], "source": source})
        for n, (how, source) in enumerate(mix)
    ]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(MIXES, st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([None, 1]))
def test_whatever_is_read_is_accounted_for(
    scenario: MakeScenario,
    build: Build,
    mix: list[tuple[int, str]],
    fraction: float,
    quota: int | None,
) -> None:
    quotas = {} if quota is None else {"tool_use": quota, "resisted": quota}
    sets = build(*made(scenario, mix), eval_fraction=fraction, retain_quotas=quotas)
    accounts = account(sets)
    assert all(own.adds_up() for own in accounts.values())
    assert sum(own.scenarios for own in accounts.values()) == len(mix)
    assert set(accounts) == {source for _, source in mix}
    seen = {row["provenance"]["scenario_id"] for table in (sets.ds, sets.dr) for row in table}
    seen |= {row["scenario_id"] for table in (sets.eval, sets.rejected) for row in table}
    assert seen == {f"s{n}" for n in range(len(mix))}


@pytest.fixture
def full(scenario: MakeScenario, build: Build) -> Sets:
    rows = made(scenario, [(n, "made") for n in [*range(len(HOWS)), len(HOWS), len(HOWS)]])
    return build(*rows, eval_fraction=0.3)


@cache
def changed(length: int) -> dict[str, list[int]]:
    every = list(range(length))
    return {
        "the first is missing": every[1:],
        "the last is missing": every[:-1],
        "one is there twice": [*every, 0],
        "one is there in place of another": [*every[:-1], 0],
        "all are missing": [],
    }


@pytest.mark.parametrize("name", ["ds", "dr", "eval", "rejected"])
def test_sets_with_a_row_missing_or_repeated_are_refused(name: str, full: Sets) -> None:
    check_account(full)
    table = getattr(full, name)
    assert len(table) > 1
    for how, numbers in changed(len(table)).items():
        if name == "rejected" and how == "one is there in place of another":
            continue  # The counts may be the same; a row of `rejected` has no id.
        with pytest.raises(BuildError, match="fault of this library"):
            check_account(replace(full, **{name: table.select(numbers)}))


def test_one_sample_of_several_that_is_missing_is_noticed(
    scenario: MakeScenario, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cb_datasets.sets import set_build

    def one_less(self: Any, *given: Any, **options: Any) -> Any:
        rows = list(whole(self, *given, **options))
        return iter(rows[:-1])

    whole = set_build.SetBuild.rows
    monkeypatch.setattr(set_build.SetBuild, "rows", one_less)
    with pytest.raises(BuildError, match="does not add up"):
        build(scenario("a", HOWS[0]["said"], attacked=True), scenario("b", HOWS[0]["said"]))


def test_an_account_has_the_largest_numbers_first(full: Sets) -> None:
    (own,) = account(full).values()
    plain = own.to_dict()
    assert plain["scenarios"] == len(HOWS) + 2
    assert plain["left_out"]["duplicate"] == 1
    for name in ("left_out", "outcomes", "rejected", "dr"):
        counts = list(plain[name].values())
        assert counts == sorted(counts, reverse=True)
