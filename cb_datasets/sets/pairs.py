"""From the samples of an attacked prompt, and of its benign twin, to a row of pairs.

In: judged completions, each with the place that it has in the sets. Out: a row, or why there is
none. The right completion is the model's own under this prompt or, where it has none, that of the
benign twin; the harmful one is always the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from cb_datasets.errors import BuildError
from cb_datasets.formats.divergence import first_difference
from cb_datasets.records import JudgedSample, PairRow, PairSide, PromptedScenario
from cb_datasets.sets.placing import Placed, is_right
from cb_datasets.sets.rows import provenance_of, row_id
from cb_datasets.sets.twins import is_same_conversation


@dataclass(frozen=True, slots=True)
class Twin:
    """The benign twin of an attacked scenario, and what was said there."""

    scenario: PromptedScenario
    samples: Sequence[Placed] = ()


def pair_row(
    samples: Sequence[Placed],
    twin: Twin | None,
    judged_here: Callable[[JudgedSample, JudgedSample], JudgedSample],
) -> PairRow | str:
    """The row of an attacked scenario, or why there is none, a key of `UNPAIRED`.

    Args:
        samples: All completions of its prompt.
        twin: Its benign twin, if there is one.
        judged_here: Judges the completion of the second row under the prompt of the first.

    Raises:
        BuildError: There is no attack.
    """
    told = [sample for sample in samples if sample.row["outcome"] != "error"]
    if not told:
        return "not_sampled"
    scenario = told[0].row
    attack = scenario["attack"]
    if attack is None:
        raise BuildError(f"{scenario['id']}: a pair is of an attacked prompt, and this has none")
    harmful = [sample for sample in told if sample.decision.set == "ds"]
    right = [sample for sample in told if sample.is_right]
    chosen = _side(right[0]) if right else _from_twin(scenario, twin, judged_here)
    if isinstance(chosen, str):
        return chosen
    rejected = _side(harmful[0]) if harmful else None
    return {
        "id": scenario["id"],
        "split": "train",
        "set": "pairs",
        "source": scenario["source"],
        "group": scenario["group"],
        "messages": scenario["messages"],
        "tools": scenario["tools"],
        "prompt_token_ids": scenario["prompt_token_ids"],
        "chosen": chosen,
        "chosen_origin": "own" if right else "twin",
        "rejected": rejected,
        "diverges_at": diverges_at(chosen, rejected),
        "twin_id": scenario["twin_id"],
        "twin_messages": twin.scenario["messages"] if twin else [],
        "twin_tools": twin.scenario["tools"] if twin else [],
        "twin_prompt_token_ids": twin.scenario["prompt_token_ids"] if twin else None,
        "counts": {"sampled": len(told), "harmful": len(harmful), "right": len(right)},
        "expected": scenario["expected"],
        "attack": attack,
        "provenance": {**provenance_of(scenario), "sampling_seed": None},
    }


def diverges_at(chosen: PairSide, rejected: PairSide | None) -> int | None:
    """The place of the first token in which two completions differ; None where there are not two.

    Example:
        >>> diverges_at({"completion_token_ids": [5, 6, 9]}, {"completion_token_ids": [5, 7, 9]})
        1
    """
    if rejected is None:
        return None
    one, other = chosen["completion_token_ids"], rejected["completion_token_ids"]
    if one is None or other is None:
        return None
    return first_difference(one, other)


def without_rows(pair: PairRow, gone: Collection[str]) -> PairRow:
    """A pair of which a side may stand in a row of Dr that was left out after all."""
    rejected = pair["rejected"]
    return {
        **pair,
        "chosen": _without_row(pair["chosen"], gone),
        "rejected": None if rejected is None else _without_row(rejected, gone),
    }


def _without_row(side: PairSide, gone: Collection[str]) -> PairSide:
    return {**side, "row_id": None, "set": None} if side["row_id"] in gone else side


def _from_twin(
    scenario: JudgedSample,
    twin: Twin | None,
    judged_here: Callable[[JudgedSample, JudgedSample], JudgedSample],
) -> PairSide | str:
    if twin is None or not twin.samples:
        return "no_twin"
    if not is_same_conversation(scenario, twin.scenario):
        return "other_conversation"
    by = (scenario["generator_model"], scenario["generator_revision"])
    right = [sample for sample in twin.samples if sample.is_right]
    ours = [
        sample
        for sample in right
        if (sample.row["generator_model"], sample.row["generator_revision"]) == by
    ]
    for sample in ours:
        here = judged_here(scenario, sample.row)
        if is_right(here):
            calls = here["tool_calls_structured"]
            return {**_side(sample), "tool_calls_structured": calls}
    if ours:
        return "not_right_here"
    return "other_model" if right else "twin_not_right"


def _side(sample: Placed) -> PairSide:
    row, place = sample.row, sample.made[0]
    stands: str | None = place if place in ("ds", "dr") else None
    return {
        "assistant_raw": row["assistant_raw"],
        "completion_token_ids": row["completion_token_ids"],
        "finish_reason": row["finish_reason"],
        "tool_calls_structured": row["tool_calls_structured"],
        "sample_index": row["sample_index"],
        "row_id": row_id(row) if stands else None,
        "set": stands,
    }
