"""A citizen's way through the menu: one pure step function.

`step(tree, session, event, now)` returns the next session and what to do. The session never ends
a call: it ends itself with `Done`, and then an operator is found.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from acd.calls.record import CategorySource
from acd.languages import OWN_LANGUAGE, in_language
from ivr import status_dialogue as status
from ivr.information import Information
from ivr.menu import Key, MenuTree
from ivr.status_dialogue import Asking, Found, Hush, LookUp

# a prompt that has not ended by then has a fault that Asterisk did not tell
LONGEST_PROMPT_S = 15.0
LONGEST_INFORMATION_S = 180.0


class Phase(StrEnum):
    """What the citizen is going through."""

    PROMPT = "prompt"  # hears the question
    SILENCE = "silence"  # has heard it and says nothing
    INFORMATION = "information"  # hears recorded information, or which keys go with it
    CLOSING = "closing"  # has heard all of it, and may hear it again
    ASKING = "asking"  # asks for a complaint by its number
    DONE = "done"


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one citizen is in the menu. `due` is the time of the next Tick that is wanted.

    `information`, `piece`: what is heard, and which piece of it (-1: none), since `piece_since`.
    `pressed`: a key was, whatever it meant. `listens`: it is asked whether the citizen can be
    heard. Nobody listens while a prompt plays, for its echo may be heard too, and to nobody who
    has pressed a key. `asking`: how far the citizen is who asks for a complaint.
    """

    deadline: float
    menu: str
    phase: Phase = Phase.PROMPT
    wrong: int = 0
    chosen: bool = False  # a valid key was pressed
    due: float = 0.0
    language: str = OWN_LANGUAGE
    language_chosen: bool = False  # by a key
    information: str = ""
    category: str = ""  # that goes with the information
    piece: int = -1
    piece_since: float = 0.0
    pressed: bool = False
    listens: bool = False
    asking: Asking | None = None


class Started(msgspec.Struct, frozen=True):
    """The call is ours."""


class Digit(msgspec.Struct, frozen=True):
    """A key was pressed."""

    digit: str


class PromptEnded(msgspec.Struct, frozen=True):
    """The prompt that plays came to its end, or could not be played."""

    failed: bool = False


class Audible(msgspec.Struct, frozen=True):
    """The citizen can be heard."""


class Tick(msgspec.Struct, frozen=True):
    """The time `due` has come."""


Event = Started | Digit | PromptEnded | Audible | Tick | Found


class Play(msgspec.Struct, frozen=True):
    """Play a prompt, and more behind it, in place of what plays.

    In a language that is not the line's own a prompt is named like en/menu.
    """

    prompt: str
    more: tuple[str, ...] = ()


class Speak(msgspec.Struct, frozen=True):
    """The citizen has chosen a language."""

    language: str


class Inform(msgspec.Struct, frozen=True):
    """The category is known and recorded information follows before an operator is found."""

    information: str
    category: str
    source: CategorySource


class Piece(msgspec.Struct, frozen=True):
    """A piece of information begins; play its prompt."""

    information: str
    prompt: str


class Heard(msgspec.Struct, frozen=True):
    """So many seconds of a piece were heard; `whole`: to its end."""

    information: str
    prompt: str
    seconds: float
    whole: bool


class Back(msgspec.Struct, frozen=True):
    """The citizen wants the menu again; its prompt follows."""


class Done(msgspec.Struct, frozen=True):
    """Find an operator; stop what plays. `silent`: nothing was pressed, and nothing heard."""

    category: str
    source: CategorySource
    silent: bool = False


class Listen(msgspec.Struct, frozen=True):
    """Ask whether the citizen can be heard, until the session does not want to know any more."""


Action = Play | Speak | Inform | Piece | Heard | Back | Done | Listen | Hush | LookUp
Stepped = tuple[Session, list[Action]]
_with = msgspec.structs.replace


def begin(tree: MenuTree, arrived_at: float, language: str = OWN_LANGUAGE) -> Session:
    """The session of a call that has just arrived, in a language that the trunk has told."""
    if language != OWN_LANGUAGE and language not in tree.languages():
        language = OWN_LANGUAGE
    return Session(deadline=arrived_at + tree.limit_s, menu=tree.start, language=language)


def fits(tree: MenuTree, session: Session) -> bool:
    """Whether a session goes on with this tree, which may have been changed since it began."""
    if session.menu not in tree.menus or session.language not in tree.languages():
        return False
    known = session.category in tree.categories
    if session.phase is Phase.ASKING:
        return known
    if not session.information:
        return True
    return known and session.piece < len(tree.information_of(session.information).pieces)


