"""Which assistant turns of a trace become scenarios."""

from __future__ import annotations

from cb_datasets.options import Option

TURNS = ("all", "first", "decisive")
"""Every decision; the first one; or the one that tells: the first turn with an attacker's call,
else the first after the injection came into view, and without an attack the first right call."""


def turns_option(default: str | None, doc: str) -> Option:
    """The option `turns` of a source.

    Args:
        default: One of `TURNS`, or None.
        doc: What they mean where this differs from source to source.
    """
    return Option(
        default, f"Which turns become scenarios: {', '.join(TURNS)}. {doc}", choices=TURNS
    )
