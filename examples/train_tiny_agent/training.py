"""Training: a minute of copying random tokens, then the corpus, loss on what the agent says."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from agent_tokenizer import prompt_ids
from corpus import Conversation, conversation
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

_IGNORED = -100
_CHUNK = 4096
"""Conversations made, sorted by length and batched at a time."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train."""

    copying_steps: int = 200
    steps: int = 7000
    batch_size: int = 32
    learning_rate: float = 2.5e-3
    warmup_steps: int = 100
    weight_decay: float = 0.02

    def rate(self, step: int) -> float:
        """Learning rate at a step: warm-up, then a cosine to nearly nothing."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        return (
            self.learning_rate
            * warm
            * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))
        )


Example = tuple[list[int], int]
"""Token ids of a conversation, and where the completion begins."""


def encode(tokenizer: PreTrainedTokenizerFast, item: Conversation) -> Example:
    """A conversation as token ids: the prompt as the chat template writes it, the completion."""
    prompt = prompt_ids(tokenizer, item.messages, item.tools)
    completion = tokenizer(item.completion, add_special_tokens=False)["input_ids"]
    return prompt + completion, len(prompt)


def _batches(
    tokenizer: PreTrainedTokenizerFast, batch_size: int, rng: random.Random
) -> Iterator[list[Example]]:
    while True:
        examples = [encode(tokenizer, conversation(rng)) for _ in range(_CHUNK)]
        examples.sort(key=lambda example: len(example[0]))
        batches = [examples[at : at + batch_size] for at in range(0, _CHUNK, batch_size)]
        rng.shuffle(batches)
        for batch in batches:
            yield batch
            # Copying stays general when it is practised on tokens that the corpus seldom has.
            if rng.random() < 0.1:
                yield _copying_batch(rng, len(tokenizer), batch_size)


def _copying_batch(rng: random.Random, vocabulary: int, batch_size: int) -> list[Example]:
    """Random tokens, and a part of them once more: the second time is to be predicted."""
    examples = []
    for _ in range(batch_size):
        tokens = [rng.randrange(vocabulary) for _ in range(rng.randint(24, 40))]
        spaced = [t for token in tokens for t in (token, 0)] if rng.random() < 0.5 else tokens
        at = rng.randrange(len(spaced) // 2)
        # Enough of the part itself to tell where it was copied from.
        examples.append((spaced + spaced[at : at + 24], len(spaced) + 3))
    return examples


def _loss(model: LlamaForCausalLM, batch: list[Example]) -> torch.Tensor:
    # Few different shapes: preparing a matrix product for a new one takes longer than the product.
    longest = _round_up(max(len(ids) for ids, _ in batch), 16)
    inputs = torch.zeros(len(batch), longest, dtype=torch.long)
    labels = torch.full((len(batch), longest), _IGNORED)
    for row, (ids, start) in enumerate(batch):
        inputs[row, : len(ids)] = torch.tensor(ids)
        labels[row, start - 1 : len(ids) - 1] = torch.tensor(ids[start:])
    # Padding stands on the right, where causal attention never sees it.
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
    said = (labels != _IGNORED).flatten().nonzero().squeeze(1)
    filled = torch.cat([said, said.new_zeros(_round_up(len(said), 256) - len(said))])
    logits = model.lm_head(hidden.flatten(0, 1)[filled])[: len(said)]
    return torch.nn.functional.cross_entropy(logits.float(), labels.flatten()[said])


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    schedule: Schedule,
    seed: int,
    report: Callable[[str], None] = print,
) -> None:
    """Train the model in place."""
    rng = random.Random(seed)
    model.train()
    # At these lengths plain matrix products are faster on a CPU than fused attention.
    model.set_attn_implementation("eager")
    copying = Schedule(steps=max(schedule.copying_steps, 1), learning_rate=2e-3, warmup_steps=50)
    random_tokens = (
        _copying_batch(rng, len(tokenizer), schedule.batch_size)
        for _ in range(schedule.copying_steps)
    )
    _run(model, random_tokens, copying, "copying", report)
    corpus = _batches(tokenizer, schedule.batch_size, rng)
    _run(model, (next(corpus) for _ in range(schedule.steps)), schedule, "corpus", report)
    model.set_attn_implementation("sdpa")
    model.eval()


def _parameters(model: LlamaForCausalLM) -> tuple[list[torch.nn.Parameter], ...]:
    """The weight matrices of the layers, and all other parameters."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        in_layer = parameter.ndim == 2 and "embed_tokens" not in name
        (matrices if in_layer else others).append(parameter)
    return matrices, others


def _run(
    model: LlamaForCausalLM,
    batches: Iterator[list[Example]],
    schedule: Schedule,
    what: str,
    report: Callable[[str], None],
) -> None:
    matrices, others = _parameters(model)
    # Orthogonal updates (Muon) for the matrices: a third fewer steps than AdamW alone.
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(
            matrices,
            weight_decay=schedule.weight_decay,
            ns_steps=4,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=schedule.weight_decay),
    ]
    began, tokens, average = time.monotonic(), 0, 0.0
    for step, batch in enumerate(batches):
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = schedule.rate(step)
        loss = _loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        tokens += sum(len(ids) for ids, _ in batch)
        average = loss.item() if step == 0 else 0.95 * average + 0.05 * loss.item()
        if step % 100 == 99:
            rate = tokens / (time.monotonic() - began)
            report(f"{what} {step + 1}/{schedule.steps}: loss {average:.3f}, {rate:.0f} tokens/s")
