from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cb_datasets.sources.agentharm import facts as agentharm_facts
from cb_datasets.sources.agentharm.facts import agentharm_tools


@pytest.fixture(scope="module")
def text() -> str:
    return Path(agentharm_facts.__file__).with_suffix(".json").read_text("utf-8")


def test_facts_carry_the_licence_of_agentharm_itself(text: str):
    facts = json.loads(text)
    assert (facts["package"], facts["version"]) == ("inspect-evals", "0.26.0")
    assert facts["licence"] == "MIT License with an additional clause"
    assert facts["copyright"] in facts["licence_text"]
    assert "besides improving the \nsafety and security of AI systems" in facts["licence_text"]
    assert "permission notice shall be included" in facts["licence_text"]


def test_facts_hold_schemas_and_nothing_else(text: str):
    facts = json.loads(text)
    assert facts["tools"].keys() == {"shared", "harmful", "benign"}
    for tool in (tool for tools in facts["tools"].values() for tool in tools):
        assert tool.keys() == {"type", "function"}
        assert tool["function"].keys() == {"name", "description", "parameters"}
        assert len(tool["function"]["description"]) < 200
        Draft202012Validator.check_schema(tool["function"]["parameters"])


def test_facts_hold_no_canary(text: str):
    assert "canary" not in text.lower()
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", text, re.IGNORECASE)


def test_facts_hold_no_prompt_of_the_benchmark(text: str, realdata: Path):
    file = realdata / "agentharm" / "benign_behaviors_validation.json"
    document = json.loads(file.read_text("utf-8"))
    assert document["canary_guid"] not in text
    words = {" ".join(behavior["prompt"].split()[:6]) for behavior in document["behaviors"]}
    assert len(words) > 8
    assert not [start for start in words if start in text]


@pytest.mark.parametrize("kind", ["harmful", "benign"])
def test_a_tool_stands_under_its_name_and_requires_what_it_has(kind: str):
    tools = agentharm_tools(kind)
    assert len(tools) == 80
    for name, tool in tools.items():
        parameters = tool["function"]["parameters"]
        assert tool["function"]["name"] == name
        assert set(parameters.get("required", ())) <= parameters["properties"].keys()


def test_harmful_and_benign_behaviours_have_a_few_tools_of_their_own():
    harmful, benign = agentharm_tools("harmful"), agentharm_tools("benign")
    assert len(harmful.keys() - benign.keys()) == len(benign.keys() - harmful.keys()) == 5
    differ = {name for name in harmful.keys() & benign.keys() if harmful[name] != benign[name]}
    assert differ == {"get_public_databases", "run_stable_diffusion_model", "share_on_pinterest"}


def test_chat_behaviours_have_no_tools():
    with pytest.raises(KeyError):
        agentharm_tools("chat")
