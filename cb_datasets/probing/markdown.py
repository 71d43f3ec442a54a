"""A probe's report as Markdown."""

from __future__ import annotations

from typing import Any

from cb_datasets.probing.comparisons import PARTS, Comparison
from cb_datasets.probing.probes import Separation
from cb_datasets.probing.report import PLACE_WORDS, ProbeReport
from cb_datasets.quoting import printable


def probe_markdown(report: ProbeReport) -> str:
    """Verdict, AUROCs beside their baselines, by layer, and where the states lie."""
    name = printable(report.model["model"]).translate({ord(c): "\\" + c for c in "\\`*[]|_<>"})
    parts = [
        f"Model: {name}. {report.verdict}",
        _overview(report),
        *(_by_layer(found) for found in report.comparisons.values()),
        _left_out(report.headline),
        _places(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _overview(report: ProbeReport) -> str:
    lines = [
        "AUROC of linear probes out of fold, groups and equal calls kept apart, with 95 % "
        "intervals from drawing groups anew. The best layer is chosen on the same rows.",
        "",
        "| Ds against | rows | best state | length | tool name | bag of tokens to "
        "the name | bag of all tokens | shuffled labels (95 %) | state above best baseline "
        "| at the name, above what was read |",
        "|---|---:|---|---|---|---|---|---|---|---|",
    ]
    for name, found in report.comparisons.items():
        place, layer = found.best
        cells = [_shown(own) for own in found.baselines.values()]
        lines.append(
            f"| {PARTS[name][0]} | {found.ds} + {found.dr} | {_shown(found.best_auroc)}, layer "
            f"{layer} {PLACE_WORDS[place]} | {' | '.join(cells)} "
            f"| {found.shuffled.low:.3f} to {found.shuffled.high:.3f} | {_shown(found.gain)} "
            f"| {_shown(found.gain_at_name)} |"
        )
    return "\n".join(lines)


def _by_layer(found: Comparison) -> str:
    lines = [
        f"Against {PARTS[found.name][0]}, by layer:",
        "",
        "| layer | at the tool's name | over the completion |",
        "|---:|---|---|",
    ]
    for layer in found.layers["tool_name"]:
        cells = [_shown(found.layers[place][layer]) for place in PLACE_WORDS]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _left_out(found: Comparison) -> str:
    lines = []
    for what, own in found.left_out.items():
        if own:
            shown = ", ".join(f"{printable(name, 60)} {value:.3f}" for name, value in own.items())
            lines.append(f"- on a {what} the probe has not seen: {shown}")
        else:
            lines.append(f"- leave one {what} out: there is only one, or too few rows of each")
    return "\n".join(lines)


def _places(report: ProbeReport) -> str:
    twins, lines = report.twins, []
    if twins.harmful is not None:
        lines.append(
            f"- cosine of Ds to its benign twin: {twins.harmful:.3f} ({twins.pairs} rows), of safe "
            f"rows under attack: {_number(twins.safe)} ({twins.safe_pairs} rows)"
        )
    shares = ", ".join(f"{kind} {share:.1%}" for kind, share in report.nearer.items())
    lines.append(f"- Dr nearer to Ds than to Dr: {shares}")
    for name, own in report.likelihood["sets"].items():
        lines.append(
            f"- {name}: {own['model']:.3f} nats a token under the model, "
            f"{_number(own['generator'])} under the generator"
        )
    lines.append(f"- {report.likelihood['words']}")
    return "\n".join(lines)


def _shown(found: Separation) -> str:
    return f"{found.auroc:.3f} ({found.low:.3f} to {found.high:.3f})"


def _number(value: Any) -> str:
    return "unknown" if value is None else f"{value:.3f}"
