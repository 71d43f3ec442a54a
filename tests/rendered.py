"""What a reader of Markdown sees: GitHub's dialect, with links found in bare text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin


@cache
def _parser() -> MarkdownIt:
    found = MarkdownIt("gfm-like").use(footnote_plugin).use(tasklists_plugin)
    return found.use(dollarmath_plugin, double_inline=True)


class Rendered:
    """A Markdown text, parsed.

    Attributes:
        kinds: How often each kind of element occurs, such as `heading` or `code_inline`.
        text: All that is shown, a block a line.
        headings: The texts of headings.
        rows: The cells of each row of a table.
        links: The addresses of links and pictures.
        html: HTML that a browser would see.
    """

    def __init__(self, markdown: str) -> None:
        self.kinds: Counter[str] = Counter()
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.html: list[str] = []
        lines: list[str] = []
        above = ""
        for token in _parser().parse(markdown):
            self._count(token)
            if token.type == "tr_open":
                self.rows.append([])
            if token.type == "inline":
                shown = self._shown(token.children or [])
                lines.append(shown)
                if above == "heading_open":
                    self.headings.append(shown)
                if above in ("td_open", "th_open"):
                    self.rows[-1].append(shown)
            above = token.type
        self.text = "\n".join(lines)

    @staticmethod
    def tokens(markdown: str) -> list[Token]:
        """All that a text is made of, from left to right."""
        return [child for token in _parser().parse(markdown) for child in token.children or []]

    def _count(self, token: Token) -> None:
        if token.nesting >= 0:
            self.kinds[token.type.removesuffix("_open")] += 1
        if token.type in ("html_block", "html_inline"):
            self.html.append(token.content.strip())
        if token.type in ("link_open", "image"):
            self.links.append(str(token.attrs.get("href") or token.attrs.get("src")))

    def _shown(self, children: Iterable[Token]) -> str:
        shown = ""
        for token in children:
            self._count(token)
            if token.type in ("text", "code_inline"):
                shown += token.content
            elif token.type in ("softbreak", "hardbreak"):
                shown += "\n"
        return shown
