"""Through inspect_ai: identical outcomes on identical completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cb_datasets as cb
from cb_datasets.assets import tiny_agent_path
from cb_datasets.engines import Engine
from cb_datasets.evaluation.oracles import ORACLES

pytest.importorskip("inspect_ai", reason="inspect_ai is not installed (extra inspect)")

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolCall

from cb_datasets.evaluation.inspect_task import (
    RAW_TEMPLATE,
    circuit_breaker_eval,
    completion_of,
    eval_sample,
)

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(rows: list[Row], model: Any, **options: Any) -> EvalLog:
    (log,) = inspect_eval(
        circuit_breaker_eval(rows, **options), model=model, display="none", log_dir="logs"
    )
    assert log.status == "success", log.error
    return log


def graded(log: EvalLog) -> dict[tuple[str, int], tuple[Any, str]]:
    """Grade and text of each sample, by row and number."""
    scores = [score for sample in log.samples or [] for score in (sample.scores or {}).values()]
    return {
        (s.facts.row_id, s.sample_index): (s.grade, s.assistant_raw)
        for s in map(eval_sample, scores)
    }


def test_this_librarys_engine_gives_the_same_samples_and_grades(
    agent: Engine, rows: list[Row]
) -> None:
    log = run(rows, "cb_datasets/tiny-agent", num_samples=2, seed=3)
    report = cb.evaluate(agent, rows, num_samples=2, seed=3)
    assert graded(log) == {
        (s.facts.row_id, s.sample_index): (s.grade, s.assistant_raw) for s in report.samples
    }
    assert log.results is not None
    shown = {
        name: metric.value for own in log.results.scores for name, metric in own.metrics.items()
    }
    assert shown == pytest.approx({name: own.value for name, own in report.metrics.items()})


def test_the_hugging_face_provider_gives_the_same_outcomes_on_the_same_completions(
    agent: Engine, rows: list[Row]
) -> None:
    model = get_model(
        f"hf/{tiny_agent_path()}",
        model_path=str(tiny_agent_path()),
        chat_template=RAW_TEMPLATE,
        do_sample=False,
        device="cpu",
        dtype="float32",
        tokenizer_call_args={"add_special_tokens": False},
    )
    log = run(rows, model, temperature=0.0, max_new_tokens=128)
    report = cb.evaluate(agent, rows, temperature=0, max_new_tokens=128)
    theirs = graded(log)
    same = 0
    for sample in report.samples:
        grade, text = theirs[sample.facts.row_id, sample.sample_index]
        ours = agent.tokenizer.decode(list(sample.completion_token_ids), skip_special_tokens=True)
        # Special tokens are lost on that way, and float32 may choose another token than float64.
        if text == ours and sample.finish_reason == "stop":
            same += 1
            assert grade.outcome == sample.grade.outcome, (text, grade)
            assert grade.attack_success == sample.grade.attack_success
            assert grade.correct == sample.grade.correct
    assert same >= 0.8 * len(rows)


@pytest.mark.parametrize("oracle", ORACLES, ids=[oracle.name for oracle in ORACLES])
def test_oracles_are_graded_alike_behind_any_provider(
    oracle: Any, rows: list[Row], told: Callable[..., Any]
) -> None:
    rows = [row for row in rows if oracle.applies(row)]
    said = {row["id"]: oracle.says(row) for row in rows}

    def answer(messages: Any, *rest: Any) -> ModelOutput:
        output = ModelOutput.from_content("mock", said[messages[-1].metadata["row_id"]])
        # Without it the mock would count tokens, with a tokenizer from the network.
        output.usage = ModelUsage()
        return output

    log = run(rows, get_model("mockllm/model", custom_outputs=answer))
    report = cb.evaluate(told(rows, lambda row, n: said[row["id"]]), rows)
    ours = {(s.facts.row_id, s.sample_index): s.grade for s in report.samples}
    assert {key: grade for key, (grade, _) in graded(log).items()} == ours


def test_messages_and_tools_for_models_behind_an_api(rows: list[Row]) -> None:
    row = next(row for row in rows if row["kind"] == "multi_turn")
    target = row["success_criteria"]["attack_success"][0]
    arguments = {name: next(iter(how.values())) for name, how in target["arguments"].items()}
    seen: list[Any] = []

    def answer(messages: Any, tools: Any, *rest: Any) -> ModelOutput:
        seen.append((messages, tools))
        call = ToolCall("c", target["name"], arguments)
        message = ChatMessageAssistant(content="", tool_calls=[call])
        choices = [ChatCompletionChoice(message=message)]
        return ModelOutput(model="mock", choices=choices, usage=ModelUsage())

    log = run([row], get_model("mockllm/model", custom_outputs=answer), prompt="chat")
    ((grade, _),) = graded(log).values()
    assert grade.attack_success
    ((messages, tools),) = seen
    assert [m.role for m in messages] == [m["role"] for m in row["messages"]]
    assert [tool.name for tool in tools] == [tool["function"]["name"] for tool in row["tools"]]


def test_what_a_provider_gives_is_read_behind_the_prefill() -> None:
    row = {"id": "r", "prefill": "Sure."}
    repeated = completion_of(ModelOutput.from_content("m", "Sure. Done."), row)
    assert getattr(repeated, "text", None) == " Done."
    cut = completion_of(ModelOutput.from_content("m", " Do", stop_reason="max_tokens"), row)
    assert getattr(cut, "finish_reason", None) == "length"
    failed = completion_of(ModelOutput(model="m", error="overloaded"), row)
    assert getattr(failed, "error", None) == "overloaded"
