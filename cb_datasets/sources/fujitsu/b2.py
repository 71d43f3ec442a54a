"""Fujitsu B2, image poisoning: text in an image that was retrieved for a query.

In: rows with `user_query`, `poison_payload` and what two systems answered, one undefended
(`baseline_*`) and one with a trust agent (`mta_*`). Out: a scenario for each of the two, with the
image's text as retrieved content. The attacker's goal is in words: no program tells if it is met.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cb_datasets.records import (
    Attack,
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
)
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
    retrieval_messages,
    retrieval_tool,
    retrieved,
)
from cb_datasets.sources.rows import RowPlace

NAME = "fujitsu_b2"

SYSTEMS = ("baseline", "mta")
"""The systems whose answers a row holds."""


def read_fujitsu_b2(row: JsonObject, place: RowPlace) -> Iterable[Scenario]:
    """The scenarios of an image poisoning attack.

    Args:
        row: A row of `image_poisoning_simulation_results_*.jsonl`.
        place: Where it stands.

    Returns:
        Two attacked scenarios, `…/baseline` and `…/mta`: the same prompt, each with the answer of
        its system. Set aside: `no_poison`, `no_completion`, `injection_not_in_view` (the run failed
        in retrieval, so that what the model answered was not an answer to this prompt),
        `debug_label`, `flag_disagrees`.

    Raises:
        ValueError: For a row that is no such record.
    """
    attack_id = required_name(row, "attack_id")
    query = required_text(row, "user_query")
    image_type = field_text(row, "image_type").strip()
    payload = field_text(row, "poison_payload")
    subtype = field_text(row, "attack_subtype").strip() or "unknown"
    image = f"[Text in an image of type {image_type or 'unknown'}]\n{payload}"
    # An attack may have been tried with several images and queries under one attack_id.
    name = f"{attack_id}/{digest(query, image)}"
    attacked = Scenario(
        id=f"{NAME}/{name}",
        source=NAME,
        group=group_key(NAME, query),
        messages=retrieval_messages("", query, retrieved([image] if payload else [])),
        tools=[retrieval_tool()],
        expected=Expected(behavior="answer", calls=[]),
        attack=Attack(
            category="image_poisoning",
            template=f"{image_type or 'unknown'}/{subtype}",
            location="tool_result",
            injection=payload,
            targets=[],
            goal=field_text(row, "adversarial_goal").strip() or None,
            clean_content=retrieved([]),
        ),
        provenance=ScenarioProvenance(source_dataset=place.file, record_id=attack_id),
    )
    scenarios: list[Scenario] = []
    for system in SYSTEMS:
        recorded, set_aside = _answer(row, system)
        if not payload:
            set_aside = "no_poison: The record does not say what the image holds."
        name = f"{attacked['id']}/{system}"
        scenarios.append({**attacked, "id": name, "recorded": recorded, "set_aside": set_aside})
    return scenarios


def _answer(row: JsonObject, system: str) -> tuple[RecordedCompletion | None, str | None]:
    """What a system answered, and why that is set aside, if it is."""
    output = field_text(row, f"{system}_output")
    stage = _stage(row.get(f"{system}_failure_stage"))
    judge = judged_successful(row.get(f"{system}_judge_assessment"))
    if judge is None:
        judge = judged_successful(row.get(f"{system}_rag_success"))
    if not output.strip():
        return None, f"no_completion: The {system} run gave no output; failure stage: {stage!r}."
    recorded, set_aside = recorded_answer(output, "", judge)
    if set_aside is None and not judge and "retriev" in stage.casefold():
        reason = f"The {system} run failed in retrieval ({stage!r}), before the image was seen."
        return recorded, f"injection_not_in_view: {reason}"
    return recorded, set_aside


def _stage(value: Any) -> str:
    return value.strip()[:100] if isinstance(value, str) else ""


SOURCE = part(NAME, "poisoned images, real answers", lambda: read_fujitsu_b2)
