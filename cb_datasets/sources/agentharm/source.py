"""AgentHarm behaviours to scenarios: harmful requests, their benign twins, and chat requests.

In: rows of AgentHarm's `behaviors`, prompts without completions. Out: one scenario per row, without
a recorded completion. This library ships none of these texts and wraps them in nothing: the prompt
is the user's message as it stands, and the tools are those the behaviour names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from typing_extensions import TypedDict, Unpack

from cb_datasets.options import Option
from cb_datasets.records import Attack, CallPattern, Expected, Scenario, ScenarioProvenance
from cb_datasets.sources.agentharm.facts import agentharm_tools
from cb_datasets.sources.files.data_files import SUFFIXES
from cb_datasets.sources.rows import ReadRow, RowPlace, SkipRow
from cb_datasets.sources.source import Source

CONFIGS = ("harmful", "harmless_benign", "benign", "chat")
"""AgentHarm's configs, and `benign`, which its files are called."""

_KINDS = {"harmful": "harmful", "harmless": "benign", "benign": "benign", "chat": "chat"}


class AgentHarmOptions(TypedDict, total=False):
    """Which behaviours of AgentHarm are read."""

    config: Annotated[
        str | None,
        Option(
            None, "What the behaviours are, where the file's name does not tell.", choices=CONFIGS
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Behavior:
    """A row, checked."""

    kind: str
    id: str
    id_original: str | None
    prompt: str
    functions: tuple[str, ...]
    name: str | None
    category: str | None
    variant: tuple[str, ...]

    @property
    def family(self) -> str:
        """What all variants of a behaviour share, harmful or benign."""
        # Ids are counted anew in each split; only the original one is the behaviour's own.
        return re.sub(r"(?<=.)-\d+$", "", self.id_original or f"id-{self.id}")

    def scenario_id(self, kind: str) -> str:
        """The id of this variant of the behaviour, among behaviours of a kind."""
        stem = f"{self.family}/{self.id}" if self.id_original else self.id
        return f"agentharm/{kind}/{stem}"


def read_agentharm(
    row: dict[str, Any], place: RowPlace, *, config: str | None = None
) -> Iterable[Scenario]:
    """The scenario of an AgentHarm behaviour.

    Args:
        row: One of the `behaviors` of an AgentHarm file.
        place: Where it stands; the file's name tells harmful, benign and chat behaviours apart.
        config: One of `CONFIGS`, for a file whose name does not tell.

    Returns:
        One scenario. Its group is what the benign twin and all variants of a behaviour share, and
        `twin_id` of a harmful one is the id of the benign behaviour of the same variant. To call a
        function that a harmful behaviour names is the attack's success, to refuse is right.

    Raises:
        SkipRow: For a row that holds the canary and no behaviour.
        ValueError: For a row that is no behaviour, or where nothing tells its kind.

    Example:
        >>> row = {"id": "3-1", "id_original": "79", "prompt": "Run ls.", "name": "Files",
        ...        "target_functions": ["terminal"]}
        >>> [twin] = read_agentharm(row, RowPlace("benign_behaviors_validation.json", 1))
        >>> twin["id"], twin["group"], twin["expected"]["calls"][0]["name"]
        ('agentharm/benign/79/3-1', 'agentharm/79', 'terminal')
    """
    if "canary_guid" in row and row.keys().isdisjoint(("behaviors", "id", "prompt")):
        raise SkipRow("canary row: it marks the file and holds no behaviour")
    if "behaviors" in row:
        raise ValueError("the row is a whole file, expected one of its behaviors")
    behavior = _read_behavior(row, _kind(place.file, config))
    offered = {} if behavior.kind == "chat" else agentharm_tools(behavior.kind)
    patterns = [CallPattern(name=name, arguments={}) for name in behavior.functions]
    benign = behavior.kind == "benign"
    return [
        Scenario(
            id=behavior.scenario_id(behavior.kind),
            source="agentharm",
            group=f"agentharm/{behavior.family}",
            messages=[{"role": "user", "content": behavior.prompt}],
            tools=[offered[name] for name in behavior.functions if name in offered],
            expected=_expected(patterns if benign else None),
            attack=None if benign else _attack(behavior, patterns),
            twin_id=behavior.scenario_id("benign") if behavior.kind == "harmful" else None,
            set_aside=_set_aside(behavior, offered),
            provenance=ScenarioProvenance(source_dataset=place.file, record_id=behavior.id),
        )
    ]


def _expected(calls: list[CallPattern] | None) -> Expected:
    if calls is None:
        return Expected(behavior="refusal", calls=[])
    return Expected(behavior="call", calls=calls)


def _kind(file: str, config: str | None) -> str:
    kind = _named_kind(file)
    wanted = kind if config is None else _named_kind(config)
    if wanted is None:
        what = "the file's name does not tell harmful, benign or chat"
        raise ValueError(f"{what}: give config ({', '.join(CONFIGS)})")
    if kind not in (None, wanted):
        raise ValueError(f"config is {config!r}, but the file's name says {kind}")
    return wanted


def _named_kind(text: str) -> str | None:
    named = {_KINDS[word] for word in re.findall("[a-z]+", text.lower()) if word in _KINDS}
    return named.pop() if len(named) == 1 else None


def _read_behavior(row: dict[str, Any], kind: str) -> _Behavior:
    identity, prompt = _identity(row, "id"), _text(row, "prompt")
    if identity is None or prompt is None:
        raise ValueError(f"{'id' if identity is None else 'prompt'} is missing or empty")
    return _Behavior(
        kind=kind,
        id=identity,
        id_original=_identity(row, "id_original"),
        prompt=prompt,
        functions=() if kind == "chat" else _functions(row),
        name=_text(row, "name"),
        category=_text(row, "category"),
        variant=(*_flag(row, "detailed_prompt"), *_flag(row, "hint_included")),
    )


def _attack(behavior: _Behavior, targets: list[CallPattern]) -> Attack:
    if behavior.category is None:
        raise ValueError("category is missing or empty")
    name = behavior.name or behavior.family
    return Attack(
        category=behavior.category,
        template="/".join((behavior.kind, name, *behavior.variant)),
        location="user",
        injection=behavior.prompt,
        targets=targets,
        goal=behavior.name,
        clean_content="",
    )


def _set_aside(behavior: _Behavior, offered: dict[str, dict[str, Any]]) -> str | None:
    if behavior.kind != "chat" and not behavior.functions:
        return "no_target_function: The behaviour names no function, so no call can tell."
    unknown = [repr(name) for name in behavior.functions if name not in offered]
    return f"unknown_tool: AgentHarm has no schema of {', '.join(unknown)}." if unknown else None


def _text(row: dict[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is {type(value).__name__}, expected text")
    return value if value and value.strip() else None


def _identity(row: dict[str, Any], key: str) -> str | None:
    value = row.get(key)
    text = str(value) if type(value) is int else _text(row, key)
    return text and text.strip()


def _flag(row: dict[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{key} is {type(value).__name__}, expected true or false")
    return () if value is None else (f"{key.partition('_')[0]}={str(value).lower()}",)


def _functions(row: dict[str, Any]) -> tuple[str, ...]:
    names = row.get("target_functions")
    if names is None:
        return ()
    if not isinstance(names, (list, tuple)):
        raise ValueError(f"target_functions is {type(names).__name__}, expected a list of names")
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("target_functions holds what is no name, expected a list of names")
    return tuple(dict.fromkeys(names))


def _make_reader(**options: Unpack[AgentHarmOptions]) -> ReadRow:
    return partial(read_agentharm, **options)


SOURCE = Source(
    name="agentharm",
    title="AgentHarm: improper requests to agents with their benign twins, prompts only",
    licence="MIT with a clause: for improving the safety and security of AI systems only; its "
    "authors ask for evaluation use; canary, not to be republished",
    url="https://huggingface.co/datasets/ai-safety-institute/AgentHarm",
    citation="AgentHarm: A Benchmark for Measuring Harmfulness of LLM Agents, arXiv:2410.09024",
    keep_private="it carries a canary, and its authors ask that it is not republished",
    make_reader=_make_reader,
    recorded=False,
    options=AgentHarmOptions,
    suffixes=(*SUFFIXES, ".json"),
    records_key="behaviors",
    hub_repo="ai-safety-institute/AgentHarm",
)
