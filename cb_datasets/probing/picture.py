"""A probe as a picture: AUROC by layer, with the best baseline and shuffled labels beside it.

In: a `ProbeReport`. Out: a PNG as bytes. Needs matplotlib, the extra `plot`.
"""

from __future__ import annotations

import io
from typing import Any

from cb_datasets.probing.comparisons import PARTS
from cb_datasets.probing.report import PLACE_WORDS, ProbeReport

_COLORS = {"tool_name": "#b3422e", "completion": "#2f6f8f"}


def layers_picture(report: ProbeReport) -> bytes:
    """The picture: one panel a comparison; the same report gives the same bytes."""
    # The object interface, without pyplot: no display is looked for, no figure stays open.
    from matplotlib.figure import Figure

    count = len(report.comparisons)
    figure = Figure(figsize=(4.2 * count + 0.6, 3.8), layout="constrained")
    panels: Any = figure.subplots(1, count, sharey=True, squeeze=False)
    for axes, (name, found) in zip(panels[0], report.comparisons.items(), strict=True):
        for place, by_layer in found.layers.items():
            layers, values = list(by_layer), [one.auroc for one in by_layer.values()]
            axes.plot(layers, values, "o-", color=_COLORS[place], label=PLACE_WORDS[place])
            low, high = (
                [one.low for one in by_layer.values()],
                [one.high for one in by_layer.values()],
            )
            axes.fill_between(layers, low, high, color=_COLORS[place], alpha=0.15)
        for style, (baseline, one) in zip(
            ("--", ":", (0, (1, 4)), "-."), found.baselines.items(), strict=True
        ):
            words = baseline.replace("_", " ")
            axes.axhline(one.auroc, color="#555555", linestyle=style, label=words)
        axes.axhspan(found.shuffled.low, found.shuffled.high, color="#dddddd", label="shuffled")
        axes.set_title(f"against {PARTS[name][0]}", fontsize=9)
        axes.set_xlabel("layer")
        axes.set_ylim(0.3, 1.02)
    panels[0][0].set_ylabel("AUROC, 95 % interval")
    panels[0][-1].legend(fontsize=7, loc="lower right")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png", metadata={"Software": None})
    return buffer.getvalue()
