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
    """
)

ADJECTIVES = _words(
    """
    red blue heavy light broken modern ancient cheap wooden metal plastic quiet loud tiny giant
    yellow purple round square empty full dirty clean early late fresh frozen hidden local foreign
    new old portable solid liquid narrow wide simple complex sharp soft national annual daily weekly
    monthly digital organic electric northern southern eastern western royal secret golden
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
    """A noun, most often a made-up one."""
    return rng.choice(NOUNS) if rng.random() < 0.2 else made_up_word(rng)


def adjective(rng: random.Random) -> str:
    """An adjective, most often a made-up one."""
    return rng.choice(ADJECTIVES) if rng.random() < 0.25 else made_up_word(rng)


def topic(rng: random.Random) -> str:
    """What a search, a mail or an event is about: one to four words."""
    kind = rng.random()
    if kind < 0.04:
        text = f"{noun(rng)}'s {noun(rng)}"
    elif kind < 0.22:
        text = f"{adjective(rng)} {noun(rng)}"
    elif kind < 0.44:
        text = f"{noun(rng)} {noun(rng)}"
    elif kind < 0.56:
        text = f"{adjective(rng)} {noun(rng)} {noun(rng)}"
    elif kind < 0.64:
        text = noun(rng)
    elif kind < 0.70:
        text = f"{noun(rng)} and {noun(rng)}"
    elif kind < 0.75:
        text = f"{noun(rng)} of {name(rng)}"
    elif kind < 0.80:
        text = f"how to {rng.choice(VERBS)} a {noun(rng)}"
    elif kind < 0.84:
        text = f"{noun(rng)} {rng.randint(1, 99)}"
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


def note(rng: random.Random) -> str:
    """What somebody wants to have written down."""
    kind = rng.random()
    if kind < 0.05:
        return f"{made_up_word(rng)} the {noun(rng)}'s {noun(rng)}"
    if kind < 0.15:
        return f"{made_up_word(rng)} {rng.choice(('the', 'my', 'a', 'more'))} {topic(rng)}"
    if kind < 0.25:
        return f"{rng.choice(('buy', 'bring', 'order', 'get', 'take'))} {topic(rng)}"
    if kind < 0.5:
        return f"the {noun(rng)} is {adjective(rng)}"
    if kind < 0.65:
        return f"{name(rng)} {rng.choice(('wants', 'has', 'likes', 'needs'))} {topic(rng)}"
    if kind < 0.8:
        return f"{rng.choice(('call', 'ask', 'visit', 'thank'))} {name(rng)} about {topic(rng)}"
    return topic(rng)


def statement(rng: random.Random) -> str:
    """A sentence that tells something and asks for nothing."""
    subject = f"the {adjective(rng)} {noun(rng)}" if rng.random() < 0.6 else name(rng)
    rest = rng.choice(
        (
            f"was {adjective(rng)} and {adjective(rng)} {rng.choice(('again', 'then', 'there'))}",
            f"has {rng.randint(2, 90)} {noun(rng)}s",
            f"{made_up_word(rng)} the {noun(rng)} on {day(rng)}",
            f"is kept in {city(rng)} with a {noun(rng)}",
            f"will {rng.choice(VERBS)} the {noun(rng)} near the {noun(rng)}",
            f"{made_up_word(rng)} {made_up_word(rng)} {made_up_word(rng)} {made_up_word(rng)}",
            f"had no {noun(rng)}, so {name(rng)} took a {noun(rng)}",
        )
    )
    sentence = f"{subject} {rest}."
    return sentence[0].upper() + sentence[1:]
