"""Who asks the API: the line's own processes, or a person by a token; and what each may do.

The line's own token may do everything. A person's may do what the role allows, by the least role
of each route (`least_roles`); a route without one is refused to all people.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
import structlog
from aiohttp import web

from ngalam112.accounts.known_people import People
from ngalam112.accounts.people import (
    LONGEST_SECRET,
    Person,
    Role,
    Token,
    is_another_day,
)
from privacy.trail import USER_HEADER

if TYPE_CHECKING:
    from ngalam112.api.routes import Route

log = structlog.get_logger("api")

WRONG_TOKENS = 100
"""So many wrong tokens from one address within a minute; further ones are answered 429."""
WITHIN_S = 60.0
MOST_ADDRESSES = 1000

_WRONG = "Give the line's API token: Authorization: Bearer TOKEN."
_WHY = {
    "expired": "This token has expired; have an administrator make another one.",
    "revoked": "This token was revoked; ask an administrator.",
    "ended": "Whose token this is has ended; ask an administrator.",
}


class NotAllowed(Exception):
    """A person asks for what their role does not allow; the message says which role does."""


class NotKnown(Exception):
    """Nobody is known by what was shown: the message says why, `waits` is set after too many."""

    def __init__(self, sentence: str, *, waits: bool = False) -> None:
        super().__init__(sentence)
        self.waits = waits


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as the trail has them. `person`: None for the line's own processes."""

    who: str
    source: str
    person: Person | None = None


ASKER = web.RequestKey("asker", Asker)
"""Under which a request says who asks."""


class WrongTokens:
    """Counts wrong tokens by the address that they come from, in a bounded memory."""

    def __init__(self) -> None:
        self._by_address: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def another(self, address: str, now: float) -> bool:
        """Count a wrong token; return whether there were too many of late."""
        since, count = self._by_address.pop(address, (now, 0))
        if not 0 <= now - since < WITHIN_S:
            since, count = now, 0
        self._by_address[address] = (since, count + 1)
        if len(self._by_address) > MOST_ADDRESSES:
            self._by_address.popitem(last=False)
        if count + 1 == WRONG_TOKENS:
            log.error("api_tokens_are_guessed", address=address, wrong=count + 1)
        return count >= WRONG_TOKENS


class Gate:
    """Knows who asks. `used(token, now)`: a person's token is used for the first time this day."""

    def __init__(
        self, api_token: str, people: People, used: Callable[[Token, float], None]
    ) -> None:
        self._line = f"Bearer {api_token}".encode()
        self._people, self._used = people, used
        self._noted: dict[str, float] = {}  # by valid tokens, of which there are few
        self._wrong = WrongTokens()

    def asker(self, request: web.Request, now: float) -> Asker:
        """Return who asks; raises NotKnown.

        A right token is never made to wait: no guess can find 256 random bits, and an address may
        be that of a whole control room. The limit keeps the work and the log of wrong ones small.
        """
        given = request.headers.get("Authorization", "")
        user = unquote(request.headers.get(USER_HEADER, ""))
        source = "cli" if user else "api"
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._line):
            return Asker(user[:64] or "api token", source)
        found = self._whose(given, now)
        if isinstance(found, str):
            self._people.wrong_tokens += 1
            if self._wrong.another(request.remote or "", now):
                raise NotKnown("Too many wrong tokens came from here; wait a minute.", waits=True)
            raise NotKnown(_WHY.get(found, _WRONG))
        person, token = found
        if is_another_day(token.used_at, now) and is_another_day(self._noted.get(token.id), now):
            self._noted[token.id] = now
            self._used(token, now)
        return Asker(person.id, source, person)

    def _whose(self, given: str, now: float) -> tuple[Person, Token] | str:
        scheme, _, secret = given.partition(" ")
        if scheme.lower() != "bearer" or len(secret) > LONGEST_SECRET:
            return "unknown"
        return self._people.whose(secret, now)


def check_role(asker: Asker, route: Route, parts: Mapping[str, str]) -> None:
    """Raise NotAllowed unless who asks may ask for this. `parts`: those of the path."""
    person = asker.person
    if person is None:
        return
    if route.least is None:
        raise NotAllowed(f"{route.method} {route.path} is for the line's own processes only.")
    if person.role.may(route.least):
        return
    if route.own and person.role.may(Role.OPERATOR) and parts.get("id") == person.id:
        return
    raise NotAllowed(_needs(person, route.least))


def signed(asker: Asker, body: msgspec.Struct) -> Any:
    """Return what is posted in the name of who asks: `by` says a person's id, whatever was given.

    An operator acts for nobody else; raises NotAllowed.
    """
    person = asker.person
    if person is None:
        return body
    names = body.__struct_fields__
    if "operator" in names and not person.role.may(Role.SUPERVISOR):
        default = next(one for one in msgspec.structs.fields(body) if one.name == "operator")
        if body.operator not in (None, default.default, person.id):  # type: ignore[attr-defined]
            raise NotAllowed(f"To act for another operator: {_needs(person, Role.SUPERVISOR)}")
    return msgspec.structs.replace(body, by=person.id) if "by" in names else body


def _needs(person: Person, least: Role) -> str:
    return f"This needs the role {least}, and {person.id} has the role {person.role}."
