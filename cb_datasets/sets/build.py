"""The whole way from scenarios to Ds, Dr and eval: format, generate, parse, judge, select.

The four transforms run batch by batch, as `Dataset.map` would run them; what comes out is one
decision a completion, and every completion lands in exactly one set or in `rejected`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import BuildError
from cb_datasets.judge import Judge
from cb_datasets.llama31.tokenizer_state import TokenizerState
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table
from cb_datasets.sets.eval_rows import eval_rows
from cb_datasets.sets.redaction import redact_injection
from cb_datasets.sets.rows import circuit_breaker_row, rejected_row, retain_row, row_id
from cb_datasets.sets.selection import Decision, decide
from cb_datasets.sets.splits import eval_groups
from cb_datasets.transforms import BatchGenerate, FormatPrompt, LabelOutcome, ParseToolCalls
from cb_datasets.transforms.generate import build_timestamp

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.engines.protocol import Engine

Progress = Callable[[int], None]
"""Called with the number of scenarios that have just been finished."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class SetOptions:
    """What, beside scenarios and engine, decides the sets."""

    num_samples: int = 5
    temperature: float = 0.7
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    redact_harmful_prompt: bool = False
    include_forced_calls: bool = True
    eval_fraction: float = 0.2
    timestamp: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.eval_fraction <= 1:
            raise BuildError(f"eval_fraction is {self.eval_fraction}; it must be between 0 and 1")


