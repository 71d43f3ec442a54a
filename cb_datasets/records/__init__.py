"""What flows through the library: scenarios in, completions judged, rows of the sets out.

Each record is one `TypedDict`: rows are dicts, and mypy knows their columns. `datasets.Features`,
the JSON Schema and the card's table of columns follow from it (see `cb_datasets.schema`).
"""

from cb_datasets.records.calls import CONDITION_SCHEMA, CallPattern, TextPattern, ToolCall
from cb_datasets.records.names import (
    BEHAVIORS,
    EVAL_KINDS,
    HARM_TYPES,
    JUDGED_BY,
    OUTCOMES,
    PAIR_ORIGINS,
    PREFILL_KINDS,
    PROBES,
    RETAIN_KINDS,
)
from cb_datasets.records.scenario import (
    Attack,
    Expected,
    RecordedCompletion,
    Scenario,
    ScenarioProvenance,
)
from cb_datasets.records.sets import (
    SET_RECORDS,
    CircuitBreakerRow,
    EvalRow,
    HarmLabels,
    PairCounts,
    PairRow,
    PairSide,
    Provenance,
    RejectedRow,
    RetainLabels,
    RetainRow,
    SuccessCriteria,
    TrainingRow,
)
from cb_datasets.records.stages import (
    CompletionColumns,
    JudgedSample,
    LabelColumns,
    ParseColumns,
    ParsedSample,
    PromptColumns,
    PromptedScenario,
    Sample,
)
from cb_datasets.records.tokenizer import TokenizerFacts

__all__ = [
    "BEHAVIORS",
    "CONDITION_SCHEMA",
    "EVAL_KINDS",
    "HARM_TYPES",
    "JUDGED_BY",
    "OUTCOMES",
    "PAIR_ORIGINS",
    "PREFILL_KINDS",
    "PROBES",
    "RETAIN_KINDS",
    "SET_RECORDS",
    "Attack",
    "CallPattern",
    "CircuitBreakerRow",
    "CompletionColumns",
    "EvalRow",
    "Expected",
    "HarmLabels",
    "JudgedSample",
    "LabelColumns",
    "PairCounts",
    "PairRow",
    "PairSide",
    "ParseColumns",
    "ParsedSample",
    "PromptColumns",
    "PromptedScenario",
    "Provenance",
    "RecordedCompletion",
    "RejectedRow",
    "RetainLabels",
    "RetainRow",
    "Sample",
    "Scenario",
    "ScenarioProvenance",
    "SuccessCriteria",
    "TextPattern",
    "TokenizerFacts",
    "ToolCall",
    "TrainingRow",
]
