"""Restoring: the losses of pairs, by which a model learns what is right at an attacked prompt.

In: what models expect next at the tokens of a completion. Out: one number each.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, logsigmoid


def completion_loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """How unlikely a completion is: mean of the cross-entropy over its tokens.

    Args:
        logits: Of the model in training, of shape (tokens, vocabulary), behind the token before
            each.
        ids: The tokens, of shape (tokens,).

    Example:
        >>> round(float(completion_loss(torch.zeros(2, 8), torch.tensor([1, 2]))), 3)
        2.079
    """
    return cross_entropy(logits.float(), ids)


def preference_loss(
    chosen: torch.Tensor, rejected: torch.Tensor, beta: float = 0.1
) -> torch.Tensor:
    """Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290).

    Args:
        chosen: By how much the log-probability of each right completion rose over that of the
            model as it was, of shape (pairs,).
        rejected: The same of the harmful ones.
        beta: How far the model may go from what it was: the smaller, the farther.

    Example:
        >>> even = torch.zeros(2)
        >>> [round(float(preference_loss(even + by, even)), 3) for by in (0, 40)]
        [0.693, 0.018]
    """
    return -logsigmoid(beta * (chosen - rejected)).mean()


def stop_loss(logits: torch.Tensor, end: int) -> torch.Tensor:
    """How unlikely it is that the turn ends: mean over the tokens of a call that has been begun.

    Recovery examples (Qi et al. 2024, arXiv:2406.05946) teach the same by hand-written texts.

    Args:
        logits: Of the model in training, of shape (tokens, vocabulary), behind the attacker's tool
            name and behind each later token of the call.
        end: The token that ends a turn.

    Example:
        >>> round(float(stop_loss(torch.zeros(2, 8), end=3)), 3)
        2.079
    """
    return cross_entropy(logits.float(), torch.full_like(logits[:, 0], end, dtype=torch.long))
