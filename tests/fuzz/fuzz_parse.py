"""Fuzz the parser: any text is read without an exception, and what is read holds together.

    python tests/fuzz/fuzz_parse.py --inputs 1000000 --seed 0 [--format chatml]

--format all takes one after the other.

Inputs are made of fragments of all dialects, of control tokens and of raw bytes, and of rendered
completions that were cut, spliced and mutated. Prints the inputs per kind; exits with 1 and the
input at the first failure.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from typing import Any

from cb_datasets.formats import (
    FORMATS,
    Format,
    ToolCall,
    find_format,
    parse_completion,
    render_completion,
)
from cb_datasets.formats.call_names import name_spans
from cb_datasets.formats.llama31.tokens import CONTROL_TOKENS

FRAGMENTS = [
    *CONTROL_TOKENS, "{", "}", "[", "]", '"', "'", "\\", ";", ",", ":", "=", "(", ")", " ", "\n",
    '{"', '"}', "{}", "[]", '{"name": "f", "parameters": {', '{"name": "f", "parameters": {}}',
    '"name"', '"parameters"', '"arguments"', '"function"', '"type": "function"', '"id": "1"',
    '{"type": "function", "function": ', "f(a=", "f.call(a=", "f(a=1)", "[f(", "a.b(", "**k",
    "<function=f>", "<function=", "</function>", "NaN", "-Infinity", "1e999", "\\ud800", "\\u003c",
    "\\", "```json\n", "```", "null", "true", "None", "-1.5", "9" * 50, "9" * 5000, "import os",
    "Paris", "é😀", "\x00", "\u2028", "\ufeff", "\ud7ff", "\ue000", "\ufffd", "<|", "|>",
]  # fmt: skip
Value = Any


def fragments(rng: random.Random, known: Format) -> str:
    syntax = known.calls
    tokens = (*known.control_tokens, *known.markup, syntax.tag, syntax.behind_name)
    return "".join(rng.choices((*FRAGMENTS, *tokens), k=rng.randint(0, 30)))


def noise(rng: random.Random, known: Format) -> str:
    return rng.randbytes(rng.randint(0, 60)).decode("utf-8", "replace")


def value(rng: random.Random, known: Format, depth: int = 0) -> Value:
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randint(-(2**70), 2**70)
    if kind == 2:
        return rng.uniform(-1e9, 1e9)
    if kind < 6:
        return rng.choice([fragments, noise])(rng, known)
    if kind == 6:
        return [value(rng, known, depth + 1) for _ in range(rng.randint(0, 3))]
    keys = rng.choices(["name", "parameters", "arguments", "function", "type", "x"], k=3)
    return {key: value(rng, known, depth + 1) for key in keys}


def completion(rng: random.Random, known: Format) -> str:
    most = 1 if known.calls.between is None else 3
    calls = [
        ToolCall(
            rng.choice(["f", "search_web", "mail.send" if most == 1 else "é x"]),
            {"a": value(rng, known), "name": value(rng, known)},
        )
        for _ in range(rng.randint(0, most))
    ]
    text = render_completion("", calls, rng.choice([None, *known.end_tokens]), format=known)
    bare = text.removeprefix(known.calls.tag or known.before_answer)
    return rng.choice([text, bare, f"I will. {bare}", f"{text} Done {{x}}."])


def mutated(rng: random.Random, known: Format) -> str:
    text = completion(rng, known)
    for _ in range(rng.randint(1, 4)):
        at, until = sorted(rng.randint(0, len(text)) for _ in range(2))
        middle = rng.choice(["", rng.choice(FRAGMENTS), text[at:until] * 2, noise(rng, known)])
        text = text[:at] + middle + text[rng.choice([at, until]) :]
    return text


KINDS = (fragments, noise, completion, mutated)


def check(text: str, known: Format) -> int:
    """Read a text; the number of calls. Whatever does not hold together raises."""
    parsed = parse_completion(text, format=known)
    json.dumps([call.arguments for call in parsed.calls], allow_nan=False).encode()
    spans = name_spans(text, known=known)
    assert len(spans) == len(parsed.calls), "a span for each call"
    for call, (start, end) in zip(parsed.calls, spans, strict=True):
        written = text[start:end]
        assert call.name == written or "\\" in written, "the span holds the name"
    some = parsed.calls[: 1 if known.calls.between is None else None]
    if some:
        again = parse_completion(render_completion("", some, format=known), format=known)
        assert again.calls == some, "what was read is written and read again"
    return len(parsed.calls)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", default="llama31")
    options = parser.parse_args()
    every = [known.name for known in FORMATS]
    names = every if options.format == "all" else [options.format]
    return max(fuzz(find_format(name), options.inputs, options.seed) for name in names)


def fuzz(known: Format, inputs: int, seed: int) -> int:
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(inputs):
        make = KINDS[number % len(KINDS)]
        text = make(rng, known)
        try:
            calls = check(text, known)
        except Exception as error:
            print(f"{known.name}, input {number} ({make.__name__}): {error!r}\n{text!r}")
            return 1
        counts[make.__name__] += 1
        counts["with calls"] += calls > 0
    print(f"{known.name}: {inputs} inputs in {time.monotonic() - began:.0f} s: {dict(counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
