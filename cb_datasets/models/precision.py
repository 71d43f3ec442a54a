"""In which precision a CPU multiplies matrices fast: bfloat16 where it has tiles for it (AMX).

Elsewhere bfloat16 is a detour by way of float32: it saves memory and costs time.
"""

from __future__ import annotations

import torch


def cpu_multiplies_bfloat16() -> bool:
    """Whether bfloat16 is faster than float32 on this machine's CPU.

    Example:
        >>> cpu_multiplies_bfloat16() in (True, False)
        True
    """
    # The only place where torch tells what it found the CPU to have.
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def autocast_dtype(device: str) -> torch.dtype | None:
    """What `torch.autocast` is to compute in on a device; None where it is better left off.

    Args:
        device: The device's type, such as `cuda`.

    Example:
        >>> autocast_dtype("cuda")
        torch.bfloat16
    """
    if device == "cpu" and not cpu_multiplies_bfloat16():
        return None
    return torch.bfloat16
