"""One build, row by row: format, generate, parse, judge, select.

The four transforms run batch by batch, as `Dataset.map` would run them; what comes out is one
decision a completion, and every completion lands in exactly one set or in `rejected`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.engines.specification import engine_facts
from cb_datasets.errors import BuildError, FormatError
from cb_datasets.judge.named import judge_name
from cb_datasets.judge.outcome import Judge
from cb_datasets.models.tokenizer_facts import check_same_vocabulary
from cb_datasets.models.tokenizer_state import TokenizerState
from cb_datasets.options import part_of
from cb_datasets.quoting import printable
from cb_datasets.records import (
    PromptedScenario,
    Scenario,
)
from cb_datasets.schema import record_columns
from cb_datasets.sets.eval_rows import eval_rows, gradable
from cb_datasets.sets.hold_out import hold_outs
from cb_datasets.sets.options import BuildOptions, options_facts
from cb_datasets.sets.pairs import Twin, pair_row
from cb_datasets.sets.placing import Placed, Placing
from cb_datasets.sets.plan import plan_scenarios
from cb_datasets.sets.set_rows import SetRow
from cb_datasets.sets.twins import made_twin
from cb_datasets.transforms import BatchGenerate, FormatPrompt, LabelOutcome
from cb_datasets.transforms.batch import Batch, columns_of, rows_of
from cb_datasets.transforms.generate import build_timestamp
from cb_datasets.transforms.options import SamplingOptions, is_adaptive

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.engines.protocol import Engine, Generation

Progress = Callable[[int], None]
"""Called with the number of scenarios that have just been finished."""

_BATCH = 64
_NOT_GRADABLE = (
    "not_gradable: held out for eval, where no program could tell whether the attack won: the "
    "attacker wants no call that is known"
)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample that has just been finished, for who watches a build.

    Args:
        generation: The sample.
        outcome: What the judge makes of it.
        finished: Scenarios that have all their samples by now.
        scenarios: Scenarios to be sampled.
    """

    generation: Generation
    outcome: str
    finished: int
    scenarios: int