def step(tree: MenuTree, session: Session, event: Event, now: float) -> Stepped:
    """Decide what follows from one event."""
    match session.phase:
        case Phase.DONE:
            return session, []
        case Phase.INFORMATION | Phase.CLOSING:
            return _informed(tree, session, event, now)
        case Phase.ASKING:
            return _asked(tree, session, event, now)
    match event:
        case Started():
            return _ask(tree, session, now)
        case Digit(digit):
            return _pressed(tree, session, digit, now)
        case PromptEnded(failed=True):
            return _done(tree, session, CategorySource.NONE)
        case PromptEnded():
            due = min(session.deadline, now + tree.menus[session.menu].silence_s)
            if session.pressed or session.phase is Phase.SILENCE or due >= session.deadline:
                # in less time than the menu gives nobody is known to be silent
                return _with(session, phase=Phase.SILENCE, due=due), []
            return _with(session, phase=Phase.SILENCE, due=due, listens=True), [Listen()]
        case Audible():
            return _with(session, listens=False), []
        case Tick() if now >= session.due:
            return _done(tree, session, _why_no_choice(session))
    return session, []


def left(tree: MenuTree, session: Session, now: float) -> Heard | None:
    """The citizen goes, or the call does: which piece was being heard, if one was."""
    return _heard(tree, session, now, whole=False)


def _why_no_choice(session: Session) -> CategorySource:
    return CategorySource.INVALID if session.wrong else CategorySource.SILENCE


# --- the menu ---------------------------------------------------------------------------------


def _ask(tree: MenuTree, session: Session, now: float, *, again: bool = False) -> Stepped:
    if now >= session.deadline:
        return _done(tree, session, _why_no_choice(session))
    due = min(session.deadline, now + LONGEST_PROMPT_S)
    question: tuple[str, ...]
    if again:
        question = (in_language(tree.menus[session.menu].retry_prompt, session.language),)
    else:
        question = tree.questions[session.menu, session.language, not session.language_chosen]
    return _with(session, phase=Phase.PROMPT, due=due), [Play(question[0], question[1:])]


def _pressed(tree: MenuTree, session: Session, digit: str, now: float) -> Stepped:
    menu, session = tree.menus[session.menu], _with(session, pressed=True, listens=False)
    key = menu.keys.get(digit)
    if key is None:
        session = _with(session, wrong=session.wrong + 1)
        if session.wrong >= menu.tries:
            return _done(tree, session, CategorySource.INVALID)
        return _ask(tree, session, now, again=True)
    if key.language is not None:
        return _in_language(tree, session, key.language, now)
    session = _with(session, chosen=True, wrong=0)
    if key.menu is not None:
        return _ask(tree, _with(session, menu=key.menu), now)
    if key.status:
        return _begin_asking(session, key, now)
    if key.information is not None:
        return _inform(tree, session, key, now)
    category = key.category or menu.category
    return _with(session, phase=Phase.DONE), [Done(category, CategorySource.MENU)]


def _in_language(tree: MenuTree, session: Session, language: str, now: float) -> Stepped:
    if not session.language_chosen:
        # once: who has heard the menu in vain has the time for it in a language understood
        session = _with(session, deadline=max(session.deadline, now + tree.limit_s))
    session = _with(session, language=language, language_chosen=True, wrong=0)
    after, actions = _ask(tree, session, now)
    return after, [Speak(language), *actions]


def _done(tree: MenuTree, session: Session, source: CategorySource) -> Stepped:
    # a key that led into this menu has already said what the call is about
    known = CategorySource.MENU if session.chosen else source
    category = session.category or tree.menus[session.menu].category
    # who was listened to until now, was not heard
    done = Done(category, known, silent=session.listens and source is CategorySource.SILENCE)
    return _with(session, phase=Phase.DONE, listens=False), [done]


# --- asking for a complaint -------------------------------------------------------------------


def _begin_asking(session: Session, key: Key, now: float) -> Stepped:
    asking, actions = status.begin(now)
    session = _with(session, phase=Phase.ASKING, category=key.category or "", asking=asking)
    begun = Inform(status.NAME, session.category, CategorySource.MENU)
    return _with(session, due=asking.due), [begun, *_said(actions, session.language)]


