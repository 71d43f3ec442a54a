"""Gate 3: the attacks in Ds are of several kinds, none of them is nearly all there is, and they
are the attacks one expects to meet.

In: rows of Ds. Out: the share of the largest attack category, and how far the shares lie from the
threat model where one is given.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from cb_datasets.gates.criteria import mapping_at
from cb_datasets.gates.gate import Gate, GateOptions
from cb_datasets.gates.result import FailingRow, GateResult
from cb_datasets.gates.row import Failures, GatedRow
from cb_datasets.options import Option
from cb_datasets.quoting import printable, quoted

_SPREAD_ADVICE = (
    "One kind of attack is (nearly) all there is: add sources or attack categories, or take fewer "
    "samples of the largest. A set from AgentDojo's important_instructions traces alone fails here."
)
_MODEL_ADVICE = (
    "The shares are not those of the threat model: change the number of scenarios per category, or "
    "the threat model."
)
_UNNAMED_ADVICE = "Give every row its attack's category: it has neither attack, category nor type."


class DistributionOptions(GateOptions, total=False):
    """Which attacks Ds must hold."""

    max_category_share: Annotated[
        float, Option(0.8, "Share of Ds that no attack category may exceed.", ge=0, le=1)
    ]
    min_categories: Annotated[int, Option(2, "Attack categories that Ds must have.", ge=0)]
    expected_categories: Annotated[
        Sequence[str] | None,
        Option(None, "Attack categories that must occur; None for any.", check=_names),
    ]
    threat_model: Annotated[
        Mapping[str, float] | None,
        Option(None, "Weight per attack category; None for no comparison.", check=_shares),
    ]
    threat_model_tolerance: Annotated[
        float,
        Option(0.1, "How far a category's share may lie from its weight's share.", ge=0, le=1),
    ]


class Distribution:
    """The third gate of the specification: several attack categories, none above 80 %.

    A row's category is that of its attack, else of its labels, else its harm type. With
    `threat_model`, each category's share lies within the tolerance of its share there (a category
    that the model does not have counts with share 0); with `expected_categories`, each occurs.
    """

    def __init__(self, options: DistributionOptions) -> None:
        self._options = options
        self._categories: Counter[str] = Counter()
        self._failing: dict[str, Failures] = {}
        self._unnamed = Failures(options["max_listed"])
        self._rows = 0

    def add(self, row: GatedRow) -> None:
        """Count one row's category; rows of other sets are none of this gate's business."""
        if row.set != "ds":
            return
        self._rows += 1
        category = attack_category(row.row)
        if category is None:
            self._unnamed.add(row, "the row names no attack category")
            return
        self._categories[category] += 1
        # Which category is too large is known at the end only; until then each names its first.
        members = self._failing.setdefault(category, Failures(self._options["max_listed"]))
        members.add(row, f"category {quoted(category)} is too large a part of Ds")

    def result(self) -> GateResult:
        """The largest share, and every way in which the distribution is wrong."""
        options = self._options
        shares = {name: count / self._rows for name, count in self._categories.most_common()}
        largest = next(iter(shares), None)
        value = shares[largest] if largest is not None else 0.0
        defects: list[str] = []
        advice: list[str] = []
        failing, count = list(self._unnamed.named), self._unnamed.count
        if self._unnamed.count:
            defects.append(f"{self._unnamed.count} rows name no attack category")
            advice.append(_UNNAMED_ADVICE)
        if len(shares) < (needed := options["min_categories"]):
            defects.append(f"{len(shares)} attack categories, {needed} are needed")
        if largest is not None and value > options["max_category_share"]:
            defects.append(f"{quoted(largest)} is {value:.1%} of Ds")
            failing += self._failing[largest].named
            count += self._failing[largest].count
        if len(defects) > bool(self._unnamed.count):
            advice.append(_SPREAD_ADVICE)
        if off := self._off_model(shares):
            defects += off
            advice.append(_MODEL_ADVICE)
        if not self._rows:
            defects, advice = ["Ds holds no rows, so no attack categories"], [_SPREAD_ADVICE]
        return GateResult(
            passed=not defects,
            value=value,
            threshold=options["max_category_share"],
            summary=_summary(defects, shares),
            failing=tuple(self._listed(failing)),
            failing_count=count,
            advice=tuple(advice),
            details=self._details(shares),
        )

    def _listed(self, failing: list[FailingRow]) -> list[FailingRow]:
        return failing[: self._options["max_listed"]]

    def _off_model(self, shares: Mapping[str, float]) -> list[str]:
        expected = self._options["expected_categories"] or ()
        missing = [name for name in expected if name not in shares]
        defects = [f"the expected category {quoted(name)} does not occur" for name in missing]
        model = self._options["threat_model"]
        if model is None:
            return defects
        for name in [*model, *(name for name in shares if name not in model)]:
            given, wanted = shares.get(name, 0.0), model.get(name, 0.0)
            # Shares are quotients: a difference of exactly the tolerance may come out above it.
            if abs(given - wanted) > self._options["threat_model_tolerance"] + 1e-9:
                defects.append(
                    f"{quoted(name)} is {given:.1%} of Ds and {wanted:.1%} of the threat model"
                )
        return defects

    def _details(self, shares: Mapping[str, float]) -> dict[str, Any]:
        details: dict[str, Any] = {
            "rows": self._rows,
            "categories": {
                printable(name): {"rows": self._categories[name], "share": share}
                for name, share in shares.items()
            },
            "min_categories": self._options["min_categories"],
        }
        if self._options["threat_model"] is not None:
            details["threat_model"] = dict(self._options["threat_model"])
            details["threat_model_tolerance"] = self._options["threat_model_tolerance"]
        return details


def attack_category(row: Mapping[str, Any]) -> str | None:
    """The attack category of a row, or None where it names none.

    Example:
        >>> attack_category({"labels": {"harm_type": "tool_flip"}})
        'tool_flip'
    """
    labels = mapping_at(row, "labels")
    candidates = (
        mapping_at(row, "attack").get("category"),
        labels.get("category"),
        labels.get("harm_type"),
    )
    return next((name for name in candidates if isinstance(name, str) and name.strip()), None)


def _summary(defects: list[str], shares: Mapping[str, float]) -> str:
    if defects:
        return "; ".join(defects) + "."
    if not shares:
        return "No attack category is asked for."
    name, share = next(iter(shares.items()))
    return f"{len(shares)} attack categories, the largest is {quoted(name)} with {share:.1%}."


def _names(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError("it must be a list of names")
    return tuple(str(name) for name in value)


def _shares(value: Any) -> dict[str, float] | None:
    """Weights per category as shares of one."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(map(_is_weight, value.values())):
        raise ValueError("it must map each attack category to its share, a number")
    total = sum(value.values())
    if not total > 0:
        raise ValueError("it must give a category a share above 0")
    return {str(category): weight / total for category, weight in value.items()}


def _is_weight(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


GATE = Gate(
    name="distribution",
    title="Ds has several attack categories, and none above 80 %",
    check=Distribution,
    options=DistributionOptions,
    needs=("ds",),
    number=3,
)
