"""An engine whose process ends whenever it is used; it loads nothing, so that it ends soon."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from cb_datasets.engines import Generation, GenerationRequest, SamplingParams
from tests.engines.journal.counting_engine import CountingEngine


class DyingEngine(CountingEngine):
    def generate(
        self, requests: Iterable[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        os._exit(1)