def _asked(tree: MenuTree, session: Session, event: Event, now: float) -> Stepped:
    """What follows from an event while a number is asked for, typed or told of."""
    told: status.Event
    match event:
        case Digit(digit):
            told = status.Pressed(digit)
        case PromptEnded(failed=failed):
            told = status.Said(failed=failed)
        case Tick():
            told = status.Due()
        case Found():
            told = event
        case _:
            return session, []
    asking = session.asking or Asking(until=now)
    asking, actions = status.step(asking, told, now)
    if any(isinstance(one, status.Leave) for one in actions):
        return _done(tree, session, CategorySource.MENU)
    return _with(session, asking=asking, due=asking.due), _said(actions, session.language)


def _said(actions: list[status.Action], language: str) -> list[Action]:
    found: list[Action] = []
    for one in actions:
        match one:
            case status.Say(prompts):
                # what was found is in the language already
                words = [p if "/" in p else in_language(p, language) for p in prompts]
                found.append(Play(words[0], tuple(words[1:])))
            case Hush() | LookUp():
                found.append(one)
    return found


# --- information ------------------------------------------------------------------------------


def _inform(tree: MenuTree, session: Session, key: Key, now: float) -> Stepped:
    name, keys = key.information or "", tree.information_keys
    category = key.category or tree.menus[session.menu].category
    session = _with(session, phase=Phase.INFORMATION, information=name, category=category, piece=-1)
    if tree.information_of(name).next_piece(-1, now) is None:
        return _done(tree, session, CategorySource.MENU)  # nothing of it is true any more
    begun: list[Action] = [Inform(name, category, CategorySource.MENU)]
    if not keys.prompt:
        after, actions = _next_piece(tree, session, now)
        return after, begun + actions
    play = Play(in_language(keys.prompt, session.language))
    return _with(session, due=now + LONGEST_PROMPT_S), [*begun, play]


def _informed(tree: MenuTree, session: Session, event: Event, now: float) -> Stepped:
    """What follows from an event while information is heard."""
    match event:
        case Digit(digit):
            heard = _heard(tree, session, now, whole=False)
            after, actions = _key_of_information(tree, session, digit, now)
        case PromptEnded(failed=failed):
            heard = _heard(tree, session, now, whole=not failed)
            if failed:
                after, actions = _done(tree, session, CategorySource.MENU)
            elif session.phase is Phase.CLOSING:
                after, actions = _with(session, due=now + tree.information_keys.silence_s), []
            else:
                after, actions = _next_piece(tree, session, now)
        case Tick() if now >= session.due:
            heard = _heard(tree, session, now, whole=False)
            after, actions = _done(tree, session, CategorySource.MENU)
        case _:
            return session, []
    return after, actions if heard is None else [heard, *actions]


def _key_of_information(tree: MenuTree, session: Session, digit: str, now: float) -> Stepped:
    keys = tree.information_keys
    if digit == keys.repeat:
        first = -1 if session.phase is Phase.CLOSING else session.piece - 1
        return _next_piece(tree, _with(session, piece=first), now)
    if digit == keys.skip and session.phase is Phase.INFORMATION:
        return _next_piece(tree, session, now)
    if digit == keys.back:
        session = _with(
            session,
            deadline=now + tree.limit_s,
            information="",
            category="",
            chosen=session.menu != tree.start,
        )
        after, actions = _ask(tree, session, now)
        return after, [Back(), *actions]
    return _done(tree, session, CategorySource.MENU)


def _next_piece(tree: MenuTree, session: Session, now: float) -> Stepped:
    line, keys = tree.information_of(session.information), tree.information_keys
    index = line.next_piece(session.piece, now)
    if index is not None:
        session = _with(
            session,
            phase=Phase.INFORMATION,
            piece=index,
            piece_since=now,
            due=now + LONGEST_INFORMATION_S,
        )
        prompt = in_language(line.pieces[index].prompt, session.language)
        return session, [Piece(session.information, prompt)]
    if not keys.end_prompt or session.phase is Phase.CLOSING:
        return _done(tree, session, CategorySource.MENU)
    session = _with(session, phase=Phase.CLOSING, due=now + LONGEST_PROMPT_S)
    return session, [Play(in_language(keys.end_prompt, session.language))]


def _heard(tree: MenuTree, session: Session, now: float, *, whole: bool) -> Heard | None:
    line: Information = tree.information_of(session.information)
    if session.phase is not Phase.INFORMATION or not 0 <= session.piece < len(line.pieces):
        return None
    prompt, seconds = line.pieces[session.piece].prompt, max(0.0, now - session.piece_since)
    return Heard(session.information, prompt, round(seconds, 3), whole)
