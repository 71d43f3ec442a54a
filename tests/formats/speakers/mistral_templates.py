"""Mistral's templates: in short, and as `mistral-common` makes them for its own tokenizers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

SPECIALS = (
    *("<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]"),
)
SYSTEM = ("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")


def in_short(call: str, result: str, *, between: str, tag: str, close: str = "") -> str:
    """A template of a version with a turn for the system message."""
    return (
        "{{ bos_token }}{% for m in messages %}"
        "{% if m.role == 'system' %}[SYSTEM_PROMPT]{{ m.content }}[/SYSTEM_PROMPT]"
        "{% elif m.role == 'user' %}{% if tools and not messages[loop.index:] | "
        "selectattr('role', 'equalto', 'user') | list %}"
        "[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}"
        "[INST]{{ m.content }}[/INST]"
        "{% elif m.role == 'tool' %}[TOOL_RESULTS]" + result + "[/TOOL_RESULTS]"
        "{% else %}{{ m.content }}{% if m.tool_calls %}" + tag + "{% for c in m.tool_calls %}"
        "{{ '" + between + "' if not loop.first }}" + call + "{% endfor %}" + close + "{% endif %}"
        "{{ eos_token }}{% endif %}{% endfor %}"
    )


def real(version: str, *, thinking: bool = False) -> Callable[[], str]:
    """What `mistral-common` makes for a version of its byte-level tokenizers."""

    def make() -> str:
        reason = "mistral-common (extra dev) has the templates"
        pytest.importorskip("mistral_common", reason=reason)
        from mistral_common.integrations.chat_templates.template_generator import (
            TemplateConfig,
            build_chat_template,
        )
        from mistral_common.tokens.tokenizers.base import TokenizerVersion

        config = TemplateConfig(
            version=TokenizerVersion(version),
            thinking_support=thinking,
            use_special_token_variables=True,
        )
        return str(build_chat_template(config))

    return make
