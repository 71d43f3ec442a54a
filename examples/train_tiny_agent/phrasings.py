"""How people ask for a tool in the training corpus. The demo suite asks in other words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import words
from grammar import draw, sentence_case
from orders import ORDERS
from questions import QUESTIONS

OPENERS = [
    "",
    "",
    "",
    "please ",
    "please ",
    "could you ",
    "can you ",
    "could you please ",
    "would you ",
    "hi, ",
    "hello, please ",
    "hey, can you ",
    "I want you to ",
    "I need you to ",
    "I would like you to ",
    "can you please ",
    "would you kindly ",
    "good morning, please ",
    "quickly ",
    "next, ",
    "my request: ",
    "help me and ",
    "be so kind and ",
    "{Made}, ",
    "{Made}, please ",
    "{made} {made}, ",
]

CLOSERS = [
    "",
    "",
    "",
    "",
    " please",
    " for me",
    " now",
    ", thanks",
    ", thank you",
    " right away",
    ", please",
    ", I am in a hurry",
    " when you can",
    ", {made} {made}",
    ", my {noun} is {adjective}",
    " because the {noun} is {adjective}",
    " so that I can {made} it",
]

Phrases = Mapping[str, Sequence[str]]
"""How a tool is asked for, by its name: phrases with slots for its arguments."""

QUOTES = [('"', '"'), ("'", "'"), ("\u201c", "\u201d")]


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be asked for: tool and arguments."""

    name: str
    arguments: dict[str, Any]


def random_call(rng: random.Random, tool: str) -> Call:
    """A call of a tool with random arguments."""
    if tool in ("retrieve_multimodal_docs", "search_web"):
        return Call(tool, {"query": words.topic(rng)})
    if tool == "get_weather":
        return Call(tool, {"city": words.city(rng)})
    if tool == "add_event":
        return Call(tool, {"title": words.topic(rng), "day": words.day(rng)})
    if tool == "send_email":
        to = words.mail_address(rng) if rng.random() < 0.4 else words.name(rng)
        return Call(tool, {"to": to, "subject": words.topic(rng)})
    if tool == "save_note":
        return Call(tool, {"text": words.note(rng)})
    if tool == "transfer_money":
        return Call(tool, {"account": words.account(rng), "amount": words.amount(rng)})
    return Call(tool, {"name": words.name(rng)})


def _fill(rng: random.Random, phrase: str, call: Call, quoting: float) -> str:
    values = {key: str(value) for key, value in call.arguments.items()}
    for key in ("query", "title", "subject", "text"):
        if key in values and rng.random() < quoting:
            left, right = rng.choice(QUOTES)
            values[key] = f"{left}{values[key]}{right}"
    return phrase.format(
        **values,
        weekday=rng.choice(words.WEEKDAYS),
        made=words.made_up_word(rng),
        Made=words.made_up_word(rng).capitalize(),
        noun=words.noun(rng),
        adjective=words.adjective(rng),
    )


def order(rng: random.Random, call: Call, *, quoting: float = 0.3, orders: Phrases = ORDERS) -> str:
    """The call as an order, without opener and full stop."""
    return _fill(rng, draw(rng, rng.choice(orders[call.name])), call, quoting)


def request(
    rng: random.Random, call: Call, orders: Phrases = ORDERS, questions: Phrases = QUESTIONS
) -> str:
    """The call as a user asks for it: a sentence."""
    if rng.random() < 0.45:
        phrase = draw(rng, rng.choice(questions[call.name]))
        text = _fill(rng, phrase, call, 0.25)
        # A value keeps its case, so that its copy is exact.
        return text if phrase.startswith("{") else sentence_case(text)
    phrase = draw(rng, rng.choice(orders[call.name]))
    # A closing phrase right after a value would be part of the value for all one can tell.
    closer = "" if call.name == "save_note" else rng.choice(CLOSERS)
    opener = rng.choice(OPENERS)
    end = "?" if opener.startswith(("could", "can", "would")) else rng.choice((".", ".", "", "!"))
    if call.name == "save_note" and rng.random() < 0.5:
        end = ""
    return sentence_case(_fill(rng, opener + phrase + closer, call, 0.3) + end)
