"""Every value is shown as it is, wherever in Markdown it stands, and is nothing but text there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cb_datasets.markdown import (
    Markdown,
    address,
    bullets,
    code,
    heading,
    inline,
    strong,
    table,
)
from cb_datasets.quoting import printable
from tests.hostile_texts import HOSTILE
from tests.rendered import Rendered

PLACES: dict[str, tuple[Callable[[str], str], set[str]]] = {
    "paragraph": (inline, {"paragraph"}),
    "below a line": (lambda text: f"x\n{inline(text)}", {"paragraph", "softbreak"}),
    "list": (lambda text: bullets([text]), {"bullet_list", "list_item", "paragraph"}),
    "heading": (lambda text: heading(2, text), {"heading"}),
    "cell": (
        lambda text: table(["x"], [[text]], "l"),
        {"table", "thead", "tbody", "tr", "th", "td"},
    ),
    "bold letters": (lambda text: f"x {strong(text)}: y", {"paragraph", "strong"}),
    "link": (lambda text: f"[{inline(text)}](https://x.org)", {"paragraph", "link"}),
    "code": (lambda text: f"x {code(text)} y", {"paragraph"}),
    "code in a cell": (
        lambda text: table(["x"], [[code(text)]], "l"),
        {"table", "thead", "tbody", "tr", "th", "td"},
    ),
}
AROUND = {
    "below a line": "x\n{}",
    "cell": "x\n{}",
    "code in a cell": "x\n{}",
    "bold letters": "x {}: y",
    "code": "x {} y",
}
PIECES = st.sampled_from(
    [
        *HOSTILE,
        *"\\`*_~[](){}<>|#-+=:.!@&;$%^ \n\tx1",
        *("    ", "```", "---", "www.", "http://", "a@b.co", "&#64;", ":+1:", "<b>", "x.py", "**"),
    ]
)


SMALL = (
    *("`", " x ", "[](x)", "1234567890. x", "===", "---", "+ x", "1. x", "1) x", "# x", "x #"),
    *("_x_", "a ~b~ c", "&amp;", "x.com", "\\", "a@b <!-- @ -->"),
)


def check(place: str, text: str) -> None:
    write, allowed = PLACES[place]
    rendered = Rendered(write(text))
    assert rendered.text == AROUND.get(place, "{}").format(printable(text, None))
    assert set(rendered.kinds) - allowed <= {"inline", "text", "code_inline"}


@pytest.mark.parametrize("place", PLACES)
@given(text=st.lists(PIECES, min_size=1, max_size=8).map("".join) | st.text(min_size=1))
def test_a_value_is_its_own_text_and_nothing_else(place: str, text: str) -> None:
    check(place, text)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [*HOSTILE, *SMALL])
def test_a_hostile_value_is_its_own_text_and_nothing_else(place: str, text: str) -> None:
    check(place, text)


def test_a_rule_of_a_table_is_text_to_readers_that_ask_for_no_pipe() -> None:
    assert inline(":--") == r"\:--"


def test_nothing_is_shown_as_nothing() -> None:
    assert inline("") == code("") == strong("") == ""
    assert table(["x", ""], [["", 1]], "lr") == "| x | |\n|---|---:|\n| | 1 |"


@pytest.mark.parametrize("text", HOSTILE)
def test_addresses_mentions_and_emoji_codes_stand_in_code(text: str) -> None:
    """GitHub looks for them in the text that is left when all escapes are gone."""
    outside = [
        token.content
        for token in Rendered.tokens(inline(text))
        if token.type == "text" and any(sign in token.content for sign in ("@", "//", "www.", ":t"))
    ]
    assert not outside


def test_no_value_can_be_a_marker_of_the_card() -> None:
    for write in (inline, code, strong):
        assert "<" not in write("<!-- cb_datasets:end dataset --> @<!--")


@pytest.mark.parametrize(
    "text",
    [
        "find_contact 29, mcp_tool_2",
        "'fake_system_note' with 15.6%.",
        "timestamp: 2026-11-28T00:00:00+00:00",
        "hold out: [], retain quotas: {}",
        "give run_gates(evaluation=), or attach one",
        "agentdojo/gpt-4o-2024-05-13/user_task_1#sample0",
        "180 + 509, -5.0 %, +1.2%, a & b, arXiv:2406.13352",
    ],
)
def test_what_does_nothing_is_not_escaped(text: str) -> None:
    assert inline(text) == text


def test_what_is_markdown_already_stays_it() -> None:
    assert inline(Markdown("**FAIL**")) == "**FAIL**"
    assert table(["a"], [[code("b")]], "l") == "| a |\n|---|\n| `b` |"
    assert inline(inline("a*b")) == r"a\*b"


def test_only_an_address_that_shows_where_it_leads_is_a_link() -> None:
    assert Rendered(address("https://github.com/a/b")).links == ["https://github.com/a/b"]
    for other in ("javascript:alert(1)", "https://x.org/](y)", "data:text/html,x", "//x.org"):
        assert not Rendered(address(other)).links


def test_a_long_value_is_cut_and_says_so() -> None:
    assert inline("x" * 5000, 60) == "x" * 60 + "…"
    assert Rendered(code("|" * 5000)).text == "|" * 1000 + "…"
