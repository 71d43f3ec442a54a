"""Render and encode prompts, next to the tokenizer's own `apply_chat_template(tokenize=True)`.

    python -m tests.benchmarks.render_throughput

On the real Llama 3.1 tokenizer (from `llama-models`), with prompts of the demo suite and of the
real AgentDojo traces; those whose history has parallel calls are left out, since the template
refuses them. All contenders give the same ids, which is checked first.
"""

from __future__ import annotations

import sys
from typing import Any

import cb_datasets as cb
from cb_datasets.formats import render_prompt
from tests.benchmarks.timing import cpu_seconds, realdata
from tests.formats.llama31.real_tokenizer import load_real_tokenizer

SCENARIOS = 400


def scenarios(name: str, files: Any) -> list[dict[str, Any]]:
    found = cb.load_source(name, files).select(range(SCENARIOS)).to_list()
    return [
        row
        for row in found
        if all(len(message.get("tool_calls") or []) < 2 for message in row["messages"])
    ]


def main() -> int:
    tokenizer = load_real_tokenizer()
    format_prompt = cb.FormatPrompt(tokenizer)
    print("prompts        rows  tokens  render_prompt ÷ template  FormatPrompt ÷ template")
    for name, files in (("demo", None), ("agentdojo", realdata() / "agentdojo")):
        rows = scenarios(name, files)

        def template(rows: Any = rows) -> list[list[int]]:
            return [
                tokenizer.apply_chat_template(
                    row["messages"],
                    tools=row["tools"] or None,
                    add_generation_prompt=True,
                    tokenize=True,
                    return_dict=False,
                )
                for row in rows
            ]

        def one_by_one(rows: Any = rows) -> list[list[int]]:
            return [
                render_prompt(row["messages"], row["tools"], tokenizer=tokenizer).token_ids
                for row in rows
            ]

        def batched(rows: Any = rows) -> list[list[int]]:
            columns = {key: [row[key] for row in rows] for key in ("messages", "tools")}
            return list(format_prompt(columns)["prompt_token_ids"])

        assert template() == one_by_one() == batched()
        best = cpu_seconds({"template": template, "single": one_by_one, "batch": batched}, 5)
        tokens = sum(map(len, batched()))
        print(
            f"{name:12} {len(rows):6} {tokens:7} {best['single'] / best['template']:25.2f} "
            f"{best['batch'] / best['template']:24.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