@dataclass(frozen=True)
class Sets:
    """Ds, Dr and the eval set, with what was left out and how they were made.

    Attributes:
        ds: Rows of `records.CircuitBreakerRow`.
        dr: Rows of `records.RetainRow`.
        eval: Rows of `records.EvalRow`.
        rejected: Rows of `records.RejectedRow`.
        facts: Engine, sampling and template, as they go into manifest and card.
    """

    ds: Dataset
    dr: Dataset
    eval: Dataset
    rejected: Dataset
    facts: dict[str, Any] = field(default_factory=dict)

    def stats(self) -> dict[str, Any]:
        """Counts of rows, by what matters in each set."""
        from cb_datasets.sets.stats import set_stats

        return set_stats(self)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write a dataset folder that `load_dataset` reads (see `cb_datasets.hub.folder`)."""
        from cb_datasets.hub.folder import write_folder

        write_folder(self, folder, overwrite=overwrite)


def build_sets(
    scenarios: Dataset,
    engine: Engine | None = None,
    *,
    num_samples: int = 5,
    temperature: float = 0.7,
    seed: int = 0,
    redact_harmful_prompt: bool = False,
    include_forced_calls: bool = True,
    eval_fraction: float = 0.2,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
    timestamp: str | None = None,
    tokenizer: PreTrainedTokenizerBase | str | None = None,
    judge: Judge | None = None,
    progress: Progress | None = None,
) -> Sets:
    """Make the circuit breaker set, the retain set and the eval set from scenarios.

    Args:
        scenarios: From `load_source`; several sources are joined with
            `datasets.concatenate_datasets`.
        engine: Samples the scenarios without a recorded completion; without an engine these are
            rejected.
        num_samples: Samples a scenario.
        temperature: Sampling temperature.
        seed: Decides samples and split.
        redact_harmful_prompt: Take the injected text out of the messages of Ds rows.
        include_forced_calls: Add forced function calling rows to eval.
        eval_fraction: Share of the groups held out for eval, 0 to 1.
        top_p: Nucleus sampling.
        max_new_tokens: Limit of a completion.
        timestamp: ISO 8601 time to stamp generated rows with; see `BatchGenerate`.
        tokenizer: The target's, where it is not the engine's.
        judge: Another judge; see `LabelOutcome`.
        progress: Called with the number of scenarios just finished.

    Returns:
        The sets. The same scenarios, seed and engine give the same rows in the same order.

    Raises:
        BuildError: Scenario ids are not unique, or an option is out of range.

    Example:
        >>> sets = cb.build_sets(cb.load_source("demo"), cb.load_engine("transformers"))
        ... # doctest: +SKIP
    """
    options = SetOptions(
        num_samples, temperature, top_p, max_new_tokens, seed, redact_harmful_prompt,
        include_forced_calls, eval_fraction, timestamp,
    )  # fmt: skip
    build = SetBuild(scenarios, engine, options, tokenizer=tokenizer, judge=judge)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SET_RECORDS}
    for name, row in build.rows(progress=progress):
        rows[name].append(row)
    return Sets(
        **{name: set_table(rows[name], record) for name, record in SET_RECORDS.items()},
        facts=build.facts(),
    )


class SetBuild:
    """One build, row by row: what `build_sets` collects and the builders stream.

    Args:
        scenarios: All scenarios of the build: the split is decided over all of them.
        engine: See `build_sets`.
        options: See `build_sets`.
        tokenizer: See `build_sets`.
        judge: See `build_sets`.
    """

    def __init__(
        self,
        scenarios: Dataset,
        engine: Engine | None,
        options: SetOptions,
        *,
        tokenizer: PreTrainedTokenizerBase | TokenizerState | str | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.scenarios = scenarios
        self.engine = engine
        self.options = options
        ids = Counter(scenarios["id"])
        if len(ids) < len(scenarios):
            twice = [name for name, count in ids.items() if count > 1]
            raise BuildError(
                f"scenario ids must be unique; {twice[0]!r} is there {ids[twice[0]]} times"
            )
        light = scenarios.select_columns(
            ["source", "group", "attack", "expected", "set_aside", "twin_id"]
        )
        self.held_out = eval_groups(light, options.eval_fraction, options.seed)
        self._groups: list[str] = list(light["group"])
        self.twins = frozenset(twin for twin in light["twin_id"] if twin is not None)
        if tokenizer is None and engine is not None:
            tokenizer = engine.tokenizer
        self._format = FormatPrompt(tokenizer)
        self._generate = BatchGenerate(
            engine,
            options.num_samples,
            options.temperature,
            options.seed,
            top_p=options.top_p,
            max_new_tokens=options.max_new_tokens,
            timestamp=options.timestamp,
            tokenizer=self._format.config()["tokenizer"],
        )
        self._parse, self._label = ParseToolCalls(), LabelOutcome(judge)
        self._seen: dict[tuple[Any, ...], str] = {}
        self._judged: set[int] = set()
        self._prompts: dict[int, int] = {}
        self._template_hash: str | None = None

    def rows(
        self,
        indices: Iterable[int] | None = None,
        *,
        earlier: Iterable[int] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of all sets, each with the name of its set, in the order of the scenarios.

        Args:
            indices: The scenarios to go through, in their order; None for all.
            earlier: Scenarios before these that are gone through elsewhere, in another process
                say. One with the same prompt as one of these is judged along, so that the rows
                are those that a single pass over all would give, duplicates and all.
            progress: See `build_sets`.
        """
        numbers = list(range(len(self.scenarios)) if indices is None else indices)
        same_prompt = self._by_prompt(earlier)
        for start in range(0, len(numbers), _BATCH):
            part = numbers[start : start + _BATCH]
            formatted = self._formatted(part)
            self._judge_along(formatted, same_prompt)
            size = len(part)
            if size:
                self._template_hash = formatted["template_hash"][0]
            held = [n for n in range(size) if self._is_held_out(formatted, n)]
            for number in held:
                scenario = {name: column[number] for name, column in formatted.items()}
                for row in eval_rows(
                    scenario,
                    self.twins,
                    self._format.tokenizer,
                    include_forced_calls=self.options.include_forced_calls,
                ):
                    yield "eval", row
            yield from self._train_rows(formatted)
            self._judged.update(part)
            if progress is not None:
                progress(size)

    def facts(self) -> dict[str, Any]:
        """How the rows are made, as plain JSON data."""
        engine = None
        if self.engine is not None:
            engine = {
                "backend": self.engine.name,
                "model": self.engine.model,
                "revision": self.engine.revision,
            }
        return {
            "engine": engine,
            "options": {
                **asdict(self.options),
                "timestamp": self.options.timestamp or (build_timestamp() if engine else None),
            },
            "template_hash": self._template_hash,
        }

    def _is_held_out(self, batch: dict[str, list[Any]], number: int) -> bool:
        return batch["set_aside"][number] is None and batch["group"][number] in self.held_out

    def _formatted(self, indices: list[int]) -> dict[str, list[Any]]:
        batch = self.scenarios[indices]
        return {**batch, **self._format(batch)}

    def _by_prompt(self, indices: Iterable[int]) -> dict[int, list[int]]:
        """Those of the scenarios that are still to be judged, by a hash of their prompt."""
        numbers = [
            n for n in indices if n not in self._judged and self._groups[n] not in self.held_out
        ]
        unknown = [n for n in numbers if n not in self._prompts]
        for start in range(0, len(unknown), _BATCH):
            part = unknown[start : start + _BATCH]
            for number, ids in zip(part, self._formatted(part)["prompt_token_ids"], strict=True):
                self._prompts[number] = hash(tuple(ids))
        found: dict[int, list[int]] = {}
        for number in numbers:
            found.setdefault(self._prompts[number], []).append(number)
        return found

    def _judge_along(
        self, formatted: dict[str, list[Any]], same_prompt: dict[int, list[int]]
    ) -> None:
        prompts = {hash(tuple(ids)) for ids in formatted["prompt_token_ids"] if ids}
        first = sorted(n for prompt in prompts for n in same_prompt.pop(prompt, []))
        for start in range(0, len(first), _BATCH):
            part = first[start : start + _BATCH]
            # What counts is that `_seen` takes note of them; their rows are another's to give.
            for _ in self._train_rows(self._formatted(part)):
                pass
            self._judged.update(part)

    def _train_rows(self, batch: dict[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        train = [n for n in range(len(batch["id"])) if not self._is_held_out(batch, n)]
        if not train:
            return
        batch = {name: [column[n] for n in train] for name, column in batch.items()}
        for stage in (self._generate, self._parse, self._label):
            batch = {**batch, **stage(batch)}
        for number in range(len(batch["id"])):
            row = {name: column[number] for name, column in batch.items()}
            yield self._row(row, decide(row, self.twins))

    def _row(self, row: dict[str, Any], decision: Decision) -> tuple[str, dict[str, Any]]:
        if decision.set != "rejected":
            key = (tuple(row["prompt_token_ids"]), row["assistant_raw"])
            first = self._seen.setdefault((decision.set, hash(key)), row_id(row))
            if first != row_id(row):
                detail = f"same prompt and completion as {first}"
                decision = Decision("rejected", "duplicate", detail)
        if decision.set == "dr":
            return "dr", retain_row(row, str(decision.kind))
        if decision.set == "ds":
            made: dict[str, Any] | None = circuit_breaker_row(row)
            if self.options.redact_harmful_prompt and made is not None:
                made = redact_injection(made, self._format.tokenizer)
            if made is not None:
                return "ds", made
            decision = Decision(
                "rejected", "not_redacted", "the injected text does not stand in the messages"
            )
        return "rejected", rejected_row(row, decision)
