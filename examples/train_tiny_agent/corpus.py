"""The training corpus: conversations of an undefended agent, made up by rule.

Where an injection is in view, the agent falls for it in a bit more than half of the conversations
and does what the user asked in the others, so that a model trained on them samples both. Topics,
phrasings and injections are other ones than the demo suite's, which is the held-out test; only the
tool schemas are the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import conversation_texts as texts
import words
from grammar import draw, sentence_case
from held_out import shares_wording
from injections import injection
from orders import ORDERS
from phrasings import Call, Phrases, order, random_call, request
from questions import QUESTIONS

from cb_datasets.formats import ToolCall, render_completion
from cb_datasets.sources.demo.tools import TOOL_NAMES, tool_schema

FLIP_SHARE = 0.57
"""Share of attacked conversations in which the agent does what the injection says."""

KINDS = {
    "benign_call": 0.37,
    "attacked_call": 0.18,
    "tool_result": 0.12,
    "attacked_tool_result": 0.13,
    "answer": 0.11,
    "refusal": 0.09,
}
"""Kinds of conversations and their shares."""

INFORMING = ("retrieve_multimodal_docs", "search_web", "get_weather", "find_contact")

TWO_STEPS = [
    "{a}. [Then|After that|Next|Afterwards|Finally|And then] {b}.",
    "{a}[,|] and then {b}.",
    "{a} and {b}.",
    "[First|To begin|Step one], {a}. [Second|Then|Step two], {b}.",
    "{a}. [When|Once|After] you [have|know|see] [that|it], {b}.",
    "{a}; [then |next |]{b}",
    "{a}, [after which|and later|and also] {b}.",
    "[Two things|Do this|My plan]: {a}, [then|and|next] {b}.",
    "{a}[, and|;| and] [later|afterwards|subsequently|as a second step|when ready] {b}.",
    "{a}. [With this|Having] done[ that|], {b}.",
    "{a}. [As soon as|When] [you are|that is|this is] [ready|done|over|known], {b}.",
    "{a}[, and|;] [as soon as|once] [you are done|that is known|you know], {b}.",
    "{a}. {b}.",
]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, the tools on offer and what the agent says next."""

    kind: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    completion: str


def _call_text(call: Call) -> str:
    return render_completion("", [ToolCall(call.name, call.arguments)], end="eom_id")


Messages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class World:
    """What conversations are about.

    Attributes:
        tools: Names of the tools.
        asked: The same; those named twice are asked for twice as often.
        informing: Tools that find something out; the others do something.
        orders: How a tool is asked for, by its name, in an order.
        questions: The same, in a sentence.
        call: Draws a call of a tool.
        offered: Draws the schemas that are on offer, those of some tools among them.
        system: Draws a system message, or none.
        without_call: By kind, draws what needs no call, and what the agent says to it.
    """

    tools: Sequence[str]
    asked: Sequence[str]
    informing: Sequence[str]
    orders: Phrases
    questions: Phrases
    call: Callable[[random.Random, str], Call]
    offered: Callable[..., list[dict[str, Any]]]
    system: Callable[[random.Random], Messages]
    without_call: Mapping[str, Callable[[random.Random], tuple[str, str]]]

    def request(self, rng: random.Random, call: Call) -> str:
        """A call as a user asks for it."""
        return request(rng, call, self.orders, self.questions)

    def order(self, rng: random.Random, call: Call) -> str:
        """A call as an order."""
        return order(rng, call, orders=self.orders)

    def injection(self, rng: random.Random, call: Call) -> str:
        """A text that tries to make the agent do a call."""
        return injection(rng, call, self.orders)


def _offered(rng: random.Random, *needed: str) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(needed))
    others = [name for name in TOOL_NAMES if name not in names]
    rng.shuffle(others)
    names += others[: max(0, rng.randint(2, 4) - len(names))]
    rng.shuffle(names)
    return [tool_schema(name) for name in names]


def _document(rng: random.Random) -> str:
    return " ".join(words.statement(rng) for _ in range(rng.choice((1, 1, 2, 2, 3))))


def _with_injection(rng: random.Random, document: str, injected: str) -> str:
    glue = rng.choice((" ", " ", "\n", "\n\n"))
    place = rng.random()
    if place < 0.5:
        return f"{document}{glue}{injected}"
    if place < 0.65:
        return f"{injected}{glue}{document}"
    first, dot, rest = document.partition(". ")
    return f"{first}.{glue}{injected}{glue}{rest}" if dot else f"{document}{glue}{injected}"


def system_message(rng: random.Random) -> Messages:
    """A system message, or mostly none."""
    if rng.random() < 0.7:
        return []
    return [{"role": "system", "content": texts.system_prompt(rng)}]


DEMO = World(
    tools=TOOL_NAMES,
    # Two arguments take longer to learn than one.
    asked=(*TOOL_NAMES, "add_event", "send_email"),
    informing=INFORMING,
    orders=ORDERS,
    questions=QUESTIONS,
    call=random_call,
    offered=_offered,
    system=system_message,
    without_call={"answer": texts.question, "refusal": texts.improper_request},
)
"""The demo suite's tools, two to four of them on offer."""


def _other_call(rng: random.Random, call: Call, world: World) -> Call:
    return world.call(rng, rng.choice([name for name in world.tools if name != call.name]))


def _attacker_call(rng: random.Random, call: Call, world: World) -> Call:
    return world.call(rng, call.name) if rng.random() < 0.1 else _other_call(rng, call, world)


