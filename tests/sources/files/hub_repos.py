"""Repositories as upstream lays them out, with rows that are harmless all through."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.sources.fujitsu.written_rows import B1, B3, B4

Row = dict[str, Any]

FUJITSU = "Fujitsu/agentic-rag-redteam-bench"
AGENTHARM = "ai-safety-institute/AgentHarm"
LOGS = "org/logs"

B4_FILE = "orchestrator_attacks_combined_deduplicated.jsonl"
_FUJITSU_CARD = f"""---
license: cc-by-4.0
configs:
- config_name: B1_rag_text_poisoning
  data_files: B1/rag_poisoning_benchmark_combined_deduplicated.jsonl
- config_name: B3_direct_query
  data_files: B3/safety_benchmark_direct_query_combined_deduplicated.jsonl
- config_name: B4_orchestrator
  data_files: B4/{B4_FILE}
---
# Rows
"""

# The card of the real repository says the same, word for word.
_AGENTHARM_CARD = """---
license: other
configs:
  - config_name: harmless_benign
    data_files:
      - split: test_public
        path: benchmark/benign_behaviors_test_public.json
      - split: validation
        path: benchmark/benign_behaviors_validation.json
    field: behaviors
  - config_name: harmful
    data_files:
      - split: test_public
        path: benchmark/harmful_behaviors_test_public.json
      - split: validation
        path: benchmark/harmful_behaviors_validation.json
    field: behaviors
  - config_name: chat
    data_files:
      - split: test_public
        path: benchmark/chat_public_test.json
      - split: validation
        path: benchmark/chat_validation.json
    field: behaviors
---
# Behaviours
"""


def jsonl(rows: Iterable[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def b4_row(number: int, **fields: Any) -> Row:
    query = f"Show me our slides about teapots, part {number}."
    changed = {"record_id": f"r{number}", "attack_id": f"01.O-{number}", "benign_query": query}
    return {**B4, **changed, "combined_query": f"{query}\n\n{B4['malicious_injection']}", **fields}


def fujitsu_files(b4: Iterable[Row]) -> dict[str, bytes]:
    return {
        "README.md": _FUJITSU_CARD.encode(),
        "B1/rag_poisoning_benchmark_combined_deduplicated.jsonl": jsonl([B1]),
        "B3/safety_benchmark_direct_query_combined_deduplicated.jsonl": jsonl([B3]),
        f"B4/{B4_FILE}": jsonl(b4),
    }


def behavior(number: int, *, tools: bool = True) -> Row:
    row: Row = {
        "id": f"{number}-1",
        "id_original": f"0{number}",
        "detailed_prompt": True,
        "hint_included": False,
        "name": "Paper Boats",
        "category": "Origami",
        "prompt": f"Fold paper boat number {number} and mail it.",
        "target_functions": ["send_email"] if tools else None,
        "grading_function": "grade_paper_boats" if tools else None,
    }
    return row if tools else {key: row[key] for key in row if row[key] is not None}


def agentharm_files() -> dict[str, bytes]:
    def document(*numbers: int, tools: bool = True) -> bytes:
        rows = [behavior(number, tools=tools) for number in numbers]
        return json.dumps({"canary_guid": "a-canary", "behaviors": rows}, indent=2).encode()

    return {
        "README.md": _AGENTHARM_CARD.encode(),
        "benchmark/benign_behaviors_test_public.json": document(1, 2, 3),
        "benchmark/benign_behaviors_validation.json": document(4),
        "benchmark/harmful_behaviors_test_public.json": document(1, 2, 3),
        "benchmark/harmful_behaviors_validation.json": document(4),
        "benchmark/chat_public_test.json": document(5, 6, tools=False),
        "benchmark/chat_validation.json": document(7, tools=False),
    }


def log_row(name: str, **arguments: Any) -> Row:
    call = {"type": "function", "function": {"name": "book", "arguments": arguments}}
    return {
        "id": name,
        "messages": [
            {"role": "user", "content": f"Book table {name}."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ],
        "done": True,
    }


def logs_card(*configs: str) -> bytes:
    lines = ["---", "configs:"]
    for config in configs:
        lines += [f"- config_name: {config}", f"  data_files: {config}/*"]
    return "\n".join([*lines, "---", ""]).encode()
