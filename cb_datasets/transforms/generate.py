"""Prompts to completions: sampled by an engine, or as the source recorded them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from cb_datasets.code_version import code_version
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import SampleMemory, Samples, generate_journaled
from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EngineError, FormatError
from cb_datasets.formats.completion import render_completion
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.format import Format
from cb_datasets.formats.known import named_format
from cb_datasets.formats.spoken_format import spoken_format
from cb_datasets.judge.named import judge_code
from cb_datasets.judge.outcome import Judge
from cb_datasets.models.tokenizer_state import TokenizerState, tokenizer_state
from cb_datasets.options import checked, part_of, takes
from cb_datasets.records import CompletionColumns, PromptedScenario, RecordedCompletion
from cb_datasets.transforms.batch import (
    ROOMS,
    Batch,
    Configured,
    check_columns,
    columns_of,
    rows_of,
)
from cb_datasets.transforms.options import CountOptions, SamplingOptions
from cb_datasets.transforms.rounds import Outcomes, SampleCount, Watch, in_rounds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_READ = ("id", "set_aside", "recorded", "prompt_token_ids")
_JUDGED = ("attack", "expected", "messages", "tools")


@takes(SamplingOptions)
class BatchGenerate(Configured):
    """Sample completions; one row a sample, with all columns of its scenario.

    Args:
        engine: Samples the scenarios that have no recorded completion; None where all have one
            (one that has none is then an `error` completion).
        judge: With `min_successes` or `min_pairs`, another judge of outcomes; see `LabelOutcome`.
        tokenizer: For recorded completions; None takes the engine's, and makes no ids of them if
            there is no engine either.
        **options: How to sample.

    Raises:
        EngineError: An option is out of range, or does not go with another.

    Adds the columns of `records.CompletionColumns`. Use it with `remove_columns` left alone: it
    returns every column, repeated.

    Between two batches the engine runs dry. Where that costs, `sample_ahead` goes through all of
    them as one stream first.
    """

    def __init__(
        self,
        engine: Engine | None,
        *,
        judge: Judge | str | None = None,
        tokenizer: PreTrainedTokenizerBase | TokenizerState | None = None,
        **options: Unpack[SamplingOptions],
    ) -> None:
        self.engine = engine
        self.options = chosen = checked(SamplingOptions, options, EngineError)
        self.count = SampleCount(**part_of(CountOptions, chosen))
        self.sampling = SamplingParams(
            chosen["temperature"], chosen["top_p"], chosen["top_k"], chosen["max_new_tokens"]
        )
        self._judge = judge
        journal = chosen["journal"]
        self._journal = None if journal is None else Journal(journal, chosen["resume"])
        self._samples: Samples | None = self._journal
        if tokenizer is None or isinstance(tokenizer, TokenizerState):
            self._tokenizer = tokenizer
        else:
            self._tokenizer = tokenizer_state(tokenizer)

    def config(self) -> dict[str, Any]:
        """The arguments that make this transform again."""
        return {
            "engine": self.engine,
            "judge": self._judge,
            "tokenizer": self._tokenizer,
            **self.options,
            "journal": None if self._journal is None else self._journal.url,
        }

    def version(self) -> str:
        """The version of this stage; the engine brings its own."""
        rooms = (*ROOMS, "engines/protocol.py", "engines/journal")
        if not self.count.adaptive:
            return code_version(*rooms)
        return code_version(*rooms, "judge") + judge_code(self._judge)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The tokenizer for recorded completions, if one was named."""
        if self._tokenizer is not None:
            return self._tokenizer.restore()
        return None if self.engine is None else self.engine.tokenizer

    def __call__(self, batch: Batch) -> Batch:
        """A row a sample, with every column of its scenario."""
        check_columns(batch, "BatchGenerate", *_READ, *(_JUDGED if self.count.adaptive else ()))
        scenarios = rows_of(batch, PromptedScenario)
        generations = {generation.key: generation for generation in self._sampled(scenarios)}
        made = [self._completions(scenario, generations) for scenario in scenarios]
        repeated = [number for number, rows in enumerate(made) for _ in rows]
        return {
            **{name: [column[number] for number in repeated] for name, column in batch.items()},
            **columns_of(list(chain.from_iterable(made)), CompletionColumns),
        }

    def _completions(
        self, scenario: PromptedScenario, generations: Mapping[str, Generation]
    ) -> list[CompletionColumns]:
        if scenario["set_aside"] is not None:
            return [_no_completion(scenario["set_aside"], "recorded")]
        recorded = scenario["recorded"]
        if recorded is not None and _is_recorded(scenario):
            return [self._recorded(recorded, scenario.get("format"))]
        own = self._own(scenario)
        if self.engine is None and own is None:
            return [_no_completion("no recorded completion and no engine", "generated")]
        made = [] if own is None or recorded is None else [self._sampled_before(recorded)]
        return [*made, *self._generated(scenario["id"], generations, first=len(made))]

    def sample_ahead(
        self, batches: Iterable[Batch], *, watch: Watch | None = None, judged: bool = False
    ) -> Iterator[Generation]:
        """Sample the scenarios of many batches as one stream; later calls find the samples.

        They are found in the journal or, without one, in this object's memory.

        Args:
            batches: What the calls will be given, with the columns of `FormatPrompt`; taken as
                the engine has room.
            watch: Called with each sample, its outcome, and whether it is its scenario's last.
            judged: Tell `watch` the outcomes.

        Returns:
            The samples as they finish, for a progress bar say; nothing is sampled unless they
            are taken.
        """
        if self._samples is None:
            self._samples = SampleMemory()
        scenarios = (row for batch in batches for row in rows_of(batch, PromptedScenario))
        yield from self._sampled(scenarios, watch=watch, judged=judged)

    def _sampled(
        self,
        scenarios: Iterable[PromptedScenario],
        *,
        watch: Watch | None = None,
        judged: bool = False,
    ) -> Iterator[Generation]:
        if self.engine is None:
            return
        yield from in_rounds(
            filter(_is_to_be_sampled, scenarios),
            self.count,
            own=self._own,
            request=self._request,
            generate=self._generate,
            outcomes=Outcomes(self._judge) if judged or self.count.adaptive else None,
            watch=watch,
        )

    def _own(self, scenario: PromptedScenario) -> Generation | None:
        """The sample that a scenario brings along, if it is this engine's model's.

        What another model said at this prompt is no sample of this one.
        """
        recorded = scenario["recorded"]
        if recorded is None or not recorded["token_ids"]:
            return None
        made_by = (recorded["model"], recorded["revision"])
        if self.engine is not None and made_by != (self.engine.model, self.engine.revision):
            return None
        return Generation(
            sample_key(scenario["id"], 0),
            list(recorded["token_ids"]),
            recorded["raw"] or "",
            recorded["finish_reason"] or "stop",
        )

    def _request(self, scenario: PromptedScenario, sample: int) -> GenerationRequest:
        prompt = scenario["prompt_token_ids"]
        if prompt is None:
            raise EngineError(
                f"{scenario['id']}: its prompt has no token ids; FormatPrompt takes the engine's "
                "tokenizer"
            )
        return GenerationRequest(
            key=sample_key(scenario["id"], sample),
            prompt_token_ids=prompt,
            seed=sample_seed(self.options["seed"], scenario["id"], sample),
            template_hash=scenario.get("template_hash"),
        )

    def _generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Generation]:
        assert self.engine is not None
        if self._samples is not None:
            return generate_journaled(self.engine, requests, self.sampling, self._samples)
        return self.engine.generate(requests, self.sampling)

    def _generated(
        self, scenario_id: str, generations: Mapping[str, Generation], *, first: int
    ) -> Iterator[CompletionColumns]:
        for sample in count(first):
            generation = generations.get(sample_key(scenario_id, sample))
            if generation is None or self.engine is None:
                return
            yield {
                "sample_index": sample,
                "assistant_raw": generation.text,
                "completion_token_ids": list(generation.token_ids),
                "finish_reason": generation.finish_reason,
                "origin": "generated",
                "generator_model": self.engine.model,
                "generator_revision": self.engine.revision,
                "temperature": self.sampling.temperature,
                "sampling_seed": sample_seed(self.options["seed"], scenario_id, sample),
                "timestamp": self.options["timestamp"] or build_timestamp(),
                "error": generation.error,
            }

    def _recorded(self, recorded: RecordedCompletion, format: str | None) -> CompletionColumns:
        try:
            raw = _in_format(recorded, named_format(format))
            ids = None if self.tokenizer is None else completion_token_ids(raw, self.tokenizer)
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

    def _sampled_before(self, recorded: RecordedCompletion) -> CompletionColumns:
        """The completion that a scenario brings along as its sample 0."""
        ids, raw = list(recorded["token_ids"] or ()), recorded["raw"] or ""
        # With an engine it is known that they are its model's.
        unknown = self.engine is None and self.tokenizer is not None
        if unknown and completion_text(ids, self.tokenizer) != raw:
            error = "its token ids are of another tokenizer than the one that was named"
            return _no_completion(error, "recorded")
        return {
            "sample_index": 0,
            "assistant_raw": raw,
            "completion_token_ids": None if self.tokenizer is None else ids,
            "finish_reason": recorded["finish_reason"] or "stop",
            "origin": "generated",
            "generator_model": recorded["model"],
            "generator_revision": recorded["revision"],
            "temperature": recorded["temperature"],
            "sampling_seed": recorded["sampling_seed"],
            "timestamp": recorded["timestamp"],
            "error": None,
        }


