"""The server backend against a server that behaves as badly as servers do."""

from __future__ import annotations

import os
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets.fingerprint import Hasher

from cb_datasets.engines import GenerationRequest, SamplingParams, in_order, load_engine
from cb_datasets.engines.journal.journal import Journal
from cb_datasets.engines.journal.journaled import generate_journaled
from cb_datasets.engines.protocol import Engine
from cb_datasets.engines.server.engine import KEY_VARIABLE, ServerEngine
from cb_datasets.errors import EngineError
from tests.engines.server.written_server import (
    EOT,
    FAST,
    Server,
    answer,
    cut_off,
    good,
    hang_up,
    raw,
    spelt,
    status,
)
from tests.hostile_texts import ESCAPES

REQUESTS = [GenerationRequest(f"s{n}", [0, 20 + n, 30], seed=n) for n in range(24)]
SAMPLING = SamplingParams(max_new_tokens=9)
KEY = "sk-very-secret"


@pytest.fixture
def expected(engine: ServerEngine) -> list[Any]:
    return in_order(REQUESTS, engine.generate(REQUESTS, SAMPLING))


FAILURES = {
    "500": status(500),
    "503": status(503, Retry_After="0"),
    "429": status(429),
    "no JSON": raw(b"<html>Bad gateway</html>"),
    "cut off": cut_off,
    "hung up": hang_up,
    "no completion": raw({"choices": []}),
    "not even an object": raw([1, 2]),
    "ids that are none": raw({"choices": [{"finish_reason": "stop", "token_ids": ["a"]}]}),
    "neither ids nor text": raw({"choices": [{"finish_reason": "stop"}]}),
}


def test_what_goes_out_and_what_comes_in(server: Server, engine: ServerEngine) -> None:
    prefilled = GenerationRequest("p", [0, 20, 30], seed=2**62 + 1, prefill_token_ids=[40])
    sampling = SamplingParams(0.5, 0.9, 7, max_new_tokens=100)
    (generation,) = engine.generate([prefilled], sampling)
    (body,) = server.bodies
    assert body["prompt"] == [0, 20, 30, 40]
    assert body["model"] == "the-model"
    # The context of 40 that the server names leaves 36.
    assert (body["max_tokens"], body["seed"]) == (36, 1)
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.5, 0.9, 7)
    assert not body["skip_special_tokens"]
    assert set(body["stop_token_ids"]) == {1, 5, 6}
    assert generation.token_ids == good(body)["choices"][0]["token_ids"]
    assert generation.text == engine.tokenizer.decode(generation.token_ids)
    assert generation.finish_reason == "stop"


@pytest.mark.parametrize("failure", FAILURES)
def test_a_server_that_fails_for_a_while_is_tried_again(
    server: Server, engine: ServerEngine, expected: list[Any], failure: str
) -> None:
    server.seen.clear()
    server.misbehave = lambda prompt, times: FAILURES[failure] if times <= 2 else None
    assert in_order(REQUESTS, engine.generate(REQUESTS, SAMPLING)) == expected
    assert set(server.seen.values()) == {3}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_request_that_keeps_failing_is_an_error_and_no_outcome(
    server: Server, engine: ServerEngine, expected: list[Any], failure: str, tmp_path: Path
) -> None:
    server.seen.clear()
    server.misbehave = lambda prompt, times: FAILURES[failure] if prompt == 23 else None
    with Journal(tmp_path) as journal:
        got = in_order(REQUESTS, generate_journaled(engine, REQUESTS, SAMPLING, journal))
        assert len(journal) == len(REQUESTS) - 1
    assert got[:3] + got[4:] == expected[:3] + expected[4:]
    assert got[3].finish_reason == "error"
    assert (got[3].token_ids, got[3].text) == ([], "")
    assert str(got[3].error).startswith("the server failed 3 times: ")
    assert server.seen[23] == 3


