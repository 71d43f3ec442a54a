"""The dataset folder: what `build` leaves, and what `load_dataset` and `gate` read.

README.md              card: YAML with the configs, then statistics
manifest.json          inputs with hashes, versions, seeds, template hash, files with hashes
gates.json             the gate report
croissant.json         the same facts as Croissant metadata
plots/counts.svg       the card's picture
ds/, dr/               parquet, a file per split
pairs/, eval/          likewise
rejected/              what is in none of the sets, each row with its reason
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.dataset.card import card_panels, card_text, purpose_text, sources_of
from cb_datasets.dataset.card_plot import PLOT_NAME, counts_svg
from cb_datasets.dataset.croissant import CROISSANT_NAME, croissant, croissant_text
from cb_datasets.dataset.gate_inputs import recorded_judge
from cb_datasets.dataset.manifest import folder_facts, manifest, read_manifest, write_manifest
from cb_datasets.dataset.parquet import write_parquet
from cb_datasets.dataset.shard_folder import refuse_shard
from cb_datasets.dataset.stats import set_stats
from cb_datasets.dataset.whole import whole_folder
from cb_datasets.errors import BuildError
from cb_datasets.gates import GATED, GateReport, run_gates
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.dataset.tables import SetTables

CONFIGS = {"ds": "train", "dr": "train", "pairs": "train", "eval": "test", "rejected": "train"}
"""The configs of a folder, each with its split."""


def write_folder(
    sets: SetTables,
    folder: str | Path,
    *,
    inputs: Iterable[Mapping[str, Any]] = (),
    gates: GateReport | None = None,
    overwrite: bool = False,
) -> GateReport:
    """Write a dataset folder, whole or not at all.

    Args:
        sets: What to write.
        folder: Where; it must not exist, be empty, or be allowed to be overwritten.
        inputs: What was read, from `ReadReport.to_dict()`, for manifest and card.
        gates: The gate report; None runs the gates.
        overwrite: Replace a folder that is there.

    Returns:
        The gate report. A folder whose gates failed is written too, and says so.

    Raises:
        BuildError: The folder is there, or cannot be written.
    """
    folder = Path(folder)
    inputs = list(inputs)
    if gates is None:
        judge = recorded_judge(sets.facts)
        gates = run_gates(**{name: getattr(sets, name) for name in GATED}, **judge)
    tables: dict[str, Dataset] = {name: getattr(sets, name) for name in CONFIGS}
    # `load_dataset` refuses a split without rows: a set that is empty is no config.
    filled = {name: table for name, table in tables.items() if len(table)}
    with whole_folder(folder, overwrite=overwrite) as unfinished:
        for name, table in filled.items():
            (unfinished / name).mkdir()
            write_parquet(table, unfinished / name / f"{CONFIGS[name]}-00000-of-00001.parquet")
        text = json.dumps(gates.to_dict(), indent=2, ensure_ascii=False) + "\n"
        (unfinished / "gates.json").write_text(text, encoding="utf-8")
        (unfinished / PLOT_NAME).parent.mkdir()
        picture = counts_svg(card_panels(set_stats(sets)))
        (unfinished / PLOT_NAME).write_text(picture, encoding="utf-8")
        metadata = croissant(
            filled,
            folder_facts(unfinished),
            description=purpose_text(sets),
            licences=[source.licence for source in sources_of(sets, inputs)],
            citations=[s.citation for s in sources_of(sets, inputs) if s.citation],
            published=str(sets.facts.get("options", {}).get("timestamp") or "")[:10] or None,
        )
        (unfinished / CROISSANT_NAME).write_text(croissant_text(metadata), encoding="utf-8")
        card = card_text(sets, gates, inputs, configs={name: CONFIGS[name] for name in filled})
        (unfinished / "README.md").write_text(card, encoding="utf-8")
        rows = {name: len(table) for name, table in tables.items()}
        facts = manifest(unfinished, facts=sets.facts, inputs=inputs, rows=rows)
        write_manifest(unfinished, facts)
    return gates


def read_folder(folder: str | Path) -> dict[str, Dataset]:
    """The sets of a dataset folder, by config.

    Raises:
        BuildError: It is no dataset folder, or a file of its manifest is missing.
    """
    from datasets import Dataset

    folder = Path(folder)
    if folder.is_dir():
        refuse_shard(folder)
    rows = read_manifest(folder)["rows"]
    found = {}
    for name, split in CONFIGS.items():
        file = folder / name / f"{split}-00000-of-00001.parquet"
        if not rows.get(name):
            found[name] = set_table([], SET_RECORDS[name])
        elif file.is_file():
            found[name] = Dataset.from_parquet(str(file))
        else:
            raise BuildError(f"{file}: the file is missing from the dataset folder")
    return found
