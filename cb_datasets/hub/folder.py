"""The dataset folder: what `build` leaves, and what `load_dataset` and `gate` read.

README.md              card: YAML with the configs, then statistics
manifest.json          inputs with hashes, versions, seeds, template hash, files with hashes
gates.json             the gate report
ds/, dr/, eval/        parquet, a file per split
rejected/              what is in none of the sets, each row with its reason
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import BuildError
from cb_datasets.gates import GateReport, run_gates
from cb_datasets.hub.card import card_text
from cb_datasets.hub.manifest import MANIFEST_NAME, manifest
from cb_datasets.hub.shard_folder import refuse_shard
from cb_datasets.hub.whole import whole_folder
from cb_datasets.records import SET_RECORDS
from cb_datasets.schema import set_table

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.sets import Sets

CONFIGS = {"ds": "train", "dr": "train", "eval": "test", "rejected": "train"}
"""The configs of a folder, each with its split."""


def write_folder(
    sets: Sets,
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
        gates = run_gates(ds=sets.ds, dr=sets.dr, eval=sets.eval)
    tables: dict[str, Dataset] = {name: getattr(sets, name) for name in CONFIGS}
    # `load_dataset` refuses a split without rows: a set that is empty is no config.
    filled = {name: table for name, table in tables.items() if len(table)}
    with whole_folder(folder, overwrite=overwrite) as unfinished:
        for name, table in filled.items():
            (unfinished / name).mkdir()
            table.to_parquet(unfinished / name / f"{CONFIGS[name]}-00000-of-00001.parquet")
        _write_json(unfinished / "gates.json", gates.to_dict())
        card = card_text(sets, gates, inputs, configs={name: CONFIGS[name] for name in filled})
        (unfinished / "README.md").write_text(card, encoding="utf-8")
        rows = {name: len(table) for name, table in tables.items()}
        facts = manifest(unfinished, facts=sets.facts, inputs=inputs, rows=rows)
        _write_json(unfinished / MANIFEST_NAME, facts)
    return gates


def read_folder(folder: str | Path) -> dict[str, Dataset]:
    """The sets of a dataset folder, by config.

    Raises:
        BuildError: It is no dataset folder, or a file of its manifest is missing.
    """
    from datasets import Dataset

    folder = Path(folder)
    if not folder.is_dir():
        raise BuildError(f"{folder}: there is no such folder; a dataset folder was expected")
    refuse_shard(folder)
    try:
        rows = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))["rows"]
    except FileNotFoundError:
        raise BuildError(
            f"{folder}: there is no {MANIFEST_NAME}; a dataset folder was expected"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise BuildError(
            f"{folder / MANIFEST_NAME}: this is no manifest of a dataset folder"
        ) from None
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


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
