"""Anyone's rows of messages to scenarios: attack logs, agent traces, prompts to be sampled.

In: a row with a conversation in one of its many spellings, and a mapping that says in which columns
the rest stands (see `mapping`). Out: one scenario per decision of the model.
What a row is said to be decides nothing: an attack has succeeded if the attacker's call was made
after the injection came into view. `accepted` alone is read, and only to keep benign rows out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.options import Option
from cb_datasets.records import RecordedCompletion, Scenario, ScenarioProvenance
from cb_datasets.sources.generic.attack import text_digest
from cb_datasets.sources.generic.decisions import debug_label, decisions
from cb_datasets.sources.generic.mapping import DEFAULT_MAPPING, RowMapping, read_mapping
from cb_datasets.sources.generic.proposal import Unmapped
from cb_datasets.sources.generic.row_values import RowValues
from cb_datasets.sources.generic.run import Run, read_run
from cb_datasets.sources.messages.chat_messages import all_calls, message_calls
from cb_datasets.sources.rows import ReadRow, RowPlace
from cb_datasets.sources.source import TABLES, Source
from cb_datasets.sources.turns import turns_option

_FILE_ENDING = re.compile(r"\.(?:jsonl?|ndjson|parquet)$")


class GenericOptions(TypedDict, total=False):
    """How anyone's rows are read."""

    mapping: Annotated[
        Any,
        Option(
            None,
            "In which columns things stand: an object such as {'messages': 'log'}, or a JSON or "
            "YAML file of one. Rows with messages or conversations, tools and id need none.",
            check=read_mapping,
        ),
    ]
    turns: Annotated[
        str | None, turns_option(None, "Unless told, decisive for attacked rows, all for benign.")
    ]


def read_generic(
    row: dict[str, Any],
    place: RowPlace,
    *,
    mapping: RowMapping = DEFAULT_MAPPING,
    turns: str | None = None,
) -> Iterable[Scenario]:
    """The scenarios of a row of messages.

    Args:
        row: The row.
        place: Where it stands.
        mapping: Says in which columns things stand.
        turns: "all", "first" or "decisive" (see `cb_datasets.sources.turns`). None is decisive for
            attacked rows and all for benign ones. Of attacked rows the first decision is the first
            with the injection in view; with "all", those before it are benign decisions.

    Returns:
        Scenarios. An attacked row is one whose injection or targets are mapped and not null. A
        conversation that ends with a request, and has no turn that tells, is to be sampled. Where
        tools are not given they are inferred from the calls, if there are any. Without a mapped
        group the group is the first request without the injection, in any wrapping of white space
        and punctuation. A scenario is named by its row and, where the row has several, by its turn;
        a mapped `twin` should be a row of one decision.

    Raises:
        ValueError: If the row is malformed; it names the field.

    Example:
        >>> row = {"id": 7, "done": True, "messages": [{"role": "user", "content": "Hi"},
        ...                                            {"role": "assistant", "content": "Hello"}]}
        >>> mapping = read_mapping({"accepted": "done"})
        >>> [s] = read_generic(row, RowPlace("log.jsonl", 1), mapping=mapping)
        >>> s["id"], s["expected"]["behavior"], s["recorded"]["content"]
        ('generic/log/7', 'answer', 'Hello')
    """
    values = RowValues(row, mapping)
    run = read_run(values)
    found = decisions(run, turns)
    file = f"generic/{_FILE_ENDING.sub('', place.file)}"
    record_id = values.name("id") or f"{place.file}:{place.line}"
    group = values.name("group") or text_digest(run.request)
    twin = values.name("twin") if run.attack else None
    if twin == record_id:
        label = values.mapping.label("twin")
        raise ValueError(f"{label} is the attacked row itself, expected the id of a benign row")
    unsaid = RecordedCompletion(
        content="",
        calls=[],
        later_calls=[],
        model=values.name("model"),
        temperature=values.number("temperature"),
        timestamp=values.time("timestamp"),
    )
    return [
        Scenario(
            id=f"{file}/{record_id}" + (f"#turn{decision.turn}" if len(found) > 1 else ""),
            source="generic",
            group=f"generic/{group}",
            messages=run.messages[: decision.turn],
            tools=run.tools,
            expected=decision.expected,
            attack=run.attack if decision.attacked else None,
            twin_id=f"{file}/{twin}" if twin and decision.attacked else None,
            recorded=_recorded(run, decision.turn, unsaid),
            set_aside=decision.set_aside or debug_label(run, decision.turn),
            provenance=ScenarioProvenance(source_dataset=place.file, record_id=record_id),
        )
        for decision in found
    ]


def _recorded(run: Run, turn: int, unsaid: RecordedCompletion) -> RecordedCompletion | None:
    """What was said at a turn, by whom and when `unsaid` tells; None where nothing was."""
    if turn >= run.end:
        return None
    message = run.messages[turn]
    return {
        **unsaid,
        "content": message["content"],
        "calls": message_calls(message),
        "later_calls": all_calls(run.messages[turn + 1 :]),
        "raw": run.raws.get(turn),
    }


def _make_reader(*, mapping: RowMapping | None, turns: str | None) -> ReadRow:
    if mapping is None or mapping == DEFAULT_MAPPING:
        return Unmapped(partial(read_generic, turns=turns))
    return partial(read_generic, mapping=mapping, turns=turns)


SOURCE = Source(
    name="generic",
    title="Anyone's conversations with tool calls, read by a mapping of columns",
    licence="the data's own",
    url="your own",
    make_reader=_make_reader,
    options=GenericOptions,
    suffixes=TABLES,
)
