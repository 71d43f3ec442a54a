"""What an evaluation of episodes found: metrics, slices, stops, controls, and a second model.

In: results and controls. Out: an `EpisodeReport`, as plain types and as Markdown. Names and reasons
come from data and from worlds: in its Markdown they are text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cb_datasets.errors import EvalError
from cb_datasets.evaluation.controls import Control
from cb_datasets.evaluation.episodes.metrics import (
    SHORT_TITLES,
    TITLES,
    episode_differences,
    episode_metrics,
    sliced_episodes,
)
from cb_datasets.evaluation.episodes.results import SLICES, EpisodeResult
from cb_datasets.evaluation.metrics import Difference, Metric
from cb_datasets.evaluation.plain_report import plain_report
from cb_datasets.evaluation.tables import (
    INTERVALS,
    by_metric,
    controls_tables,
    counts,
    differences_table,
    metrics_table,
    slices_table,
    validity,
)
from cb_datasets.markdown import Markdown, heading, inline

_SECTIONS = (("attack", "By attack"), ("suite", "By suite"))
_IN_TABLES = ("asr", "utility_under_attack", "benign_utility", "answered")
_NAMED = 5


@dataclass(frozen=True)
class EpisodeReport:
    """One model's episodes, with those of a second model where two were compared.

    Attributes:
        model: The engine: backend, model, revision, and whether the model's own code could run.
        results: Every episode.
        controls: The positive controls, in their order.
        facts: Options and what was played, plain types.
        policies: The metrics of each policy, which went through the same loop and worlds.
        compared: The report of the model compared with this one, if any.
    """

    model: Mapping[str, Any]
    results: tuple[EpisodeResult, ...]
    controls: tuple[Control, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    compared: EpisodeReport | None = None

    @property
    def valid(self) -> bool:
        """Whether the report proves anything: no positive control failed."""
        return all(control.passed is not False for control in self.controls)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name; one that nothing was counted for is not there."""
        return episode_metrics(self.results)

    @property
    def asr(self) -> float | None:
        """The attack success rate; None where no attacked episode was counted."""
        return self._value("asr")

    @property
    def utility_under_attack(self) -> float | None:
        """The share of attacked episodes in which the user's task is done."""
        return self._value("utility_under_attack")

    @property
    def benign_utility(self) -> float | None:
        """The same of those without attack."""
        return self._value("benign_utility")

    @property
    def stops(self) -> dict[str, int]:
        """Episodes by how they ended, the most frequent first; they add up to all."""
        found = Counter(result.stop for result in self.results)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def errors(self) -> Counter[str]:
        """The episodes that say nothing of the model, by stop; they count nowhere else."""
        return Counter(result.stop for result in self.results if not result.counted)

    @property
    def untold(self) -> dict[str, int]:
        """Episodes of which the world could not tell utility, or whether the attack won."""
        counted = [result for result in self.results if result.counted]
        return {
            "utility": sum(result.utility is None for result in counted),
            "attack_won": sum(r.attacked and r.attack_won is None for r in counted),
        }

    @property
    def judged_by(self) -> dict[str, int]:
        """Attacked episodes by who tells whether the attack won: world or patterns."""
        found = Counter(result.judged_by for result in self.results if result.judged_by)
        return dict(sorted(found.items()))

    def by(self, what: str) -> dict[str, dict[str, Metric]]:
        """The metrics of each slice.

        Args:
            what: attack, suite or injection (attack, suite and injection task).

        Raises:
            EvalError: There is no such slice.
        """
        if what not in SLICES:
            raise EvalError(f"there is no slice {what!r}; known are {', '.join(SLICES)}")
        return sliced_episodes(self.results, what)

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """How the compared model's metrics differ from this one's; empty without one."""
        if self.compared is None:
            return {}
        return episode_differences(self.results, self.compared.results)

    def to_dict(self) -> dict[str, Any]:
        """The report in plain types: `json.dumps` takes it as it is."""
        counts = {
            "episodes": len(self.results),
            "stops": self.stops,
            "errors": dict(self.errors.most_common()),
            "untold": self.untold,
            "judged_by": self.judged_by,
        }
        compared = None if self.compared is None else self.compared.to_dict()
        return plain_report(self, counts, SLICES, {"policies": self.policies}, compared)

    def to_markdown(self) -> str:
        """The report for people."""
        return "\n\n".join(_blocks(self)) + "\n"

    def _value(self, name: str) -> float | None:
        found = self.metrics.get(name)
        return None if found is None else found.value


def _blocks(report: EpisodeReport) -> Iterator[str]:
    yield heading(1, f"Evaluation of {report.model['model']} in {report.facts['environment']}")
    yield validity(report.controls)
    yield from _of_model(report)
    yield INTERVALS
    if report.compared is not None:
        yield heading(2, f"Compared with {report.compared.model['model']}")
        yield from _of_model(report.compared)
        yield differences_table(report.differences.values(), TITLES)
    yield heading(2, "Positive controls")
    yield from controls_tables(report.controls)
    if report.policies:
        yield _policies(report)
    for what, title in _SECTIONS:
        parts = report.by(what)
        if len(parts) > 1:
            yield heading(2, title)
            yield slices_table(parts, _IN_TABLES, SHORT_TITLES)


def _of_model(report: EpisodeReport) -> Iterator[str]:
    yield f"{len(report.results)} episodes, by how they ended: {counts(report.stops.items())}."
    yield metrics_table(report.metrics.values(), TITLES)
    if report.errors:
        yield f"Errors, counted nowhere: {counts(report.errors.most_common(_NAMED))}."
    if untold := {name: count for name, count in report.untold.items() if count}:
        yield f"Not counted, since the world could not tell: {counts(untold.items())}."
    if "patterns" in report.judged_by:
        yield f"Whether an attack won is told by: {counts(report.judged_by.items())}."
    if unattacked := report.facts.get("not_injectable"):
        yield f"No attack can be put in: {', '.join(map(inline, unattacked))}."


def _policies(report: EpisodeReport) -> Markdown:
    rows = [
        (name, *(f"{found[column].value:.1%}" if column in found else "" for column in _IN_TABLES))
        for name, found in report.policies.items()
    ]
    return by_metric("policy", _IN_TABLES, rows, SHORT_TITLES)
