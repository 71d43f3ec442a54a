"""A completion while it is read: what has been found so far, and where the next end stands.

In: the text, and what `parse` finds in it, from left to right. Out: a `ParsedCompletion`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.llama31.tokens import MARKS, Marks

CODE_FENCE = re.compile(r"^\s*```(?:\w+)?\s*$", re.MULTILINE)
"""A line that opens or closes a block of code in prose."""


@dataclass(slots=True)
class Reading:
    """A completion, and what has been read of it so far.

    `places` are the stretches of the text that hold calls, in order; a list holds several. The
    `marks` are the control tokens that it is read by.
    """

    text: str
    offered: frozenset[str] = frozenset()
    marks: Marks = MARKS
    calls: list[ToolCall] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    code: str | None = None
    end: str | None = None
    tagged: bool = False
    bare: bool = False
    begun: bool = False
    places: list[tuple[int, int]] = field(default_factory=list)
    stops: list[int] | None = None

    def stop(self, at: int) -> int:
        """Where the next end token or tag stands, from `at`: nothing broken reaches over it."""
        if self.stops is None:
            found, stopping = self.marks.pattern.finditer(self.text), self.marks.stops
            self.stops = [match.start() for match in found if match.group() in stopping]
        number = bisect_left(self.stops, at)
        return self.stops[number] if number < len(self.stops) else len(self.text)

    def take_calls(self, calls: list[ToolCall], start: int, end: int) -> None:
        """Calls, and where in the text they stand."""
        self.calls.extend(calls)
        self.places.append((start, end))

    def take_prose(self, start: int, stop: int, *, before_bare_call: bool = False) -> None:
        """Prose; the beginning of the completion is kept to the letter."""
        if start == stop:
            self.begun = True
            return
        text = self.text[start:stop]
        if self.begun:
            text = text.strip(" \t\r\n;")
        elif before_bare_call and not text.strip():
            text = ""
        self.begun = True
        if text:
            self.prose.append(text)

    def close(self, at: int) -> int:
        """The end token at `at` ends the completion; the position where nothing is left to read."""
        behind = self.text.index("|>", at) + 2
        self.end = self.marks.end_names[self.text[at:behind]]
        if behind < len(self.text) and self.text[behind:].replace(self.marks.pad, "").strip():
            self.problems.append("text follows the end token")
        return len(self.text)

    def ends_at(self, at: int) -> bool:
        """Whether an end token stands at a position."""
        return self.text.startswith(self.marks.end_tokens, at)

    def parsed(self) -> ParsedCompletion:
        """What was read."""
        if self.tagged and not self.calls and self.code is None and not self.problems:
            self.problems.append(f"nothing follows {self.marks.tag}")
        prose = self.prose
        if self.bare and "```" in self.text:
            prose = [part for part in (CODE_FENCE.sub("", p) for p in prose) if part.strip()]
        return ParsedCompletion(
            content="\n".join(prose),
            calls=tuple(self.calls),
            code=self.code,
            end=self.end,
            tagged=self.tagged,
            problems=tuple(self.problems),
        )
