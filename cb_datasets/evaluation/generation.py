"""The one place where an evaluation samples: rows in, one generation a sample out.

Keys and seeds are made as `BatchGenerate` makes them, from the run's seed, the row and the sample's
number, so that a sample does not depend on what is beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cb_datasets.engines.journal.journaled import Samples, generate_journaled
from cb_datasets.engines.protocol import Engine, Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EvalError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.completion_ids import completion_token_ids
from cb_datasets.formats.encode import completion_text
from cb_datasets.formats.format import Format
from cb_datasets.formats.known import named_format
from cb_datasets.formats.render import render_prompt
from cb_datasets.records import EvalRow
from cb_datasets.transforms.generate import sample_seed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def rows_for(
    rows: Sequence[EvalRow], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[EvalRow], int]:
    """The rows with token ids of a tokenizer: their own, where they are its.

    A row without ids, or with another tokenizer's, is rendered and encoded anew.

    Returns:
        The rows, and how many were rendered anew.

    Raises:
        EvalError: A prefill cannot be written with the tokenizer.
        FormatError: What its chat template writes is no known format.
    """
    known = format_of(tokenizer)
    found: list[EvalRow] = []
    anew = 0
    for row in rows:
        if _are_its_own(row, tokenizer, known):
            found.append(row)
            continue
        anew += 1
        written = named_format(row.get("format"))
        if row["prefill"] and written is not known:
            raise EvalError(
                f"{row['id']}: its forced call is written in the {written.title} format, and the "
                f"model speaks {known.title}; build the eval set for this model, or without forced "
                "calls"
            )
        prompt = render_prompt(list(row["messages"]), list(row["tools"]), tokenizer=tokenizer)
        prefill_ids = completion_token_ids(row["prefill"], tokenizer) if row["prefill"] else []
        if completion_text(prefill_ids, tokenizer) != row["prefill"]:
            raise EvalError(f"{row['id']}: the model's tokenizer cannot write the row's prefill")
        found.append(
            {
                **row,
                "prompt_token_ids": prompt.token_ids,
                "prefill_token_ids": prefill_ids,
                "format": known.name,
            }
        )
    return found, anew


def _are_its_own(row: EvalRow, tokenizer: PreTrainedTokenizerBase, known: Format) -> bool:
    prompt, prefill = row["prompt_token_ids"], row["prefill_token_ids"]
    if prompt is None or prefill is None:
        return False
    ids = [*prompt, *prefill]
    if not ids or max(ids) >= len(tokenizer):
        return False
    turns = known.headers.turns(prompt, tokenizer)
    return (
        named_format(row.get("format")) is known
        and known.headers.await_completion(prompt, turns, tokenizer)
        and turns[0].start == (known.begin is not None)
        and completion_text(prompt[:1], tokenizer).startswith(known.begin or "")
        and completion_text(prefill, tokenizer) == row["prefill"]
    )


def generations(
    engine: Engine,
    rows: Sequence[EvalRow],
    sampling: SamplingParams,
    *,
    num_samples: int,
    seed: int,
    journal: Samples | None = None,
) -> Iterator[tuple[EvalRow, int, Generation]]:
    """The samples of all rows as one stream of requests.

    Args:
        engine: The model.
        rows: With token ids of its tokenizer (see `rows_for`).
        sampling: Sampling options.
        num_samples: Samples a row.
        seed: The run's.
        journal: Where samples are kept, and found if they are there already.

    Yields:
        Row, number of the sample, generation, as the engine gives them. A request that it gave no
        answer to is an error, at the end.
    """
    places = {f"{r['id']}#sample{n}": (r, n) for r in rows for n in range(num_samples)}
    requests = [
        GenerationRequest(
            key=key,
            prompt_token_ids=row["prompt_token_ids"] or (),
            seed=sample_seed(seed, row["id"], number),
            prefill_token_ids=row["prefill_token_ids"] or (),
        )
        for key, (row, number) in places.items()
    ]
    if journal is None:
        made = iter(engine.generate(requests, sampling))
    else:
        made = generate_journaled(engine, requests, sampling, journal)
    for generation in made:
        yield *places.pop(generation.key), generation
    for key, (row, number) in places.items():
        yield row, number, Generation.failed(key, "the engine gave no answer")
