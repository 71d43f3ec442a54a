"""The rows of Ds, Dr, pairs, eval and `rejected`."""

from typing import Annotated

from typing_extensions import TypedDict

from cb_datasets.records.calls import CallPattern, TextPattern, ToolCall
from cb_datasets.records.names import (
    BEHAVIORS,
    EVAL_KINDS,
    HARM_TYPES,
    OUTCOMES,
    PAIR_ORIGINS,
    PREFILL_KINDS,
    RETAIN_KINDS,
)
from cb_datasets.records.scenario import Attack, Expected, ScenarioProvenance
from cb_datasets.records.tokenizer import TokenizerFacts
from cb_datasets.schema import JsonObject, doc


class Provenance(ScenarioProvenance):
    """Where a row of Ds or Dr comes from and how its completion was made."""

    source: Annotated[str, doc("Name of the source.")]
    scenario_id: Annotated[str, doc("The scenario.")]
    origin: Annotated[str, doc("generated or recorded.")]
    generator_model: Annotated[str | None, doc("Model that produced the completion.")]
    generator_revision: Annotated[str | None, doc("Its revision or content hash.")]
    temperature: Annotated[float | None, doc("Sampling temperature.")]
    sampling_seed: Annotated[int | None, doc("Seed of the sample.")]
    timestamp: Annotated[str | None, doc("When it was produced, ISO 8601 (to the UTC day).")]
    tokenizer: Annotated[
        TokenizerFacts | None, doc("Whose token ids the row holds; null where it holds none.")
    ]
    format: Annotated[
        str | None, doc("Format that text and ids are written in; of old rows null: Llama 3.1's.")
    ]
    template_hash: Annotated[
        str | None, doc("SHA-256 of the chat template; null without token ids.")
    ]
    neutralized_control_tokens: Annotated[int, doc("Control tokens in untrusted text, made plain.")]
    control_tokens_allowed: Annotated[
        bool, doc("Control tokens in untrusted text were let through.")
    ]
    harmful_prompt_redacted: Annotated[bool, doc("The harmful request was taken out of messages.")]


class HarmLabels(TypedDict):
    """Labels of a Ds row, computed from assistant_raw."""

    is_harmful: Annotated[bool, doc("Always true in Ds.")]
    harm_type: Annotated[str, doc("How the attack won.", choices=HARM_TYPES)]
    observed_tool: Annotated[
        str, doc("The attacker's tool, as called; empty if the goal needed no call.")
    ]
    outcome: Annotated[str, doc("The judge's outcome.", choices=OUTCOMES)]
    reason: Annotated[str, doc("The judge's reason.")]
    category: Annotated[str, doc("Attack category.")]
    expected_tool: Annotated[
        str | None,
        doc("The right tool, where one is known; of several the one called, else the next."),
    ]


class RetainLabels(TypedDict):
    """Labels of a Dr row, computed from assistant_raw."""

    is_harmful: Annotated[bool, doc("Always false in Dr.")]
    is_refusal: Annotated[bool, doc("The completion refuses.")]
    is_correct_tool_use: Annotated[bool, doc("The completion makes the right call.")]
    kind: Annotated[str, doc("Why it is retained.", choices=RETAIN_KINDS)]
    outcome: Annotated[str, doc("The judge's outcome.", choices=OUTCOMES)]
    reason: Annotated[str, doc("The judge's reason.")]
    category: Annotated[str | None, doc("Attack category, on attacked rows.")]
    expected_tool: Annotated[
        str | None,
        doc("The right tool, where one is known; of several the one called, else the next."),
    ]
    observed_tool: Annotated[str | None, doc("The tool called.")]


class TrainingRow(TypedDict):
    """What rows of Ds and Dr have in common."""

    id: Annotated[str, doc("Unique in the set: scenario#sampleN.")]
    split: Annotated[str, doc("Always train.")]
    set: Annotated[str, doc("Which set.", choices=("circuit_breaker", "retain"))]
    messages: Annotated[list[JsonObject], doc("Everything before the completion.")]
    assistant_raw: Annotated[str, doc("Raw model output, end token included.")]
    tool_calls_structured: Annotated[list[ToolCall], doc("The calls in assistant_raw.")]
    tools: Annotated[list[JsonObject], doc("Tool schemas on offer.")]
    prompt_token_ids: Annotated[
        list[int] | None,
        doc("Token ids of the prompt, one begin-of-text first; null if no tokenizer was named."),
    ]
    completion_token_ids: Annotated[
        list[int] | None,
        doc(
            "Token ids of assistant_raw: as sampled or, of a recorded text, as the format's own "
            "encoder makes them; null if no tokenizer was named."
        ),
    ]
    finish_reason: Annotated[str, doc("Why the model stopped.")]
    group: Annotated[str, doc("Split key.")]
    expected: Annotated[Expected, doc("The right behaviour, as the judge read it.")]
    attack: Annotated[Attack | None, doc("The injection, where there is one.")]
    twin_id: Annotated[str | None, doc("The scenario with the same query and no attack.")]
    later_calls: Annotated[list[ToolCall], doc("Calls of later turns of a recorded trace.")]
    provenance: Annotated[Provenance, doc("Where it comes from.")]


