"""Who may use the line, in the memory of an engine: people, and whose a token is."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ngalam112.accounts.people import Person, Role, Token, digest_of
from ngalam112.accounts.person_pins import person_pin_matches

PEOPLE = "people"
"""The key of the fact by which the next engine knows people and tokens, the database being away."""

_NOBODYS = "0" * 64


class Kept(msgspec.Struct, frozen=True):
    """What an engine, or the database, has told of people."""

    people: list[Person] = []
    tokens: list[Token] = []

    def by_id(self) -> dict[str, Person]:
        """The people by their ids."""
        return {one.id: one for one in self.people}


class People:
    """All people and their tokens, in memory; changed as a whole, on the writer's turn.

    `keep(key, value)`: keeps a fact for the next engine. `stored`: the database has told who there
    is. `wrong_tokens`: how many were shown since the start of this engine.
    """

    def __init__(self, keep: Callable[[str, Any], None]) -> None:
        self._keep, self.stored, self.wrong_tokens = keep, False, 0
        self.by_id: Mapping[str, Person] = {}
        self.tokens: Mapping[str, Token] = {}
        self._by_digest: Mapping[str, Token] = {}

    def know(self, kept: Kept, *, stored: bool) -> None:
        """Have these from now on, in place of all others.

        `stored`: the database has them, so the next engine is told of them.
        """
        self.by_id = kept.by_id()
        self.tokens = {one.id: one for one in kept.tokens}
        self._by_digest = {one.digest: one for one in kept.tokens}
        if stored:
            self.stored = True
            self._keep(PEOPLE, msgspec.to_builtins(kept))

    def used(self, token: Token, now: float) -> None:
        """Note that a token was used; `note_use` tells the database."""
        if token.id in self.tokens:
            noted = msgspec.structs.replace(self.tokens[token.id], used_at=now)
            self.tokens = {**self.tokens, token.id: noted}
            self._by_digest = {**self._by_digest, token.digest: noted}

    def whose(self, secret: str, now: float) -> tuple[Person, Token] | str:
        """Return whose token it is that has this secret; a text says why nobody's.

        One look-up by the digest, and a comparison that takes as long whatever is given.
        """
        digest = digest_of(secret)
        token = self._by_digest.get(digest)
        known = token.digest if token is not None else _NOBODYS
        if not hmac.compare_digest(digest, known) or token is None:
            return "unknown"
        person = self.by_id.get(token.person)
        if person is None or person.ended_at is not None:
            return "ended"
        state = token.state(now)
        return (person, token) if state == "valid" else state

    def supervisor_pin(self, number: str, pin: str) -> bool | None:
        """Whether a PIN is that of the supervisor with this number; None: nobody has it."""
        one = self.by_id.get(number)
        if one is None or one.pin_hash is None or one.ended_at is not None:
            return None
        return one.role.may(Role.SUPERVISOR) and person_pin_matches(one.pin_hash, pin)


def of_facts(facts: Mapping[str, Any]) -> Kept:
    """Return the people that the last engine knew; what makes no sense is left out."""
    found = facts.get(PEOPLE)
    rows = found if isinstance(found, dict) else {}
    return Kept(
        people=_sensible(rows.get("people"), Person), tokens=_sensible(rows.get("tokens"), Token)
    )


def _sensible(rows: Any, kind: type[Any]) -> list[Any]:
    found = []
    for row in rows if isinstance(rows, list) else []:
        try:
            found.append(msgspec.convert(row, kind))
        except msgspec.ValidationError:
            continue  # a later version's; the database has it
    return found