DEEP = b"[" * 100_000 + b"]" * 100_000
NO_SAMPLES = {
    "it has token ids outside the vocabulary of 290": [
        answer(token_ids=[60, 300, EOT]),
        answer(token_ids=[60, 2**70, EOT]),
        answer(token_ids=[-1, EOT]),
    ],
    "it has 36000 tokens where 9 were asked for": [
        answer(token_ids=[60] * 35_999 + [EOT]),
        answer(token_ids=[60] * 36_000, finish_reason="length"),
    ],
    "it goes on after an end token": [answer(token_ids=[60, EOT, 60, EOT])],
    "its text holds half a surrogate pair": [
        answer(token_ids=None, text="a \ud83d b<|eot_id|>"),
        answer(token_ids=None, text="\udc00", finish_reason="length"),
    ],
    "it nests too deeply": [raw(DEEP), raw(b'{"choices": ' + DEEP + b"}")],
    "its log-probabilities are not numbers": [
        spelt("NaN"),
        spelt("-Infinity"),
        spelt("1e999"),
        spelt("null"),
        spelt('"-0.5"'),
        spelt("1" + "0" * 400),
    ],
}


@pytest.mark.parametrize("reason", NO_SAMPLES)
def test_an_answer_that_the_model_cannot_have_given_is_an_error_at_once(
    server: Server, engine: ServerEngine, reason: str
) -> None:
    sampling = replace(SAMPLING, logprob=reason.startswith("its log"))
    for how in NO_SAMPLES[reason]:
        server.seen.clear()
        server.misbehave = lambda prompt, times, how=how: how  # type: ignore[misc]
        # Of however many requests: none of them says that the server has gone.
        got = list(engine.generate(REQUESTS, sampling))
        assert {g.error for g in got} == {f"the server's answer is no sample: {reason}"}
        assert {g.finish_reason for g in got} == {"error"}
        assert set(server.seen.values()) == {1}


@pytest.mark.parametrize(
    "finish", ["\x1b[2J\ud800", ["stop"], {"a": [1]}, None, 7, "length" * 100_000]
)
def test_an_end_that_is_none_is_an_error_in_a_short_line(
    server: Server, engine: ServerEngine, finish: Any
) -> None:
    server.misbehave = lambda prompt, times: answer(finish_reason=finish)
    (got,) = engine.generate(REQUESTS[:1], SAMPLING)
    said = str(got.error)
    assert said.startswith("the server ended it with ")
    assert said.isprintable()
    assert len(said) < 200


def test_a_deeply_nested_refusal_is_a_refusal(server: Server, engine: ServerEngine) -> None:
    server.misbehave = lambda prompt, times: lambda handler, body: handler.answer(DEEP, 400)
    (got,) = engine.generate(REQUESTS[:1], SAMPLING)
    assert str(got.error).startswith("the server refuses it: status 400 ([[[[")


