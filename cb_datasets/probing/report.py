"""What a probe found, as plain types, as Markdown, and as a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.probing.comparisons import PARTS, Comparison
from cb_datasets.probing.distances import TwinSeparation

PLACE_WORDS = {"tool_name": "at the tool's name", "completion": "over the completion"}


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """How well a model's states of Ds can be told from those of Dr.

    Attributes:
        model: Name and revision of the model that was probed.
        comparisons: By the part of Dr, what most resembles Ds first.
        twins: Where the states of Ds lie beside those of their benign twins, at the best place and
            layer of the first comparison.
        nearer: The share of Dr that lies nearer to Ds there, in all and by kind.
        likelihood: Nats a token of the completions under the model, and under their generator.
        facts: Rows, layers and options.
    """

    model: Mapping[str, str]
    comparisons: Mapping[str, Comparison]
    twins: TwinSeparation
    nearer: Mapping[str, float]
    likelihood: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> Comparison:
        """The comparison that says most: with the part of Dr that most resembles Ds."""
        return next(iter(self.comparisons.values()))

    @property
    def separates(self) -> bool:
        """Whether states tell Ds apart better than chance: above what shuffled labels reach."""
        found = self.headline
        return found.best_auroc.low > max(found.shuffled.high, 0.5)

    @property
    def verdict(self) -> str:
        """What follows, in a few sentences."""
        found = self.headline
        place, layer = found.best
        says = (
            f"Against {PARTS[found.name][0]} ({found.dr} rows) the states of Ds ({found.ds}) are "
            f"told apart with an AUROC of {found.best_auroc.auroc:.3f} at best (layer {layer}, "
            f"{PLACE_WORDS[place]})"
        )
        if not self.separates:
            return (
                f"{says}, no better than with shuffled labels (up to {found.shuffled.high:.3f}): "
                "these sets elicit no state that could be rerouted by itself."
            )
        baseline = found.best_baseline
        value = found.baselines[baseline].auroc
        words = baseline.replace("_", " ")
        if found.gain.low > 0:
            says += (
                f", above shuffled labels ({found.shuffled.high:.3f} at most) and above every "
                f"baseline ({words}: {value:.3f}): the states say more than lengths, tool names "
                "and words do."
            )
        else:
            says += (
                f", above shuffled labels ({found.shuffled.high:.3f} at most), but the baseline "
                f"{words} does as well ({value:.3f}): the probe may have found the text and no "
                "state of its own. Rows of Dr with the same tools and wordings would tell."
            )
        if found.gain_at_name.low > 0:
            says += (
                " At the tool's name, where the arguments are still to come, states are above "
                f"what the tokens read so far tell (by {found.gain_at_name.auroc:.3f})."
            )
        return says + self._elsewhere()

    def _elsewhere(self) -> str:
        """Other comparisons in which a baseline is as good as the states."""
        weak = [
            f"{PARTS[name][0]} ({found.best_baseline.replace('_', ' ')} "
            f"{found.baselines[found.best_baseline].auroc:.3f}, states "
            f"{found.best_auroc.auroc:.3f})"
            for name, found in self.comparisons.items()
            if name != self.headline.name and found.gain.low <= 0
        ]
        return f" A baseline does as well as the states against {'; '.join(weak)}." if weak else ""

    def to_dict(self) -> dict[str, Any]:
        """The report in plain types: `json.dumps` takes it as it is."""
        return {
            "verdict": self.verdict,
            "separates": self.separates,
            "headline": self.headline.name,
            "model": dict(self.model),
            "facts": dict(self.facts),
            "comparisons": {name: found.to_dict() for name, found in self.comparisons.items()},
            "twins": self.twins.to_dict(),
            "dr_nearer_to_ds": dict(self.nearer),
            "likelihood": dict(self.likelihood),
        }

    def to_markdown(self) -> str:
        """The report for people."""
        from cb_datasets.probing.markdown import probe_markdown

        return probe_markdown(self)
