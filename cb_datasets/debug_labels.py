"""Labels that pipelines wrote for people to read, where a completion should be.

In: a text, and the names of tools where they are known. Out: the first marker of such a label in
it, or None. No model emits these, so a completion that holds one was written by a template.

A label is told from prose that looks like it by how it is written, not by one word: it names a tool
or what an agent did, is written in capitals or as an identifier, or has a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from cb_datasets.text_forms import drawn_letter


@dataclass(frozen=True, slots=True)
class Marker:
    """A text that stands in labels and not in completions.

    Attributes:
        name: The marker as it is usually written.
        pattern: What may be one, in any case; `said` are the words that are telling.
        origin: Where it comes from.
        holds: Whether it is one, by what stands around it; always, if None.
    """

    name: str
    pattern: re.Pattern[str]
    origin: str
    holds: Callable[[_Place], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Place:
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
        return bool(_JOINED.search(self.said))

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
        """What stands behind the closed bracket."""
        found = _CLOSE.match(self.after)
        return self.after[found.end() :] if found else ""

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


_JOINED = re.compile(r"[A-Za-z][_-][A-Za-z]|[a-z][A-Z]|^(?i:tool(?:calls?|flip|use))$")
_IDENTIFIER = re.compile(r"[A-Za-z0-9]_[A-Za-z0-9]|[a-z][A-Z]|[a-z]\.[a-z]{3}")
_FIRST_WORD = re.compile(r"[\s'\"(\[<{]{0,4}([A-Za-z][\w.-]{0,80})")
_TOOL_VERBS = frozenset(
    {"search", "retrieve", "lookup", "fetch", "query", "browse", "calculate", "calculator", "send"}
    | {"read", "write", "delete", "get", "list", "update", "create", "book", "translate"}
)
_SEPARATOR = re.compile(
    r"[\s'\"]{0,4}(?:[:=|>]|[-=]{1,2}>|\u2192|\s-{1,2}\s|\bis\b|\bwas\b)\s{0,4}", re.I
)
_CLOSE = re.compile(r"[\s/|-]{0,4}[\])}>]{1,3}(?!\((?:\w+:|www\.|[#/.]))")
_CLOSING = {"": r"\n", "[": r"\]", "(": r"\)", "{": r"\}", "<": r"<|-->|>$"}
_CONTROL = re.compile(r"<\|[^|<>\n]{1,40}\|>")
_MARKUP = re.compile(r"[\s>#\u2022_~|-]")
_NOTHING_MORE = re.compile(r"[\s.:!_~|-]*(?:[{<].*)?", re.DOTALL)
_SAYS_AGENT = re.compile(
    r"\b(?:agent|model|assistant|llm|executed|refus\w+|compli\w+|declin\w+|ignor\w+|call(?:s|ed)|"
    r"tool|attack\w*|inject\w*|flip\w*|hijack\w*|instead|behaviou?r)\b",
    re.IGNORECASE,
)
_TRIVIAL = re.compile(r"\s*(?:yes|no|n/?a|none|true|false|unknown|[\d.,%]+)?\s*", re.IGNORECASE)

_OPEN = r"(?P<open>[\[({<])[\s\[({</!#:~|.-]{0,6}"
_LINE = r"^[^\S\n]{0,4}(?:#{1,4}|//|[_~|>-]{1,2})?[^\S\n]{0,4}"
_GAP = r"[\s_./-]{0,3}"


def _word(letters: str) -> str:
    """A word, also with its letters apart: T O O L."""
    return r"[\x20_.-]?".join(letters)


def _any(words: str) -> str:
    return "(?:" + "|".join(words.split()) + ")"


_TOOL_CALL = (
    rf"(?:(?:{_word('tool')}|{_word('function')}|func){_GAP}"
    rf"(?:{_word('call')}s?|{_word('use')}|invocation))"
)
_HARM = _any(
    "harmful unsafe malicious adversarial jailbreak jailbroken poisoned hijacked compromised"
)
_VERDICT = _any(
    f"(?:{_word('harmful')}|{_word('benign')}|{_word('safe')}|unsafe|harmless|malicious|adversarial"
    "|jailbreak|jailbroken|poisoned|hijacked|refusal|refused|retain|flip(?:ped)?|attack(?:ed)?"
    "|injected)"
)
_WHAT = _any(
    "behaviou?rs? actions? requests? completions? responses? replies reply outputs? tools? calls? "
    "uses? compliance refusals? flips? executed samples? examples? rows? success(?:ful)? answers?"
)
_OUTCOME = (
    rf"(?:tool{_GAP}flip(?:ped)?|(?:attack|injection|jailbreak){_GAP}(?:success(?:ful)?|succeeded"
    rf"|failed|resisted|won)|harm{_GAP}type|is{_GAP}(?:harmful|refusal|correct{_GAP}tool{_GAP}use)"
    rf"|near{_GAP}target|(?:correct|other|no){_GAP}tool|prompt{_GAP}injection{_GAP}success)"
)
_FIELD = (
    rf"(?:(?:expected|observed|simulated|actual|injected|flipped|wrong){_GAP}"
    r"(?:tools?|calls?|functions?|behaviou?r)(?![A-Za-z]))"
)
_LABEL = rf"(?:label|verdict|ground{_GAP}truth|gold{_GAP}label|annotation|outcome|class|category)s?"


def _is_tool_call_tag(place: _Place) -> bool:
    payload = place.payload if not place.closed else place.tagged
    if place.opened == "<" and not place.shouted:
        # <tool_call>{...}</tool_call> is how whole families of models call; no name follows there.
        return place.closed and place.names_tool(place.tagged) and "/" not in place.before[-1:]
    if not place.opened:
        shown = place.shouted or place.joined or _names_no_more(payload)
        return payload is not None and place.names_tool(payload) and shown
    if place.names_tool(payload) or place.names_tool(place.after):
        return True
    if not (place.closed or payload is not None):
        return False
    if place.shouted or (place.joined and place.opened != "("):
        return True
    return place.alone and place.opened == "["


def _is_expectation(place: _Place) -> bool:
    payload = place.payload if not place.closed else place.tagged
    if place.names_tool(payload):
        return bool(place.opened) or _names_no_more(payload)
    if not place.said.casefold().startswith("expected"):
        return False
    if payload is None and not place.closed:
        return False
    if _FLIPS.search(place.after[:200]):
        return True
    if place.opened == "<":
        return place.joined and place.closed
    return bool(place.opened) and (
        (place.shouted and place.opened == "[" and not _TRIVIAL.fullmatch(payload or ""))
        or re.fullmatch(_VERDICT + r"\s{0,4}", (payload or "").strip(), re.IGNORECASE) is not None
    )


_FLIPS = re.compile(
    r"\bbut\b.{0,80}(?:inject|flip|called|used|chose|observed)|\binstead\s{1,4}(?:of|called|used)",
    re.IGNORECASE,
)


def _names_no_more(text: str | None) -> bool:
    """Whether a text is a name, perhaps with a few words in brackets behind it."""
    return len((text or "").split()) <= 2


def _is_field(place: _Place) -> bool:
    payload = place.payload
    if place.joined:
        return place.closed or payload is not None
    if place.shouted and (place.opened or place.begins_line):
        return place.closed or payload is not None
    return bool(place.opened or place.begins_line) and place.names_tool(payload)


def _is_outcome(place: _Place) -> bool:
    if place.opened in ("[", "<", "{"):
        return place.closed or (place.payload is not None and (place.shouted or place.joined))
    if place.opened:
        return place.closed and (place.shouted or place.joined)
    if place.joined or place.shouted:
        return place.payload is not None or place.alone
    return place.begins_line and place.names_tool(place.payload)


def _is_verdict(place: _Place) -> bool:
    payload = place.payload
    compound = len(re.findall(r"[A-Za-z]{4,}", place.said)) > 1
    if place.closed:
        if place.opened == "<":
            told = place.tagged.partition("<")[0]
            if place.alone or place.said.casefold() != "safe":
                return True
            return place.begins_line and not _TRIVIAL.fullmatch(told)
        if compound and place.opened != "(":
            return True
        ends_line = _NOTHING_MORE.fullmatch(place.tagged) is not None
        if place.shouted or place.joined:
            return place.begins_line or ends_line
        return place.opened != "(" and (
            place.alone or (place.begins_line and place.names_tool(place.tagged))
        )
    if payload is not None and place.opened:
        if place.shouted:
            return True
        return bool(_SAYS_AGENT.search(payload)) or place.names_tool(payload)
    if place.opened:
        return compound and place.opened == "[" and bool(_SAYS_AGENT.match(place.after.lstrip()))
    if not place.begins_line:
        return False
    if payload is None:
        return place.shouted and place.alone
    if place.shouted and (_SAYS_AGENT.search(payload) or place.names_tool(payload)):
        return True
    return bool(_AGENT_DID.match(payload))


_AGENT_DID = re.compile(
    r"\s{0,4}(?:the\s|an?\s)?(?:ai\s)?(?:agent|model|assistant|llm)\s{1,4}(?:has\s|was\s|had\s)?"
    r"(?:executed|called|used|refused|complied|ignored|followed|flipped|hijacked|invoked|chose)",
    re.IGNORECASE,
)


def _is_label(place: _Place) -> bool:
    payload = place.payload if not place.closed else place.tagged
    if payload is None or not re.match(r"[\s:=-]*\w", payload):
        return False
    payload = payload.lstrip(" :=-")
    verdict = _A_VERDICT.match(payload)
    if place.opened and place.shouted and place.said.upper().startswith(("LABEL", "GROUND")):
        return True
    named = place.opened == "[" and place.names_tool(payload)
    if verdict is None:
        return named and place.said.casefold().startswith(("label", "ground", "gold"))
    if place.opened:
        return True
    loud = place.shouted or verdict[0].strip().isupper() or bool(_JOINED.search(verdict[0]))
    labels = place.said.casefold().startswith(("label", "gold", "ground"))
    verdicts = labels or place.said.casefold().startswith(("verdict", "annotation"))
    return place.begins_line and verdicts and (loud or labels)


_A_VERDICT = re.compile(
    rf"\s{{0,4}}(?:{_VERDICT}(?:{_GAP}{_WHAT})?|{_OUTCOME}|attack|circuit{_GAP}breaker)"
    r"\s{0,4}(?=$|[\])}<>,;|]|\.\s|\.$)",
    re.IGNORECASE,
)


def _is_narration(place: _Place) -> bool:
    told = re.split(_CLOSING[place.opened], place.after, maxsplit=1)[0]
    named = any(place.names_tool(word) for word in told.split()[:12])
    return named or bool(_SAYS_MORE.search(told))


_SAYS_MORE = re.compile(
    r"\b(?:inject\w*|attack\w*|harmful|malicious|wrong\s{1,4}tool|poisoned|tool\s{1,4}call)\b",
    re.IGNORECASE,
)


def _names_one_of_two(place: _Place) -> bool:
    first, _, second = re.split(r"\]", place.after, maxsplit=1)[0].partition(" instead of ")
    return bool(second) and (
        place.names_tool(first.strip() + " ") or place.names_tool(second.strip() + " ")
    )


def _marker(
    name: str, pattern: str, origin: str, holds: Callable[[_Place], bool] | None = None
) -> Marker:
    return Marker(name, re.compile(pattern, re.IGNORECASE | re.MULTILINE), origin, holds)


MARKERS = (
    _marker(
        "[TOOL_CALL]",
        rf"(?:{_OPEN}|{_LINE})(?P<said>{_TOOL_CALL})(?![A-Za-z_])",
        "specification; also [TOOL_CALLS: …] of augmented traces, and [TOOL_CALLS], which is "
        "another model family's token",
        _is_tool_call_tag,
    ),
    _marker(
        "(Expected:",
        rf"(?:{_OPEN}|{_LINE})"
        rf"(?P<said>expected(?:{_GAP}(?:tool|call|function|action|behaviou?r|output))?"
        r"|observed|simulated|(?<=\[)(?:actual|tool))(?![A-Za-z])",
        "specification, with the name of a tool behind it",
        _is_expectation,
    ),
    _marker(
        "[Harmful behavior executed]",
        rf"{_OPEN}(?P<said>{_HARM}{_GAP}(?:behaviou?r|action|tool))[^\]\n]{{0,40}}\]"
        rf"|{_LINE}(?P<bare>{_HARM}{_GAP}(?:behaviou?r|action)\s{{1,4}}executed)",
        "stand-in completion of augmented attack traces",
    ),
    _marker(
        "injection caused flip",
        r"(?P<said>injection\s{1,4}caused\s{1,4}(?:an?\s{1,4})?(?:tool[\s_-]{1,4})?flip)",
        "second line of the [TOOL_CALL] label, specification",
    ),
    _marker(
        "[Calls X instead of Y]",
        r"(?P<open>\[)\s{0,4}(?P<said>calls?(?:ed)?)\s(?=[^\[\]\n]{1,100}\sinstead\s{1,4}of\s)",
        "text form of the same label in augmented orchestrator traces",
        _names_one_of_two,
    ),
    _marker(
        "used X due to prompt injection]",
        r"(?P<said>expected\s[^\[\]\n]{1,100}\sbut\s{1,4}used\s[^\[\]\n]{1,100}\sdue\s{1,4}to\s{1,4}"
        r"(?:prompt\s{1,4})?injection|[\[(][^\[\]()\n]{1,160}\sdue\s{1,4}to\s{1,4}prompt\s{1,4}"
        r"injection\s{0,4}[\])])",
        "closing message of augmented orchestrator traces",
    ),
    _marker(
        "[Agent executed …]",
        r"(?P<open>[\[(<{])\s{0,4}(?P<said>(?:the\s{1,4})?(?:agent|model|assistant|llm)\s{1,4}"
        r"(?:was\s|has\s|is\s)?(?:execut|call|us|refus|compl|ignor|follow|hijack|invok|chose|fell"
        r"|perform|flip)\w{0,6})(?=[^\n]{0,160}[\])>}])",
        "what an agent did, told in brackets in place of what it said",
        _is_narration,
    ),
    _marker(
        "[HARMFUL: / [SAFE:",
        rf"(?:{_OPEN}|{_LINE}|<\|[^|<>\n]{{0,40}}\|>)"
        rf"(?P<said>{_VERDICT}(?:{_GAP}{_WHAT}){{0,3}}|{_any('simulated mock synthetic')}"
        rf"(?:{_GAP}{_WHAT}){{1,3}})(?![A-Za-z])",
        "specification, and its counterpart in retain sets written from templates",
        _is_verdict,
    ),
    _marker(
        "[EXPECTED_TOOL]",
        rf"(?:{_OPEN}|(?<![A-Za-z]))(?P<said>{_FIELD})",
        "the label's fields (expected_tool, observed_tool, simulated_tool) as tags",
        _is_field,
    ),
    _marker(
        "[TOOL_FLIP]",
        rf"(?:{_OPEN}|(?<![A-Za-z_-]))(?P<said>{_OUTCOME})(?![A-Za-z_])",
        "harm type or outcome as a tag",
        _is_outcome,
    ),
    _marker(
        "[LABEL:",
        rf"(?:{_OPEN}|{_LINE})(?P<said>{_LABEL})(?![A-Za-z])",
        "a label that says that it is one",
        _is_label,
    ),
)
"""The markers, with where each comes from."""

_MAY_HOLD = re.compile(
    r"t[ _.-]?o[ _.-]?o[ _.-]?l|func|expected|harm|h a r m|[\[(<{]|injection|"
    r"^[\W_]{0,8}(?:safe|benign|unsafe|malicious|adversarial|refus|label|verdict|ground|gold|annot"
    r"|jailbr|poison|hijack|retain|flip|attack|simulated|mock|synthetic|injected|observed)",
    re.IGNORECASE | re.MULTILINE,
)
"""What every marker has, so that plain prose is told at a glance."""

_FADED = re.compile(r"[*`\\]|&#?\w{1,6};")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&#91;": "[", "&#93;": "]", "&lsqb;": "[", "&rsqb;": "]"}
_LEET = re.compile(r"(?<=[A-Za-z])[013457]{1,4}(?=[A-Za-z])")
_LETTERS = str.maketrans("013457", "oleast")
_REACH = 240


def find_marker(text: str, tools: Collection[str] = ()) -> tuple[Marker, int] | None:
    """The first marker in a text and where it begins, or None.

    Args:
        text: The text. Letters that only look like those of a marker, letters without a shape, and
            the signs of Markdown do not hide one.
        tools: Names of tools, by which a label is told that names one.

    Example:
        >>> find_marker("[ tool call ] search_web")[0].name
        '[TOOL_CALL]'
        >>> find_marker("The [tool call] timed out (expected: 3-5 business days).")
        >>> find_marker("(expected: weather)", ["weather"])[0].name
        '(Expected:'
    """
    if not _MAY_HOLD.search(text) and text.isascii():
        return None
    shown, places = _shown(text)
    names = frozenset(name.casefold() for name in tools)
    first: tuple[Marker, int] | None = None
    for marker in MARKERS:
        for match in marker.pattern.finditer(shown):
            if first is not None and match.start() >= first[1]:
                break
            if marker.holds is None or marker.holds(_place(match, shown, names)):
                first = (marker, match.start())
                break
    return None if first is None else (first[0], places[first[1]] if places else first[1])


def _place(match: re.Match[str], text: str, tools: frozenset[str]) -> _Place:
    start, end = match.start(), match.end("said")
    opened = match.groupdict().get("open") or ""
    line = text.rfind("\n", max(0, start - _REACH), start) + 1 or max(0, start - _REACH)
    stop = text.find("\n", end, end + _REACH)
    after = text[end : stop if stop >= 0 else end + _REACH]
    before, after = (_CONTROL.sub(" ", part) for part in (text[line:start], after))
    return _Place(opened, match["said"], before, after, tools)


def _shown(text: str) -> tuple[str, list[int] | None]:
    """A text as it looks, and where each of its letters stands in the text; None: in its place."""
    places = None
    if not text.isascii():
        pieces = [drawn_letter(character) for character in text]
        places = [at for at, piece in enumerate(pieces) for _ in piece]
        text = "".join(pieces)
    if _FADED.search(text):
        kept = [(m.start(), m.end(), _ENTITIES.get(m[0], "")) for m in _FADED.finditer(text)]
        text, places = _replaced(text, kept, places)
    return _LEET.sub(_unleeted, text), places


def _replaced(
    text: str, changes: list[tuple[int, int, str]], places: list[int] | None
) -> tuple[str, list[int]]:
    pieces, kept, at = [], [], 0
    for start, end, new in changes:
        if not new and end - start > 1:
            continue
        pieces += [text[at:start], new]
        kept += [*range(at, start), *([start] * len(new))]
        at = end
    pieces.append(text[at:])
    kept += range(at, len(text))
    return "".join(pieces), kept if places is None else [places[k] for k in kept]


def _unleeted(match: re.Match[str]) -> str:
    letters = match[0].translate(_LETTERS)
    return letters.upper() if match.string[match.start() - 1].isupper() else letters
