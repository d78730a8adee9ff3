"""Decides what becomes of the agencies when some are changed: all that is asked, or none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from acd.agencies.agency import Agency, Change
from acd.agencies.fields import ID, Dial, field_problems, id_problem

MOST_AGENCIES = 200
_MOST_TOLD = 20


class Problem(NamedTuple):
    """What is wrong with the change at this place of the list, about this agency; a clause."""

    at: int
    id: str
    what: str


class AgencyError(ValueError):
    """Agencies cannot be changed as asked, and nothing is; `problems` has them all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        told = [f"agency {one.id[:40]!r}: {one.what}" for one in self.problems[:_MOST_TOLD]]
        more = len(self.problems) - _MOST_TOLD
        told += [f"and {more} more faults"] if more > 0 else []
        super().__init__("Nothing is changed: " + "; ".join(told) + ".")


class NoSuchAgency(ValueError):
    """No agency has an id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"There is no agency {id[:40]!r}; see `ngalam112 agency list`.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What agencies have to fit to.

    `dial`: which numbers the line dials. `taken`: numbers that mean something else to whoever dials
    them, each with what it is. `named`: the agencies, by number or id, that the distribution file
    names in `overflow` and `fallback`.
    """

    dial: Dial
    taken: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()

    def with_taken(self, more: Mapping[str, str]) -> Terms:
        """The same with further numbers that are taken."""
        return replace(self, taken={**self.taken, **more})


def changed(
    there: Mapping[str, Agency], changes: Sequence[Change], terms: Terms, now: float
) -> list[Agency]:
    """Return the agencies that are other than before when all changes are made, by these terms.

    Raises AgencyError with everything that is wrong, NoSuchAgency if one that is not there is to be
    retired or brought back alone.
    """
    after, touched, problems = dict(there), dict[str, int](), list[Problem]()
    for at, change in enumerate(changes):
        wrong = [] if (one := id_problem(change.id)) is None else [one]
        if change.id in touched:
            wrong.append("it is there twice")
        if not wrong:
            touched[change.id] = at
            made = _made(there.get(change.id), change, now, wrong)
            if made is not None:
                wrong += field_problems(made, terms.dial) if made.retired_at is None else ()
                after[change.id] = made
        problems += [Problem(at, change.id, what) for what in wrong]
    problems += (Problem(touched[id], id, what) for id, what in _between(there, after, terms))
    if len(after) > MOST_AGENCIES:
        problems.append(Problem(len(changes) - 1, changes[-1].id, f"more than {MOST_AGENCIES}"))
    if problems:
        raise AgencyError(sorted(problems))
    return [one for id, one in after.items() if one != there.get(id)]


def _made(old: Agency | None, change: Change, now: float, wrong: list[str]) -> Agency | None:
    """The agency as it is to be; None if that cannot be said, and why is in `wrong`."""
    values = change.values()
    if old is None:
        if change.retired is not msgspec.UNSET and not values:
            raise NoSuchAgency(change.id)
        missing = [name for name in ("number", "name") if name not in values]
        if missing:
            wrong.append(f"a new agency needs a {' and a '.join(missing)}")
            return None
        return Agency(id=change.id, changed_at=now, **values)
    retired = old.retired_at is not None
    if retired and change.retired is not False:
        wrong.append("it is retired; bring it back first: ngalam112 agency set ID --back")
        return None
    made = msgspec.structs.replace(old, **values)
    if change.retired is True:
        made = msgspec.structs.replace(made, retired_at=now)
    elif change.retired is False:
        made = msgspec.structs.replace(made, retired_at=None)
    if made == old:
        return old
    # a clock that was set back must not make an older row of it
    return msgspec.structs.replace(made, changed_at=max(now, old.changed_at))


def in_use(agencies: Iterable[Agency]) -> list[Agency]:
    """Those that are not retired."""
    return [one for one in agencies if one.retired_at is None]


def _between(
    there: Mapping[str, Agency], after: Mapping[str, Agency], terms: Terms
) -> Iterator[tuple[str, str]]:
    """What is wrong between agencies, with the id of a changed one that has to do with it."""
    fresh = [one for id, one in after.items() if one != there.get(id)]
    used = in_use(after.values())
    for one in fresh:
        if one.retired_at is not None:
            yield from _missed(one, used)
        else:
            yield from _number_problems(one, there.get(one.id), used, terms)
            yield from ((one.id, what) for what in _chain_problems(one, after))
        yield from ((one.id, what) for what in _unnamed(there.get(one.id), used, terms))


def _number_problems(
    one: Agency, before: Agency | None, used: Iterable[Agency], terms: Terms
) -> Iterator[tuple[str, str]]:
    for other in used:
        if other.id != one.id and other.number == one.number:
            yield one.id, f"number {one.number} is that of agency {other.id}"
    was = before.number if before is not None and before.retired_at is None else None
    if one.number != was and (what := terms.taken.get(one.number)) is not None:
        yield one.id, f"number {one.number} is {what}"


def _chain_problems(one: Agency, after: Mapping[str, Agency]) -> Iterator[str]:
    for id in _followers(one):
        other = after.get(id)
        if other is None:
            yield f"chain: there is no agency {id}"
        elif other.retired_at is not None:
            yield f"chain: agency {id} is retired"
    seen, ahead = set[str](), _followers(one)
    while ahead:
        id = ahead.pop()
        if id == one.id:
            yield "chain: it comes back to the agency itself"
            return
        if id not in seen and id in after:
            seen.add(id)
            ahead += _followers(after[id])


def _followers(one: Agency) -> list[str]:
    return [contact for contact in one.chain if ID.fullmatch(contact)]


def _missed(one: Agency, used: Iterable[Agency]) -> Iterator[tuple[str, str]]:
    needed = [other.id for other in used if one.id in other.chain]
    if needed:
        yield one.id, f"it is in the chain of {', '.join(needed)}; take it out there first"


def _unnamed(before: Agency | None, used: Iterable[Agency], terms: Terms) -> Iterator[str]:
    """The distribution file would name nobody any more."""
    if before is None or before.retired_at is not None:
        return
    known = {name for other in used for name in (other.id, other.number)}
    for name in sorted({before.id, before.number} & terms.named - known):
        yield f"overflow or fallback of the distribution file names it as {name}; change that first"
