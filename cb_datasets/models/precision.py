"""In which precision a model computes: what is fast, and of a small one what is exact.

A CPU multiplies matrices of bfloat16 fast where it has tiles for it (AMX). Elsewhere bfloat16 is a
detour by way of float32: it saves memory and costs time.
"""

from __future__ import annotations

import torch

SMALL_MODEL_PARAMETERS = 100_000_000
"""Up to this size a model runs in float64 under `dtype="auto"`, and on a CPU with one thread.

The shape of a batch decides in which order a matrix product is summed. In float32 that moves the
logits by about 1e-6, and once in some hundred thousand tokens it tips a sample over; in bfloat16
far more often. In float64 what is left is around 1e-15: a sample is the same whatever batch it is
in. A small model can afford it.
"""


def cpu_multiplies_bfloat16() -> bool:
    """Whether bfloat16 is faster than float32 on this machine's CPU.

    Example:
        >>> cpu_multiplies_bfloat16() in (True, False)
        True
    """
    # The only place where torch tells what it found the CPU to have.
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def autocast_dtype(device: str, parameters: int) -> torch.dtype | None:
    """What `torch.autocast` is to compute in on a device; None where it is better left off.

    A small model on a CPU is trained alike on every one, whatever it has tiles for.

    Args:
        device: The device's type, such as `cuda`.
        parameters: How many the model has.

    Example:
        >>> autocast_dtype("cuda", 1_500_000)
        torch.bfloat16
    """
    if device == "cpu" and (parameters <= SMALL_MODEL_PARAMETERS or not cpu_multiplies_bfloat16()):
        return None
    return torch.bfloat16
