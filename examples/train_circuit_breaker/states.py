"""Hidden states and predictions, of the model in training and of the model as it was.

A layer's state is what it hands on to the next. Layers behind the last chosen one have no part in
losses of states, so that they are not run for those; a prediction takes all of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from cb_datasets.errors import EngineError
from cb_datasets.models.precision import autocast_dtype


class Rerouted:
    """A model whose first layers are trained, beside itself as it was.

    Args:
        model: A causal language model of transformers.
        layers: The layers whose states the loss reads, counted from 1: layer 10 hands on the state
            that `output_hidden_states` calls 10.
        lora_rank: Rank of the adapter on every linear layer up to the last chosen one; the frozen
            model is the same weights without it. 0 trains the weights themselves, beside a copy.
        lora_alpha: Scale of the adapter.
        first_trained: The first layer that is trained; those before it stay as they are.

    Raises:
        EngineError: The model has no such layers.
    """

    def __init__(
        self,
        model: Any,
        layers: Sequence[int],
        lora_rank: int = 16,
        lora_alpha: int = 16,
        *,
        first_trained: int = 1,
    ) -> None:
        decoder = model.get_decoder()
        count = len(decoder.layers)
        if not layers or not all(1 <= layer <= count for layer in layers):
            raise EngineError(f"layers {list(layers)}: expected some of 1 to {count}")
        if not 1 <= first_trained <= max(layers):
            raise EngineError(f"first trained layer {first_trained}: expected 1 to {max(layers)}")
        self.layers = tuple(layers)
        trained = range(first_trained - 1, max(layers))
        model.requires_grad_(False)
        if lora_rank:
            from peft import LoraConfig, get_peft_model

            adapter = LoraConfig(
                r=lora_rank,
                lora_alpha=lora_alpha,
                target_modules=sorted(
                    name.rpartition(".")[2]
                    for name, part in decoder.layers[0].named_modules()
                    if isinstance(part, torch.nn.Linear)
                ),
                layers_to_transform=list(trained),
                layers_pattern="layers",
                task_type="CAUSAL_LM",
            )
            self.model = get_peft_model(model, adapter)
            self._frozen = decoder
        else:
            self.model = model
            self._frozen = copy.deepcopy(decoder)
            for number in trained:
                decoder.layers[number].requires_grad_(True)
        self._decoder = decoder
        self._size = model.num_parameters()
        self._head = model.get_output_embeddings()

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What is trained."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    @property
    def device(self) -> torch.device:
        """Where batches go."""
        return next(self._decoder.parameters()).device

    def stir(self, noise: float) -> None:
        """Add noise to what is trained: of LoRA's pairs to B, which starts at 0."""
        if not noise:
            return
        for name, weight in self.model.named_parameters():
            if weight.requires_grad and "lora_A" not in name:
                spread = noise if "lora_B" in name else noise * weight.detach().std()
                weight.data.add_(spread * torch.randn_like(weight))

    def whole_model(self) -> Any:
        """The trained model, with an adapter merged into the weights; training ends with it."""
        adapted = hasattr(self.model, "merge_and_unload")
        return self.model.merge_and_unload() if adapted else self.model

    def states(self, **batch: torch.Tensor) -> dict[int, torch.Tensor]:
        """States of the model in training, by layer."""
        return self._run(self._decoder, batch)

    def frozen_states(self, **batch: torch.Tensor) -> dict[int, torch.Tensor]:
        """States of the model as it was, by layer."""
        with torch.no_grad(), self._as_it_was() as frozen:
            return self._run(frozen, batch)

    def logits(self, at: torch.Tensor, **batch: torch.Tensor) -> torch.Tensor:
        """What the model in training expects next, of shape (tokens, vocabulary).

        Args:
            at: bool of shape (rows, tokens): the tokens behind which it is asked.
            **batch: Ids and attention mask.
        """
        return self._predict(self._decoder, at, batch)

    def frozen_logits(self, at: torch.Tensor, **batch: torch.Tensor) -> torch.Tensor:
        """The same of the model as it was."""
        with torch.no_grad(), self._as_it_was() as frozen:
            return self._predict(frozen, at, batch)

    def states_and_logits(
        self, at: torch.Tensor, **batch: torch.Tensor
    ) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
        """Both of the model in training, from one run."""
        with _seen(self._decoder, self.layers) as states:
            logits = self._predict(self._decoder, at, batch)
        return states, logits

    @contextmanager
    def _as_it_was(self) -> Iterator[Any]:
        if self._frozen is not self._decoder:
            yield self._frozen
        else:
            with self.model.disable_adapter():
                yield self._decoder

    def _predict(
        self, decoder: Any, at: torch.Tensor, batch: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        with self._precision():
            hidden = decoder(**batch, use_cache=False).last_hidden_state
            logits: torch.Tensor = self._head(hidden[at])
        return logits

    def _run(self, decoder: Any, batch: dict[str, torch.Tensor]) -> dict[int, torch.Tensor]:
        cut, hooked = _first_layers(decoder, max(self.layers)), _seen(decoder, self.layers)
        with cut, hooked as seen, self._precision():
            decoder(**batch, use_cache=False)
        return seen

    def _precision(self) -> Any:
        dtype = autocast_dtype(self.device.type, self._size)
        return torch.autocast(self.device.type, dtype, enabled=dtype is not None)


@contextmanager
def _first_layers(decoder: Any, count: int) -> Iterator[None]:
    every = decoder.layers
    decoder.layers = every[:count]
    try:
        yield
    finally:
        decoder.layers = every


@contextmanager
def _seen(decoder: Any, layers: Sequence[int]) -> Iterator[dict[int, torch.Tensor]]:
    """What the layers hand on while the block runs."""
    seen: dict[int, torch.Tensor] = {}

    def note(layer: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            seen[layer] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [decoder.layers[n - 1].register_forward_hook(note(n)) for n in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
