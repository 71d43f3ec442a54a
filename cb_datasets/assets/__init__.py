"""What ships with the library: the tiny agent, a model small enough to run everywhere.

It is a stand-in to run and test the pipeline with, no substitute for a real generator; its card
(README.md in its folder) says what it can and cannot do.
"""

from __future__ import annotations

from pathlib import Path

TINY_AGENT_NAME = "cb_datasets/tiny-agent"
"""The name under which datasets record the tiny agent, and under which it can be asked for."""


def tiny_agent_path() -> Path:
    """The folder with the tiny agent's weights, tokenizer and card.

    Example:
        >>> tiny_agent_path().name
        'tiny_agent'
    """
    return Path(__file__).resolve().parent / "tiny_agent"
