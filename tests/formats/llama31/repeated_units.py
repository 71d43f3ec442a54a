"""Pieces that, repeated, have sent parsers into quadratic time or deep recursion."""

from __future__ import annotations

from cb_datasets.formats.llama31.tokens import CONTROL_TOKENS

REPEATED = [
    *CONTROL_TOKENS,
    "{", "}", "[", "[{", '{"', '{"a":', '{"a":[', '{"a":"', '{"} ', "{} ", '"', '\\"',
    '{"name":', '{"name":"f","parameters":{', '{"name":"f","parameters":{"a":"', '{"name": oops} ',
    '{"name":"f","parameters":{}} ', '{"name":"f","parameters":{}};', "<function=f>",
    "<function=f>{",
    "<function=", "<function=f>{}</function>", "f(a=", "f(a=1)", "f(a=1);", "[f(", "a.", "a",
    "f.call(", "f.call(a='", " ", "\n", "; ", "```\n", "= {} ", "( [{", '{"a": NaN} ', "é",
    '<|python_tag|>{"name": oops ', '<|python_tag|>{"name": "f"} x ', "<|python_tag|>x ", "\\",
    '{"name": "\\"', "{" + " " * 50, '{"x" "',
]  # fmt: skip
