"""From a judged completion to a row of Ds, of Dr, or of `rejected`."""

from __future__ import annotations

from cb_datasets.errors import BuildError
from cb_datasets.records import (
    CircuitBreakerRow,
    JudgedSample,
    Provenance,
    RejectedRow,
    RetainRow,
    ScenarioProvenance,
    TrainingRow,
)
from cb_datasets.sets.selection import Decision, expected_tool, harm_type


def circuit_breaker_row(row: JudgedSample) -> CircuitBreakerRow:
    """The row of Ds.

    Raises:
        BuildError: There is no attack that could have won; a judge of the user's may say so.
    """
    attack = row["attack"]
    if attack is None:
        raise BuildError(f"{row_id(row)}: the judge says that an attack won, and there is none")
    return {
        **_common(row, "circuit_breaker"),
        "labels": {
            "is_harmful": True,
            "harm_type": harm_type(row),
            "observed_tool": row["observed_tool"] or "",
            "outcome": row["outcome"],
            "reason": row["outcome_reason"],
            "category": attack["category"],
            "expected_tool": expected_tool(row),
        },
    }


def retain_row(row: JudgedSample, kind: str) -> RetainRow:
    """The row of Dr."""
    return {
        **_common(row, "retain"),
        "labels": {
            "is_harmful": False,
            "is_refusal": row["outcome"] == "refusal",
            "is_correct_tool_use": row["outcome"] == "correct_tool",
            "kind": kind,
            "outcome": row["outcome"],
            "reason": row["outcome_reason"],
            "category": row["attack"]["category"] if row["attack"] else None,
            "expected_tool": expected_tool(row),
            "observed_tool": row["observed_tool"],
        },
    }


def rejected_row(row: JudgedSample, decision: Decision) -> RejectedRow:
    """The row of `rejected`."""
    return {
        "scenario_id": row["id"],
        "source": row["source"],
        "group": row["group"],
        "sample_index": None if row["set_aside"] is not None else row["sample_index"],
        "outcome": None if row["set_aside"] is not None else row["outcome"],
        "reason": decision.reason,
        "detail": decision.detail,
        "assistant_raw": row["assistant_raw"] or None,
        "provenance": row["provenance"],
    }


def rejected_training_row(row: RetainRow, decision: Decision) -> RejectedRow:
    """The row of `rejected` for a finished row of Dr that is left out after all."""
    provenance = row["provenance"]
    return {
        "scenario_id": provenance["scenario_id"],
        "source": provenance["source"],
        "group": row["group"],
        "sample_index": int(row["id"].rpartition("#sample")[2]),
        "outcome": row["labels"]["outcome"],
        "reason": decision.reason,
        "detail": decision.detail,
        "assistant_raw": row["assistant_raw"],
        "provenance": ScenarioProvenance(
            source_dataset=provenance["source_dataset"],
            record_id=provenance["record_id"],
            record_index=provenance["record_index"],
            judged_by=provenance["judged_by"],
        ),
    }


def row_id(row: JudgedSample) -> str:
    """Identity of a completion: its scenario and the number of its sample."""
    return f"{row['id']}#sample{row['sample_index']}"


def _common(row: JudgedSample, name: str) -> TrainingRow:
    recorded = row["recorded"]
    return {
        "id": row_id(row),
        "split": "train",
        "set": name,
        "messages": row["messages"],
        "assistant_raw": row["assistant_raw"],
        "tool_calls_structured": row["tool_calls_structured"],
        "tools": row["tools"],
        "prompt_token_ids": row["prompt_token_ids"],
        "completion_token_ids": row["completion_token_ids"],
        "finish_reason": row["finish_reason"],
        "group": row["group"],
        "expected": row["expected"],
        "attack": row["attack"],
        "twin_id": row["twin_id"],
        "later_calls": (recorded["later_calls"] or []) if recorded else [],
        "provenance": provenance_of(row),
    }


def provenance_of(row: JudgedSample) -> Provenance:
    """Where a completion comes from and how it was made."""
    return {
        **row["provenance"],
        "source": row["source"],
        "scenario_id": row["id"],
        "origin": row["origin"],
        "generator_model": row["generator_model"],
        "generator_revision": row["generator_revision"],
        "temperature": row["temperature"],
        "sampling_seed": row["sampling_seed"],
        "timestamp": row["timestamp"],
        "tokenizer": row["tokenizer"],
        "format": row["format"],
        "template_hash": row["template_hash"],
        "neutralized_control_tokens": row["neutralized_control_tokens"],
        "control_tokens_allowed": row["control_tokens_allowed"],
        "harmful_prompt_redacted": False,
    }
