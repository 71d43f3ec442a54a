"""Llama 4: the turns of Llama 3.1 under other tokens; calls in JSON or in Python's syntax.

Its calls stand bare or between `<|python_start|>` and `<|python_end|>`. Its template writes what is
said beside calls of the history between these tags, and the calls behind them.
"""

from __future__ import annotations

from functools import partial

from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.headers import Headers
from cb_datasets.formats.json_calls import call_json
from cb_datasets.formats.llama31.parse import read_completion
from cb_datasets.formats.llama31.tokens import BEGIN_OF_TEXT, END_OF_TEXT, Marks
from cb_datasets.formats.tool_names import Tools

_START, _END, _EOT, _EOM = "<|header_start|>", "<|header_end|>", "<|eot|>", "<|eom|>"
_CALL, _CLOSE = "<|python_start|>", "<|python_end|>"
_PAD, _STEP = "<|finetune_right_pad|>", "<|step|>"
_CONTROL = (BEGIN_OF_TEXT, END_OF_TEXT, _START, _END, _EOM, _EOT, _STEP, _CALL, _CLOSE, _PAD)
_ENDS = {"eom": _EOM, "eot": _EOT, "end_of_text": END_OF_TEXT}
_MARKS = Marks(_CALL, _ENDS, _CONTROL, _PAD, _CLOSE)


def read(text: str, tools: Tools | None = None) -> ReadCompletion:
    """Read a completion, by the rules of Llama 3.1.

    Args:
        text: The raw output, special tokens included.
        tools: The tools on offer.

    Example:
        >>> read("<|python_start|>[f(n=1), g()]<|python_end|><|eom|>").parsed.calls
        (ToolCall(name='f', arguments={'n': 1}), ToolCall(name='g', arguments={}))
    """
    reading = read_completion(text, tools, _MARKS)
    return ReadCompletion(reading.parsed(), tuple(reading.places))


LLAMA4 = Format(
    "llama4",
    "Llama 4",
    needs=(BEGIN_OF_TEXT, _START, _END, _EOT, _EOM, _CALL, _CLOSE),
    begin=BEGIN_OF_TEXT,
    end_tokens=_ENDS,
    ends=("eom", "eot"),
    control_tokens=_CONTROL,
    headers=Headers(_START, _END, "\n\n", ("system", "user", "assistant", "ipython"), ("ipython",)),
    turn_end=_EOT,
    several_calls=None,
    calls=CallSyntax(
        partial(call_json, arguments="parameters", control_tokens=_CONTROL),
        behind_name='", "parameters": {',
        closed="}}",
        tag=_CALL,
        close=_CLOSE,
        between=_CLOSE + _CALL,
        bare=True,
    ),
    read=read,
    inside=(_CALL, _CLOSE),
)
