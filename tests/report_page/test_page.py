"""The page of a dataset folder: whole, self-contained, and deaf to what its texts say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.dataset.tokenizer_at_hand import tokenizer_at_hand
from cb_datasets.errors import BuildError, EngineError
from cb_datasets.records import SET_RECORDS
from cb_datasets.report_page.packed_records import PIECE, PackedRecords, chosen
from cb_datasets.report_page.packed_tokens import PackedTokens
from cb_datasets.report_page.shown_rows import shown_row
from cb_datasets.schema import set_table
from cb_datasets.sets import Sets, build_options
from cb_datasets.sets.options import options_facts
from tests.report_page.conftest import TOKENIZER

Row = dict[str, Any]
ELEMENTS = set(
    re.findall(
        r"\w+",
        "html head meta title link style body a header div h1 p b button nav main section h2 h3 "
        "dl dt span dd table thead tbody tr th td caption br details summary ul li figure "
        "figcaption img noscript form label input select kbd "
        "article footer code script",
    )
)
IDS = ("prompt_token_ids", "completion_token_ids", "prefill_token_ids")
VOID = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """The elements of a page, the contents of scripts and styles, and the text of the rest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.code: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.scripts[str(attributes["id"])] = data
        elif tag in ("script", "style"):
            self.code.append((tag, data))
        else:
            self.text += data

    def having(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


@pytest.fixture(scope="module")
def parsed(page: Path) -> Page:
    return Page(page.read_text("utf-8"))


def pieces(parsed: Page, name: str) -> list[Any]:
    found: list[Any] = []
    while (piece := parsed.scripts.get(f"{name}-{len(found) // PIECE}")) is not None:
        found += json.loads(piece)
        if len(found) % PIECE:
            break
    return found


def test_nothing_is_asked_of_anywhere(page: Path, parsed: Page) -> None:
    for name in ("src", "href", "action", "srcset", "poster", "data", "xlink:href"):
        assert all(value.startswith(("data:", "#")) for value in parsed.having(name) if value)
    names = {name for _, attributes in parsed.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    style = " ".join(text for tag, text in parsed.code if tag == "style")
    assert not re.search(r"url\(|@import", style)
    script = " ".join(text for tag, text in parsed.code if tag == "script")
    assert not re.search(r"fetch\(|XMLHttp|WebSocket|import\(|innerHTML|eval\(|https?:", script)


def test_the_policy_allows_the_pages_own_script_and_style_and_no_other(parsed: Page) -> None:
    ((_, policy),) = [
        (tag, attributes) for tag, attributes in parsed.elements if "http-equiv" in attributes
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy["content"]).split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert [tag for tag, _ in parsed.code] == ["style", "script"]
    for tag, text in parsed.code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_texts_that_would_be_markup_are_texts(page: Path, parsed: Page) -> None:
    html = page.read_text("utf-8")
    assert "hacked=1</script>" not in html
    assert "<img src=x" not in html
    # Nothing rearranges the source either, and no template is evaluated in data.
    assert not re.search("[\u202a-\u202e\u200b]", html)
    assert "system49" not in html
    assert {tag for tag, _ in parsed.elements} <= ELEMENTS
    assert "\\u202egnp.exe" in parsed.text


def test_every_row_of_every_set_is_in_it_with_its_texts(
    parsed: Page, rows: dict[str, list[Row]]
) -> None:
    index, bodies, texts = (
        json.loads(parsed.scripts["index"]),
        pieces(parsed, "bodies"),
        pieces(parsed, "texts"),
    )
    assert len(index) == len(bodies) == sum(map(len, rows.values()))
    assert len(texts) == len(set(texts))
    for entry, body in zip(index, bodies, strict=True):
        row = rows[entry[0]][entry[1]]
        why, messages, completion, prefill, _, tools, prompt, said, _, facts, harmful, _ = body
        if entry[0] == "rejected":
            assert entry[2].startswith(row["scenario_id"])
            assert (why, completion) == (row["detail"], row["assistant_raw"])
            assert entry[6] == row["reason"]
            continue
        assert entry[2] == row["id"]
        assert [texts[number] for _, number, _ in messages] == [
            message.get("content") or "" for message in row["messages"]
        ]
        assert [name for name, _ in tools] == [tool["function"]["name"] for tool in row["tools"]]
        assert prompt == len(row["prompt_token_ids"])
        assert ["group", row["group"]] in facts
        if entry[0] == "eval":
            assert prefill == row["prefill"]
        elif entry[0] == "pairs":
            assert completion == row["chosen"]["assistant_raw"]
            assert harmful == (row["rejected"] and row["rejected"]["assistant_raw"])
            assert entry[6] == row["chosen_origin"]
        else:
            assert (completion, said) == (row["assistant_raw"], len(row["completion_token_ids"]))
            assert (why, entry[5]) == (row["labels"]["reason"], row["labels"]["outcome"])


def test_the_figures_count_all_rows(folder: Path, rows: dict[str, list[Row]]) -> None:
    few = Page(cb.report_page.report_html(folder, max_records=8))
    assert len(json.loads(few.scripts["index"])) < sum(map(len, rows.values()))
    flat = " ".join(few.text.split())
    for words, name in (("circuit breaker set", "ds"), ("in none of the sets", "rejected")):
        assert f"{words} {len(rows[name]):,}" in flat
    lengths = sorted(len(row["prompt_token_ids"]) for row in rows["ds"])
    assert f"Ds, median {lengths[len(lengths) // 2]:,}" in flat
    tools = Counter(row["labels"]["observed_tool"] for row in rows["ds"])
    tool, count = tools.most_common(1)[0]
    assert re.search(rf"{tool} {count} ", flat)


def test_rows_that_a_gate_names_are_held_whatever_else_is(
    folder: Path, rows: dict[str, list[Row]]
) -> None:
    few = Page(cb.report_page.report_html(folder, max_records=8))
    held = {(entry[0], entry[2]) for entry in json.loads(few.scripts["index"])}
    gates = json.loads((folder / "gates.json").read_text("utf-8"))["results"]
    named = {(row["set"], row["id"]) for gate in gates.values() for row in gate["failing"]}
    assert ("ds", rows["ds"][1]["id"]) in named & held
    assert "failed" in few.text


def test_small_sets_are_held_whole_and_large_ones_evenly() -> None:
    held = chosen({"ds": 10, "dr": 1000, "eval": 400, "rejected": 0}, 100, {"dr": frozenset({3})})
    assert held["ds"] == frozenset(range(10))
    assert sum(map(len, held.values())) == 101
    assert 3 in held["dr"]
    steps = sorted(held["eval"])
    assert max(b - a for a, b in pairwise(steps)) <= 400 // len(steps) + 1


def test_reports_of_the_folder_are_in_it(parsed: Page) -> None:
    assert "attack success rate, per sample" in parsed.text
    assert "oracle attacker" in parsed.text
    assert "Layer 3 tells Ds from Dr." in parsed.text
    assert "0.98" in parsed.text
    pictures = [attributes for tag, attributes in parsed.elements if tag == "img"]
    assert [str(one["src"])[:26] for one in pictures] == ["data:image/svg+xml;base64,"]
    assert all(one["alt"] for one in pictures)


def test_landmarks_headings_and_names_for_those_who_do_not_see(parsed: Page) -> None:
    tags = Counter(tag for tag, _ in parsed.elements)
    assert [tags[tag] for tag in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    ids = list(parsed.having("id"))
    assert len(ids) == len(set(ids))
    for value in parsed.having("aria-labelledby"):
        assert value in ids
    for value in parsed.having("href"):
        if value and value.startswith("#") and not value.startswith("#record="):
            assert value[1:] in ids
    assert dict(parsed.elements[0][1])["lang"] == "en"


def test_the_page_says_nothing_of_this_machine(page: Path, folder: Path) -> None:
    html = page.read_text("utf-8")
    assert str(folder.parent) not in html
    assert str(page.parent) not in html
    assert "<title>agents: circuit breaker dataset, " in html


def test_the_same_folder_gives_the_same_page(page: Path, folder: Path, tmp_path: Path) -> None:
    assert cb.report(folder, tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_a_folder_without_rows_of_a_set_is_a_page_all_the_same(
    built: dict[str, list[Row]], tmp_path: Path
) -> None:
    tables = {name: set_table([], record) for name, record in SET_RECORDS.items()}
    tables["eval"] = set_table(built["eval"][:3], SET_RECORDS["eval"])
    Sets(**tables, facts={"engine": None, "template_hash": None, "options": {}}).save(
        tmp_path / "some"
    )
    (tmp_path / "some" / "gates.json").unlink()
    parsed = Page(cb.report_page.report_html(tmp_path / "some"))
    assert len(json.loads(parsed.scripts["index"])) == 3
    assert "There are no rows of Ds or Dr." in parsed.text
    assert "Computed for this page" in parsed.text


def test_samples_until_enough_are_told_as_such(tmp_path: Path) -> None:
    tables = {name: set_table([], record) for name, record in SET_RECORDS.items()}
    options = build_options({"min_pairs": 1})
    engine = {"backend": "x", "model": "m", "revision": "r", "trust_remote_code": False}
    facts = {"engine": engine, "template_hash": None, "options": options_facts(options)}
    Sets(**tables, facts=facts).save(tmp_path / "some")
    parsed = Page(cb.report_page.report_html(tmp_path / "some"))
    assert "samples until there are enough, 8 a scenario at most" in parsed.text


def test_rows_without_token_ids_say_so(
    built: dict[str, list[Row]],
) -> None:
    records = PackedRecords(PackedTokens(tokenizer_at_hand({})))
    row = built["ds"][0]
    records.add(shown_row("ds", {**row, **dict.fromkeys(IDS)}), 0)
    records.add(shown_row("eval", {**built["eval"][0], **dict.fromkeys(IDS)}), 0)
    for body in records.bodies:
        assert records.texts[body[-1]] == "no token ids: no tokenizer was named"
        assert body[6] is None
    records.add(shown_row("ds", row), 0)
    assert records.texts[records.bodies[-1][-1]] == (
        "the folder does not say whose token ids it holds"
    )


def test_a_tokenizer_that_is_not_here_is_named_and_one_that_is_named_is_used(
    built: dict[str, list[Row]], tmp_path: Path
) -> None:
    tables = {name: set_table(built[name][:2], record) for name, record in SET_RECORDS.items()}
    elsewhere = {**TOKENIZER, "name": "somebody/else"}
    facts = {"engine": None, "template_hash": None, "tokenizer": elsewhere}
    Sets(**tables, facts=facts).save(tmp_path / "some")
    without = Page(cb.report_page.report_html(tmp_path / "some"))
    said = [text for text in pieces(without, "texts") if "--tokenizer" in text]
    assert said == [
        "the tokenizer of these ids, 'somebody/else', is not on this machine; --tokenizer names it"
    ]
    given = Page(cb.report_page.report_html(tmp_path / "some", tokenizer=str(tiny_agent_path())))
    vocabulary, runs = json.loads(given.scripts["vocabulary"]), pieces(given, "runs")
    row, tokens = built["ds"][0], pieces(given, "bodies")[0][-1]
    ids = [vocabulary[place][0] for *_, number in tokens for place in runs[number]]
    assert ids == [*row["prompt_token_ids"], *row["completion_token_ids"]]
    text = "".join(
        vocabulary[place][1]
        for *_, marks, number in tokens
        for place in runs[number]
        if "sampled" in marks.split()
    )
    assert text == row["assistant_raw"]
    with pytest.raises(EngineError, match="no model folder"):
        cb.report_page.report_html(tmp_path / "some", tokenizer="./nowhere")


def test_what_cannot_be_a_report_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="there is no such folder"):
        cb.report("nowhere", tmp_path / "a.html")
    with pytest.raises(BuildError, match="is inside the dataset folder"):
        cb.report(folder, folder / "a.html")
    with pytest.raises(BuildError, match="is a folder; a file to write was expected"):
        cb.report(folder, tmp_path)
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(BuildError, match="--overwrite replaces it"):
        cb.report(folder, tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "mine"
    with pytest.raises(BuildError, match="max_records is 0"):
        cb.report(folder, tmp_path / "a.html", max_records=0)
    assert not (tmp_path / "a.html").exists()
