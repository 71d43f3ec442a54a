"""The processes of workers, for tests that kill one."""

from __future__ import annotations

import os

from cb_datasets.engines.ray.engine import RayEngine


def processes(spread: RayEngine) -> list[int]:
    import ray

    asked = [actor.__ray_call__.remote(lambda _: os.getpid()) for actor in spread._actors]
    return ray.get(asked)
