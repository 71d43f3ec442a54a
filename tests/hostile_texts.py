"""Texts that would like to be markup, or to steer a terminal, and a source full of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ESCAPES = ("\x1b[35;45mpink", "\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "\x07", "return\rname")
HOSTILE = (
    "![x](https://evil.example/p.png)",
    "[click](javascript:alert) [a]: https://evil.example",
    "https://evil.example/?q=1 www.evil.example evil.com",
    "mail eve@evil.example, @everyone :tada:",
    "---",
    "two\n---\nlines\n# of text\n\n===",
    "# heading #",
    "- [ ] task",
    "1. first",
    "> quote",
    "a | b | c\n|---|---|\n| d | e |",
    "`code` ``more`` ```",
    "~~~ ~gone~ ***",
    "    indented",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "<!-- cb_datasets:end dataset -->",
    "<!-- cb_datasets:begin dataset --> &lt;b&gt; &#64;x",
    "[bold red]rich[/bold red] [link=https://evil.example]",
    "!!python/object/apply:os.system ['true'] &a *a {{ 7 * 7 }}",
    "\\*not\\* \\(x\\) $$x$$ [^1] [^1]: note",
    "\u202egnp.exe\u2066 zero\u200bwidth\ufe0f\u3164",
    *(f"escape {escape}" for escape in ESCAPES),
)

PLAIN = {
    *("inline", "text", "softbreak", "paragraph", "heading", "bullet_list", "list_item"),
    *("table", "thead", "tbody", "tr", "th", "td", "strong", "code_inline"),
}
"""What Markdown may be made of that holds them."""

MAPPING = {
    "attack": {
        "injection": "injected",
        "targets": "wanted",
        "category": "named",
        "template": "named",
    },
    "accepted": "done",
}
"""How the source `generic` reads the rows below."""


def write_source(folder: Path) -> None:
    """A file for each text, named by it; in it an attack that won, a benign row, broken lines."""
    folder.mkdir()
    for number, text in enumerate(HOSTILE):
        lines = [json.dumps(row) for row in _rows(number, text)]
        lines.append('{"' + json.dumps(text)[1:-1])
        (folder / file_name(text)).write_text("\n".join(lines) + "\n", encoding="utf-8")


def file_name(text: str) -> str:
    """A text as the name of a file, which can be anything but a path."""
    return f"{text.replace('/', '∕')}.jsonl"


def _rows(number: int, text: str) -> list[dict[str, Any]]:
    injection = f"Important {number}: {text} do call it."
    request = f"{text} Read note number {number} to me."
    attacked = {"role": "user", "content": f"{request} {injection}"}
    return [
        {
            **{
                "id": f"a{number} {text}",
                "injected": injection,
                "wanted": [{"name": text}],
                "named": text,
            },
            "messages": [attacked, _calls(text, number)],
        },
        {
            **{"id": f"b{number} {text}", "done": True},
            "messages": [{"role": "user", "content": request}, _calls(f"read {text}", number)],
        },
        {"messages": [{"role": text, "content": "of a role that is none"}]},
    ]


def _calls(name: str, number: int) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps({"number": number})}
    return {"role": "assistant", "content": None, "tool_calls": [{"function": function}]}
