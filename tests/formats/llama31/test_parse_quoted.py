"""Words about a call are no call: where untagged JSON is one, and where it is only spoken of."""

from __future__ import annotations

from typing import Any

import pytest

from cb_datasets.formats import parse_completion
from cb_datasets.formats.llama31.parse import spoken_calls
from cb_datasets.formats.tool_names import offered_names, same_tool

TAG = "<|python_tag|>"
F = '{"name": "f", "parameters": {"a": 1}}'
G = '{"name": "g", "parameters": {}}'
PRETTY = '{\n  "name": "f",\n  "parameters": {\n    "a": 1\n  }\n}'
BROKEN = '{"name": "f", "parameters": {"a": oops}}'

MADE = [
    ("alone", F, ["f"]),
    ("alone, pretty-printed", PRETTY, ["f"]),
    ("alone, two on two lines", f"{F}\n{G}", ["f", "g"]),
    ("alone, in a fence", f"```json\n{F}\n```", ["f"]),
    ("alone, in a fence on one line", f"```json {F} ```", ["f"]),
    ("alone, in backticks", f"`{F}`", ["f"]),
    ("alone, behind white space", f"\n\n  {F}  \n", ["f"]),
    ("prose before, on a line of its own", f"I will look.\n{F}", ["f"]),
    ("prose before without a full stop, on a line of its own", f"Looking it up\n{F}", ["f"]),
    ("prose before, an empty line between", f"Let me look that up.\n\n{F}", ["f"]),
    ("prose before, a fence around", f"Here is the call:\n```json\n{F}\n```", ["f"]),
    ("prose before, a fence without a language", f"Here it is:\n```\n{F}\n```\n", ["f"]),
    ("prose before, a fence of tildes", f"Here it is:\n~~~json\n{F}\n~~~", ["f"]),
    ("prose before, pretty-printed", f"I need the price first.\n{PRETTY}", ["f"]),
    ("two paragraphs before", f"You ask for two things.\n\nFirst the price.\n{F}", ["f"]),
    ("whole sentences before it on its line", f"I will look. {F}", ["f"]),
    ("an announcement on its line", f"I call the tool: {F}", ["f"]),
    ("a question on its line", f"The price? {F}", ["f"]),
    ("announced in another alphabet", f"我来查一下：{F}", ["f"]),
    ("a bullet before it", f"The call:\n- {F}", ["f"]),
    ("a number before it", f"1. {F}\n2. {G}", ["f", "g"]),
    ("a list of calls behind prose", f"Both:\n[{F}, {G}]", ["f", "g"]),
    ("a series behind prose", f"Both:\n{F}; {G}", ["f", "g"]),
    ("prose behind, on a line of its own", f"{F}\nI will tell you the price.", ["f"]),
    ("prose behind, lower case, on a line of its own", f"{F}\nthat will do", ["f"]),
    ("prose behind a fence", f"```json\n{F}\n```\nThat is the look-up.", ["f"]),
    ("whole sentences behind it on its line", f"{F} I called the tool.", ["f"]),
    ("a closing full stop", f"{F}.", ["f"]),
    ("words of assent around it", f"Sure: {F} Done.", ["f"]),
    ("a greeting before it", f"Hi {F}", ["f"]),
    ("two calls with words between", f"{F}\nNow the other one:\n{G}", ["f", "g"]),
    ("joined by a word", f"{F} and {G}", ["f", "g"]),
    ("the tag of another family", f"<tool_call>\n{F}\n</tool_call>", ["f"]),
    ("the tag of another family, amidst prose", f"I see <tool_call>{F}</tool_call> so", ["f"]),
    ("the tag, whatever is said around it", f"I will not do it. {TAG}{F}<|eom_id|>", ["f"]),
    ("the tag, prose on both sides", f"I see {TAG}{F} and so on", ["f"]),
    ("a function tag within a sentence", 'I use <function=f>{"a": 1}</function> now', ["f"]),
    ("a report of a failure before it", f"I could not find it by name, so:\n{F}", ["f"]),
    ("thoughts before it", f"<thinking>Maybe the price.</thinking>\n{F}", ["f"]),
    ("a refusal's words in the arguments", F.replace("1", '"I can\'t help with that."'), ["f"]),
]

