"""Representation rerouting: the loss and its schedule (Zou et al. 2024, arXiv:2406.04313).

In: hidden states of the trained and of the frozen model at the chosen layers, and which tokens
count. Out: one number each for what is to be broken and for what is to stay.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

States = Mapping[int, torch.Tensor]
"""Hidden states by layer, each of shape (rows, tokens, hidden), or (tokens, hidden)."""


def coefficients(step: int, steps: int, alpha: float) -> tuple[float, float]:
    """The weights of rerouting and of retaining at a step: c_s = α(1 - t/2T), c_r = α·t/2T.

    Example:
        >>> coefficients(0, 150, 10.0), coefficients(150, 150, 10.0)
        ((10.0, 0.0), (5.0, 5.0))
    """
    done = step / (2 * steps)
    return alpha * (1 - done), alpha * done


def rerouting_loss(states: States, frozen: States, mask: torch.Tensor) -> torch.Tensor:
    """How far the states still point where those of the frozen model do: mean of ReLU(cos).

    Args:
        states: Of the model in training, on rows of Ds.
        frozen: Of the model as it was.
        mask: bool of shape (rows, tokens): the tokens to be rerouted.
    """
    losses = [
        torch.relu(torch.cosine_similarity(states[at][mask].float(), frozen[at][mask].float(), -1))
        for at in states
    ]
    return torch.stack([loss.mean() for loss in losses]).mean()


def triplet_loss(
    states: States, frozen: States, mask: torch.Tensor, margin: float = 0.5
) -> torch.Tensor:
    """The states are to be nearer to each other than to where they were, by a margin.

    In the manner of contrastive breakers (Simko et al. 2025, arXiv:2506.11938): the anchor is a
    state, the positive the mean of the batch's states, the negative the frozen one; distances are
    1 less the cosine.

    Args:
        states: Of the model in training, on rows of Ds.
        frozen: Of the model as it was.
        mask: bool of shape (rows, tokens): the tokens to be moved.
        margin: How much nearer.
    """
    losses = []
    for at in states:
        ours, theirs = states[at][mask].float(), frozen[at][mask].float()
        centre = ours.mean(0, keepdim=True)
        nearness = torch.cosine_similarity(ours, theirs, -1)
        losses.append(torch.relu(nearness - torch.cosine_similarity(ours, centre, -1) + margin))
    return torch.stack([loss.mean() for loss in losses]).mean()


def retain_loss(states: States, frozen: States, mask: torch.Tensor) -> torch.Tensor:
    """How far the states have moved from those of the frozen model: mean of the L2 distance.

    Args:
        states: Of the model in training, on rows of Dr.
        frozen: Of the model as it was.
        mask: bool of shape (rows, tokens): the tokens that are to stay where they are.
    """
    losses = [
        torch.linalg.vector_norm(states[at][mask].float() - frozen[at][mask].float(), dim=-1)
        for at in states
    ]
    return torch.stack([loss.mean() for loss in losses]).mean()


def squared_retain_loss(states: States, frozen: States, mask: torch.Tensor) -> torch.Tensor:
    """The same with squares, relative to the state's own: small steps cost next to nothing.

    The paper's distance pulls as hard at one step's length as at a hundred, while the cosine pulls
    not at all at first: whatever is retained from the start then pins the model to where it is.
    """
    return distance(
        {at: of[mask] for at, of in states.items()}, {at: of[mask] for at, of in frozen.items()}
    )


def distance(states: States, others: States) -> torch.Tensor:
    """The mean squared distance from other states, relative to their own length.

    Args:
        states: Of shape (tokens, hidden).
        others: The same.
    """
    losses = []
    for at in states:
        ours, theirs = states[at].float(), others[at].float()
        losses.append(((ours - theirs).square().sum(-1) / theirs.square().sum(-1)).mean())
    return torch.stack(losses).mean()


BREAK_LOSSES = {"cosine": rerouting_loss, "triplet": triplet_loss}
"""What moves Ds away, by the name of the option."""

RETAIN_LOSSES = {"l2": retain_loss, "squared": squared_retain_loss}
"""What keeps Dr in its place, by the name of the option."""
