"""A row as the gates see it: parsed and judged once, for all of them.

In: the rows of a set, one at a time. Out: `GatedRow`s. Nothing a row holds raises: what cannot be
read is said in `problem`, and the row counts against the gates that need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cb_datasets.errors import FormatError, GateError
from cb_datasets.formats import ParsedCompletion, parse_completion
from cb_datasets.formats.known import named_format
from cb_datasets.gates.criteria import Criteria, criteria, mapping_at
from cb_datasets.gates.result import FailingRow
from cb_datasets.gates.shapes import has_library_shape, library_row
from cb_datasets.judge.outcome import Judge, Judgement, ask, judge
from cb_datasets.quoting import printable
from cb_datasets.records import CircuitBreakerRow, EvalRow, PairRow, RejectedRow, RetainRow
from cb_datasets.schema import Record, exact_rows

_UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True)
class GatedRow:
    """A row, its completion read again, and the judge's verdict on it.

    Attributes:
        set: "ds", "dr", "pairs", "eval" or "rejected".
        id: The row's id, made printable; its number where it has none.
        row: The row, as it was given; empty if it is no object.
        raw: `assistant_raw`, or None where it is no text.
        parsed: `raw`, parsed; None without it, in pairs, which have two, in eval, which has no
            completions, and in rejected, whose rows were judged when they were left out.
        asked: By what it was judged; None where there is nothing to judge.
        judgement: The outcome, recomputed; None where there is nothing to judge.
        problem: Why the row could not be read or judged, or None.
    """

    set: str
    id: str
    row: Mapping[str, Any]
    raw: str | None = None
    parsed: ParsedCompletion | None = None
    asked: Criteria | None = None
    judgement: Judgement | None = None
    problem: str | None = None

    @cached_property
    def ds(self) -> CircuitBreakerRow | None:
        """The row with all its columns, where it is one of Ds in the library's shape.

        Here and in the properties like it the columns are known (`shapes.library_row`), and
        what they hold is still to be looked at.
        """
        return self._whole("ds", CircuitBreakerRow)

    @cached_property
    def dr(self) -> RetainRow | None:
        """The row with all its columns, where it is one of Dr in the library's shape."""
        return self._whole("dr", RetainRow)

    @cached_property
    def pair(self) -> PairRow | None:
        """The row with all its columns, where it is one of pairs."""
        return self._whole("pairs", PairRow)

    @cached_property
    def eval(self) -> EvalRow | None:
        """The row with all its columns, where it is one of eval."""
        return self._whole("eval", EvalRow)

    @cached_property
    def rejected(self) -> RejectedRow | None:
        """The row with all its columns, where it is one of rejected."""
        return self._whole("rejected", RejectedRow)

    @property
    def training(self) -> CircuitBreakerRow | RetainRow | None:
        """`ds` or `dr`, whichever it is."""
        return self.ds or self.dr

    def _whole(self, set_name: str, record: type[Record]) -> Record | None:
        if self.set != set_name or not has_library_shape(self.row, set_name):
            return None
        return library_row(self.row, record)

    @property
    def outcome(self) -> str:
        """The judge's outcome; "error" where there is none."""
        return self.judgement.outcome if self.judgement else "error"


@dataclass(slots=True)
class Failures:
    """The rows that count against a gate: all counted, the first `limit` named."""

    limit: int
    count: int = 0
    named: list[FailingRow] = field(default_factory=list)

    def add(self, row: GatedRow, reason: str) -> None:
        """Count a row, with what is wrong with it."""
        self.count += 1
        if len(self.named) < self.limit:
            self.named.append(FailingRow(row.set, row.id, reason))

    def take(self, others: Failures) -> None:
        """Count the rows that others have counted."""
        self.count += others.count
        self.named += others.named[: max(0, self.limit - len(self.named))]


def gated_rows(rows: Any, set_name: str, goal_judge: Judge | None = None) -> Iterator[GatedRow]:
    """Read a set once, from its first row to its last.

    Args:
        rows: A `Dataset`, an `IterableDataset`, any iterable of dict rows, or a mapping of splits
            to these.
        set_name: "ds", "dr", "pairs", "eval" or "rejected".
        goal_judge: See the option `judge` of `GateOptions`.

    Raises:
        GateError: If `rows` is no set of rows.
    """
    for number, row in enumerate(_plain_rows(rows, set_name)):
        yield gated_row(row, set_name, number, goal_judge)


