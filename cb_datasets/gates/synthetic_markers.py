"""Gate 5: no completion is a label that a pipeline wrote for people to read.

In: rows of Ds and Dr. Out: how many hold a marker of such labels in `assistant_raw`; one is one
too many, since it shows that a template, and no model, wrote the row.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass

from cb_datasets.gates.options import GateOptions
from cb_datasets.gates.quoting import printable
from cb_datasets.gates.result import GateResult
from cb_datasets.gates.row import Failures, GatedRow

_ADVICE = (
    "Rows hold labels where a completion should be: no model emits these. Generate the completions "
    "with a model, and use the source's labels for grading only."
)
_CONTEXT = 20


@dataclass(frozen=True, slots=True)
class Marker:
    """A text that stands in labels and not in completions.

    Attributes:
        name: The marker as it is usually written.
        pattern: All its spellings: any case, up to four white spaces where one may be.
        origin: Where it comes from.
    """

    name: str
    pattern: str
    origin: str


# A closing bracket followed by "(" makes a Markdown link, which models do write: "[Safe](https:…".
_CLOSE = r"\s{0,4}(?:\](?!\()|:)"

MARKERS = (
    Marker(
        "[TOOL_CALL]",
        r"\[\s{0,4}/?\s{0,4}tool[\s_-]{0,4}calls?" + _CLOSE,
        "specification; also [TOOL_CALLS: …] of augmented traces, and [TOOL_CALLS], which is "
        "another model family's token",
    ),
    Marker("(Expected:", r"\(\s{0,4}expected(?:[\s_-]tool)?\s{0,4}:", "specification"),
    Marker("[HARMFUL:", r"\[\s{0,4}harmful" + _CLOSE, "specification"),
    Marker(
        "[Harmful behavior executed]",
        r"\[\s{0,4}harmful\s{1,4}(?:behaviou?r|action|tool)",
        "stand-in completion of augmented attack traces",
    ),
    Marker(
        "injection caused flip",
        r"injection\s{1,4}caused\s{1,4}(?:a\s{1,4})?(?:tool[\s_-]{1,4})?flip",
        "second line of the [TOOL_CALL] label, specification",
    ),
    Marker(
        "[Calls X instead of Y]",
        r"\[\s{0,4}calls?\s[^\[\]\n]{1,100}\sinstead\s{1,4}of\s",
        "text form of the same label in augmented orchestrator traces",
    ),
    Marker(
        "used X due to prompt injection]",
        r"expected\s[^\[\]\n]{1,100}\sbut\s{1,4}used\s[^\[\]\n]{1,100}\sdue\s{1,4}to\s{1,4}"
        r"(?:prompt\s{1,4})?injection",
        "closing message of augmented orchestrator traces",
    ),
    Marker(
        "[SAFE:",
        r"\[\s{0,4}(?:safe|benign|refusal|refused)\s{0,4}:",
        "counterpart of [HARMFUL: in retain sets written from templates",
    ),
    Marker(
        "[EXPECTED:",
        r"\[\s{0,4}expected\s{0,4}:|"
        r"[\[<]\s{0,4}/?\s{0,4}(?:expected|observed|simulated)[\s_-]tool\s{0,4}[\]>:]",
        "the label's fields (expected_tool, observed_tool, simulated_tool) as tags",
    ),
    Marker(
        "[TOOL_FLIP]",
        r"\[\s{0,4}(?:tool[\s_-]{1,4}flip|attack[\s_-]{1,4}success(?:ful)?)" + _CLOSE,
        "harm type or outcome as a tag",
    ),
)
"""The markers, with where each comes from."""

_ANY = re.compile(
    "|".join(f"(?P<m{i}>{marker.pattern})" for i, marker in enumerate(MARKERS)), re.IGNORECASE
)


class SyntheticMarkers:
    """The fifth gate of the specification: no marker in any `assistant_raw` of Ds or Dr.

    A marker inside a call's argument fails too, even where the model may have quoted it from the
    prompt: such a row cannot be told from a label by its text, it is rare, and leaving it out costs
    nothing. The reason then says that the prompt holds the marker as well.
    """

    name = "synthetic_markers"

    def __init__(self, options: GateOptions) -> None:
        self._failures = Failures(options.max_listed)
        self._markers: Counter[str] = Counter()
        self._quoted = 0
        self._rows = 0

    def add(self, row: GatedRow) -> None:
        """Search one completion; eval rows have none."""
        if row.raw is None:
            return
        self._rows += 1
        found = find_marker(row.raw)
        if found is None:
            return
        marker, at = found
        self._markers[marker.name] += 1
        reason = f"{marker.name} in assistant_raw: {_around(row.raw, at)}"
        if _in_prompt(row, marker):
            self._quoted += 1
            reason += " (it also stands in the prompt: the model may have quoted it)"
        self._failures.add(row, reason)

    def result(self) -> GateResult:
        """The number of rows with a marker."""
        count = self._failures.count
        return GateResult(
            name=self.name,
            passed=count == 0,
            value=count,
            threshold=0,
            summary=f"{count or 'None'} of {self._rows} completions "
            f"{'holds' if count in (0, 1) else 'hold'} a synthetic marker.",
            failing=tuple(self._failures.named),
            failing_count=count,
            advice=(_ADVICE,) if count else (),
            details={
                "rows": self._rows,
                "markers": dict(self._markers.most_common()),
                "also_in_prompt": self._quoted,
            },
        )


def find_marker(text: str) -> tuple[Marker, int] | None:
    """The first marker in a text and where it begins, or None.

    Example:
        >>> find_marker("[ tool call ] search_web")[0].name
        '[TOOL_CALL]'
        >>> find_marker("It is [safe](https://example.org) to say so.")
    """
    match = _ANY.search(text)
    if match is None or match.lastgroup is None:
        return None
    return MARKERS[int(match.lastgroup[1:])], match.start()


def _in_prompt(row: GatedRow, marker: Marker) -> bool:
    try:
        prompt = json.dumps(row.row.get("messages"), ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return False
    return re.search(marker.pattern, prompt, re.IGNORECASE) is not None


def _around(text: str, at: int) -> str:
    return printable(text[max(0, at - _CONTEXT) :], 3 * _CONTEXT)