def _in_format(recorded: RecordedCompletion, known: Format) -> str:
    """The text of a recorded completion, in the format of its prompt.

    Raises:
        FormatError: It cannot be written so.
    """
    raw, content, calls = recorded["raw"], recorded["content"], recorded["calls"] or []
    if raw is not None:
        spoken = spoken_format(raw)
        own = spoken in (None, known) or raw.rstrip().endswith(tuple(known.end_tokens.values()))
        if spoken is None or own:
            return raw
        parsed = spoken.read(raw, None).parsed
        if parsed.problems or parsed.code is not None:
            raise FormatError(
                f"it is written in the {spoken.title} format, and holds what {known.title} has not"
            )
        content, calls = (
            parsed.content,
            [{"name": call.name, "arguments": call.arguments} for call in parsed.calls],
        )
    end = known.ends[0 if calls else 1]
    return render_completion(content, calls, end=end, format=known)


def _is_to_be_sampled(scenario: PromptedScenario) -> bool:
    return scenario["set_aside"] is None and not _is_recorded(scenario)


def _is_recorded(scenario: PromptedScenario) -> bool:
    """Whether a scenario's completion is all there is; one that an engine sampled is a sample."""
    return scenario["recorded"] is not None and not scenario["recorded"]["token_ids"]


def _no_completion(error: str | None, origin: str) -> CompletionColumns:
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


def sample_key(scenario_id: str, sample: int) -> str:
    """The name of a scenario's sample, as requests and rows have it.

    Example:
        >>> sample_key("demo/1", 0)
        'demo/1#sample0'
    """
    return f"{scenario_id}#sample{sample}"


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
