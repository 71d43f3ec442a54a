"""Tuning: a LoRA on all linear layers and the rows of the control tokens, on the corpus.

Saved every few minutes with the optimizer's state: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from corpus_of_sets import group
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from shared_prefix import Example, completion_losses
from transformers import PreTrainedTokenizerFast

from cb_datasets.formats.llama31.tokens import CONTROL_TOKENS
from cb_datasets.models.precision import autocast_dtype

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
_TOLD = 10
_STATE = "training.pt"
_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        steps: Optimizer steps, each on one group of conversations.
        conversations: So many a step.
        learning_rate: Of AdamW at its highest.
        warmup_steps: Until it is there; then it falls in a cosine.
        minutes: Between two savings.
    """

    steps: int = 170
    conversations: int = 16
    learning_rate: float = 1.5e-3
    warmup_steps: int = 8
    minutes: float = 5.0

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.learning_rate * warm * (0.03 + 0.97 * cosine)


def adapted(model: Any, tokenizer: PreTrainedTokenizerFast) -> PeftModel:
    """The model with an adapter that changes nothing yet."""
    rows = tokenizer.convert_tokens_to_ids(list(CONTROL_TOKENS))
    config = LoraConfig(
        r=8,
        lora_alpha=16,
        target_modules="all-linear",
        trainable_token_indices={"embed_tokens": rows},
        task_type="CAUSAL_LM",
    )
    tuned = get_peft_model(model, config)
    # Not the folder that the weights were unpacked in.
    config.base_model_name_or_path = BASE
    return tuned


def with_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapter of a folder merged into its weights."""
    return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()


def tune(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    schedule: Schedule,
    seed: int,
    start: Path | None = None,
    report: Callable[[str], None] = print,
) -> Any:
    """Train an adapter, save it in a folder, return the model with it merged.

    Args:
        start: The folder of an adapter to start with; by default one that changes nothing yet.
    """
    torch.manual_seed(seed)
    tuned = adapted(model, tokenizer)
    if start is not None:
        set_peft_model_state_dict(tuned, load_file(start / _WEIGHTS))
    parameters = [p for p in tuned.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.0)
    done = _resume(tuned, optimizer, folder)
    recent: deque[tuple[float, list[tuple[str, bool]]]] = deque(maxlen=_TOLD)
    saved, began = time.monotonic(), time.process_time()
    for step in range(done, schedule.steps):
        for settings in optimizer.param_groups:
            settings["lr"] = schedule.rate(step)
        # A step's conversations are its number's, so that a run can go on where it was.
        drawn = group(random.Random(f"{seed}/{step}"), schedule.conversations)
        examples = [encode(tokenizer, item) for item in drawn]
        recent.append(_step(tuned, examples))
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % _TOLD == _TOLD - 1:
            seconds = (time.process_time() - began) / (step + 1 - done)
            report(f"step {step + 1}/{schedule.steps}: {_told(recent)}, {seconds:.1f} CPU s a step")
        if time.monotonic() - saved > 60 * schedule.minutes or step == schedule.steps - 1:
            _save(tuned, optimizer, folder, step + 1)
            saved = time.monotonic()
    return tuned.merge_and_unload()


def encode(tokenizer: PreTrainedTokenizerFast, item: Any) -> Example:
    """A conversation as token ids: the prompt as the chat template writes it, the completion."""
    prompt = tokenizer.apply_chat_template(
        item.messages, tools=item.tools, add_generation_prompt=True
    )["input_ids"]
    completion = tokenizer(item.completion, add_special_tokens=False)["input_ids"]
    return Example([*prompt, *completion], len(prompt), item.kind)


def _step(model: Any, examples: list[Example]) -> tuple[float, list[tuple[str, bool]]]:
    """Gradients of one step: the mean over the tokens of all completions."""
    count = sum(len(example.ids) - example.start for example in examples)
    value, exact, dtype = 0.0, [], autocast_dtype("cpu", model.num_parameters())
    # With tools or without any: each begins in its own way.
    ordered = sorted(examples, key=_beginning)
    for _, alike in groupby(ordered, key=_beginning):
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            losses = list(completion_losses(model, list(alike)))
        total = torch.stack([loss.total for loss in losses]).sum() / count
        total.backward()
        value += float(total.detach())
        exact += [hit for loss in losses for hit in loss.exact]
    return value, exact


def _beginning(example: Example) -> list[int]:
    return example.ids[:8]


def _told(recent: deque[tuple[float, list[tuple[str, bool]]]]) -> str:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for _, exact in recent:
        for kind, hit in exact:
            kinds[kind].append(hit)
    loss = sum(value for value, _ in recent) / len(recent)
    shares = [f"{kind} {sum(hits)}/{len(hits)}" for kind, hits in sorted(kinds.items())]
    return f"loss {loss:.3f}, exact: {', '.join(shares)}"


def _save(model: Any, optimizer: torch.optim.Optimizer, folder: Path, done: int) -> None:
    model.save_pretrained(folder, save_embedding_layers=False)
    weights = folder / _WEIGHTS
    save_file({k: v.bfloat16() for k, v in load_file(weights).items()}, weights)
    trained = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    unfinished = folder / "unfinished"
    torch.save({"done": done, "weights": trained, "optimizer": optimizer.state_dict()}, unfinished)
    unfinished.replace(folder / _STATE)


def _resume(model: Any, optimizer: torch.optim.Optimizer, folder: Path) -> int:
    """Go back to what was saved; the number of steps that were done."""
    if not (folder / _STATE).is_file():
        return 0
    state = torch.load(folder / _STATE, weights_only=True)
    model.load_state_dict(state["weights"], strict=False)
    optimizer.load_state_dict(state["optimizer"])
    return int(state["done"])
