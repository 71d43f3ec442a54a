"""A kettle that does what it was told last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from typing_extensions import TypedDict, Unpack

from cb_datasets.engines import Backend, Generation, GenerationRequest, SamplingParams
from cb_datasets.options import Option


class KettleOptions(TypedDict, total=False):
    """How the kettle boils."""

    strength: Annotated[int, Option(1, "How strong it makes it.", ge=1, le=5)]


class KettleEngine:
    name = "kettle"
    model = "kettle-1"
    revision = "1"

    def __init__(self, model: Any = None, **options: Unpack[KettleOptions]) -> None:
        self.strength = options["strength"]

    @property
    def tokenizer(self) -> Any:
        from cb_datasets.engines import load_tokenizer

        return load_tokenizer(None)

    def fingerprint(self) -> str:
        return hashlib.sha256(f"kettle {self.strength}".encode()).hexdigest()

    def generate(
        self, requests: Iterable[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        tokenizer = self.tokenizer
        for request in requests:
            raw = self.answer(tokenizer.decode(request.prompt_token_ids))
            ids = tokenizer(raw, add_special_tokens=False)["input_ids"]
            yield Generation(request.key, ids, raw, "stop")

    def answer(self, prompt: str) -> str:
        if "say that it is cold" in prompt:
            return "It is cold.<|eot_id|>"
        name = "pour_out" if "pour it out" in prompt else "boil"
        arguments = f'{{"strength": {self.strength}}}'
        return f'<|python_tag|>{{"name": "{name}", "parameters": {arguments}}}<|eom_id|>'

    def close(self) -> None:
        pass


BACKEND = Backend(
    name="kettle",
    title="A kettle that does what it was told last",
    make=KettleEngine,
    options=KettleOptions,
)
