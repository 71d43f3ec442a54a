"""What the small agent is trained on, and how its loss is computed."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator
from transformers import AutoModelForCausalLM, AutoTokenizer

from cb_datasets.assets import tiny_agent_path
from cb_datasets.formats import parse_completion
from cb_datasets.sources.demo.tools import TOOL_NAMES

EXAMPLES = Path(__file__).parents[3] / "examples"
for name in ("train_tiny_agent", "small_agent"):
    sys.path.insert(0, str(EXAMPLES / name))

from corpus_of_sets import KINDS, group  # noqa: E402
from held_out import shares_wording  # noqa: E402
from shared_prefix import completion_losses  # noqa: E402
from tuning import Schedule, encode  # noqa: E402


@pytest.fixture(scope="module")
def groups() -> list[Any]:
    return [group(random.Random(number), 16) for number in range(60)]


def test_a_group_shares_its_tools_and_its_system_message(groups: list[Any]) -> None:
    for one in groups:
        offered = [item.tools for item in one if item.tools is not None]
        assert all(tools == offered[0] for tools in offered)
        systems = [[m for m in item.messages if m["role"] == "system"] for item in one]
        assert all(system == systems[0] for system in systems)


def test_a_third_of_the_groups_has_tools_that_the_demo_suite_has_not(groups: list[Any]) -> None:
    names = [{t["function"]["name"] for item in one for t in item.tools or ()} for one in groups]
    unknown = sum(bool(offered - set(TOOL_NAMES)) for offered in names) / len(groups)
    assert 0.25 < unknown < 0.6
    assert len(set.union(*names)) > 3 * len(TOOL_NAMES)


def test_calls_fit_the_schemas_that_are_on_offer(groups: list[Any]) -> None:
    calls = 0
    for item in (item for one in groups for item in one):
        for call in parse_completion(item.completion, tools=item.tools).calls:
            (tool,) = (t for t in item.tools if t["function"]["name"] == call.name)
            Draft202012Validator(tool["function"]["parameters"]).validate(call.arguments)
            calls += 1
    assert calls > 500


def test_nothing_of_the_demo_suite_is_in_it_and_kinds_have_their_shares(groups: list[Any]) -> None:
    every = [item for one in groups for item in one]
    assert not any(shares_wording(item.messages) for item in every)
    for kind, share in KINDS.items():
        assert sum(item.kind == kind for item in every) / len(every) == pytest.approx(
            share, abs=0.04
        )


def test_with_a_shared_prefix_loss_and_gradient_are_those_of_whole_sequences(
    groups: list[Any],
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_agent_path())
    model = AutoModelForCausalLM.from_pretrained(tiny_agent_path(), dtype=torch.float32)
    examples = [encode(tokenizer, item) for item in groups[0] if item.tools is not None][:7]

    losses = list(completion_losses(model, examples, size=3))
    together = torch.stack([loss.total for loss in losses]).sum()
    together.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    alone = torch.zeros(())
    for example in examples:
        ids = torch.tensor([example.ids])
        logits = model(ids).logits[0, example.start - 1 : -1]
        alone = alone + torch.nn.functional.cross_entropy(
            logits, ids[0, example.start :], reduction="sum"
        )
    alone.backward()

    assert sum(loss.tokens for loss in losses) == sum(len(e.ids) - e.start for e in examples)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    for name, weight in model.named_parameters():
        # By norm: how the sums of single elements are rounded is the processor's affair.
        assert torch.dist(found[name], weight.grad) < 1e-4 * weight.grad.norm(), name


def test_the_learning_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup_steps=5)
    rates = [schedule.rate(step) for step in range(100)]
    assert max(rates) == pytest.approx(1.0, abs=0.02)
    assert rates.index(max(rates)) in range(3, 7)
    assert rates[-1] < 0.05