def test_a_server_that_hangs_or_trickles_is_left_after_the_timeout(
    server: Server, model_folder: Path, expected: list[Any]
) -> None:
    def hang(handler: Any, body: dict[str, Any]) -> None:
        server.ended.wait(30)

    def trickle(handler: Any, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not server.ended.wait(0.05):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return

    def slow_headers(handler: Any, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.flush_headers()
        for number in range(10_000):
            if server.ended.wait(0.05):
                return
            try:
                handler.wfile.write(b"X-%d: y\r\n" % number)
            except OSError:
                return

    engine = ServerEngine(
        model_folder, base_url=server.url, retries=1, backoff=0.01, timeout=0.4, concurrency=4
    )
    server.seen.clear()
    slow = {21: slow_headers, 22: hang, 23: trickle}
    server.misbehave = lambda prompt, times: slow.get(prompt) if times <= 1 else None
    assert in_order(REQUESTS, engine.generate(REQUESTS, SAMPLING)) == expected
    server.misbehave = lambda prompt, times: slow.get(prompt)
    got = in_order(REQUESTS[:5], engine.generate(REQUESTS[:5], SAMPLING))
    assert [g.error for g in got if g.error] == [
        "the server failed 2 times: no answer within 0.4 s"
    ] * 3


def test_a_server_that_is_gone_ends_the_run_and_what_was_finished_stays(
    server: Server, engine: ServerEngine, expected: list[Any], tmp_path: Path
) -> None:
    server.misbehave = lambda prompt, times: status(502) if prompt > 25 else None
    with Journal(tmp_path) as journal:
        stream = generate_journaled(engine, REQUESTS, SAMPLING, journal)
        with pytest.raises(EngineError, match="has failed 8 requests in a row, each 3 times; the"):
            list(stream)
    server.misbehave = lambda prompt, times: None
    server.bodies.clear()
    with Journal(tmp_path) as journal:
        got = in_order(REQUESTS, generate_journaled(engine, REQUESTS, SAMPLING, journal))
    assert got == expected
    assert len(server.bodies) == len(REQUESTS) - 6


def test_a_refused_request_is_an_error_at_once(server: Server, engine: ServerEngine) -> None:
    server.misbehave = lambda prompt, times: status(400) if prompt == 21 else None
    long = GenerationRequest("long", [0, 77, *[30] * 50], 0)
    got = in_order([*REQUESTS[:3], long], engine.generate([*REQUESTS[:3], long], SAMPLING))
    assert got[1].error == "the server refuses it: status 400 (so)"
    assert "no room in the model's context of 40" in str(got[3].error)
    assert server.seen[21] == 1
    assert server.seen[77] == 0
    assert got[0].error is got[2].error is None


def test_no_more_requests_are_under_way_than_allowed(server: Server, engine: ServerEngine) -> None:
    taken = 0

    def stream() -> Iterator[GenerationRequest]:
        nonlocal taken
        for request in REQUESTS:
            taken += 1
            yield request

    def slowly(handler: Any, body: dict[str, Any]) -> None:
        time.sleep(0.02)
        handler.answer(good(body))

    server.misbehave = lambda prompt, times: slowly
    for position, _ in enumerate(engine.generate(stream(), SAMPLING)):
        assert taken <= position + 1 + 4
    assert 1 < server.most_busy <= 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It is sunny.", "strips special tokens: a completion that ended has no end token"),
        ("", "strips special tokens"),
    ],
)
def test_a_server_that_strips_special_tokens_is_refused(
    server: Server, engine: ServerEngine, text: str, said: str
) -> None:
    server.misbehave = lambda prompt, times: raw(
        {"choices": [{"text": text, "finish_reason": "stop"}]}
    )
    with pytest.raises(EngineError, match=said):
        list(engine.generate(REQUESTS, SAMPLING))


def test_text_with_its_special_tokens_is_as_good_as_ids(
    server: Server, engine: ServerEngine
) -> None:
    text = "<|python_tag|>search the web<|eom_id|>"
    server.misbehave = lambda prompt, times: raw(
        {"choices": [{"text": text, "finish_reason": "stop"}]}
    )
    (generation,) = engine.generate(REQUESTS[:1], SAMPLING)
    assert generation.text == text
    assert generation.token_ids[0] == engine.tokenizer.convert_tokens_to_ids("<|python_tag|>")


def test_a_server_that_adds_to_the_prompt_is_refused(server: Server, engine: ServerEngine) -> None:
    server.misbehave = lambda prompt, times: (
        lambda handler, body: handler.answer({**good(body), "usage": {"prompt_tokens": 4}})
    )
    with pytest.raises(EngineError, match="put 4 tokens before the model where 3 were sent"):
        list(engine.generate(REQUESTS, SAMPLING))


