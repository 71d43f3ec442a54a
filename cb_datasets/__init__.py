"""Circuit breaker datasets for tool-using language models.

Real model outputs, token for token, in the target's own format, with labels computed from what
the model did. Heavy libraries load where they are used: importing this package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cb_datasets.version import __version__ as __version__

_PUBLIC = {
    "BatchGenerate": "cb_datasets.transforms",
    "FormatPrompt": "cb_datasets.transforms",
    "LabelOutcome": "cb_datasets.transforms",
    "ParseToolCalls": "cb_datasets.transforms",
    "build_sets": "cb_datasets.sets",
    "build_shard": "cb_datasets.sets.shards",
    "evaluate": "cb_datasets.evaluation",
    "evaluate_episodes": "cb_datasets.evaluation.episodes",
    "export_jsonl": "cb_datasets.dataset.jsonl",
    "export_rerouting_json": "cb_datasets.training",
    "grade": "cb_datasets.evaluation",
    "list_exports": "cb_datasets.training",
    "list_sources": "cb_datasets.sources",
    "load_engine": "cb_datasets.engines",
    "load_sets": "cb_datasets.hub.load",
    "load_source": "cb_datasets.sources",
    "merge_shards": "cb_datasets.sets.shards",
    "parse_completion": "cb_datasets.formats",
    "probe": "cb_datasets.probing",
    "push_to_hub": "cb_datasets.hub.push",
    "render_completion": "cb_datasets.formats",
    "render_prompt": "cb_datasets.formats",
    "report": "cb_datasets.report_page",
    "rollout": "cb_datasets.rollouts",
    "run_gates": "cb_datasets.gates",
    "to_conversations": "cb_datasets.training",
    "to_token_ids": "cb_datasets.training",
    "token_mask": "cb_datasets.training",
    "trainer_rows": "cb_datasets.training",
}

__all__ = sorted(_PUBLIC)

if TYPE_CHECKING:
    from cb_datasets.dataset.jsonl import export_jsonl as export_jsonl
    from cb_datasets.engines import load_engine as load_engine
    from cb_datasets.evaluation import evaluate as evaluate
    from cb_datasets.evaluation import evaluate_episodes as evaluate_episodes
    from cb_datasets.evaluation import grade as grade
    from cb_datasets.formats import parse_completion as parse_completion
    from cb_datasets.formats import render_completion as render_completion
    from cb_datasets.formats import render_prompt as render_prompt
    from cb_datasets.gates import run_gates as run_gates
    from cb_datasets.hub.load import load_sets as load_sets
    from cb_datasets.hub.push import push_to_hub as push_to_hub
    from cb_datasets.probing import probe as probe
    from cb_datasets.report_page import report as report
    from cb_datasets.rollouts import rollout as rollout
    from cb_datasets.sets import build_sets as build_sets
    from cb_datasets.sets.shards import build_shard as build_shard
    from cb_datasets.sets.shards import merge_shards as merge_shards
    from cb_datasets.sources import list_sources as list_sources
    from cb_datasets.sources import load_source as load_source
    from cb_datasets.training import export_rerouting_json as export_rerouting_json
    from cb_datasets.training import list_exports as list_exports
    from cb_datasets.training import to_conversations as to_conversations
    from cb_datasets.training import to_token_ids as to_token_ids
    from cb_datasets.training import token_mask as token_mask
    from cb_datasets.training import trainer_rows as trainer_rows
    from cb_datasets.transforms import BatchGenerate as BatchGenerate
    from cb_datasets.transforms import FormatPrompt as FormatPrompt
    from cb_datasets.transforms import LabelOutcome as LabelOutcome
    from cb_datasets.transforms import ParseToolCalls as ParseToolCalls


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
