"""People of the line, their roles and tokens: what may be changed of them, and whose a token is.

Pure: `people_rows` keeps them, an engine has them in memory (`known_people`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from ngalam112.accounts.pins import LEAST_DIGITS, PinError

MOST_PEOPLE, MOST_TOKENS = 1000, 2000
USUAL_DAYS, MOST_DAYS = 90, 366
FORGOTTEN_S = 30 * 86_400.0
"""So long after its end a token is still listed; then its row goes, and the audit is left."""
LONGEST_NAME, LONGEST_NOTE = 64, 100
PREFIX = "n112_"
"""Begins every secret, so that those who look for lost secrets know one when they see it."""
LONGEST_SECRET = 128

ID = "[a-z0-9][a-z0-9._-]{0,31}"
AGENCY_ID = "[A-Za-z0-9_-]{1,32}"
_DAY_S = 86_400.0


class Role(StrEnum):
    """What a person may do; each may do what those before may, but for who is of an agency.

    AGENCY: works for an agency, and has to do with nothing but what that is told of.
    """

    READ_ONLY = "read_only"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    AGENCY = "agency"

    def may(self, least: Role) -> bool:
        """Whether this role is enough where `least` is needed."""
        if Role.AGENCY in (self, least):
            return self is least
        return _RANK[self] >= _RANK[least]


_RANK: Mapping[Role, int] = {
    role: rank for rank, role in enumerate(Role) if role is not Role.AGENCY
}


class PeopleError(Exception):
    """People or tokens cannot be as asked. Kinds: NoSuchPerson, PersonThere, WrongPerson."""


class NoSuchPerson(PeopleError):
    """There is no such person; or no such token."""


class PersonThere(PeopleError):
    """There is one of that id."""


class WrongPerson(PeopleError):
    """An id, a name, a PIN, a length of time or a note cannot be used."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who works with the line by a token. `id`: a word, or the number of an operator.

    Times are seconds since the epoch. Who has ended may do nothing; the row stays, for the audit
    names it. `pin_hash`: of the PIN with which a supervisor listens by `*19`; None: without one.
    `agency`: for which one works who has the role AGENCY; None: who has another.
    """

    id: str
    name: str
    role: Role
    made_at: float
    changed_at: float
    ended_at: float | None = None
    pin_hash: str | None = None
    agency: str | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a person shows instead of a password. `digest`: SHA-256 of the secret, in hexadecimal.

    `used_at`: on which day it was used last, to a day.
    """

    id: str
    person: str
    digest: str
    note: str
    made_at: float
    expires_at: float
    revoked_at: float | None = None
    used_at: float | None = None

    def state(self, now: float) -> str:
        """Return valid, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "valid"


class PersonChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person is to be from now on; what is not named stays. `ended`: false brings back.

    `pin`: with which a supervisor whose id is a number listens by `*19`; null takes it away.
    `agency`: its id, for the role agency; another role has none.
    """

    name: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    ended: bool | UnsetType = UNSET
    pin: str | UnsetType | None = UNSET
    agency: str | UnsetType | None = UNSET


