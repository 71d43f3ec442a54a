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

from cb_datasets.dataset.whole import whole_file
from cb_datasets.errors import FormatError
from cb_datasets.llama31.parse import completion_text
from cb_datasets.llama31.tokens import BEGIN_OF_TEXT, END_HEADER, EOT, START_HEADER
from cb_datasets.records import CircuitBreakerRow, RetainRow, TrainingRow
from cb_datasets.schema import Record

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
        tokenizer: The tokenizer of the rows' ids, or its model folder or Hub id; None is that of
            the bundled tiny agent.
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
    if tokenizer is None or isinstance(tokenizer, (str, Path)):
        from cb_datasets.models.tokenizer import load_tokenizer

        tokenizer = load_tokenizer(tokenizer)
    folder = Path(folder)
    left_out: Counter[str] = Counter()
    cut = 0
    retain: list[dict[str, str | None]] = []
    safe: dict[str | None, str] = {}
    for retained in _rows(sets.dr, RetainRow):
        prompt = _prompt(retained, tokenizer)
        safe.setdefault(retained["provenance"]["scenario_id"], retained["assistant_raw"])
        if reason := _unfit(retained, prompt):
            left_out[reason] += 1
            continue
        cut += _is_cut(retained)
        retain.append({"prompt": prompt, "completion": retained["assistant_raw"]})
    pairs: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for row in _rows(sets.ds, CircuitBreakerRow):
        prompt = _prompt(row, tokenizer)
        right = safe.get(row["provenance"]["scenario_id"], safe.get(row["twin_id"]))
        right = safe_completion if right is None else right
        reason = _unfit(row, prompt)
        if reason is None and right is None:
            reason = "no right completion of the prompt in Dr"
        if reason is not None:
            left_out[reason] += 1
            continue
        cut += _is_cut(row)
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
    columns = [
        "id", "assistant_raw", "prompt_token_ids", "completion_token_ids", "group", "twin_id",
        "provenance", "labels",
    ]  # fmt: skip
    yield from table.select_columns(columns)


def _prompt(row: TrainingRow, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What stands between the trainer's tags; None if the prompt is of another form."""
    if completion_text(row["completion_token_ids"], tokenizer) != row["assistant_raw"]:
        raise FormatError(
            f"{row['id']}: its token ids do not give its text; they are of another tokenizer"
        )
    text = completion_text(row["prompt_token_ids"], tokenizer)
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        return None
    return text[len(_BEGIN) : -len(_END)]


def _unfit(row: TrainingRow, prompt: str | None) -> str | None:
    if prompt is None:
        return "its prompt is not of the turns of Llama 3.1"
    # Text becomes ids again in the trainer, and what looks like a control token one.
    if row["provenance"]["neutralized_control_tokens"]:
        return "control tokens stand in its text, which would become real ones"
    if _SEPARATOR in prompt or _SEPARATOR in row["assistant_raw"]:
        return "it holds the text by which the trainer splits prompt and output"
    return None


def _is_cut(row: TrainingRow) -> bool:
    return max(len(row["prompt_token_ids"]), len(row["completion_token_ids"])) > _HALF


def _is_val(group: str, fraction: float) -> bool:
    place = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 0x100000000
    return place < fraction


def _write_csv(path: Path, rows: list[dict[str, str | None]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["prompt", "completion", "final_label"])
        writer.writeheader()
        writer.writerows({**row, "final_label": "1_full_compliance"} for row in rows)
