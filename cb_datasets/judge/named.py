"""Judges that are asked for by name: the pipeline's own, and those of other packages.

In: a name, or a judge itself. Out: the judge. A judge is one module in here that holds a
`NamedJudge`; another package adds one with an entry point of the group `cb_datasets.judges`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.code_version import code_of
from cb_datasets.errors import JudgeError
from cb_datasets.options import Option
from cb_datasets.registry import Registry

if TYPE_CHECKING:
    from cb_datasets.judge.outcome import Judge

PIPELINE = "pipeline"
"""The name of the judge that judges unless another is given."""


class JudgeOptions(TypedDict, total=False):
    """How to judge."""

    judge: Annotated[str | None, Option(None, "Another judge than the pipeline's, by its name.")]


@dataclass(frozen=True, slots=True)
class NamedJudge:
    """A judge that has a name.

    Attributes:
        name: What users call it.
        title: What it goes by, in one line.
        judge: The judge: a function or object of a module, so that it can be pickled, which gives
            the same judgement of the same completion every time.
    """

    name: str
    title: str
    judge: Judge


JUDGES = Registry(
    NamedJudge, "judge", room="cb_datasets.judge", group="cb_datasets.judges", error=JudgeError
)


def list_judges() -> list[str]:
    """Names of the judges there are.

    Example:
        >>> list_judges()
        ['pipeline']
    """
    return JUDGES.names()


def find_judge(name: str) -> NamedJudge:
    """The judge of that name.

    Raises:
        JudgeError: There is none; the message names those there are.

    Example:
        >>> find_judge("pipelin")
        Traceback (most recent call last):
        ...
        cb_datasets.errors.JudgeError: there is no judge 'pipelin', did you mean 'pipeline'? \
(known: pipeline)
    """
    return JUDGES.find(name)


def another_judge(given: Judge | str | None) -> Judge | None:
    """The judge that is to judge in the place of the pipeline's, or None if that is to.

    Args:
        given: A judge, the name of one, or None.

    Raises:
        JudgeError: It is none of these.

    Example:
        >>> another_judge("pipeline") is another_judge(None) is None
        True
    """
    if isinstance(given, str):
        given = find_judge(given).judge
    if given is None or given is find_judge(PIPELINE).judge:
        return None
    if not callable(given):
        raise JudgeError(f"judge is {given!r}; it must be the name of a judge, or a function")
    return given


def judge_name(given: Judge | str | None) -> str | None:
    """What records call a judge: its name, or `module:name` of one that has none.

    Example:
        >>> judge_name("pipeline"), judge_name(print)
        (None, 'builtins:print')
    """
    judge = another_judge(given)
    if judge is None:
        return None
    if isinstance(given, str):
        return given
    about: Any = judge if inspect.isroutine(judge) else type(judge)
    return f"{about.__module__}:{about.__qualname__}"


def judge_code(given: Judge | str | None) -> str:
    """A hash of the file that another judge is written in; "" for the pipeline's own.

    What is pickled names a function by its module, so that an edited judge would be taken for the
    one before.
    """
    judge = another_judge(given)
    return "" if judge is None else code_of(judge)
