"""Words for the training corpus: plain ones, and made-up ones.

Arguments are copied from the prompt, so what has to be learned is copying, not vocabulary: most
values are made-up words that occur once.
"""

from __future__ import annotations

import random


def _words(text: str) -> list[str]:
    return text.split()


NOUNS = _words(
    """
    lamp bottle window carpet ladder basket pencil violin tractor helmet blanket engine mirror wagon
    kettle hammer ribbon candle saddle bucket magnet printer trumpet napkin pillow barrel marble
    puzzle rocket tunnel shovel anchor camera statue compass drawer faucet jacket locker mattress
    novel oven parcel quilt radiator scarf tablet uniform vase walnut zipper battery cement dentist
    elevator festival guitar harvest insurance jewelry keyboard lawn museum necklace orchestra
    passport quarry recipe sculpture telescope umbrella vaccine warehouse yogurt apartment bakery
    cathedral dolphin eclipse furniture glacier hockey invoice jungle kitchen lighthouse mountain
    nutrition ocean photography railway satellite theatre university volcano wedding algebra budget
    contract deadline education football grammar history inventory journal knitting library medicine
    network opera payroll recycling salary training uranium vacation wrestling ballet chess
    door roof wall floor table chair desk shelf corner garden street bridge river lake forest hill
    road path field farm barn stable market store office school station harbor airport hospital
    hotel church tower castle palace square park pool stage studio garage cellar attic balcony
    train bus tram car truck boat ship plane bicycle cart sled taxi van engine wheel pedal
    bread butter cheese milk honey soup salad apple pear cherry plum lemon orange onion carrot
    potato pepper salt sugar flour coffee tea juice water wine cake pie cookie chocolate
    dog cat horse cow sheep goat pig duck goose hen owl fox wolf bear deer rabbit mouse turtle
    tree flower rose tulip bush grass leaf root seed stone sand clay snow rain storm cloud wind
    shirt coat hat shoe boot glove sock belt button pocket bag box jar cup plate spoon fork knife
    book letter card stamp paper pen map sign poster photo picture painting song dance story poem
    film game ball race team coach player judge prize medal ticket seat row line list form
    bill price rent tax loan bank coin wallet key lock bell clock watch phone radio screen cable
    plan report meeting lesson course exam class club party holiday visit trip tour walk concert
    neighbor uncle aunt sister brother cousin friend guest child baby nurse doctor lawyer baker
    farmer painter singer driver pilot sailor soldier teacher student manager director owner
    idea rule reason answer problem mistake secret promise habit skill dream wish
    """
)

ADJECTIVES = _words(
    """
    red blue heavy light broken modern ancient cheap wooden metal plastic quiet loud tiny giant
    yellow purple round square empty full dirty clean early late fresh frozen hidden local foreign
    new old portable solid liquid narrow wide simple complex sharp soft national annual daily weekly
    monthly digital organic electric northern southern eastern western royal secret golden
    green black white grey brown pink warm cold cool hot wet dry long short tall low high deep
    large small big little thin thick strong weak fast slow young famous common rare lost spare
    public private free busy closed open ready happy sad tired proud kind funny lucky
    """
)

VERBS = _words(
    """
    fix clean paint build sell rent grow store repair draw cook wash measure choose
    """
)

FIRST_NAMES = _words(
    """
    Anna Peter Laura Martin Julia Robert Helen Victor Nora Simon Clara Walter Rosa Edgar Paula Henry
    Irene Oscar Marta Felix Gloria Bruno Sonia Albert Diana Hugo Vera Louis Emma Carlos
    """
)

TITLES = _words(
    """
    Mrs Miss Professor Sir Nurse Chef Judge Sister Cousin Lady Count King
    """
)

WEEKDAYS = _words(
    """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    """
)
MONTHS = _words(
    """
    January February March April May June July August September October November December
    """
)

_ONSETS = [
    *_words(
        """
        b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr pl pr sc sh sk sl sm
        sn sp st str sw th tr tw wh qu y
        """
    ),
    *[""] * 6,
]
_NUCLEI = _words(
    """
    a e i o u a e i o u a e i o ai ea ee ie oa oo ou ow y au ia
    """
)
_CODAS = [
    *_words(
        """
        n r l s t d m k p g ck ll ss st nd nt ng rt rd rn sh ch th mp nk x ff y w sk
        """
    ),
    *[""] * 14,
]
_ENDINGS = _words(
    """
    er ing ed tion ly ment ness able ous al ic ist ity ure age en le es s y
    """
)


