"""The page in a real browser: nothing runs, nothing is asked for, and keys find records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report_page.chromium import Chromium, find_chromium
from tests.report_page.report_texts import HOSTILE

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium here")

SELECTED = "document.querySelector('[aria-selected=true] .id').textContent"
STATUS = "document.getElementById('status').textContent"
TITLE = "document.querySelector('#record h3').textContent"


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Chromium]:
    with Chromium() as one:
        one.size(1280, 900)
        one.open(page.as_uri())
        yield one


@pytest.fixture(autouse=True)
def _as_it_was(browser: Chromium) -> None:
    browser.run("document.querySelector('form').reset()")
    browser.run("new Promise(done => setTimeout(done, 10))")
    browser.run("document.activeElement.blur()")


def test_no_text_of_a_record_runs_and_nothing_is_asked_for(browser: Chromium, page: Path) -> None:
    count = browser.run("+document.querySelector('[aria-setsize]').ariaSetSize")
    for view in ("t", "p", "x"):
        browser.press("Home")
        browser.press(view, text=view)
        for _ in range(count):
            browser.press("j")
        browser.run("document.getElementById('list').focus()")
    assert browser.run("typeof hacked") == "undefined"
    assert browser.run("document.images.length") == 1
    told = [e["method"] for e in browser.events]
    assert "Runtime.exceptionThrown" not in told
    assert "Log.entryAdded" not in told
    asked = {
        e["params"]["request"]["url"].partition(":")[0]
        for e in browser.events
        if e["method"] == "Network.requestWillBeSent"
    }
    assert asked <= {"file", "data"}


def test_what_does_not_show_and_special_tokens_are_made_visible(browser: Chromium) -> None:
    browser.press("End")
    browser.run("location.hash = ''")
    first = browser.run("document.querySelector('.failing a, .row .id').textContent")
    assert first
    browser.run("document.getElementById('list').focus()")
    browser.press("Home")
    assert "U+202E" in browser.run(TITLE)
    message = "document.querySelector('.message:last-child .text')"
    assert browser.run(
        f"[...{message}.querySelectorAll('.hidden-char')].map(e => e.textContent)"
    ) == [
        "U+202E",
        "U+200B",
    ]
    # In a message it is text that looks like one; in a completion it is one.
    assert browser.run(f"[...{message}.querySelectorAll('.token.plain')].length") == 2
    assert "</script><script>hacked=1" in browser.run(f"{message}.textContent")
    tokens = (
        "[...document.querySelectorAll('.completion .token:not(.plain)')].map(e => e.textContent)"
    )
    assert browser.run(tokens)[-1] in ("<|eom_id|>", "<|eot_id|>")
    assert browser.run("document.querySelector('.message mark').textContent")


def test_keys_go_through_the_records(browser: Chromium) -> None:
    first = browser.run(SELECTED)
    browser.press("j")
    second = browser.run(SELECTED)
    assert second != first
    browser.press("k")
    assert browser.run(SELECTED) == first
    browser.press("/")
    assert browser.run("document.activeElement.id") == "q"
    browser.press("j", text="j")
    assert browser.run("document.getElementById('q').value") == "j"
    browser.press("Escape")
    assert browser.run("document.activeElement.id") == "list"
    browser.press("ArrowDown")
    active = browser.run("document.getElementById('list').getAttribute('aria-activedescendant')")
    assert (
        browser.run(f"document.getElementById('{active}').getAttribute('aria-selected')") == "true"
    )
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.run(outline) != "none"


def test_search_and_filters_find_what_the_rows_hold(
    browser: Chromium, rows: dict[str, list[dict[str, Any]]]
) -> None:
    total = sum(map(len, rows.values()))
    assert browser.run(STATUS) == f"{total:,} records"
    twins = sum(row["labels"]["kind"] == "benign_twin" for row in rows["dr"])
    assert 0 < twins < len(rows["dr"])
    choose = "(f => { const s = document.getElementById(f[0]); s.value = f[1]; "
    choose += "s.dispatchEvent(new Event('change')) })"
    browser.run(f"{choose}(['f-set', 'dr'])")
    browser.run(f"{choose}(['f-kind', 'benign_twin'])")
    assert browser.run(STATUS) == f"{twins:,} of {total:,} records"
    browser.run("document.querySelector('form').reset()")
    browser.run("new Promise(done => setTimeout(done, 10))")
    word = rows["dr"][1]["messages"][-1]["content"][-18:]
    browser.run(f"document.getElementById('q').value = {json.dumps(word.upper())}")
    browser.run("document.querySelector('form').requestSubmit()")
    found = int(browser.run(STATUS).split()[0].replace(",", ""))
    holding = sum(
        any(word.lower() in str(m.get("content")).lower() for m in row["messages"])
        for name in ("ds", "dr", "eval")
        for row in rows[name]
    )
    assert found >= holding >= 1
    browser.run("document.getElementById('q').value = 'no text of any record'")
    browser.run("document.querySelector('form').requestSubmit()")
    assert browser.run(STATUS) == f"0 of {total:,} records"


@pytest.mark.parametrize("number", [0, 1])
def test_a_row_that_a_gate_names_is_a_link_to_its_record(
    number: int, browser: Chromium, rows: dict[str, list[dict[str, Any]]]
) -> None:
    links = "[...document.querySelectorAll('.failing a')]"
    wanted = json.dumps(rows["ds"][number]["id"].partition("\u202e")[0])
    browser.run(f"{links}.find(a => a.textContent.includes({wanted})).click()")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert browser.run(f"{TITLE}.startsWith({wanted})")


def test_a_name_in_a_table_filters_the_records(
    browser: Chromium, rows: dict[str, list[dict[str, Any]]]
) -> None:
    hostile = sum((row.get("attack") or {}).get("category") == HOSTILE for row in rows["ds"])
    browser.run(
        "[...document.querySelectorAll('[data-filter=category]')]"
        ".find(b => b.textContent.includes('hacked=1')).click()"
    )
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert browser.run(STATUS).startswith(f"{hostile} of ")


@pytest.mark.parametrize("width", [320, 390, 820, 1600])
def test_nothing_is_wider_than_the_screen(browser: Chromium, width: int) -> None:
    browser.size(width, 800, phone=width < 800)
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    browser.size(1280, 900)


def test_light_and_dark_follow_the_system(browser: Chromium) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.size(1280, 900, dark=True)
    assert browser.run(ground) != light
    browser.size(1280, 900)
    assert browser.run(ground) == light
