"""The token ids of one row, held against its text, its messages and the format.

In: a row, and the tokenizer of its ids where it is known. Out: the first problem, and what could
be checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cb_datasets.errors import FormatError
from cb_datasets.formats.canary import format_of
from cb_datasets.formats.format import Format
from cb_datasets.formats.json_calls import any_of
from cb_datasets.formats.known import named_format
from cb_datasets.gates.row import GatedRow, row_format
from cb_datasets.quoting import quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_DATE = re.compile(r"\n(?:Today Date|Current date): ([^\n]{1,40})\n")


@dataclass(frozen=True, slots=True)
class TokenProblem:
    """What is wrong with the ids of a row: a kind, and one sentence."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class RowTokens:
    """What was found.

    Attributes:
        problem: The first problem, or None.
        checked: "decoded" (with a tokenizer), "rendered" (the prompt anew), "completions" (one was
            tokenized again) and "drifting" (that gave other ids).
    """

    problem: TokenProblem | None
    checked: tuple[str, ...] = ()


def row_tokens(row: GatedRow, tokenizer: PreTrainedTokenizerBase | None) -> RowTokens:
    """Check the ids of a row in the library's shape.

    Args:
        row: The row.
        tokenizer: The tokenizer of its ids; without it only what needs none is checked.
    """
    is_eval = row.eval is not None
    prompt, said = _token_ids(row)
    if not prompt or not (said or is_eval):
        part = "completion_token_ids" if prompt else "prompt_token_ids"
        return RowTokens(TokenProblem("ids", f"{part} is empty"))
    known = named_format(row_format(row.row))
    begins = [*prompt, *said].count(prompt[0])
    if known.begin is not None and begins != 1:
        words = f"the first token, begin-of-text, is there {begins} times"
        return RowTokens(TokenProblem("bos", words))
    problem = None if is_eval else _completion_text_problem(row, known)
    if problem is not None or tokenizer is None:
        return RowTokens(problem)
    if max(*prompt, *said, 0) >= len(tokenizer) or min(*prompt, *said, 0) < 0:
        return RowTokens(TokenProblem("ids", "an id is not in the tokenizer's vocabulary"))
    checked = ["decoded"]
    text = str(row.eval["prefill"] or "") if row.eval else row.raw or ""
    problem = _ids_problem(prompt, said, text, tokenizer, known, is_eval=is_eval)
    if not is_eval:
        checked.append("completions")
        if _drifts(said, tokenizer):
            checked.append("drifting")
    if _rendered_with(row) == _template_of(tokenizer):
        checked.append("rendered")
        problem = problem or _rendering_problem(row, prompt, tokenizer)
    return RowTokens(problem, tuple(checked))


def holds_no_ids(row: GatedRow) -> bool:
    """Whether a row says that it has no token ids, which is another thing than empty ones."""
    held = row.eval or row.training
    if held is None:
        return False
    second = row.eval["prefill_token_ids"] if row.eval else row.row.get("completion_token_ids")
    return held["prompt_token_ids"] is None and second is None


def _token_ids(row: GatedRow) -> tuple[list[int], list[int]]:
    """The ids of the prompt, and of what was said or, in eval, is forced to be."""
    if row.eval is not None:
        return _ids(row.eval["prompt_token_ids"]), _ids(row.eval["prefill_token_ids"])
    if row.training is not None:
        return _ids(row.training["prompt_token_ids"]), _ids(row.training["completion_token_ids"])
    return [], []


def _completion_text_problem(row: GatedRow, known: Format) -> TokenProblem | None:
    """What can be told of a completion by its text."""
    finish_reason = row.training["finish_reason"] if row.training else None
    if finish_reason != "stop":
        words = f"the model did not stop by itself: finish_reason is {quoted(finish_reason)}"
        return TokenProblem("truncated", words)
    raw = row.raw or ""
    tokens = [t for t in any_of(known.control_tokens).findall(raw) if t not in known.inside]
    if not raw.endswith(tuple(known.end_tokens.values())):
        return TokenProblem("end", f"the completion ends without an end token: {quoted(raw[-40:])}")
    if len(tokens) > 1:
        return TokenProblem("control", f"{tokens[0]} stands inside the completion")
    return None


