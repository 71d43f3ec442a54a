"""What a reader of a source gives: scenarios, with the attack, what is right and what was recorded.

A key that is `NotRequired` may be left out; the table of scenarios then holds a null, or an empty
list.
"""

from typing import Annotated

from typing_extensions import NotRequired, TypedDict

from cb_datasets.records.calls import CallPattern, ToolCall
from cb_datasets.records.names import BEHAVIORS, JUDGED_BY, PROBES, FinishReason
from cb_datasets.schema import JsonObject, doc


class Attack(TypedDict):
    """A prompt injection: what the attacker put where, and what counts as its success."""

    category: Annotated[str, doc("Kind of attack, for slicing and the distribution gate.")]
    template: Annotated[str, doc("Identity of the attack's wording.")]
    location: Annotated[str, doc("Where the injection stands.", choices=("user", "tool_result"))]
    injection: Annotated[str, doc("The injected text, as it stands in the messages.")]
    targets: Annotated[
        list[CallPattern], doc("Calls the attacker wants; one of them made is success.")
    ]
    goal: NotRequired[Annotated[str | None, doc("What the attacker wants, in words.")]]
    clean_content: NotRequired[
        Annotated[
            str | None,
            doc(
                "The attacked message without the attack, where taking the injected text out of it "
                "does not give that; empty where the whole request is the attack."
            ),
        ]
    ]


class Expected(TypedDict):
    """The right behaviour: call one of `calls`, answer without a call, or refuse."""

    behavior: Annotated[str, doc("What is right to do.", choices=BEHAVIORS)]
    calls: Annotated[list[CallPattern], doc("The right calls; empty where they are not known.")]
    task_calls: NotRequired[
        Annotated[
            list[CallPattern] | None,
            doc(
                "Further calls that belong to the user's task, such as look-ups; fine to make, and "
                "not what is still to be done."
            ),
        ]
    ]


class RecordedCompletion(TypedDict):
    """What a model did with this scenario, as the source recorded it.

    Either `raw` holds the model's own text, or `content` and `calls` hold a message that is
    written in the canonical dialect when it becomes a completion.
    """

    content: Annotated[str, doc("Prose of the message.")]
    calls: Annotated[list[ToolCall], doc("Calls of the message, in order.")]
    later_calls: Annotated[
        list[ToolCall], doc("Calls the model made in later turns of the same trace.")
    ]
    raw: NotRequired[
        Annotated[str | None, doc("The model's own text, special tokens and end token included.")]
    ]
    model: NotRequired[Annotated[str | None, doc("The model that produced it.")]]
    temperature: NotRequired[Annotated[float | None, doc("Sampling temperature.")]]
    timestamp: NotRequired[Annotated[str | None, doc("When it was produced, ISO 8601.")]]
    token_ids: NotRequired[
        Annotated[
            list[int] | None,
            doc(
                "The tokens of raw, where an engine of this library sampled it: the scenario's "
                "sample 0; none where another program did."
            ),
        ]
    ]
    revision: NotRequired[Annotated[str | None, doc("Revision of the model, or its content hash.")]]
    sampling_seed: NotRequired[Annotated[int | None, doc("Seed of the sample.")]]
    finish_reason: NotRequired[Annotated[FinishReason | None, doc("Why it ended; null is stop.")]]


class ScenarioProvenance(TypedDict):
    """Where a scenario comes from."""

    source_dataset: Annotated[str, doc("Name of the upstream file, without folder and .gz.")]
    record_id: Annotated[str, doc("Upstream identity of the record.")]
    record_index: NotRequired[
        Annotated[int | None, doc("Upstream line index, where the source has one.")]
    ]
    judged_by: NotRequired[
        Annotated[
            str | None,
            doc(
                "Who said what the calls of the run did: the world they were made in, a replay in "
                "such a world, or patterns of the attacker's calls.",
                choices=JUDGED_BY,
            ),
        ]
    ]


class Scenario(TypedDict):
    """What is put before a model, with all that is needed to judge what it does.

    `messages` are OpenAI-style dicts (`role`, `content`, `tool_calls`), tool results with role
    `tool`; `tools` are OpenAI function schemas.
    """

    id: Annotated[str, doc("Unique within its source.")]
    source: Annotated[str, doc("Name of the source, as in `list_sources()`.")]
    group: Annotated[str, doc("Split key: a group is never on two sides of a split.")]
    messages: Annotated[list[JsonObject], doc("Everything before the completion.")]
    tools: Annotated[list[JsonObject], doc("Tool schemas on offer.")]
    expected: Annotated[Expected, doc("The right behaviour.")]
    provenance: Annotated[ScenarioProvenance, doc("Where it comes from.")]
    attack: NotRequired[Annotated[Attack | None, doc("The injection, where there is one.")]]
    twin_id: NotRequired[
        Annotated[str | None, doc("The scenario with the same query and no attack.")]
    ]
    recorded: NotRequired[
        Annotated[RecordedCompletion | None, doc("Completion of the source, if any.")]
    ]
    set_aside: NotRequired[Annotated[str | None, doc("Why the reader found it unfit for any set.")]]
    probe: NotRequired[
        Annotated[
            str | None,
            doc(
                "What it is there for beside its right behaviour: over_refusal, a harmless request "
                "that looks improper; policy_answer, one that the deployment's rules forbid.",
                choices=PROBES,
            ),
        ]
    ]
