"""The errors of the library, drawn in one place.

CBDatasetsError
├── SourceError    an upstream file or folder cannot be read as the source it is said to be
├── FormatError    messages, tools or a completion do not fit the Llama 3.1 format
├── EpisodeError   an environment has no such task, or cannot be played in
├── EngineError    a model cannot be loaded, or cannot generate
├── BuildError     a dataset folder cannot be written
├── EvalError      an eval set cannot be put before a model
├── ProbeError     a model's states cannot be read for what was given, or not be compared
├── JudgeError     a judge is not there, or is none
├── GateError      a gate cannot be run (a gate that fails is a result, not an error)
└── HubError       the Hub refused, or what would be pushed is not fit to be

Every message is one sentence that says what is wrong and what was expected; the command line
prints it as it is.
"""

from __future__ import annotations


class CBDatasetsError(Exception):
    """Base class: catch this one to catch all errors that the library raises on purpose."""


class SourceError(CBDatasetsError):
    """An upstream file cannot be read.

    Args:
        message: What was expected.
        file: The file, where there is one.
        line: The 1-based line, where there is one.
    """

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file = file
        self.line = line
        place = file or ""
        if line is not None:
            place += f", line {line}"
        super().__init__(f"{place}: {message}" if place else message)


class FormatError(CBDatasetsError, ValueError):
    """Messages, tools or a completion do not fit the format."""


class EpisodeError(CBDatasetsError):
    """An environment has no such task, or cannot be played in."""


class EngineError(CBDatasetsError):
    """A model cannot be loaded or cannot generate."""


class BuildError(CBDatasetsError):
    """A dataset folder cannot be written or read."""


class EvalError(CBDatasetsError):
    """What was given as an eval set is none, or cannot be put before a model."""


class JudgeError(CBDatasetsError):
    """There is no such judge, or what was given is none."""


class GateError(CBDatasetsError):
    """A gate cannot be run on what it was given."""


class ProbeError(CBDatasetsError):
    """A probe cannot be run on what it was given."""


class HubError(CBDatasetsError):
    """A push was refused."""