class CircuitBreakerRow(TrainingRow):
    """A row of Ds: a real completion in which the attack won."""

    labels: Annotated[HarmLabels, doc("Computed labels.")]


class RetainRow(TrainingRow):
    """A row of Dr: a real completion to be left as it is."""

    labels: Annotated[RetainLabels, doc("Computed labels.")]


class PairSide(TypedDict):
    """A completion of a pair."""

    assistant_raw: Annotated[str, doc("Raw model output, end token included.")]
    completion_token_ids: Annotated[
        list[int] | None, doc("Token ids of assistant_raw; null if no tokenizer was named.")
    ]
    finish_reason: Annotated[str, doc("Why the model stopped.")]
    tool_calls_structured: Annotated[list[ToolCall], doc("The calls in assistant_raw.")]
    sample_index: Annotated[int, doc("Number of the sample among those of its scenario.")]
    row_id: Annotated[
        str | None, doc("Id of the row in which it stands in Ds or Dr; null if it is in neither.")
    ]
    set: Annotated[str | None, doc("Which of the two that is.", choices=("ds", "dr"))]


class PairCounts(TypedDict):
    """What the samples of an attacked prompt turned out to be."""

    sampled: Annotated[int, doc("Completions; errors are none.")]
    harmful: Annotated[int, doc("Those in which the attack won.")]
    right: Annotated[int, doc("Those that do what is right.")]


class PairRow(TypedDict):
    """A row of pairs: an attacked prompt, what is right to say there, and what is harmful."""

    id: Annotated[str, doc("Unique in the set: the attacked scenario.")]
    split: Annotated[str, doc("Always train.")]
    set: Annotated[str, doc("Which set.", choices=("pairs",))]
    source: Annotated[str, doc("Name of the source.")]
    group: Annotated[str, doc("Split key.")]
    messages: Annotated[list[JsonObject], doc("The attacked conversation before the completion.")]
    tools: Annotated[list[JsonObject], doc("Tool schemas on offer.")]
    prompt_token_ids: Annotated[
        list[int] | None,
        doc("Token ids of the attacked prompt; null if no tokenizer was named."),
    ]
    chosen: Annotated[PairSide, doc("The right completion.")]
    chosen_origin: Annotated[
        str,
        doc(
            "own: sampled under this very prompt; twin: sampled under the benign twin's and placed "
            "here, off-policy.",
            choices=PAIR_ORIGINS,
        ),
    ]
    rejected: Annotated[
        PairSide | None,
        doc("The harmful completion, sampled under this very prompt; null if there is none."),
    ]
    diverges_at: Annotated[
        int | None,
        doc("Place, from 0, of the first completion token in which the two differ; null likewise."),
    ]
    twin_id: Annotated[str | None, doc("The scenario with the same query and no attack.")]
    twin_messages: Annotated[
        list[JsonObject], doc("The benign twin's conversation; empty if there is no twin.")
    ]
    twin_tools: Annotated[list[JsonObject], doc("Tool schemas on offer there.")]
    twin_prompt_token_ids: Annotated[
        list[int] | None, doc("Token ids of the benign twin's prompt; null likewise.")
    ]
    counts: Annotated[PairCounts, doc("What the samples of the attacked prompt turned out to be.")]
    expected: Annotated[Expected, doc("The right behaviour, as the judge read it.")]
    attack: Annotated[Attack, doc("The injection.")]
    provenance: Annotated[
        Provenance,
        doc("Where the attacked prompt comes from; a seed is a sample's, and null here."),
    ]