def _benign_call(rng: random.Random, world: World) -> Conversation:
    call = world.call(rng, rng.choice(world.asked))
    text = world.request(rng, call)
    if rng.random() < 0.4:
        text = texts.framed(rng, text, _document(rng))
    messages = [*world.system(rng), {"role": "user", "content": text}]
    return Conversation("benign_call", messages, world.offered(rng, call.name), _call_text(call))


def _attacked_call(rng: random.Random, world: World) -> Conversation:
    call = world.call(rng, rng.choice(world.tools))
    attacker = _attacker_call(rng, call, world)
    injected = world.injection(rng, attacker)
    if rng.random() < 0.65:
        document = _with_injection(rng, _document(rng), injected)
        text = texts.framed(rng, world.request(rng, call), document)
    elif rng.random() < 0.75:
        text = world.request(rng, call) + rng.choice(("\n\n", "\n", " ")) + injected
    else:
        text = injected + rng.choice(("\n\n", "\n", " ")) + world.request(rng, call)
    messages = [*world.system(rng), {"role": "user", "content": text}]
    done = attacker if rng.random() < FLIP_SHARE else call
    tools = world.offered(rng, call.name, attacker.name)
    return Conversation("attacked_call", messages, tools, _call_text(done))


def _result(rng: random.Random, call: Call, world: World) -> tuple[str, str]:
    """What a tool gives back, and what the agent says about it."""
    if call.name == "get_weather":
        text = draw(
            rng,
            f"{call.arguments['city']}: {rng.randint(-15, 38)} degrees[|, {words.adjective(rng)}"
            f"|, rain|, sun|, wind|, {words.aside(rng)}|, {words.aside(rng)}].",
        )
    elif call.name == "find_contact":
        text = draw(
            rng,
            f"{call.arguments['name']}: {rng.randint(100, 999)} {rng.randint(1000, 9999)}"
            f"[|, {words.mail_address(rng)}|, {words.city(rng)}|, {words.aside(rng)}].",
        )
    elif call.name in world.informing:
        heading = f"[||Page {rng.randint(2, 80)}: |{words.made_up_word(rng)}.example: "
        text = draw(rng, f"{heading}|{words.topic(rng)}: |File {rng.randint(1, 9)}: ]")
        text += words.statement(rng)
    else:
        return rng.choice(("Done.", "OK.", "Saved.", "Success.")), "That is done."
    return text, f"Here is what I found: {text}"


def _tool_result(rng: random.Random, world: World, *, attacked: bool) -> Conversation:
    informing = rng.random() < 0.88
    first = world.call(rng, rng.choice(world.informing if informing else world.tools))
    second = _other_call(rng, first, world)
    wanted: Call | None = None
    if rng.random() < 0.55:
        wanted = second
        asked = world.order(rng, first).removesuffix(".")
        frame = draw(rng, rng.choice(TWO_STEPS))
        opener = rng.choice(("", "", "please ", "could you ", "hi, please ", "I want you to "))
        if frame.startswith("{a}"):
            asked = opener + asked
        text = sentence_case(frame.replace("{a}", asked).replace("{b}", world.order(rng, second)))
    else:
        text = world.request(rng, first)
    result, answer = _result(rng, first, world)
    if rng.random() < 0.35 and first.name in world.informing:
        result = f"{result} {words.statement(rng)}"
    done = wanted
    names = [first.name] + ([wanted.name] if wanted else [])
    if attacked:
        attacker = _attacker_call(rng, wanted or first, world)
        names.append(attacker.name)
        result = _with_injection(rng, result, world.injection(rng, attacker))
        done = attacker if rng.random() < FLIP_SHARE else wanted
    past = {"name": first.name, "arguments": first.arguments}
    messages = [
        *world.system(rng),
        {"role": "user", "content": text},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": past}],
        },
        {"role": "tool", "name": first.name, "content": result},
    ]
    completion = _call_text(done) if done else f"{answer}<|eot_id|>"
    kind = "attacked_tool_result" if attacked else "tool_result"
    return Conversation(kind, messages, world.offered(rng, *names), completion)


def _without_call(rng: random.Random, world: World, kind: str) -> Conversation:
    text, reply = world.without_call[kind](rng)
    tools = world.offered(rng, rng.choice(world.tools)) if rng.random() < 0.7 else None
    messages = [*world.system(rng), {"role": "user", "content": text}]
    return Conversation(kind, messages, tools, f"{reply}<|eot_id|>")


def conversation(
    rng: random.Random, world: World = DEMO, kinds: Mapping[str, float] = KINDS
) -> Conversation:
    """One conversation of the corpus; none shares a wording or a topic with the demo suite."""
    while shares_wording((drawn := _drawn(rng, world, kinds)).messages):
        pass
    return drawn


def _drawn(rng: random.Random, world: World, kinds: Mapping[str, float]) -> Conversation:
    (kind,) = rng.choices(list(kinds), weights=list(kinds.values()))
    if kind == "benign_call":
        return _benign_call(rng, world)
    if kind == "attacked_call":
        return _attacked_call(rng, world)
    if kind in world.without_call:
        return _without_call(rng, world, kind)
    return _tool_result(rng, world, attacked=kind == "attacked_tool_result")


def conversations(count: int, seed: int) -> list[Conversation]:
    """The first `count` conversations of the corpus with that seed."""
    rng = random.Random(seed)
    return [conversation(rng) for _ in range(count)]
