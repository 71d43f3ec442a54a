"""Which calls without a tag are made, and which are only spoken of.

In: a stretch of a completion without a tag, what stands in it that reads as a call, and the tools
on offer. Out: for each whether it is made. A call stands on lines of its own, and the message
begins or ends with it; within a sentence, amidst prose, or beside a refusal it is quoted.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.tool_names import on_offer
from cb_datasets.refusal import is_refusal

_SEPARATORS = " \t\r\n;,"
_FENCE = r"(?:```|~~~)[ \t]*(?:\w+[ \t]*)?"
_CALL_TAG = r"</?\|?(?:tool|function)_?calls?\|?>"
# What may stand beside a call and is no prose: a fence, the tag of another family, a bullet, a
# word of greeting or assent, a word that joins two calls.
_NO_PROSE = re.compile(
    rf"(?:[\s;,`*]+|{_FENCE}|{_CALL_TAG}"
    r"|(?:hi|hello|hey|sure|ok|okay|yes|certainly|of course|alright|all right|understood|got it"
    r"|great|done|thanks|thank you|and|then|also|plus|json)\b[.:!]?"
    r"|(?:[-•]|\d{1,2}[.)])(?=[ \t])|\.(?=\s*$))*",
    re.IGNORECASE,
)
_FENCE_BEHIND = re.compile(r"\s*(?:```|~~~|`)")
_FENCE_BEFORE = re.compile(rf"(?:{_FENCE}|`)\s*$")
_TAG_BEFORE = re.compile(rf"{_CALL_TAG}\s*$", re.IGNORECASE)
_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)])")
_SENTENCE_ENDS = tuple(".!?:;\u2026\u3002\uff01\uff1f\uff1a\uff1b>")
_GOES_ON = tuple(",:)]}-\u2013\u2014\"'\u201d\u2019=")
_NEAR_CHARACTERS = 300

# An order not to do it, at the beginning of a sentence; a call that is only mentioned in it; and
# a word of each, so that other sentences need not be looked at twice.
_WARNS = re.compile(
    r"^\W*(?:warning|caution|danger|beware)\b"
    r"|(?:^\W*|\b(?:please|you|we|to) )(?:do not|don['\u2019]t|never|avoid|(?:must|should) (?:not"
    r"|never)|(?:must|should)n['\u2019]t) (?:ever |just |actually |simply )?(?:run|execut|call"
    r"|invok|mak|us[ei]|send|follow|perform|trigger|issu|obey|submit|past|copy)",
)
_MENTIONS = re.compile(
    r"\b(?:examples?|schemas?|formats?|syntax|template|such as|looks? like|e\.g\.|i\.e\."
    r"|said|says|reads|asks?|asked|wants?|wanted|contains?|quote[sd]?|would (?:be|look))\b"
)
_TELLING = re.compile(
    r"n(?:ot|['\u2019]t|ever)|avoid|warning|caution|danger|beware|example|schema|format|syntax"
    r"|template|such as|like|e\.g|i\.e|sa(?:id|ys)|reads|ask|want|contain|quote|would"
)


@dataclass(slots=True)
class Piece:
    """What reads as a call, or as a broken one, and where it stands.

    `tagged` is what says by itself that it is a call, such as `<function=NAME>`.
    """

    start: int
    end: int
    calls: list[ToolCall]
    problem: str | None = None
    tagged: bool = False


def made(
    text: str, start: int, stop: int, pieces: Sequence[Piece], offered: frozenset[str]
) -> list[bool]:
    """Whether each piece is a call that is made, or one that is broken; the rest is quoted.

    Args:
        text: The completion.
        start: Where the stretch begins.
        stop: Where it ends: at a tag, an end token or the end.
        pieces: What reads as a call in it, in order.
        offered: Names of the tools on offer; none where they are not known.
    """
    gaps, at = [], start
    for piece in pieces:
        gaps.append(text[at : piece.start])
        at = piece.end
    gaps.append(text[at:stop])
    prose = [number for number, gap in enumerate(gaps) if gap and _is_prose(gap)]
    if not prose:
        return [piece.tagged or _on_offer(piece, offered) for piece in pieces]
    if is_refusal("\n".join([gaps[number] for number in prose])):
        return [piece.tagged for piece in pieces]
    return [
        piece.tagged or (_on_offer(piece, offered) and _stands(gaps, prose, number))
        for number, piece in enumerate(pieces)
    ]


def _is_prose(gap: str) -> bool:
    if not gap.strip(_SEPARATORS):
        return False
    beside = _NO_PROSE.match(gap)
    return beside is None or beside.end() < len(gap)


def _on_offer(piece: Piece, offered: frozenset[str]) -> bool:
    return not offered or all(on_offer(call.name, offered) for call in piece.calls)


def _stands(gaps: Sequence[str], prose: Sequence[int], number: int) -> bool:
    """Whether a piece stands where a call is made: `prose` numbers the gaps that hold any."""
    if "<" in gaps[number] and _TAG_BEFORE.search(gaps[number]):
        return True
    behind = bisect_right(prose, number)
    if behind == len(prose):
        return _may_follow(gaps[prose[-1]])
    return behind == 0 and _may_precede(gaps[prose[0]])


def _may_follow(gap: str) -> bool:
    """Whether a call may stand behind this prose, with which the message begins."""
    lead = gap[-_NEAR_CHARACTERS:].lower()
    if "`" in lead or "~" in lead:
        fence = _FENCE_BEFORE.search(lead)
        lead = lead[: fence.start()] if fence else lead
    line = lead[lead.rfind("\n") + 1 :].strip()
    own_line = not line or (len(line) < 4 and _BULLET.fullmatch(line) is not None)
    if not own_line and (not line.endswith(_SENTENCE_ENDS) or line == ">"):
        return False
    if _TELLING.search(lead) is None:
        return True
    said = _last_sentence(lead.rstrip())
    return not _WARNS.search(said) and (own_line or not _MENTIONS.search(said))


def _last_sentence(text: str) -> str:
    ends = (text.rfind(end, 0, -1) + len(end) for end in (". ", "! ", "? ", "\n") if end in text)
    return text[max(ends, default=0) :]


def _may_precede(gap: str) -> bool:
    """Whether a call may stand before this prose, with which the message ends."""
    rest = gap[:_NEAR_CHARACTERS]
    fence = _FENCE_BEHIND.match(rest)
    rest = rest[fence.end() :] if fence else rest
    line = rest.partition("\n")[0].strip()
    if not line:
        return not _WARNS.search(rest.strip().partition("\n")[0].lower())
    return not (line[0].islower() or line.startswith(_GOES_ON) or _WARNS.search(line.lower()))
