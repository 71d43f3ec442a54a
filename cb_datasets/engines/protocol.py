"""What every engine takes and gives: requests with prompt ids in, generations with ids out.

One request is one sample with its own seed; sampling options are common to a call. Generations
come as they finish, and `Generation.key` says whose they are. Token ids are the truth here, and
`Generation.text` is their decoding with special tokens kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

from typing_extensions import TypedDict

from cb_datasets.errors import EngineError
from cb_datasets.options import Option, checked
from cb_datasets.records.names import FinishReason

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TokenOptions(TypedDict, total=False):
    """How to sample: how tokens are chosen."""

    temperature: Annotated[
        float, Option(0.7, "Sampling temperature; 0 is greedy (then one sample is enough).", ge=0)
    ]
    top_p: Annotated[
        float,
        Option(
            1.0,
            "Nucleus sampling: the fewest tokens whose probability reaches this; 1 is off.",
            gt=0,
            le=1,
        ),
    ]
    top_k: Annotated[int, Option(0, "The likeliest k tokens; 0 is off.", ge=0)]
    max_new_tokens: Annotated[
        int,
        Option(
            256,
            "Most tokens of a completion, end token included, prefill not; one that reaches it is "
            "truncated.",
            ge=1,
        ),
    ]


_TOKENS = checked(TokenOptions, {}, EngineError)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are chosen.

    Args:
        temperature: See `TokenOptions`, as for the next three.
        top_p: Nucleus sampling.
        top_k: The likeliest k tokens.
        max_new_tokens: Most tokens of a completion.
        logprob: Give each sample its log-probability.

    Raises:
        EngineError: A value is out of its range.

    Example:
        >>> SamplingParams(temperature=0.7).max_new_tokens
        256
    """

    temperature: float = _TOKENS["temperature"]
    top_p: float = _TOKENS["top_p"]
    top_k: int = _TOKENS["top_k"]
    max_new_tokens: int = _TOKENS["max_new_tokens"]
    logprob: bool = False

    def __post_init__(self) -> None:
        checked(TokenOptions, {name: getattr(self, name) for name in _TOKENS}, EngineError)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One sample asked for.

    Args:
        key: The caller's name for the sample; comes back on its generation.
        prompt_token_ids: The whole prompt, begin-of-text included; nothing is added to it.
        seed: Decides the sample, together with the prompt, the sampling options and the model.
        prefill_token_ids: Tokens the completion is made to begin with. They stand right after
            the prompt and are not part of the generation that comes back.
        template_hash: Of the template that the prompt was made with, where it is known. It does
            not change a sample; a journal keeps the samples of two templates apart.
    """

    key: str
    prompt_token_ids: Sequence[int]
    seed: int
    prefill_token_ids: Sequence[int] = ()
    template_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One sample, or the reason why there is none.

    Args:
        key: The key of its request.
        token_ids: What the model emitted, end token included; never the prompt or the prefill.
        text: The same, decoded with special tokens.
        finish_reason: `stop` (an end token came), `length` (cut by `max_new_tokens` or by the
            model's context: no completion, and no evidence of anything), or `error`.
        error: Why there is no sample, where `finish_reason` is `error`.
        logprob: Where it was asked for, the log-probability of `token_ids` under the model's own
            distribution: temperature 1, before top-k and top-p.
        kept: Whether it was finished before and found in a journal.
    """

    key: str
    token_ids: list[int]
    text: str
    finish_reason: FinishReason
    error: str | None = None
    logprob: float | None = None
    kept: bool = field(default=False, compare=False)

    @classmethod
    def failed(cls, key: str, reason: str) -> Generation:
        """The generation of a request that could not be served.

        Example:
            >>> Generation.failed("s#0", "the prompt is empty").finish_reason
            'error'
        """
        return cls(key=key, token_ids=[], text="", finish_reason="error", error=reason)


@runtime_checkable
class Engine(Protocol):
    """A model that can be sampled.

    Engines pickle as their specification: the model loads again, lazily, in the process that
    receives them. Two engines of one specification hash alike under `datasets`' `Hasher`, in
    every process, before and after loading.
    """

    @property
    def name(self) -> str:
        """The backend, as `load_engine` knows it."""

    @property
    def model(self) -> str:
        """The model as records name it: a Hub id or a folder's name, never a machine's path."""

    @property
    def revision(self) -> str:
        """The Hub commit, or `sha256:` and 16 hex digits of the local folder's content."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, loaded on first use."""

    def fingerprint(self) -> str:
        """A hash of everything that determines the output, apart from requests and sampling."""

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """One generation per request, as they finish (see `in_order`).

        Requests are taken as the engine has room for them, so that they may be a stream without
        an end in sight; their keys are distinct. A None among them says "nothing yet": what is
        under way goes on, and the stream is asked again; where nothing is, the call ends, and
        another may go on with the stream. A request that cannot be served gives an `error`
        generation with its reason, and so does one that failed and kept failing when it was
        tried again.

        Raises:
            EngineError: The engine cannot start, or cannot go on; generations that came before
                stay valid.
        """

    def close(self) -> None:
        """Free the model's memory; a later `generate` loads it again."""


def in_order(
    requests: Sequence[GenerationRequest], generations: Iterable[Generation]
) -> list[Generation]:
    """Generations in the order of their requests.

    Example:
        >>> requests = [GenerationRequest("a", [0], 0), GenerationRequest("b", [0], 1)]
        >>> finished = [Generation.failed("b", "no"), Generation.failed("a", "no")]
        >>> [generation.key for generation in in_order(requests, finished)]
        ['a', 'b']
    """
    by_key = {generation.key: generation for generation in generations}
    return [by_key[request.key] for request in requests]


def ready(requests: Iterator[GenerationRequest | None], most: int) -> list[GenerationRequest]:
    """The next requests of a stream, up to so many, as far as there are any yet.

    Example:
        >>> stream = iter([GenerationRequest("a", [0], 0), None, GenerationRequest("b", [0], 0)])
        >>> [request.key for request in ready(stream, 9)], [r.key for r in ready(stream, 9)]
        (['a'], ['b'])
    """
    found: list[GenerationRequest] = []
    while len(found) < most and (request := next(requests, None)) is not None:
        found.append(request)
    return found


def distinct(requests: Iterable[GenerationRequest | None]) -> Iterator[GenerationRequest | None]:
    """The requests, as long as each has a key of its own.

    Raises:
        EngineError: A key comes a second time.
    """
    seen: set[str] = set()
    for request in requests:
        if request is not None:
            if request.key in seen:
                raise EngineError(
                    f"Two requests have the key {request.key!r}; keys must be distinct."
                )
            seen.add(request.key)
        yield request