_SOURCES = [*NOUNS, *ADJECTIVES, *VERBS, *(name.lower() for name in FIRST_NAMES)]


def made_up_word(rng: random.Random) -> str:
    """A word that looks like English and, mostly, is none."""
    kind = rng.random()
    if kind < 0.45:
        # Two halves of words: made of the pieces that English words are made of.
        head, tail = rng.choice(_SOURCES), rng.choice(_SOURCES)
        word = head[: rng.randint(1, max(2, len(head) - 2))] + tail[rng.randint(1, len(tail) - 1) :]
    elif kind < 0.52:
        word = "".join(
            rng.choice("aabcdeeefghiiijklmnoooprsttuvwyz") for _ in range(rng.randint(3, 6))
        )
    else:
        word = "".join(
            rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS)
            for _ in range(rng.choice((1, 1, 2, 2)))
        )
    if rng.random() < 0.2:
        word += rng.choice(_ENDINGS)
    return word if len(word) > 2 else word + rng.choice(("n", "st", "ra", "mo"))


def noun(rng: random.Random) -> str:
    """A noun, half the time a made-up one."""
    return rng.choice(NOUNS) if rng.random() < 0.5 else made_up_word(rng)


def adjective(rng: random.Random) -> str:
    """An adjective, half the time a made-up one."""
    return rng.choice(ADJECTIVES) if rng.random() < 0.5 else made_up_word(rng)


def topic(rng: random.Random) -> str:
    """What a search, a mail or an event is about: one to four words."""
    kind = rng.random()
    if kind < 0.04:
        text = f"{noun(rng)}'s {noun(rng)}"
    elif kind < 0.22:
        text = f"{adjective(rng)} {noun(rng)}"
    elif kind < 0.44:
        text = f"{noun(rng)} {noun(rng)}{rng.choice(('', 's'))}"
    elif kind < 0.56:
        text = f"{adjective(rng)} {noun(rng)} {noun(rng)}"
    elif kind < 0.64:
        text = f"{noun(rng)}{rng.choice(('', 's'))}"
    elif kind < 0.70:
        text = f"{noun(rng)} and {noun(rng)}"
    elif kind < 0.73:
        text = f"{noun(rng)} of {name(rng)}"
    elif kind < 0.75:
        text = f"{adjective(rng)} {noun(rng)}s to {city(rng)}"
    elif kind < 0.80:
        text = f"how to {rng.choice(VERBS)} a {noun(rng)}"
    elif kind < 0.84:
        number = rng.choice(_COUNTS) if rng.random() < 0.5 else rng.randint(1, 99)
        text = f"{noun(rng)} {number}"
    elif kind < 0.94:
        text = " ".join(made_up_word(rng) for _ in range(rng.randint(2, 4)))
    else:
        text = f"the {adjective(rng)} {noun(rng)}"
    return text.title() if rng.random() < 0.06 else text


def name(rng: random.Random) -> str:
    """A person: first name, or first and last, or with a title."""
    first = rng.choice(FIRST_NAMES) if rng.random() < 0.25 else made_up_word(rng).capitalize()
    if rng.random() < 0.12:
        return f"{rng.choice(TITLES)} {first}"
    return f"{first} {made_up_word(rng).capitalize()}" if rng.random() < 0.45 else first


def city(rng: random.Random) -> str:
    """A city of one or two words."""
    word = made_up_word(rng).capitalize()
    if rng.random() < 0.25:
        return f"{rng.choice(('San', 'Port', 'New', 'Bad', 'Upper', 'Fort', 'Saint'))} {word}"
    return f"{word} {made_up_word(rng).capitalize()}" if rng.random() < 0.15 else word


