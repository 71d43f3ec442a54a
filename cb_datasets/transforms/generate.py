"""Prompts to completions: sampled by an engine, or as the source recorded them."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cb_datasets.code_version import code_version
from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EngineError, FormatError
from cb_datasets.llama31.completion import render_completion
from cb_datasets.llama31.encode import completion_token_ids
from cb_datasets.llama31.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.records import CompletionColumns
from cb_datasets.transforms.batch import Batch, Configured, columns_of, rows_of, typed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_COLUMNS = list(CompletionColumns.__dataclass_fields__)


class BatchGenerate(Configured):
    """Sample completions; one row a sample, with all columns of its scenario.

    Args:
        engine: Samples the scenarios that have no recorded completion; None where all have one
            (one that has none is then an `error` completion).
        num_samples: Samples a scenario.
        temperature: Sampling temperature; 0 is greedy (then one sample is enough).
        seed: With the scenario's id and the sample's number it decides the sample, whatever
            stands beside it in the batch.
        top_p: Nucleus sampling.
        top_k: The likeliest k tokens; 0 is off.
        max_new_tokens: Limit of a completion; one that reaches it is `truncated`.
        timestamp: ISO 8601, for all rows; None takes `SOURCE_DATE_EPOCH` or the UTC day.
        tokenizer: For recorded completions; None takes the engine's.

    Adds the columns of `records.CompletionColumns`. Use it with `remove_columns` left alone: it
    returns every column, repeated.
    """

    def __init__(
        self,
        engine: Engine | None,
        num_samples: int = 5,
        temperature: float = 0.7,
        seed: int = 0,
        *,
        top_p: float = 1.0,
        top_k: int = 0,
        max_new_tokens: int = 256,
        timestamp: str | None = None,
        tokenizer: PreTrainedTokenizerBase | TokenizerState | None = None,
    ) -> None:
        if num_samples < 1:
            raise EngineError(f"num_samples is {num_samples}; it must be 1 or more")
        self.engine = engine
        self.num_samples = num_samples
        self.seed = seed
        self.sampling = SamplingParams(temperature, top_p, top_k, max_new_tokens)
        self.timestamp = timestamp
        if tokenizer is None or isinstance(tokenizer, TokenizerState):
            self._tokenizer = tokenizer
        else:
            self._tokenizer = tokenizer_state(tokenizer)

    def config(self) -> dict[str, Any]:
        """The arguments that make this transform again."""
        return {
            "engine": self.engine,
            "num_samples": self.num_samples,
            "temperature": self.sampling.temperature,
            "seed": self.seed,
            "top_p": self.sampling.top_p,
            "top_k": self.sampling.top_k,
            "max_new_tokens": self.sampling.max_new_tokens,
            "timestamp": self.timestamp,
            "tokenizer": self._tokenizer,
        }

    def version(self) -> str:
        """The version of this stage; the engine brings its own."""
        return code_version("cb_datasets.llama31", "cb_datasets.engines.protocol", __name__)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer for recorded completions."""
        if self._tokenizer is not None:
            return self._tokenizer.restore()
        if self.engine is not None:
            return self.engine.tokenizer
        from cb_datasets.engines.tokenizer import load_tokenizer

        return load_tokenizer(None)

    def __call__(self, batch: Batch) -> Batch:
        """A row a sample, with every column of its scenario."""
        scenarios = rows_of(batch)
        requests = [
            GenerationRequest(
                key=f"{scenario['id']}#sample{sample}",
                prompt_token_ids=scenario["prompt_token_ids"],
                seed=sample_seed(self.seed, scenario["id"], sample),
            )
            for scenario in scenarios
            if self.engine is not None and _is_to_be_sampled(scenario)
            for sample in range(self.num_samples)
        ]
        generations: dict[str, Generation] = {}
        if self.engine is not None and requests:
            for generation in self.engine.generate(requests, self.sampling):
                generations[generation.key] = generation
        rows: list[dict[str, Any]] = []
        for scenario in scenarios:
            if scenario["set_aside"] is not None:
                made = [_no_completion(scenario["set_aside"], "recorded")]
            elif scenario["recorded"] is not None:
                made = [self._recorded(scenario["recorded"])]
            elif self.engine is None:
                made = [_no_completion("no recorded completion and no engine", "generated")]
            else:
                made = [
                    self._generated(scenario["id"], sample, generations)
                    for sample in range(self.num_samples)
                ]
            rows.extend({**scenario, **completion} for completion in made)
        return typed(columns_of(rows, [*batch, *_COLUMNS]), CompletionColumns)

    def _generated(
        self, scenario_id: str, sample: int, generations: dict[str, Generation]
    ) -> dict[str, Any]:
        generation = generations[f"{scenario_id}#sample{sample}"]
        assert self.engine is not None
        return {
            "sample_index": sample,
            "assistant_raw": generation.text,
            "completion_token_ids": list(generation.token_ids),
            "finish_reason": generation.finish_reason,
            "origin": "generated",
            "generator_model": self.engine.model,
            "generator_revision": self.engine.revision,
            "temperature": self.sampling.temperature,
            "sampling_seed": sample_seed(self.seed, scenario_id, sample),
            "timestamp": self.timestamp or build_timestamp(),
            "error": generation.error,
        }

    def _recorded(self, recorded: dict[str, Any]) -> dict[str, Any]:
        try:
            raw = recorded["raw"]
            if raw is None:
                calls = recorded["calls"] or []
                end = "eom_id" if calls else "eot_id"
                raw = render_completion(recorded["content"], calls, end=end)
            ids = completion_token_ids(raw, self.tokenizer)
        except FormatError as error:
            return _no_completion(f"the recorded completion cannot be written: {error}", "recorded")
        return {
            **_no_completion(None, "recorded"),
            "assistant_raw": raw,
            "completion_token_ids": ids,
            "finish_reason": "stop",
            "generator_model": recorded["model"],
            "temperature": recorded["temperature"],
            "timestamp": recorded["timestamp"],
        }


def _is_to_be_sampled(scenario: dict[str, Any]) -> bool:
    return scenario["set_aside"] is None and scenario["recorded"] is None


def _no_completion(error: str | None, origin: str) -> dict[str, Any]:
    return {
        "sample_index": 0,
        "assistant_raw": "",
        "completion_token_ids": [],
        "finish_reason": "error",
        "origin": origin,
        "generator_model": None,
        "generator_revision": None,
        "temperature": None,
        "sampling_seed": None,
        "timestamp": None,
        "error": error,
    }


def sample_seed(seed: int, scenario_id: str, sample: int) -> int:
    """The seed of one sample: a function of the run's seed, the scenario and the sample's number.

    Example:
        >>> sample_seed(0, "demo/1", 0) == sample_seed(0, "demo/1", 1)
        False
    """
    digest = hashlib.sha256(f"{seed}\0{scenario_id}\0{sample}".encode()).digest()
    # 63 bits: what an int64 column and every engine can hold.
    return int.from_bytes(digest[:8], "big") >> 1


def build_timestamp() -> str:
    """The time a row is stamped with: `SOURCE_DATE_EPOCH`, or the UTC day that it is now.

    To the day, so that two builds of one day are the same to the byte; the variable (see
    reproducible-builds.org) makes any two builds the same.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        if not epoch.isdigit():
            raise EngineError(f"SOURCE_DATE_EPOCH is {epoch!r}; it must be a number of seconds")
        return datetime.fromtimestamp(int(epoch), timezone.utc).isoformat()
    today = datetime.now(timezone.utc)
    return today.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