class SuccessCriteria(TypedDict):
    """What a completion of an eval row must and must not do; read by the judge.

    The judge finds the outcome from calls and texts; the three lists of outcomes then say what
    counts as what. Where a list is empty, the usual outcomes are meant
    (`cb_datasets.evaluation.criteria`).
    """

    attack_success: Annotated[list[CallPattern], doc("One of these calls made: the attack won.")]
    correct_behavior: Annotated[str, doc("What is right to do.", choices=BEHAVIORS)]
    correct_calls: Annotated[list[CallPattern], doc("The right calls, where known.")]
    attack_text: Annotated[
        list[TextPattern] | None,
        doc("Or prose that is one of these, and no refusal: the attack won."),
    ]
    attacker_goal: Annotated[str | None, doc("What the attacker wants, in words.")]
    task_calls: Annotated[
        list[CallPattern] | None,
        doc("Further calls that belong to the user's task; fine to make."),
    ]
    correct_text: Annotated[
        list[TextPattern] | None, doc("What the prose of a right answer is, all of them.")
    ]
    forbidden_calls: Annotated[
        list[CallPattern] | None,
        doc("Calls that are neither safe nor correct to make, whatever else is done."),
    ]
    valid_arguments: Annotated[
        bool | None,
        doc("A right call's arguments must also be valid under the schema of its tool."),
    ]
    counts_as_attack_success: Annotated[
        list[str] | None,
        doc("Outcomes in which the attacker got what he wanted.", choices=OUTCOMES),
    ]
    counts_as_safe: Annotated[
        list[str] | None,
        doc("Outcomes in which he did not, and the model behaved.", choices=OUTCOMES),
    ]
    counts_as_correct: Annotated[
        list[str] | None, doc("Outcomes that are the right behaviour.", choices=OUTCOMES)
    ]


class EvalRow(TypedDict):
    """A row of the eval set: a prompt, held out from training, and criteria a program can grade."""

    id: Annotated[str, doc("Unique in the set.")]
    split: Annotated[str, doc("Always test.")]
    set: Annotated[str, doc("Which set.", choices=("eval",))]
    kind: Annotated[str, doc("What is tested.", choices=EVAL_KINDS)]
    messages: Annotated[list[JsonObject], doc("Everything before the completion.")]
    tools: Annotated[list[JsonObject], doc("Tool schemas on offer.")]
    prompt_token_ids: Annotated[
        list[int] | None, doc("Token ids of the prompt; null if no tokenizer was named.")
    ]
    prefill: Annotated[str, doc("Text the completion is forced to begin with; empty for none.")]
    prefill_token_ids: Annotated[
        list[int] | None, doc("Its token ids, to stand right after the prompt's; null likewise.")
    ]
    prefill_kind: Annotated[
        str | None, doc("What a forced call begins with.", choices=PREFILL_KINDS)
    ]
    success_criteria: Annotated[SuccessCriteria, doc("How to grade.")]
    attack: Annotated[Attack | None, doc("The injection, where there is one.")]
    twin_id: Annotated[str | None, doc("The scenario with the same query and no attack.")]
    group: Annotated[str, doc("Split key.")]
    source: Annotated[str, doc("Name of the source.")]
    scenario_id: Annotated[str, doc("The scenario.")]
    provenance: Annotated[ScenarioProvenance, doc("Where it comes from.")]
    tokenizer: Annotated[TokenizerFacts | None, doc("Whose token ids the row holds.")]
    format: Annotated[
        str | None, doc("Format that text and ids are written in; of old rows null: Llama 3.1's.")
    ]
    template_hash: Annotated[
        str | None, doc("SHA-256 of the chat template; null without token ids.")
    ]


class RejectedRow(TypedDict):
    """A scenario or completion in none of the sets, and why."""

    scenario_id: Annotated[str, doc("The scenario.")]
    source: Annotated[str, doc("Name of the source.")]
    group: Annotated[str, doc("Split key.")]
    sample_index: Annotated[
        int | None, doc("The sample; null if the scenario itself was set aside.")
    ]
    outcome: Annotated[str | None, doc("The judge's outcome, if it came to a judgement.")]
    reason: Annotated[str, doc("Why it is left out.")]
    detail: Annotated[str, doc("The same in words, with what was seen.")]
    assistant_raw: Annotated[str | None, doc("What the model said, if anything.")]
    provenance: Annotated[ScenarioProvenance, doc("Where it comes from.")]


SET_RECORDS: dict[str, type] = {
    "ds": CircuitBreakerRow,
    "dr": RetainRow,
    "pairs": PairRow,
    "eval": EvalRow,
    "rejected": RejectedRow,
}
"""The record of each set's rows."""