def _ids_problem(
    prompt: list[int],
    said: list[int],
    text: str,
    tokenizer: PreTrainedTokenizerBase,
    known: Format,
    *,
    is_eval: bool,
) -> TokenProblem | None:
    from cb_datasets.formats.encode import completion_text
    from cb_datasets.models.tokenizer import end_token_ids

    if format_of(tokenizer) is not known:
        words = f"the ids are of the {known.title} format, and the tokenizer is not"
        return TokenProblem("ids", words)
    special = _special_ids(tokenizer)
    if known.begin is not None and special.get(prompt[0]) != known.begin:
        return TokenProblem("bos", "the first token is not begin-of-text")
    if not is_eval and said[-1] not in end_token_ids(tokenizer):
        return TokenProblem("end", "the last token is no end token, whatever the text says")
    inside = said if is_eval else said[:-1]
    for token in inside:
        if token in special and special[token] not in (*known.inside, *known.markup):
            return TokenProblem("control", f"{special[token]} stands inside the completion")
    if completion_text(said, tokenizer) != text:
        part = "prefill" if is_eval else "assistant_raw"
        return TokenProblem("text", f"the ids do not decode to {part}")
    return None


def _rendering_problem(
    row: GatedRow, prompt: list[int], tokenizer: PreTrainedTokenizerBase
) -> TokenProblem | None:
    from cb_datasets.formats.encode import completion_text
    from cb_datasets.formats.render import DEFAULT_DATE, render_prompt

    provenance = row.training["provenance"] if row.training else None
    allowed = provenance is not None and provenance["control_tokens_allowed"] is True
    held = row.training or row.eval
    messages, tools = (_objects(held[part]) if held else [] for part in ("messages", "tools"))
    dates = [DEFAULT_DATE]
    for date in dates:
        try:
            rendered = render_prompt(
                messages,
                tools,
                tokenizer=tokenizer,
                date_string=date,
                allow_control_tokens=allowed,
            ).token_ids
        except FormatError as error:
            return TokenProblem("prompt", f"the messages cannot be rendered: {error}")
        if rendered == prompt:
            return None
        # Which date stands in the system message is an option of the prompt, and not recorded.
        found = _DATE.search(completion_text(prompt, tokenizer))
        if found and found[1] not in dates:
            dates.append(found[1])
    return _difference(rendered, prompt, tokenizer)


def _difference(
    rendered: Sequence[int], prompt: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> TokenProblem:
    special = _special_ids(tokenizer)
    more = sum(token in special for token in prompt) - sum(token in special for token in rendered)
    if more > 0:
        words = f"the prompt holds {more} control tokens that the template did not write"
        return TokenProblem("control", words)
    shortest = min(len(rendered), len(prompt))
    at = next((n for n in range(shortest) if rendered[n] != prompt[n]), shortest)
    words = f"from token {at} on, the prompt is not what the template makes of the messages"
    return TokenProblem("prompt", words)


def _drifts(said: list[int], tokenizer: PreTrainedTokenizerBase) -> bool:
    from cb_datasets.formats.drift import retokenization_drift

    return retokenization_drift(said, tokenizer) is not None


def _rendered_with(row: GatedRow) -> Any:
    """The hash of the template that a row says its prompt was rendered with."""
    if row.eval is not None:
        return row.eval["template_hash"]
    return row.training["provenance"]["template_hash"] if row.training else None


def _template_of(tokenizer: PreTrainedTokenizerBase) -> str:
    from cb_datasets.formats.chat_template import chat_template_of, template_hash

    return template_hash(chat_template_of(tokenizer))


@lru_cache(maxsize=8)
def _special_ids(tokenizer: Any) -> dict[int, str]:
    """The special tokens of a tokenizer by id."""
    return {
        number: str(token.content)
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special
    }


def _objects(given: Any) -> list[Mapping[str, Any]]:
    from cb_datasets.schema import json_object

    return [json_object(item) for item in given or []]


def _ids(given: Any) -> list[int]:
    return [int(token) for token in given] if isinstance(given, (list, tuple)) else []
