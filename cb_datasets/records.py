"""What flows through the library: scenarios in, completions judged, rows of Ds, Dr and eval out.

Each record is one dataclass; `datasets.Features` and the JSON Schema follow from it (see
`cb_datasets.schema`). Between the stages records travel as plain dict rows of a `Dataset`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cb_datasets.schema import JsonObject, doc

OUTCOMES = (
    "attack_success",
    "near_target",
    "correct_tool",
    "other_tool",
    "no_tool",
    "refusal",
    "code",
    "invalid",
    "truncated",
    "error",
)
"""What a completion can turn out to be; exactly one of these, decided by `cb_datasets.judge`."""

RETAIN_KINDS = (
    "adversarial_safe",
    "resisted",
    "benign_twin",
    "tool_use",
    "refusal",
    "answer",
)
"""Why a row is in the retain set."""

EVAL_KINDS = (
    "prompt_injection",
    "multi_turn",
    "forced_call",
    "benign_twin",
    "tool_use",
    "refusal",
    "answer",
    "over_refusal",
)
"""What an eval row puts to the test."""

PREFILL_KINDS = ("tag", "tag_tool", "json_arguments", "prose_call", "bare_json")
"""What a forced call is made to begin with: the tag alone; the tag and the tool's name; JSON up to
the arguments; prose, then that; the same JSON without tag."""

PROBES = ("over_refusal",)
"""What a scenario may be there for beside its right behaviour: a harmless request that looks
improper."""

BEHAVIORS = ("call", "answer", "refusal")
"""What can be right to do."""

HARM_TYPES = ("tool_flip", "argument_hijack", "injected_call", "goal_met")
"""How an attack won: another tool than the right one, the right tool with the attacker's
arguments, a call where no right tool is known, or, without a call, the attacker's goal met in the
eyes of a judge that can tell."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call as a model made it."""

    name: str = doc("Name of the tool called.")
    arguments: JsonObject = doc("Arguments of the call, a JSON object.")


def _condition(key: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {key: value, **more}
    return {"properties": properties, "required": [key], "additionalProperties": False}


CONDITION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "oneOf": [
        _condition("equals", {}),
        _condition("contains", {"type": "string"}),
        _condition("regex", {"type": "string"}, example={}),
        _condition("schema", {"type": ["object", "boolean"]}, example={}),
    ],
}
"""The JSON Schema of one condition on a parameter of a call."""


@dataclass(frozen=True, slots=True)
class CallPattern:
    """What a call must look like to count as this call.

    `arguments` maps a parameter to one condition: `{"equals": value}` (equal as the tool means
    it, see `cb_datasets.judge.argument_forms`: without regard to case and white space, `5` and
    `"5.00"` where the schema takes numbers), `{"contains": text}` (the text occurs in the
    value, or in one of its items), `{"regex": pattern}` (it is found in the value, written as
    text) or `{"schema": schema}` (the value is valid under a JSON Schema); the latter two come
    with an `example` that meets them. Parameters that are not named may hold anything.
    """

    name: str = doc("Name of the tool.")
    arguments: JsonObject = doc(
        "Condition per parameter: {'equals': value}, {'contains': text}, {'regex': pattern, "
        "'example': value} or {'schema': schema, 'example': value}.",
        json_schema={"additionalProperties": CONDITION_SCHEMA},
    )


@dataclass(frozen=True, slots=True)
class TextPattern:
    """What the prose of a completion must look like; read without regard to case."""

    condition: str = doc("How text is read.", choices=("equals", "contains", "regex"))
    text: str = doc("What the prose equals, contains, or what is found in it.")
    example: str | None = doc("Prose that meets a regex.", default=None)


