"""Formats: messages to prompt token ids, calls to text, text or ids to calls.

A model's format is what its chat template does (`format_of`); Llama 3.1's is the reference.

Also what each token is: turns, sampled tokens, the tokens at which a call is named, the injection.
"""

from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.completion import render_completion
from cb_datasets.formats.drift import Drift, retokenization_drift
from cb_datasets.formats.format import CallSyntax, Format, ReadCompletion
from cb_datasets.formats.headers import Headers
from cb_datasets.formats.injection_spans import InjectionSpan, InjectionSpans, injection_spans
from cb_datasets.formats.known import FORMATS, find_format
from cb_datasets.formats.llama31.template import default_chat_template
from cb_datasets.formats.parse import parse_completion
from cb_datasets.formats.render import RenderedPrompt, render_prompt
from cb_datasets.formats.sequence import TrainingSequence, training_sequence
from cb_datasets.formats.turns import TurnSpan

__all__ = [
    "FORMATS",
    "CallSyntax",
    "Drift",
    "Format",
    "Headers",
    "InjectionSpan",
    "InjectionSpans",
    "ParsedCompletion",
    "ReadCompletion",
    "RenderedPrompt",
    "ToolCall",
    "TrainingSequence",
    "TurnSpan",
    "default_chat_template",
    "find_format",
    "format_of",
    "injection_spans",
    "parse_completion",
    "render_completion",
    "render_prompt",
    "retokenization_drift",
    "training_sequence",
]
