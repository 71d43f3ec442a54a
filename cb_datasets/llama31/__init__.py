"""The Llama 3.1 format: messages to prompt token ids, calls to text, text or ids to calls.

Also what each token is: turns, sampled tokens, the tokens at which a call is named, the injection.
"""

from cb_datasets.llama31.calls import ParsedCompletion, ToolCall
from cb_datasets.llama31.completion import render_completion
from cb_datasets.llama31.drift import Drift, retokenization_drift
from cb_datasets.llama31.injection_spans import InjectionSpan, InjectionSpans, injection_spans
from cb_datasets.llama31.parse import parse_completion
from cb_datasets.llama31.render import RenderedPrompt, default_chat_template, render_prompt
from cb_datasets.llama31.sequence import TrainingSequence, training_sequence
from cb_datasets.llama31.turns import TurnSpan

__all__ = [
    "Drift",
    "InjectionSpan",
    "InjectionSpans",
    "ParsedCompletion",
    "RenderedPrompt",
    "ToolCall",
    "TrainingSequence",
    "TurnSpan",
    "default_chat_template",
    "injection_spans",
    "parse_completion",
    "render_completion",
    "render_prompt",
    "retokenization_drift",
    "training_sequence",
]
