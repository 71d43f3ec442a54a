"""What the four transforms add to scenarios, and what a row is after each of them."""

from typing import Annotated

from typing_extensions import TypedDict

from cb_datasets.records.calls import ToolCall
from cb_datasets.records.names import OUTCOMES
from cb_datasets.records.scenario import Scenario
from cb_datasets.records.tokenizer import TokenizerFacts
from cb_datasets.schema import doc


class PromptColumns(TypedDict):
    """What `FormatPrompt` adds to a scenario."""

    prompt_token_ids: Annotated[
        list[int] | None,
        doc("The prompt, begin-of-text to the assistant header; null without a tokenizer."),
    ]
    tokenizer: Annotated[TokenizerFacts | None, doc("Whose ids they are.")]
    format: Annotated[
        str | None, doc("Format that the template writes; Llama 3.1's without a tokenizer.")
    ]
    template_hash: Annotated[
        str | None, doc("SHA-256 of the chat template that rendered the prompt.")
    ]
    neutralized_control_tokens: Annotated[
        int, doc("Control tokens found in untrusted text, made plain.")
    ]
    non_template_messages: Annotated[
        int,
        doc("Messages of the history the template refuses (parallel calls), in canonical form."),
    ]
    control_tokens_allowed: Annotated[
        bool, doc("Control tokens in untrusted text were let through.")
    ]


class CompletionColumns(TypedDict):
    """What `BatchGenerate` adds: one row a sample."""

    sample_index: Annotated[int, doc("Number of the sample among those of its scenario.")]
    assistant_raw: Annotated[str, doc("Raw output, special tokens and end token included.")]
    completion_token_ids: Annotated[
        list[int] | None, doc("The tokens of assistant_raw; null without a tokenizer.")
    ]
    finish_reason: Annotated[str, doc("stop, length or error.")]
    origin: Annotated[str, doc("generated (sampled here) or recorded (from the source).")]
    generator_model: Annotated[str | None, doc("Model that produced it.")]
    generator_revision: Annotated[str | None, doc("Its revision or content hash.")]
    temperature: Annotated[float | None, doc("Sampling temperature.")]
    sampling_seed: Annotated[int | None, doc("Seed of this very sample.")]
    timestamp: Annotated[str | None, doc("When it was produced, ISO 8601.")]
    error: Annotated[str | None, doc("Why there is no completion.")]


class ParseColumns(TypedDict):
    """What `ParseToolCalls` adds."""

    content: Annotated[str, doc("Prose of the completion.")]
    tool_calls_structured: Annotated[list[ToolCall], doc("Calls read from assistant_raw.")]
    code: Annotated[str | None, doc("Code for the interpreter, where the call is code.")]
    end_token: Annotated[str | None, doc("The end token, or null.")]
    parse_problems: Annotated[list[str], doc("What is malformed, in words.")]


class LabelColumns(TypedDict):
    """What `LabelOutcome` adds."""

    outcome: Annotated[str, doc("What it turned out to be.", choices=OUTCOMES)]
    outcome_reason: Annotated[str, doc("Why, in words.")]
    observed_tool: Annotated[str | None, doc("The call that decided the outcome.")]


class PromptedScenario(Scenario, PromptColumns):
    """A scenario after `FormatPrompt`."""


class Sample(PromptedScenario, CompletionColumns):
    """A completion with its scenario, after `BatchGenerate`."""


class ParsedSample(Sample, ParseColumns):
    """The same after `ParseToolCalls`."""


class JudgedSample(ParsedSample, LabelColumns):
    """The same after `LabelOutcome`: what the sets are made of."""