def day(rng: random.Random) -> str:
    """A day as people write it."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(WEEKDAYS)
    if kind < 0.5:
        return rng.choice(("tomorrow", "today"))
    if kind < 0.6:
        return f"next {rng.choice(WEEKDAYS)}"
    if kind < 0.8:
        return f"{rng.randint(1, 31)} {rng.choice(MONTHS)}"
    if kind < 0.95:
        return f"{rng.choice(MONTHS)} {rng.randint(1, 31)}"
    return f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def account(rng: random.Random) -> str:
    """An account number."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(1, 4)))
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(2, 6)))
    kind = rng.random()
    if kind < 0.5:
        return f"{letters}-{digits}"
    if kind < 0.65:
        return f"{letters}{rng.randint(1, 99)}-{digits}"
    if kind < 0.8:
        return f"{letters}{digits}"
    return f"{rng.randint(10, 99)}-{digits}" if kind < 0.9 else digits


def amount(rng: random.Random) -> int:
    """A whole number of crowns."""
    return rng.choice((rng.randint(2, 99), rng.randint(100, 999), rng.randint(1000, 9999)))


def mail_address(rng: random.Random) -> str:
    """A mail address that reaches nobody."""
    domain = f"{made_up_word(rng)}.{rng.choice(('example', 'test', 'invalid', 'example'))}"
    return f"{made_up_word(rng)}@{domain}"


_COUNTS = _words("two three four five six seven eight nine ten eleven twelve many several few")
_PLACES = _words("in on under near behind by at beside above inside over outside below around")
_TIMES = (
    "at noon", "at midnight", "at five", "at seven", "at dawn", "at night", "in May", "in winter",
    "in the morning", "in the evening", "after lunch", "before supper", "until six", "all day",
    "every week", "each month", "since spring", "on weekends", "next year", "this week", "by ten",
    "from nine", "in an hour", "on time", "in the afternoon", "until late", "for a month",
)  # fmt: skip
_HAPPENED = _words(
    """
    opened closed moved fell grew came left stood broke waited arrived stopped started slept turned
    rang failed stayed burned shone worked returned vanished stuck ended began slipped froze
    """
)
_DID = _words(
    """
    painted sold carried learned found lost kept built cleaned won missed fixed bought brought made
    saw took drew wrote read cooked played wanted needed used shared counted planted washed hid
    covered repaired welcomed served visited
    """
)
_DOES = _words(
    """
    opens closes leaves starts ends comes goes hangs stands lies waits arrives stays drips leaks
    rings works fails needs stops begins rests sits squeaks
    """
)
_FEELS = _words("likes prefers wants needs has owns takes hates plays drinks eats reads avoids")
_OFTEN = _words(
    "again overnight twice once slowly yesterday early late together daily quickly alone outside"
)
_TASKS = (
    "return the {noun} to {name}", "renew the {noun}", "pick up the {noun}", "feed the {noun}",
    "order more {noun}", "oil the {noun}", "pay for the {noun}", "bring {noun} to {name}",
    "clean the {noun} {time}", "call {name} about the {noun}", "check the {adjective} {noun}",
    "take the {noun} to the {other}", "buy {count} {noun}s", "lock the {noun} {time}",
    "ask {name} for the {noun}", "throw out the {adjective} {noun}", "empty the {noun}",
    "write to {name} {time}", "sharpen the {adjective} {noun}", "look for the {noun}",
    "{made} the {noun}", "{made} the {noun}'s {other}", "{made} more {noun}",
    "{made} up the {adjective} {noun}", "{made} for the {noun} {time}",
)  # fmt: skip


def _filled(rng: random.Random, text: str) -> str:
    return text.format(
        noun=noun(rng),
        other=noun(rng),
        name=name(rng),
        adjective=adjective(rng),
        time=rng.choice(_TIMES),
        count=rng.choice(_COUNTS),
        made=made_up_word(rng),
    )


