"""The server backend: any OpenAI-compatible endpoint that gives back what the model emitted.

Requests go out side by side, up to a bound; each is sent again when it fails in a way that may
pass, and is an `error` when it keeps failing. A server whose every sample would be wrong is
refused as a whole (`server_reply`).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from cb_datasets.engines.limits import Limits
from cb_datasets.engines.protocol import (
    Generation,
    GenerationRequest,
    SamplingParams,
    distinct,
    ready,
)
from cb_datasets.engines.server import KEY_VARIABLE, ServerOptions
from cb_datasets.engines.server.http import JsonClient, RefusedError, TransientError, UnfitError
from cb_datasets.engines.server.reply import completion_request, read_completion
from cb_datasets.engines.specification import as_specification, engine_code, fingerprint_of
from cb_datasets.errors import EngineError
from cb_datasets.models.files import find_model
from cb_datasets.models.tokenizer import end_token_ids, tokenizer_of
from cb_datasets.options import checked, takes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LONGEST_WAIT = 60.0
"""Seconds between two attempts, at most."""


@takes(ServerOptions)
class ServerEngine:
    """Samples a model that a server runs.

    The server is taken to serve the model at the revision that `model` and `revision` name; it
    cannot prove it. Whether a sample is the same again is up to the server: give it time to run
    what it is sent with seeds, and expect rounding to differ with its load.

    Args:
        model: A folder or Hub id with the model's tokenizer and config (no weights are needed), or
            `None` for the bundled tiny agent.
        **options: Those of `ServerOptions`.

    Raises:
        EngineError: The tokenizer is not there, or an option has no meaning.

    Example:
        >>> engine = ServerEngine("org/model", base_url="http://127.0.0.1:8000/v1")
        ... # doctest: +SKIP
    """

    def __init__(self, model: str | Path | None = None, **options: Unpack[ServerOptions]) -> None:
        given = checked(ServerOptions, options, EngineError)
        self._options = given
        key = given["api_key"] or os.environ.get(KEY_VARIABLE)
        self._client = JsonClient(given["base_url"], key, given["timeout"])
        self._files = find_model(
            model,
            given["revision"],
            token=given["token"],
            tokenizer_only=True,
            trust_remote_code=given["trust_remote_code"],
        )
        self._asked = str(model) if model is not None else self._files.name

    @property
    def name(self) -> str:
        """`server`."""
        return "server"

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

    def check(self) -> None:
        """Find out whether the server is there and serves the model.

        Raises:
            EngineError: It is not, or does not; the sentence says why.
        """
        _ = self.tokenizer, self._served

    def fingerprint(self) -> str:
        """SHA-256 of backend, code version, model and name served; not of where it is served."""
        facts = [
            self.name,
            engine_code("server"),
            self.model,
            self.revision,
            self.trust_remote_code,
            self._options["served_name"],
        ]
        return fingerprint_of(facts)

    def generate(
        self, requests: Iterable[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        """One generation per request, as they finish.

        A request that the server will not serve, that failed in every attempt, or whose answer
        the model cannot have given, gives an `error` generation with its reason.

        Raises:
            EngineError: The server is not there, refuses the key, strips special tokens, or has
                failed so many requests in a row that it has to be taken for gone.
        """
        self.check()
        return self._generate(distinct(requests), sampling)

    def close(self) -> None:
        """End what is under way; a later `generate` connects again."""
        self._client.abort()
        self._client.forget()
        self.__dict__.pop("_served", None)

    def __reduce__(self) -> tuple[Any, ...]:
        """The specification, without keys; the fingerprint is there to be hashed."""
        location = self._files.location
        return as_specification(self, "server", location, self._options, _asked=self._asked)

    @cached_property
    def _end_ids(self) -> set[int]:
        return end_token_ids(self.tokenizer)

    @cached_property
    def _served(self) -> tuple[str, Limits]:
        """What the server calls the model, and what it can take."""
        reply = self._attempt(lambda: self._client.send("GET", "/models"), "models", None)
        try:
            offered = {str(entry["id"]): entry for entry in reply["data"]}
        except (TypeError, KeyError) as error:
            raise EngineError(f"{self._url} is no OpenAI-compatible server.") from error
        wanted = self._options["served_name"]
        names = [wanted] if wanted else [self._asked, self._files.location, self.model]
        name = next((name for name in names if name in offered), None)
        if name is None and not wanted and len(offered) == 1:
            name = next(iter(offered))
        if name is None:
            raise EngineError(
                f"{self._url} does not serve {wanted or self.model!r}; it serves "
                f"{', '.join(map(repr, sorted(offered)))} (name one with served_name)."
            )
        context = offered[name].get("max_model_len")
        vocabulary = max(self.tokenizer.get_vocab().values()) + 1
        return name, Limits(context if type(context) is int else None, vocabulary)

    @property
    def _url(self) -> str:
        return f"The server at {self._options['base_url']}"

    def _generate(
        self, requests: Iterator[GenerationRequest | None], sampling: SamplingParams
    ) -> Iterator[Generation]:
        room, stop = int(self._options["concurrency"]), threading.Event()
        pool = ThreadPoolExecutor(room, thread_name_prefix="cb-datasets-server")
        under_way: set[Future[Generation]] = set()
        failed_in_a_row = 0
        try:
            while True:
                for request in ready(requests, room - len(under_way)):
                    under_way.add(pool.submit(self._complete, request, sampling, stop))
                if not under_way:
                    return
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    generation = future.result()
                    gone = (generation.error or "").startswith("the server failed")
                    failed_in_a_row = failed_in_a_row + 1 if gone else 0
                    yield generation
                if failed_in_a_row >= 2 * room:
                    raise EngineError(
                        f"{self._url} has failed {failed_in_a_row} requests in a row, each "
                        f"{self._options['retries'] + 1} times; the last: {generation.error}."
                    )
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if under_way:
                self._client.abort()

    def _complete(
        self, request: GenerationRequest, sampling: SamplingParams, stop: threading.Event
    ) -> Generation:
        served, limits = self._served
        if reason := limits.refusal(request):
            return Generation.failed(request.key, reason)
        body = completion_request(
            served,
            request,
            sampling,
            max_tokens=limits.room(request, sampling),
            end_ids=self._end_ids,
        )

        def send() -> Generation:
            reply = self._client.send("POST", "/completions", body)
            return read_completion(reply, request, sampling, self.tokenizer, self._end_ids, limits)

        try:
            generation: Generation = self._attempt(send, request.key, stop)
        except RefusedError as error:
            return Generation.failed(request.key, f"the server refuses it: {error}")
        except UnfitError as error:
            return Generation.failed(request.key, f"the server's answer is no sample: {error}")
        except TransientError as error:
            times = self._options["retries"] + 1
            return Generation.failed(request.key, f"the server failed {times} times: {error}")
        return generation

    def _attempt(self, send: Any, key: str, stop: threading.Event | None) -> Any:
        """What `send` returns, tried again while its failures may pass.

        Raises:
            EngineError: The server refuses everyone, or (without `stop`) cannot be reached.
        """
        for attempt in range(self._options["retries"] + 1):
            try:
                return send()
            except RefusedError as error:
                if error.status in (401, 403):
                    raise EngineError(
                        f"{self._url} refuses the API key ({error}); set {KEY_VARIABLE}."
                    ) from error
                if error.status in (404, 405) or stop is None or 300 <= error.status < 400:
                    raise EngineError(f"{self._url} has no such API ({error}).") from error
                raise
            except UnfitError as error:
                if stop is None:
                    raise EngineError(f"{self._url} is no OpenAI-compatible server.") from error
                raise
            except TransientError as error:
                if attempt < self._options["retries"] and not (stop and stop.is_set()):
                    pause = max(_delay(self._options["backoff"], attempt, key), error.retry_after)
                    (stop or threading.Event()).wait(min(pause, LONGEST_WAIT))
                elif stop is None:
                    raise EngineError(f"{self._url} cannot be used ({error}).") from error
                else:
                    raise
        raise AssertionError("unreachable")


def _delay(backoff: float, attempt: int, key: str) -> float:
    """Seconds to wait, spread so that requests that failed together do not come back together."""
    spread = hashlib.sha256(f"{key}\0{attempt}".encode()).digest()[0] / 255
    return float(backoff * 2**attempt * (0.5 + 0.5 * spread))
