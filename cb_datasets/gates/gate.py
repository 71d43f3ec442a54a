"""What a gate is, and which there are.

In: a name. Out: a `Gate`: what is known of it, its options, and the check that it makes. A gate is
one module in here that holds a `Gate`; another package adds one with an entry point of the group
`cb_datasets.gates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from typing_extensions import TypedDict

from cb_datasets.errors import GateError
from cb_datasets.judge.named import another_judge
from cb_datasets.options import Option, options_of
from cb_datasets.registry import Registry

if TYPE_CHECKING:
    from cb_datasets.gates.result import GateResult, NotRun
    from cb_datasets.gates.row import GatedRow


class GateOptions(TypedDict, total=False):
    """What all gates go by."""

    max_listed: Annotated[
        int, Option(100, "Failing rows that a result names; all are counted.", ge=0)
    ]
    judge: Annotated[
        Any,
        Option(
            None,
            "Judges rows whose attack has a goal that no call can show (`goal_met`): a judge or "
            "its name. Without one these count as not harmful: nothing can be recomputed.",
            check=another_judge,
        ),
    ]


class Check(Protocol):
    """One run of a gate: it sees every row of its sets once, and then says what it found."""

    def add(self, row: GatedRow) -> None:
        """See one row: all of Ds, then of Dr, of pairs, of eval, and of what is rejected."""

    def result(self) -> GateResult | NotRun:
        """What was found in the rows seen, or why nothing can be said of them."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate.

    Attributes:
        name: What it is called in reports.
        title: What holds where it passes, in one line.
        check: Makes a run of it from all of its options, by their names.
        options: Its options, beside those of `GateOptions`, which it extends.
        needs: The sets that it needs: "ds", "dr", "pairs", "eval" or "rejected".
        reads: The sets that it reads if they are there; one of them, if it needs none.
        number: Its place in reports: 1 to 5 are the gates of the specification; those without a
            number come last, by name.
    """

    name: str
    title: str
    check: Callable[[Any], Check]
    options: type[Mapping[str, Any]] = GateOptions
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    number: int | None = None


GATES = Registry(Gate, "gate", room="cb_datasets.gates", group="cb_datasets.gates", error=GateError)


def in_order(gates: Iterable[Gate]) -> list[Gate]:
    """Gates in the order of reports."""
    return sorted(gates, key=lambda gate: (gate.number is None, gate.number or 0, gate.name))


def find_gates() -> list[Gate]:
    """All gates, in the order of reports.

    Raises:
        GateError: One of another package cannot be loaded, or has an option of another gate under
            another meaning.

    Example:
        >>> [gate.name for gate in find_gates()][:2]
        ['format_validity', 'harmful_rate']
    """
    gates = in_order(GATES)
    meant: dict[str, tuple[Gate, Option]] = {}
    for gate in gates:
        for name, found in options_of(gate.options).items():
            other, option = meant.setdefault(name, (gate, found.option))
            if option != found.option:
                raise GateError(
                    f"the gates {other.name!r} and {gate.name!r} both have an option {name!r}, "
                    "with another meaning; expected another name in one of them"
                )
    return gates
