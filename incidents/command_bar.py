"""The command bar: one typed line that says what is to be done with an incident. Pure.

`[NUMBER] FACTS... [VERB ARGUMENTS...]...`: the facts are a category, a kecamatan or kelurahan and a
priority of 1 to 5, in any order; the first verb ends them. A line of which any word is not
understood does nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from incidents.categories import Category
from incidents.command_words import Where, Words
from incidents.errors import NotUnderstood
from incidents.numbers import as_number
from incidents.states import INCIDENT_MOVES, IncidentState

LONGEST_LINE = 2000  # characters
LONGEST_NOTE = 1000
MOST_FACTS = 12  # words
MOST_STEPS = 20
MOST_AGENCIES = 20

FORM = "[NUMBER] CATEGORY PLACE PRIORITY VERB ..."


class Dispatch(msgspec.Struct, frozen=True):
    """Tell these agencies, by their ids."""

    agencies: tuple[str, ...]


class Acknowledge(msgspec.Struct, frozen=True):
    """These agencies have accepted."""

    agencies: tuple[str, ...]


class Note(msgspec.Struct, frozen=True):
    """Add a text to the timeline."""

    text: str


class Code(msgspec.Struct, frozen=True):
    """Say what the incident is."""

    category: Category


class Move(msgspec.Struct, frozen=True):
    """Bring it to another state."""

    state: IncidentState


class Merge(msgspec.Struct, frozen=True):
    """Let the incident with this number stand in its place."""

    into: str


Step = Dispatch | Acknowledge | Note | Code | Move | Merge


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a line says. `incident`: its number; None: a new one is opened."""

    incident: str | None = None
    category: Category | None = None
    where: Where | None = None
    priority: int | None = None
    steps: tuple[Step, ...] = ()

    @property
    def description(self) -> str:
        """What a new incident is described by, which agencies read: the note, else the facts."""
        notes = [step.text for step in self.steps if isinstance(step, Note)]
        return notes[0] if notes else ", ".join(self._facts()[:2])

    @property
    def then(self) -> tuple[Step, ...]:
        """The steps that are left once the incident is there and has its facts."""
        new = self.incident is None
        return tuple(step for step in self.steps if not (new and isinstance(step, Note)))

    def said(self) -> str:
        """Return in one line what will be done."""
        facts, described = ", ".join(self._facts()), ""
        if self.incident is None:
            described = f", described as {self.description!r}" if self.then != self.steps else ""
            begin = f"open an incident: {facts}{described}"
        else:
            begin = f"incident {self.incident}" + (f" is {facts}" if facts else "")
        return "; ".join([begin, *(_said(step) for step in self.then)]) + "."

    def _facts(self) -> list[str]:
        return [
            *([] if self.category is None else [self.category.called()]),
            *([] if self.where is None else [self.where.name]),
            *([] if self.priority is None else [f"priority {self.priority}"]),
        ]


_MOVES = {
    "scene": IncidentState.ON_SCENE,
    "resolve": IncidentState.RESOLVED,
    "close": IncidentState.CLOSED,
    "cancel": IncidentState.CANCELLED,
    "reopen": IncidentState.REOPENED,
}
VERBS = ("dispatch", "ack", "note", "code", *_MOVES, "merge")


def understand(line: str, words: Words) -> Plan:
    """Return what a line says, all of it. Raises NotUnderstood with what it may mean."""
    if len(line) > LONGEST_LINE:
        raise _no(f"it has more than {LONGEST_LINE} characters")
    typed = line.split()
    number = as_number(typed[0]) if typed and "-" in typed[0] else None
    rest = typed[1:] if number is not None else typed
    first = next((at for at, word in enumerate(rest) if _verb(word)), len(rest))
    category, where, priority = _facts(rest[:first], words)
    steps = tuple(_steps(rest[first:], words))
    if len(steps) > MOST_STEPS:
        raise _no(f"it has more than {MOST_STEPS} verbs")
    plan = Plan(incident=number, category=category, where=where, priority=priority, steps=steps)
    if number is None and category is None and where is None:
        raise _no(
            "say what has happened or where, or begin with an incident's number; the form is "
            f"{FORM}, the verbs are {', '.join(VERBS)}"
        )
    if number is not None and not steps and (category, where, priority) == (None, None, None):
        raise _no(f"say what is to be done with {number}: {', '.join(VERBS)}")
    return plan


