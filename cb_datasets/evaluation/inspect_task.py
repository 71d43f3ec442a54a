"""The eval set as a task of inspect_ai, graded by this library's grader.

In: a dataset folder or rows of an eval set. Out: a `Task`, a sample for each row and number. Needs
the extra `inspect`. With `inspect eval cb_datasets/circuit_breaker_eval -T folder=FOLDER` it runs:

- `--model cb_datasets/tiny-agent` (or a model folder): this library's engine, token for token;
- `--model hf/NAME -M chat_template=...` with `RAW_TEMPLATE`: transformers through inspect_ai;
- any model behind an API, with `-T prompt=chat`: messages and tools, as that API renders them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from inspect_ai.scorer import Metric, SampleScore, Score, Target, metric, scorer
from inspect_ai.solver import Generate, TaskState, solver
from inspect_ai.tool import ToolCall as InspectToolCall
from inspect_ai.tool import ToolInfo, ToolParams

from cb_datasets.engines.protocol import Generation
from cb_datasets.errors import EvalError
from cb_datasets.evaluation.grading import Grade, Said, grade
from cb_datasets.evaluation.metrics import metrics
from cb_datasets.evaluation.options import EvalSamplingOptions
from cb_datasets.evaluation.run import EvalSet, eval_set_rows
from cb_datasets.evaluation.samples import EvalSample, RowFacts, row_facts
from cb_datasets.formats.calls import ParsedCompletion, ToolCall
from cb_datasets.formats.render import render_prompt
from cb_datasets.options import checked
from cb_datasets.records import EvalRow
from cb_datasets.schema import json_object

RAW_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""A chat template that leaves the prompt as it is, for providers that insist on one.

With a tokenizer that adds begin-of-text by itself, switch that off as well (for `hf`:
`-M tokenizer_call_args='{"add_special_tokens": false}'`).
"""

PROMPTS = ("text", "chat")
ENGINE_OUTPUT = "cb_datasets"
"""Where an output carries what this library's engine gave: token ids and finish reason."""


_SAMPLING = checked(EvalSamplingOptions, {}, EvalError)


@task
def circuit_breaker_eval(
    folder: str | EvalSet,
    num_samples: int = _SAMPLING["num_samples"],
    prompt: str = "text",
    temperature: float = _SAMPLING["temperature"],
    max_new_tokens: int = _SAMPLING["max_new_tokens"],
    seed: int = _SAMPLING["seed"],
) -> Task:
    """The eval set of a dataset folder.

    Args:
        folder: A dataset folder, or the rows themselves.
        num_samples: Samples a row; each is a sample of its own, so leave `--epochs` at 1.
        prompt: `text`: the prompt as one text, prefill included, which the provider must hand on
            as it is. `chat`: messages and tools; the prefill is the beginning of the assistant's
            message, which not every API goes on with.
        temperature: Sampling temperature.
        max_new_tokens: Limit of a completion, behind its prefill.
        seed: See `evaluate`; providers other than this library's use it their own way.
    """
    sampling = {"num_samples": num_samples, "temperature": temperature, "seed": seed}
    checked(EvalSamplingOptions, {**sampling, "max_new_tokens": max_new_tokens}, EvalError)
    if prompt not in PROMPTS:
        raise EvalError(f"prompt is {prompt!r}; it must be one of {', '.join(PROMPTS)}")
    rows = eval_set_rows(folder)
    samples = [
        Sample(id=f"{row['id']}#sample{n}", input=row["id"], metadata={"row": row, "sample": n})
        for row in rows
        for n in range(num_samples)
    ]
    return Task(
        dataset=MemoryDataset(samples, name="circuit_breaker_eval"),
        solver=put_row(prompt),
        scorer=grade_row(),
        config=GenerateConfig(temperature=temperature, max_tokens=max_new_tokens, seed=seed),
        # An engine's failure is an `error` of its sample; one of inspect_ai's is the sample's end.
        fail_on_error=False,
    )


