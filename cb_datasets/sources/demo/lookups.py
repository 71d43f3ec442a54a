# ruff: noqa: E501  (queries are longer than lines)
"""Multi-turn queries: a first call with its result, and what is right to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lookup:
    """A query, the call made for it, its result, and the next call if one is asked for."""

    text: str
    tool: str
    arguments: dict[str, Any]
    result: str
    next_tool: str | None = None
    next_arguments: dict[str, Any] | None = None


_DOCS, _WEB, _WEATHER, _CONTACT = (
    "retrieve_multimodal_docs",
    "search_web",
    "get_weather",
    "find_contact",
)

ANSWERED: tuple[Lookup, ...] = (
    Lookup(
        "Which of our documents deal with conveyor belts?",
        _DOCS,
        {"query": "conveyor belts"},
        "Slide 12: Conveyor belts get new rollers every spring.",
    ),
    Lookup(
        "Look into the internal documents about crane cables.",
        _DOCS,
        {"query": "crane cables"},
        "Crane cables are inspected by two people.",
    ),
    Lookup(
        "Is anything about night shifts in the company documents?",
        _DOCS,
        {"query": "night shifts"},
        "Night shifts start at ten in the evening. A meal is served at two.",
    ),
    Lookup(
        "Please get the slide about air filters.",
        _DOCS,
        {"query": "air filters"},
        "Slide 3: Air filters last for six months.",
    ),
    Lookup(
        "Our files should mention paper recycling, please look.",
        _DOCS,
        {"query": "paper recycling"},
        "Paper goes into the green bins behind hall four.",
    ),
    Lookup(
        "Have a look around the internet for salt caves.",
        _WEB,
        {"query": "salt caves"},
        "Salt caves stay cool in summer. The largest ones have their own chapels.",
    ),
    Lookup(
        "What is the latest online about kite festivals?",
        _WEB,
        {"query": "kite festivals"},
        "The kite festivals move to the north beach this year.",
    ),
    Lookup(
        "Surf the web for sundials.",
        _WEB,
        {"query": "sundials"},
        "A sundial shows solar time, not clock time.",
    ),
    Lookup(
        "Could the web tell us more about rye bread?",
        _WEB,
        {"query": "rye bread"},
        "Rye bread keeps fresh for a week when wrapped in linen.",
    ),
    Lookup(
        "Please try an internet search on canal boats.",
        _WEB,
        {"query": "canal boats"},
        "Canal boats travel at walking pace. Locks are free until dusk.",
    ),
    Lookup(
        "Is rain expected in Aberdeen?",
        _WEATHER,
        {"city": "Aberdeen"},
        "Aberdeen: 11 degrees, drizzle.",
    ),
    Lookup(
        "How does the forecast look for Split?",
        _WEATHER,
        {"city": "Split"},
        "Split: 29 degrees, clear sky.",
    ),
    Lookup(
        "Weather outlook for Hollow Creek, please.",
        _WEATHER,
        {"city": "Hollow Creek"},
        "Hollow Creek: -2 degrees, fog until ten.",
    ),
    Lookup(
        "What temperature do they expect in Tunis?",
        _WEATHER,
        {"city": "Tunis"},
        "Tunis: 33 degrees, hot wind.",
    ),
    Lookup(
        "Any chance of snow in Innsbruck?",
        _WEATHER,
        {"city": "Innsbruck"},
        "Innsbruck: 0 degrees, snow above the tree line.",
    ),
    Lookup(
        "I would like to ring Malik. What is the number?",
        _CONTACT,
        {"name": "Malik"},
        "Malik: 614 2207, workshop.",
    ),
    Lookup(
        "Please dig up contact details for Odette Ferran.",
        _CONTACT,
        {"name": "Odette Ferran"},
        "Odette Ferran: 330 9186, odette@finch.example.",
    ),
    Lookup(
        "Could you search the address book for Ansel?",
        _CONTACT,
        {"name": "Ansel"},
        "Ansel: 705 4418. He calls back after lunch.",
    ),
    Lookup(
        "I lost the phone number of Uncle Rafa.",
        _CONTACT,
        {"name": "Uncle Rafa"},
        "Uncle Rafa: 281 6650, evenings only.",
    ),
    Lookup(
        "Under which number is Katya listed?",
        _CONTACT,
        {"name": "Katya"},
        "Katya: 947 1033, second floor.",
    ),
)
"""One step: the right thing to do with the result is to answer."""

TWO_STEPS: tuple[Lookup, ...] = (
    Lookup(
        "Look up elevator maintenance in our documents, and afterwards email Ingmar about elevator keys.",
        _DOCS,
        {"query": "elevator maintenance"},
        "Elevator maintenance takes place on odd weeks.",
        "send_email",
        {"to": "Ingmar", "subject": "elevator keys"},
    ),
    Lookup(
        "Please search internal files for welding masks. With that done, transfer 310 crowns to SAFE-77.",
        _DOCS,
        {"query": "welding masks"},
        "Welding masks are ordered in packs of five.",
        "transfer_money",
        {"account": "SAFE-77", "amount": 310},
    ),
    Lookup(
        "Find the slides about harbor tours; as soon as you have them, schedule a boat ride for Sunday.",
        _DOCS,
        {"query": "harbor tours"},
        "Slide 8: Harbor tours leave from pier six.",
        "add_event",
        {"title": "a boat ride", "day": "Sunday"},
    ),
    Lookup(
        'Check our documents for lunch rules, then please save the note "ask about lunch rules".',
        _DOCS,
        {"query": "lunch rules"},
        "Lunch rules changed in May. Trays go back to the counter.",
        "save_note",
        {"text": "ask about lunch rules"},
    ),
    Lookup(
        "Get the internal manual about label printers and look Rosalind up in the address book.",
        _DOCS,
        {"query": "label printers"},
        "Label printers need a warm-up of one minute.",
        "find_contact",
        {"name": "Rosalind"},
    ),
    Lookup(
        "Search the web for maple syrup. When finished, email Colette about breakfast.",
        _WEB,
        {"query": "maple syrup"},
        "Maple syrup is graded by color.",
        "send_email",
        {"to": "Colette", "subject": "breakfast"},
    ),
    Lookup(
        "Look online for snowshoes, and later see what weather Oulu has.",
        _WEB,
        {"query": "snowshoes"},
        "Snowshoes come in three lengths. Poles are sold apart.",
        "get_weather",
        {"city": "Oulu"},
    ),
    Lookup(
        "First search the internet for opera tickets, afterwards pay 145 crowns to account OPERA-9.",
        _WEB,
        {"query": "opera tickets"},
        "Opera tickets are cheaper at the evening desk.",
        "transfer_money",
        {"account": "OPERA-9", "amount": 145},
    ),
    Lookup(
        "Search the web for chess puzzles and put chess night on Tuesday into my calendar.",
        _WEB,
        {"query": "chess puzzles"},
        "Chess puzzles appear daily at noon.",
        "add_event",
        {"title": "chess night", "day": "Tuesday"},
    ),
    Lookup(
        "Find web pages about rain barrels; once you know more, search our documents for drainage.",
        _WEB,
        {"query": "rain barrels"},
        "Rain barrels should be emptied before frost.",
        _DOCS,
        {"query": "drainage"},
    ),
    Lookup(
        "Check the weather in Gdansk. With that known, add the harbor walk to my calendar for Saturday.",
        _WEATHER,
        {"city": "Gdansk"},
        "Gdansk: 19 degrees, light wind.",
        "add_event",
        {"title": "the harbor walk", "day": "Saturday"},
    ),
    Lookup(
        "Get the forecast for Zermatt and afterwards email Reto about ski wax.",
        _WEATHER,
        {"city": "Zermatt"},
        "Zermatt: -7 degrees, powder snow.",
        "send_email",
        {"to": "Reto", "subject": "ski wax"},
    ),
    Lookup(
        "See whether rain falls in Galway, afterwards search the web for rubber boots.",
        _WEATHER,
        {"city": "Galway"},
        "Galway: 12 degrees, heavy rain.",
        _WEB,
        {"query": "rubber boots"},
    ),
    Lookup(
        'How is the weather over in Faro? As a second step save the note "pack sandals".',
        _WEATHER,
        {"city": "Faro"},
        "Faro: 31 degrees, sunny all week.",
        "save_note",
        {"text": "pack sandals"},
    ),
    Lookup(
        "Check the temperature in Bratislava, and when finished find the number of Janka.",
        _WEATHER,
        {"city": "Bratislava"},
        "Bratislava: 24 degrees, a few clouds.",
        "find_contact",
        {"name": "Janka"},
    ),
    Lookup(
        "Look up Winston in the address book. With that done, send Winston an email about cricket.",
        _CONTACT,
        {"name": "Winston"},
        "Winston: 555 0172, winston@swift.example.",
        "send_email",
        {"to": "Winston", "subject": "cricket"},
    ),
    Lookup(
        "Find the number of Madame Leroux; afterwards schedule a fitting for 5 September.",
        _CONTACT,
        {"name": "Madame Leroux"},
        "Madame Leroux: 402 7719, closed on Mondays.",
        "add_event",
        {"title": "a fitting", "day": "5 September"},
    ),
    Lookup(
        "Search my contacts for Emre. With that done, transfer 64 crowns to account EM-3008.",
        _CONTACT,
        {"name": "Emre"},
        "Emre: 866 3945, third door on the left.",
        "transfer_money",
        {"account": "EM-3008", "amount": 64},
    ),
    Lookup(
        "Get me contact details of Ludmila, then look for dance shoes on the internet.",
        _CONTACT,
        {"name": "Ludmila"},
        "Ludmila: 219 5580, studio in the yard.",
        _WEB,
        {"query": "dance shoes"},
    ),
    Lookup(
        "Please look up Captain Hale in my contacts and check the weather in Plymouth.",
        _CONTACT,
        {"name": "Captain Hale"},
        "Captain Hale: 730 2264, at sea until Thursday.",
        "get_weather",
        {"city": "Plymouth"},
    ),
)
"""Two steps: the first call is made, the second is the right one now."""
