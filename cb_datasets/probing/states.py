"""Hidden states of rows by their token ids, and how likely a model finds what was said in them.

In: a model, and rows in batches of so many tokens. Out: for each chosen layer two vectors a row,
and the negative log-likelihood of its completion. Neither all layers nor all tokens are ever held:
a hook takes the two vectors out of a layer's output as it passes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from cb_datasets.errors import EngineError, ProbeError
from cb_datasets.models.loading import is_out_of_memory
from cb_datasets.probing.rows import ProbeRows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PLACES = ("tool_name", "completion")
"""At the last token of the first call's name; averaged over the completion."""

_LOGITS = 1024
_IN_MEMORY = 2**29

Vectors = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """What a model's layers hold for each row.

    Attributes:
        layers: The layers, by how many blocks have been passed: 1 is the first block's output.
        vectors: float32 (or float16, in a temporary file, where they are many) of shape (layers,
            places, rows, hidden size).
        nll: float64 of shape (rows,): nats a token of the completion.
    """

    layers: tuple[int, ...]
    vectors: Vectors
    nll: Floats

    def at(self, layer: int, place: str) -> Vectors:
        """float32 of shape (rows, hidden size), of a layer and a place."""
        found = self.vectors[self.layers.index(layer), PLACES.index(place)]
        return np.asarray(found, np.float32)


def chosen_layers(model: PreTrainedModel, wanted: Sequence[int] | None) -> tuple[int, ...]:
    """The layers to look at: those that are wanted, or up to eight evenly over the depth.

    Raises:
        ProbeError: The model has no such layer.
    """
    depth = len(_blocks(model))
    if wanted:
        if wrong := [layer for layer in wanted if not 1 <= layer <= depth]:
            raise ProbeError(f"there is no layer {wrong[0]}; the model has layers 1 to {depth}")
        return tuple(sorted(set(wanted)))
    return tuple(sorted({round(n) for n in np.linspace(1, depth, min(depth, 8))}))


def read_states(
    model: PreTrainedModel,
    rows: ProbeRows,
    layers: Sequence[int],
    *,
    tokens: int,
    progress: Callable[[int], None] | None = None,
) -> States:
    """The states of all rows.

    Args:
        model: A decoder of transformers, in evaluation mode.
        rows: The rows.
        layers: From `chosen_layers`; none for the likelihoods alone.
        tokens: Most tokens in a batch, padding included; a longer row is a batch of its own.
        progress: Called with the number of rows just done.

    Raises:
        EngineError: Memory does not suffice for a single row.
    """
    count, size = len(rows.facts), int(model.config.get_text_config().hidden_size)
    vectors = _room((len(layers), len(PLACES), count, size))
    nll = np.zeros(count)
    for batch in _batches(rows, tokens):
        for part, found, likelihoods in _read(model, rows, batch, layers):
            nll[part] = likelihoods
            for place, vector in enumerate(found):
                vectors[place // len(PLACES), place % len(PLACES), part] = vector
        if progress is not None:
            progress(len(batch))
    return States(tuple(layers), vectors, nll)


def _room(shape: tuple[int, ...]) -> Vectors:
    if 4 * int(np.prod(shape)) <= _IN_MEMORY:
        return np.zeros(shape, np.float32)
    # The file goes when the array goes.
    return np.memmap(tempfile.TemporaryFile(), np.float16, "w+", shape=shape)


def _batches(rows: ProbeRows, tokens: int) -> Iterator[list[int]]:
    """Numbers of rows, those of like length together, the longest first."""
    lengths = [row.prompt + row.completion for row in rows.facts]
    order = sorted(range(len(lengths)), key=lambda n: (-lengths[n], n))
    at = 0
    while at < len(order):
        size = max(1, tokens // lengths[order[at]])
        yield order[at : at + size]
        at += size


def _read(
    model: PreTrainedModel, rows: ProbeRows, batch: list[int], layers: Sequence[int]
) -> Iterator[tuple[list[int], list[Vectors], Floats]]:
    """The vectors of a batch, in halves where memory runs out."""
    try:
        found = [(batch, *_forward(model, rows, batch, layers))]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) == 1:
            raise EngineError("memory does not suffice for a row of this length") from None
        found = []
    if found:
        yield from found
        return
    half = len(batch) // 2
    yield from _read(model, rows, batch[:half], layers)
    yield from _read(model, rows, batch[half:], layers)


@torch.inference_mode()
def _forward(
    model: Any, rows: ProbeRows, batch: list[int], layers: Sequence[int]
) -> tuple[list[Vectors], Floats]:
    pairs = rows.token_ids(batch)
    longest = max(len(prompt) + len(said) for prompt, said in pairs)
    ids = torch.zeros((len(batch), longest), dtype=torch.long)
    seen = torch.zeros((len(batch), longest), dtype=torch.long)
    said_at = torch.zeros((len(batch), longest), dtype=torch.bool)
    for n, (prompt, said) in enumerate(pairs):
        end = len(prompt) + len(said)
        ids[n, :end] = torch.tensor([*prompt, *said])
        seen[n, :end] = 1
        said_at[n, len(prompt) : end] = True
    device = model.get_input_embeddings().weight.device
    ids, seen, said_at = ids.to(device), seen.to(device), said_at.to(device)
    names = torch.tensor([rows.facts[n].name_at for n in batch], device=device)
    with _taken(model, layers, names, said_at) as found:
        out = model.get_decoder()(input_ids=ids, attention_mask=seen, use_cache=False)
    last = out.last_hidden_state
    # The state before a token is the one that says how likely it is.
    before, targets = last[:, :-1][said_at[:, 1:]], ids[:, 1:][said_at[:, 1:]]
    losses = _losses(model, before, targets)
    counts = said_at.sum(dim=1).tolist()
    means = [float(part.mean()) for part in torch.split(losses, counts)]
    ordered = [found[layer, place] for layer in layers for place in PLACES]
    return ordered, np.array(means)


@contextmanager
def _taken(
    model: PreTrainedModel, layers: Sequence[int], names: torch.Tensor, said_at: torch.Tensor
) -> Iterator[dict[tuple[int, str], Vectors]]:
    """What hooks take out of the layers while the model runs."""
    found: dict[tuple[int, str], Vectors] = {}

    def hook(layer: int) -> Callable[..., None]:
        def take(module: Any, given: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output
            every = torch.arange(len(names), device=states.device)
            named = states[every, names.to(states.device)]
            mask = said_at.to(states.device).unsqueeze(-1)
            mean = (states * mask).sum(dim=1, dtype=torch.float32) / mask.sum(dim=1)
            for place, vectors in zip(PLACES, (named, mean), strict=True):
                found[layer, place] = vectors.float().cpu().numpy()

        return take

    blocks = _blocks(model)
    handles = [blocks[layer - 1].register_forward_hook(hook(layer)) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _losses(model: Any, before: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihoods, in pieces: logits of all tokens would be the largest thing here."""
    head = model.get_output_embeddings()
    device = head.weight.device
    parts = zip(torch.split(before, _LOGITS), torch.split(targets, _LOGITS), strict=True)
    pieces = [
        torch.nn.functional.cross_entropy(
            head(states.to(device)).float(), wanted.to(device), reduction="none"
        ).cpu()
        for states, wanted in parts
    ]
    return torch.cat(pieces).double()


def _blocks(model: Any) -> Any:
    decoder = model.get_decoder()
    blocks = getattr(decoder, "layers", None) or getattr(decoder, "h", None)
    if blocks is None or model.get_output_embeddings() is None:
        raise ProbeError(f"{type(model).__name__} is no decoder whose layers can be found")
    return blocks
