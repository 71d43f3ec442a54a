"""The markers of debug labels: what each may look like, and by what it is one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from cb_datasets.debug_labels.place import Place, is_joined


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
    holds: Callable[[Place], bool] | None = None


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


def _is_tool_call_tag(place: Place) -> bool:
    payload = place.payload if not place.closed else place.tagged
    if place.opened == "<" and not place.shouted:
        # <tool_call>{...}</tool_call> is how whole families of models call, with a list in it, too;
        # no name follows there.
        told = place.tagged.lstrip()
        named = place.closed and place.names_tool(told) and not told.startswith(("[", "{"))
        return named and "/" not in place.before[-1:]
    if not place.opened:
        loud = place.shouted or place.joined
        if payload is None:
            return loud and place.names_tool(place.after) and _names_no_more(place.after)
        return place.names_tool(payload) and (loud or _names_no_more(payload))
    if place.names_tool(payload) or place.names_tool(place.after):
        return True
    if not (place.closed or payload is not None):
        return False
    if place.shouted or (place.joined and place.opened != "("):
        return True
    return place.alone and place.opened == "["


def _is_expectation(place: Place) -> bool:
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


def _is_field(place: Place) -> bool:
    payload = place.payload
    if place.joined:
        told = place.shouted or place.opened or _names_no_more(payload)
        return place.closed or (payload is not None and bool(told))
    if place.shouted and (place.opened or place.begins_line):
        return place.closed or payload is not None
    return bool(place.opened or place.begins_line) and place.names_tool(payload)


def _is_outcome(place: Place) -> bool:
    if place.opened in ("[", "<", "{"):
        loud = place.shouted or place.joined
        told = place.payload
        return place.closed or (told is not None and (loud or place.names_tool(told)))
    if place.opened:
        return place.closed and (place.shouted or place.joined)
    if place.joined or place.shouted:
        told = place.payload
        return place.alone if told is None else place.shouted or _names_no_more(told)
    return place.begins_line and place.names_tool(place.payload)


def _is_verdict(place: Place) -> bool:
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
        if place.shouted or place.joined:
            return place.begins_line or place.ends_line
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


def _is_label(place: Place) -> bool:
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
    loud = place.shouted or verdict[0].strip().isupper() or is_joined(verdict[0])
    labels = place.said.casefold().startswith(("label", "gold", "ground"))
    verdicts = labels or place.said.casefold().startswith(("verdict", "annotation"))
    return place.begins_line and verdicts and (loud or labels)


_A_VERDICT = re.compile(
    rf"\s{{0,4}}(?:{_VERDICT}(?:{_GAP}{_WHAT})?|{_OUTCOME}|attack|circuit{_GAP}breaker)"
    r"\s{0,4}(?=$|[\])}<>,;|]|\.\s|\.$)",
    re.IGNORECASE,
)


def _is_narration(place: Place) -> bool:
    told = place.bracketed
    named = any(place.names_tool(word) for word in told.split()[:12])
    return named or bool(_SAYS_MORE.search(told))


_SAYS_MORE = re.compile(
    r"\b(?:inject\w*|attack\w*|harmful|malicious|wrong\s{1,4}tool|poisoned|tool\s{1,4}call)\b",
    re.IGNORECASE,
)


def _is_told_call(place: Place) -> bool:
    told = place.tagged if place.closed else place.payload or place.after
    return place.names_tool(told) and _names_no_more(told.partition("]")[0])


def _names_one_of_two(place: Place) -> bool:
    first, _, second = re.split(r"\]", place.after, maxsplit=1)[0].partition(" instead of ")
    return bool(second) and (
        place.names_tool(first.strip() + " ") or place.names_tool(second.strip() + " ")
    )


def _marker(
    name: str, pattern: str, origin: str, holds: Callable[[Place], bool] | None = None
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
        "[Called: X]",
        rf"(?P<open>\[)[\s/#:~|.-]{{0,6}}(?P<said>(?:{_HARM}\s)?(?:call(?:ed|ing)?|action|invok(?:ed?|ing)"
        r"|execut(?:ed?|ing)|used|flipped\s{1,4}to|switched\s{1,4}to))(?![A-Za-z_])",
        "a call that is told in brackets, by the name of its tool",
        _is_told_call,
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
