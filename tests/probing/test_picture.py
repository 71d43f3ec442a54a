"""The lines of the probe's picture can be told apart, and each has its words beside it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cb_datasets.probing import picture
from cb_datasets.probing.comparisons import Comparison
from cb_datasets.probing.probes import Separation
from cb_datasets.probing.report import PLACE_WORDS

BASELINES = ("length", "tool_name", "bag_to_name", "bag_of_tokens")


def comparison(layers: list[int]) -> Comparison:
    by_layer = {layer: Separation(0.8, 0.7, 0.9) for layer in layers}
    return Comparison(
        name="attacked",
        ds=20,
        dr=30,
        layers={"tool_name": by_layer, "completion": by_layer},
        best=("tool_name", layers[-1]),
        baselines=dict.fromkeys(BASELINES, Separation(0.8, 0.7, 0.9)),
        gain=Separation(0, 0, 0),
        gain_at_name=Separation(0, 0, 0),
        shuffled=Separation(0.5, 0.4, 0.6),
    )


@pytest.mark.parametrize("layers", [[3], [1, 2, 3]])
def test_lines_differ_by_colour_by_marker_and_by_dashes(layers: list[int]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.set_ylim(0, 1)
    picture._draw(axes, comparison(layers))
    lines = [line for line in axes.lines if line.get_marker() != "None"]
    assert len(lines) == 6
    for of in ("get_color", "get_marker"):
        assert len({getattr(line, of)() for line in lines}) == 6
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 6  # type: ignore[attr-defined]
    # All end at the same height here, and yet no words lie upon others.
    words = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert {text.rpartition(" ")[0] for text in words} == {
        *("shuffled", *PLACE_WORDS.values()),
        *(f"only {name.replace('_', ' ')}" for name in BASELINES),
    }
    heights = sorted(words.values())
    assert all(above - below > 0.06 for below, above in pairwise(heights))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(0, 1), max_size=9), st.floats(0.01, 0.3))
def test_words_keep_their_order_and_their_distance(wanted: list[float], gap: float) -> None:
    found = picture.spread(wanted, gap, 0, 1)
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    heights = [found[number] for number in order]
    room = min(gap, 1 / max(1, len(wanted) - 1))
    assert all(above - below > room - 1e-9 for below, above in pairwise(heights))
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in heights)
