"""What the readers of Fujitsu's agentic RAG red-team benchmark (B1 to B4) share.

In: raw rows and their fields. Out: texts, identities, group keys, the upstream judge's verdict, the
recorded answer and why it is set aside, and the conversation in which documents were retrieved.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from cb_datasets.debug_labels import find_marker
from cb_datasets.records import RecordedCompletion
from cb_datasets.refusal import is_refusal
from cb_datasets.schema import JsonObject

# How exports write a value that is not there.
_ABSENT = frozenset({"", "none", "null", "nan", "n/a"})

_VERDICT_KEYS = (
    *("assessment", "judge_assessment", "success", "attack_success", "attack_successful"),
    *("is_successful", "rag_success", "verdict", "judgement", "judgment", "outcome", "result"),
)
_SUCCEEDED = re.compile(r"(?:the\s)?(?:attack\s)?(?:was\s)?(?:success\w*|succe\w+|true|yes)\b")
_FAILED = re.compile(
    r"(?:the\s)?(?:attack\s)?(?:was\s)?(?:not\ssuccess\w*|unsuccess\w*|fail\w*|false|no)\b"
)
_VERDICT_IN_TEXT = re.compile(
    r"['\"](?:" + "|".join(_VERDICT_KEYS) + r")['\"]\s{0,4}:\s{0,4}['\"]?(\w[\w ]{0,30})"
)


def field_text(row: JsonObject, key: str) -> str:
    """The text of a field, as it stands there; "" if it is missing, null or blank.

    Raises:
        ValueError: If the field holds anything else than text.

    Example:
        >>> field_text({"expected_tool": "None"}, "expected_tool")
        ''
    """
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is {_kind(value)}, expected text")
    return "" if value.strip().casefold() in _ABSENT else value


def required_text(row: JsonObject, key: str) -> str:
    """The text of a field that a record cannot be without.

    Raises:
        ValueError: If it is missing, blank, or no text.
    """
    text = field_text(row, key)
    if not text:
        raise ValueError(f"{key} is missing or blank, expected text")
    return text


def record_name(row: JsonObject, key: str) -> str:
    """The upstream identity in a field, text or a whole number; "" if it is missing.

    Raises:
        ValueError: If it is anything else.
    """
    value = row.get(key)
    return str(value) if type(value) is int else field_text(row, key).strip()


def required_name(row: JsonObject, key: str) -> str:
    """The upstream identity of a record that has no other.

    Raises:
        ValueError: If it is missing, or neither text nor a whole number.
    """
    name = record_name(row, key)
    if not name:
        raise ValueError(f"{key} is missing, expected text or a whole number")
    return name


def digest(*parts: str) -> str:
    """Twelve hex digits that stand for these texts.

    Example:
        >>> digest("a", "b") == digest("a\\nb")
        False
    """
    data = json.dumps(parts).encode()
    return hashlib.sha256(data).hexdigest()[:12]


def same_wording(text: str) -> str:
    """A text without what does not make another query: case and the amount of white space."""
    return " ".join(text.casefold().split())


def group_key(source: str, query: str) -> str:
    """The split key of a query: the same for every attack on it, and for its benign twin."""
    return f"{source}/{digest(same_wording(query))}"


def judged_successful(value: Any) -> bool | None:
    """What a judge's field says of the attack: that it succeeded, failed, or nothing clear.

    Args:
        value: A boolean, 0 or 1, a word or sentence, an object such as `{"assessment": "Success"}`,
            or such an object as text.

    Example:
        >>> judged_successful('{"assessment": "Failure", "reason": "it was ignored"}')
        False
        >>> judged_successful("partial success") is None
        True
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            found = _VERDICT_IN_TEXT.search(value.lower())
            return _verdict(found.group(1)) if found else None
    if isinstance(value, dict):
        said = {str(key).lower(): verdict for key, verdict in value.items()}
        verdicts = (_verdict(said.get(key)) for key in _VERDICT_KEYS)
        return next((verdict for verdict in verdicts if verdict is not None), None)
    return _verdict(value)


def recorded_answer(
    output: str, model: str, judge: bool | None
) -> tuple[RecordedCompletion | None, str | None]:
    """What the source recorded as the model's answer, and why it is set aside, if it is.

    Args:
        output: The recorded text.
        model: The model that wrote it, or "".
        judge: The upstream judge's verdict. It is cross-checked only: a refusal that it calls a
            success is set aside, and it decides nothing else.
    """
    if not output.strip():
        return None, "no_completion: The record holds no output of a model."
    marker = find_marker(output)
    if marker is not None:
        label = f"The recorded output holds {marker[0].name}, and no model emits that."
        return None, f"debug_label: {label}"
    recorded = RecordedCompletion(content=output, calls=[], later_calls=[], model=model or None)
    if judge and is_refusal(output):
        reason = "The upstream judge claims success, and the recorded output refuses."
        return recorded, f"flag_disagrees: {reason}"
    return recorded, None


def retrieval_tool() -> dict[str, Any]:
    """The schema of the tool that fetched the documents."""
    return query_tool("retrieve_documents", "Fetch the documents that are relevant to a query.")


def query_tool(name: str, description: str) -> dict[str, Any]:
    """The OpenAI schema of a tool that takes a query.

    Example:
        >>> query_tool("search_web", "Search.")["function"]["parameters"]["required"]
        ['query']
    """
    parameters = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What to look for."}},
        "required": ["query"],
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def retrieval_messages(system_prompt: str, query: str, result: str) -> list[dict[str, Any]]:
    """A conversation up to the point where the model has the retrieved documents before it."""
    function = {"name": "retrieve_documents", "arguments": {"query": query}}
    call = {"type": "function", "function": function}
    return [
        *([{"role": "system", "content": system_prompt}] if system_prompt else []),
        {"role": "user", "content": query},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": result},
    ]


def retrieved(documents: Sequence[str]) -> str:
    """The tool result that holds these documents, word for word.

    They stand in the order of their hashes, so that no place is the poisoned document's.

    Example:
        >>> print(retrieved(["Opening hours: 9 to 5."]))
        Document 1:
        Opening hours: 9 to 5.
    """
    if not documents:
        return "No documents found."
    ordered = sorted(set(documents), key=lambda document: (digest(document), document))
    return "\n\n".join(f"Document {n}:\n{text}" for n, text in enumerate(ordered, start=1))


def _verdict(value: Any) -> bool | None:
    if isinstance(value, (bool, int)):
        return bool(value) if value in (0, 1) else None
    if not isinstance(value, str):
        return None
    said = " ".join(value[:200].lower().split())
    if _FAILED.match(said):
        return False
    return True if _SUCCEEDED.match(said) else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
