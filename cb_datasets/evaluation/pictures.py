"""An evaluation report as pictures: attack success by category, and a model before and after.

In: an `EvalReport`. Out: PNG files by name. Needs matplotlib, the extra `plot`.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cb_datasets.evaluation.metrics import Metric
from cb_datasets.quoting import printable

if TYPE_CHECKING:
    from cb_datasets.evaluation.report import EvalReport

# Told apart by every eye (Okabe and Ito), and by hatching where there is no colour at all.
_COLORS = ("#D55E00", "#0072B2")
_HATCHES = ("", "///")
_SHORT = {
    "asr": "attack success",
    "forced_call_asr": "forced-call success",
    "near_target_rate": "near the attacker's",
    "correct_under_attack": "right under attack",
    "capability": "right without attack",
    "refusal_rate": "improper refused",
    "over_refusal_rate": "harmless refused",
    "invalid_rate": "invalid",
}


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def pictures(report: EvalReport) -> dict[str, bytes]:
    """The pictures of a report that it has the figures for.

    Bars are shares, whiskers the wider of the two 95 % intervals.

    Args:
        report: The report.

    Returns:
        PNG files by name: `asr_by_category.png`, `asr_by_prefill.png`, `metrics.png`. The same
        report gives the same bytes.

    Example:
        >>> for name, content in pictures(report).items():  # doctest: +SKIP
        ...     (folder / name).write_bytes(content)
    """
    drawn = {}
    reports = [report] if report.compared is None else [report, report.compared]
    names = [_label(one.model["model"], 40) for one in reports]
    for file, title, what, metric in (
        ("asr_by_category.png", "Attack success rate by category", "category", "asr"),
        ("asr_by_prefill.png", "Forced-call success by prefill", "prefill_kind", "forced_call_asr"),
    ):
        series = [
            {value: found[metric] for value, found in one.by(what).items() if metric in found}
            for one in reports
        ]
        if series[0]:
            drawn[file] = _bars(title, series, names)
    series = [
        {short: one.metrics[name] for name, short in _SHORT.items() if name in one.metrics}
        for one in reports
    ]
    if series[0]:
        title = "Before and after" if report.compared is not None else "Metrics"
        drawn["metrics.png"] = _bars(title, series, names)
    return drawn


def _bars(title: str, series: Sequence[Mapping[str, Metric]], names: Sequence[str]) -> bytes:
    # The object interface, without pyplot: no display is looked for, no figure stays open.
    from matplotlib.figure import Figure

    labels = list(dict.fromkeys(label for bars in series for label in bars))
    figure = Figure(figsize=(max(5.5, 0.95 * len(labels) + 2), 4.4), layout="constrained")
    axes: Any = figure.subplots()
    width = 0.72 / len(series)
    for number, bars in enumerate(series):
        places = [n + width * (number - (len(series) - 1) / 2) for n in range(len(labels))]
        found = [
            (place, bars[label])
            for place, label in zip(places, labels, strict=True)
            if label in bars
        ]
        values = [metric.value for _, metric in found]
        below = [metric.value - metric.grouped_low for _, metric in found]
        above = [metric.grouped_high - metric.value for _, metric in found]
        axes.bar(
            [place for place, _ in found],
            values,
            width,
            yerr=[below, above],
            error_kw={"elinewidth": 1, "capsize": 2.5, "ecolor": "#333333"},
            color=_COLORS[number],
            hatch=_HATCHES[number],
            edgecolor="#ffffff",
            linewidth=0,
            label=names[number],
        )
    shown = [_label(label, 30) for label in labels]
    counted = [
        next(bars[label].denominator for bars in series if label in bars) for label in labels
    ]
    ticks = [f"{label}\nn = {count}" for label, count in zip(shown, counted, strict=True)]
    axes.set_xticks(range(len(labels)), ticks, rotation=30, ha="right", fontsize=9)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.yaxis.grid(True, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
    axes.set_title("share with 95 % interval", loc="left", fontsize=9, color="#555555")
    if len(series) > 1:
        # Outside: on the bars it would hide some.
        figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    content = io.BytesIO()
    # Without the library's version, which would change the bytes.
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()


def _label(text: str, limit: int) -> str:
    # A dollar sign would begin a formula.
    return printable(text, limit).replace("$", r"\$")
