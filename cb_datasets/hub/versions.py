"""Versions of a dataset on the Hub: `v1.2.0`, and which number a change has to raise.

Rows only: patch. Columns or configs added: minor. Columns or configs removed, renamed or of another
type: major (https://semver.org, with the columns as the interface).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import HubError

if TYPE_CHECKING:
    from datasets import Features

_VERSION = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_STEPS = ("major", "minor", "patch")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version without pre-release parts."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """Its name on the Hub."""
        return f"v{self}"

    def raised(self, step: str) -> Version:
        """The next version of a step: "major", "minor" or "patch"."""
        if step == "major":
            return Version(self.major + 1, 0, 0)
        if step == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)


def read_version(text: str) -> Version:
    """A version from its text, with or without the v.

    Raises:
        HubError: It is none.

    Example:
        >>> read_version("1.2.0").tag
        'v1.2.0'
    """
    found = _VERSION.fullmatch(text) if text.isascii() else None
    if found is None:
        raise HubError(f"{text!r} is no version; three numbers such as 1.2.0 were expected")
    return Version(*map(int, found.groups()))


def versions_among(tags: Iterable[str]) -> list[Version]:
    """The versions among the tags of a repo, the oldest first."""
    version_tags = (tag for tag in tags if tag.startswith("v") and tag.isascii())
    return sorted(read_version(tag) for tag in version_tags if _VERSION.fullmatch(tag))


@dataclass(frozen=True, slots=True)
class Change:
    """What separates two versions.

    Attributes:
        step: The least step that it asks for.
        added: Configs and columns that are new.
        removed: Configs and columns that are gone, or have another type.
    """

    step: str
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        if self.removed:
            return f"{_listed(self.removed)} removed or of another type"
        if self.added:
            return f"{_listed(self.added)} added"
        return "rows only"


def change_between(old: Mapping[str, Features], new: Mapping[str, Features]) -> Change:
    """What a change of configs and their features asks for."""
    before, after = _columns(old), _columns(new)
    removed = tuple(name for name, kind in before.items() if after.get(name) != kind)
    added = tuple(name for name in after if name not in before)
    step = "major" if removed else "minor" if added else "patch"
    return Change(step, added, removed)


def check_step(version: Version, last: Version, change: Change) -> None:
    """Refuse a version that does not say what has changed since the last one.

    Raises:
        HubError: It is not above the last one, or raises too little.
    """
    least = last.raised(change.step)
    if version <= last:
        raise HubError(f"version {version} is not above the last one, {last}; {least} would be")
    raised = next(s for s in _STEPS if getattr(version, s) != getattr(last, s))
    if _STEPS.index(raised) > _STEPS.index(change.step):
        raise HubError(
            f"version {version} raises the {raised} number, and since {last} there is more than "
            f"that ({change}): {least} or above was expected"
        )


def _columns(configs: Mapping[str, Features]) -> dict[str, str]:
    """Every config and column with its type, nested ones by their path."""
    found: dict[str, str] = {}
    for config, features in configs.items():
        found[config] = "config"
        _add(found, config, dict(features))
    return found


def _add(found: dict[str, str], path: str, kind: Any) -> None:
    inner = getattr(kind, "feature", None)
    if isinstance(kind, Mapping):
        if path not in found:
            found[path] = "struct"
        for name, one in kind.items():
            _add(found, f"{path}.{name}", one)
    elif inner is not None:
        found[path] = "list"
        _add(found, f"{path}[]", inner)
    else:
        found[path] = str(getattr(kind, "dtype", None) or type(kind).__name__)


def _listed(names: tuple[str, ...]) -> str:
    # Below what is new or gone, everything is.
    tops = [n for n in names if not any(n != o and n.startswith((f"{o}.", f"{o}[")) for o in names)]
    return ", ".join(tops[:5]) + (f" and {len(tops) - 5} more" if len(tops) > 5 else "")
