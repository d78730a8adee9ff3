"""The API of people and their tokens: changes count at once, and for the next engine."""

from __future__ import annotations

import asyncio
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import structlog
from msgspec import UNSET

from models.database import Database, DatabaseError
from ngalam112.accounts.known_people import Kept
from ngalam112.accounts.people import (
    LONGEST_NAME,
    LONGEST_NOTE,
    MOST_DAYS,
    USUAL_DAYS,
    PersonChange,
    Role,
    Token,
    WrongPerson,
)
from ngalam112.accounts.people_rows import (
    add_person,
    add_token,
    change_person,
    note_use,
    revoke_token,
)
from ngalam112.api.people_shown import shown_people, shown_tokens
from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

log = structlog.get_logger("api")


class NewPerson(msgspec.Struct, forbid_unknown_fields=True):
    """`id`: a word of a-z, 0-9, `.`, `_`, `-`; an operator's number for who is one. `agency`: its
    id, for the role agency.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    role: Role
    agency: str | None = None


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """`days`: how long it is valid. `note`: what it is for."""

    person: str
    days: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)] = USUAL_DAYS
    note: Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)] = ""


class PeopleRoutes:
    """The handlers; they raise what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine, database: Database, settings: Settings) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._zone = ZoneInfo(settings.timezone)
        self._writing = asyncio.Lock()
        self._notes: set[asyncio.Task[None]] = set()

    async def list_people(self) -> Answer:
        """Who may use the line by a token, or could once."""
        return {"people": shown_people(self._engine.people.by_id.values(), self._zone)}

    async def add_person(self, body: NewPerson) -> Answer:
        """Add a person, who can do nothing before they get a token."""
        self._check_agency(body.agency)
        now, agency = self._engine.clock.now(), body.agency
        async with self._writing:
            kept = await add_person(self._database, body.id, body.name, body.role, now, agency)
            await self._know(kept)
        return self._person(body.id)

    async def change_person(self, id: str, body: PersonChange) -> Answer:
        """Change a person; who has ended may do nothing any more, from the next request on."""
        self._check_agency(None if body.agency is UNSET else body.agency)
        now, digits = self._engine.clock.now(), self._settings.pin_digits
        async with self._writing:
            await self._know(await change_person(self._database, id, body, now, digits))
        return self._person(id)

    async def list_tokens(self) -> Answer:
        """The tokens, until a month after their ends; no secret is kept."""
        now = self._engine.clock.now()
        return {"tokens": shown_tokens(self._engine.people.tokens.values(), self._zone, now)}

    async def add_token(self, body: NewToken) -> Answer:
        """Make a token for a person; the answer is the only one that ever holds its secret."""
        now = self._engine.clock.now()
        async with self._writing:
            kept, token, secret = await add_token(
                self._database, body.person, body.days, body.note, now
            )
            await self._know(kept)
        return {"token": shown_tokens([token], self._zone, now)[0], "secret": secret}

    async def revoke_token(self, id: str) -> Answer:
        """Revoke a token, from the next request on."""
        now = self._engine.clock.now()
        async with self._writing:
            await self._know(await revoke_token(self._database, id, now))
        return shown_tokens([self._engine.people.tokens[id]], self._zone, now)[0]

    def note_use(self, token: Token, now: float) -> None:
        """Note, beside the answer, that a token was used on this day; if it fails, so be it."""
        task = asyncio.create_task(self._note_use(token, now))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _note_use(self, token: Token, now: float) -> None:
        people = self._engine.people
        try:
            await self._engine.do(lambda _: people.used(token, now))
            await note_use(self._database, token.id, now)
        except DatabaseError as error:
            log.warning("use_of_token_not_noted", error=str(error))

    def _check_agency(self, id: str | None) -> None:
        if id is not None and id not in self._engine.agencies.by_id:
            raise WrongPerson(f"There is no agency {id[:40]!r}; see `ngalam112 agency list`.")

    async def _know(self, kept: Kept) -> None:
        await self._engine.do(lambda _: self._engine.people.know(kept, stored=True))

    def _person(self, id: str) -> Answer:
        return shown_people([self._engine.people.by_id[id]], self._zone)[0]
