"""What of a record can be looked at in a browser: its twin, both side by side, its tokens."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.formats import render_prompt
from cb_datasets.models.tokenizer import load_tokenizer
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table
from cb_datasets.sets import Sets
from tests.report_page.chromium import Chromium, find_chromium
from tests.report_page.conftest import TOKENIZER

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium here")

Row = dict[str, Any]
LONG_ID = f"pipeline/{'suite_of_many_words/' * 9}用户任務/injection_task_3/turn12#sample0"
TITLE = "document.querySelector('#record h3').textContent"


@pytest.fixture(scope="module")
def marked(built: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows of which a gate fails many, one has a long id, and one has no tokens."""
    found = copy.deepcopy(built)
    for row in found["dr"]:
        row["assistant_raw"] = row["assistant_raw"].replace("<|e", "[TOOL_CALL]<|e", 1)
    found["ds"][0]["id"] = LONG_ID
    # Ids of all lengths, of which some just fill a line of the list, or just do not.
    for number, row in enumerate(found["dr"]):
        row["id"] = f"{number:02}{'a' * (36 + number)}"
    long = found["dr"][-1]
    long["messages"].append({"role": "user", "content": "Once more, please. " * 300})
    long["prompt_token_ids"] = list(render_prompt(long["messages"], long["tools"]).token_ids)
    long["assistant_raw"] = built["dr"][-1]["assistant_raw"]
    return found


def saved(rows: dict[str, list[Row]], folder: Path) -> Path:
    facts = {"engine": None, "options": {}, "template_hash": None, "scenarios": {}, "made": {}}
    tables = {name: set_table(own, SET_RECORDS[name]) for name, own in rows.items()}
    Sets(**tables, facts={**facts, "tokenizer": TOKENIZER}).save(folder)
    return folder


@pytest.fixture(scope="module")
def browser(
    marked: dict[str, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chromium]:
    place = tmp_path_factory.mktemp("views")
    page = cb.report(saved(marked, place / "agents"), place / "page.html")
    with Chromium() as one:
        one.size(1280, 900)
        one.open(page.as_uri())
        yield one


@pytest.fixture(autouse=True)
def _as_it_was(browser: Chromium) -> None:
    browser.run("document.querySelector('form').reset()")
    look(browser, "text")


def look(browser: Chromium, view: str) -> None:
    browser.run(f"document.querySelector('[data-view={view}]').click()")


def go(browser: Chromium, set_name: str, row: Row) -> None:
    wanted = json.dumps(f"{set_name}:{row['id']}")
    browser.run(f"location.hash = '#record=' + encodeURIComponent({wanted})")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert browser.run(TITLE) == row["id"]


def texts(browser: Chromium, selector: str) -> list[str]:
    found: list[str] = browser.run(
        f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)"
    )
    return found


def attacked(rows: dict[str, list[Row]]) -> tuple[Row, Row]:
    """A row of Ds whose twin is in Dr, and that twin."""
    for row in rows["ds"]:
        for other in rows["dr"]:
            if row["twin_id"] == other["provenance"]["scenario_id"]:
                return row, other
    raise LookupError("no row of Ds has a twin in Dr")


def test_a_failed_gate_opens_ten_rows_and_offers_more(
    browser: Chromium, marked: dict[str, list[Row]]
) -> None:
    gate = "[...document.querySelectorAll('#gates tr')]"
    gate += ".find(row => row.textContent.includes('synthetic markers'))"
    shown = f"[...{gate}.querySelectorAll('.failing li')].filter(e => e.checkVisibility()).length"
    assert len(marked["dr"]) > 10
    assert browser.run(shown) == 10
    offer = f"{gate}.querySelector('.rest > summary')"
    named = len(marked["dr"]) - 1  # the last of them is as it was
    assert browser.run(f"{offer}.textContent") == f"Show {named - 10} more"
    browser.run(f"{offer}.click()")
    assert browser.run(shown) == named
    browser.run(f"[...{gate}.querySelectorAll('.failing a')].at(-1).click()")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert browser.run(TITLE) == marked["dr"][named - 1]["id"]
    browser.run(f"{offer}.click()")


def test_the_twin_is_a_link_to_it_and_back(browser: Chromium, marked: dict[str, list[Row]]) -> None:
    row, twin = attacked(marked)
    go(browser, "ds", row)
    assert f"Dr {twin['id']} benign_twin" in texts(browser, "#content .links li")
    browser.run("document.querySelector('#content .links a').click()")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert browser.run(TITLE) == twin["id"]
    # Who goes by keys is where the link went.
    assert browser.run("document.activeElement.id") == "record"
    assert "The same query under attack" in texts(browser, "#content h4")
    back = [text.split(" ")[1] for text in texts(browser, "#content .links li")]
    naming = [one["id"] for one in marked["ds"] if one["twin_id"] == row["twin_id"]]
    assert set(back) & set(naming)


def test_attacked_row_and_twin_stand_side_by_side(
    browser: Chromium, marked: dict[str, list[Row]]
) -> None:
    row, twin = attacked(marked)
    go(browser, "ds", row)
    browser.press("p", text="p")
    assert texts(browser, ".side h4") == ["Attacked", "Benign twin"]
    assert texts(browser, ".side .name") == [f"Ds {row['id']}", f"Dr {twin['id']}"]
    assert texts(browser, ".pair .completion") == [row["assistant_raw"], twin["assistant_raw"]]
    assert texts(browser, ".pair mark") == [row["attack"]["injection"]]
    # What is said in both is said once.
    assert row["messages"][0] == twin["messages"][0]
    assert len(texts(browser, ".pair .both .message")) == 1
    left, right = browser.run(
        "[...document.querySelectorAll('.side')].map(e => e.getBoundingClientRect().x)"
    )
    assert left < right
    browser.size(390, 800, phone=True)
    stacked = "[...document.querySelectorAll('.side')].map(e => e.getBoundingClientRect().x)"
    assert len(set(browser.run(stacked))) == 1
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    browser.size(1280, 900)
    # The twin's own page shows the same pair, attacked row first.
    go(browser, "dr", twin)
    assert texts(browser, ".side h4") == ["Attacked", "Benign twin"]
    assert texts(browser, ".side .name")[1] == f"Dr {twin['id']}"