def digest_of(secret: str) -> str:
    """Return what is kept of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def new_person(
    there: Mapping[str, Person],
    id: str,
    name: str,
    role: Role,
    now: float,
    agency: str | None = None,
) -> Person:
    """Return a person to be added; raises WrongPerson or PersonThere."""
    if not re.fullmatch(ID, id):
        raise WrongPerson(
            f"A person's id is 1 to 32 of a-z, 0-9, '.', '_' and '-', and {id[:40]!r} is not."
        )
    if id in there:
        said = "has ended; `person set --back` brings them back" if there[id].ended_at else "exists"
        raise PersonThere(f"Person {id} {said}.")
    if len(there) >= MOST_PEOPLE:
        raise WrongPerson(f"There are {MOST_PEOPLE} people already, the most that the line knows.")
    return Person(
        id=id,
        name=_name(id, name),
        role=role,
        made_at=now,
        changed_at=now,
        agency=_agency(id, role, agency),
    )


def changed_person(
    there: Mapping[str, Person],
    id: str,
    change: PersonChange,
    now: float,
    pin_digits: int = LEAST_DIGITS,
) -> Person:
    """Return the person as changed; raises NoSuchPerson or WrongPerson.

    `pin_digits`: the least of a PIN.
    """
    one = known(there, id)
    name = one.name if change.name is UNSET else _name(id, change.name)
    role = one.role if change.role is UNSET else change.role
    ended_at = one.ended_at
    if change.ended is not UNSET:
        ended_at = (ended_at or now) if change.ended else None
    agency = one.agency if role is Role.AGENCY else None
    return msgspec.structs.replace(
        one,
        name=name,
        role=role,
        agency=_agency(id, role, agency if change.agency is UNSET else change.agency),
        ended_at=ended_at,
        changed_at=now,
        pin_hash=one.pin_hash if change.pin is UNSET else _pin_hash(id, change.pin, pin_digits),
    )


def _agency(id: str, role: Role, agency: str | None) -> str | None:
    if role is Role.AGENCY and not agency:
        raise WrongPerson(f"Say for which agency {id} works: the role agency needs one.")
    if role is not Role.AGENCY and agency:
        raise WrongPerson(f"Who works for an agency has the role agency, and {id} has {role}.")
    if agency and not re.fullmatch(AGENCY_ID, agency):
        raise WrongPerson(f"{agency[:40]!r} is no id of an agency; see `ngalam112 agency list`.")
    return agency


def _pin_hash(id: str, pin: str | None, least: int) -> str | None:
    if pin is None:
        return None
    from ngalam112.accounts.person_pins import hash_person_pin  # the command line seldom needs it

    if not re.fullmatch("[0-9]{1,10}", id):
        raise WrongPerson(f"Who has a PIN has a number for an id, and {id} is none: it is dialled.")
    try:
        return hash_person_pin(pin.strip(), least)
    except PinError as error:
        raise WrongPerson(f"The PIN of person {id} cannot be used: {error}") from None


def known(there: Mapping[str, Person], id: str) -> Person:
    """Return a person; raises NoSuchPerson."""
    if id not in there:
        raise NoSuchPerson(f"There is no person {id[:40]!r}; see `ngalam112 person list`.")
    return there[id]


def new_token(
    people: Mapping[str, Person],
    tokens: Mapping[str, Token],
    person: str,
    days: int,
    note: str,
    now: float,
) -> tuple[Token, str]:
    """Return a token for a person and its secret, which nobody can tell again.

    Raises NoSuchPerson or WrongPerson.
    """
    one = known(people, person)
    if one.ended_at is not None:
        raise WrongPerson(f"Person {one.id} has ended and gets no token; bring them back first.")
    if not 1 <= days <= MOST_DAYS:
        raise WrongPerson(f"A token is valid for 1 to {MOST_DAYS} days.")
    note = note.strip()
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise WrongPerson(f"The note of a token is one line of at most {LONGEST_NOTE} characters.")
    if len(tokens) >= MOST_TOKENS:
        raise WrongPerson(f"There are {MOST_TOKENS} tokens already; revoke some, and wait 30 days.")
    secret = PREFIX + secrets.token_urlsafe(32)
    id = next(id for _ in range(100) if (id := secrets.token_hex(4)) not in tokens)
    token = Token(
        id=id,
        person=one.id,
        digest=digest_of(secret),
        note=note,
        made_at=now,
        expires_at=now + days * _DAY_S,
    )
    return token, secret


def revoked(tokens: Mapping[str, Token], id: str, now: float) -> Token:
    """Return the token as revoked, from now on or since earlier; raises NoSuchPerson."""
    if id not in tokens:
        raise NoSuchPerson(f"There is no token {id[:40]!r}; see `ngalam112 token list`.")
    one = tokens[id]
    return one if one.revoked_at is not None else msgspec.structs.replace(one, revoked_at=now)


def is_forgotten(token: Token, now: float) -> bool:
    """Whether a token has ended so long ago that its row goes."""
    ends = [token.expires_at] if token.revoked_at is None else [token.expires_at, token.revoked_at]
    return now >= min(ends) + FORGOTTEN_S


def is_another_day(before: float | None, now: float) -> bool:
    """Whether a use is worth a note: none was noted, or it was on an earlier day."""
    return before is None or now // _DAY_S > before // _DAY_S


def _name(id: str, name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise WrongPerson(
            f"The name of person {id} must be 1 to {LONGEST_NAME} readable characters."
        )
    return name