def test_an_api_key_reaches_the_server_and_nothing_else(
    server: Server, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def engine(**options: Any) -> ServerEngine:
        return ServerEngine(model_folder, base_url=server.url, **FAST, **options)

    keyed, plain = engine(api_key=KEY), engine()
    list(keyed.generate(REQUESTS[:1], SAMPLING))
    assert server.keys == {f"Bearer {KEY}"}
    assert KEY.encode() not in pickle.dumps(keyed)
    assert Hasher.hash(keyed) == Hasher.hash(plain)
    assert KEY not in repr(keyed)
    server.misbehave = lambda prompt, times: (
        lambda handler, body: handler.answer({"error": handler.headers["Authorization"]}, 400)
    )
    (refused,) = keyed.generate(REQUESTS[:1], SAMPLING)
    assert refused.error == "the server refuses it: status 400 (Bearer ***)"
    server.misbehave = lambda prompt, times: status(401)
    with pytest.raises(EngineError, match=rf"refuses the API key .*; set {KEY_VARIABLE}\."):
        list(plain.generate(REQUESTS[:1], SAMPLING))
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    server.keys.clear()
    pickle.loads(pickle.dumps(plain)).check()
    assert server.keys == {f"Bearer {KEY}"}


def test_a_redirect_is_not_followed_with_the_key(server: Server, engine: ServerEngine) -> None:
    server.misbehave = lambda prompt, times: status(307, Location="http://127.0.0.1:9/v1")
    with pytest.raises(EngineError, match=r"has no such API \(status 307"):
        list(engine.generate(REQUESTS[:1], SAMPLING))


def test_a_caller_that_stops_ends_what_is_under_way(server: Server, engine: ServerEngine) -> None:
    def hang(handler: Any, body: dict[str, Any]) -> None:
        server.ended.wait(300)

    server.misbehave = lambda prompt, times: hang if prompt > 20 else None
    stream = engine.generate(REQUESTS, SAMPLING)
    assert next(stream).key == "s0"
    stream.close()
    for thread in threading.enumerate():
        if thread.name.startswith("cb-datasets-server"):
            thread.join(120)
            assert not thread.is_alive()


def test_what_cannot_work_is_said_in_one_sentence(server: Server, model_folder: Path) -> None:
    def refused(**options: Any) -> str:
        with pytest.raises(EngineError) as caught:
            load_engine("server", model_folder, **{**FAST, "base_url": server.url, **options})
        assert "\n" not in str(caught.value)
        return str(caught.value)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert "cannot be used (ConnectionRefusedError" in refused(base_url=nobody)
    assert "base_url must be an HTTP URL" in refused(base_url="localhost:8000")
    assert "base_url must be an HTTP URL" in refused(base_url="http://user:pw@host/v1")
    assert refused(served_name="other").endswith(
        "does not serve 'other'; it serves 'the-model' (name one with served_name)."
    )
    assert "concurrency is 0" in refused(concurrency=0)
    assert "server backend has no option 'dtype'" in refused(dtype="auto")


def test_an_engine_is_its_specification(server: Server, engine: ServerEngine) -> None:
    before = engine.fingerprint(), Hasher.hash(engine), pickle.dumps(engine)
    list(engine.generate(REQUESTS[:2], SAMPLING))
    assert (engine.fingerprint(), Hasher.hash(engine), pickle.dumps(engine)) == before
    assert pickle.loads(before[2]).fingerprint() == before[0]
    assert isinstance(engine, Engine)
    elsewhere = ServerEngine(engine._files.folder, base_url="http://127.0.0.1:1/v1")
    assert elsewhere.fingerprint() == before[0]
    assert os.fspath(engine._files.folder) not in engine.model


def escaped(handler: Any, body: dict[str, Any]) -> None:
    handler.answer({"error": {"message": "".join(ESCAPES)}}, 400)


def escaped_raw(handler: Any, body: dict[str, Any]) -> None:
    handler.answer("\n".join(ESCAPES).encode(), 500)


def escaped_status(handler: Any, body: dict[str, Any]) -> None:
    handler.wfile.write(f"HTTP/1.1 {''.join(ESCAPES[:3])}\r\n\r\n".encode())
    handler.close_connection = True


@pytest.mark.parametrize("how", [escaped, escaped_raw, escaped_status])
def test_what_a_server_says_is_text_on_one_line(
    server: Server, engine: ServerEngine, how: Any
) -> None:
    server.misbehave = lambda prompt, times: how if prompt == 20 else None
    got = list(engine.generate(REQUESTS[:2], SAMPLING))
    (said,) = [g.error for g in got if g.error]
    assert said.isprintable()
    assert "\\x1b[35;45mpink" in said
