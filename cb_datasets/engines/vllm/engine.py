"""The vllm backend: continuous batching, so that samples come out while others run.

Requests are handed to vLLM as a stream that never runs dry; a finished sample comes out at once
and makes room for the next. Samples of one prompt share its prefill through the prefix cache, and
draw their tokens as those of the transformers backend do (`vllm_sampler`).
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from typing_extensions import Unpack

from cb_datasets.engines.limits import Limits, model_limits
from cb_datasets.engines.protocol import Generation, GenerationRequest, SamplingParams, distinct
from cb_datasets.engines.specification import (
    as_specification,
    check_unchanged,
    engine_code,
    fingerprint_of,
)
from cb_datasets.engines.vllm import DTYPES, VLLMOptions
from cb_datasets.errors import EngineError
from cb_datasets.extras import install_command
from cb_datasets.models.adapter import find_adapter
from cb_datasets.models.files import fetch_weights, find_model
from cb_datasets.models.loading import is_small, read_config, stop_token_ids
from cb_datasets.models.tokenizer import tokenizer_of
from cb_datasets.options import checked, takes
from cb_datasets.quoting import error_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CRASHES = 2
"""So many crashes of vLLM without a finished sample in between, and the engine gives up."""


@takes(VLLMOptions)
class VLLMEngine:
    """Samples a model with vLLM (the `vllm` extra).

    Rounding differs between batch shapes, and with it, now and then, a sample: rarely in float32,
    which models of up to 100 million parameters run in under `dtype="auto"`, more often in
    bfloat16.

    Args:
        model: A model folder, a Hub id, or `None` for the bundled tiny agent.
        **options: Those of `VLLMOptions`.

    Raises:
        EngineError: vLLM is not installed, the model's files are not all there, or an option has
            no meaning.

    Example:
        >>> engine = VLLMEngine("org/model", tensor_parallel_size=4)  # doctest: +SKIP
        >>> for generation in engine.generate(requests, SamplingParams()):  # doctest: +SKIP
        ...     print(generation.key, generation.text)
    """

    def __init__(self, model: str | Path | None = None, **options: Unpack[VLLMOptions]) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise EngineError(
                f"The vllm backend needs vLLM: {install_command('vllm')} (or use the "
                "transformers backend)."
            )
        given = checked(VLLMOptions, options, EngineError)
        self._options = given
        if "trust_remote_code" in (given["engine_args"] or {}):
            raise EngineError("trust_remote_code is an option of its own, not one of engine_args.")
        self._files = find_model(
            model,
            given["revision"],
            token=given["token"],
            trust_remote_code=given["trust_remote_code"],
        )
        adapter = given["adapter"]
        self._adapter = None if adapter is None else find_adapter(adapter, token=given["token"])
        self._numbers = count()
        self._finished: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """`vllm`."""
        return "vllm"

    @property
    def model(self) -> str:
        """The Hub id, or the folder's name; with an adapter, `model+adapter`."""
        return self._files.name + (f"+{self._adapter.name}" if self._adapter else "")

    @cached_property
    def revision(self) -> str:
        """The Hub commit, or the hash of the folder's content; the adapter's behind a `+`."""
        return self._files.revision() + (f"+{self._adapter.revision}" if self._adapter else "")

    @property
    def trust_remote_code(self) -> bool:
        """Whether Python code that lies with the model may be run."""
        return self._files.trust_remote_code

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, checked for the Llama 3.1 format."""
        return tokenizer_of(self._files)

    @cached_property
    def dtype(self) -> str:
        """The dtype the model runs in."""
        asked = str(self._options["dtype"])
        if asked != "auto":
            return asked
        if self._is_small:
            return "float32"
        stored = str(getattr(read_config(self._files), "dtype", None)).removeprefix("torch.")
        return stored if stored in DTYPES else "bfloat16"

    @property
    def gpus(self) -> int:
        """GPUs that it runs on, where there are any."""
        options = self._options
        return int(options["tensor_parallel_size"] * options["pipeline_parallel_size"])

    def check(self) -> None:
        """Find out, without loading the weights, whether this engine can start.

        Raises:
            EngineError: It cannot; the sentence says why.
        """
        _ = self.tokenizer, self.dtype

    def fingerprint(self) -> str:
        """SHA-256 of backend, code version, model and adapter, dtype, quantisation and context.

        What only spreads the work is left out: parallelism, memory, samples at a time. So are
        the versions of vLLM and torch.
        """
        facts = {
            "backend": self.name,
            "code": engine_code("vllm"),
            "revision": self.revision,
            "trust_remote_code": self.trust_remote_code,
            "dtype": self.dtype,
            "device": "cuda" if torch.cuda.is_available() else "cpu",
            "quantization": self._options["quantization"],
            "max_model_len": self._options["max_model_len"],
            "engine_args": json.dumps(self._options["engine_args"] or {}, sort_keys=True),
        }
        return fingerprint_of(facts)

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """One generation per request, as they finish.

        A request that cannot be served (no room in the context, ids that the model does not
        have, logits that are not numbers) gives an `error` generation with its reason. Where vLLM
        crashes it is started again, and the requests that were running are begun anew.

        Raises:
            EngineError: The model cannot be loaded, or vLLM keeps crashing.
        """
        self.check()
        _ = self._engine
        return self._generate(distinct(requests), sampling)

    def close(self) -> None:
        """Free the model's memory; a later `generate` loads it again."""
        engine = self.__dict__.pop("_engine", None)
        self._finished.clear()
        if engine is not None:
            from cb_datasets.engines.vllm.start import stop_engine

            stop_engine(engine)

    def __reduce__(self) -> tuple[Any, ...]:
        """The specification, without model and token; the fingerprint is there to be hashed."""
        adapter = None if self._adapter is None else self._adapter.location
        options = {**self._options, "adapter": adapter}
        return as_specification(self, "vllm", self._files.location, options)

    @cached_property
    def _is_small(self) -> bool:
        return self._options["quantization"] is None and is_small(self._files)

    @cached_property
    def _end_ids(self) -> list[int]:
        return stop_token_ids(self._files, self.tokenizer)

    @cached_property
    def _limits(self) -> Limits:
        return model_limits(self._files, self._options["max_model_len"])

    @cached_property
    def _broken_token_id(self) -> int:
        """The last id of the vocabulary that ends nothing: a reserved one, never emitted."""
        vocabulary = self._limits.vocabulary or 0
        return next(i for i in range(vocabulary - 1, -1, -1) if i not in self._end_ids)

    @cached_property
    def _engine(self) -> Any:
        from cb_datasets.engines.vllm.start import start_engine

        fetch_weights(self._files, self._options["token"])
        check_unchanged(self._files, self.model, self.revision)
        return start_engine(
            self._files, self._adapter, self._options, dtype=self.dtype, small=self._is_small
        )

    def _generate(
        self, requests: Iterator[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        # As many wait as run, so that a finished sample's place is taken at once.
        room = 2 * int(self._options["max_num_seqs"])
        running: dict[str, GenerationRequest] = {}
        crashes = 0
        try:
            while True:
                while len(running) < room and (request := next(requests, None)) is not None:
                    if reason := self._limits.refusal(request):
                        yield Generation.failed(request.key, reason)
                    else:
                        running[self._add(request, sampling)] = request
                if not running:
                    return
                done = [number for number in running if number in self._finished]
                if done:
                    crashes = 0
                    for number in done:
                        output = self._finished.pop(number)
                        yield self._generation(running.pop(number), output, sampling)
                    continue
                try:
                    self._step()
                except Exception as error:
                    crashes += 1
                    self._start_again(error, crashes)
                    running = {self._add(r, sampling): r for r in running.values()}
        finally:
            if running and "_engine" in self.__dict__:
                self._engine.abort_request(list(running))

    def _add(self, request: GenerationRequest, sampling: SamplingParams) -> str:
        from cb_datasets.engines.vllm.start import add_request

        number = str(next(self._numbers))
        add_request(
            self._engine,
            number,
            request,
            sampling,
            max_tokens=self._limits.room(request, sampling),
            stop_token_ids=self._end_ids,
            broken_token_id=self._broken_token_id,
            adapter=self._adapter,
        )
        return number

    def _step(self) -> None:
        for output in self._engine.step():
            if output.finished:
                self._finished[output.request_id] = output.outputs[0]

    def _start_again(self, error: Exception, crashes: int) -> None:
        try:
            self.close()
        except Exception:  # what crashed may not be able to stop in good order
            self.__dict__.pop("_engine", None)
        if crashes >= CRASHES:
            raise EngineError(
                f"vLLM failed with the model {self.model!r} ({error_line(error)})."
            ) from error

    def _generation(
        self, request: GenerationRequest, output: Any, sampling: SamplingParams
    ) -> Generation:
        ids = list(output.token_ids)
        if ids and ids[-1] == self._broken_token_id:
            return Generation.failed(request.key, "the model's logits are not numbers")
        if output.finish_reason not in ("stop", "length"):
            return Generation.failed(request.key, f"vLLM ended it with {output.finish_reason!r}")
        return Generation(
            key=request.key,
            token_ids=ids,
            text=str(self.tokenizer.decode(ids, skip_special_tokens=False)),
            finish_reason="stop" if ids and ids[-1] in self._end_ids else "length",
            logprob=float(output.cumulative_logprob) if sampling.logprob else None,
        )
