"""The control tokens of Llama 3.1, by name and as text."""

from __future__ import annotations

import re

BEGIN_OF_TEXT = "<|begin_of_text|>"
END_OF_TEXT = "<|end_of_text|>"
START_HEADER = "<|start_header_id|>"
END_HEADER = "<|end_header_id|>"
EOM = "<|eom_id|>"
EOT = "<|eot_id|>"
PYTHON_TAG = "<|python_tag|>"
PAD = "<|finetune_right_pad_id|>"

END_TOKENS: dict[str, str] = {
    "eom_id": EOM,
    "eot_id": EOT,
    "end_of_text": END_OF_TEXT,
}
"""Tokens that end a completion: eom_id expects a tool result, eot_id ends the turn."""

CONTROL_TOKENS = (
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    START_HEADER,
    END_HEADER,
    EOM,
    EOT,
    PYTHON_TAG,
    PAD,
)
"""Every control token that this library itself reads or writes."""

CONTROL_TOKEN = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))
