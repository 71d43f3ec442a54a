"""Words that may be a label, as they stand on their line: what tells a label from prose."""

from __future__ import annotations

import re
from dataclasses import dataclass

_JOINED = re.compile(r"[A-Za-z][_-][A-Za-z]|[a-z][A-Z]|^(?i:tool(?:calls?|flip|use))$")
_IDENTIFIER = re.compile(r"[A-Za-z0-9]_[A-Za-z0-9]|[a-z][A-Z]|[a-z]\.[a-z]{3}")
_FIRST_WORD = re.compile(r"[\s'\"(\[<{]{0,4}([A-Za-z][\w.-]{0,80})")
_TOOL_VERBS = frozenset(
    {"search", "retrieve", "lookup", "fetch", "query", "browse", "calculate", "calculator", "send"}
    | {"read", "write", "delete", "get", "list", "update", "create", "book", "translate"}
)
_SEPARATOR = re.compile(
    r"[\s'\"]{0,4}(?:[-=]{1,2}>|[:=|>]|\u2192|\s-{1,2}\s|\bis\b|\bwas\b)\s{0,4}", re.I
)
_CLOSE = re.compile(r"[\s/|-]{0,4}[\])}>]{1,3}(?!\((?:\w+:|www\.|[#/.]))")
_CLOSING = {"": r"\n", "[": r"\]", "(": r"\)", "{": r"\}", "<": r"<|-->|>$"}
_CONTROL = re.compile(r"<\|[^|<>\n]{1,40}\|>")
_MARKUP = re.compile(r"[\s>#\u2022_~|-]")
_NOTHING_MORE = re.compile(r"[\s.:!_~|-]*(?:[{<].*)?", re.DOTALL)
_REACH = 240


@dataclass(frozen=True, slots=True)
class Place:
    """Words that may be a label, and what stands around them on their line.

    Attributes:
        opened: The bracket before them, or nothing.
        said: The words.
        before: What stands before the bracket on the line.
        after: What stands behind the words.
        tools: Names of tools, in small letters.
    """

    opened: str
    said: str
    before: str
    after: str
    tools: frozenset[str]

    @property
    def shouted(self) -> bool:
        """In capitals: TOOL_CALL, SAFE."""
        return self.said.isupper()

    @property
    def joined(self) -> bool:
        """An identifier of several words: tool_call, toolCall, Tool-Call."""
        return is_joined(self.said)

    @property
    def closed(self) -> bool:
        """The bracket closes behind them, and is no Markdown link."""
        return bool(self.opened and _CLOSE.match(self.after))

    @property
    def payload(self) -> str | None:
        """What stands behind a colon, an equals sign or an arrow; None without one."""
        found = _SEPARATOR.match(self.after)
        if found is None:
            return None
        return re.split(_CLOSING[self.opened], self.after[found.end() :], maxsplit=1)[0]

    @property
    def tagged(self) -> str:
        """What stands behind the closed bracket, and behind a colon or an arrow there."""
        found = _CLOSE.match(self.after)
        rest = self.after[found.end() :] if found else ""
        between = _SEPARATOR.match(rest)
        return rest[between.end() :] if between else rest

    @property
    def bracketed(self) -> str:
        """What stands behind them up to the closing bracket."""
        return re.split(_CLOSING[self.opened], self.after, maxsplit=1)[0]

    @property
    def ends_line(self) -> bool:
        """Nothing but a call stands behind the closed bracket on the line."""
        return _NOTHING_MORE.fullmatch(self.tagged) is not None

    @property
    def begins_line(self) -> bool:
        """Nothing stands before them on the line."""
        return not _MARKUP.sub("", self.before)

    @property
    def alone(self) -> bool:
        """They and their bracket have the line for themselves, or a call stands behind them."""
        rest = self.tagged if self.opened else self.after
        return self.begins_line and bool(_NOTHING_MORE.fullmatch(rest))

    def names_tool(self, text: str | None) -> bool:
        """Whether a text begins with the name of a tool, or what can hardly be anything else."""
        found = _FIRST_WORD.match(text or "")
        if found is None:
            return False
        word = found[1].rstrip(".-")
        if word.casefold() in self.tools or _IDENTIFIER.search(word):
            return True
        return word.casefold() in _TOOL_VERBS and not (text or "")[found.end(1) :].strip(" \t.])>")


def is_joined(words: str) -> bool:
    """Whether words are one identifier: tool_call, toolCall, Tool-Call."""
    return _JOINED.search(words) is not None


def place_of(match: re.Match[str], text: str, tools: frozenset[str]) -> Place:
    """The place of a match of a marker's pattern in a text."""
    start, end = match.start(), match.end("said")
    opened = match.groupdict().get("open") or ""
    line = text.rfind("\n", max(0, start - _REACH), start) + 1 or max(0, start - _REACH)
    stop = text.find("\n", end, end + _REACH)
    after = text[end : stop if stop >= 0 else end + _REACH]
    before, after = (_CONTROL.sub(" ", part) for part in (text[line:start], after))
    return Place(opened, match["said"], before, after, tools)
