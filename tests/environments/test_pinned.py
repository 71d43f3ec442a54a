from __future__ import annotations

import datetime
import random
import sys
import types

from cb_datasets.environments.pinned import Chance, pin_modules

CODE = """
import datetime
import random
from datetime import datetime as moment

def code():
    return "".join(random.choices("0123456789", k=6))

def number(low):
    return random.randint(low, 999)

def now():
    return datetime.datetime.now(), moment.now(), datetime.date.today()

def names(values):
    return list(set(values))

def is_time(value):
    return isinstance(value, datetime.datetime)
"""


def suite_module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    exec(CODE, module.__dict__)
    sys.modules[name] = module
    pin_modules({name})
    return module


def test_the_same_calls_draw_the_same():
    module = suite_module("pinned_suite_a")
    first, second = Chance(), Chance()
    with first.reigns():
        one = [module.code(), module.number(5), module.names(["b", "a", "c"])]
    with second.reigns():
        two = [module.code(), module.number(5), module.names(["c", "b", "a"])]
    assert one == two
    assert first.drawn == second.drawn == [one[0], str(one[1])]


def test_a_known_draw_is_drawn_where_it_could_have_been():
    module = suite_module("pinned_suite_b")
    chance = Chance(known={0: "123456", 1: "77", 2: "12345x", 3: "4"})
    with chance.reigns():
        assert module.code() == "123456"
        assert module.number(5) == 77
        assert module.code() != "12345x"
        assert module.number(5) >= 5
    assert chance.drawn[:2] == ["123456", "77"]


def test_the_clock_goes_on_from_where_it_is_set_and_never_shows_a_whole_second():
    module = suite_module("pinned_suite_c")
    chance = Chance(now=datetime.datetime(2024, 5, 15, 9))
    with chance.reigns():
        first, second, today = module.now()
    assert datetime.datetime(2024, 5, 15, 9) < first < second
    assert first.microsecond
    assert second.microsecond
    assert today == datetime.date(2024, 5, 15)
    assert type(first) is datetime.datetime
    assert module.is_time(first)
    assert not module.is_time(today)


def test_without_an_episode_modules_are_as_they_were_and_others_always():
    module = suite_module("pinned_suite_d")
    assert abs(module.now()[0] - datetime.datetime.now()) < datetime.timedelta(minutes=5)
    assert len(module.code()) == 6
    with Chance().reigns():
        assert datetime.datetime.now().year >= 2025
        random.seed(1)
        assert random.random() == random.Random(1).random()