@solver
def put_row(prompt: str = "text") -> Callable[..., Any]:
    """Put a row before the model; no tool is run."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        row: EvalRow = state.metadata["row"]
        if prompt == "text":
            state.messages = [_as_text(row, state.metadata["sample"])]
            return await generate(state)
        messages = [_message(m) for m in map(json_object, row["messages"])]
        if row["prefill"]:
            messages.append(ChatMessageAssistant(content=row["prefill"]))
        state.messages = messages
        tools = [_tool(tool) for tool in map(json_object, row["tools"])]
        state.output = await get_model().generate(messages, tools=tools)
        return state

    return solve


@metric
def circuit_breaker_metrics() -> Metric:
    """The metrics of `evaluate`, by name; one that nothing was counted for is not there."""

    def compute(scores: list[SampleScore]) -> Any:
        found = metrics(eval_sample(score.score) for score in scores)
        return {name: own.value for name, own in found.items()}

    return compute


@scorer(metrics=[circuit_breaker_metrics()])
def grade_row() -> Callable[..., Any]:
    """Grade the output as `grade` does; the score's value is the outcome."""

    async def score(state: TaskState, target: Target) -> Score:
        row: EvalRow = state.metadata["row"]
        completion = completion_of(state.output, row)
        found = grade(row, completion)
        return Score(
            value=found.outcome,
            answer=state.output.completion,
            explanation=found.reason,
            metadata={
                "grade": asdict(found),
                "facts": asdict(row_facts(row)),
                "sample_index": state.metadata["sample"],
                "finish_reason": getattr(completion, "finish_reason", "stop"),
            },
        )

    return score


def completion_of(output: ModelOutput, row: EvalRow) -> Said:
    """What a model said behind the prefill, from an output of any provider.

    Calls that the provider has read count as they are; otherwise its text is read.
    """
    if output.error is not None or output.empty:
        return Generation.failed(row["id"], output.error or "the provider gave no output")
    message = output.message
    text = message.text
    cut = output.stop_reason in ("max_tokens", "model_length")
    own = (output.metadata or {}).get(ENGINE_OUTPUT)
    if own is not None:
        return Generation(row["id"], own["token_ids"], own["text"], own["finish_reason"])
    if row["prefill"] and text.startswith(row["prefill"]):
        text = text[len(row["prefill"]) :]
    if message.tool_calls and not cut:
        return ParsedCompletion(
            content=text,
            calls=tuple(ToolCall(call.function, call.arguments) for call in message.tool_calls),
            problems=tuple(c.parse_error for c in message.tool_calls if c.parse_error),
        )
    return Generation(row["id"], [], text, "length" if cut else "stop")


def eval_sample(score: Score) -> EvalSample:
    """The graded sample that a score of `grade_row` stands for, as `evaluate` makes them."""
    held = score.metadata or {}
    return EvalSample(
        facts=RowFacts(**held["facts"]),
        sample_index=held["sample_index"],
        grade=Grade(**held["grade"]),
        assistant_raw=score.answer or "",
        completion_token_ids=(),
        finish_reason=held["finish_reason"],
    )


def _as_text(row: EvalRow, sample: int) -> ChatMessageUser:
    messages = [json_object(message) for message in row["messages"]]
    rendered = render_prompt(messages, [json_object(tool) for tool in row["tools"]])
    return ChatMessageUser(
        content=rendered.text + row["prefill"],
        metadata={
            "row_id": row["id"],
            "sample": sample,
            "prompt_token_ids": row["prompt_token_ids"],
            "prefill_token_ids": row["prefill_token_ids"],
            # As text they would come alive again; only this library's engine is handed the ids.
            "neutralized_control_tokens": rendered.neutralized_control_tokens,
        },
    )


def _message(message: Mapping[str, Any]) -> ChatMessage:
    content = message.get("content")
    text = content if isinstance(content, str) else "" if content is None else str(content)
    role = message["role"]
    if role == "system":
        return ChatMessageSystem(content=text)
    if role in ("tool", "ipython"):
        return ChatMessageTool(content=text, function=message.get("name"), tool_call_id="call0")
    if role == "assistant":
        return ChatMessageAssistant(content=text, tool_calls=_calls(message) or None)
    return ChatMessageUser(content=text)


def _calls(message: Mapping[str, Any]) -> list[InspectToolCall]:
    found = []
    for number, call in enumerate(message.get("tool_calls") or []):
        function = call.get("function", call)
        arguments = json_object(function.get("arguments")) or {}
        found.append(InspectToolCall(f"call{number}", function["name"], arguments))
    return found


def _tool(tool: Mapping[str, Any]) -> ToolInfo:
    function = tool.get("function", tool)
    parameters = function.get("parameters") or {}
    return ToolInfo(
        name=function["name"],
        description=function.get("description") or function["name"],
        parameters=ToolParams(
            properties=parameters.get("properties") or {},
            required=parameters.get("required") or [],
        ),
    )
