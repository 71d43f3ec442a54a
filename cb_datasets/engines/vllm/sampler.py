"""Seeded sampling inside vLLM: the same draws for a sample as with the transformers backend.

vLLM's own seeds hold a torch generator per request, which costs a kernel launch per request and
step, gives other samples on other devices, and on a CPU brings the engine down as soon as a
prompt is prefilled in chunks ("CPU Generator does not use offset"). Here the choice is made for
the whole batch, by `sampling.choose_tokens`, in a logits processor; vLLM itself decodes greedily.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from vllm import SamplingParams as VLLMSamplingParams
from vllm.config import VllmConfig
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from cb_datasets.engines.protocol import SamplingParams
from cb_datasets.engines.seeded.sampling import choose_tokens, uniforms, warpers_of

EXTRA = "cb_datasets"
"""Under this name a request carries its `SampleSpec` in vLLM's `extra_args`."""


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What the sampler has to know of a request.

    Args:
        seed: Of the sample.
        sampling: Temperature, top-k and top-p; 0 is greedy.
        broken_token_id: Chosen where the logits are not numbers, to end the request. An id that
            no model means to emit.
    """

    seed: int
    sampling: SamplingParams
    broken_token_id: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data, which is what reaches another process."""
        return {
            "seed": self.seed,
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            "top_k": self.sampling.top_k,
            "max_new_tokens": self.sampling.max_new_tokens,
            "broken_token_id": self.broken_token_id,
        }


@dataclass(slots=True)
class _Row:
    sampling: SamplingParams
    broken_token_id: int
    uniforms: np.ndarray[tuple[int], np.dtype[np.float64]]
    # vLLM's own list, which grows while the request runs.
    output: list[int]

    def uniform(self) -> float:
        # A prompt in chunks is sampled after each of them, and only the last one counts; what
        # has been put out tells the step all the same.
        return float(self.uniforms[len(self.output)]) if len(self.uniforms) else 0.0


def _row(params: VLLMSamplingParams, prompt: list[int] | None, output: list[int]) -> _Row | None:
    spec = (params.extra_args or {}).get(EXTRA)
    if spec is None:
        return None
    sampling = SamplingParams(
        spec["temperature"], spec["top_p"], spec["top_k"], spec["max_new_tokens"]
    )
    count = 0 if sampling.temperature == 0 else sampling.max_new_tokens
    return _Row(sampling, spec["broken_token_id"], uniforms(spec["seed"], count), output)


class SeededChoice(LogitsProcessor):  # type: ignore[misc, unused-ignore]
    """Leaves only the token possible that a request's seed chooses."""

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        self._rows: dict[int, _Row] = {}

    def is_argmax_invariant(self) -> bool:
        """It is not: greedy decoding is to give the chosen token."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow requests that come, go and move within the batch."""
        process_dict_updates(self._rows, batch_update, _row)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits, in place, with all but the chosen token at minus infinity."""
        groups: dict[SamplingParams, list[int]] = {}
        for index in sorted(self._rows):
            groups.setdefault(self._rows[index].sampling, []).append(index)
        for sampling, indices in groups.items():
            rows = [self._rows[index] for index in indices]
            where = torch.tensor(indices, device=logits.device)
            broken = torch.tensor([row.broken_token_id for row in rows], device=logits.device)
            scores = logits[where].to(torch.float64)
            if sampling.temperature == 0:
                chosen = scores.argmax(dim=-1, keepdim=True)
            else:
                uniform = torch.tensor(
                    [row.uniform() for row in rows], dtype=torch.float64, device=logits.device
                )
                chosen = choose_tokens(scores, uniform, warpers_of(sampling))
            finite = torch.isfinite(scores.amax(dim=-1))
            chosen = torch.where(finite[:, None], chosen, broken[:, None])
            logits[where] = -torch.inf
            logits[where[:, None], chosen] = 0.0
        return logits
