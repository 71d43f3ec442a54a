"""Where every scenario and every completion went, source by source; the numbers must add up.

In: the sets and what was left out of them. Out: one account a source:

    scenarios   = left out before sampling + held out for eval + judged
    completions = in Ds + in Dr (by kind) + rejected (by reason), and by outcome
    attacked    = in pairs + without a pair (by reason)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import BuildError
from cb_datasets.records import HarmLabels, Provenance, RetainLabels
from cb_datasets.schema import Record

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.dataset.tables import SetTables

_FAULT = "a fault of this library"


@dataclass(slots=True)
class SourceAccount:
    """The account of one source.

    Attributes:
        scenarios: Scenarios that were read.
        left_out: Scenarios that were not judged, by reason.
        eval: Scenarios held out for eval.
        judged: Scenarios of which completions were judged.
        completions: Completions that were judged, as counted when they were.
        eval_rows: Rows that were made of those held out, of which each has one and may have more.
        outcomes: Completions by the judge's outcome.
        ds: Completions in Ds.
        dr: Completions in Dr, by kind.
        rejected: Judged completions in neither, by reason.
        attacked: Attacked scenarios of which completions were judged, as counted then.
        pairs: Those of them in pairs.
        unpaired: The others, by reason (`pair_stats.UNPAIRED`).
    """

    scenarios: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    eval: int = 0
    judged: int = 0
    completions: int = 0
    eval_rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    ds: int = 0
    dr: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    attacked: int = 0
    pairs: int = 0
    unpaired: Counter[str] = field(default_factory=Counter)

    def adds_up(self) -> bool:
        """Whether nothing is missing and nothing is there twice."""
        scenarios = self.left_out.total() + self.eval + self.judged
        completions = self.ds + self.dr.total() + self.rejected.total()
        attacked = self.pairs + self.unpaired.total()
        return (scenarios, completions, attacked) == (
            self.scenarios,
            self.completions,
            self.attacked,
        )

    def to_dict(self) -> dict[str, Any]:
        """The account as plain JSON data, the largest counts first."""
        return {
            name: dict(sorted(value.items(), key=lambda item: (-item[1], item[0])))
            if isinstance(value, dict)
            else value
            for name, value in ((field.name, getattr(self, field.name)) for field in fields(self))
        }


def account(sets: SetTables) -> dict[str, SourceAccount]:
    """The account of each source, by name."""
    found: dict[str, SourceAccount] = defaultdict(SourceAccount)
    judged: dict[str, set[str]] = defaultdict(set)
    for source, count in sets.facts.get("scenarios", {}).items():
        found[source].scenarios = count

    def of_completion(provenance: Provenance, labels: HarmLabels | RetainLabels) -> SourceAccount:
        counts = found[provenance["source"]]
        judged[provenance["source"]].add(provenance["scenario_id"])
        counts.outcomes[labels["outcome"]] += 1
        return counts

    for provenance, harm in _labelled(sets.ds, HarmLabels):
        of_completion(provenance, harm).ds += 1
    for provenance, kept in _labelled(sets.dr, RetainLabels):
        of_completion(provenance, kept).dr[kept["kind"]] += 1
    columns = ("source", "scenario_id", "sample_index", "outcome", "reason")
    for row in zip(*(sets.rejected[name] for name in columns), strict=True):
        source, scenario_id, sample, outcome, reason = row
        counts = found[source]
        if sample is None:
            counts.left_out[reason] += 1
        else:
            judged[source].add(scenario_id)
            counts.outcomes[outcome] += 1
            counts.rejected[reason] += 1
    held_out = dict(zip(sets.eval["scenario_id"], sets.eval["source"], strict=True))
    for source in held_out.values():
        found[source].eval += 1
    for source, scenario_ids in judged.items():
        found[source].judged = len(scenario_ids)
    for source in sets.pairs["source"]:
        found[source].pairs += 1
    for source, reasons in sets.facts.get("unpaired", {}).items():
        found[source].unpaired.update(reasons)
    made = sets.facts.get("made", {})
    for source, counts in found.items():
        paired = counts.pairs + counts.unpaired.total()
        counts.attacked = made.get("attacked", {}).get(source, paired)
        counts.completions = made.get("completions", {}).get(source, counts.outcomes.total())
        counts.eval_rows = made.get("eval_rows", {}).get(source, 0)
    return dict(sorted(found.items()))


def _labelled(table: Dataset, record: type[Record]) -> Iterator[tuple[Provenance, Record]]:
    yield from zip(table["provenance"], table["labels"], strict=True)


def check_account(sets: SetTables) -> None:
    """Refuse sets in which a scenario or a completion is missing or there twice.

    Raises:
        BuildError: With the first account that does not add up.
    """
    for name in ("ds", "dr", "pairs", "eval"):
        rows = len(getattr(sets, name))
        if (ids := len(set(getattr(sets, name)["id"][:]))) != rows:
            raise BuildError(f"{name} has {rows} rows with {ids} ids, which is {_FAULT}")
    made = sum(sets.facts.get("made", {}).get("eval_rows", {}).values())
    if made != len(sets.eval):
        raise BuildError(f"eval has {len(sets.eval)} rows of {made}, which is {_FAULT}")
    for source, counts in account(sets).items():
        if not counts.adds_up():
            raise BuildError(
                f"the account of the source {source!r} does not add up, which is {_FAULT}: "
                f"{counts.to_dict()}"
            )
