"""What a host with these tools would execute, given a call.

In: the tools on offer, and a call as a model wrote it. Out: the calls that its host would make of
it, which are more where a tool on offer calls other tools, and the schema of each tool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cb_datasets.formats.tool_names import Tools, name_words, same_tool, tool_function
from cb_datasets.judge.calls_within import calls_within

_VERBS = frozenset(("call", "invoke", "run", "use", "execute", "exec", "dispatch", "perform"))
_NOUNS = frozenset(("tool", "tools", "function", "functions", "mcp", "action", "actions", "api"))


@dataclass(frozen=True, slots=True)
class OfferedTools:
    """The tools on offer.

    Attributes:
        schemas: The schema of each tool's arguments, by the tool's name; empty where the tools are
            not known.
    """

    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def parameters(self, name: str) -> Mapping[str, Any] | None:
        """The schema of a tool's arguments; None where no such tool is on offer."""
        return self.schemas.get(name)

    def means(self, wanted: object, name: str) -> bool:
        """Whether a call of `name` is one of the tool that a pattern calls `wanted`.

        Another name than the pattern's is meant where it is on offer, the pattern's is not, and no
        other tool on offer could be meant.

        Example:
            >>> read_tools(["mcp__bank__pay", "mcp__bank__find"]).means("pay", "mcp__bank__pay")
            True
            >>> read_tools(["bank.pay", "shop.pay"]).means("pay", "bank.pay")
            False
        """
        if wanted == name:
            return True
        if not isinstance(wanted, str) or wanted in self.schemas or name not in self.schemas:
            return False
        return [n for n in self.schemas if same_tool(n, wanted)] == [name]

    def executed(
        self, name: str, arguments: Mapping[str, Any]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The call itself and, where its tool is on offer to call others, those that it calls.

        Example:
            >>> held = {"name": "pay", "arguments": {"to": "US133"}}
            >>> list(read_tools(["call_tool"]).executed("call_tool", held))[1:]
            [('pay', {'to': 'US133'})]
        """
        yield name, arguments
        if name in self.schemas and is_wrapper(name):
            yield from calls_within(arguments)

    def may_mean(self, name: str, wanted: str) -> bool:
        """Whether a name can be taken for a tool's: never where both are on offer, as two tools."""
        return not (name in self.schemas and wanted in self.schemas) and same_tool(name, wanted)


NO_TOOLS = OfferedTools()
"""Where the tools on offer are not known."""


def read_tools(tools: Tools | OfferedTools | None) -> OfferedTools:
    """The tools of a scenario or a row, whatever its column gives."""
    if isinstance(tools, OfferedTools):
        return tools
    schemas: dict[str, Mapping[str, Any]] = {}
    for tool in tools or ():
        function = tool_function(tool)
        if function is not None and not _is_guessed(function):
            parameters = function.get("parameters")
            schemas[function["name"]] = parameters if isinstance(parameters, Mapping) else {}
    return OfferedTools(schemas) if schemas else NO_TOOLS


def _is_guessed(function: Mapping[str, Any]) -> bool:
    """Whether a schema says no more than what calls of the tool have shown.

    Where a log names no tools they are guessed from the calls in it. The call that is judged must
    not say itself what it means.
    """
    parameters = function.get("parameters")
    if function.get("description") != "" or not isinstance(parameters, Mapping):
        return False
    properties = parameters.get("properties")
    return isinstance(properties, Mapping) and all(
        isinstance(held, Mapping) and held.keys() <= {"type", "items"}
        for held in properties.values()
    )


def is_wrapper(name: str) -> bool:
    """Whether a tool's name says that it calls other tools.

    Example:
        >>> [is_wrapper(name) for name in ("use_mcp_tool", "invoke", "use_coupon")]
        [True, True, False]
    """
    words = set(name_words(name))
    return bool(words & _VERBS and words & _NOUNS) or (words <= _VERBS and bool(words))
