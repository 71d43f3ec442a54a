"""Fujitsu B1, text poisoning: a poisoned document among those retrieved for a query.

In: rows with `user_query`, `poison_content`, `benign_content` and the answer of a model that read
them. Out: the conversation with the documents as a tool result and the recorded answer, and the
same without the poison, unanswered. The attacker's goal is in words: no program tells if it is met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

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
    retrieval_messages,
    retrieval_tool,
    retrieved,
)
from cb_datasets.sources.rows import RowPlace

NAME = "fujitsu_b1"

_ITEM = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\s*([,\]])", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4})|(['\"\\nrt]))"
)
# What an escape inside a list written as text may turn into, and no line of a file holds.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read_fujitsu_b1(row: JsonObject, place: RowPlace) -> Iterable[Scenario]:
    """The scenarios of a text poisoning attack.

    Args:
        row: A row of `rag_poisoning_benchmark_combined_deduplicated.jsonl`.
        place: Where it stands.

    Returns:
        The benign twin, if the row has a benign document, and the attacked scenario. Set aside:
        `no_poison`, `no_completion`, `debug_label`, `flag_disagrees`.

    Raises:
        ValueError: For a row that is no such record.
    """
    record_id = required_name(row, "id")
    query = required_text(row, "user_query")
    system_prompt = field_text(row, "target_model_system_prompt")
    poison = field_text(row, "poison_content")
    # A document that holds the poison is not what a clean retrieval would have found.
    documents = [text for text in _documents(row) if not poison or poison not in text]
    clean = retrieved(documents)
    twin = Scenario(
        id=f"{NAME}/twin/{digest(system_prompt, query, clean)}",
        source=NAME,
        group=group_key(NAME, query),
        messages=retrieval_messages(system_prompt, query, clean),
        tools=[retrieval_tool()],
        expected=Expected(behavior="answer", calls=[]),
        provenance=ScenarioProvenance(source_dataset=place.file, record_id=record_id),
    )
    recorded, set_aside = recorded_answer(
        field_text(row, "target_llm_output"),
        field_text(row, "target_component_model").strip(),
        judged_successful(row.get("judge_assessment")),
    )
    if not poison:
        set_aside = "no_poison: The record has no poisoned document."
    shown = retrieved([*documents, poison] if poison else documents)
    attacked: Scenario = {
        **twin,
        "id": f"{NAME}/{record_id}",
        "messages": retrieval_messages(system_prompt, query, shown),
        "attack": _attack(row, poison, clean),
        "twin_id": twin["id"] if documents else None,
        "recorded": recorded,
        "set_aside": set_aside,
    }
    return [twin, attacked] if documents else [attacked]


def _attack(row: JsonObject, poison: str, clean: str) -> Attack:
    mechanism = field_text(row, "attack_mechanism").strip() or "unknown"
    subtype = field_text(row, "attack_subtype").strip() or "unknown"
    return Attack(
        category=field_text(row, "attack_category").strip() or "unknown",
        template=f"{mechanism}/{subtype}",
        location="tool_result",
        injection=poison,
        targets=[],
        goal=field_text(row, "adversarial_goal").strip() or None,
        clean_content=clean,
    )


def _documents(row: JsonObject) -> list[str]:
    """The benign documents: a text, a list of texts, or such a list written as text."""
    value = row.get("benign_content")
    if isinstance(value, str) and value.lstrip().startswith("["):
        listed = _json_texts(value)
        listed = _python_texts(value.strip()) if listed is None else listed
        value = value if listed is None else listed
    if isinstance(value, list):
        if not all(isinstance(text, str) for text in value):
            raise ValueError("benign_content holds something that is no text")
        texts = [field_text({"benign_content": text}, "benign_content") for text in value]
    else:
        texts = [field_text({"benign_content": value}, "benign_content")]
    if any(_UNSTORABLE.search(text) for text in texts):
        raise ValueError("benign_content holds a NUL character or half a surrogate pair")
    return [text for text in texts if text]


def _json_texts(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if is_texts else None


def _python_texts(text: str) -> list[str] | None:
    """The texts of a list as Python prints it, read without evaluating anything.

    Example:
        >>> _python_texts("['it\\\\'s', \\"a\\"]")
        ["it's", 'a']
        >>> _python_texts("[1] A footnote.")
    """
    texts, at = [], 1
    while (item := _ITEM.match(text, at)) is not None:
        texts.append(_ESCAPE.sub(_unescaped, item.group(1) or item.group(2) or ""))
        at = item.end()
        if item.group(3) == "]":
            return texts if at == len(text) else None
    return None


def _unescaped(escape: re.Match[str]) -> str:
    code = escape.group(1) or escape.group(2) or escape.group(3)
    if code:
        return chr(int(code, 16))
    return _ESCAPED.get(escape.group(4), escape.group(4))


SOURCE = part(NAME, "poisoned documents, real answers", lambda: read_fujitsu_b1)
