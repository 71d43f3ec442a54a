"""Where in a completion its calls and their names stand, as characters.

In: the text of a completion. Out: a span per call, in the order of `ParsedCompletion.calls`. The
token at a call's name is where a model has decided what to call; the text is read by the parser's
own rules, so that spans and calls cannot disagree.
"""

from __future__ import annotations

from cb_datasets.formats.format import Format
from cb_datasets.formats.json_names import CharSpan, json_name_spans
from cb_datasets.formats.llama31 import LLAMA31
from cb_datasets.formats.pythonic import call_name_spans
from cb_datasets.formats.tool_names import Tools

_BETWEEN = " \t\r\n;"
_FUNCTION_HEAD = len("<function=")


def name_spans(
    text: str, tools: Tools | None = None, known: Format = LLAMA31
) -> tuple[CharSpan, ...]:
    """The span of the name of each call in a completion.

    Args:
        text: The raw output, as for `parse_completion`.
        tools: The tools on offer, as for `parse_completion`.
        known: Its format.

    Returns:
        One span per call, in the order of the calls, without quotes; a name that is written with
        escapes spans its escapes.

    Example:
        >>> text = '<|python_tag|>{"name": "search_web", "parameters": {}}<|eom_id|>'
        >>> [text[start:end] for start, end in name_spans(text)]
        ['search_web']
    """
    read = known.read(text, tools)
    if read.names is not None:
        return read.names
    found: list[CharSpan] = []
    for start, end in read.places:
        found += _in_place(text, start, end)
    return tuple(found)


def call_spans(
    text: str, tools: Tools | None = None, known: Format = LLAMA31
) -> tuple[CharSpan, ...]:
    """The stretches of a completion that are calls: the tag before them too, the end token not.

    Args:
        text: The raw output, as for `parse_completion`.
        tools: The tools on offer, as for `parse_completion`.
        known: Its format.

    Returns:
        One span per call, in order; calls of one list are one.

    Example:
        >>> text = 'On it. <|python_tag|>{"name": "f", "parameters": {}}<|eom_id|>'
        >>> [text[start:end] for start, end in call_spans(text)]
        ['<|python_tag|>{"name": "f", "parameters": {}}']
    """
    found, read = [], known.read(text, tools)
    if read.names is not None:
        return read.places
    opening, closing = known.calls.tag.strip(), known.calls.close.strip()
    for start, end in read.places:
        tag = text.rfind(opening, 0, start)
        is_its_own = tag >= 0 and not text[tag + len(opening) : start].strip(_BETWEEN)
        close = text.find(closing, end) if closing else -1
        is_closed = close >= 0 and not text[end:close].strip(_BETWEEN)
        found.append((tag if is_its_own else start, close + len(closing) if is_closed else end))
    return tuple(found)


def _in_place(text: str, start: int, end: int) -> list[CharSpan]:
    if text.startswith("<function=", start):
        return [(start + _FUNCTION_HEAD, text.index(">", start))]
    if text[start] == "{" or text[start + 1 : end].lstrip().startswith("{"):
        return json_name_spans(text, start, end)
    return call_name_spans(text, start)
