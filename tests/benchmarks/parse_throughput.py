"""Parse real tool calls in every dialect, next to `json.loads` and to vLLM's parser.

    python -m tests.benchmarks.parse_throughput

The calls are those of the real AgentDojo and τ² traces. `json.loads` reads the same payloads and
does nothing else; vLLM's `llama3_json` parser runs where vLLM is installed, on the dialects that it
knows (it takes bare JSON and a leading tag).
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cb_datasets.formats import ToolCall, parse_completion, render_completion
from cb_datasets.formats.llama31.tokens import PYTHON_TAG
from tests.benchmarks.timing import cpu_seconds, realdata


def traces(folder: Path) -> Iterator[list[dict[str, Any]]]:
    """The messages of each real trace."""
    for path in sorted(folder.glob("agentdojo/*.jsonl*")):
        read = gzip.open if path.suffix == ".gz" else open
        with read(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line).get("messages") or []
    results = folder / "tau2" / "airline_gpt-4o_json" / "results.json"
    for simulation in json.loads(results.read_text(encoding="utf-8"))["simulations"]:
        yield simulation["messages"]


def turns(folder: Path) -> list[list[ToolCall]]:
    """The calls of each real assistant turn that has any."""
    found = []
    for messages in traces(folder):
        for message in messages:
            calls = message.get("tool_calls") or []
            if message["role"] == "assistant" and calls:
                found.append([_call(call) for call in calls])
    return found


def _call(call: dict[str, Any]) -> ToolCall:
    function = call.get("function", call)
    if isinstance(function, str):
        function = {"name": function, "arguments": call["args"]}
    arguments = function["arguments"]
    return ToolCall(
        function["name"], json.loads(arguments) if isinstance(arguments, str) else arguments
    )


def payload(call: ToolCall) -> str:
    return json.dumps({"name": call.name, "parameters": call.arguments}, ensure_ascii=False)


def pythonic(call: ToolCall) -> str:
    return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in call.arguments.items())})"


def typed(call: ToolCall) -> str:
    function = {"type": "function", "name": call.name, "parameters": call.arguments}
    return json.dumps(function, indent=4, ensure_ascii=False)


def tagged(call: ToolCall) -> str:
    return f"<function={call.name}>{json.dumps(call.arguments)}</function>"


DIALECTS: dict[str, Callable[[list[ToolCall]], str]] = {
    "canonical": lambda calls: render_completion("", calls),
    "bare JSON": lambda calls: "; ".join(map(payload, calls)) + "<|eot_id|>",
    "JSON list": lambda calls: f"[{', '.join(map(payload, calls))}]<|eot_id|>",
    "typed, pretty": lambda calls: PYTHON_TAG + "\n".join(map(typed, calls)) + "<|eom_id|>",
    "prose, then bare": lambda calls: f"I will look. {'; '.join(map(payload, calls))}<|eot_id|>",
    "Pythonic": lambda calls: f"[{', '.join(map(pythonic, calls))}]<|eot_id|>",
    "function tag": lambda calls: "".join(map(tagged, calls)) + "<|eot_id|>",
}
VLLM_READS = ("canonical", "bare JSON", "typed, pretty", "prose, then bare")


def vllm_parser() -> Callable[[str], Any] | None:
    """vLLM's parser as a function of the text, or None without vLLM."""
    try:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
        from vllm.tool_parsers.llama_tool_parser import Llama3JsonToolParser
    except ImportError as error:
        print(f"vLLM's parser is left out ({error})")
        return None
    from cb_datasets.models.tokenizer import load_tokenizer

    request = ChatCompletionRequest(messages=[{"role": "user", "content": "Hi."}], model="m")
    parser = Llama3JsonToolParser(load_tokenizer(None))
    return lambda text: parser.extract_tool_calls(text, request)


def without_end(text: str) -> str:
    """The text as vLLM's server hands it to its parser: without the end token."""
    return text.removesuffix("<|eom_id|>").removesuffix("<|eot_id|>")


def main() -> int:
    found = turns(realdata())
    payloads = [[payload(call) for call in calls] for calls in found]
    print(f"{len(found)} turns, {sum(map(len, found))} calls")
    vllm = vllm_parser()
    head = f"{'dialect':18} {'µs a turn':>9} {'× json.loads':>13} {'vLLM ÷ ours':>12}"
    print(f"{head}  calls lost by vLLM")
    for name, render in DIALECTS.items():
        texts = [render(calls) for calls in found]
        for text, calls in zip(texts, found, strict=True):
            assert list(parse_completion(text).calls) == calls, text
        contenders: dict[str, Callable[[], object]] = {
            "json": lambda: [json.loads(text) for texts in payloads for text in texts],
            "ours": lambda texts=texts: [parse_completion(text) for text in texts],
        }
        theirs = [without_end(text) for text in texts]
        lost = ""
        if vllm is not None and name in VLLM_READS:
            contenders["vllm"] = lambda theirs=theirs: [vllm(text) for text in theirs]
            read = sum(len(vllm(text).tool_calls) for text in theirs)
            lost = f"{sum(map(len, found)) - read}"
        best = cpu_seconds(contenders)
        factor = f"{best['vllm'] / best['ours']:.2f}" if "vllm" in best else "-"
        micro = best["ours"] / len(texts) * 1e6
        print(f"{name:18} {micro:9.2f} {best['ours'] / best['json']:13.2f} {factor:>12}  {lost}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
