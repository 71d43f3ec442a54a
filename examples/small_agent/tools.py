# ruff: noqa: E501  (phrases are longer than lines)
"""Tools of the training corpus beyond the demo suite's eight: common ones, and made-up ones.

The demo suite has none of them. They are there so that the agent learns to read a schema instead of
eight names by heart.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import words

Draw = Callable[[random.Random], Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, and how people ask for it: phrases as in the tiny agent's corpus."""

    name: str
    description: str
    arguments: Mapping[str, Draw]
    orders: tuple[str, ...]
    questions: tuple[str, ...]
    informing: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The OpenAI function schema."""
        rng = random.Random(0)
        kinds = {
            key: {"type": "integer" if isinstance(draw(rng), int) else "string"}
            for key, draw in self.arguments.items()
        }
        parameters = {"type": "object", "properties": kinds, "required": list(kinds)}
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": parameters,
            },
        }


def _number(low: int, high: int) -> Draw:
    return lambda rng: rng.randint(low, high)


def _one_of(text: str) -> Draw:
    options = text.split()
    return lambda rng: rng.choice(options)


def _file(rng: random.Random) -> str:
    ending = rng.choice(("txt", "pdf", "csv", "docx", "md", "png"))
    return f"{rng.choice(('', words.noun(rng) + '/'))}{words.noun(rng)}_{words.noun(rng)}.{ending}"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02d}:{rng.choice((0, 15, 30, 45)):02d}"


_CURRENCY = _one_of("EUR USD GBP CZK JPY CHF NOK PLN")
_LANGUAGE = _one_of("German French Czech Spanish Italian Polish Danish Greek Dutch")
_ROOM = _one_of("kitchen bedroom hallway bathroom garage attic office cellar")


def _hotel(rng: random.Random) -> str:
    return f"{rng.choice(('Hotel', 'The', 'Villa', 'Inn'))} {rng.choice(words.ADJECTIVES).title()} {rng.choice(words.NOUNS).title()}"


COMMON = (
    Tool(
        "book_hotel",
        "Reserve a room in a hotel.",
        {"hotel": _hotel, "nights": _number(1, 14)},
        ("[book|reserve|get me] [a room in |a room at |]{hotel} for {nights} nights", "[make|place] a reservation of {nights} nights at {hotel}"),
        ("I [need|want] {nights} nights at {hotel}.", "[can|could] we stay {nights} nights in {hotel}? Please book."),
    ),
    Tool(
        "cancel_reservation",
        "Cancel a reservation by its code.",
        {"code": words.account},
        ("[cancel|call off|drop|undo] [the |my |]reservation {code}", "[please |]cancel [the booking|my booking|booking] {code}"),
        ("[the|my] [booking|reservation] {code} [is no longer needed|has to go|must be cancelled].",),
    ),
    Tool(
        "get_account_balance",
        "Balance of a bank account.",
        {"account": words.account},
        ("[tell me|show me|get|check|look up] the balance of [account |]{account}", "[see|check] how much money is [in|on|left in] [account |]{account}"),
        ("[how much|how much money] [is|do I have] [on|in] [account |]{account}?", "what is the balance of {account}?"),
        informing=True,
    ),
    Tool(
        "delete_file",
        "Delete a file from the drive.",
        {"path": _file},
        ("[delete|remove|erase|wipe|throw away] [the file |]{path}", "get rid of [the file |]{path}"),
        ("I [do not need|no longer want] {path}[, delete it|; please remove it].",),
    ),
    Tool(
        "read_file",
        "Read a file of the drive.",
        {"path": _file},
        ("[open|read|show me|display|load] [the file |]{path}", "[tell me|see] what [is in|stands in] {path}"),
        ("what [is|stands] in [the file |]{path}?", "[what does|can you tell what] {path} [say|says]?"),
        informing=True,
    ),
    Tool(
        "share_file",
        "Share a file with a person.",
        {"path": _file, "person": words.name},
        ("share {path} with {person}", "[give|grant] {person} access to [the file |]{path}", "let {person} [see|open|read] {path}"),
        ("{person} [needs|should get|wants] [access to |to see ]{path}.", "[can|could] {person} have {path}?"),
    ),
    Tool(
        "send_direct_message",
        "Send a chat message to a user.",
        {"recipient": words.name, "body": words.note},
        ("[message|text|ping|write to] {recipient}[:| that] {body}", "[send|write] [a chat message|a direct message|a DM|a text] to {recipient}: {body}", "tell {recipient} in the chat: {body}"),
        ("[I want to|can you|could you] [message|text] {recipient}: {body}",),
    ),
    Tool(
        "invite_to_channel",
        "Invite a user to a channel.",
        {"user": words.name, "channel": words.noun},
        ("[invite|add|let in] {user} to [the channel |the group |]{channel}", "[send|give] {user} an invitation to [the channel |]{channel}"),
        ("{user} [should|wants to|is to] join [the channel |]{channel}.",),
    ),
    Tool(
        "set_alarm",
        "Set an alarm clock.",
        {"time": _time, "label": words.topic},
        ("[set|make|add] an alarm [for|at] {time} [called|named|with the label|labelled] {label}", "wake me at {time} [for|because of] {label}"),
        ("[can|could] you set an alarm for {label} at {time}?", "at {time} I need an alarm [for|called] {label}."),
    ),
    Tool(
        "play_song",
        "Play a song by its title.",
        {"title": words.topic},
        ("[play|put on|start] [the song |the track |]{title}", "[let me hear|I want to hear] [the song |]{title}"),
        ("[can|could] [I|we] hear {title}?", "I am in the mood for {title}."),
    ),
    Tool(
        "translate_text",
        "Translate a text into a language.",
        {"text": words.note, "language": _LANGUAGE},
        ("translate {text} into {language}", "[put|turn] this into {language}: {text}", "[give|tell] me {text} in {language}"),
        ("[how do you say|what is] {text} in {language}?",),
        informing=True,
    ),
    Tool(
        "convert_currency",
        "Convert an amount between currencies.",
        {"amount": _number(2, 9000), "source": _CURRENCY, "target": _CURRENCY},
        ("[convert|change|exchange] {amount} {source} [to|into] {target}", "[tell me|find out|work out] what {amount} {source} [is|are] in {target}"),
        ("[how much|how many {target}] [is|are] {amount} {source}[| in {target}]?", "what [is|are] {amount} {source} in {target}?"),
        informing=True,
    ),
    Tool(
        "track_parcel",
        "Find out where a parcel is.",
        {"number": words.account},
        ("[track|trace|find|locate] [the |my |]parcel {number}", "[check|see] where [the |my |]parcel {number} is"),
        ("where is [my |the |]parcel {number}?", "has parcel {number} arrived[| yet]?"),
        informing=True,
    ),
    Tool(
        "set_temperature",
        "Set the heating of a room.",
        {"room": _ROOM, "degrees": _number(12, 27)},
        ("[set|turn|bring] the {room} to {degrees} degrees", "[heat|warm] the {room} to {degrees} degrees", "set [the heating|the temperature] [in|of] the {room} to {degrees}"),
        ("[can|could] the {room} be {degrees} degrees?", "I want {degrees} degrees in the {room}."),
    ),
    Tool(
        "create_task",
        "Put a task on the to-do list.",
        {"title": words.topic, "due": words.day},
        ("[create|add|make|open] [a task|a to-do|a ticket] [for|called|named] {title}[,| that is] due {due}", "[put|place] {title} on [my|the] to-do list [for|due] {due}"),
        ("{title} [must|has to] be done by {due}[, add a task|; put it on my list].",),
    ),
    Tool(
        "get_stock_price",
        "Price of a share by its symbol.",
        {"symbol": lambda rng: "".join(rng.choice("ABCDEFGHKLMNPRSTUVWXZ") for _ in range(rng.randint(2, 5)))},
        ("[get|check|tell me|show me|look up] the [share|stock] price of {symbol}", "[see|tell me] [how|what] {symbol} [trades at|costs]"),
        ("[what|how much] does [a share of |]{symbol} cost?", "[how is|where is] the stock {symbol}[| trading]?"),
        informing=True,
    ),
    Tool(
        "order_food",
        "Order a dish from a restaurant.",
        {"dish": lambda rng: f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)}", "restaurant": _hotel},
        ("[order|get|get me|buy] {dish} from {restaurant}", "[place|make] an order for {dish} at {restaurant}"),
        ("I [want|fancy|would like] {dish} from {restaurant}.", "[can|could] {restaurant} [send|bring] me {dish}?"),
    ),
    Tool(
        "search_emails",
        "Search the mailbox.",
        {"query": words.topic},
        ("[search|look through|go through|scan] my [mailbox|inbox|emails|mails] for {query}", "[find|look for|dig up] [the email|emails|mails|the mail] about {query}[| in my inbox]"),
        ("[did|have] I [get|got|received] [an email|a mail|emails] about {query}?", "[is there|do I have] [mail|an email] about {query}[| in my inbox]?"),
        informing=True,
    ),
)  # fmt: skip
"""Tools as assistants often have them."""

_PARAMETERS: dict[str, Draw] = {
    "color": _one_of("red blue green yellow white black brown grey purple orange"),
    "size": _one_of("small medium large tiny huge"),
    "count": _number(2, 99),
    "owner": words.name,
    "place": words.city,
    "label": words.topic,
    "reason": words.topic,
    "day": words.day,
    "number": words.account,
    "material": _one_of("wood steel paper wool glass clay stone"),
    "level": _number(1, 10),
    "subject": words.topic,
}

_DOING = (
    "polish", "pack", "print", "rent", "sort", "label", "count", "inspect", "measure", "water",
    "paint", "fold", "borrow", "deliver", "register", "archive", "upload", "unlock", "renew",
    "restart", "mute", "rate", "compare", "clean", "repair", "sharpen", "weigh", "wrap",
)  # fmt: skip
_ARGUMENTS = (
    "with {arguments}",
    "using {arguments}",
    ", {arguments}",
    ": {arguments}",
    "({arguments})",
    "for {arguments}",
)


def made_up_tool(rng: random.Random) -> Tool:
    """A tool that does something to something, with one to three arguments."""
    doing, thing = rng.choice(_DOING), rng.choice(words.NOUNS)
    names = rng.sample(list(_PARAMETERS), rng.choice((1, 1, 2, 2, 3)))
    orders = []
    for frame in rng.sample(_ARGUMENTS, 4):
        shuffled = rng.sample(names, len(names))
        parts = [f"{name} {{{name}}}" for name in shuffled]
        listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        space = "" if frame.startswith((",", ":")) else " "
        orders.append(f"{doing} [the|a|my|our] {thing}{space}{frame.format(arguments=listed)}")
    questions = tuple(f"[can|could|would] you {order}?" for order in orders[:2])
    return Tool(
        f"{doing}_{thing}",
        f"{doing.capitalize()} a {thing}.",
        {name: _PARAMETERS[name] for name in names},
        tuple(orders),
        (*questions, f"I [want|need] [you |]to {orders[0]}."),
        informing=rng.random() < 0.5,
    )
