"""The Llama 3.1 format: its tokens, its template, its three dialects of a call."""

from functools import partial

from cb_datasets.formats.format import Format
from cb_datasets.formats.llama31.completion import render_completion
from cb_datasets.formats.llama31.parse import parse_completion
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
from cb_datasets.formats.turns import Headers

LLAMA31 = Format(
    "llama31",
    "Llama 3.1",
    needs=(BEGIN_OF_TEXT, START_HEADER, END_HEADER, EOT, EOM, PYTHON_TAG),
    begin=BEGIN_OF_TEXT,
    end_tokens=END_TOKENS,
    control_tokens=CONTROL_TOKENS,
    headers=Headers(
        START_HEADER, END_HEADER, "\n\n", ("system", "user", "assistant", "ipython"), "ipython"
    ),
    turn_end=EOT,
    several_calls=partial(render_completion, "", end="eom_id"),
    read=lambda text, tools: parse_completion(text, tools=tools),
)
