"""An OpenAI-style completion read as a generation, or turned down.

A completion that has lost its special tokens looks like an answer without a tool call. It must
never pass for one, so what has no ids must have its end token in the text.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Set
from typing import TYPE_CHECKING, Any

from cb_datasets.engines.limits import Limits, request_length
from cb_datasets.engines.protocol import Generation, GenerationRequest, SamplingParams
from cb_datasets.engines.server.http import TransientError, UnfitError
from cb_datasets.errors import EngineError
from cb_datasets.quoting import quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def completion_request(
    model: str,
    request: GenerationRequest,
    sampling: SamplingParams,
    *,
    max_tokens: int,
    end_ids: Collection[int],
) -> dict[str, Any]:
    """The body of a `/completions` request, with what vLLM, SGLang and llama.cpp each want."""
    body: dict[str, Any] = {
        "model": model,
        "prompt": [*request.prompt_token_ids, *request.prefill_token_ids],
        "max_tokens": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        # Some hold it in 32 bits with a sign.
        "seed": request.seed % 2**31,
        "stream": False,
        "stop_token_ids": sorted(end_ids),
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "include_stop_str_in_output": True,
        "return_token_ids": True,
        "no_stop_trim": True,
        "return_tokens": True,
    }
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if sampling.logprob:
        body["logprobs"] = 1
    return body


def read_completion(
    reply: Any,
    request: GenerationRequest,
    sampling: SamplingParams,
    tokenizer: PreTrainedTokenizerBase,
    end_ids: Set[int],
    limits: Limits,
) -> Generation:
    """The generation that a server's reply holds.

    Raises:
        TransientError: It is no completion.
        UnfitError: It is one that the model cannot have given: ids that it has not, more tokens
            than were asked for, a text that no tokenizer reads, log-probabilities that are none.
        EngineError: The server strips special tokens, adds tokens to the prompt, or gives no
            log-probabilities where they were asked for: all of its samples would be wrong.
    """
    try:
        choice = reply["choices"][0]
        finish, text = choice["finish_reason"], choice.get("text")
        ids = choice.get("token_ids")
        ids = choice.get("tokens") if ids is None else ids
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise TransientError("the answer is no completion") from error
    if ids is not None and not (isinstance(ids, list) and all(type(i) is int for i in ids)):
        raise TransientError("the answer's token ids are no list of numbers")
    if ids is None and not isinstance(text, str):
        raise TransientError("the answer has neither token ids nor text")
    _check_prompt(reply, choice, request)
    if finish not in ("stop", "length"):
        return Generation.failed(request.key, f"the server ended it with {quoted(finish)}")
    as_text = ids is None
    if ids is None:
        ids = _ids_of(text, tokenizer)
    ended = bool(ids) and ids[-1] in end_ids
    stripped = finish == "stop" and not ended
    problem = _problem(ids, end_ids, limits, limits.room(request, sampling))
    if problem and not (as_text and stripped):
        raise UnfitError(problem)
    if stripped:
        raise EngineError(
            "The server strips special tokens: a completion that ended has no end token. It must "
            "return token ids (vLLM: return_token_ids) or text with special tokens (SGLang: "
            "skip_special_tokens=false and no_stop_trim; llama.cpp: start it with --special)."
        )
    return Generation(
        key=request.key,
        token_ids=ids,
        text=str(tokenizer.decode(ids, skip_special_tokens=False)),
        finish_reason="stop" if ended else "length",
        logprob=_logprob(choice) if sampling.logprob else None,
    )


def _check_prompt(reply: Any, choice: Any, request: GenerationRequest) -> None:
    """See that the model saw what was sent: many servers put a second begin-of-text before it."""
    sent, seen = request_length(request), None
    if isinstance(choice.get("prompt_token_ids"), list):
        seen = len(choice["prompt_token_ids"])
    elif isinstance(reply.get("usage"), dict):
        seen = reply["usage"].get("prompt_tokens")
    if isinstance(seen, int) and seen != sent:
        raise EngineError(
            f"The server put {seen} tokens before the model where {sent} were sent; it must take "
            "prompts as token ids and add nothing to them."
        )


def _ids_of(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnfitError("its text holds half a surrogate pair") from error
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _problem(ids: list[int], end_ids: Set[int], limits: Limits, most: int) -> str | None:
    """Why a model that was asked for so many tokens cannot have given these."""
    if len(ids) > most:
        return f"it has {len(ids)} tokens where {most} were asked for"
    if ids and (min(ids) < 0 or (limits.vocabulary and max(ids) >= limits.vocabulary)):
        return f"it has token ids outside the vocabulary of {limits.vocabulary}"
    if not end_ids.isdisjoint(ids[:-1]):
        return "it goes on after an end token"
    return None


def _logprob(choice: Any) -> float:
    try:
        values = choice["logprobs"]["token_logprobs"]
    except (TypeError, KeyError) as error:
        raise EngineError("The server gives no log-probabilities of its tokens.") from error
    try:
        total = math.fsum(values)
    except (TypeError, ValueError, OverflowError):
        total = math.nan
    if not math.isfinite(total):
        raise UnfitError("its log-probabilities are not numbers")
    return total
