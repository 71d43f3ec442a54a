"""The Llama 3.1 format: messages to prompt token ids, calls to text, text to calls."""

from cb_datasets.llama31.calls import ParsedCompletion
from cb_datasets.llama31.completion import render_completion
from cb_datasets.llama31.parse import parse_completion
from cb_datasets.llama31.render import RenderedPrompt, default_chat_template, render_prompt

__all__ = [
    "ParsedCompletion",
    "RenderedPrompt",
    "default_chat_template",
    "parse_completion",
    "render_completion",
    "render_prompt",
]
