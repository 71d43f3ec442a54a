"""The Llama 3.1 format: its tokens, its template, its three dialects of a call.

Llama 3.2 and 3.3 write it, too: 3.3 has the template of 3.1, 3.2 its own.
"""

from collections.abc import Sequence
from functools import partial

from cb_datasets.formats.calls import ToolCall
from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.headers import Headers
from cb_datasets.formats.json_calls import call_json
from cb_datasets.formats.llama31.parse import read_completion
from cb_datasets.formats.llama31.tokens import (
    BEGIN_OF_TEXT,
    CONTROL_TOKENS,
    END_HEADER,
    END_TOKENS,
    EOM,
    EOT,
    PYTHON_TAG,
    START_HEADER,
)
from cb_datasets.formats.tool_names import Tools

_call_text = partial(call_json, arguments="parameters", control_tokens=CONTROL_TOKENS)


def _several_calls(calls: Sequence[ToolCall]) -> str:
    return PYTHON_TAG + "; ".join(map(_call_text, calls)) + EOM


def _read(text: str, tools: Tools | None) -> ReadCompletion:
    reading = read_completion(text, tools)
    return ReadCompletion(reading.parsed(), tuple(reading.places))


LLAMA31 = Format(
    "llama31",
    "Llama 3.1",
    needs=(BEGIN_OF_TEXT, START_HEADER, END_HEADER, EOT, EOM, PYTHON_TAG),
    begin=BEGIN_OF_TEXT,
    end_tokens=END_TOKENS,
    ends=("eom_id", "eot_id"),
    control_tokens=CONTROL_TOKENS,
    headers=Headers(
        START_HEADER, END_HEADER, "\n\n", ("system", "user", "assistant", "ipython"), ("ipython",)
    ),
    turn_end=EOT,
    several_calls=_several_calls,
    calls=CallSyntax(
        _call_text,
        behind_name='", "parameters": {',
        closed="}}",
        tag=PYTHON_TAG,
        between="; ",
        bare=True,
    ),
    read=_read,
    inside=(PYTHON_TAG,),
)
