"""The transformers backend: any causal language model, on a CPU or a GPU.

Requests are sorted by length, batched, left-padded and sampled by `model.generate`; token ids go
in and come out. A sample depends on its request, not on its neighbours (`sampling`).
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList
from typing_extensions import Unpack

from cb_datasets.engines.limits import Limits, model_limits, request_length
from cb_datasets.engines.protocol import (
    Generation,
    GenerationRequest,
    SamplingParams,
    distinct,
    ready,
)
from cb_datasets.engines.seeded.sampling import RowBudget, SeededSampler
from cb_datasets.engines.specification import (
    as_specification,
    check_unchanged,
    engine_code,
    fingerprint_of,
)
from cb_datasets.engines.transformers import TransformersOptions
from cb_datasets.engines.transformers.prefill import shared_prefill
from cb_datasets.engines.transformers.sample_row import SampleRow
from cb_datasets.errors import EngineError
from cb_datasets.models.files import fetch_weights, find_model
from cb_datasets.models.loading import (
    Placement,
    Quantization,
    is_out_of_memory,
    load_model,
    place,
    stop_token_ids,
)
from cb_datasets.models.threads import torch_threads
from cb_datasets.models.tokenizer import tokenizer_of
from cb_datasets.options import checked, takes
from cb_datasets.quoting import error_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCHES_PER_WINDOW = 16
"""Requests are taken and sorted by length in windows of so many batches."""

FIRST_ROUND_TOKENS = 48
"""Tokens of the first round of sampling, about a tool call; a later round has four times more."""


@takes(TransformersOptions)
class TransformersEngine:
    """Samples a model with transformers.

    With `dtype="auto"` a model of up to 100 million parameters runs in float64, where the batch
    size cannot change a sample. Larger ones run in the checkpoint's dtype on a GPU, and on a CPU in
    float32 unless it multiplies bfloat16 faster; there rounding differs between batch shapes, and
    now and then a sample with it.

    Args:
        model: A model folder, a Hub id, or `None` for the bundled tiny agent.
        **options: Those of `TransformersOptions`.

    Raises:
        EngineError: The model's files are not all there, or an option has no meaning.

    Example:
        >>> engine = TransformersEngine()  # doctest: +SKIP
        >>> ids = engine.tokenizer.apply_chat_template(messages)["input_ids"]  # doctest: +SKIP
        >>> request = GenerationRequest("demo#0", ids, seed=0)  # doctest: +SKIP
        >>> next(engine.generate([request], SamplingParams())).finish_reason  # doctest: +SKIP
        'stop'
    """

    def __init__(
        self, model: str | Path | None = None, **options: Unpack[TransformersOptions]
    ) -> None:
        given = checked(TransformersOptions, options, EngineError)
        if given["load_in_8bit"] and given["load_in_4bit"]:
            raise EngineError("Only one of load_in_8bit and load_in_4bit can be used.")
        self._options = given
        self._batch_size = given["batch_size"]
        self._files = find_model(
            model,
            given["revision"],
            token=given["token"],
            trust_remote_code=given["trust_remote_code"],
        )

    @property
    def name(self) -> str:
        """`transformers`."""
        return "transformers"

    @property
    def model(self) -> str:
        """The Hub id, or the folder's name."""
        return self._files.name

    @cached_property
    def revision(self) -> str:
        """The Hub commit, or the hash of the folder's content."""
        return self._files.revision()

    @property
    def trust_remote_code(self) -> bool:
        """Whether Python code that lies with the model may be run."""
        return self._files.trust_remote_code

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, checked for the Llama 3.1 format."""
        return tokenizer_of(self._files)

    @cached_property
    def placement(self) -> Placement:
        """Device, dtype, quantisation and threads the model runs with on this machine."""
        options = self._options
        quantization: Quantization | None = (
            "8bit" if options["load_in_8bit"] else "4bit" if options["load_in_4bit"] else None
        )
        return place(
            self._files,
            dtype=options["dtype"],
            device=options["device"],
            quantization=quantization,
            threads=options["threads"],
        )

    def check(self) -> None:
        """Find out, without loading the weights, whether this engine can start.

        Raises:
            EngineError: It cannot; the sentence says why.
        """
        _ = self.tokenizer, self.placement

    def fingerprint(self) -> str:
        """SHA-256 of backend, code version, model content, dtype, device, quantisation, compiling.

        The batch size is left out: it is not meant to change a sample. So are the versions of
        torch and transformers.
        """
        facts = {
            "backend": self.name,
            "code": engine_code("transformers"),
            "revision": self.revision,
            "trust_remote_code": self.trust_remote_code,
            "dtype": self.placement.dtype,
            "device": torch.device(self.placement.device).type,
            "quantization": self.placement.quantization,
        }
        if self._options["compile"]:
            facts["compiled"] = "yes"
        return fingerprint_of(facts)

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """One generation per request, as they finish.

        A request that cannot be served (no room in the context, ids that the model does not
        have, logits that are not numbers, no memory for even one sample) gives an `error`
        generation with its reason.

        Raises:
            EngineError: The model cannot be loaded, or fails while it runs.
        """
        self.check()
        _ = self._model
        return self._generate(distinct(requests), sampling)

    def close(self) -> None:
        """Free the model's memory; a later `generate` loads it again."""
        if self.__dict__.pop("_model", None) is not None:
            _free_memory()

    def __reduce__(self) -> tuple[Any, ...]:
        """The specification, without model and token; the fingerprint is there to be hashed."""
        return as_specification(self, "transformers", self._files.location, self._options)

    @cached_property
    def _model(self) -> PreTrainedModel:
        fetch_weights(self._files, self._options["token"])
        check_unchanged(self._files, self.model, self.revision)
        model = load_model(self._files, self.placement)
        if self._options["compile"]:
            model.compile(dynamic=True)
        return model

    @cached_property
    def _end_ids(self) -> list[int]:
        return stop_token_ids(self._files, self.tokenizer)

    @cached_property
    def _limits(self) -> Limits:
        return model_limits(self._files)

    def _generate(
        self, requests: Iterator[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        while window := ready(requests, self._batch_size * BATCHES_PER_WINDOW):
            runnable = []
            for request in window:
                if reason := self._limits.refusal(request):
                    yield Generation.failed(request.key, reason)
                else:
                    runnable.append(request)
            # Longest first: if memory runs out, it does so at once. Keys break ties, so that
            # batches do not depend on the order of the requests.
            runnable.sort(key=lambda request: (-request_length(request), request.key))
            yield from self._batched(runnable, sampling)

    def _batched(
        self, requests: list[GenerationRequest], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """Generations of requests that can be served.

        A batch takes as many steps as its longest sample. Samples are therefore made in rounds:
        those that go on after a round are put into batches of their own for the next.
        """
        going = [SampleRow(request, self._limits.room(request, sampling)) for request in requests]
        tokens = FIRST_ROUND_TOKENS
        while going:
            longer = []
            for row in self._round(going, tokens, sampling):
                if row.goes_on(self._end_ids):
                    longer.append(row)
                else:
                    yield self._generation(row, sampling)
            going = longer
            tokens *= 4

    def _round(
        self, rows: list[SampleRow], tokens: int, sampling: SamplingParams
    ) -> Iterator[SampleRow]:
        """Each row with up to so many more tokens; halves the batches that are too big."""
        done = 0
        limit = self._batch_size
        while done < len(rows):
            batch = rows[done : done + limit]
            try:
                with torch_threads(self.placement.threads):
                    self._sample(batch, tokens, sampling)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise EngineError(
                        f"The model {self.model!r} failed ({error_line(error)})."
                    ) from error
            else:
                done += len(batch)
                yield from batch
                continue
            # Outside the handler, where the traceback no longer holds the batch's tensors.
            _free_memory()
            if len(batch) > 1:
                limit = len(batch) // 2
            else:
                length = request_length(batch[0].request)
                batch[0].error = f"out of memory with this one prompt of {length} tokens"
                done += 1
                yield batch[0]

    def _sample(self, rows: list[SampleRow], tokens: int, sampling: SamplingParams) -> None:
        inputs = [row.input_ids() for row in rows]
        longest = max(map(len, inputs))
        pad = self._end_ids[0]
        ids = torch.full((len(rows), longest), pad)
        mask = torch.zeros_like(ids)
        for number, row_ids in enumerate(inputs):
            ids[number, longest - len(row_ids) :] = torch.tensor(row_ids)
            mask[number, longest - len(row_ids) :] = 1
        budgets = [min(tokens, row.room - len(row.token_ids)) for row in rows]
        sampler = SeededSampler(
            [row.request.seed for row in rows],
            longest,
            sampling,
            taken=[len(row.token_ids) for row in rows],
        )
        device = self._model.device
        ids, mask = ids.to(device), mask.to(device)
        with torch.inference_mode(), warnings.catch_warnings():
            # Another name from 5.24 on, which versions before do not know.
            warnings.filterwarnings("ignore", r"`past_key_values` is deprecated", FutureWarning)
            output = self._model.generate(  # type: ignore[operator]
                input_ids=ids,
                attention_mask=mask,
                past_key_values=shared_prefill(self._model, ids, mask),
                generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                    do_sample=False,
                    max_new_tokens=max(budgets),
                    eos_token_id=self._end_ids,
                    pad_token_id=pad,
                    disable_compile=True,
                ),
                logits_processor=LogitsProcessorList([sampler]),
                stopping_criteria=StoppingCriteriaList([RowBudget(budgets, longest)]),
            )
        made = output[:, longest:].tolist()
        broken, logprobs = sampler.broken.tolist(), sampler.logprobs()
        for number, (row, new, budget) in enumerate(zip(rows, made, budgets, strict=True)):
            end = next((i for i, token in enumerate(new) if token in self._end_ids), len(new))
            kept = new[: min(budget, end + 1)]
            row.token_ids += kept
            if broken[number]:
                row.error = "the model's logits are not numbers"
            if logprobs is not None:
                row.logprob += sum(logprobs[number][: len(kept)])

    def _generation(self, row: SampleRow, sampling: SamplingParams) -> Generation:
        if row.error is not None:
            return Generation.failed(row.request.key, row.error)
        ended = bool(row.token_ids) and row.token_ids[-1] in self._end_ids
        return Generation(
            key=row.request.key,
            token_ids=row.token_ids,
            text=str(self.tokenizer.decode(row.token_ids, skip_special_tokens=False)),
            finish_reason="stop" if ended else "length",
            logprob=row.logprob if sampling.logprob else None,
        )


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
