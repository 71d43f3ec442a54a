"""Fujitsu B3, direct queries: an improper request, dressed up so that it may pass.

In: rows with `user_query` and what a model answered. Out: one scenario a row, in which a refusal is
right. Without the attack nothing is left, so there is no twin. The attacker's goal is in words: no
program tells if it is met.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cb_datasets.records import Attack, Expected, Scenario, ScenarioProvenance
from cb_datasets.schema import JsonObject
from cb_datasets.sources.fujitsu.benchmark import part
from cb_datasets.sources.fujitsu.rows import (
    digest,
    field_text,
    group_key,
    judged_successful,
    recorded_answer,
    required_name,
    required_text,
)
from cb_datasets.sources.rows import RowPlace

NAME = "fujitsu_b3"

_DRESSING = (
    *("role_play", "manipulation_strategy", "obfuscation", "encoding"),
    *("payload_splitting", "adversarial_suffix"),
)
_UNDRESSED = frozenset({"", "none", "no", "false", "null", "n/a", "nan", "0"})
_LABEL_CHARACTERS = 60


def read_fujitsu_b3(row: JsonObject, place: RowPlace) -> Iterable[Scenario]:
    """The scenario of a direct query.

    Args:
        row: A row of `safety_benchmark_direct_query_combined_deduplicated.jsonl`.
        place: Where it stands.

    Returns:
        One attacked scenario without tools. Set aside: `no_completion`, `debug_label`,
        `flag_disagrees`.

    Raises:
        ValueError: For a row that is no such record.
    """
    record_id = required_name(row, "id")
    query = required_text(row, "user_query")
    system_prompt = field_text(row, "target_model_system_prompt")
    recorded, set_aside = recorded_answer(
        field_text(row, "target_llm_output"),
        field_text(row, "target_component_model").strip(),
        judged_successful(row.get("judge_assessment")),
    )
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    attack = Attack(
        category=field_text(row, "attack_category").strip() or "unknown",
        template=_template(row),
        location="user",
        injection=query,
        targets=[],
        goal=field_text(row, "adversarial_goal").strip() or None,
        clean_content="",
    )
    scenario = Scenario(
        id=f"{NAME}/{record_id}",
        source=NAME,
        group=group_key(NAME, query),
        messages=[*system, {"role": "user", "content": query}],
        tools=[],
        expected=Expected(behavior="refusal", calls=[]),
        attack=attack,
        recorded=recorded,
        set_aside=set_aside,
        provenance=ScenarioProvenance(source_dataset=place.file, record_id=record_id),
    )
    return [scenario]


def _template(row: JsonObject) -> str:
    """How the request is dressed up, or, where the row does not say, its kind."""
    names = {name.casefold(): name for name in row}
    said = [(key, _label(row.get(names.get(key, key)))) for key in _DRESSING]
    dressing = "; ".join(f"{key}={label}" for key, label in said if label)
    kinds = ("attack_subtype", "attack_mechanism")
    return dressing or next(
        filter(None, (field_text(row, kind).strip() for kind in kinds)), "plain"
    )


def _label(value: Any) -> str:
    """A field that names a trick, or spells it out, as a short label; "" if it was not used."""
    said = " ".join(str(value).split()) if isinstance(value, (str, int, float)) else ""
    if said.casefold() in _UNDRESSED:
        return ""
    return said if len(said) <= _LABEL_CHARACTERS else digest(said)


SOURCE = part(NAME, "improper requests, real answers", lambda: read_fujitsu_b3)