def check(plan: Plan, state: IncidentState = IncidentState.OPENED) -> None:
    """Raise NotUnderstood for what cannot be done in this order with an incident in that state.

    What others change meanwhile, and what agencies have been told before, only the engine knows.
    """
    new, told = plan.incident is None, set[str]()
    for index, step in enumerate(plan.steps):
        match step:
            case Dispatch(agencies):
                if state.is_over:
                    raise _no(f"nobody can be sent to what is {state.value}")
                if twice := [one for one in agencies if one in told]:
                    raise _no(f"{twice[0]} is dispatched twice")
                told |= set(agencies)
                state = _on(state, IncidentState.DISPATCHED)
            case Acknowledge(agencies):
                if new and (unknown := [one for one in agencies if one not in told]):
                    raise _no(f"{unknown[0]} cannot accept what it is not told of")
                state = _on(state, IncidentState.ACKNOWLEDGED)
            case Move(wanted):
                if wanted not in INCIDENT_MOVES[state]:
                    raise _no(f"what is {_shown(state)} cannot become {_shown(wanted)}")
                state = wanted
            case Merge(into):
                if new or into == plan.incident:
                    raise _no("merge needs two incidents: 2026-124 merge 2026-123")
                if index < len(plan.steps) - 1:
                    raise _no("merge must be the last verb")


def _on(state: IncidentState, wanted: IncidentState) -> IncidentState:
    """The state after something that brings an incident on, unless it is further already."""
    return wanted if wanted in INCIDENT_MOVES[state] else state


# --- facts ------------------------------------------------------------------------------------


def _facts(typed: list[str], words: Words) -> tuple[Category | None, Where | None, int | None]:
    priorities = [int(word) for word in typed if word in ("1", "2", "3", "4", "5")]
    if len(priorities) > 1:
        raise _no(f"it has {len(priorities)} priorities, {priorities[0]} and {priorities[1]}")
    rest = [word for word in typed if word not in ("1", "2", "3", "4", "5")]
    if len(rest) > MOST_FACTS:
        raise _no(f"more than {MOST_FACTS} words stand before the first verb")
    category, where = _category_and_place(rest, words) if rest else (None, None)
    return category, where, priorities[0] if priorities else None


def _category_and_place(rest: list[str], words: Words) -> tuple[Category | None, Where | None]:
    """The only way to read all these words as a category, a place, or both."""
    readings: dict[tuple[str | None, Where | None], Category | None] = {}
    for what, place in _halves(rest):
        categories = words.categories(what) if what else []
        places = words.places(place) if place else []
        if bool(what) == (len(categories) == 1) and bool(place) == (len(places) == 1):
            category, where = next(iter(categories), None), next(iter(places), None)
            readings[(None if category is None else category.id, where)] = category
    if len(readings) == 1:
        ((_, where), category) = next(iter(readings.items()))
        return category, where
    if readings:
        ways = (
            " and ".join(filter(None, (what, where.name if where else "")))
            for what, where in readings
        )
        raise _no(f"{_quoted(' '.join(rest))} may mean {' or '.join(ways)}")
    raise _no(_why_not(rest, words))


def _halves(rest: list[str]) -> Iterator[tuple[str, str]]:
    """All ways to part the words into those of a category and those of a place."""
    for at in range(len(rest) + 1):
        one, other = " ".join(rest[:at]), " ".join(rest[at:])
        yield one, other
        if one and other:
            yield other, one


