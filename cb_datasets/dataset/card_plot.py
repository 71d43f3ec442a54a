"""The picture of a card: what completions turned out to be, and what Ds and Dr are made of.

In: counts. Out: SVG, written here: no drawing library is needed, and the same counts give the same
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from cb_datasets.quoting import printable

PLOT_NAME = "plots/counts.svg"

_WIDTH, _LABELS, _BAR = 720, 220, 380
_LINE, _HEAD = 22, 34
_MOST = 12
_COLORS = ("#4c6a92", "#b3422e", "#3b7d5b")


def counts_svg(panels: Mapping[str, Mapping[str, int]]) -> str:
    """Horizontal bars, a panel a heading, the largest counts first.

    Args:
        panels: Counts by name, by the panel's heading. Beyond the twelve largest they are summed.

    Example:
        >>> counts_svg({"Outcomes": {"refusal": 2}}).startswith("<svg")
        True
    """
    lines: list[str] = []
    at = 8
    for number, (heading, counts) in enumerate(panels.items()):
        bars = _largest(counts)
        total, top = sum(counts.values()), max(counts.values(), default=0)
        at += _HEAD
        lines.append(f'<text x="16" y="{at - 10}" class="head">{_text(heading)} ({total})</text>')
        for name, count in bars:
            width = max(1, round(_BAR * count / top)) if count else 0
            color = _COLORS[number % len(_COLORS)]
            lines += [
                f'<text x="{_LABELS - 8}" y="{at + 15}" text-anchor="end">{_text(name)}</text>',
                f'<rect x="{_LABELS}" y="{at + 3}" width="{width}" height="16" fill="{color}"/>',
                f'<text x="{_LABELS + width + 6}" y="{at + 15}">{count}</text>',
            ]
            at += _LINE
        at += 8
    height = at + 8
    style = "text{font:13px sans-serif;fill:#222}.head{font-weight:bold;font-size:14px}"
    # A ground of its own: on a dark page the letters would not be seen.
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Counts of the dataset">',
            f"<style>{style}</style>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *lines,
            "</svg>\n",
        ]
    )


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ordered) <= _MOST:
        return ordered
    rest = ordered[_MOST - 1 :]
    return [*ordered[: _MOST - 1], (f"{len(rest)} others", sum(count for _, count in rest))]


def _text(name: str) -> str:
    return escape(printable(name, 30))