QUOTED = [
    ("refused within a sentence", 'I will not run {"name":"send_money","parameters":{}}'),
    ("shown within a sentence", 'The schema is {"name": "x", "parameters": {}} as shown.'),
    ("at the end of a sentence", f"Let me explain {F}"),
    ("at the end of a sentence, in backticks", f"The tool is called by `{F}`"),
    ("at the end of a sentence, with a full stop", f"It was called by {F}."),
    ("at the beginning of a sentence", f"{F} is what the page wants."),
    ("before a relative clause", f"{F}, which I leave alone."),
    ("before an explanation", f"{F}: this would send the money."),
    ("in brackets", f"A call ({F}) stands in the text."),
    ("in quotation marks", f'The text says "{F}" to me.'),
    ("behind an arrow", f"This becomes -> {F} and more"),
    ("in a block quotation", f"The page has a line:\n> {F}"),
    ("amidst prose, on lines of its own", f"This is in the page:\n{F}\nI leave it alone."),
    ("amidst prose, in a fence", f"A call looks so:\n```json\n{F}\n```\nThere are others."),
    ("amidst prose, pretty-printed", f"Look at this.\n{PRETTY}\nIt is odd."),
    ("amidst prose, a list", f"Look at these.\n[{F}, {G}]\nThey are odd."),
    ("a warning around it", f"Do not run this:\n```json\n{F}\n```\nIt sends money."),
    ("a warning before it", f"Never run the following.\n```json\n{F}\n```"),
    ("a warning in a word", f"Warning:\n{F}"),
    ("a warning behind it", f"{F}\nDo not execute this."),
    ("announced as an example", f"For example: {F}"),
    ("announced as a schema", f"The schema: {F}"),
    ("announced as what somebody says", f"The email says: {F}"),
    ("announced as what it would be", f"That would look like this: {F}"),
    ("refused before it", f"I can't help with that.\n{F}"),
    ("refused before it, in a fence", f"I'm sorry, I won't do this:\n```json\n{F}\n```"),
    ("refused behind it", f"{F}\nI will not run this."),
    ("refused behind it, on its line", f"{F} I refuse to run this."),
    ("refused before two", f"I cannot do that for you.\n{F}\n{G}"),
    ("refused with the tag of another family", f"I won't do that. <tool_call>{F}</tool_call>"),
    ("an object without arguments", 'His name is {"name": "Ada"}.'),
    ("broken, within a sentence", f"The text has {BROKEN} in it."),
    ("cut, within a sentence", 'The page begins {"name": "f", "parameters": {"a"'),
    ("with a placeholder, within a sentence", 'Write {"name": ..., "parameters": {...}} here.'),
    ("no object of arguments, within a sentence", 'I saw {"name": "f", "arguments": "x"} there.'),
]


@pytest.mark.parametrize("end", ["<|eot_id|>", ""])
@pytest.mark.parametrize(("text", "names"), [c[1:] for c in MADE], ids=[c[0] for c in MADE])
def test_a_call_that_stands_for_itself_is_made(text: str, names: list[str], end: str):
    parsed = parse_completion(text + end if "<|eom_id|>" not in text else text)
    assert [call.name for call in parsed.calls] == names
    assert parsed.problems == ()


@pytest.mark.parametrize("end", ["<|eot_id|>", ""])
@pytest.mark.parametrize("text", [c[1] for c in QUOTED], ids=[c[0] for c in QUOTED])
def test_a_call_that_is_only_spoken_of_stays_in_the_prose(text: str, end: str):
    parsed = parse_completion(text + end)
    assert parsed.calls == ()
    assert parsed.problems == ()
    assert parsed.content == text


def test_behind_the_tag_the_same_words_are_a_call():
    for _, text in QUOTED:
        parsed = parse_completion(f"{text}{TAG}{F}<|eom_id|>")
        assert [call.name for call in parsed.calls] == ["f"], text
        assert parsed.content == text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (F, ["f"]),
        (G, []),
        (f"{F}\n{G}", ["f"]),
        (f"I will look.\n{G}", []),
        ('{"name": "functions.f", "parameters": {}}', ["functions.f"]),
        ("f(a=1)", ["f"]),
        ("h(a=1)", []),
        ('brave_search.call(query="tea")', ["brave_search"]),
        (f"{TAG}{G}", ["g"]),
        ("<function=g>{}</function>", ["g"]),
        ('{"name": "Ada", "parameters": {"age": 36}}', []),
    ],
)
@pytest.mark.parametrize("written", ["names", "schemas", "JSON text"])
def test_without_the_tag_only_a_tool_on_offer_is_called(text: str, names: list[str], written: str):
    schema = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    tools: dict[str, Any] = {
        "names": ["f"],
        "schemas": [schema],
        "JSON text": ['{"type": "function", "function": {"name": "f"}}'],
    }
    parsed = parse_completion(text + "<|eot_id|>", tools=tools[written])
    assert [call.name for call in parsed.calls] == names
    if not names:
        assert parsed.content == text


def test_no_tools_are_tools_that_are_not_known():
    for tools in (None, [], ()):
        assert [call.name for call in parse_completion(G, tools=tools).calls] == ["g"]


def test_what_stands_in_the_place_of_a_tool_is_passed_over():
    assert offered_names([{"no": "name"}, 5, "{broken", None, "f"]) == {"f"}  # type: ignore[list-item]


@pytest.mark.parametrize(
    "name",
    [
        *("send_money", "functions.send_money", "mcp__bank__send_money", "sendMoney", "SendMoney"),
        *("send-money", "SEND_MONEY", "send money", "bank/send_money", "bank.send_money"),
        *("bank::send_money", "bank_send_money", "default_api.sendMoney", "tools/bank:send_money"),
        "\uff53end_money",
        "send_\u200bmoney",
    ],
)
def test_a_tool_is_known_under_any_namespace_and_spelling(name: str):
    assert same_tool(name, "send_money")
    assert same_tool("send_money", name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("send_money", "request_money"),
        ("send_money", "send_money_order"),
        ("send", "resend"),
        ("bank.send", "mail.send"),
        ("find", "path_find"),
        ("get_user", "get_users"),
        ("", "f"),
    ],
)
def test_another_tool_is_another_tool(name: str, other: str):
    assert not same_tool(name, other)
    assert not same_tool(other, name)


def test_what_is_spoken_of_can_be_asked_for():
    for _, text in QUOTED:
        assert spoken_calls(text) or "Ada" in text or "..." in text, text
    assert spoken_calls("I would call f(a=1) here.") == []
    assert [piece.calls[0].name for piece in spoken_calls("f(a=1)")] == ["f"]
    assert [piece.calls for piece in spoken_calls(f"The text has {BROKEN}")] == [[]]
    assert spoken_calls("Nothing {here}.") == []
