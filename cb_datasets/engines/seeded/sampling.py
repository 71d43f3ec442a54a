"""Sampling in which a sample depends on its own seed and on nothing beside it.

`torch.multinomial` draws a whole batch from one stream, so a sample there changes with its
neighbours. Here each row has its own uniforms, one per step, and its token is read off the
inverse of its cumulative distribution. It runs inside an engine's own greedy decoding, as a
logits processor that leaves only the chosen token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    StoppingCriteria,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from cb_datasets.engines.protocol import SamplingParams


def uniforms(seed: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The first `count` uniforms in [0, 1) of a seed.

    Philox is counter-based: seeds side by side give unrelated streams, and a longer draw begins
    with the shorter one. Raw bits are turned to floats here because numpy promises stability
    across versions for the bits only.

    Example:
        >>> bool((uniforms(7, 3) == uniforms(7, 5)[:3]).all())
        True
    """
    bits = np.random.Philox(key=seed % 2**64).random_raw(count)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def warpers_of(sampling: SamplingParams) -> list[Callable[..., torch.Tensor]]:
    """What temperature, top-k and top-p do to logits, in this order."""
    warpers: list[Callable[..., torch.Tensor]] = []
    if sampling.temperature != 1:
        warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    return warpers


def choose_tokens(
    logits: torch.Tensor,
    uniform: torch.Tensor,
    warpers: Iterable[Callable[..., torch.Tensor]],
    input_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """The token of each row that its uniform falls on.

    Args:
        logits: Rows by vocabulary, float64.
        uniform: One in [0, 1) per row, float64.
        warpers: See `warpers_of`.
        input_ids: For warpers that look at them; those of `warpers_of` do not.

    Returns:
        Token ids, rows by 1. Of a row whose logits are not numbers, any.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0]], dtype=torch.float64)
        >>> choose_tokens(logits, torch.tensor([0.6], dtype=torch.float64), [])
        tensor([[1]])
    """
    for warp in warpers:
        logits = warp(input_ids, logits)
    cumulative = logits.softmax(dim=-1).cumsum(dim=-1)
    total = cumulative[:, -1:].contiguous()
    chosen = torch.searchsorted(cumulative, uniform[:, None] * total, right=True)
    # u * total can round up to total: the last token with any probability is meant then.
    last = torch.searchsorted(cumulative, total)
    # Rows whose logits are not numbers land out of range.
    return torch.minimum(chosen, last).clamp(0, logits.shape[-1] - 1)


class SeededSampler(LogitsProcessor):
    """Chooses each row's token by its own seed and leaves only that token possible.

    Args:
        seeds: One per row.
        prompt_length: Padded length of the prompts; the step is counted from it.
        sampling: Temperature, top-k, top-p; temperature 0 leaves the logits to `argmax`. With
            `logprob`, the log-probabilities of the tokens are kept.
        taken: Tokens each row has had before; its draws go on from there.

    Attributes:
        broken: Per row, whether logits ever were not numbers. Such a row is no sample.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        prompt_length: int,
        sampling: SamplingParams,
        taken: Sequence[int] | None = None,
    ) -> None:
        self._prompt_length = prompt_length
        self._greedy = sampling.temperature == 0
        self._logprobs: list[torch.Tensor] | None = [] if sampling.logprob else None
        self._uniforms = torch.empty(0)
        self.broken = torch.zeros(len(seeds), dtype=torch.bool)
        if self._greedy:
            return
        steps = sampling.max_new_tokens
        draws = [
            uniforms(seed, before + steps)[before:]
            for seed, before in zip(seeds, taken or [0] * len(seeds), strict=True)
        ]
        self._uniforms = torch.from_numpy(np.stack(draws))
        self._warpers = warpers_of(sampling)

    def logprobs(self) -> list[list[float]] | None:
        """Per row, the log-probability of each step's token under the model's own distribution."""
        if self._logprobs is None:
            return None
        by_row: list[list[float]] = torch.stack(self._logprobs, dim=1).tolist()
        return by_row

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores in which only the chosen token of each row is possible."""
        # Float64 does not exist on MPS; there the choice is made on the CPU.
        place = torch.device("cpu") if scores.device.type == "mps" else scores.device
        logits = scores.to(place, torch.float64)
        finite = torch.isfinite(logits.amax(dim=-1))
        self.broken = self.broken.to(place) | ~finite
        if self._greedy:
            self._note(logits, logits.argmax(dim=-1, keepdim=True))
            return scores
        step = input_ids.shape[1] - self._prompt_length
        self._uniforms = self._uniforms.to(place)
        chosen = choose_tokens(logits, self._uniforms[:, step], self._warpers, input_ids.to(place))
        self._note(logits, chosen)
        forced = torch.full_like(scores, -torch.inf)
        return forced.scatter_(1, chosen.to(scores.device), 0.0)

    def _note(self, logits: torch.Tensor, chosen: torch.Tensor) -> None:
        if self._logprobs is not None:
            self._logprobs.append(logits.log_softmax(dim=-1).gather(1, chosen)[:, 0].cpu())


class RowBudget(StoppingCriteria):
    """Stops a row when it has had all the tokens its context has room for.

    Args:
        budgets: Most new tokens per row.
        prompt_length: Padded length of the prompts.
    """

    def __init__(self, budgets: Sequence[int], prompt_length: int) -> None:
        self._budgets = torch.tensor(budgets)
        self._prompt_length = prompt_length

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object
    ) -> torch.Tensor:
        """Per row, whether it is done."""
        self._budgets = self._budgets.to(input_ids.device)
        return self._budgets <= input_ids.shape[1] - self._prompt_length
