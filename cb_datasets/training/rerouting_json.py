"""The files that the trainer of the circuit breaker paper reads (arXiv:2406.04313).

In: Ds and Dr. Out: `circuit_breakers_train.json`, `circuit_breakers_val.json` and the CSV of what
is to be complied with, for the `data/` folder of that trainer.

It writes a row's text as USER_TAG + prompt + ASSISTANT_TAG + output, USER_TAG being the header of a
user's turn and ASSISTANT_TAG the end of that turn and the header of the assistant's. A `prompt` is
therefore our prompt without the header of its first turn, which is the system's: this one word is
all in which the text that it trains on differs from what the model read.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.dataset.whole import whole_file
from cb_datasets.errors import FormatError
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.llama31.tokens import BEGIN_OF_TEXT, END_HEADER, EOT, START_HEADER
from cb_datasets.records import CircuitBreakerRow, RetainRow, TrainingRow
from cb_datasets.schema import Record
from cb_datasets.training.own_ids import COLUMNS, OwnIds

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from cb_datasets.sets import Sets

TRAIN_FILE = "circuit_breakers_train.json"
VAL_FILE = "circuit_breakers_val.json"
RETAIN_FILE = "xstest_v2_completions_gpt4_gpteval.csv"
"""The names that the trainer opens; of the third it keeps rows labelled `1_full_compliance`."""

_BEGIN = f"{BEGIN_OF_TEXT}{START_HEADER}system{END_HEADER}\n\n"
_END = f"{EOT}{START_HEADER}assistant{END_HEADER}\n\n"
_SEPARATOR = "<SEPARATOR>"
_HALF = 512


@dataclass(frozen=True, slots=True)
class ExportedPairs:
    """What an export wrote.

    Attributes:
        train: Rows of `circuit_breakers_train.json`.
        val: Rows of `circuit_breakers_val.json`; the first of train, too, if no group was held out.
        retain: Rows of the CSV.
        cut: Rows longer than the 512 tokens that the trainer keeps of a prompt and of an output.
        left_out: Rows of Ds and Dr that are in no file, by reason.
    """

    train: int
    val: int
    retain: int
    cut: int
    left_out: dict[str, int] = field(default_factory=dict)


def export_rerouting_json(
    sets: Sets,
    folder: str | Path,
    *,
    tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
    val_fraction: float = 0.05,
    safe_completion: str | None = None,
) -> ExportedPairs:
    """Write Ds and Dr as the files of the circuit breaker paper's trainer.

    Each row of Ds needs `llama3_output`, a right completion of the same prompt: it is that of a Dr
    row of the same scenario, or of its benign twin.

    Args:
        sets: The sets, as built or loaded.
        folder: Where the three files go.
        tokenizer: The tokenizer of the rows' ids, or its model folder or Hub id; rows without ids
            are written with it. None is that of the bundled tiny agent, where the ids are its.
        val_fraction: Share of the groups of Ds that goes to the val file.
        safe_completion: Taken where Dr has no right completion; None leaves the row out, since
            nothing is written here that no model said.

    Returns:
        How many rows each file has, and why others have no place.

    Raises:
        FormatError: The ids are of another tokenizer, or there is nothing to write.
        BuildError: A file cannot be written.

    Example:
        >>> export_rerouting_json(sets, "circuit-breakers/data")  # doctest: +SKIP
        ExportedPairs(train=1143, val=61, retain=4816, cut=0, left_out={})
    """
    ids = OwnIds(TINY_AGENT_NAME if tokenizer is None and _is_tiny_agents(sets) else tokenizer)
    folder = Path(folder)
    left_out: Counter[str] = Counter()
    cut = 0
    retain: list[dict[str, str | None]] = []
    safe: dict[str | None, str] = {}
    for retained in _rows(sets.dr, RetainRow):
        prompt, is_cut = _prompt(retained, ids)
        safe.setdefault(retained["provenance"]["scenario_id"], retained["assistant_raw"])
        if reason := _unfit(retained, prompt):
            left_out[reason] += 1
            continue
        cut += is_cut
        retain.append({"prompt": prompt, "completion": retained["assistant_raw"]})
    pairs: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for row in _rows(sets.ds, CircuitBreakerRow):
        prompt, is_cut = _prompt(row, ids)
        right = safe.get(row["provenance"]["scenario_id"], safe.get(row["twin_id"]))
        right = safe_completion if right is None else right
        reason = _unfit(row, prompt)
        if reason is None and right is None:
            reason = "no right completion of the prompt in Dr"
        if reason is not None:
            left_out[reason] += 1
            continue
        cut += is_cut
        pairs[_is_val(row["group"], val_fraction)].append(
            {
                "category": row["labels"]["category"],
                "prompt": prompt,
                "llama3_output": right,
                "output": row["assistant_raw"],
            }
        )
    if not pairs[False]:
        why = ", ".join(f"{reason} ({count})" for reason, count in left_out.items())
        raise FormatError(f"there is nothing to train on in {TRAIN_FILE}: {why or 'Ds is empty'}")
    # The trainer needs a val file that has a row.
    val = pairs[True] or pairs[False][:1]
    for name, listed in ((TRAIN_FILE, pairs[False]), (VAL_FILE, val)):
        with whole_file(folder / name) as unfinished:
            text = json.dumps(listed, indent=2, ensure_ascii=False)
            unfinished.write_text(text + "\n", encoding="utf-8")
    with whole_file(folder / RETAIN_FILE) as unfinished:
        _write_csv(unfinished, retain)
    return ExportedPairs(
        train=len(pairs[False]),
        val=len(val),
        retain=len(retain),
        cut=cut,
        left_out=dict(left_out),
    )


def _rows(table: Dataset, record: type[Record]) -> Iterator[Record]:
    yield from table.select_columns([*COLUMNS, "group", "twin_id", "labels"])


def _is_tiny_agents(sets: Sets) -> bool:
    """Whether rows say that their ids are the bundled tiny agent's."""
    for provenance in (*sets.ds["provenance"], *sets.dr["provenance"]):
        # Rows of earlier versions name the generator alone.
        held = provenance.get("tokenizer") or {"name": provenance["generator_model"]}
        if held["name"] == TINY_AGENT_NAME:
            return True
    return False


def _prompt(row: TrainingRow, own_ids: OwnIds) -> tuple[str | None, bool]:
    """What stands between the trainer's tags, and whether the row is longer than it keeps.

    None if the prompt is of another form.
    """
    prompt, said = own_ids(row)
    text = completion_text(prompt, own_ids.tokenizer)
    is_cut = max(len(prompt), len(said)) > _HALF
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        return None, is_cut
    return text[len(_BEGIN) : -len(_END)], is_cut


def _unfit(row: TrainingRow, prompt: str | None) -> str | None:
    if prompt is None:
        return "its prompt is not of the turns of Llama 3.1"
    # Text becomes ids again in the trainer, and what looks like a control token one.
    if row["provenance"]["neutralized_control_tokens"]:
        return "control tokens stand in its text, which would become real ones"
    if _SEPARATOR in prompt or _SEPARATOR in row["assistant_raw"]:
        return "it holds the text by which the trainer splits prompt and output"
    return None


def _is_val(group: str, fraction: float) -> bool:
    place = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 0x100000000
    return place < fraction


def _write_csv(path: Path, rows: list[dict[str, str | None]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["prompt", "completion", "final_label"])
        writer.writeheader()
        writer.writerows({**row, "final_label": "1_full_compliance"} for row in rows)
