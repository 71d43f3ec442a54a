"""Mistral, version 11 and later."""

from __future__ import annotations

from cb_datasets.formats import ToolCall
from tests.formats.speakers import F, G, Speaker
from tests.formats.speakers.mistral_templates import SPECIALS, SYSTEM, in_short, real

CALL = '[TOOL_CALLS]f[ARGS]{"n": 1}'

SPEAKER = Speaker(
    specials=(*SPECIALS, *SYSTEM, "[TOOL_CONTENT]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]"),
    templates={
        "in short": in_short(
            "[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}",
            "{{ m.content }}",
            between="",
            tag="",
        ),
        "v11": real("v11"),
        "v13": real("v13"),
        "v13 with thinking": real("v13", thinking=True),
    },
    bos="<s>",
    eos="</s>",
    spellings=[
        (f"{CALL}</s>", [F], ""),
        (f"{CALL}[TOOL_CALLS]g[ARGS]{{}}</s>", [F, G], ""),
        ('[TOOL_CALLS]f[CALL_ID]abcDEF123[ARGS]{"n": 1}</s>', [F], ""),
        ('[TOOL_CALLS] f[ARGS] {"n": 1}</s>', [F], ""),
        ('[TOOL_CALLS]f[ARGS]{"s": "[1] {a}"}</s>', [ToolCall("f", {"s": "[1] {a}"})], ""),
        (f"On it.{CALL}</s>", [F], "On it."),
        (f"[THINK]I could say {{}}.[/THINK]{CALL}</s>", [F], ""),
        (f"[THINK]I could call {CALL}.[/THINK]No.</s>", [], "No."),
        (f"<think>\nI could.\n</think>\n{CALL}</s>", [F], ""),
        (CALL, [F], ""),
        ("Nothing to do.</s>", [], "Nothing to do."),
    ],
    broken=[
        ('[TOOL_CALLS]f[ARGS]{"n": 1', "malformed tool call"),
        ("[TOOL_CALLS]f[ARGS]</s>", "its arguments are not a JSON object"),
        ("[TOOL_CALLS]f[ARGS][1]</s>", "its arguments are not a JSON object"),
        ("[TOOL_CALLS]</s>", "no name and [ARGS] follow"),
        ('[TOOL_CALLS][{"name": "f", "arguments": {"n": 1}}]</s>', "Mistral v3 writes it so"),
        ('f[ARGS]{"n": 1}</s>', "[ARGS] inside the completion"),
        (f"[THINK]{CALL}", "the thinking does not end"),
        ("Hi[/INST]</s>", "[/INST] inside the completion"),
        ('{"name": "f", "parameters": {"n": 1}}</s>', "as Llama 3.1 writes calls"),
        ("Hi</s>More.", "text follows the end token"),
    ],
)
