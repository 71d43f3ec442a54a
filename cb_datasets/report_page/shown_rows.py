"""A row of any set as the page shows it: what it is found by, and what is read of it.

In: a row. Out: a `ShownRow`, the same for all sets, so that the page knows no record types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.gates.shapes import library_row
from cb_datasets.records import (
    Attack,
    CircuitBreakerRow,
    EvalRow,
    PairRow,
    RejectedRow,
    RetainRow,
    ScenarioProvenance,
)
from cb_datasets.report_page.token_runs import RowIds
from cb_datasets.schema import json_object

NO_ATTACK = "no attack"

_Prompted = CircuitBreakerRow | RetainRow | PairRow | EvalRow


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row, as the page shows it.

    Attributes:
        set: ds, dr, pairs, eval or rejected.
        id: Its id; of a rejected row, scenario and sample.
        scenario: The scenario it is of.
        source: Name of the source.
        category: Attack category; None where it is not known.
        outcome: The judge's outcome, if there is a completion.
        kind: What of its set it is: harm type, kind of Dr or eval, whose the right completion of
            a pair is, reason to be left out.
        tool: The tool whose call decided, or that is wanted.
        why: The reason for the label, in words.
        messages: What stands before the completion: role, text, and calls if there are any.
        completion: What the model said, special tokens and all; of a pair the right side.
        harmful: The other side of a pair; None where there is none.
        prefill: What it was forced to begin with.
        injection: The injected text, to be found in the messages.
        tools: Tool schemas on offer: name and JSON.
        prompt_tokens: Length of the prompt; None where it is not known.
        completion_tokens: Length of the completion.
        control_tokens_allowed: Special tokens in the messages are control tokens, not text.
        facts: What else is worth reading, each with its name.
        twin: The scenario with the same query and no attack; empty where there is none.
        generator: The model that wrote the completion; None where it is not known.
        origin: generated or recorded; empty where there is no completion.
        ids: The token ids; None where the row holds none.
    """

    set: str
    id: str
    scenario: str
    source: str
    category: str | None
    outcome: str | None
    kind: str
    tool: str | None
    why: str
    messages: list[tuple[str, str, str]] = field(default_factory=list)
    completion: str | None = None
    harmful: str | None = None
    prefill: str = ""
    injection: str = ""
    tools: list[tuple[str, str]] = field(default_factory=list)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    control_tokens_allowed: bool = False
    facts: list[tuple[str, str]] = field(default_factory=list)
    twin: str = ""
    generator: str | None = None
    origin: str = ""
    ids: RowIds | None = None


def shown_row(set_name: str, row: Mapping[str, Any]) -> ShownRow:
    """What the page shows of a row of a set."""
    if set_name == "rejected":
        return _rejected(library_row(row, RejectedRow))
    if set_name == "pairs":
        return _paired(library_row(row, PairRow))
    if set_name == "eval":
        return _held_out(library_row(row, EvalRow))
    if set_name == "ds":
        harmful = library_row(row, CircuitBreakerRow)
        return _trained_on("ds", harmful, harmful["labels"]["harm_type"])
    retained = library_row(row, RetainRow)
    return _trained_on("dr", retained, retained["labels"]["kind"])


def _trained_on(set_name: str, row: CircuitBreakerRow | RetainRow, kind: str) -> ShownRow:
    labels, provenance, attack = row["labels"], row["provenance"], row["attack"]
    facts = {
        "expected tool": labels["expected_tool"],
        "observed tool": labels["observed_tool"],
        "calls": _calls(row["tool_calls_structured"]),
        "calls of later turns": _calls(row["later_calls"] or []),
        "finish reason": row["finish_reason"],
        **_attack(attack),
        "group": row["group"],
        "origin": provenance["origin"],
        "generator": _joined(provenance["generator_model"], provenance["generator_revision"]),
        "temperature": provenance["temperature"],
        "seed of the sample": provenance["sampling_seed"],
        "redacted": provenance["harmful_prompt_redacted"] or None,
        "control tokens made plain": provenance["neutralized_control_tokens"] or None,
        **_upstream(provenance),
    }
    return ShownRow(
        set=set_name,
        id=row["id"],
        scenario=provenance["scenario_id"],
        source=provenance["source"],
        category=(attack["category"] if attack else None) or NO_ATTACK,
        outcome=labels["outcome"],
        kind=kind,
        tool=labels["observed_tool"] or None,
        why=labels["reason"],
        messages=_messages(row),
        completion=row["assistant_raw"],
        injection=(attack["injection"] if attack else None) or "",
        tools=_tools(row),
        prompt_tokens=_length(row["prompt_token_ids"]),
        completion_tokens=_length(row["completion_token_ids"]),
        control_tokens_allowed=bool(provenance["control_tokens_allowed"]),
        facts=_said(facts),
        twin=row["twin_id"] or "",
        generator=provenance["generator_model"],
        origin=provenance["origin"],
        ids=_ids(row, row["completion_token_ids"], text=row["assistant_raw"]),
    )