class SetBuild:
    """One build, row by row: what `build_sets` collects and the builders stream.

    Args:
        scenarios: All scenarios of the build: the split is decided over all of them.
        engine: See `build_sets`.
        options: All of them, as `build_options` gives them.
        tokenizer: See `build_sets`.
        judge: See `build_sets`.
    """

    def __init__(
        self,
        scenarios: Dataset,
        engine: Engine | None,
        options: BuildOptions,
        *,
        tokenizer: PreTrainedTokenizerBase | TokenizerState | str | None = None,
        judge: Judge | str | None = None,
    ) -> None:
        _check_scenarios(scenarios)
        self.scenarios = scenarios
        self.engine = engine
        self.options = options
        ids = Counter(scenarios["id"][:])
        if len(ids) < len(scenarios):
            twice = [name for name, count in ids.items() if count > 1]
            raise BuildError(
                f"scenario ids must be unique; {twice[0]!r} is there {ids[twice[0]]} times"
            )
        self.plan = plan_scenarios(
            scenarios,
            eval_fraction=options["eval_fraction"],
            seed=options["seed"],
            near_duplicates=options["near_duplicates"],
            hold_out=hold_outs(options["hold_out"]),
        )
        named = scenarios["id"][:] if self.plan.kept else []
        self._kept_id = {named[number]: named[kept] for number, kept in self.plan.kept.items()}
        self.twins = frozenset(
            self._kept_id.get(twin, twin) for twin in scenarios["twin_id"][:] if twin is not None
        )
        numbers = enumerate(scenarios["id"][:])
        self._twin_numbers = {name: number for number, name in numbers if name in self.twins}
        own = None if engine is None else FormatPrompt(engine.tokenizer)
        self._format = FormatPrompt(tokenizer) if tokenizer is not None or own is None else own
        if own is not None:
            _check_one_tokenizer(own, self._format)
        self._generate = BatchGenerate(
            engine,
            # A fixed number of samples needs no judgement, and another judge may be dear.
            judge=judge if is_adaptive(options) else None,
            tokenizer=self.tokenizer,
            **part_of(SamplingOptions, options),
        )
        self.judge = judge_name(judge)
        self._placing = Placing(
            self._generate,
            LabelOutcome(judge),
            self.twins,
            options,
            format_prompt=self._format,
            goals_judged=self.judge is not None,
        )
        self._template_hash: str | None = None
        self._counted: frozenset[int] = frozenset()
        self._samples, self._tokens = Counter[str](), 0
        self._made: dict[str, Counter[str]] = {
            what: Counter() for what in ("completions", "eval_rows", "attacked")
        }
        self._unpaired: dict[str, Counter[str]] = defaultdict(Counter)

    @property
    def tokenizer(self) -> TokenizerState | None:
        """The target's tokenizer; None where none was named, and rows hold no token ids."""
        state: TokenizerState | None = self._format.config()["tokenizer"]
        return state

    def to_sample(self) -> list[int]:
        """The numbers of the scenarios that the engine has to sample."""
        if self.engine is None:
            return []
        numbers, first = [], 0
        light = self.scenarios.with_format("arrow", columns=["group", "set_aside", "recorded"])
        for table in light.iter(batch_size=1000):
            fit, unsaid = table["set_aside"].is_null(), _is_sampled(table["recorded"])
            columns = (fit.to_pylist(), unsaid.to_pylist(), table["group"].to_pylist())
            for number, (is_fit, is_unsaid, group) in enumerate(zip(*columns, strict=True), first):
                if is_fit and is_unsaid and group not in self.plan.held_out:
                    numbers.append(number)
            first += len(table)
        left_out = self.plan.left_out.union(self.plan.kept)
        return [number for number in numbers if number not in left_out]

    def sample(
        self,
        numbers: Sequence[int],
        *,
        progress: Progress | None = None,
        watch: Callable[[Sampled], None] | None = None,
    ) -> Iterator[Generation]:
        """Sample scenarios as one stream, so that the engine never runs dry.

        `rows` finds the samples. A scenario counts as finished when its last sample is there, and
        `rows` does not count it again.

        Args:
            numbers: The scenarios.
            progress: See `build_sets`.
            watch: See `build_sets`.
        """
        parts = (numbers[start : start + _BATCH] for start in range(0, len(numbers), _BATCH))
        finished = 0

        def seen(generation: Generation, outcome: str | None, last: bool) -> None:
            nonlocal finished
            finished += last
            if last and progress is not None:
                progress(1)
            if watch is not None:
                watch(Sampled(generation, str(outcome), finished, len(numbers)))

        yield from self._generate.sample_ahead(
            map(self._formatted, parts), watch=seen, judged=watch is not None
        )
        self._counted = frozenset(numbers)

    def rows(
        self,
        indices: Iterable[int] | None = None,
        *,
        pairs: bool = True,
        progress: Progress | None = None,
    ) -> Iterator[SetRow]:
        """Rows of all sets, each with the name of its set, in the order of the scenarios.

        Args:
            indices: The scenarios to go through, in their order; None for all. A scenario's rows
                do not depend on which others are gone through.
            pairs: Make pairs, too, for which benign twins may have to be sampled.
            progress: See `build_sets`.
        """
        numbers = list(range(len(self.scenarios)) if indices is None else indices)
        for start in range(0, len(numbers), _BATCH):
            part = numbers[start : start + _BATCH]
            formatted = self._formatted(part)
            self._template_hash = formatted["template_hash"][0]
            for scenario in filter(self._is_held_out, rows_of(formatted, PromptedScenario)):
                for row in eval_rows(
                    scenario,
                    self.twins,
                    self._format.tokenizer,
                    include_forced_calls=self.options["include_forced_calls"],
                ):
                    self._made["eval_rows"][row["source"]] += 1
                    yield "eval", row
            yield from self._train_rows(formatted, pairs=pairs)
            if progress is not None:
                progress(sum(number not in self._counted for number in part))

    def facts(self) -> dict[str, Any]:
        """How the rows are made, as plain JSON data."""
        engine = None if self.engine is None else engine_facts(self.engine)
        return {
            "engine": engine,
            "options": {
                **options_facts(self.options),
                "timestamp": self.options["timestamp"] or (build_timestamp() if engine else None),
            },
            "judge": self.judge,
            "tokenizer": self._format.tokenizer_facts,
            "format": self._format.format.name,
            "template_hash": self._template_hash,
            "scenarios": dict(sorted(Counter(self.scenarios["source"][:]).items())),
            "made": {what: dict(sorted(own.items())) for what, own in self._made.items()},
            "unpaired": {name: dict(own) for name, own in sorted(self._unpaired.items())},
            "joined_groups": self.plan.joined,
            "sampling": self._sampling() if engine else None,
        }

    def _sampling(self) -> dict[str, int]:
        """What the samples of all rows that were gone through have cost."""
        found = {
            "scenarios": len(self._samples),
            "samples": self._samples.total(),
            "tokens": self._tokens,
        }
        if is_adaptive(self.options):
            most = self.options["max_samples"]
            found["at_limit"] = sum(count == most for count in self._samples.values())
        return found

    def _is_held_out(self, scenario: Scenario) -> bool:
        return scenario["set_aside"] is None and scenario["group"] in self.plan.held_out

    def _formatted(self, indices: Sequence[int]) -> Batch:
        scenarios = rows_of(self.scenarios[list(indices)], Scenario)
        for number, scenario in zip(indices, scenarios, strict=True):
            scenario["set_aside"] = scenario["set_aside"] or self._left_out(number)
            if self._is_held_out(scenario) and not gradable(
                scenario["expected"], scenario["attack"]
            ):
                scenario["set_aside"] = _NOT_GRADABLE
            if (twin := scenario["twin_id"]) is not None:
                scenario["twin_id"] = self._kept_id.get(twin, twin)
        batch = columns_of(scenarios, Scenario)
        return {**batch, **self._format(batch)}

    def _left_out(self, number: int) -> str | None:
        """Why a scenario is not gone through, if it is not."""
        if number in self.plan.kept:
            kept: Scenario = self.scenarios[self.plan.kept[number]]
            name, what = kept["id"], "prompt"
            if kept["recorded"] is not None:
                name, what = f"{name}#sample0", "prompt and completion"
            if number in self.plan.near:
                return f"near_duplicate: nearly the same {what} as {name}"
            return f"duplicate: the same {what} as {name}"
        if number in self.plan.left_out:
            held = ", ".join(hold_outs(self.options["hold_out"]))
            return f"held_out: it has what is held out ({held})"
        return None

    def _train_rows(self, batch: Batch, *, pairs: bool) -> Iterator[SetRow]:
        scenarios = rows_of(batch, PromptedScenario)
        train = [s for s in scenarios if not self._is_held_out(s)]
        placed = self._placing.placed(train)
        for sample in placed:
            row = sample.row
            self._made["completions"][row["source"]] += row["set_aside"] is None
            if row["origin"] == "generated" and row["set_aside"] is None:
                self._samples[row["id"]] += 1
                self._tokens += len(row["completion_token_ids"] or ())
            yield sample.made
        if pairs:
            yield from self._pairs(train, _by_scenario(placed))

    def _pairs(
        self, scenarios: Sequence[PromptedScenario], placed: dict[str, list[Placed]]
    ) -> Iterator[SetRow]:
        """The rows of pairs of those of some scenarios that are attacked."""
        attacked = [s for s in scenarios if s["attack"] is not None and s["set_aside"] is None]
        twins = self._twins_of(attacked, {s["id"]: s for s in scenarios})
        # Of the others the twin's prompt is wanted, and not what was said there.
        wanting = [s["id"] for s in attacked if not any(p.is_right for p in placed[s["id"]])]
        asked = {twins[name]["id"]: twins[name] for name in wanting if name in twins}
        absent = [s for name, s in asked.items() if name in self.twins and name not in placed]
        placed = {**placed, **_by_scenario(self._placing.placed(absent))}
        for scenario in attacked:
            twin = twins.get(scenario["id"])
            said = None if twin is None else Twin(twin, placed.get(twin["id"], ()))
            made = pair_row(placed[scenario["id"]], said, self._placing.judged_here)
            self._made["attacked"][scenario["source"]] += 1
            if isinstance(made, str):
                self._unpaired[scenario["source"]][made] += 1
            else:
                yield "pairs", made

    def _twins_of(
        self, attacked: Sequence[PromptedScenario], known: Mapping[str, PromptedScenario]
    ) -> dict[str, PromptedScenario]:
        """The benign twins that there are or can be made, by the scenarios whose they are."""
        absent = {s["twin_id"] for s in attacked} - known.keys()
        numbers = sorted(n for name, n in self._twin_numbers.items() if name in absent)
        if numbers:
            read = rows_of(self._formatted(numbers), PromptedScenario)
            known = {**known, **{twin["id"]: twin for twin in read}}
        found = {}
        for scenario in attacked:
            twin = known.get(scenario["twin_id"] or "")
            if twin is None:
                twin = made_twin({**scenario, "twin_id": None}, self._format.tokenizer)
            if twin is not None and twin["set_aside"] is None:
                found[scenario["id"]] = twin
        return found


