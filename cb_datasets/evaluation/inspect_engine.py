"""This library's engines as a model provider of inspect_ai: `--model cb_datasets/MODEL`.

In: the one message that `put_row` makes, with the row's token ids. Out: what the engine gives for
them, seeds and all, so that a sample is the one that `evaluate` would get.
"""

from __future__ import annotations

from typing import Any

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    StopReason,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from cb_datasets.engines import load_engine
from cb_datasets.engines.protocol import Generation, GenerationRequest, SamplingParams
from cb_datasets.errors import EvalError
from cb_datasets.evaluation.inspect_task import ENGINE_OUTPUT
from cb_datasets.transforms.generate import sample_seed

_GATHER_SECONDS = 0.05
_STOPS: dict[str, StopReason] = {"stop": "stop", "length": "max_tokens", "error": "unknown"}
_TINY_AGENT = "tiny-agent"


class _Waiting:
    """A request, and the answer once it is there."""

    def __init__(self, request: GenerationRequest, sampling: SamplingParams) -> None:
        self.request = request
        self.sampling = sampling
        self.answered = anyio.Event()
        self.generation: Generation | None = None
        self.failure: Exception | None = None


@modelapi(name="cb_datasets")
class EngineAPI(ModelAPI):
    """An engine behind inspect_ai; requests that come together are generated together.

    Args:
        model_name: A model folder or Hub id; `tiny-agent` for the bundled one.
        base_url: Not used.
        api_key: Not used.
        config: inspect_ai's.
        backend: See `load_engine`.
        **options: Options of the backend.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        backend: str = "transformers",
        **options: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self.engine = load_engine(
            backend, None if model_name == _TINY_AGENT else model_name, **options
        )
        self._waiting: list[_Waiting] = []
        self._lock: anyio.Lock | None = None

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One completion of a row."""
        held = input[-1].metadata if input else None
        if not held or "prompt_token_ids" not in held:
            raise EvalError("cb_datasets models take rows of an eval set, with prompt=text")
        if held["prompt_token_ids"] is None:
            raise EvalError(
                f"{held['row_id']}: it has no token ids; its set was built without a tokenizer"
            )
        request = GenerationRequest(
            key=f"{held['row_id']}#sample{held['sample']}",
            prompt_token_ids=held["prompt_token_ids"],
            seed=sample_seed(config.seed or 0, held["row_id"], held["sample"]),
            prefill_token_ids=held["prefill_token_ids"],
        )
        sampling = SamplingParams(
            temperature=0.7 if config.temperature is None else config.temperature,
            top_p=1.0 if config.top_p is None else config.top_p,
            top_k=config.top_k or 0,
            max_new_tokens=config.max_tokens or 256,
        )
        return self._output(await self._answer(_Waiting(request, sampling)))

    async def _answer(self, mine: _Waiting) -> Generation:
        self._waiting.append(mine)
        self._lock = self._lock or anyio.Lock()
        await anyio.sleep(_GATHER_SECONDS)
        async with self._lock:
            if not mine.answered.is_set():
                batch = [one for one in self._waiting if one.sampling == mine.sampling]
                self._waiting = [one for one in self._waiting if one not in batch]
                await anyio.to_thread.run_sync(self._generate, batch)
                for one in batch:
                    one.answered.set()
        if mine.failure is not None:
            raise mine.failure
        missing = Generation.failed(mine.request.key, "the engine gave no answer")
        return mine.generation or missing

    def _generate(self, batch: list[_Waiting]) -> None:
        by_key = {one.request.key: one for one in batch}
        try:
            for generation in self.engine.generate(
                [one.request for one in batch], batch[0].sampling
            ):
                by_key[generation.key].generation = generation
        except Exception as failure:
            for one in batch:
                one.failure = failure

    def _output(self, generation: Generation) -> ModelOutput:
        choice = ChatCompletionChoice(
            message=ChatMessageAssistant(content=generation.text, source="generate"),
            stop_reason=_STOPS[generation.finish_reason],
        )
        return ModelOutput(
            model=self.engine.model,
            choices=[choice],
            error=generation.error,
            metadata={
                ENGINE_OUTPUT: {
                    "token_ids": list(generation.token_ids),
                    "text": generation.text,
                    "finish_reason": generation.finish_reason,
                }
            },
        )

    def max_connections(self) -> int:
        """How many requests may wait to be generated together."""
        return 64