def test_each_token_says_what_it_is(browser: Chromium, marked: dict[str, list[Row]]) -> None:
    row = next(row for row in marked["ds"][1:] if row["labels"]["harm_type"] == "tool_flip")
    go(browser, "ds", row)
    browser.press("t", text="t")

    def ids(selector: str) -> list[int]:
        found = f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.title)"
        return [int(title.removeprefix("token ")) for title in browser.run(found)]

    tokenizer = load_tokenizer(None)
    prompt, said = row["prompt_token_ids"], row["completion_token_ids"]
    assert ids("#content .t") == [*prompt, *said]
    assert ids(".run.sampled .t") == said
    assert row["labels"]["observed_tool"] in tokenizer.decode(ids(".run.name .t"))
    assert ids(".run.name .t") != said
    injected = tokenizer.decode(ids(".run.injection .t"))
    assert row["attack"]["injection"].strip() in injected
    assert len(injected) < len(row["attack"]["injection"]) + 40
    roles = texts(browser, "#content .message .role")
    assert roles == ["", "system", *[one["role"] for one in row["messages"][1:]], "assistant"]
    assert [text.rpartition(" ")[0] for text in texts(browser, ".legend li")] == [
        *("sampled by the model", "tool name", "injection", "header", "prompt")
    ]
    browser.run("document.querySelector('.legend .injection').click()")
    place = "document.querySelector('.tokens .injection').getBoundingClientRect().y"
    assert browser.run(f"0 < {place} && {place} < window.innerHeight")


def test_a_forced_beginning_is_told_from_what_is_sampled(
    browser: Chromium, marked: dict[str, list[Row]]
) -> None:
    row = next(row for row in marked["eval"] if row["prefill"])
    go(browser, "eval", row)
    look(browser, "tokens")
    count = "document.querySelectorAll('.run.prefill .t').length"
    assert browser.run(count) == len(row["prefill_token_ids"])
    assert not browser.run("document.querySelectorAll('.tokens .sampled').length")


def test_the_view_stays_from_record_to_record(browser: Chromium) -> None:
    look(browser, "tokens")
    browser.press("j", text="j")
    pressed = "document.querySelector('[data-view][aria-pressed=true]').dataset.view"
    assert browser.run(pressed) == "tokens"
    browser.press("x", text="x")
    assert browser.run(pressed) == "text"


@pytest.mark.parametrize("width", [1280, 390])
def test_ids_are_whole(width: int, browser: Chromium, marked: dict[str, list[Row]]) -> None:
    browser.size(width, 900, phone=width < 800)
    browser.open(
        browser.run("location.href.split('#')[0]")
    )  # its first sight, before any scrolling
    hidden = "[...document.querySelectorAll('.row')].filter(e => e.scrollHeight > e.clientHeight)"
    cut = "[...document.querySelectorAll('.row .id')].filter(e => e.scrollWidth > e.clientWidth)"
    for set_name, row in [("ds", marked["ds"][0]), *(("dr", row) for row in marked["dr"])]:
        go(browser, set_name, row)
        assert row["id"] in texts(browser, ".row .id")
        assert browser.run(f"{hidden}.length + {cut}.length") == 0
    browser.size(1280, 900)


def test_rows_of_the_list_follow_each_other_without_gaps(browser: Chromium) -> None:
    browser.run("document.getElementById('list').scrollTop = 3000")
    browser.run("new Promise(done => setTimeout(done, 50))")
    edges = browser.run(
        "[...document.querySelectorAll('.row')]"
        ".map(e => [e.offsetTop, e.offsetTop + e.offsetHeight])"
    )
    assert all(abs(one[1] - two[0]) <= 1 for one, two in pairwise(edges))
    assert edges[0][0] <= 3000 <= edges[-1][1]
    browser.run("document.getElementById('list').scrollTop = 0")


def test_a_view_without_tokens_says_why(browser: Chromium, marked: dict[str, list[Row]]) -> None:
    row = marked["dr"][0]  # its text is another than that of its ids
    go(browser, "dr", row)
    look(browser, "tokens")
    (said,) = texts(browser, "#content .note")
    assert said == (
        f"These ids are not of the tokenizer '{TINY_AGENT_NAME}': it gives "
        "another text for the ids of the completion."
    )
    browser.run("document.getElementById('f-set').value = 'rejected'")
    browser.run("document.querySelector('form').requestSubmit()")
    assert texts(browser, "#content .note") == ["A row that is left out keeps no token ids."]


def test_the_middle_of_a_long_prompt_is_offered(
    browser: Chromium, marked: dict[str, list[Row]]
) -> None:
    go(browser, "dr", marked["dr"][-1])
    look(browser, "tokens")
    (more,) = texts(browser, "#content .tokens .more")
    row = marked["dr"][-1]
    shown = "document.querySelectorAll('#content .t').length"
    hidden = int(more.split()[1].replace(",", ""))
    total = len(row["prompt_token_ids"]) + len(row["completion_token_ids"])
    assert browser.run(shown) == total - hidden
    browser.run("document.querySelector('#content .tokens .more').click()")
    ids = "[...document.querySelectorAll('#content .t')].map(e => +e.title.split(' ')[1])"
    assert browser.run(ids) == [*row["prompt_token_ids"], *row["completion_token_ids"]]
