"""What a model can take: how long a request may be, and which token ids it may have.

Every engine asks here before a request reaches the model, so that one that cannot be served is an
`error` with the same reason everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cb_datasets.engines.protocol import GenerationRequest, SamplingParams

if TYPE_CHECKING:
    from cb_datasets.models.files import ModelFiles


NO_ROOM = "leaves no room in the model's context"
"""What the refusal of a prompt says that is too long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A model's limits; `None` where they are not known.

    Args:
        context: Most tokens of prompt, prefill and completion together.
        vocabulary: Token ids are below this.

    Example:
        >>> Limits(context=4).refusal(GenerationRequest("a", [0, 1, 2, 3], seed=0))
        "prompt and prefill have 4 tokens, which leaves no room in the model's context of 4"
    """

    context: int | None = None
    vocabulary: int | None = None

    def refusal(self, request: GenerationRequest) -> str | None:
        """Why a request cannot be served, or `None` where it can."""
        length = request_length(request)
        if not request.prompt_token_ids:
            return "the prompt is empty"
        if self.context is not None and length >= self.context:
            return f"prompt and prefill have {length} tokens, which {NO_ROOM} of {self.context}"
        ids = (*request.prompt_token_ids, *request.prefill_token_ids)
        if min(ids) < 0:
            return "the prompt has a negative token id"
        if self.vocabulary is not None and max(ids) >= self.vocabulary:
            return f"the prompt has token ids outside the model's vocabulary of {self.vocabulary}"
        return None

    def room(self, request: GenerationRequest, sampling: SamplingParams) -> int:
        """Most tokens that the completion of a request may have."""
        if self.context is None:
            return sampling.max_new_tokens
        return min(sampling.max_new_tokens, self.context - request_length(request))


def request_length(request: GenerationRequest) -> int:
    """Tokens of prompt and prefill."""
    return len(request.prompt_token_ids) + len(request.prefill_token_ids)


def model_limits(files: ModelFiles, context: int | None = None) -> Limits:
    """What a model can take.

    Args:
        files: The model's.
        context: Of the engine, where it is not the model's.
    """
    from cb_datasets.models.loading import read_config

    config = read_config(files).get_text_config()
    longest = context or getattr(config, "max_position_embeddings", None)
    return Limits(longest, int(config.vocab_size))
