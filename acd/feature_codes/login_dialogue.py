"""Logging in by a dialogue in words: the operator's number, then the PIN. One pure step function.

`step(dialogue, event, now)` returns the next dialogue and what to do. It knows no operator and no
PIN: `Prove` asks whether the two belong together, and `Refused` comes back if they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

MOST_TRIES = 3
ENTERED_S = 3.0  # silence after a digit that ends a number, as # does
SILENCE_S = 10.0  # silence with nothing entered that ends the dialogue
LONGEST_PROMPT_S = (
    15.0  # a prompt that has not ended by then has a fault that Asterisk did not tell
)
LONGEST_S = 90.0  # the whole dialogue, whatever is pressed
# longer than any number or PIN, so what is cut off can never have been right
_LONGEST_ENTRY = 16

OPERATOR, PIN, AGAIN, SILENCE = "code_operator", "code_pin", "code_again", "code_silence"
UNKNOWN = "operator_unknown"
PROMPTS = (OPERATOR, PIN, AGAIN, SILENCE, UNKNOWN)


class Asking(StrEnum):
    """What the dialogue asks for."""

    OPERATOR = "operator"
    PIN = "pin"
    NOTHING = "nothing"  # it is over


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialogue:
    """Where one phone is in it. `due` is the time of the next Tick that is wanted.

    What has been entered stays out of every text that shows a dialogue: it may be a PIN, in
    place of the number too.
    """

    deadline: float
    asking: Asking = Asking.OPERATOR
    speaking: bool = False
    tries: int = 0
    due: float = 0.0
    operator: str = field(default="", repr=False)
    entered: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """The phone has been answered."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt that plays came to its end, or could not be played."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time `due` has come."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody has this number and this PIN."""


Event = Started | Digit | PromptEnded | Tick | Refused


@dataclass(frozen=True, slots=True)
class Say:
    """Play a prompt in place of the one that plays."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Hush:
    """Cut off what plays: a key was pressed."""


@dataclass(frozen=True, slots=True)
class Prove:
    """Find out whether the PIN is this operator's, and log in; the dialogue waits."""

    operator: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class End:
    """The last words; hang up after them."""

    prompt: str


Action = Say | Hush | Prove | End
Next = tuple[Dialogue, list[Action]]


def begin(now: float) -> Dialogue:
    """The dialogue of a phone that has just dialled."""
    return Dialogue(deadline=now + LONGEST_S)


def step(dialogue: Dialogue, event: Event, now: float) -> Next:
    """Decide what follows from one event."""
    if dialogue.asking is Asking.NOTHING:
        return dialogue, []
    match event:
        case Started():
            return _ask(dialogue, Asking.OPERATOR, OPERATOR, now)
        case Refused():
            return _refused(dialogue, now)
        case Digit(digit):
            return _pressed(dialogue, digit, now)
        case PromptEnded() if dialogue.speaking:
            return _wait(dialogue, now), []
        case Tick() if now >= dialogue.due:
            return _due(dialogue, now)
    return dialogue, []


def _ask(dialogue: Dialogue, asking: Asking, prompt: str, now: float) -> Next:
    due = min(dialogue.deadline, now + LONGEST_PROMPT_S)
    asked = replace(dialogue, asking=asking, speaking=True, entered="", due=due)
    return asked, [Say(prompt)]


def _wait(dialogue: Dialogue, now: float) -> Dialogue:
    """Wait for the next key, for as long as what is entered asks for."""
    patience = ENTERED_S if dialogue.entered else SILENCE_S
    return replace(dialogue, speaking=False, due=min(dialogue.deadline, now + patience))


def _pressed(dialogue: Dialogue, digit: str, now: float) -> Next:
    if len(digit) != 1 or digit not in "0123456789*#":
        return dialogue, []  # A to D: no phone of ours has them
    hush: list[Action] = [Hush()] if dialogue.speaking else []
    if digit == "#" and dialogue.entered:
        after, actions = _entered(dialogue, now)
        return after, hush + actions
    if digit == "*":
        dialogue = replace(dialogue, entered="")
    elif digit != "#":
        dialogue = replace(dialogue, entered=(dialogue.entered + digit)[:_LONGEST_ENTRY])
    return _wait(dialogue, now), hush


def _due(dialogue: Dialogue, now: float) -> Next:
    if now >= dialogue.deadline:
        return _end(dialogue, SILENCE)
    if dialogue.speaking:
        return _wait(dialogue, now), []
    if dialogue.entered:
        return _entered(dialogue, now)
    return _end(dialogue, SILENCE)


def _entered(dialogue: Dialogue, now: float) -> Next:
    if dialogue.asking is Asking.OPERATOR:
        # asked for the PIN of a number that is nobody's too: who guesses learns no numbers
        return _ask(replace(dialogue, operator=dialogue.entered), Asking.PIN, PIN, now)
    pin = dialogue.entered
    return replace(dialogue, entered="", speaking=False), [Prove(dialogue.operator, pin)]


def _refused(dialogue: Dialogue, now: float) -> Next:
    dialogue = replace(dialogue, tries=dialogue.tries + 1, operator="")
    if dialogue.tries >= MOST_TRIES:
        return _end(dialogue, UNKNOWN)
    return _ask(dialogue, Asking.OPERATOR, AGAIN, now)


def _end(dialogue: Dialogue, prompt: str) -> Next:
    over = replace(dialogue, asking=Asking.NOTHING, entered="", speaking=False)
    return over, [End(prompt)]
