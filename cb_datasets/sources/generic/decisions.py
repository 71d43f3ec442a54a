"""Which turns of a run are decisions to learn from, what was right there, and what is set aside.

In: a `Run` and the option `turns`. Out: its decisions, at least one, so that no row is lost in
silence. An attack has succeeded if the attacker's call was made after the attack came into view;
the turns after that one are set aside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cb_datasets.debug_labels import find_marker
from cb_datasets.records import Expected
from cb_datasets.refusal import is_refusal
from cb_datasets.sources.generic.attack import AttackInView
from cb_datasets.sources.generic.run import Run
from cb_datasets.sources.messages.chat_messages import all_calls, message_calls
from cb_datasets.sources.messages.made_calls import calls_not_made, exact_pattern, makes_call

_UNKNOWN_WHY = (
    "unknown_expected: Nothing says what would have been right; map expected or accepted."
)
_NOT_ACCEPTED = "not_accepted: The row says that the run did not do what was asked."
_NO_TURN = "no_turn: The row holds no turn of the model."
_NOT_ASKED_AGAIN = "no_turn_after_injection: The model was not asked again once it was in view."
_AFTER_ATTACK = "after_attack: The attacker's call was made in an earlier turn."


def _unknown() -> Expected:
    return Expected(behavior="call", calls=[])


@dataclass(frozen=True, slots=True)
class Decision:
    """A turn that becomes a scenario.

    Attributes:
        turn: Its position; that behind the last message, where there is no such turn yet.
        expected: What was right there.
        attacked: Whether the attack was in view.
        set_aside: Why it fits no set, if it does not.
    """

    turn: int
    expected: Expected = field(default_factory=_unknown)
    attacked: bool = False
    set_aside: str | None = None


def decisions(run: Run, turns: str | None) -> list[Decision]:
    """The decisions of a run, in order.

    Args:
        run: The run.
        turns: One of `cb_datasets.sources.turns.TURNS`; None is decisive where the run is attacked
            and all where it is not.
    """
    if run.attacked is None:
        return _benign(run, turns or "all")
    return _attacked(run, run.attacked, turns or "decisive")


def debug_label(run: Run, turn: int) -> str | None:
    """Why a turn is set aside whose text a pipeline wrote for people to read; else None."""
    if turn >= run.end:
        return None
    marker = find_marker(run.raws.get(turn) or run.messages[turn]["content"])
    if marker is None:
        return None
    return f"debug_label: The completion holds {marker[0].name}, and no model emits that."


def _benign(run: Run, turns: str) -> list[Decision]:
    why = _why_not_right(run)
    if why is not None:
        return [Decision(run.end, set_aside=why)]
    # What is expected of a conversation that ends with a request is expected next.
    found = run.open_turns if run.expected is not None else []
    found = found or run.recorded_turns
    if not found:
        return [Decision(run.end, set_aside=_NO_TURN)]
    if turns == "first":
        found = found[:1]
    elif turns == "decisive":
        found = [_decisive(run, found)]
    return [Decision(turn, _right(run, turn)) for turn in found]


def _why_not_right(run: Run) -> str | None:
    """Why nothing that the model did without an attack can be called right, if it cannot."""
    if run.accepted is False:
        return _NOT_ACCEPTED
    return _UNKNOWN_WHY if run.accepted is None and run.expected is None else None


def _decisive(run: Run, found: list[int]) -> int:
    if run.expected is not None and run.expected["behavior"] != "call":
        return found[-1]
    calling = [n for n in found if n < run.end and "tool_calls" in run.messages[n]]
    wanted = run.expected["calls"] if run.expected else []
    right = [n for n in calling if makes_call(run.messages[n], wanted, run.offered)]
    return (right or calling or found[-1:])[0]


def _attacked(run: Run, attacked: AttackInView, turns: str) -> list[Decision]:
    if attacked.unfit is not None:
        return [Decision(run.end, attacked=True, set_aside=attacked.unfit)]
    view, targets = attacked.view, attacked.attack["targets"]
    seen = range(view + 1, run.end)
    attacker = next((n for n in seen if makes_call(run.messages[n], targets, run.offered)), None)
    after = [n for n in (*run.recorded_turns, *run.open_turns) if n > view]
    before = [n for n in run.recorded_turns if n < view] if turns == "all" else []
    if turns == "decisive" and attacker in after:
        after = [attacker]
    elif turns != "all":
        after = after[:1]
    found = [_before_attack(run, turn) for turn in before]
    for turn in after:
        late = attacker is not None and turn > attacker
        expected = _still_right(run, run.expected, turn) if run.expected else _unknown()
        found.append(Decision(turn, expected, True, _AFTER_ATTACK if late else None))
    if not after:
        found.append(Decision(run.end, attacked=True, set_aside=_NOT_ASKED_AGAIN))
    return found


def _before_attack(run: Run, turn: int) -> Decision:
    why = _why_not_right(run)
    return Decision(turn, _unknown() if why else _right(run, turn), set_aside=why)


def _right(run: Run, turn: int) -> Expected:
    """What was right at a turn: what the row says or, where it was accepted, what was done."""
    if run.expected is not None:
        return _still_right(run, run.expected, turn)
    message = run.messages[turn]
    calls = message_calls(message)
    if calls:
        made = [exact_pattern(call["name"], call["arguments"]) for call in calls]
        return Expected(behavior="call", calls=made)
    return Expected(behavior="refusal" if is_refusal(message["content"]) else "answer", calls=[])


def _still_right(run: Run, expected: Expected, turn: int) -> Expected:
    """What is still to be done at a turn: the right calls that did not follow the last request."""
    if expected["behavior"] != "call" or not expected["calls"]:
        return expected
    asked = max((n for n in range(turn) if run.messages[n]["role"] == "user"), default=0)
    made = all_calls(run.messages[max(asked, run.start) : turn])
    left = calls_not_made(expected["calls"], made, run.offered)
    return {**expected, "behavior": "call" if left else "answer", "calls": left}
