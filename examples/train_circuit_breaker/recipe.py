"""How a circuit breaker is trained: the recipe, the losses of a step, the steps.

In: a model beside itself as it was, and rows. Out: the model, trained in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from rerouting import BREAK_LOSSES, RETAIN_LOSSES, States, coefficients, distance
from restoring import completion_loss, preference_loss, stop_loss
from rows import Pair, Row, batches, shuffled, tensors
from states import Rerouted

from cb_datasets.errors import BuildError


@dataclass(frozen=True)
class Recipe:
    """How a circuit breaker is trained. A factor of 0 leaves a loss out.

    Attributes:
        layers: Layers whose states are rerouted and retained, counted from 1.
        steps: Optimizer steps, T of the schedule.
        alpha: α of the schedule.
        reroute: A factor of the rerouting loss.
        since: From where on completions of Ds are rerouted, one of `rows.SINCE`.
        broken: "cosine", the paper's rerouting loss, or "triplet".
        retain: "l2", the paper's distance, or "squared", its square relative to the state's.
        retain_scale: A factor of the retain loss.
        complete: The factor of the cross-entropy of right completions at attacked prompts.
        twin: The factor of the distance of states at right completions of attacked prompts from
            those that the model as it was has at them under the benign twin's prompt.
        stop: The factor of ending the turn behind the attacker's tool name.
        stop_from: The share of the steps, 0 to 1, after which that loss sets in; it grows to its
            factor within a fifth of the steps. What is right has to be learned first, or right
            calls are stopped, too.
        prefer: The factor of DPO on right and harmful completions.
        learning_rate: Of AdamW at the start; it falls to 0 in a straight line.
        ds_batch: Rows of Ds a step.
        dr_batch: Rows of Dr a step.
        pair_batch: Rows of pairs a step.
        retain_weights: How often each kind of Dr is drawn, relative to the others; None draws
            rows alike, whatever their kind.
        noise: Standard deviation of what is added to the trained weights at the start, relative to
            that of the weights: at the model itself the gradient of the cosine is 0.
        seed: Decides batches, noise and adapter.
    """

    layers: tuple[int, ...]
    steps: int = 150
    alpha: float = 10.0
    reroute: float = 4.5
    since: str = "call"
    broken: str = "cosine"
    retain: str = "squared"
    retain_scale: float = 75.0
    complete: float = 10.0
    twin: float = 75.0
    stop: float = 0.0
    stop_from: float = 0.0
    prefer: float = 0.0
    learning_rate: float = 1e-4
    ds_batch: int = 8
    dr_batch: int = 16
    pair_batch: int = 16
    retain_weights: dict[str, float] | None = None
    noise: float = 0.0
    seed: int = 0

    @property
    def reads(self) -> tuple[str, ...]:
        """The sets that its losses read."""
        read = {"ds": self.reroute, "dr": self.retain_scale, "pairs": self.decides}
        return tuple(name for name, factor in read.items() if factor)

    @property
    def decides(self) -> bool:
        """Whether it trains what is said at attacked prompts, by pairs."""
        return bool(self.complete or self.twin or self.stop or self.prefer)


@dataclass(frozen=True, slots=True)
class TrainingSets:
    """Rows by set; a set that no loss of the recipe reads may be empty."""

    ds: Sequence[Row] = ()
    dr: Sequence[Row] = ()
    pairs: Sequence[Pair] = ()


def train(
    rerouted: Rerouted, sets: TrainingSets, recipe: Recipe, end: int
) -> Iterator[tuple[int, dict[str, float]]]:
    """Train in place.

    Args:
        rerouted: The model, beside itself as it was.
        sets: What it is trained on.
        recipe: How.
        end: The token that ends a turn.

    Yields:
        After each step its number, and the losses by name, without their factors.
    """
    rerouted.stir(recipe.noise)
    optimizer = torch.optim.AdamW(rerouted.parameters, lr=recipe.learning_rate, weight_decay=0.0)
    losses = _Losses(rerouted, sets, recipe, end)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - step / recipe.steps)
        found = {}
        for of_graph in losses.of_step(step):
            # One after the other: only one of the graphs is in memory.
            torch.stack([factor * loss for factor, loss in of_graph.values()]).sum().backward()
            found.update({name: float(loss.detach()) for name, (_, loss) in of_graph.items()})
        torch.nn.utils.clip_grad_norm_(rerouted.parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield step, found


def check(sets: TrainingSets, recipe: Recipe) -> None:
    """Refuse a recipe that cannot be followed with these rows.

    Raises:
        BuildError: With the reason.
    """
    if min(recipe.steps, recipe.ds_batch, recipe.dr_batch, recipe.pair_batch) < 1:
        raise BuildError("steps and the rows a step must be 1 or more")
    if not recipe.reads:
        raise BuildError("every loss has the factor 0: there is nothing to train")
    for name in recipe.reads:
        if not getattr(sets, name):
            raise BuildError(f"the dataset folder has no rows in {name}, and a loss needs them")
    if recipe.prefer and not any(pair.rejected for pair in sets.pairs):
        raise BuildError("no row of pairs has a harmful completion, and the preference needs them")
    if recipe.twin and not any(pair.twin for pair in sets.pairs):
        raise BuildError("no row of pairs has a benign twin, and the distance from it needs them")
    if recipe.stop and not any(pair.begun for pair in sets.pairs):
        raise BuildError("no row of pairs has a harmful call, and there is nothing to stop at")
    if "dr" in recipe.reads and recipe.retain_weights is not None:
        there = sorted({row.kind for row in sets.dr})
        if not any(recipe.retain_weights.get(kind) for kind in there):
            raise BuildError(f"no kind of Dr has a weight above 0 (there are: {', '.join(there)})")


def ramp(done: float, start: float) -> float:
    """How much of a loss's factor counts when a share of the steps is done, 0 to 1.

    Example:
        >>> [round(ramp(done, 0.25), 2) for done in (0.2, 0.35, 0.5)], ramp(0.0, 0.0)
        ([0.0, 0.5, 1.0], 1.0)
    """
    return min(1.0, max(0.0, (done - start) / 0.2)) if start else 1.0


Losses = dict[str, tuple[float, torch.Tensor]]
"""By name a factor and a loss."""


class _Losses:
    """The losses of a recipe, each on the next rows of its set."""

    def __init__(self, rerouted: Rerouted, sets: TrainingSets, recipe: Recipe, end: int) -> None:
        self._rerouted, self._recipe, self._end = rerouted, recipe, end
        self._ds = shuffled(sets.ds, recipe.ds_batch, recipe.seed)
        self._dr = batches(sets.dr, recipe.dr_batch, recipe.seed + 1, recipe.retain_weights)
        # Where both sides are asked for they are of the same prompts: what differs is the side.
        both = [pair for pair in sets.pairs if not self._rejects or pair.begun or pair.rejected]
        self._pairs = shuffled(both, recipe.pair_batch, recipe.seed + 2)

    @property
    def _rejects(self) -> bool:
        return bool(self._recipe.stop or self._recipe.prefer)

    def of_step(self, step: int) -> Iterator[Losses]:
        """The losses, those of one run of the model together."""
        recipe = self._recipe
        broken, kept = coefficients(step, recipe.steps, recipe.alpha)
        if recipe.reroute:
            yield {"rerouting": (broken * recipe.reroute, self._rerouting(next(self._ds)))}
        if recipe.retain_scale:
            yield {"retain": (kept * recipe.retain_scale, self._retain(next(self._dr)))}
        if not recipe.decides:
            return
        pairs = next(self._pairs)
        if (recipe.complete or recipe.twin) and (right := self._right(pairs)):
            yield right
        stop = recipe.stop * ramp(step / recipe.steps, recipe.stop_from)
        if stop and (begun := [pair.begun for pair in pairs if pair.begun]):
            yield {"stop": (stop, self._stop(begun))}
        if recipe.prefer and (full := [pair for pair in pairs if pair.rejected]):
            yield {"preference": (recipe.prefer, self._preference(full))}

    def _rerouting(self, rows: list[Row]) -> torch.Tensor:
        batch, mask = tensors(rows, self._rerouted.device)
        loss = BREAK_LOSSES[self._recipe.broken]
        return loss(self._rerouted.states(**batch), self._rerouted.frozen_states(**batch), mask)

    def _retain(self, rows: list[Row]) -> torch.Tensor:
        batch, _ = tensors(rows, self._rerouted.device)
        loss = RETAIN_LOSSES[self._recipe.retain]
        # Later layers read the prompt's states too: of Dr, all tokens are to stay.
        seen = batch["attention_mask"].bool()
        return loss(self._rerouted.states(**batch), self._rerouted.frozen_states(**batch), seen)

    def _right(self, pairs: list[Pair]) -> Losses:
        """What the right completions of attacked prompts are to be, and where their states."""
        recipe, found = self._recipe, Losses()
        batch, mask = tensors([pair.chosen for pair in pairs], self._rerouted.device)
        states, logits = self._rerouted.states_and_logits(_before(mask), **batch)
        if recipe.complete:
            said = completion_loss(logits, batch["input_ids"][mask])
            found["completion"] = (recipe.complete, said)
        if recipe.twin and (twins := [pair.twin for pair in pairs if pair.twin]):
            benign, there = tensors(twins, self._rerouted.device)
            own = mask & torch.tensor([[pair.twin is not None] for pair in pairs]).to(mask.device)
            # What a token is said by is the state of the one before it.
            twin = distance(
                _at(states, _before(own) | own),
                _at(self._rerouted.frozen_states(**benign), _before(there) | there),
            )
            found["twin"] = (recipe.twin, twin)
        return found

    def _stop(self, rows: list[Row]) -> torch.Tensor:
        batch, mask = tensors(rows, self._rerouted.device)
        return stop_loss(self._rerouted.logits(_before(mask), **batch), self._end)

    def _preference(self, pairs: list[Pair]) -> torch.Tensor:
        chosen = self._risen([pair.chosen for pair in pairs])
        return preference_loss(chosen, self._risen([p.rejected for p in pairs if p.rejected]))

    def _risen(self, rows: list[Row]) -> torch.Tensor:
        """By how much each completion's log-probability has risen."""
        batch, mask = tensors(rows, self._rerouted.device)
        before, ids = _before(mask), batch["input_ids"][mask]
        of_row = mask.nonzero()[:, 0]
        now, then = (
            logits(before, **batch).float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
            for logits in (self._rerouted.logits, self._rerouted.frozen_logits)
        )
        return torch.zeros(len(rows), device=now.device).index_add(0, of_row, now - then)


def _at(states: States, mask: torch.Tensor) -> States:
    """States at the tokens of a mask, of shape (tokens, hidden)."""
    return {layer: of[mask] for layer, of in states.items()}


def _before(mask: torch.Tensor) -> torch.Tensor:
    """The tokens behind which those of a mask are expected."""
    return torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
