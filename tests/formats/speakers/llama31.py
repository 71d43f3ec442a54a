"""Llama 3.1 to 3.3; its own tests go further (`tests/formats/llama31`)."""

from __future__ import annotations

from cb_datasets.formats import default_chat_template
from tests.fixtures.random_llama import SPECIALS, TEMPLATE
from tests.formats.speakers import F, G, Speaker, trl

CALL = '{"name": "f", "parameters": {"n": 1}}'

SPEAKER = Speaker(
    specials=tuple(SPECIALS),
    # 3.3 has the template of 3.1.
    templates={
        "bundled": default_chat_template(),
        "in short": TEMPLATE,
        "3.1": trl("llama3_1"),
        "3.2": trl("llama3_2"),
    },
    bos="<|begin_of_text|>",
    spellings=[
        (f"<|python_tag|>{CALL}<|eom_id|>", [F], ""),
        (f"{CALL}<|eot_id|>", [F], ""),
        (f"On it.\n{CALL}<|eot_id|>", [F], "On it.\n"),
        (f"<|python_tag|>{CALL}; {CALL}<|eom_id|>", [F, F], ""),
        ('{"type": "function", "name": "f", "parameters": {"n": 1}}<|eot_id|>', [F], ""),
        ('<function=f>{"n": 1}</function><|eom_id|>', [F], ""),
        ("[f(n=1), g()]<|eot_id|>", [F, G], ""),
        ("<|python_tag|>f.call(n=1)<|eom_id|>", [F], ""),
        ("Nothing to do.<|eot_id|>", [], "Nothing to do."),
    ],
    broken=[
        ('<|python_tag|>{"name": "f", "parameters": {"n": 1', "malformed tool call"),
        ("<|python_tag|>", "nothing follows <|python_tag|>"),
        ("Hi<|start_header_id|>user<|end_header_id|>", "<|start_header_id|> inside"),
        ("Hi<|eot_id|>More.", "text follows the end token"),
    ],
)
