"""A sample on its way through rounds of generation."""

from __future__ import annotations

from dataclasses import dataclass, field

from cb_datasets.engines.protocol import GenerationRequest


@dataclass(slots=True)
class SampleRow:
    """A sample on its way: what it has so far, and how much it may have."""

    request: GenerationRequest
    room: int
    token_ids: list[int] = field(default_factory=list)
    error: str | None = None
    logprob: float = 0.0

    def input_ids(self) -> list[int]:
        """Prompt, prefill and what has been sampled so far."""
        return [
            *self.request.prompt_token_ids,
            *self.request.prefill_token_ids,
            *self.token_ids,
        ]

    def goes_on(self, end_ids: list[int]) -> bool:
        """Whether it may and should have more tokens."""
        if self.error is not None or len(self.token_ids) >= self.room:
            return False
        return not self.token_ids or self.token_ids[-1] not in end_ids
