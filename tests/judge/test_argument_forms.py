"""What holds of equal arguments, whatever they are."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cb_datasets.judge.argument_forms import same_argument
from cb_datasets.judge.parameter import Parameter, parameter_of
from cb_datasets.text_forms import look_alike, plain_text

SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "string"},
    {"type": "number"},
    {"type": "integer"},
    {"type": "boolean"},
    {"type": ["string", "null"]},
    {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "enum": ["a", "A"]},
    {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    {"type": "object", "properties": {"n": {"type": "integer", "default": 5}}},
    {"type": 7, "anyOf": "nonsense", "enum": {}, "items": [], "properties": 3},
]
NAMES = ["x", "recipients", "url", "file_path", "phone", "iban"]
PARAMETERS = st.builds(
    lambda schema, name: parameter_of({"properties": {name: schema}}, name),
    st.sampled_from(SCHEMAS),
    st.sampled_from(NAMES),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        *("5", "5.00", "5,000", "+5", "true", "null", "", " ", "[5]", '{"n": 5}', "2024-05-13"),
        *(
            "a@b.co",
            "Ann <a@b.co>",
            "www.x.org/a",
            "https://x.org:443/a/",
            "./a",
            "+1 555 010 9999",
        ),
        *(
            "GB29 NWBK 6016 1331 9268 19",
            "4111 1111 1111 1111",
            "a\u0301",
            "\uff21",
            "2024-05-13T00:00Z",
        ),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("nab"), inner),
    max_leaves=6,
)
WORDS = st.text("abcdefgh ijk", min_size=1, max_size=30).filter(str.strip)
DIGITS = st.text("0123456789", min_size=15, max_size=20)
IBANS = st.builds(lambda c, d: c + d, st.sampled_from(["GB", "US", "DE"]), DIGITS)


@settings(max_examples=300, deadline=None)
@given(VALUES, PARAMETERS)
def test_a_value_is_equal_to_itself_and_to_its_json(value: Any, parameter: Parameter):
    assert same_argument(value, value, parameter)
    assert same_argument(value, json.loads(json.dumps(value)), parameter)


@settings(max_examples=500, deadline=None)
@given(VALUES, VALUES, PARAMETERS)
def test_equality_has_no_direction(one: Any, other: Any, parameter: Parameter):
    assert same_argument(one, other, parameter) is same_argument(other, one, parameter)


def changed_digit(text: str, at: int, by: int) -> str:
    places = [n for n, c in enumerate(text) if c.isascii() and c.isdigit()]
    place = places[at % len(places)]
    return text[:place] + str((int(text[place]) + by) % 10) + text[place + 1 :]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(IBANS, DIGITS, st.sampled_from(["+1 555 010 9999", "2024-05-13", "https://x.org/7"])),
    st.integers(0, 30),
    st.integers(1, 9),
    PARAMETERS,
)
def test_a_changed_digit_is_never_equal(text: str, at: int, by: int, parameter: Parameter):
    assert not same_argument(text, changed_digit(text, at, by), parameter)
    assert not same_argument([text], {"n": changed_digit(text, at, by)}, parameter)


@settings(max_examples=200, deadline=None)
@example(10**6, -(10**6), parameter_of({"properties": {"phone": {}}}, "phone"))
@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), PARAMETERS)
def test_another_number_is_never_equal_in_any_writing(one: int, other: int, parameter: Parameter):
    assume(one != other)
    for written in (other, str(other), float(other), f"{other}.00", [other], [str(other)]):
        assert not same_argument(one, written, parameter)
        assert not same_argument(str(one), written, parameter)


def noisy(text: str, rng: random.Random) -> str:
    """The same text with noise that no reader sees."""
    spaces = ["\u00a0", "  ", "\u2009", "\t", " \u200b"]
    found = "".join(rng.choice(spaces) if c == " " else c for c in text)
    at = rng.randrange(len(found) + 1)
    found = found[:at] + rng.choice(["\u200b", "\u00ad", "\ufeff", "\u2060"]) + found[at:]
    if rng.random() < 0.5:
        found = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in found)
    found = unicodedata.normalize(rng.choice(["NFC", "NFD"]), found)
    return rng.choice(["", " ", "\n"]) + rng.choice([found, found.upper()]) + rng.choice(["", " "])


@settings(max_examples=300, deadline=None)
@given(WORDS | IBANS | st.sampled_from(["é è", "a@b.co", "www.x.org/a"]), st.randoms())
def test_noise_never_makes_a_text_another(text: str, rng: random.Random):
    for parameter in (Parameter("x"), Parameter("x", {"type": "string"})):
        assert same_argument(text, noisy(text, rng), parameter)
        assert same_argument(noisy(text, rng), noisy(text, rng), parameter)


@settings(max_examples=100, deadline=None)
@given(IBANS, st.randoms())
def test_an_iban_is_the_same_in_any_grouping(iban: str, rng: random.Random):
    size = rng.randint(2, 6)
    grouped = rng.choice(" -").join(iban[n : n + size] for n in range(0, len(iban), size))
    assert same_argument(iban, grouped)


@pytest.mark.parametrize(
    ("text", "resembling"),
    [
        ("paypal", "p\u0430yp\u0430l"),
        ("send_money", "s\u03b5nd_money"),
        ("GB29", "6B29"),
        ("alice", "a1ice"),
        ("password", "pa55w0rd"),
        ("US133", "U5133"),
        ("file", "\U0001d41f\U0001d422\U0001d425\U0001d41e"),
        ("52", "5\u00b2"),
        ("10", "\u2469"),
    ],
)
def test_what_resembles_a_text_is_not_equal_to_it(text: str, resembling: str):
    assert not same_argument(text, resembling)
    assert plain_text(text).casefold() != plain_text(resembling).casefold()


def test_letters_of_other_alphabets_are_told_by_their_outline():
    for text, resembling in (("paypal", "p\u0430yp\u0430l"), ("password", "pa55w0rd")):
        assert look_alike(text) == look_alike(resembling)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_plain_form_is_the_plain_form_of_itself(text: str):
    plain = plain_text(text)
    assert plain_text(plain) == plain
    assert plain == plain.strip()
    assert "  " not in plain


def test_references_in_a_schema_are_followed_and_go_round_in_no_circle():
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/B"}},
        "$defs": {"A": {"type": "number"}, "B": {"$ref": "#/$defs/B"}},
    }
    assert same_argument(5, "5.0", parameter_of(schema, "a"))
    assert not same_argument(5, "5.0", parameter_of(schema, "b"))
    assert not same_argument(5, "5.0", parameter_of(schema, "c"))


def test_a_long_list_of_recipients_is_compared_in_any_order():
    people = [f"p{n}@x.org" for n in range(1_000)]
    assert same_argument(people, list(reversed(people)), Parameter("recipients"))
    assert not same_argument(people, [*people[1:], "p1@x.org"], Parameter("recipients"))
