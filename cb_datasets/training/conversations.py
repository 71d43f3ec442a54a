"""Rows as conversations, for trainers that write the text themselves with a chat template.

In: a row of Ds or Dr. Out: `prompt`, `completion` and `tools`, as TRL's conversational
prompt-completion format has them. The calls are structured, so that any model's template can write
them; who trains the model that the rows were sampled from takes `to_token_ids`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from cb_datasets.formats import parse_completion
from cb_datasets.records import TrainingRow
from cb_datasets.schema import JsonObject, doc, exact_rows, set_table

if TYPE_CHECKING:
    from datasets import Dataset


class Conversation(TypedDict):
    """A row as a trainer reads it: what was said, and what is to be said."""

    prompt: Annotated[list[JsonObject], doc("The messages before the completion.")]
    completion: Annotated[list[JsonObject], doc("The completion, one message of the assistant.")]
    tools: Annotated[
        list[JsonObject] | None, doc("Tool schemas on offer; null where there are none.")
    ]


class Dialogue(TypedDict):
    """The same as one list of messages."""

    messages: Annotated[list[JsonObject], doc("All messages, the completion last.")]
    tools: Annotated[
        list[JsonObject] | None, doc("Tool schemas on offer; null where there are none.")
    ]


def conversation(row: TrainingRow) -> Conversation:
    """A row of Ds or Dr as `prompt`, `completion` and `tools`.

    Example:
        >>> row = {
        ...     "messages": [{"role": "user", "content": "Weather in Rome?"}],
        ...     "tools": [],
        ...     "assistant_raw": '<|python_tag|>{"name": "weather", "parameters": {}}<|eom_id|>',
        ...     "tool_calls_structured": [{"name": "weather", "arguments": {}}],
        ...     "provenance": {"format": "llama31"},
        ... }
        >>> conversation(row)["completion"][0]["tool_calls"][0]["function"]
        {'name': 'weather', 'arguments': {}}
    """
    said = parse_completion(
        row["assistant_raw"], tools=row["tools"], format=row["provenance"].get("format")
    )
    message: JsonObject = {"role": "assistant", "content": said.content or said.code or ""}
    calls = row["tool_calls_structured"] or []
    if calls:
        message["tool_calls"] = [
            {"type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
            for c in calls
        ]
    # Templates take an empty list for tools of which there are none.
    tools = list(row["tools"] or []) or None
    return {"prompt": list(row["messages"]), "completion": [message], "tools": tools}


def to_conversations(rows: Dataset, *, as_messages: bool = False) -> Dataset:
    """Rows of Ds or Dr as conversations, for TRL's `SFTTrainer` and its like.

    Args:
        rows: Ds or Dr.
        as_messages: One column `messages` with the completion last, in the place of `prompt` and
            `completion`.

    Returns:
        `prompt`, `completion` (lists of messages) and `tools`, or `messages` and `tools`.

    Example:
        >>> trainer = SFTTrainer(model, train_dataset=to_conversations(sets.dr))  # doctest: +SKIP
    """
    made = (conversation(row) for row in exact_rows(rows, TrainingRow))
    if not as_messages:
        return set_table(list(made), Conversation)
    joined = [Dialogue(messages=m["prompt"] + m["completion"], tools=m["tools"]) for m in made]
    return set_table(joined, Dialogue)
