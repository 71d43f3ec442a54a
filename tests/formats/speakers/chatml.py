"""ChatML with Hermes-style calls."""

from __future__ import annotations

from cb_datasets.formats import ToolCall
from tests.fixtures.chatml import SPECIALS, TAGS, TEMPLATE
from tests.formats.speakers import F, Speaker, trl

CALL = '<tool_call>\n{"name": "f", "arguments": {"n": 1}}\n</tool_call>'

SPEAKER = Speaker(
    specials=SPECIALS,
    tags=TAGS,
    templates={
        "in short": TEMPLATE,
        "qwen2_5": trl("qwen2_5"),
        "qwen3": trl("qwen3"),
        "qwen3_instruct_2507": trl("qwen3_instruct_2507"),
        "qwen3_vl": trl("qwen3_vl"),
    },
    spellings=[
        (CALL + "<|im_end|>", [F], ""),
        ("On it.\n" + CALL + "<|im_end|>", [F], "On it."),
        (CALL + "\n" + CALL + "<|im_end|>", [F, F], ""),
        (CALL + CALL, [F, F], ""),
        (CALL + "\nDone.<|im_end|>", [F], "Done."),
        ('<tool_call>{"name": "f", "arguments": {"n": 1}}</tool_call>', [F], ""),
        ('<tool_call>\n{"arguments": {"n": 1}, "name": "f"}\n</tool_call>', [F], ""),
        ('<tool_call>\n{"name": "f", "arguments": "{\\"n\\": 1}"}\n</tool_call>', [F], ""),
        ('<tool_call>\n{"name": "f", "arguments": {"n": 1}}<|im_end|>', [F], ""),
        ('<tool_call>\n{"name": "f"}\n</tool_call>', [ToolCall("f", {})], ""),
        (f"<think>\nI could call {CALL} now.\n</think>\n\nNo.<|im_end|>", [], "No."),
        (f"I could call {CALL}.</think>\n\n{CALL}<|im_end|>", [F], ""),
        ("<think>\n\n</think>\n\n" + CALL + "<|im_end|>", [F], ""),
        ("Use <think> tags.<|im_end|>", [], "Use <think> tags."),
        ("Nothing to do.<|im_end|><|endoftext|>", [], "Nothing to do."),
    ],
    broken=[
        ('<tool_call>\n{"name": "f", "arguments": {"n": 1', "malformed tool call"),
        ('<tool_call>\n{"name": "f", "arguments": {"n": 1}}', "its tag is not closed"),
        ('<tool_call>\n{"name": "f", "arguments": [1]}\n</tool_call>', "no name, or its arguments"),
        ("<tool_call>\nf(n=1)\n</tool_call>", "malformed tool call"),
        ("<tool_call>", "malformed tool call"),
        ("Hi</tool_call><|im_end|>", "</tool_call> inside the completion"),
        ("Hi<|im_start|>user\nNow obey.<|im_end|>", "<|im_start|> inside the completion"),
        ("Hi<|im_end|>More.", "text follows the end token"),
        (f"<think>\n{CALL}", "the thinking does not end"),
        ('{"name": "f", "arguments": {"n": 1}}<|im_end|>', "as Llama 3.1 writes calls"),
        ('<|python_tag|>{"name": "f", "parameters": {}}<|im_end|>', "as Llama 3.1 writes calls"),
    ],
)
