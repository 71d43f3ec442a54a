"""Texts that would like to be markup, or to steer a terminal, and rows and files full of them."""

from __future__ import annotations

ESCAPES = ("\x1b[35;45mpink", "\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "\x07", "\r")
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
