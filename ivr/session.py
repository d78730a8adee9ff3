"""A citizen's way through the menu: one pure step function.

`step(tree, session, event, now)` returns the next session and what to do. The session never ends
a call: it ends itself with `Done`, and then an operator is found.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from acd.calls.record import CategorySource
from ivr.menu import MenuTree

# a prompt that has not ended by then has a fault that Asterisk did not tell
LONGEST_PROMPT_S = 15.0
LONGEST_INFORMATION_S = 180.0


class Phase(StrEnum):
    """What the citizen is going through."""

    PROMPT = "prompt"  # hears the question
    SILENCE = "silence"  # has heard it and says nothing
    INFORMATION = "information"  # hears recorded information
    DONE = "done"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Where one citizen is in the menu. `due` is the time of the next Tick that is wanted.

    `listens`: it is asked whether the citizen can be heard. Nobody listens while a prompt plays,
    for its echo may be heard too, and to nobody who has pressed a key.
    """

    deadline: float
    menu: str
    phase: Phase = Phase.PROMPT
    wrong: int = 0
    chosen: bool = False  # a valid key was pressed
    due: float = 0.0
    listens: bool = False


class Started(msgspec.Struct, frozen=True):
    """The call is ours."""


class Digit(msgspec.Struct, frozen=True):
    """A key was pressed."""

    digit: str


class PromptEnded(msgspec.Struct, frozen=True):
    """The prompt that plays came to its end, or could not be played."""

    failed: bool = False


class Heard(msgspec.Struct, frozen=True):
    """The citizen can be heard."""


class Tick(msgspec.Struct, frozen=True):
    """The time `due` has come."""


Event = Started | Digit | PromptEnded | Heard | Tick


class Play(msgspec.Struct, frozen=True):
    """Play a prompt in place of the one that plays."""

    prompt: str


class Inform(msgspec.Struct, frozen=True):
    """The category is known and recorded information is played before an operator is found."""

    prompt: str
    category: str
    source: CategorySource


class Done(msgspec.Struct, frozen=True):
    """Find an operator; stop what plays. `silent`: nothing was pressed, and nothing heard."""

    category: str
    source: CategorySource
    silent: bool = False


class Listen(msgspec.Struct, frozen=True):
    """Ask whether the citizen can be heard, until the session does not want to know any more."""


Action = Play | Inform | Done | Listen


def begin(tree: MenuTree, arrived_at: float) -> Session:
    """The session of a call that has just arrived."""
    return Session(deadline=arrived_at + tree.limit_s, menu=tree.start)


def step(
    tree: MenuTree, session: Session, event: Event, now: float
) -> tuple[Session, list[Action]]:
    """Decide what follows from one event."""
    if session.phase is Phase.DONE:
        return session, []
    if session.phase is Phase.INFORMATION:
        # a key, the end, a fault: all lead to an operator
        return _done(tree, session, CategorySource.MENU)
    match event:
        case Started():
            return _ask(tree, session, tree.menus[session.menu].prompt, now)
        case Digit(digit):
            return _pressed(tree, session, digit, now)
        case PromptEnded(failed=True):
            return _done(tree, session, CategorySource.NONE)
        case PromptEnded():
            due = min(session.deadline, now + tree.menus[session.menu].silence_s)
            after = msgspec.structs.replace(session, phase=Phase.SILENCE, due=due)
            pressed = session.wrong or session.chosen
            if pressed or session.phase is Phase.SILENCE or due >= session.deadline:
                return after, []  # in less time than the menu gives nobody is known to be silent
            return msgspec.structs.replace(after, listens=True), [Listen()]
        case Heard():
            return msgspec.structs.replace(session, listens=False), []
        case Tick() if now >= session.due:
            return _done(tree, session, _why_no_choice(session))
    return session, []


def _why_no_choice(session: Session) -> CategorySource:
    return CategorySource.INVALID if session.wrong else CategorySource.SILENCE


def _ask(tree: MenuTree, session: Session, prompt: str, now: float) -> tuple[Session, list[Action]]:
    if now >= session.deadline:
        return _done(tree, session, _why_no_choice(session))
    due = min(session.deadline, now + LONGEST_PROMPT_S)
    return msgspec.structs.replace(session, phase=Phase.PROMPT, due=due), [Play(prompt)]


def _pressed(
    tree: MenuTree, session: Session, digit: str, now: float
) -> tuple[Session, list[Action]]:
    menu, session = tree.menus[session.menu], msgspec.structs.replace(session, listens=False)
    key = menu.keys.get(digit)
    if key is None:
        session = msgspec.structs.replace(session, wrong=session.wrong + 1)
        if session.wrong >= menu.tries:
            return _done(tree, session, CategorySource.INVALID)
        return _ask(tree, session, menu.retry_prompt, now)
    session = msgspec.structs.replace(session, chosen=True, wrong=0)
    if key.menu is not None:
        session = msgspec.structs.replace(session, menu=key.menu)
        return _ask(tree, session, tree.menus[key.menu].prompt, now)
    category = key.category or menu.category
    if key.information is not None:
        session = msgspec.structs.replace(
            session, phase=Phase.INFORMATION, due=now + LONGEST_INFORMATION_S
        )
        return session, [Inform(key.information, category, CategorySource.MENU)]
    return msgspec.structs.replace(session, phase=Phase.DONE), [Done(category, CategorySource.MENU)]


def _done(tree: MenuTree, session: Session, source: CategorySource) -> tuple[Session, list[Action]]:
    # a key that led into this menu has already said what the call is about
    known = CategorySource.MENU if session.chosen else source
    category = tree.menus[session.menu].category
    # who was listened to until now, was not heard
    done = Done(category, known, silent=session.listens and source is CategorySource.SILENCE)
    return msgspec.structs.replace(session, phase=Phase.DONE, listens=False), [done]
