"""Gate: nothing of the eval set was trained on.

In: rows of Ds, Dr, pairs and eval. Out: how many eval rows share a group, a scenario, a twin or a
request with a training row, or have nearly the same prompt. Kept are the names of groups and
scenarios, 16 bytes for each request, and 128 for each distinct prompt; the prompts lie in a
temporary file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from cb_datasets.errors import GateError
from cb_datasets.gates.distinct_texts import DistinctTexts
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import GateResult, NotRun
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.gates.shapes import MINIMAL_ROWS
from cb_datasets.options import Option
from cb_datasets.prompt_text import first_request, prompt_text
from cb_datasets.quoting import printable, quoted
from cb_datasets.records import EvalRow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ADVICE = (
    "Rows of the eval set were trained on, and measure memory: build all three sets in one run, "
    "which keeps groups, twins and near copies on one side, or take the named rows out."
)
_BATCH = 256
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


class LeakageOptions(GateOptions, total=False):
    """How alike prompts may be."""

    near_copy: Annotated[
        float,
        Option(0.8, "Similarity of prompts from which one gives the other away.", ge=0, le=1),
    ]
    embed: Annotated[
        Callable[[Sequence[str]], Any] | None,
        Option(
            None,
            "Gives texts their vectors, `(n,) -> (n, d)`: prompts are then compared by these, too.",
        ),
    ]
    embedded_copy: Annotated[
        float,
        Option(0.95, "Cosine of two such vectors from which one gives the other away.", ge=0, le=1),
    ]


class Leakage:
    """No eval row shares anything with Ds, Dr or pairs.

    In this order: the group, the scenario or its twin, a prompt (user messages and tool results)
    that is the same or nearly so, with `embed` one whose vector is nearly the same, and the request
    that the row begins with, the attack aside: groups may have been renamed. Each row counts once.
    Texts are compared as they look: letters that nobody sees, and look-alikes of other alphabets,
    hide no copy. A row that cannot be read is for the format gate.

    Measured: none in the demo build and in builds of AgentDojo, at a similarity of 0.8.
    """

    def __init__(self, options: LeakageOptions) -> None:
        self._options = options
        self._failures = Failures(options["max_listed"])
        self._kinds: Counter[str] = Counter()
        self._groups: dict[str, str] = {}
        self._scenarios: dict[str, str] = {}
        self._requests: dict[bytes, str] = {}
        self._texts = DistinctTexts()
        self._trained: dict[int, str] = {}
        self._held: dict[int, list[tuple[GatedRow, str | None]]] = {}
        self._rows: Counter[str] = Counter()

    def add(self, row: GatedRow) -> None:
        """Remember a training row, or look an eval row up among them: eval is read last."""
        if row.eval is not None:
            self._rows["eval"] += 1
            self._look_up(row, row.eval)
        if (training := row.training or row.pair) is None:
            return
        self._rows["train"] += 1
        _remember(self._groups, training["group"], row.id)
        for scenario in (training["provenance"]["scenario_id"], training["twin_id"]):
            _remember(self._scenarios, scenario, row.id)
        if (request := _request(row.row)) is not None:
            self._requests.setdefault(request, row.id)
        if text := _prompt(row.row):
            self._trained.setdefault(self._texts.add(text), row.id)

    def result(self) -> GateResult | NotRun:
        """The number of eval rows that share something with a training row."""
        if not self._rows["train"]:
            return NotRun(MINIMAL_ROWS)
        if not self._rows["eval"]:
            return NotRun("the eval set holds no rows")
        for number, copy in self._near_copies():
            self._count(number, "near_copy", f"nearly the prompt of {self._trained[copy]}")
        if self._options["embed"] is not None:
            for number, copy in self._embedded_copies():
                self._count(number, "embedding", f"means nearly what {self._trained[copy]} does")
        for row, begun in chain.from_iterable(self._held.values()):
            if begun is not None:
                self._fail(row, "request", f"begins with the request of {begun}")
        count = self._failures.count
        return GateResult(
            passed=not count,
            value=count,
            threshold=0,
            summary=f"{count or 'None'} of {self._rows['eval']} eval rows "
            f"{'shares' if count in (0, 1) else 'share'} a group, twin, request or near copy with "
            f"{self._rows['train']} training rows.",
            failing=tuple(self._failures.named),
            failing_count=count,
            advice=(_ADVICE,) if count else (),
            details={
                "rows": dict(self._rows),
                "distinct_prompts": len(self._texts),
                "shared": dict(self._kinds.most_common()),
                "embeddings": "compared" if self._options["embed"] else "not checked: none given",
            },
        )

    def _look_up(self, row: GatedRow, held: EvalRow) -> None:
        group, scenario, twin = held["group"], held["scenario_id"], held["twin_id"]
        if (name := _known(self._groups, group)) is not None:
            self._fail(row, "group", f"group {quoted(group)}, as in {name}")
        elif (name := _known(self._scenarios, scenario)) is not None:
            self._fail(row, "scenario", f"scenario {quoted(scenario)}, as in {name}")
        elif (name := _known(self._scenarios, twin)) is not None:
            self._fail(row, "twin", f"its twin {quoted(twin)} is in training, as {name}")
        elif text := _prompt(row.row):
            number = self._texts.add(text)
            if number in self._trained:
                self._fail(row, "same_prompt", f"the prompt of {self._trained[number]}")
            else:
                # The row itself may be large: what is reported of it is its name.
                named = GatedRow(row.set, row.id, {})
                begun = self._requests.get(_request(row.row) or b"")
                self._held.setdefault(number, []).append((named, begun))

    def _fail(self, row: GatedRow, kind: str, reason: str) -> None:
        self._kinds[kind] += 1
        self._failures.add(row, reason)

    def _count(self, number: int, kind: str, reason: str) -> None:
        for row, _ in self._held.pop(number, ()):
            self._fail(row, kind, reason)

    def _near_copies(self) -> Iterator[tuple[int, int]]:
        import numpy as np

        held = np.zeros(len(self._texts), bool)
        held[list(self._held)] = True
        found = np.zeros(len(self._texts), bool)

        def comparable(
            firsts: npt.NDArray[np.intp], others: npt.NDArray[np.intp]
        ) -> npt.NDArray[np.bool_]:
            crosses: npt.NDArray[np.bool_] = held[firsts] != held[others]
            return crosses

        for first, other in self._texts.index.pairs(
            self._options["near_copy"], comparable, gone=found
        ):
            number, copy = (first, other) if held[first] else (other, first)
            if not found[number]:
                found[number] = True
                yield number, copy

    def _embedded_copies(self) -> Iterator[tuple[int, int]]:
        import numpy as np

        held, trained = list(self._held), list(self._trained)
        if not held:
            return
        vectors = np.concatenate([v for _, v in self._vectors(held)])
        best, nearest = np.full(len(held), -1.0), np.zeros(len(held), int)
        for start, part in self._vectors(trained):
            cosines = vectors @ part.T
            rows, at = np.arange(len(held)), cosines.argmax(axis=1)
            better = cosines[rows, at] > best
            best[better], nearest[better] = cosines[rows, at][better], (start + at)[better]
        for place in np.flatnonzero(best >= self._options["embedded_copy"]).tolist():
            yield held[place], trained[int(nearest[place])]

    def _vectors(self, numbers: list[int]) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Unit vectors of texts, batch by batch, each with the place of its first."""
        import numpy as np

        for start in range(0, len(numbers), _BATCH):
            texts = [self._texts.index.text(n) for n in numbers[start : start + _BATCH]]
            try:
                given = self._options["embed"](texts) if self._options["embed"] else []
                part = np.asarray(given, np.float32)
            except Exception as error:
                raise GateError(f"embed failed: {printable(error, 200)}") from error
            if part.ndim != 2 or len(part) != len(texts):
                raise GateError(
                    f"embed gave an array of shape {part.shape} for {len(texts)} texts; one vector "
                    "a text was expected"
                )
            yield start, part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)


def _prompt(row: Mapping[str, Any]) -> str:
    try:
        return prompt_text(row)
    except _UNREADABLE:
        return ""


def _request(row: Mapping[str, Any]) -> bytes | None:
    try:
        asked = first_request(row)
    except _UNREADABLE:
        return None
    data = asked.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest() if asked else None


def _remember(names: dict[str, str], name: object, row_id: str) -> None:
    if isinstance(name, str) and name:
        names.setdefault(name, row_id)


def _known(names: Mapping[str, str], name: object) -> str | None:
    return names.get(name) if isinstance(name, str) else None


GATE = Gate(
    name="leakage",
    title="No row of eval shares a group, scenario, twin, request or near copy with Ds or Dr",
    check=Leakage,
    options=LeakageOptions,
    needs=("eval",),
    reads=("ds", "dr", "pairs"),
    number=8,
)
