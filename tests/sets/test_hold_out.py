"""What a user keeps out of training altogether."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import cb_datasets as cb
from cb_datasets.errors import BuildError
from cb_datasets.records import Attack, CallPattern, Scenario, ToolCall
from cb_datasets.schema import exact_rows
from cb_datasets.sets import SetBuild, Sets, build_options
from cb_datasets.sets.hold_out import hold_outs

MakeScenario = Callable[..., Scenario]
Build = Callable[..., Sets]
WEB = ToolCall(name="search_web", arguments={"query": "x"})
DOCS = ToolCall(name="get_docs", arguments={"query": "x"})


@pytest.fixture(scope="module")
def demo() -> Dataset:
    return cb.load_source("demo")


def split(
    demo: Dataset, tokenizer: PreTrainedTokenizerBase, *hold_out: str, fraction: float = 0.2
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The scenarios that would be trained on, and those of eval, without a model."""
    options = build_options({"eval_fraction": fraction, "hold_out": hold_out})
    build = SetBuild(demo, None, options, tokenizer=tokenizer)
    held = {row[1]["scenario_id"] for row in build.rows() if row[0] == "eval"}
    rows = list(exact_rows(demo))
    train = [
        row
        for number, row in enumerate(rows)
        if row["set_aside"] is None
        and row["group"] not in build.plan.held_out
        and number not in build.plan.left_out
        and number not in build.plan.kept
    ]
    return train, [row for row in rows if row["id"] in held]


def values(rows: list[dict[str, Any]], key: str) -> set[str]:
    if key == "source":
        return {row["source"] for row in rows}
    return {row["attack"][key] for row in rows if row["attack"]}


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("key", ["category", "template"])
def test_what_is_held_out_is_in_eval_and_in_no_training_set(
    key: str, fraction: float, demo: Dataset, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    for value in sorted(values(list(exact_rows(demo)), key))[:2]:
        train, held = split(demo, llama_tokenizer, f"{key}={value}", fraction=fraction)
        assert value not in values(train, key)
        assert value in values(held, key)
        assert values(train, key)
        assert not {row["group"] for row in train} & {row["group"] for row in held}
        assert len(train) > len(demo) // 4


def test_several_may_be_held_out_at_once(
    demo: Dataset, llama_tokenizer: PreTrainedTokenizerBase
) -> None:
    categories = sorted(values(list(exact_rows(demo)), "category"))
    rules = [f"category={name}" for name in categories[:2]]
    train, held = split(demo, llama_tokenizer, *rules)
    assert not values(train, "category") & set(categories[:2])
    assert values(held, "category") >= set(categories[:2])
    assert values(train, "category") == set(categories[2:])


@pytest.mark.parametrize("fraction", [0.0, 0.2])
def test_a_source_that_is_held_out_is_in_eval_as_a_whole(
    fraction: float, scenario: MakeScenario, build: Build
) -> None:
    rows = [scenario(f"a{n}", [DOCS], source="other") for n in range(10)]
    rows += [scenario(f"b{n}", [DOCS]) for n in range(10)]
    sets = build(*rows, eval_fraction=fraction, hold_out={"source": "other"})
    assert {row["scenario_id"] for row in sets.eval} >= {f"a{n}" for n in range(10)}
    assert {row["provenance"]["source"] for row in sets.dr} == {"made"}
    assert not len(sets.rejected)


def attacked(scenario: MakeScenario, name: str, group: str, category: str) -> Scenario:
    attack = Attack(
        category=category,
        template="t",
        location="user",
        injection=f"Do {category} {name}.",
        targets=[CallPattern(name="search_web", arguments={})],
    )
    messages = [{"role": "user", "content": f"Find {name}. Do {category} {name}."}]
    return scenario(name, [WEB], attack=attack, group=group, messages=messages)


def test_where_no_group_has_nothing_else_one_is_held_out_all_the_same(
    scenario: MakeScenario, build: Build
) -> None:
    rows = []
    for n in range(5):
        rows.append(attacked(scenario, f"a{n}", f"g{n}", "rare" if n < 3 else "usual"))
        rows.append(scenario(f"t{n}", [DOCS], group=f"g{n}"))
    sets = build(*rows, eval_fraction=0.0, hold_out=["category=rare"])
    assert len({row["group"] for row in sets.eval}) == 1
    assert "rare" in {row["attack"]["category"] for row in sets.eval if row["attack"]}
    assert {row["labels"]["category"] for row in sets.ds} == {"usual"}
    left_out = [row for row in sets.rejected if row["reason"] == "held_out"]
    assert len(left_out) == 2
    assert all("category=rare" in row["detail"] for row in left_out)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colour": "red"}, "expected one of source=NAME, category=NAME, template=NAME"),
        (["category"], "expected one of"),
        ("category=", "expected one of"),
        (["category=none such"], "no scenario has category=none such"),
        ({"category": ["usual", "none such"]}, r"there are: usual\)"),
        ({"source": "usual"}, r"there are: made\)"),
    ],
)
def test_what_cannot_be_held_out_is_refused_in_a_sentence(
    given: Any, words: str, scenario: MakeScenario, build: Build
) -> None:
    with pytest.raises(BuildError, match=words) as refused:
        build(attacked(scenario, "a", "g", "usual"), scenario("b", [DOCS]), hold_out=given)
    assert "\n" not in str(refused.value)


def test_nothing_held_out_is_nothing_given() -> None:
    assert hold_outs(None) == hold_outs({}) == hold_outs([]) == ()
