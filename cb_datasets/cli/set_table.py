"""What was made and what was left out, and why, as one table for a terminal."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from cb_datasets.quoting import printable
from cb_datasets.terminal import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cb_datasets.sets import Sets

_KEYS = {"ds": "by_category", "dr": "by_kind", "pairs": "by_origin", "eval": "by_kind"}
_LONGEST = 160


def set_table(sets: Sets, stats: Mapping[str, Any]) -> Table:
    """A line a set with what is in it, then a line a reason of what is in none.

    Args:
        sets: The sets.
        stats: Their `stats()`.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("set", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    for name, key in _KEYS.items():
        counts = stats[name]
        what = ", ".join(f"{kind} {count}" for kind, count in counts[key].items())
        table.add_row(name, str(counts["rows"]), shown(what))
    table.add_row("rejected", str(stats["rejected"]["rows"]), "")
    words = _usual_words(zip(sets.rejected["reason"], sets.rejected["detail"], strict=True))
    for reason, count in stats["rejected"]["by_reason"].items():
        said = f"{reason}: {words[reason]}" if words[reason] != reason else reason
        table.add_row("", str(count), shown(said, "red" if reason == "error" else ""))
    return table


def _usual_words(rejected: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By reason, what was said of most of its rows."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for reason, detail in rejected:
        found[reason][detail] += 1
    return {
        reason: printable(own.most_common(1)[0][0], _LONGEST)
        + (f" (and {len(own) - 1} like it)" if len(own) > 1 else "")
        for reason, own in found.items()
    }
