"""Gate: of each pair one side is right and one harmful, under one and the same attacked prompt.

In: rows of pairs, and of Ds, Dr and eval where they are given. Out: how many pairs are none. A
trainer takes their word for which side to prefer: one that is turned round teaches the attack.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cb_datasets.debug_labels import find_marker
from cb_datasets.formats.divergence import first_difference
from cb_datasets.gates.attack_evidence import attack_problem, harm_problem, offered_names
from cb_datasets.gates.call_agreement import disagreement
from cb_datasets.gates.gate import Gate
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow, gated_row, own_marks
from cb_datasets.gates.row_tokenizers import RowTokenizers
from cb_datasets.gates.row_tokens import holds_no_ids, row_tokens
from cb_datasets.gates.shapes import shape_problem
from cb_datasets.gates.token_fidelity import TokenizerOptions
from cb_datasets.judge.outcome import right_behavior
from cb_datasets.quoting import printable, quoted
from cb_datasets.records import PairRow, PairSide
from cb_datasets.schema import json_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ADVICE = (
    "Pairs are not what they say: build them in one run with Ds, Dr and eval, and change none by "
    "hand. If another judge told that attacks won, give it to run_gates (judge=)."
)
_UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class _Known:
    """A row of Ds or Dr, as far as a side can be held against it: digests, and its scenario."""

    said: bytes
    prompt: bytes
    scenario: object


class Pairs:
    """Every pair holds; a trainer would be taught the wrong thing by one that does not.

    Of each pair: the two sides differ; judged anew, the right one is right and the harmful one a
    success of the attack that the prompt shows; calls and token ids are those of the text; the ids
    part where the row says; the prompt is the one that its messages give, and the twin's holds no
    injection; a completion of the twin is not said to be the model's own; the rows of Ds and Dr
    that it names hold the same completion under the same prompt; and no row of eval is of its
    group.
    What needs the tokenizer is checked where `token_fidelity` has it. Attacks whose goal no call
    can show are left to a judge.

    Measured: every pair of the demo build holds.
    """

    def __init__(self, options: TokenizerOptions) -> None:
        self._options = options
        self._tokenizers = RowTokenizers(options["tokenizer"])
        self._failures = Failures(options["max_listed"])
        self._ids: set[str] = set()
        self._groups: dict[str, str] = {}
        self._known: dict[str, dict[str, _Known]] = {"ds": {}, "dr": {}}
        self._counts: Counter[str] = Counter()

    def add(self, row: GatedRow) -> None:
        """Remember a row of Ds or Dr, check a pair, look up the group of an eval row."""
        if row.set in self._known:
            self._remember(row)
        elif row.eval is not None:
            pair = self._groups.pop(str(row.eval["group"]), None)
            if pair is not None:
                reason = f"its group stands in eval, as {quoted(row.id)}"
                self._failures.add(GatedRow("pairs", pair, {}), reason)
        elif row.set == "pairs":
            self._counts["rows"] += 1
            problem = self._problem(row)
            if problem is not None:
                self._failures.add(row, printable(problem, 300))
            elif row.pair is not None:
                self._groups.setdefault(row.pair["group"], row.id)

    def result(self) -> GateResult | NotRun:
        """The number of pairs that do not hold."""
        rows, wrong = self._counts["rows"], self._failures.count
        if not rows:
            return NotRun("there are no pairs")
        checked = self._counts["tokenizer"]
        return GateResult(
            passed=not wrong,
            value=wrong,
            threshold=0,
            summary=f"{wrong} of {rows} pairs do not hold."
            if wrong
            else f"{rows} of {rows} pairs hold, {self._counts['rejected']} with a harmful side.",
            failing=tuple(self._failures.named),
            failing_count=wrong,
            advice=(_ADVICE,) if wrong else (),
            details={
                "rows": rows,
                "own": self._counts["own"],
                "twin": self._counts["twin"],
                "with_rejected": self._counts["rejected"],
                "left_to_a_judge": self._counts["left_to_judge"],
                "ids_checked_with_tokenizer": checked,
            },
        )

    def _remember(self, row: GatedRow) -> None:
        held = row.training
        if held is not None and isinstance(held["id"], str):
            prompt = _digest(held["prompt_token_ids"] or list(map(json_object, held["messages"])))
            redacted = held["provenance"]["harmful_prompt_redacted"] is True
            self._known[row.set][held["id"]] = _Known(
                _digest([row.raw, held["completion_token_ids"]]),
                b"" if redacted else prompt,
                held["provenance"]["scenario_id"],
            )

    def _problem(self, row: GatedRow) -> str | None:
        """The first thing that is wrong with a pair, or None."""
        try:
            if (problem := shape_problem(row.row, "pairs")) is not None or row.pair is None:
                return problem or "the row has another shape"
            if row.id in self._ids:
                return "another pair has the same id"
            self._ids.add(row.id)
            pair = row.pair
            self._counts[pair["chosen_origin"]] += 1
            self._counts["rejected"] += pair["rejected"] is not None
            return next(filter(None, self._problems(row, pair)), None)
        except _UNREADABLE as error:
            return f"the row cannot be read: {error}"

    def _problems(self, row: GatedRow, pair: PairRow) -> Iterator[str | None]:
        yield _sides_problem(pair)
        yield _counts_problem(pair)
        both = (("chosen", pair["chosen"], "dr"), ("rejected", pair["rejected"], "ds"))
        sides = [(name, side, set_name) for name, side, set_name in both if side is not None]
        for name, side, set_name in sides:
            said = self._said(row, side, set_name)
            for problem in (self._judged_problem(said, pair), self._text_problem(said, pair)):
                yield problem and f"{name}: {problem}"
        yield self._twin_problem(row, pair)
        for name, side, set_name in sides:
            problem = self._place_problem(side, pair, set_name)
            yield problem and f"{name}: {problem}"

    def _said(self, row: GatedRow, side: PairSide, set_name: str) -> GatedRow:
        """A side as a row of the set that it would stand in, parsed and judged anew."""
        given = {**row.row, **side, "id": row.id, "labels": {}, "set": set_name}
        if set_name == "ds" and not row.row["attack"].get("targets"):
            given["labels"] = {"harm_type": "goal_met"}
        return gated_row(given, set_name, goal_judge=self._options["judge"])

    def _judged_problem(self, said: GatedRow, pair: PairRow) -> str | None:
        if said.judgement is None:
            return said.problem or "there is nothing to judge"
        found = f"judged anew it is {said.outcome}: {said.judgement.reason}"
        if said.set == "dr":
            right = right_behavior(said.judgement, pair["expected"])
            return attack_problem(said) if right else f"it is not what is right; {found}"
        if not pair["attack"]["targets"] and self._options["judge"] is None:
            self._counts["left_to_judge"] += 1
            return None
        if said.outcome != "attack_success":
            return f"it is no success of the attack; {found}"
        return harm_problem(said)

    def _text_problem(self, said: GatedRow, pair: PairRow) -> str | None:
        parsed = said.parsed
        if parsed is None or parsed.problems or parsed.end is None:
            return "it is no whole completion"
        marker = find_marker(said.raw or "", offered_names(said.row), own_marks(said.row))
        if marker is not None:
            return f"it holds a label that no model wrote: {marker[0].name}"
        if (different := disagreement(parsed.calls, said.row["tool_calls_structured"])) is not None:
            return different
        if holds_no_ids(said):
            return None
        tokenizer = self._tokenizer_of(pair)
        self._counts["tokenizer"] += tokenizer is not None and said.set == "dr"
        found = row_tokens(said, tokenizer).problem
        return None if found is None else found.words

    def _place_problem(self, side: PairSide, pair: PairRow, wanted: str) -> str | None:
        """What is wrong with the row of Ds or Dr that a side names, or None."""
        place, row_id = side["set"], side["row_id"]
        if (place is None) != (row_id is None):
            return f"row_id is {quoted(row_id)} and set {quoted(place)}; expected both or neither"
        if place is None or row_id is None:
            return None
        if place != wanted:
            return f"it is said to stand in {place}, expected {wanted}"
        own = wanted == "ds" or pair["chosen_origin"] == "own"
        scenario = pair["id"] if own else pair["twin_id"]
        if not self._known[place]:
            return None
        known = self._known[place].get(row_id)
        if known is None:
            return f"{quoted(row_id)} is no row of {place}"
        if known.said != _digest([side["assistant_raw"], side["completion_token_ids"]]):
            return f"{quoted(row_id)} of {place} holds another completion"
        if known.scenario != scenario:
            whose = "its own" if own else "the twin's"
            return f"it is said to be {whose}, and {quoted(row_id)} is of another prompt"
        part = "" if own else "twin_"
        ids, messages = pair[f"{part}prompt_token_ids"], pair[f"{part}messages"]  # type: ignore[literal-required]
        prompt = _digest(ids or list(map(json_object, messages)))
        if known.prompt and known.prompt != prompt:
            return f"the prompt of {quoted(row_id)} is another one"
        return None

    def _twin_problem(self, row: GatedRow, pair: PairRow) -> str | None:
        messages = list(map(json_object, pair["twin_messages"]))
        if not messages:
            if pair["chosen_origin"] == "twin":
                return "the right completion is said to be the twin's, and there is no twin"
            return None
        injection = pair["attack"]["injection"]
        if injection and any(injection in str(message.get("content")) for message in messages):
            return "the twin's prompt holds the injection"
        if messages == list(map(json_object, pair["messages"])):
            return "the twin's prompt is the attacked one"
        if (ids := pair["twin_prompt_token_ids"]) is None:
            return None
        there = {
            "messages": pair["twin_messages"],
            "tools": pair["twin_tools"],
            "prompt_token_ids": ids,
        }
        said = self._said(row, pair["chosen"], "dr")
        moved = replace(said, row={**said.row, **there})
        found = row_tokens(moved, self._tokenizer_of(pair)).problem
        return None if found is None else f"the twin's prompt: {found.words}"

    def _tokenizer_of(self, pair: PairRow) -> PreTrainedTokenizerBase | None:
        facts = pair["provenance"]["tokenizer"]
        return self._tokenizers.named(facts and facts["name"])


def _sides_problem(pair: PairRow) -> str | None:
    """What can be told of the two sides beside each other."""
    chosen, rejected, place = pair["chosen"], pair["rejected"], pair["diverges_at"]
    if rejected is None:
        return None if place is None else "diverges_at is given, and there is one side only"
    if chosen["assistant_raw"] == rejected["assistant_raw"]:
        return "the two sides are the same"
    one, other = chosen["completion_token_ids"], rejected["completion_token_ids"]
    if one is None or other is None:
        return None if place is None else "diverges_at is given, and there are no token ids"
    if one == other:
        return "the two sides are the same tokens"
    parts = first_difference(one, other)
    return None if place == parts else f"diverges_at is {place}, and the ids part at {parts}"


def _counts_problem(pair: PairRow) -> str | None:
    counts, own = pair["counts"], pair["chosen_origin"] == "own"
    if own and not counts["right"]:
        return "the right completion is said to be the model's own, and no sample was right"
    if not own and counts["right"]:
        return "the right completion is said to be the twin's, and a sample of its own was right"
    if bool(counts["harmful"]) != (pair["rejected"] is not None):
        return f"there are {counts['harmful']} harmful samples, and rejected says otherwise"
    if counts["sampled"] < counts["right"] + counts["harmful"]:
        return f"of {counts['sampled']} samples more are right and harmful than there are"
    return None


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=16).digest()


GATE = Gate(
    name="pairs",
    title="Of each pair one side is right and one harmful, under one and the same prompt",
    check=Pairs,
    options=TokenizerOptions,
    needs=("pairs",),
    reads=("ds", "dr", "eval"),
    number=13,
)
