"""Secrets by their form: keys and tokens of well-known services, whoever they belong to.

In: a text. Out: the names of the rules that find one in it, never the secret. The rules are those
of detect-secrets that go by a form of their own, and some that it lacks; nothing is sent anywhere
to verify a find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

_LACKING = {
    "hugging-face-token": r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}",
    "github-token": r"github_pat_[A-Za-z0-9_]{20,}|(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{30,}",
    "google-api-key": r"(?<![A-Za-z0-9])AIza[0-9A-Za-z_-]{35}",
    "private-key": r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
    "sk-key": (
        r"(?<![A-Za-z0-9])sk-(?![A-Za-z0-9_-]*T3BlbkFJ)(?:[A-Za-z0-9]{20,}"
        r"|(?:ant|proj|or|admin|svcacct)-[A-Za-z0-9_-]{20,})"
    ),
}
# Words beside a value, and addresses, are what data consist of.
_NO_FORM = ("secret-keyword", "public-ip-ipv4")

_WINDOW, _OVERLAP = 4096, 2048


def secrets_in(text: str) -> list[str]:
    """The rules that find a secret in a text.

    Example:
        >>> secrets_in("export HF_TOKEN=hf_" + "aB3" * 12), secrets_in("SORT_KEY=evil_tool")
        (['hugging-face-token'], [])
    """
    return [
        name
        for name, finds in secret_rules().items()
        if any(find(part) for find in finds for part in _windows(text))
    ]


@cache
def secret_rules() -> dict[str, list[Callable[[str], bool]]]:
    """What finds a secret, by the name of the rule."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    rules: dict[str, list[Callable[[str], bool]]] = {}
    detectors: Mapping[str, type] = get_mapping_from_secret_type_to_class()
    for title, detector in detectors.items():
        name = re.sub(r"\W+", "-", title.lower()).strip("-")
        if issubclass(detector, RegexBasedDetector) and name not in _NO_FORM:
            rules.setdefault(name, []).append(_finder(detector().analyze_string))
    for name, pattern in _LACKING.items():
        rules.setdefault(name, []).append(_searcher(re.compile(pattern)))
    return dict(sorted(rules.items()))


def _finder(analyze: Callable[[str], Iterator[str]]) -> Callable[[str], bool]:
    return lambda text: any(True for _ in analyze(text))


def _searcher(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _windows(text: str) -> Iterator[str]:
    """A text in parts that overlap, since some rules take the square of a line's length."""
    if len(text) <= _WINDOW:
        yield text
        return
    for start in range(0, len(text) - _OVERLAP, _WINDOW - _OVERLAP):
        yield text[start : start + _WINDOW]
