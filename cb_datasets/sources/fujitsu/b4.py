"""Fujitsu B4, orchestrator attacks: a query with an injection that is to flip the choice of tool.

In: rows with `benign_query`, `combined_query`, `expected_tool` and `simulated_tool`. Out: the
benign query as a scenario (the twin), and the attacked one. No completion: `success`, `judge_note`
and `simulated_tool` are a simulator's labels, and none of them is what a model said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict, Unpack

from cb_datasets.options import Option
from cb_datasets.records import Attack, CallPattern, Expected, Scenario, ScenarioProvenance
from cb_datasets.schema import JsonObject
from cb_datasets.sources.fujitsu.benchmark import part
from cb_datasets.sources.fujitsu.rows import (
    digest,
    field_text,
    group_key,
    query_tool,
    record_name,
    required_text,
    same_wording,
)
from cb_datasets.sources.rows import ReadRow, RowPlace

NAME = "fujitsu_b4"

_STANDARD_TOOLS = {
    "retrieve_multimodal_docs": "Search the internal collection of documents and images.",
    "search_web": "Search the public web.",
}
_TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class FujitsuB4Options(TypedDict, total=False):
    """How orchestrator attacks are read."""

    system_prompt: Annotated[
        str | None, Option(None, "A system message to begin with; the benchmark has none.")
    ]


def read_fujitsu_b4(
    row: JsonObject, place: RowPlace, *, system_prompt: str | None = None
) -> Iterable[Scenario]:
    """The scenarios of an orchestrator attack.

    Args:
        row: A row of `orchestrator_attacks_combined_deduplicated.jsonl`.
        place: Where it stands.
        system_prompt: A system message to begin with; the benchmark has none.

    Returns:
        The benign twin, if the row has a `benign_query`, and the attacked query. Everything in the
        twin but its provenance follows from `benign_query` and `expected_tool`, so that the attacks
        on one query have one twin between them. Set aside as `nothing_injected` where the attacked
        query is the benign one: a call made there is no evidence of an attack.

    Raises:
        ValueError: For a row that is no such record.
    """
    query = required_text(row, "combined_query")
    benign = field_text(row, "benign_query")
    expected_tool = _tool_name(row, "expected_tool")
    record_id = record_name(row, "record_id")
    attack_id = record_name(row, "attack_id")
    if not record_id and not attack_id:
        raise ValueError("record_id and attack_id are missing, expected one of them")
    # Many records share an attack_id: alone it names none of them.
    name = record_id or f"{attack_id}/{digest(query)}"
    twin = Scenario(
        id=f"{NAME}/twin/{digest(benign, expected_tool)}",
        source=NAME,
        group=group_key(NAME, benign or query),
        messages=_messages(system_prompt, benign),
        tools=_tools(expected_tool),
        expected=Expected(behavior="call", calls=_any_call(expected_tool)),
        provenance=ScenarioProvenance(source_dataset=place.file, record_id=record_id or attack_id),
    )
    simulated_tool = _tool_name(row, "simulated_tool")
    attacked: Scenario = {
        **twin,
        "id": f"{NAME}/{name}",
        "messages": _messages(system_prompt, query),
        "tools": _tools(expected_tool, simulated_tool),
        "attack": _attack(row, query, benign, expected_tool, simulated_tool),
        "twin_id": twin["id"] if benign else None,
        "set_aside": _set_aside(query, benign),
    }
    return [twin, attacked] if benign else [attacked]


def _attack(
    row: JsonObject, query: str, benign: str, expected_tool: str, simulated_tool: str
) -> Attack:
    # A simulator that chose rightly resisted: its choice is not what the attacker wants.
    resisted = simulated_tool.casefold() == expected_tool.casefold()
    family = record_name(row, "attack_id").rpartition("-")[0] or record_name(row, "attack_id")
    return Attack(
        category=field_text(row, "category").strip() or "unknown",
        template=field_text(row, "subtype").strip() or family or "unknown",
        location="user",
        injection=_injection(field_text(row, "malicious_injection"), query, benign),
        targets=[] if resisted else _any_call(simulated_tool),
        clean_content=benign or None,
    )


def _any_call(tool: str) -> list[CallPattern]:
    """The pattern of every call of a tool; none where no tool is named."""
    return [CallPattern(name=tool, arguments={})] if tool else []


def _injection(declared: str, query: str, benign: str) -> str:
    """The injected text as it stands in the query; the whole query where that cannot be told."""
    if benign and same_wording(query) == same_wording(benign):
        return ""
    if declared and declared in query:
        return declared
    if benign and benign in query:
        before, _, after = query.partition(benign)
        if not before.strip() or not after.strip():
            return (before + after).strip()
    return query


def _set_aside(query: str, benign: str) -> str | None:
    if benign and same_wording(query) == same_wording(benign):
        return "nothing_injected: The attacked query is the benign query, word for word."
    return None


def _messages(system_prompt: str | None, query: str) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": query}]


def _tool_name(row: JsonObject, key: str) -> str:
    """The tool that a field names; "" if it names none that could be called."""
    name = field_text(row, key).strip()
    return name if _TOOL_NAME.fullmatch(name) else ""


def _tools(*named: str) -> list[dict[str, Any]]:
    """The orchestrator's two tools and those named, in an order that tells nothing."""
    names = {*_STANDARD_TOOLS, *filter(None, named)}
    return [
        query_tool(name, _STANDARD_TOOLS.get(name, f"The orchestrator's tool {name}."))
        for name in sorted(names)
    ]


def _make_reader(**options: Unpack[FujitsuB4Options]) -> ReadRow:
    return partial(read_fujitsu_b4, **options)


SOURCE = part(
    NAME, "tool-flip attacks, labels only", _make_reader, recorded=False, options=FujitsuB4Options
)