def _why_not(rest: list[str], words: Words) -> str:
    """Why words are no category and no place: which of them means nothing, or too much."""
    problems = []
    for word in rest:
        meanings = [one.id for one in words.categories(word)]
        meanings += [one.name for one in words.places(word)]
        if not meanings and len(words.agencies(word)) == 1:
            problems.append(f"{_quoted(word)} is an agency, which wants a verb before it")
        elif not meanings:
            problems.append(_unknown(word, words))
        elif len(meanings) > 1:
            problems.append(f"{_quoted(word)} may mean {', '.join(dict.fromkeys(meanings))}")
    return "; ".join(problems) or f"{_quoted(' '.join(rest))} is not one category and one place"


# --- verbs ------------------------------------------------------------------------------------


def _verb(word: str) -> str | None:
    small = word.casefold()
    return small if small in VERBS else None


def _steps(typed: list[str], words: Words) -> Iterator[Step]:
    at = 0
    while at < len(typed):
        verb, begin = _verb(typed[at]), at + 1
        ends = (place for place in range(begin, len(typed)) if _verb(typed[place]))
        # a note may have any words in it, so it goes to the end of the line
        at = len(typed) if verb == "note" else next(ends, len(typed))
        yield _step(str(verb), typed[begin:at], words)


def _step(verb: str, given: list[str], words: Words) -> Step:
    match verb:
        case "dispatch":
            return Dispatch(_agencies(verb, given, words))
        case "ack":
            return Acknowledge(_agencies(verb, given, words))
        case "note":
            text = " ".join(given)
            if not 1 <= len(text) <= LONGEST_NOTE:
                raise _no(f"a note has 1 to {LONGEST_NOTE} characters")
            return Note(text)
        case "code":
            return Code(_category(given, words))
        case "merge":
            into = as_number(given[0]) if len(given) == 1 else None
            if into is None:
                raise _no("merge wants one number of an incident, such as merge 2026-123")
            return Merge(into)
    if given:
        raise _no(f"after {verb} " + "; ".join(_unknown(word, words) for word in given))
    return Move(_MOVES[verb])


def _agencies(verb: str, given: list[str], words: Words) -> tuple[str, ...]:
    found, problems = dict[str, None](), list[str]()
    for word in (one for one in (each.strip(",;") for each in given) if one):
        meant = words.agencies(word)
        if len(meant) == 1:
            found[meant[0].id] = None
        elif meant:
            which = ", ".join(one.id for one in meant)
            problems.append(f"{_quoted(word)} may mean {which}")
        else:
            problems.append(f"as an agency {_unknown(word, words)}")
    if problems:
        raise _no("; ".join(problems))
    if not 1 <= len(found) <= MOST_AGENCIES:
        raise _no(f"{verb} wants 1 to {MOST_AGENCIES} agencies, such as {verb} damkar pmi")
    return tuple(found)


def _category(given: list[str], words: Words) -> Category:
    typed = " ".join(given)
    meant = words.categories(typed)
    if len(meant) == 1:
        return meant[0]
    if meant:
        which = ", ".join(one.id for one in meant)
        raise _no(f"{_quoted(typed)} may mean {which}")
    if not given:
        raise _no("code wants a category, such as code fire")
    raise _no(f"as a category {_unknown(typed, words)}")


# --- sentences --------------------------------------------------------------------------------


def _said(step: Step) -> str:
    match step:
        case Dispatch(agencies):
            return f"dispatch {', '.join(agencies)}"
        case Acknowledge(agencies):
            return f"accepted by {', '.join(agencies)}"
        case Note(text):
            return f"note {text!r}"
        case Code(category):
            return f"code {category.called()} ({category.id})"
        case Move(state):
            return _shown(state)
        case Merge(into):
            return f"merged into {into}"


def _shown(state: IncidentState) -> str:
    return state.value.replace("_", " ")


def _unknown(word: str, words: Words) -> str:
    near = words.near(word, VERBS)
    return f"{_quoted(word)} is not known" + (
        f"; did you mean {' or '.join(near)}?" if near else ""
    )


def _quoted(text: str) -> str:
    return repr(text[:40])


def _no(why: str) -> NotUnderstood:
    return NotUnderstood(f"Nothing was done: {why}{'' if why.endswith('?') else '.'}")