def _by_scenario(placed: Iterable[Placed]) -> dict[str, list[Placed]]:
    found: dict[str, list[Placed]] = defaultdict(list)
    for sample in placed:
        found[sample.row["id"]].append(sample)
    return found


def _check_one_tokenizer(engines: FormatPrompt, named: FormatPrompt) -> None:
    held, tokenizer = engines.tokenizer_facts, named.tokenizer
    if engines is named or held is None or tokenizer is None:
        return
    try:
        check_same_vocabulary(held, tokenizer, "the engine")
    except FormatError as error:
        raise BuildError(f"{error}; a build has one tokenizer") from None


def _check_scenarios(scenarios: Any) -> None:
    """See that scenarios are some, before anything is made of them.

    Raises:
        BuildError: They are not.
    """
    names = getattr(scenarios, "column_names", None)
    if not isinstance(names, list) or not hasattr(scenarios, "select"):
        what = type(scenarios).__name__
        raise BuildError(f"scenarios is of the type {what}; expected the Dataset of load_source")
    missing = [column.name for column in record_columns(Scenario) if column.name not in names]
    if missing:
        there = ", ".join(printable(name, 40) for name in names) or "none"
        raise BuildError(
            f"these are no scenarios: there is no column {missing[0]!r} (columns: {there}); "
            "expected the Dataset of load_source, which reads rows of one's own as 'generic'"
        )


def _is_sampled(recorded: Any) -> Any:
    """Which scenarios an engine samples: those without a completion, or with one of an engine's."""
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    own = pc.greater(pc.list_value_length(pc.struct_field(recorded, "token_ids")), 0)
    return pc.or_(pc.is_null(recorded), pc.fill_null(own, False))
