"""A row of any set as the page shows it: what it is found by, and what is read of it.

In: a row. Out: a `ShownRow`, the same for all four sets, so that the page knows no record types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.schema import json_object

Row = Mapping[str, Any]

NO_ATTACK = "no attack"


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row, as the page shows it.

    Attributes:
        set: ds, dr, eval or rejected.
        id: Its id; of a rejected row, scenario and sample.
        scenario: The scenario it is of.
        source: Name of the source.
        category: Attack category; None where it is not known.
        outcome: The judge's outcome, if there is a completion.
        kind: What of its set it is: harm type, kind of Dr or eval, reason to be left out.
        tool: The tool whose call decided, or that is wanted.
        why: The reason for the label, in words.
        messages: What stands before the completion: role, text, and calls if there are any.
        completion: What the model said, special tokens and all.
        prefill: What it was forced to begin with.
        injection: The injected text, to be found in the messages.
        tools: Tool schemas on offer: name and JSON.
        prompt_tokens: Length of the prompt; None where it is not known.
        completion_tokens: Length of the completion.
        control_tokens_allowed: Special tokens in the messages are control tokens, not text.
        facts: What else is worth reading, each with its name.
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
    prefill: str = ""
    injection: str = ""
    tools: list[tuple[str, str]] = field(default_factory=list)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    control_tokens_allowed: bool = False
    facts: list[tuple[str, str]] = field(default_factory=list)


def shown_row(set_name: str, row: Row) -> ShownRow:
    """What the page shows of a row of a set."""
    if set_name == "rejected":
        return _rejected(row)
    return _held_out(row) if set_name == "eval" else _trained_on(set_name, row)


def _trained_on(set_name: str, row: Row) -> ShownRow:
    labels, provenance = row["labels"], row["provenance"]
    attack = row.get("attack") or {}
    facts = {
        "expected tool": labels.get("expected_tool"),
        "observed tool": labels.get("observed_tool"),
        "calls": _calls(row["tool_calls_structured"]),
        "calls of later turns": _calls(row.get("later_calls") or []),
        "finish reason": row.get("finish_reason"),
        "benign twin": row.get("twin_id"),
        **_attack(attack),
        "group": row.get("group"),
        "origin": provenance.get("origin"),
        "generator": _joined(
            provenance.get("generator_model"), provenance.get("generator_revision")
        ),
        "temperature": provenance.get("temperature"),
        "seed of the sample": provenance.get("sampling_seed"),
        "redacted": provenance.get("harmful_prompt_redacted") or None,
        "control tokens made plain": provenance.get("neutralized_control_tokens") or None,
        **_upstream(provenance),
    }
    return ShownRow(
        set=set_name,
        id=row["id"],
        scenario=provenance["scenario_id"],
        source=provenance["source"],
        category=attack.get("category") or NO_ATTACK,
        outcome=labels["outcome"],
        kind=labels["harm_type"] if set_name == "ds" else labels["kind"],
        tool=labels.get("observed_tool") or None,
        why=labels["reason"],
        messages=_messages(row),
        completion=row["assistant_raw"],
        injection=attack.get("injection") or "",
        tools=_tools(row),
        prompt_tokens=len(row["prompt_token_ids"]),
        completion_tokens=len(row["completion_token_ids"]),
        control_tokens_allowed=bool(provenance.get("control_tokens_allowed")),
        facts=_said(facts),
    )


def _held_out(row: Row) -> ShownRow:
    criteria, attack = row["success_criteria"], row.get("attack") or {}
    wanted = criteria["attack_success"] or criteria["correct_calls"]
    facts = {
        "the attack wins with": _calls(criteria["attack_success"]),
        "or with the prose": _json(criteria.get("attack_text")),
        "right calls": _calls(criteria["correct_calls"]),
        "right prose": _json(criteria.get("correct_text")),
        "forbidden calls": _calls(criteria.get("forbidden_calls") or []),
        "counts as safe": _joined(*(criteria.get("counts_as_safe") or [])),
        "counts as correct": _joined(*(criteria.get("counts_as_correct") or [])),
        "prefill": row.get("prefill_kind"),
        "benign twin": row.get("twin_id"),
        **_attack(attack),
        "group": row["group"],
        **_upstream(row["provenance"]),
    }
    return ShownRow(
        set="eval",
        id=row["id"],
        scenario=row["scenario_id"],
        source=row["source"],
        category=attack.get("category") or NO_ATTACK,
        outcome=None,
        kind=row["kind"],
        tool=wanted[0]["name"] if wanted else None,
        why=f"right is: {criteria['correct_behavior']}",
        messages=_messages(row),
        prefill=row["prefill"],
        injection=attack.get("injection") or "",
        tools=_tools(row),
        prompt_tokens=len(row["prompt_token_ids"]),
        facts=_said(facts),
    )


def _rejected(row: Row) -> ShownRow:
    sample = row.get("sample_index")
    return ShownRow(
        set="rejected",
        id=row["scenario_id"] if sample is None else f"{row['scenario_id']}#sample{sample}",
        scenario=row["scenario_id"],
        source=row["source"],
        category=None,
        outcome=row.get("outcome"),
        kind=row["reason"],
        tool=None,
        why=row["detail"] or row["reason"],
        completion=row.get("assistant_raw"),
        facts=_said({"group": row["group"], **_upstream(row["provenance"])}),
    )


def _messages(row: Row) -> list[tuple[str, str, str]]:
    found = []
    for message in map(json_object, row["messages"]):
        content = message.get("content")
        text = content if isinstance(content, str) else _json(content) or ""
        calls = [call.get("function", call) for call in message.get("tool_calls") or []]
        found.append((str(message.get("role")), text, _calls(calls) or ""))
    return found


def _tools(row: Row) -> list[tuple[str, str]]:
    found = []
    for tool in map(json_object, row["tools"]):
        function = tool.get("function", tool)
        text = json.dumps(function, ensure_ascii=False, indent=1)
        found.append((str(function.get("name")), text))
    return found


def _attack(attack: Row) -> dict[str, Any]:
    return {
        "attack's place": attack.get("location"),
        "attack's wording": attack.get("template"),
        "attacker's targets": _calls(attack.get("targets") or []),
        "attacker's goal": attack.get("goal"),
    }


def _upstream(provenance: Row) -> dict[str, Any]:
    line = provenance.get("record_index")
    record = provenance.get("record_id")
    return {
        "file": provenance.get("source_dataset"),
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
