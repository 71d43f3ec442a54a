"""Where the marks of a chart stand: geometry only, which the template draws as SVG.

In: histograms and shares. Out: positions in the units of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cb_datasets.report_page.figures import Histogram

WIDTH = 640.0
BAND = 64.0
"""Width of a histogram, and height of one set's bars in it."""

_TICKS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, and what it says when it is pointed at."""

    x: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Band:
    """The bars of one set, with a mark at the median."""

    set: str
    bars: list[Bar]
    median: int
    median_x: float
    largest: int
    rows: int


@dataclass(frozen=True, slots=True)
class HistogramChart:
    """A histogram as it is drawn: a band for each set over one axis."""

    bands: list[Band]
    ticks: list[tuple[float, str]]
    logarithmic: bool


@dataclass(frozen=True, slots=True)
class Whisker:
    """A share and its interval, each from 0 to 1."""

    value: float
    low: float
    high: float


def histogram_chart(found: Histogram) -> HistogramChart:
    """Bars, medians and ticks of a histogram; each set's highest bar is as high as the band."""
    at = _axis(found)
    bands = []
    for name, own in found.series.items():
        highest = max(own["shares"])
        bars = []
        for number, (share, count) in enumerate(zip(own["shares"], own["counts"], strict=True)):
            left, right = found.edges[number], found.edges[number + 1]
            if count:
                title = f"{_whole(left)} to {_whole(right)} tokens: {count} rows ({share:.1%})"
                width = max(1.0, at(right) - at(left) - 1)
                bars.append(Bar(at(left), width, BAND * share / highest, title))
        bands.append(
            Band(name, bars, own["median"], at(own["median"]), own["largest"], own["rows"])
        )
    return HistogramChart(bands, _ticks(found, at), found.logarithmic)


def whisker(metric: Mapping[str, Any]) -> Whisker:
    """The share of a metric, with the wider of its intervals."""
    low, high = metric.get("low", metric["value"]), metric.get("high", metric["value"])
    return Whisker(
        float(metric["value"]),
        min(float(low), float(metric.get("grouped_low", low))),
        max(float(high), float(metric.get("grouped_high", high))),
    )


def _axis(found: Histogram) -> Callable[[float], float]:
    low, high = found.edges[0], found.edges[-1]

    def at(length: float) -> float:
        kept = min(max(length, low), high)
        if found.logarithmic:
            return WIDTH * math.log(kept / low) / math.log(high / low)
        return WIDTH * (kept - low) / (high - low)

    return at


def _ticks(found: Histogram, at: Callable[[float], float]) -> list[tuple[float, str]]:
    low, high = found.edges[0], found.edges[-1]
    if found.logarithmic:
        steps = (lead * 10**power for power in range(7) for lead in (1, 2, 5))
        return [(at(step), f"{step:,}") for step in steps if low <= step <= high]
    raw = (high - low) / _TICKS
    power = 10 ** math.floor(math.log10(max(raw, 1)))
    step = next(power * lead for lead in (1, 2, 5, 10) if power * lead >= raw)
    first = math.ceil(low / step)
    return [(at(n * step), f"{n * step:,}") for n in range(first, int(high // step) + 1)]


def _whole(length: float) -> str:
    return f"{length:,.0f}"
