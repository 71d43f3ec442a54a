"""Upstream text that would like to be more than text, through everything that is written of it."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.dataset import attach_report, read_folder
from cb_datasets.dataset.card_parts import Card, read_card, renewed_card
from cb_datasets.dataset.card_yaml import yaml_text
from cb_datasets.evaluation import EvalReport
from cb_datasets.probing import ProbeReport
from cb_datasets.quoting import printable
from cb_datasets.schema import exact_rows
from tests.hostile_texts import ESCAPES, HOSTILE, MAPPING, PLAIN, file_name, write_source
from tests.on_terminal import on_terminal
from tests.rendered import Rendered

if TYPE_CHECKING:
    from tests.hub_server import HubServer

pytestmark = pytest.mark.long

ALL = " ".join(HOSTILE)
OF_A_CARD = {
    "How it was made", "What was read", "Where it all went", "What is in it", "Pairs",
    "Token lengths", "Gates", "Use", "Limits", "Sources", "Citation", "Columns",
}  # fmt: skip
MARKER = re.compile(r"<!-- cb_datasets:(begin|end) [a-z-]+ -->")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_source(folder / "in")
    (folder / "map.json").write_text(json.dumps(MAPPING))
    return folder


@pytest.fixture(scope="module")
def screen(scratch: Path) -> str:
    """A build, its gates and its rows, as a terminal shows them."""
    out = str(scratch / "out")
    build = ["build", out, "--source", f"generic={scratch / 'in'}", "--eval-fraction", "0.2"]
    build += ["--tokenizer", str(tiny_agent_path())]
    build += ["--source-option", f"generic.mapping={scratch / 'map.json'}", "--max-malformed", "1"]
    previews = [["preview", out, "--config", config, "-n", "99"] for config in ("ds", "dr", "eval")]
    wrong = [["gate", str(scratch / text)] for text in HOSTILE if "/" not in text]
    return on_terminal(build, *previews, ["gate", out], *wrong)


@pytest.fixture(scope="module")
def built(screen: str, scratch: Path) -> Path:
    assert (scratch / "out" / "README.md").is_file(), screen
    return scratch / "out"


@pytest.fixture(scope="module")
def evaluation(built: Path) -> EvalReport:
    rows = list(exact_rows(read_folder(built)["eval"]))
    for row, text in zip(rows, HOSTILE, strict=False):
        row["source"] = row["id"] = text
    agent = _Named(cb.load_engine(), ALL)
    return cb.evaluate(agent, rows, compare=_Named(cb.load_engine(), ALL))


@pytest.fixture(scope="module")
def probed(built: Path, scratch: Path) -> ProbeReport:
    model = scratch / "model `![x](y)` <b> $x$ evil.com"
    shutil.copytree(tiny_agent_path(), model)
    return cb.probe(read_folder(built), model, layers=[3], shuffles=2)


@pytest.fixture(scope="module")
def reported(
    built: Path, evaluation: EvalReport, probed: ProbeReport, tmp_path_factory: Any
) -> Path:
    """The folder with both reports attached."""
    folder: Path = tmp_path_factory.mktemp("reported") / "out"
    shutil.copytree(built, folder)
    attach_report(folder, "evaluation", evaluation.to_dict(), evaluation.summary_markdown())
    attach_report(folder, "probe", probed.to_dict(), probed.to_markdown())
    return folder


class _Named:
    """An engine whose model is called something."""

    def __init__(self, engine: Any, model: str) -> None:
        self._engine, self.model = engine, model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def card_of(folder: Path) -> Card:
    return read_card((folder / "README.md").read_text("utf-8"))


def test_the_card_holds_nothing_that_the_library_did_not_write(built: Path) -> None:
    card = card_of(built)
    assert list(card.parts) == ["dataset"]
    assert card.own == ["# Circuit breaker dataset"]
    shown = Rendered(card.markdown)
    assert shown.links == ["plots/counts.svg"]
    assert all(MARKER.fullmatch(html) for html in shown.html)
    assert len(shown.html) == 2
    failed = {text for text in shown.headings if text.endswith(" failed")}
    assert set(shown.headings) == {"Circuit breaker dataset", *OF_A_CARD, *failed}
    assert len(shown.headings) == len(set(shown.headings))
    # The picture, the markers, and one title in the citation.
    assert set(shown.kinds) - PLAIN == {"image", "html_block", "em"}
    assert (shown.kinds["image"], shown.kinds["em"]) == (1, 1)


def test_the_card_shows_every_text_in_full(built: Path) -> None:
    shown = Rendered(card_of(built).markdown)
    calls = dict.fromkeys(row["labels"]["observed_tool"] for row in read_folder(built)["ds"])
    tools = [cells[0] for cells in shown.rows if len(cells) == 3]
    assert {printable(name, 60) for name in calls} <= set(tools)
    for category in read_folder(built)["ds"]["labels"]:
        assert f"{printable(category['category'], 60)} 1" in shown.text
    malformed = json.loads((built / "manifest.json").read_text())["inputs"][0]["malformed"]
    for line in malformed[:20]:
        assert printable(f"{line['file']}, line {line['line']}: {line['reason']}", None) in (
            shown.text
        )


def test_every_row_of_a_table_has_the_cells_of_its_head(reported: Path) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", card_of(reported).markdown, re.MULTILINE)
    assert len(tables) > 10
    for found in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in found.splitlines()}) == 1, found


def test_yaml_is_plain_data_whatever_it_says(built: Path) -> None:
    new = card_of(built)
    for text in HOSTILE:
        users = {"pretty_name": text, text: {"notes": f"{text}\n---\n{text}"}, "tags": [text]}
        existing = read_card(Card(yaml_text(users), "# Mine\n").text)
        assert existing.data == users
        renewed = read_card(renewed_card(existing, new).text)
        assert renewed.data == new.data | users | {"tags": [*new.data["tags"], text]}
        assert renewed.own == ["# Mine"]


@pytest.mark.parametrize("text", HOSTILE)
def test_gates_name_rows_that_fail_as_text(built: Path, text: str) -> None:
    rows = list(exact_rows(read_folder(built)["ds"]))[:3]
    for row in rows:
        row |= {"id": text, "assistant_raw": f"[TOOL_CALL] {text}", "finish_reason": text}
        row["labels"]["category"] = row["labels"]["observed_tool"] = text
    report = cb.run_gates(ds=rows, dr=[{"id": text, text: text}], eval=[{"prefill_kind": text}])
    shown = Rendered(report.to_markdown())
    assert shown.links == shown.html == []
    assert set(shown.kinds) <= PLAIN
    assert {heading.removesuffix(" failed") for heading in shown.headings} <= set(report.results)
    assert ["ds", printable(text), "[TOOL_CALL] in assistant_raw"] in [
        [*cells[:2], cells[2][:28]] for cells in shown.rows if len(cells) == 3
    ]
    assert json.loads(json.dumps(report.to_dict()))["passed"] is False


def test_reports_of_models_hold_nothing_but_their_own_marks(
    evaluation: EvalReport, probed: ProbeReport, reported: Path
) -> None:
    for markdown in (evaluation.to_markdown(), evaluation.summary_markdown(), probed.to_markdown()):
        shown = Rendered(markdown)
        assert shown.links == shown.html == []
        assert set(shown.kinds) <= PLAIN
    shown = Rendered(evaluation.to_markdown())
    sources = [cells[0] for cells in shown.rows]
    assert {printable(text, None) for text in HOSTILE} <= set(sources)
    assert shown.headings[0] == f"Evaluation of {printable(ALL, None)}"
    whole = Rendered(card_of(reported).markdown)
    assert {"Evaluation", "Probe"} <= set(whole.headings)
    assert set(whole.kinds) - PLAIN == {"image", "html_block", "em"}
    assert list(card_of(reported).parts) == ["dataset", "report-evaluation", "report-probe"]


@pytest.mark.parametrize(
    "markdown", ["```\nopen", "~~~~\n```\n~~~", "    ```\nnot a fence", "<!-- open", "# a\n\n```x`"]
)
def test_a_report_that_leaves_a_block_open_does_not_swallow_the_next(
    built: Path, markdown: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(built, folder)
    attach_report(folder, "first", {}, markdown)
    attach_report(folder, "second", {}, "Words.")
    assert "Second" in Rendered(card_of(folder).markdown).headings


def test_a_push_says_why_it_was_forced_in_words_alone(
    reported: Path, hub: HubServer, tmp_path: Path
) -> None:
    folder = tmp_path / "pushed"
    shutil.copytree(reported, folder)
    (folder / "gates.json").write_text(json.dumps({"changed": ALL}))
    for version in ("1.0.0", "1.0.1"):
        cb.push_to_hub(folder, "org/hostile", version, force_reason=ALL, token=hub.token)
        on_hub = read_card(hub.content("org/hostile", "README.md", f"v{version}").decode())
        shown = Rendered(on_hub.markdown)
        assert f"Version {version}" in shown.headings
        assert f"The reason given: {printable(' '.join(ALL.split()), None)}" in shown.text
        assert set(shown.kinds) - PLAIN == {"image", "html_block", "em"}
        assert {*on_hub.parts} >= {*card_of(reported).parts, "version"}
        attach_report(folder, "more", {}, "Something new to push.")


def test_json_holds_every_text_as_it_is(built: Path) -> None:
    for name in ("gates.json", "manifest.json", "croissant.json"):
        assert json.loads((built / name).read_text("utf-8"))
    (read,) = json.loads((built / "manifest.json").read_text("utf-8"))["inputs"]
    assert {file["name"] for file in read["files"]} == set(map(file_name, HOSTILE))


def without_ours(screen: str) -> str:
    """What was written, without the colours and the progress bar."""
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r?\x1b\[[0-9]*[AK]", "", screen)


def test_a_terminal_is_steered_by_nobody_but_us(screen: str) -> None:
    rest = without_ours(screen).replace("\r\n", "\n")
    assert {char for char in rest if not char.isprintable()} == {"\n"}
    for escape in ESCAPES:
        assert escape not in screen


def test_a_terminal_shows_every_text_as_it_is(screen: str) -> None:
    rest = without_ours(screen)
    for text in HOSTILE:
        for line in text.split("\n"):
            assert printable(line, None) in rest
    tools = re.findall(r"^tools: (.*?)\r$", rest, re.MULTILINE)
    assert printable("two\n---\nlines\n# of text\n\n===", None) in " ".join(tools)


def test_what_is_logged_is_a_line_of_its_own(
    scratch: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for text in HOSTILE:
        cb.load_source(
            "generic", scratch / "in" / file_name(text), mapping=MAPPING, max_malformed=1.0
        )
    assert len(caplog.messages) == len(HOSTILE)
    assert all(message.isprintable() for message in caplog.messages)


def test_the_page_and_the_picture_hold_no_live_tag(reported: Path, tmp_path: Path) -> None:
    class Page(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found = dict(attrs)
            assert not [name for name in found if name.startswith("on")]
            assert (found.get("href") or "#").startswith(("#", "data:,"))
            assert (found.get("src") or "data:").startswith("data:")
            elements.append(tag)

    elements: list[str] = []
    page = cb.report(reported, tmp_path / "page.html").read_text("utf-8")
    Page().feed(page)
    kinds = re.findall(r'<script(?: type="application/json" id="[\w-]+")?>', page)
    assert elements.count("script") == len(kinds)
    assert "img" not in elements
    assert not {char for char in page if not char.isprintable()} - {"\n"}
    picture = xml.etree.ElementTree.fromstring((reported / "plots/counts.svg").read_text("utf-8"))
    assert {node.tag.rpartition("}")[2] for node in picture.iter()} == {
        "svg", "style", "rect", "text",
    }  # fmt: skip
