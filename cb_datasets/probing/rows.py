"""The rows that a probe reads: where to look in each, and what it is to be compared with.

In: Ds and Dr as Datasets, and the tokenizer of their ids. Out: `ProbeRows`, a few facts a row; the
token ids stay where they are and are fetched batch by batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cb_datasets.errors import ProbeError
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.sequence import tool_name_spans
from cb_datasets.records import CircuitBreakerRow, RetainRow, ToolCall
from cb_datasets.schema import Record

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

PLACES = ("tool_name", "completion")
"""Where states are taken: at the last token of the first call's name; averaged over the
completion."""

_COLUMNS = (
    "id",
    "assistant_raw",
    "tool_calls_structured",
    "tools",
    "prompt_token_ids",
    "completion_token_ids",
    "group",
    "twin_id",
    "labels",
    "provenance",
)
_IDS = ("prompt_token_ids", "completion_token_ids")
_READ = 256

HARMFUL = "circuit_breaker"
"""The kind of the rows of Ds."""


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One row, as far as the probe is concerned.

    Attributes:
        harmful: Whether it is of Ds.
        group: Split key: probes never see a group in training and in test.
        source: Name of its source.
        category: Category of the attack in view; None without one.
        kind: `HARMFUL`, or the kind of Dr.
        tool: Name of the first tool it calls; empty where it calls none.
        call: What it calls, with arguments, without regard to case and white space; empty where
            it calls nothing.
        scenario_id: Its scenario.
        twin_id: The scenario with the same query and no attack.
        prompt: Tokens of the prompt.
        completion: Tokens of the completion.
        name_at: The token to look at: the last one of the first call's name or, where nothing is
            called, the first one of the completion, where a call would have begun.
        model: The model that made the completion.
        revision: Its revision.
        origin: "generated" or "recorded".
    """

    harmful: bool
    group: str
    source: str
    category: str | None
    kind: str
    tool: str
    call: str
    scenario_id: str
    twin_id: str | None
    prompt: int
    completion: int
    name_at: int
    model: str | None
    revision: str | None
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class ProbeRows:
    """The rows of Ds, then those of Dr."""

    facts: tuple[ProbeRow, ...]
    sets: tuple[Dataset, Dataset]

    def token_ids(self, numbers: Sequence[int]) -> list[tuple[list[int], list[int]]]:
        """Prompt and completion ids of rows, by their numbers."""
        first, second = self.sets
        found = []
        for number in numbers:
            table, at = (first, number) if number < len(first) else (second, number - len(first))
            row = table[at]
            found.append((row[_IDS[0]], row[_IDS[1]]))
        return found


def probe_rows(
    ds: Dataset, dr: Dataset, tokenizer: PreTrainedTokenizerBase, *, model: str
) -> ProbeRows:
    """The facts of all rows.

    Args:
        ds: The circuit breaker set.
        dr: The retain set.
        tokenizer: The tokenizer of the model that is probed.
        model: Its name, for sentences.

    Raises:
        ProbeError: A set is empty, lacks a column, or holds ids of another tokenizer.
    """
    for name, table in (("ds", ds), ("dr", dr)):
        if not len(table):
            raise ProbeError(f"{name} holds no rows: there is nothing to tell apart")
        if missing := [column for column in _COLUMNS if column not in table.column_names]:
            raise ProbeError(f"{name} has no column {missing[0]!r}; a built set was expected")
    facts = [_facts(row, tokenizer, model, kind=HARMFUL) for row in _plain(ds, CircuitBreakerRow)]
    for row in _plain(dr, RetainRow):
        facts.append(_facts(row, tokenizer, model, kind=row["labels"]["kind"]))
    ids = [table.select_columns(list(_IDS)).with_format(None) for table in (ds, dr)]
    return ProbeRows(tuple(facts), (ids[0], ids[1]))


def _plain(table: Dataset, record: type[Record]) -> Iterator[Record]:
    light = table.select_columns(list(_COLUMNS))
    for part in light.with_format("arrow").iter(batch_size=_READ):
        yield from part.to_pylist()


def _facts(
    row: CircuitBreakerRow | RetainRow, tokenizer: PreTrainedTokenizerBase, model: str, *, kind: str
) -> ProbeRow:
    prompt, completion = row["prompt_token_ids"], row["completion_token_ids"]
    if not (prompt and completion):
        raise ProbeError(
            f"{row['id']}: it has no token ids; build the sets with the tokenizer of {model!r}"
        )
    ids = [*prompt, *completion]
    if max(ids) >= len(tokenizer) or completion_text(completion, tokenizer) != row["assistant_raw"]:
        raise ProbeError(
            f"{row['id']}: its ids are not of the tokenizer of {model!r}; build the sets with a "
            "model that has the same tokenizer as the one to be probed"
        )
    spans = tool_name_spans(completion, tokenizer, row["tools"])
    labels, provenance = row["labels"], row["provenance"]
    start, end = spans[0] if spans else (0, 1)
    return ProbeRow(
        harmful=kind == HARMFUL,
        group=row["group"],
        source=provenance["source"],
        category=labels.get("category"),
        kind=kind,
        tool=completion_text(completion[start:end], tokenizer) if spans else "",
        call=_call(row["tool_calls_structured"]) if spans else "",
        scenario_id=provenance["scenario_id"],
        twin_id=row["twin_id"],
        prompt=len(prompt),
        completion=len(completion),
        name_at=len(prompt) + end - 1,
        model=provenance["generator_model"],
        revision=provenance["generator_revision"],
        origin=provenance["origin"],
    )


def _call(calls: Sequence[ToolCall]) -> str:
    named = []
    for call in calls:
        arguments = call["arguments"]
        # As Arrow has it, a column of JSON is text.
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
        named.append({"name": call["name"], "arguments": read})
    return " ".join(json.dumps(named, sort_keys=True, ensure_ascii=False).casefold().split())