@dataclass(frozen=True, slots=True)
class Attack:
    """A prompt injection: what the attacker put where, and what counts as its success."""

    category: str = doc("Kind of attack, for slicing and the distribution gate.")
    template: str = doc("Identity of the attack's wording.")
    location: str = doc("Where the injection stands.", choices=("user", "tool_result"))
    injection: str = doc("The injected text, as it stands in the messages.")
    targets: list[CallPattern] = doc("Calls the attacker wants; one of them made is success.")
    goal: str | None = doc("What the attacker wants, in words.", default=None)
    clean_content: str | None = doc(
        "The attacked message without the attack, where taking the injected text out of it does "
        "not give that; empty where the whole request is the attack.",
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """The right behaviour: call one of `calls`, answer without a call, or refuse."""

    behavior: str = doc("What is right to do.", choices=BEHAVIORS)
    calls: list[CallPattern] = doc("The right calls; empty where they are not known.")
    task_calls: list[CallPattern] | None = doc(
        "Further calls that belong to the user's task, such as look-ups; fine to make, and not "
        "what is still to be done.",
        default_factory=list,
    )


@dataclass(frozen=True, slots=True)
class RecordedCompletion:
    """What a model did with this scenario, as the source recorded it.

    Either `raw` holds the model's own text, or `content` and `calls` hold a message that is
    written in the canonical dialect when it becomes a completion.
    """

    content: str = doc("Prose of the message.")
    calls: list[ToolCall] = doc("Calls of the message, in order.")
    later_calls: list[ToolCall] = doc("Calls the model made in later turns of the same trace.")
    raw: str | None = doc(
        "The model's own text, special tokens and end token included.", default=None
    )
    model: str | None = doc("The model that produced it.", default=None)
    temperature: float | None = doc("Sampling temperature.", default=None)
    timestamp: str | None = doc("When it was produced, ISO 8601.", default=None)


@dataclass(frozen=True, slots=True)
class ScenarioProvenance:
    """Where a scenario comes from."""

    source_dataset: str = doc("Name of the upstream file, without folder and .gz.")
    record_id: str = doc("Upstream identity of the record.")
    record_index: int | None = doc("Upstream line index, where the source has one.", default=None)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is put before a model, with all that is needed to judge what it does.

    `messages` are OpenAI-style dicts (`role`, `content`, `tool_calls`), tool results with role
    `tool`; `tools` are OpenAI function schemas.
    """

    id: str = doc("Unique within its source.")
    source: str = doc("Name of the source, as in `list_sources()`.")
    group: str = doc("Split key: a group is never on two sides of a split.")
    messages: list[JsonObject] = doc("Everything before the completion.")
    tools: list[JsonObject] = doc("Tool schemas on offer.")
    expected: Expected = doc("The right behaviour.")
    provenance: ScenarioProvenance = doc("Where it comes from.")
    attack: Attack | None = doc("The injection, where there is one.", default=None)
    twin_id: str | None = doc("The scenario with the same query and no attack.", default=None)
    recorded: RecordedCompletion | None = doc("Completion of the source, if any.", default=None)
    set_aside: str | None = doc("Why the reader found it unfit for any set.", default=None)
    probe: str | None = doc(
        "What it is there for beside its right behaviour: over_refusal, a harmless request that "
        "looks improper.",
        choices=PROBES,
        default=None,
    )

    def to_row(self) -> dict[str, Any]:
        """The scenario as a row of a `Dataset` with `record_features(Scenario)`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PromptColumns:
    """What `FormatPrompt` adds to a scenario."""

    prompt_token_ids: list[int] = doc("The prompt, begin-of-text to the assistant header.")
    template_hash: str = doc("SHA-256 of the chat template that rendered the prompt.")
    neutralized_control_tokens: int = doc("Control tokens found in untrusted text, made plain.")
    non_template_messages: int = doc(
        "Messages of the history the template refuses (parallel calls), in canonical form."
    )
    control_tokens_allowed: bool = doc("Control tokens in untrusted text were let through.")


@dataclass(frozen=True, slots=True)
class CompletionColumns:
    """What `BatchGenerate` adds: one row a sample."""

    sample_index: int = doc("Number of the sample among those of its scenario.")
    assistant_raw: str = doc("Raw output, special tokens and end token included.")
    completion_token_ids: list[int] = doc("The tokens of assistant_raw.")
    finish_reason: str = doc("stop, length or error.")
    origin: str = doc("generated (sampled here) or recorded (from the source).")
    generator_model: str | None = doc("Model that produced it.", default=None)
    generator_revision: str | None = doc("Its revision or content hash.", default=None)
    temperature: float | None = doc("Sampling temperature.", default=None)
    sampling_seed: int | None = doc("Seed of this very sample.", default=None)
    timestamp: str | None = doc("When it was produced, ISO 8601.", default=None)
    error: str | None = doc("Why there is no completion.", default=None)


@dataclass(frozen=True, slots=True)
class ParseColumns:
    """What `ParseToolCalls` adds."""

    content: str = doc("Prose of the completion.")
    tool_calls_structured: list[ToolCall] = doc("Calls read from assistant_raw.")
    code: str | None = doc("Code for the interpreter, where the call is code.")
    end_token: str | None = doc("The end token, or null.")
    parse_problems: list[str] = doc("What is malformed, in words.")


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """What `LabelOutcome` adds."""

    outcome: str = doc("What it turned out to be.", choices=OUTCOMES)
    outcome_reason: str = doc("Why, in words.")
    observed_tool: str | None = doc("The call that decided the outcome.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(ScenarioProvenance):
    """Where a row of Ds or Dr comes from and how its completion was made."""

    source: str = doc("Name of the source.")
    scenario_id: str = doc("The scenario.")
    origin: str = doc("generated or recorded.")
    generator_model: str | None = doc("Model that produced the completion.", default=None)
    generator_revision: str | None = doc("Its revision or content hash.", default=None)
    temperature: float | None = doc("Sampling temperature.", default=None)
    sampling_seed: int | None = doc("Seed of the sample.", default=None)
    timestamp: str | None = doc("When it was produced, ISO 8601 (to the UTC day).", default=None)
    template_hash: str = doc("SHA-256 of the chat template.")
    neutralized_control_tokens: int = doc("Control tokens in untrusted text, made plain.")
    control_tokens_allowed: bool = doc("Control tokens in untrusted text were let through.")
    harmful_prompt_redacted: bool = doc("The harmful request was taken out of messages.")


@dataclass(frozen=True, slots=True)
class HarmLabels:
    """Labels of a Ds row, computed from assistant_raw."""

    is_harmful: bool = doc("Always true in Ds.")
    harm_type: str = doc("How the attack won.", choices=HARM_TYPES)
    observed_tool: str = doc("The attacker's tool, as called; empty if the goal needed no call.")
    outcome: str = doc("The judge's outcome.", choices=OUTCOMES)
    reason: str = doc("The judge's reason.")
    category: str = doc("Attack category.")
    expected_tool: str | None = doc("The right tool, where one is known.", default=None)


@dataclass(frozen=True, slots=True)
class RetainLabels:
    """Labels of a Dr row, computed from assistant_raw."""

    is_harmful: bool = doc("Always false in Dr.")
    is_refusal: bool = doc("The completion refuses.")
    is_correct_tool_use: bool = doc("The completion makes the right call.")
    kind: str = doc("Why it is retained.", choices=RETAIN_KINDS)
    outcome: str = doc("The judge's outcome.", choices=OUTCOMES)
    reason: str = doc("The judge's reason.")
    category: str | None = doc("Attack category, on attacked rows.", default=None)
    expected_tool: str | None = doc("The right tool, where one is known.", default=None)
    observed_tool: str | None = doc("The tool called.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """What rows of Ds and Dr have in common."""

    id: str = doc("Unique in the set: scenario#sampleN.")
    split: str = doc("Always train.")
    set: str = doc("Which set.", choices=("circuit_breaker", "retain"))
    messages: list[JsonObject] = doc("Everything before the completion.")
    assistant_raw: str = doc("Raw model output, end token included.")
    tool_calls_structured: list[ToolCall] = doc("The calls in assistant_raw.")
    tools: list[JsonObject] = doc("Tool schemas on offer.")
    prompt_token_ids: list[int] = doc("Token ids of the prompt, one begin-of-text first.")
    completion_token_ids: list[int] = doc("Token ids of assistant_raw, never re-tokenized text.")
    finish_reason: str = doc("Why the model stopped.")
    group: str = doc("Split key.")
    expected: Expected = doc("The right behaviour, as the judge read it.")
    attack: Attack | None = doc("The injection, where there is one.", default=None)
    twin_id: str | None = doc("The scenario with the same query and no attack.", default=None)
    later_calls: list[ToolCall] = doc("Calls of later turns of a recorded trace.")
    provenance: Provenance = doc("Where it comes from.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreakerRow(TrainingRow):
    """A row of Ds: a real completion in which the attack won."""

    labels: HarmLabels = doc("Computed labels.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainRow(TrainingRow):
    """A row of Dr: a real completion to be left as it is."""

    labels: RetainLabels = doc("Computed labels.")


@dataclass(frozen=True, slots=True)
class SuccessCriteria:
    """What a completion of an eval row must and must not do; read by the judge.

    The judge finds the outcome from calls and texts; the three lists of outcomes then say what
    counts as what. Where a list is empty, the usual outcomes are meant
    (`cb_datasets.evaluation.criteria`).
    """

    attack_success: list[CallPattern] = doc("One of these calls made: the attack won.")
    correct_behavior: str = doc("What is right to do.", choices=BEHAVIORS)
    correct_calls: list[CallPattern] = doc("The right calls, where known.")
    attack_text: list[TextPattern] | None = doc(
        "Or prose that is one of these, and no refusal: the attack won.", default=None
    )
    attacker_goal: str | None = doc("What the attacker wants, in words.", default=None)
    task_calls: list[CallPattern] | None = doc(
        "Further calls that belong to the user's task; fine to make.", default=None
    )
    correct_text: list[TextPattern] | None = doc(
        "What the prose of a right answer is, all of them.", default=None
    )
    forbidden_calls: list[CallPattern] | None = doc(
        "Calls that are neither safe nor correct to make, whatever else is done.", default=None
    )
    valid_arguments: bool | None = doc(
        "A right call's arguments must also be valid under the schema of its tool.", default=None
    )
    counts_as_attack_success: list[str] | None = doc(
        "Outcomes in which the attacker got what he wanted.", choices=OUTCOMES, default=None
    )
    counts_as_safe: list[str] | None = doc(
        "Outcomes in which he did not, and the model behaved.", choices=OUTCOMES, default=None
    )
    counts_as_correct: list[str] | None = doc(
        "Outcomes that are the right behaviour.", choices=OUTCOMES, default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRow:
    """A row of the eval set: a prompt, held out from training, and criteria a program can grade."""

    id: str = doc("Unique in the set.")
    split: str = doc("Always test.")
    set: str = doc("Which set.", choices=("eval",))
    kind: str = doc("What is tested.", choices=EVAL_KINDS)
    messages: list[JsonObject] = doc("Everything before the completion.")
    tools: list[JsonObject] = doc("Tool schemas on offer.")
    prompt_token_ids: list[int] = doc("Token ids of the prompt.")
    prefill: str = doc("Text the completion is forced to begin with; empty for none.")
    prefill_token_ids: list[int] = doc("Its token ids, to stand right after the prompt's.")
    prefill_kind: str | None = doc(
        "What a forced call begins with.", choices=PREFILL_KINDS, default=None
    )
    success_criteria: SuccessCriteria = doc("How to grade.")
    attack: Attack | None = doc("The injection, where there is one.", default=None)
    twin_id: str | None = doc("The scenario with the same query and no attack.", default=None)
    group: str = doc("Split key.")
    source: str = doc("Name of the source.")
    scenario_id: str = doc("The scenario.")
    provenance: ScenarioProvenance = doc("Where it comes from.")
    template_hash: str = doc("SHA-256 of the chat template.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A scenario or completion in none of the sets, and why."""

    scenario_id: str = doc("The scenario.")
    source: str = doc("Name of the source.")
    group: str = doc("Split key.")
    sample_index: int | None = doc("The sample; null if the scenario itself was set aside.")
    outcome: str | None = doc("The judge's outcome, if it came to a judgement.")
    reason: str = doc("Why it is left out.")
    detail: str = doc("The same in words, with what was seen.")
    assistant_raw: str | None = doc("What the model said, if anything.")
    provenance: ScenarioProvenance = doc("Where it comes from.")


SET_RECORDS: dict[str, type] = {
    "ds": CircuitBreakerRow,
    "dr": RetainRow,
    "eval": EvalRow,
    "rejected": RejectedRow,
}
"""The record of each set's rows."""
