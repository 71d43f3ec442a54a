"""A probe as a picture: AUROC by layer, with every baseline and shuffled labels beside it.

In: a `ProbeReport`. Out: a PNG as bytes. Needs matplotlib, the extra `plot`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cb_datasets.probing.comparisons import WORDS, Comparison
from cb_datasets.probing.report import PLACE_WORDS, ProbeReport

_INK = "#333333"


@dataclass(frozen=True, slots=True)
class _Style:
    """How a line looks: by colour (Okabe and Ito's, which are told apart by every eye), by marker
    and by dashes, so that any one of them would do."""

    color: str
    marker: str
    dashes: Any = "-"
    width: float = 1.2


_PLACES = {
    "tool_name": _Style("#D55E00", "o", "-", 2),
    "completion": _Style("#0072B2", "s", (0, (6, 2)), 2),
}
_BASELINES = (
    _Style("#009E73", "^", (0, (1, 1.5))),
    _Style("#CC79A7", "v", (0, (4, 2, 1, 2))),
    _Style("#E69F00", "D", (0, (8, 3))),
    _Style("#56B4E9", "X", (0, (4, 2, 1, 2, 1, 2))),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a panel, and the words that stand at its end."""

    words: str
    style: _Style
    xs: Sequence[float]
    ys: Sequence[float]
    bounds: tuple[Sequence[float], Sequence[float]] | None = None


def layers_picture(report: ProbeReport) -> bytes:
    """The picture: one panel a comparison; the same report gives the same bytes."""
    # The object interface, without pyplot: no display is looked for, no figure stays open.
    from matplotlib.figure import Figure

    count = len(report.panels)
    columns = min(2, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(5.6 * columns, 3.9 * rows), layout="constrained")
    panels: Any = figure.subplots(rows, columns, sharey=True, squeeze=False)
    lowest = min([0.3, *(_lowest(found) - 0.03 for found in report.panels)])
    for axes, found in zip(panels.flat, report.panels, strict=False):
        axes.set_ylim(lowest, 1.03)
        axes.set_title(f"Ds against {WORDS[found.name]}", fontsize=10, loc="left", color=_INK)
        _draw(axes, found)
    for axes in panels[:, 0]:
        axes.set_ylabel("AUROC, 95 % interval", color=_INK)
    for axes in list(panels.flat)[count:]:
        axes.set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png", metadata={"Software": None})
    return buffer.getvalue()


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights for labels, near those wanted, in the same order, and `gap` apart where there is
    room.

    Example:
        >>> spread([0.5, 0.5, 0.9], 0.1, 0, 1)
        [0.5, 0.6, 0.9]
        >>> spread([0.95, 0.98], 0.25, 0.0, 1.0)
        [0.75, 1.0]
    """
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    heights: list[float] = []
    for number in order:
        least = heights[-1] + gap if heights else low
        heights.append(max(wanted[number], least))
    above = high
    for place in reversed(range(len(heights))):
        heights[place] = min(heights[place], above)
        above = heights[place] - gap
    found = dict(zip(order, heights, strict=True))
    return [found[number] for number in range(len(wanted))]


def _draw(axes: Any, found: Comparison) -> None:
    layers = sorted({layer for by_layer in found.layers.values() for layer in by_layer})
    first, last = layers[0], layers[-1]
    room_between_layers = last - first
    room = room_between_layers or 1
    axes.axhspan(found.shuffled.low, found.shuffled.high, color="#dddddd", zorder=0)
    middle = (found.shuffled.low + found.shuffled.high) / 2
    ends = [("shuffled labels", "#999999", float(last), middle)]
    for line in _lines(found, first, last):
        style = line.style
        axes.plot(
            *(line.xs, line.ys),
            color=style.color,
            marker=style.marker,
            linestyle=style.dashes,
            linewidth=style.width,
            markersize=5,
        )
        if line.bounds is not None and room_between_layers:
            axes.fill_between(line.xs, *line.bounds, color=style.color, alpha=0.13, linewidth=0)
        elif line.bounds is not None:
            axes.vlines(line.xs, *line.bounds, color=style.color, linewidth=style.width)
        ends.append((f"{line.words} {line.ys[-1]:.2f}", style.color, line.xs[-1], line.ys[-1]))
    bottom, top = axes.get_ylim()
    heights = spread([y for *_, y in ends], 0.062 * (top - bottom), bottom + 0.02, top - 0.02)
    for (words, color, x, y), height in zip(ends, heights, strict=True):
        # Beside the lines, each with a thread to its own: a legend would have to be searched.
        at = last + 0.16 * room
        axes.plot([x, at], [y, height], color=color, linewidth=0.7, clip_on=False)
        axes.text(at + 0.02 * room, height, words, fontsize=8, color=_INK, va="center")
    axes.set_xlim(first - 0.05 * room, last + 0.85 * room)
    axes.set_xticks(_ticks(layers))
    axes.set_xlabel("layer", x=0.28 if room_between_layers else 0.05, color=_INK)
    axes.spines["bottom"].set_bounds(first, last)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.grid(True, color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)


def _lines(found: Comparison, first: float, last: float) -> list[_Line]:
    lines = []
    for place, by_layer in found.layers.items():
        values = [by_layer[layer] for layer in sorted(by_layer)]
        bounds = [one.low for one in values], [one.high for one in values]
        aurocs = [one.auroc for one in values]
        lines.append(_Line(PLACE_WORDS[place], _PLACES[place], sorted(by_layer), aurocs, bounds))
    for style, (name, one) in zip(_BASELINES, found.baselines.items(), strict=False):
        words = name.replace("_", " ")
        lines.append(_Line(f"only {words}", style, [first, last], [one.auroc, one.auroc]))
    return lines


def _ticks(layers: Sequence[int]) -> Sequence[int]:
    """At most nine layers, the first and the last among them."""
    if len(layers) <= 9:
        return layers
    return [layers[round(number * (len(layers) - 1) / 8)] for number in range(9)]


def _lowest(found: Comparison) -> float:
    shown = [one for by_layer in found.layers.values() for one in by_layer.values()]
    return min([found.shuffled.low, *(one.low for one in shown), *_aurocs(found)])


def _aurocs(found: Comparison) -> list[float]:
    return [one.auroc for one in found.baselines.values()]
