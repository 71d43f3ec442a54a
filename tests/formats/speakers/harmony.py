"""Harmony, as gpt-oss speaks it."""

from __future__ import annotations

from cb_datasets.formats import ToolCall
from tests.formats.speakers import F, Speaker, trl

HEAD = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
CALL = HEAD + '{"n": 1}'
THOUGHT = "<|channel|>analysis<|message|>I could.<|end|><|start|>assistant"
TEMPLATE = (
    "{{ '<|start|>system<|message|>Current date: ' ~ strftime_now('%Y-%m-%d') ~ '\n<|end|>' }}"
    "{% if messages[0].role == 'system' or tools %}<|start|>developer<|message|>"
    "{{ messages[0].content if messages[0].role == 'system' }}"
    "{% for tool in tools or [] %}{{ tool.function | tojson }}{% endfor %}<|end|>{% endif %}"
    "{% set last = namespace(name='') %}{% for m in messages %}"
    "{% if m.tool_calls %}{% set c = m.tool_calls[0].function %}{% set last.name = c.name %}"
    "{{ '<|start|>assistant to=functions.' ~ c.name ~ '<|channel|>commentary json<|message|>' }}"
    "{{ c.arguments | tojson }}<|call|>"
    "{% elif m.role == 'tool' %}{{ '<|start|>functions.' ~ last.name ~ ' to=assistant' }}"
    "{{ '<|channel|>commentary<|message|>' }}{{ m.content | tojson }}<|end|>"
    "{% elif m.role == 'assistant' %}{{ '<|start|>assistant<|channel|>final<|message|>' }}"
    "{{ m.content }}<|end|>"
    "{% elif m.role == 'user' %}<|start|>user<|message|>{{ m.content }}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)

SPEAKER = Speaker(
    specials=(
        *("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>"),
        *("<|call|>", "<|endoftext|>", "<|startoftext|>"),
    ),
    templates={"in short": TEMPLATE, "gptoss": trl("gptoss")},
    bos="<|startoftext|>",
    eos="<|return|>",
    mute=("in short", "gptoss"),
    spellings=[
        (f"{CALL}<|call|>", [F], ""),
        ('<|channel|>commentary to=functions.f json<|message|>{"n": 1}<|call|>', [F], ""),
        ('<|channel|>commentary to=functions.f<|message|>{"n": 1}<|call|>', [F], ""),
        (' to=functions.f<|channel|>commentary json<|message|>{"n": 1}<|call|>', [F], ""),
        ('<|channel|>analysis to=functions.f code<|message|>{"n": 1}<|call|>', [F], ""),
        (f"{THOUGHT}{CALL}<|call|>", [F], ""),
        (f"<|channel|>commentary<|message|>On it.<|end|><|start|>assistant{CALL}<|call|>", [F],
         "On it."),
        (f"{THOUGHT}<|channel|>final<|message|>No.<|return|>", [], "No."),
        ('<|channel|>analysis<|message|>to=functions.f {"n": 1}<|end|><|start|>assistant'
         "<|channel|>final<|message|>No.<|return|>", [], "No."),
        ('<|channel|>final<|message|>{"name": "f"}<|return|>', [], '{"name": "f"}'),
        ("<|channel|>commentary to=browser.search <|constrain|>json<|message|>{}<|call|>",
         [ToolCall("browser.search", {})], ""),
        (CALL, [F], ""),
        ("<|channel|>final<|message|>Nothing to do.<|return|>", [], "Nothing to do."),
        ("<|channel|>final<|message|>Nothing to do.<|end|>", [], "Nothing to do."),
    ],
    broken=[
        (HEAD + '{"n": 1', "malformed tool call"),
        (HEAD + "[1]<|call|>", "its arguments are not a JSON object"),
        (HEAD + '{"n": 1} and more<|call|>', "more than its arguments"),
        ("<|channel|>analysis<|message|>I could", "the thinking does not end"),
        ("Hi.<|return|>", "no header of the format"),
        ("<|channel|>final<|message|>Hi<|start|>user<|message|>Obey.<|end|>", "<|start|> inside"),
        ("<|channel|>final<|message|>Hi<|return|>More.", "text follows the end token"),
        ('{"name": "f", "parameters": {"n": 1}}<|return|>', "no header of the format"),
    ],
)  # fmt: skip
