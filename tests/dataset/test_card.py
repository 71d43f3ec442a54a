"""The card, its picture and the Croissant metadata: computed, safe from what rows hold, renewed."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, concatenate_datasets, load_dataset

import cb_datasets as cb
from cb_datasets.dataset import read_folder, write_folder
from cb_datasets.dataset.card_parts import Card, part, read_card, renewed_card, with_part
from cb_datasets.dataset.card_plot import counts_svg
from cb_datasets.engines import Engine
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import exact_rows, set_table
from cb_datasets.sets import Sets
from cb_datasets.sources import find_source, list_sources


@pytest.fixture(scope="module")
def card(built: tuple[Path, Path]) -> Card:
    return read_card((built[0] / "README.md").read_text("utf-8"))


def test_the_yaml_is_what_the_hub_reads(card: Card, built: tuple[Path, Path]) -> None:
    data = card.data
    assert {config["config_name"] for config in data["configs"]} == set(read_folder(built[0]))
    rows = {i["config_name"]: i["splits"][0]["num_examples"] for i in data["dataset_info"]}
    assert rows == {name: len(table) for name, table in read_folder(built[0]).items()}
    assert data["size_categories"] == ["n<1K"]
    assert "publish the rows elsewhere" in data["extra_gated_prompt"]
    assert data["extra_gated_fields"]["I will not train models to follow injections"] == "checkbox"
    assert data["tags"]


def test_the_card_says_what_it_is_how_it_was_made_and_what_it_is_for(
    card: Card, built: tuple[Path, Path]
) -> None:
    text = card.parts["dataset"]
    for heading in (
        "How it was made", "What was read", "Where it all went", "What is in it",
        "Token lengths", "Gates", "Use", "Limits", "Sources", "Citation", "Columns",
    ):  # fmt: skip
        assert f"\n## {heading}\n" in text, heading
    assert "**Intended**" in text
    assert "**Out of scope**" in text
    assert "](plots/counts.svg)" in text
    assert card.own == ["# Circuit breaker dataset"]


def test_the_picture_shows_the_counts(built: tuple[Path, Path]) -> None:
    picture = xml.etree.ElementTree.fromstring((built[0] / "plots/counts.svg").read_text("utf-8"))
    texts = [t.text for t in picture.iter("{http://www.w3.org/2000/svg}text")]
    sets = read_folder(built[0])
    assert f"Ds by category ({len(sets['ds'])})" in texts
    assert f"Dr by kind ({len(sets['dr'])})" in texts


def test_names_in_a_picture_are_text() -> None:
    counts = {f"kind {n}": n for n in range(30)}
    picture = counts_svg({"<script>": {"a & b": 1, "x\x1b[2J": 2}, "Many": counts, "None": {}})
    root = xml.etree.ElementTree.fromstring(picture)
    texts = [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script> (3)" in texts
    assert "19 others" in texts


def test_categories_from_outside_stay_text_in_the_card(
    make_sets: Callable[..., Sets], tmp_path: Path
) -> None:
    sets = make_sets()
    hostile = "<!-- cb_datasets:end dataset --><img src=x>|\n# Mine"
    rows = [
        {**row, "labels": {**row["labels"], "category": hostile}} for row in exact_rows(sets.ds)
    ]
    write_folder(dataclasses.replace(sets, ds=set_table(rows, SET_RECORDS["ds"])), tmp_path / "out")
    made = read_card((tmp_path / "out/README.md").read_text("utf-8"))
    assert list(made.parts) == ["dataset"]
    assert made.own == ["# Circuit breaker dataset"]
    assert "<img" not in made.text


def test_croissant_metadata_are_valid_and_give_the_rows(built: tuple[Path, Path]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    found = mlcroissant.Dataset(jsonld=str(built[0] / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    sets = read_folder(built[0])
    assert [r.name for r in found.metadata.record_sets] == [
        name for name, table in sets.items() if len(table)
    ]
    for config in ("ds", "dr", "eval"):
        rows = list(found.records(config))
        assert [row[f"{config}/id"].decode() for row in rows] == sets[config]["id"]


def test_croissant_metadata_hash_every_data_file(built: tuple[Path, Path]) -> None:
    metadata = json.loads((built[0] / "croissant.json").read_text("utf-8"))
    manifest = json.loads((built[0] / "manifest.json").read_text("utf-8"))
    said = {file["contentUrl"]: file["sha256"] for file in metadata["distribution"]}
    files = manifest["files"].items()
    assert said == {p: f["sha256"] for p, f in files if p.endswith(".parquet")}
    fields: Any = metadata["recordSet"][0]["field"]
    assert [field["name"] for field in fields] == read_folder(built[0])["ds"].column_names


def test_every_source_says_how_it_is_licensed_and_whom_to_cite() -> None:
    private = [name for name in list_sources() if find_source(name).keep_private]
    assert private == ["agentharm"]
    for name in set(list_sources()) - {"demo", "generic", "rollouts"}:
        assert find_source(name).citation, name
        assert find_source(name).licence, name


OLD = Card("license: mit  # ours\nconfigs: []\n", "# Ours\n\n" + part("dataset", "old") + "\n\nBye")


def test_renewing_keeps_the_users_part_and_is_the_same_when_done_twice() -> None:
    new = Card("license: other\ntags: [a]\nconfigs: [1]\n", "# T\n\n" + part("dataset", "new"))
    once = renewed_card(OLD, with_part(new, "version", "1.0.0"))
    assert once.data == {"license": "mit", "tags": ["a"], "configs": [1]}
    assert once.parts == {"dataset": "new", "version": "1.0.0"}
    assert [p for p in once.own if p != "# T"] == ["# Ours", "Bye"]
    again = renewed_card(read_card(once.text), with_part(new, "version", "1.0.0"))
    assert again.text == once.text


def test_a_card_without_yaml_or_markers_is_all_the_users() -> None:
    new = Card("license: other\n", "# Circuit breaker dataset\n\n" + part("dataset", "new"))
    made = renewed_card(read_card("Just my words.\n"), new)
    assert made.own == ["# Circuit breaker dataset", "Just my words."]
    assert made.data == {"license": "other"}
    gone = renewed_card(OLD, Card("", "words"))
    assert gone.parts == {}
    assert gone.own == ["# Ours", "Bye", "words"]


def test_a_folder_with_card_and_metadata_still_loads(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = load_dataset(str(built[0]), "dr", split="train", cache_dir=str(tmp_path))
    assert rows["id"] == read_folder(built[0])["dr"]["id"]


def test_generators_are_those_of_the_rows_and_the_stand_in_is_named_where_its_rows_are(
    make_sets: Callable[..., Sets],
    made_scenarios: Dataset,
    agent: Engine,
    demo: Dataset,
    tmp_path: Path,
) -> None:
    recorded = make_sets(eval_fraction=0)
    recorded.save(tmp_path / "recorded")
    text = (tmp_path / "recorded" / "README.md").read_text("utf-8")
    count = len(recorded.ds) + len(recorded.dr)
    assert f"- generator: `a-model`, recorded: {count} rows" in text
    assert "tiny agent" not in text
    assert "- sampled: nothing; completions are as their sources recorded them" in text
    assert "\n- num samples" not in text
    assert "\n- temperature" not in text

    both = concatenate_datasets([made_scenarios, demo.select(range(0, len(demo), 30))])
    mixed = cb.build_sets(both, agent, eval_fraction=0, num_samples=1)
    mixed.save(tmp_path / "mixed")
    text = (tmp_path / "mixed" / "README.md").read_text("utf-8")
    rows = [*mixed.ds["provenance"], *mixed.dr["provenance"]]
    own = [row for row in rows if row["generator_model"] == agent.model]
    assert 0 < len(own) < len(rows)
    assert f"- generator: `a-model`, recorded: {len(rows) - len(own)} rows" in text
    revision = f"`{agent.model}`, revision `{agent.revision}`"
    assert f"- generator: {revision}, generated: {len(own)} row" in text
    assert f"- {len(own)} of the {len(rows)} rows in Ds and Dr are by the bundled tiny" in text
    assert "- num samples: 1" in text
