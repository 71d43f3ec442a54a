"""A dataset folder with rows of every set, texts that would like to be markup, and two reports."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import cb_datasets as cb
from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.dataset.folder import write_folder
from cb_datasets.engines import Engine
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import exact_rows, set_table
from cb_datasets.sets import Sets
from tests.report_page.report_texts import HOSTILE, PICTURE

Row = dict[str, Any]
TOKENIZER = {"name": TINY_AGENT_NAME, "vocabulary_size": 2048, "vocabulary_hash": "sha256:0"}
"""What a manifest says of the tokenizer of its rows."""


@pytest.fixture(scope="session")
def built(agent: Engine, demo: Dataset, demo_samples: Path) -> dict[str, list[Row]]:
    """Rows of a small demo build, by set."""
    options = {"num_samples": 2, "eval_fraction": 0.3, "journal": demo_samples}
    sets = cb.build_sets(demo.select(range(48)), agent, **options)
    return {name: list(exact_rows(getattr(sets, name))) for name in SET_RECORDS}


@pytest.fixture(scope="session")
def rows(built: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows, hostile here and there."""
    found = copy.deepcopy(built)
    first, second = found["ds"][:2]
    first["id"] = HOSTILE
    first["messages"][-1]["content"] = HOSTILE + first["messages"][-1]["content"]
    second["attack"]["category"] = second["labels"]["category"] = HOSTILE
    first["assistant_raw"] = first["assistant_raw"].replace("<|python_tag|>", "<|python_tag|>[", 1)
    second["assistant_raw"] = "[TOOL_CALL] search_web"
    found["dr"][0]["labels"]["observed_tool"] = found["dr"][0]["labels"]["reason"] = HOSTILE
    found["eval"][0]["group"] = HOSTILE
    found["rejected"][0]["detail"] = HOSTILE
    return found


@pytest.fixture(scope="session")
def folder(
    agent: Engine, rows: dict[str, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    target = tmp_path_factory.mktemp("reported") / "agents"
    sets = Sets(
        **{name: set_table(own, SET_RECORDS[name]) for name, own in rows.items()},
        facts={
            **{"engine": None, "options": {}, "template_hash": None, "scenarios": {}, "made": {}},
            "tokenizer": TOKENIZER,
        },
    )
    write_folder(sets, target)
    reports = target / "reports"
    (reports / "probe").mkdir(parents=True)
    found = {
        "verdict": f"Layer 3 tells Ds from Dr. {HOSTILE}",
        "layers": {"2": {"auroc": 0.91, "baseline": 0.7}, "3": {"auroc": 0.98, "baseline": 0.7}},
        "seed": 7,
    }
    (reports / "probe.json").write_text(json.dumps(found))
    (reports / "probe" / "layers.svg").write_bytes(PICTURE)
    some = [row for row in rows["eval"] if row["kind"] != "forced_call"][:12]
    forced = [row for row in rows["eval"] if row["kind"] == "forced_call"][:5]
    report = cb.evaluate(agent, [*some, *forced], compare=agent)
    (reports / "evaluation.json").write_text(json.dumps(report.to_dict()))
    return target


@pytest.fixture(scope="session")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cb.report(folder, tmp_path_factory.mktemp("page") / "report.html")
