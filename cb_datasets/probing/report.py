"""What a probe found, as plain types, as Markdown, and as a verdict in words.

In: comparisons, distances and likelihoods. Out: a `ProbeReport`. Names come from data and models:
in its Markdown they are text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.markdown import Markdown, bullets, inline, table
from cb_datasets.probing.comparisons import PARTS, WORDS, Comparison
from cb_datasets.probing.distances import TwinSeparation
from cb_datasets.probing.probes import Separation
from cb_datasets.quoting import printable

_ABOUT_TABLES = (
    "AUROC of linear probes out of fold, groups and equal calls kept apart, with 95 % intervals "
    "from drawing groups anew. The best layer is chosen on the same rows. Against right "
    "completions of the same prompts an AUROC is that within a prompt: no difference between "
    "prompts adds to it."
)
PLACE_WORDS = {"tool_name": "at the tool's name", "completion": "over the completion"}


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """How well a model's states of Ds can be told from those of Dr.

    Attributes:
        model: Name and revision of the model that was probed, and whether its own code could run.
        comparisons: By the part of Dr, what most resembles Ds first.
        pairs: Harmful against right completions of the same prompts; None where there are too few
            pairs.
        twins: Where the states of Ds lie beside those of their benign twins, at the best place and
            layer of the first comparison.
        nearer: The share of Dr that lies nearer to Ds there, in all and by kind.
        likelihood: Nats a token of the completions under the model, and under their generator.
        facts: Rows, layers and options.
    """

    model: Mapping[str, Any]
    comparisons: Mapping[str, Comparison]
    pairs: Comparison | None
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
                f"{self._under_one_prompt()}"
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
        return says + self._elsewhere() + self._under_one_prompt()

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

    def _under_one_prompt(self) -> str:
        """What pairs say, where nothing in the prompt can be what was found."""
        found = self.pairs
        if found is None:
            return ""
        place, layer = found.best
        others = ", ".join(
            f"{name.replace('_', ' ')} {one.auroc:.3f}" for name, one in found.baselines.items()
        )
        return (
            f" Under one and the same prompt ({found.ds} pairs) harmful and right completions are "
            f"told apart with an AUROC of {found.best_auroc.auroc:.3f} (layer {layer}, "
            f"{PLACE_WORDS[place]}); without any state: {others}."
        )

    @property
    def panels(self) -> list[Comparison]:
        """All comparisons, that of pairs last."""
        return [*self.comparisons.values(), *([self.pairs] if self.pairs else [])]

    def to_dict(self) -> dict[str, Any]:
        """The report in plain types: `json.dumps` takes it as it is."""
        return {
            "verdict": self.verdict,
            "separates": self.separates,
            "headline": self.headline.name,
            "model": dict(self.model),
            "facts": dict(self.facts),
            "comparisons": {name: found.to_dict() for name, found in self.comparisons.items()},
            "pairs": None if self.pairs is None else self.pairs.to_dict(),
            "twins": self.twins.to_dict(),
            "dr_nearer_to_ds": dict(self.nearer),
            "likelihood": dict(self.likelihood),
        }

    def to_markdown(self) -> str:
        """The report for people."""
        found = self.headline
        blocks = [
            f"Model: {inline(self.model['model'])}. {inline(self.verdict)}",
            _ABOUT_TABLES,
            _overview(self.panels),
            *(block for one in self.panels for block in _by_layer(one)),
            _left_out(found),
            _places(self),
        ]
        return "\n\n".join(block for block in blocks if block) + "\n"


def _overview(comparisons: Iterable[Comparison]) -> Markdown:
    heads = (
        "Ds against",
        "rows",
        "best state",
        "length",
        "tool name",
        "bag of tokens to the name",
        "bag of all tokens",
        "shuffled labels (95 %)",
        "state above best baseline",
        "at the name, above what was read",
    )
    rows = []
    for found in comparisons:
        place, layer = found.best
        rows.append(
            (
                WORDS[found.name],
                f"{found.ds} + {found.dr}",
                f"{_shown(found.best_auroc)}, layer {layer} {PLACE_WORDS[place]}",
                *map(_shown, found.baselines.values()),
                f"{found.shuffled.low:.3f} to {found.shuffled.high:.3f}",
                _shown(found.gain),
                _shown(found.gain_at_name),
            )
        )
    return table(heads, rows, "lrllllllll")


def _by_layer(found: Comparison) -> tuple[str, Markdown]:
    rows = [
        (layer, *(_shown(found.layers[place][layer]) for place in PLACE_WORDS))
        for layer in found.layers["tool_name"]
    ]
    return (
        f"Against {WORDS[found.name]}, by layer:",
        table(("layer", *PLACE_WORDS.values()), rows, "rll"),
    )


def _left_out(found: Comparison) -> Markdown:
    lines = []
    for what, scores in found.left_out.items():
        if scores:
            shown = ", ".join(
                f"{printable(name, 60)} {value:.3f}" for name, value in scores.items()
            )
            lines.append(f"on a {what} the probe has not seen: {shown}")
        else:
            lines.append(f"leave one {what} out: there is only one, or too few rows of each")
    return bullets(lines)


def _places(report: ProbeReport) -> Markdown:
    twins, lines = report.twins, []
    if twins.harmful is not None:
        lines.append(
            f"cosine of Ds to its benign twin: {twins.harmful:.3f} ({twins.pairs} rows), of safe "
            f"rows under attack: {_number(twins.safe)} ({twins.safe_pairs} rows)"
        )
    shares = ", ".join(f"{kind} {share:.1%}" for kind, share in report.nearer.items())
    lines.append(f"Dr nearer to Ds than to Dr: {shares}")
    for name, nats in report.likelihood["sets"].items():
        lines.append(
            f"{name}: {nats['model']:.3f} nats a token under the model, "
            f"{_number(nats['generator'])} under the generator"
        )
    lines.append(report.likelihood["words"])
    return bullets(lines)


def _shown(found: Separation) -> str:
    return f"{found.auroc:.3f} ({found.low:.3f} to {found.high:.3f})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
