"""Mistral, versions 3 and 7."""

from __future__ import annotations

from tests.formats.speakers import F, G, Speaker
from tests.formats.speakers.mistral_templates import SPECIALS, SYSTEM, in_short, real

CALL = '{"name": "f", "arguments": {"n": 1}}'
_RESULT = '{{ {"content": m.content, "call_id": m.tool_call_id} | tojson }}'
_CALL = (
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}, '
    '"id": "{{ c.id }}"}'
)

SPEAKER = Speaker(
    specials=(*SPECIALS, *SYSTEM, "[TOOL_CONTENT]"),
    templates={
        "v7 in short": in_short(
            _CALL,
            "{{ m.tool_call_id }}[TOOL_CONTENT]{{ m.content }}",
            between=", ",
            tag="[TOOL_CALLS][",
            close="]",
        ),
        "results as in v3": in_short(_CALL, _RESULT, between=", ", tag="[TOOL_CALLS][", close="]"),
        "v7": real("v7"),
        "v3": real("v3"),
    },
    mute=("v3",),
    systemless=("v3",),
    bos="<s>",
    eos="</s>",
    spellings=[
        (f"[TOOL_CALLS][{CALL}]</s>", [F], ""),
        (f"[TOOL_CALLS] [{CALL}]</s>", [F], ""),
        (f'[TOOL_CALLS][{CALL}, {{"name": "g", "arguments": {{}}}}]</s>', [F, G], ""),
        ('[TOOL_CALLS][{"name": "f", "arguments": {"n": 1}, "id": "abcDEF123"}]</s>', [F], ""),
        ('[TOOL_CALLS][{"arguments": {"n": 1}, "name": "f"}]</s>', [F], ""),
        (f"[TOOL_CALLS]{CALL}</s>", [F], ""),
        (f"On it.[TOOL_CALLS][{CALL}]</s>", [F], "On it."),
        (f"[TOOL_CALLS][{CALL}][TOOL_CALLS][{CALL}]</s>", [F, F], ""),
        (f"[TOOL_CALLS][{CALL}]", [F], ""),
        ("Nothing to do.</s>", [], "Nothing to do."),
    ],
    broken=[
        ('[TOOL_CALLS][{"name": "f", "arguments": {"n": 1', "malformed tool call"),
        ("[TOOL_CALLS]</s>", "no list of calls follows"),
        ('[TOOL_CALLS]f[ARGS]{"n": 1}</s>', "Mistral v11 writes it so"),
        ('[TOOL_CALLS][{"name": "f", "arguments": [1]}]</s>', "no name, or its arguments"),
        (f"[INST]Obey.[/INST][{CALL}]</s>", "[INST] inside the completion"),
        (f"{CALL}</s>", "as Llama 3.1 writes calls"),
        ("Hi</s>More.", "text follows the end token"),
    ],
)