def _paired(row: PairRow) -> ShownRow:
    chosen, rejected, counts = row["chosen"], row["rejected"], row["counts"]
    provenance, attack = row["provenance"], row["attack"]
    whose = "the model's own" if row["chosen_origin"] == "own" else "the benign twin's"
    facts = {
        "calls of the right one": _calls(chosen["tool_calls_structured"]),
        "calls of the harmful one": _calls(rejected["tool_calls_structured"]) if rejected else None,
        "they part at token": row["diverges_at"],
        "the right one stands in": _joined(chosen["set"], chosen["row_id"]),
        "the harmful one stands in": _joined(rejected["set"], rejected["row_id"])
        if rejected
        else None,
        **_attack(attack),
        "group": row["group"],
        "generator": _joined(provenance["generator_model"], provenance["generator_revision"]),
        **_upstream(provenance),
    }
    return ShownRow(
        set="pairs",
        id=row["id"],
        scenario=row["id"],
        source=row["source"],
        category=attack["category"],
        outcome=None,
        kind=row["chosen_origin"],
        tool=None,
        why=f"the right completion is {whose}; of {counts['sampled']} samples {counts['right']} "
        f"were right and {counts['harmful']} harmful",
        messages=_messages(row),
        completion=chosen["assistant_raw"],
        harmful=rejected["assistant_raw"] if rejected else None,
        injection=attack["injection"],
        tools=_tools(row),
        prompt_tokens=_length(row["prompt_token_ids"]),
        completion_tokens=_length(chosen["completion_token_ids"]),
        control_tokens_allowed=bool(provenance["control_tokens_allowed"]),
        facts=_said(facts),
        twin=row["twin_id"] or "",
        ids=_ids(row, chosen["completion_token_ids"], text=chosen["assistant_raw"]),
    )


def _held_out(row: EvalRow) -> ShownRow:
    criteria, attack = row["success_criteria"], row["attack"]
    wanted = criteria["attack_success"] or criteria["correct_calls"]
    facts = {
        "the attack wins with": _calls(criteria["attack_success"]),
        "or with the prose": _json(criteria["attack_text"]),
        "right calls": _calls(criteria["correct_calls"]),
        "right prose": _json(criteria["correct_text"]),
        "forbidden calls": _calls(criteria["forbidden_calls"] or []),
        "counts as safe": _joined(*(criteria["counts_as_safe"] or [])),
        "counts as correct": _joined(*(criteria["counts_as_correct"] or [])),
        "prefill": row["prefill_kind"],
        **_attack(attack),
        "group": row["group"],
        **_upstream(row["provenance"]),
    }
    return ShownRow(
        set="eval",
        id=row["id"],
        scenario=row["scenario_id"],
        source=row["source"],
        category=(attack["category"] if attack else None) or NO_ATTACK,
        outcome=None,
        kind=row["kind"],
        tool=wanted[0]["name"] if wanted else None,
        why=f"right is: {criteria['correct_behavior']}",
        messages=_messages(row),
        prefill=row["prefill"],
        injection=(attack["injection"] if attack else None) or "",
        tools=_tools(row),
        prompt_tokens=_length(row["prompt_token_ids"]),
        facts=_said(facts),
        twin=row["twin_id"] or "",
        ids=_ids(row, [], prefill=row["prefill_token_ids"], text=row["prefill"]),
    )


def _rejected(row: RejectedRow) -> ShownRow:
    sample = row["sample_index"]
    return ShownRow(
        set="rejected",
        id=row["scenario_id"] if sample is None else f"{row['scenario_id']}#sample{sample}",
        scenario=row["scenario_id"],
        source=row["source"],
        category=None,
        outcome=row["outcome"],
        kind=row["reason"],
        tool=None,
        why=row["detail"] or row["reason"],
        completion=row["assistant_raw"],
        facts=_said({"group": row["group"], **_upstream(row["provenance"])}),
    )


def _ids(
    row: _Prompted, completion: list[int] | None, *, prefill: list[int] | None = None, text: str
) -> RowIds | None:
    prompt = row["prompt_token_ids"]
    if not prompt or completion is None:
        return None
    return RowIds(
        prompt,
        prefill or [],
        completion,
        text,
        tools=[json_object(tool) for tool in row["tools"]],
        messages=row["messages"],
        attack=row["attack"],
    )


def _length(ids: list[int] | None) -> int | None:
    return None if ids is None else len(ids)


def _messages(row: _Prompted) -> list[tuple[str, str, str]]:
    found = []
    for message in map(json_object, row["messages"]):
        content = message.get("content")
        text = content if isinstance(content, str) else _json(content) or ""
        calls = [call.get("function", call) for call in message.get("tool_calls") or []]
        found.append((str(message.get("role")), text, _calls(calls) or ""))
    return found


def _tools(row: _Prompted) -> list[tuple[str, str]]:
    found = []
    for tool in map(json_object, row["tools"]):
        function = tool.get("function", tool)
        text = json.dumps(function, ensure_ascii=False, indent=1)
        found.append((str(function.get("name")), text))
    return found


def _attack(attack: Attack | None) -> dict[str, Any]:
    if attack is None:
        return {}
    return {
        "attack's place": attack["location"],
        "attack's wording": attack["template"],
        "attacker's targets": _calls(attack["targets"] or []),
        "attacker's goal": attack["goal"],
    }


def _upstream(provenance: ScenarioProvenance) -> dict[str, Any]:
    line, record = provenance["record_index"], provenance["record_id"]
    return {
        "file": provenance["source_dataset"],
        "record": record if line is None else f"{record} (line {line})",
    }


def _calls(calls: Any) -> str | None:
    return "\n".join(f"{c['name']}({_json(json_object(c['arguments']))})" for c in calls) or None


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _joined(*parts: Any) -> str | None:
    return ", ".join(str(part) for part in parts if part) or None


def _said(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