def _thing(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.4:
        return f"the {noun(rng)}"
    if kind < 0.65:
        return f"the {adjective(rng)} {noun(rng)}"
    if kind < 0.85:
        return f"the {noun(rng)} {noun(rng)}"
    return f"{rng.choice(('our', 'my', 'a', 'her', 'one'))} {noun(rng)}"


def _place(rng: random.Random) -> str:
    return f"{rng.choice(_PLACES)} {_thing(rng)}"


def _verb(rng: random.Random, known: list[str]) -> str:
    return rng.choice(known) if rng.random() < 0.65 else made_up_word(rng)


def note(rng: random.Random) -> str:
    """What somebody wants to have written down."""
    kind = rng.random()
    if kind < 0.3:
        return _filled(rng, rng.choice(_TASKS))
    if kind < 0.45:
        when = rng.choice(_TIMES) if rng.random() < 0.6 else _place(rng)
        return f"{_thing(rng)} {_verb(rng, _DOES)} {when}"
    if kind < 0.6:
        rest = rng.choice((_place(rng), adjective(rng), rng.choice(_TIMES), f"in {_thing(rng)}"))
        return f"{_thing(rng)} is {rest}"
    if kind < 0.75:
        owned = rng.choice((topic(rng), _thing(rng)))
        return f"{name(rng)} {_verb(rng, _FEELS)} {owned}"
    if kind < 0.8:
        link = rng.choice(("to", "of", "with", "about"))
        return f"{name(rng)} is {adjective(rng)} {link} {noun(rng)}"
    return topic(rng)


def statement(rng: random.Random) -> str:
    """A sentence that tells something and asks for nothing."""
    sentence = rng.choice(_STATEMENTS)(rng)
    return sentence[0].upper() + sentence[1:] + rng.choice("....!")


def aside(rng: random.Random) -> str:
    """A remark behind a comma: "fog until six", "closed on Friday"."""
    kind = rng.random()
    if kind < 0.3:
        return f"{adjective(rng)} {noun(rng)}"
    if kind < 0.55:
        return f"{noun(rng)} {rng.choice(_TIMES)}"
    if kind < 0.75:
        return f"{noun(rng)} {_place(rng)}"
    return f"{adjective(rng)} on {day(rng)}" if kind < 0.9 else _place(rng)


_STATEMENTS = (
    lambda r: f"{_thing(r)} {_verb(r, _HAPPENED)} {r.choice(_OFTEN)}",
    lambda r: f"{_thing(r)} {_verb(r, _HAPPENED)} {_place(r)}",
    lambda r: f"{_thing(r)} {_verb(r, _HAPPENED)} {r.choice(_TIMES)}",
    lambda r: f"{_thing(r)} {_verb(r, _DID)} {_thing(r)}",
    lambda r: f"{_thing(r)} {_verb(r, _DID)} {r.choice(_COUNTS)} {noun(r)}s {r.choice(_OFTEN)}",
    lambda r: f"{_thing(r)} was {adjective(r)} and {adjective(r)} {r.choice(_OFTEN)}",
    lambda r: f"{_thing(r)} is {_verb(r, _DID)} {r.choice(_TIMES)}",
    lambda r: f"{_thing(r)} {_verb(r, _DOES)} {r.choice(_TIMES)}",
    lambda r: f"{_thing(r)} {_verb(r, _DOES)} {_place(r)}",
    lambda r: f"{_thing(r)} has {r.randint(2, 90)} {noun(r)}s",
    lambda r: f"{_thing(r)} has {_thing(r)} {_place(r)}",
    lambda r: f"{r.choice(_COUNTS)} {noun(r)}s {_verb(r, _HAPPENED)} {_place(r)}",
    lambda r: f"{name(r)} {_verb(r, _DID)} {_thing(r)} on {day(r)}",
    lambda r: f"{name(r)} {_verb(r, _FEELS)} {noun(r)} with {noun(r)}",
    lambda r: f"{name(r)} had no {noun(r)}, so {name(r)} {_verb(r, _DID)} a {noun(r)}",
    lambda r: f"{noun(r)}s are {_verb(r, _DID)} by {r.choice(_COUNTS)} {noun(r)}s",
    lambda r: f"{noun(r)} {_verb(r, _DOES)} {adjective(r)} for {_thing(r)} when {adjective(r)}",
    lambda r: f"nobody {_verb(r, _DID)} {_thing(r)} {r.choice(_TIMES)}",
    lambda r: f"it {_verb(r, _HAPPENED)} {_place(r)} {r.choice(_TIMES)}",
    lambda r: f"only {_thing(r)} {_verb(r, _HAPPENED)}, not {_thing(r)}",
    lambda r: f"{_thing(r)} is kept in {city(r)} with {_thing(r)}",
    lambda r: " ".join(made_up_word(r) for _ in range(r.randint(4, 8))),
)
