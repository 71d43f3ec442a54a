"""Llama 4, whose published templates write calls in JSON or in Python's syntax."""

from __future__ import annotations

from cb_datasets.formats import ToolCall
from tests.formats.speakers import F, G, Speaker

CALL = '{"name": "f", "parameters": {"n": 1}}'


def _template(calls: str, *, result_end: str = "<|eom|>") -> str:
    return (
        "{{ bos_token }}{% for m in messages %}"
        "{% set name = 'ipython' if m.role == 'tool' else m.role %}"
        "{{ '<|header_start|>' ~ name ~ '<|header_end|>\n\n' }}"
        "{% if loop.first and tools %}{{ tools | tojson(indent=4) }}\n\n{% endif %}"
        "{% if m.role == 'tool' %}{{ m.content | tojson ~ '" + result_end + "' }}"
        "{% elif m.tool_calls %}" + calls + "{{ '<|eot|>' }}"
        "{% else %}{{ m.content ~ '<|eot|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}"
        "{{ '<|header_start|>assistant<|header_end|>\n\n' }}{% endif %}"
    )


_JSON = (
    "{% for c in m.tool_calls %}"
    '{"name": "{{ c.function.name }}", "parameters": {{ c.function.arguments | tojson }}}'
    "{% endfor %}"
)
_PYTHONIC = (
    "[{% for c in m.tool_calls %}{{ c.function.name }}("
    "{% for key, value in c.function.arguments.items() %}"
    "{{ key }}={{ value | tojson }}{{ ', ' if not loop.last }}{% endfor %})"
    "{{ ', ' if not loop.last }}{% endfor %}]"
)

SPEAKER = Speaker(
    specials=(
        *("<|begin_of_text|>", "<|end_of_text|>", "<|header_start|>", "<|header_end|>", "<|eom|>"),
        *("<|eot|>", "<|step|>", "<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"),
    ),
    templates={
        "json": _template("{{ m.content }}" + _JSON),
        "json behind tags": _template(
            "{{ '<|python_start|>' ~ m.content ~ '<|python_end|>' }}" + _JSON
        ),
        "pythonic": _template("{{ m.content }}" + _PYTHONIC, result_end="<|eot|>"),
    },
    bos="<|begin_of_text|>",
    spellings=[
        (f"<|python_start|>{CALL}<|python_end|><|eom|>", [F], ""),
        (f"{CALL}<|eot|>", [F], ""),
        (f"{CALL}{CALL}<|eot|>", [F, F], ""),
        (f"<|python_start|><|python_end|>{CALL}<|eot|>", [F], ""),
        (f"<|python_start|>On it.<|python_end|>{CALL}{CALL}<|eot|>", [F, F], "On it."),
        ("[f(n=1), g()]<|eot|>", [F, G], ""),
        ("[f(n=1)]", [F], ""),
        ("<|python_start|>[f(n=1), g()]<|python_end|><|eot|>", [F, G], ""),
        ("<|python_start|>[f(n=1)]<|python_end|>[g()]<|eom|>", [F, G], ""),
        ("[f(s='it is \"so\"', t=[1, {'a': None}])]<|eot|>",
         [ToolCall("f", {"s": 'it is "so"', "t": [1, {"a": None}]})], ""),
        ('<function=f>{"n": 1}</function><|eom|>', [F], ""),
        ('{"type": "function", "name": "f", "parameters": {"n": 1}}<|eot|>', [F], ""),
        ("Nothing to do.<|eot|>", [], "Nothing to do."),
    ],
    broken=[
        ("<|python_start|>", "nothing follows <|python_start|>"),
        ('<|python_start|>{"name": "f", "parameters": {"n": 1<|python_end|>', "malformed"),
        ("Hi.<|python_end|><|eot|>", "<|python_end|> inside the completion"),
        ("Hi<|header_start|>user<|header_end|>", "<|header_start|> inside the completion"),
        ("Hi<|eot|>More.", "text follows the end token"),
    ],
)  # fmt: skip