def row_format(row: Mapping[str, Any]) -> str | None:
    """The name of the format that a row says it is written in."""
    provenance = row.get("provenance")
    named = row.get("format")
    if named is None and isinstance(provenance, Mapping):
        named = provenance.get("format")
    return named if isinstance(named, str) else None


def own_marks(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What the model of a row writes around calls, and is no debug label of it."""
    try:
        known = named_format(row_format(row))
    except FormatError:
        return ()
    return (*known.inside, *known.markup)


def gated_row(
    row: Any, set_name: str, number: int = 0, goal_judge: Judge | None = None
) -> GatedRow:
    """Read, parse and judge one row.

    Example:
        >>> gated_row({"id": "a", "assistant_raw": 5}, "ds").problem
        'assistant_raw is no text'
    """
    if not isinstance(row, Mapping):
        name = f"row {number} of {set_name}"
        return GatedRow(set_name, name, {}, problem=f"the row is a {type(row).__name__}")
    given = row.get("id")
    row_id = printable(given) if isinstance(given, str) and given else f"row {number} of {set_name}"
    if set_name in ("pairs", "eval", "rejected"):
        return GatedRow(set_name, row_id, row)
    raw = row.get("assistant_raw")
    if not isinstance(raw, str):
        return GatedRow(set_name, row_id, row, problem="assistant_raw is no text")
    try:
        parsed = parse_completion(raw, tools=_listed(row, "tools"), format=row_format(row))
    except FormatError as error:
        return GatedRow(set_name, row_id, row, raw=raw, problem=str(error))
    asked = criteria(row, set_name)
    judgement, problem = _judged(parsed, asked, row)
    if goal_judge is not None and claims_goal(row) and judgement is not None:
        asked = Criteria(asked.expected, mapping_at(row, "attack"))
        judgement, problem = _judged(parsed, asked, row, goal_judge)
    return GatedRow(set_name, row_id, row, raw, parsed, asked, judgement, problem)


def claims_goal(row: Mapping[str, Any]) -> bool:
    """Whether a row claims that an attack reached a goal that no call can show.

    Example:
        >>> claims_goal({"attack": {"targets": []}, "labels": {"harm_type": "goal_met"}})
        True
    """
    attack, labels = mapping_at(row, "attack"), mapping_at(row, "labels")
    return bool(attack) and not attack.get("targets") and labels.get("harm_type") == "goal_met"


def _judged(
    parsed: ParsedCompletion, asked: Criteria, row: Mapping[str, Any], given: Judge | None = None
) -> tuple[Judgement | None, str | None]:
    finish_reason = row.get("finish_reason")
    try:
        judgement = ask(
            given or judge,
            parsed,
            expected=asked.expected,
            attack=asked.attack,
            finish_reason=finish_reason if isinstance(finish_reason, str) else "stop",
            tools=_listed(row, "tools"),
            messages=_listed(row, "messages"),
        )
    except Exception as error:
        if given is not None:
            return None, printable(f"the judge failed: {error!r}", 200)
        if not isinstance(error, _UNREADABLE):
            raise
        # The judge reads rows of the library; one with other types in `expected` or `attack` is
        # a row that fails, not a run that does.
        return None, printable(f"expected or attack cannot be read: {error}", 200)
    return judgement, None


def _listed(row: Mapping[str, Any], name: str) -> list[Any] | None:
    value = row.get(name)
    return value if isinstance(value, list) else None


def _plain_rows(rows: Any, set_name: str) -> Iterator[Any]:
    if isinstance(rows, Mapping):
        # A DatasetDict, as `load_dataset` gives it without a split.
        for split in rows.values():
            yield from _plain_rows(split, set_name)
        return
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise GateError(
            f"{set_name} is a Dataset or an iterable of rows, not a {type(rows).__name__}"
        )
    if hasattr(rows, "with_format"):
        # Rows as numpy arrays or tensors would not be the rows that were written, and neither are
        # those of `Json()` columns, which come rounded.
        rows = exact_rows(rows) if getattr(rows, "features", None) else rows.with_format(None)
    yield from rows
