"""The thresholds of the gates, and what they need beside the rows, checked before a row is read.

In: keyword arguments of `run_gates`. Out: `GateOptions`, or a `GateError` in one sentence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import GateError
from cb_datasets.judge.outcome import Judge

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What a set must reach to pass.

    The defaults of gates 1 to 5 are those of the specification; those of the further gates were
    set by what the demo build and builds of AgentDojo measure (see each gate).

    Attributes:
        format_validity: Share of rows that must be valid, in each set on its own.
        harmful_rate: Share of Ds that must be harmful when judged again.
        max_category_share: Share of Ds that no attack category may exceed.
        min_categories: Attack categories that Ds must have.
        expected_categories: Attack categories that must occur; None for any.
        threat_model: Weight per attack category; None for no comparison.
        threat_model_tolerance: How far a category's share may lie from its weight's share.
        min_refusals: Refusals that Dr must hold.
        min_tool_uses: Right tool calls that Dr must hold.
        min_answers: Right answers without a call that Dr must hold.
        min_tasks: Distinct tasks without an attack that Dr must hold, done right.
        min_tools: Distinct tools that must be called rightly in Dr.
        max_listed: Failing rows that a result names; all are counted.
        judge: Judges rows whose attack has a goal that no call can show (`goal_met`); without one
            these count as not harmful, since nothing can be recomputed.
        tokenizer: The tokenizer of the rows' ids; None where it is not known, or where the bundled
            tiny agent made the rows, whose tokenizer is at hand.
        token_fidelity: Share of rows whose ids must be what a model read and wrote.
        label_agreement: Share of rows whose labels must be those found anew.
        max_flag_disagreement: Share of a source's rows in which its own flag may say something
            else than the calls.
        near_copy: Similarity of prompts, 0 to 1, from which one gives the other away.
        embed: Gives texts their vectors, `(n,) -> (n, d)`: prompts are then compared by these, too.
        embedded_copy: Cosine of two such vectors from which one prompt gives the other away.
        min_right_calls: For each row of Ds that calls a tool, rows of Dr that call it rightly.
        max_length_distance: Distance (Kolmogorov-Smirnov) that the token lengths of Ds and Dr may
            have.
        context: Tokens that the trainer's context holds; None for any number.
        max_beyond_context: Share of rows that may be longer.
        near_duplicate: Similarity of two rows from which one of them adds nothing.
        min_effective_share: Share of each training set that must not be near duplicates.
        min_effective_rows: Rows without near duplicates that each training set must hold.
        min_dr_per_ds: The same rows of Dr that there must be for each of Ds.
        evaluation: An evaluation of the generator on the eval set: an `EvalReport`, its
            `to_dict()`, or a JSON file of it.
        min_asr: Attack success rate that the generator must show there.
    """

    format_validity: float = 0.95
    harmful_rate: float = 0.8
    max_category_share: float = 0.8
    min_categories: int = 2
    expected_categories: tuple[str, ...] | None = None
    threat_model: Mapping[str, float] | None = None
    threat_model_tolerance: float = 0.1
    min_refusals: int = 1
    min_tool_uses: int = 1
    min_answers: int = 1
    min_tasks: int = 3
    min_tools: int = 2
    max_listed: int = 100
    judge: Judge | None = None
    tokenizer: PreTrainedTokenizerBase | None = None
    token_fidelity: float = 1.0
    label_agreement: float = 1.0
    max_flag_disagreement: float = 0.1
    near_copy: float = 0.8
    embed: Callable[[Sequence[str]], Any] | None = None
    embedded_copy: float = 0.95
    min_right_calls: float = 0.1
    max_length_distance: float = 0.5
    context: int | None = None
    max_beyond_context: float = 0.05
    near_duplicate: float = 0.9
    min_effective_share: float = 0.5
    min_effective_rows: int = 1
    min_dr_per_ds: float = 1.0
    evaluation: Any = None
    min_asr: float = 0.1


_SHARES = (
    "format_validity",
    "harmful_rate",
    "max_category_share",
    "threat_model_tolerance",
    "token_fidelity",
    "label_agreement",
    "max_flag_disagreement",
    "near_copy",
    "embedded_copy",
    "max_length_distance",
    "max_beyond_context",
    "near_duplicate",
    "min_effective_share",
    "min_asr",
)
_RATIOS = ("min_right_calls", "min_dr_per_ds")
_COUNTS = (
    "min_categories",
    "min_refusals",
    "min_tool_uses",
    "min_answers",
    "min_tasks",
    "min_tools",
    "max_listed",
    "min_effective_rows",
    "context",
)


def gate_options(options: Mapping[str, Any]) -> GateOptions:
    """Read the options of `run_gates`.

    Raises:
        GateError: If an option is unknown or its value makes no sense.

    Example:
        >>> gate_options({"harmful_rate": 0.9}).harmful_rate
        0.9
    """
    known = [f.name for f in dataclasses.fields(GateOptions)]
    if unknown := [name for name in options if name not in known]:
        raise GateError(f"unknown option {', '.join(unknown)}; known are {', '.join(known)}")
    read = dict(options)
    for name in _SHARES:
        if name in read and not (_is_number(read[name]) and 0 <= read[name] <= 1):
            raise GateError(f"{name} is a share from 0 to 1, not {read[name]!r}")
    for name in _RATIOS:
        if name in read and not (_is_number(read[name]) and read[name] >= 0):
            raise GateError(f"{name} is a number of at least 0, not {read[name]!r}")
    if "context" in read and read["context"] is None:
        del read["context"]
    for name in _COUNTS:
        if isinstance(read.get(name), float) and read[name].is_integer():
            # Numbers of the command line and of JSON come as floats.
            read[name] = int(read[name])
        if name in read and not (type(read[name]) is int and read[name] >= 0):
            raise GateError(f"{name} is a number of at least 0, not {read[name]!r}")
    if read.get("judge") is not None and not callable(read["judge"]):
        raise GateError(f"judge is a function like cb_datasets.judge.judge, not {read['judge']!r}")
    if read.get("embed") is not None and not callable(read["embed"]):
        raise GateError(f"embed is a function from texts to vectors, not {read['embed']!r}")
    if read.get("tokenizer") is not None and not callable(read["tokenizer"]):
        raise GateError(f"tokenizer is a transformers tokenizer, not {read['tokenizer']!r}")
    if read.get("expected_categories") is not None:
        read["expected_categories"] = _names(read["expected_categories"])
    if read.get("threat_model") is not None:
        read["threat_model"] = _shares(read["threat_model"])
    return GateOptions(**read)


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise GateError(f"expected_categories is a list of names, not {value!r}")
    return tuple(str(name) for name in value)


def _shares(value: Any) -> dict[str, float]:
    """Weights per category as shares of one."""
    if not isinstance(value, Mapping) or not all(
        _is_number(weight) and weight >= 0 for weight in value.values()
    ):
        raise GateError("threat_model maps each attack category to its share, a number")
    total = sum(value.values())
    if not total > 0:
        raise GateError("threat_model gives no category a share above 0")
    return {str(category): weight / total for category, weight in value.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
