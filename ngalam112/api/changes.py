"""What the API changes: phones, operators, and what operators choose; with effect at once.

A new phone or operator is kept in the database first, then told to the engine's writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.record import CallRecord
from acd.operators.operator import Operator
from models.database import Database
from ngalam112.accounts import admin
from ngalam112.accounts.skills import check_skills, check_weight
from ngalam112.api import queries
from ngalam112.api.bodies import BadBody, Nothing
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.queries import Answer
from ngalam112.api.written import all_written
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from pbx.ari_reply import AriError

log = structlog.get_logger("api")

LONGEST_EXTENSION_S = 3600


class NewPhone(msgspec.Struct, forbid_unknown_fields=True):
    """A phone to be added. `password`: made if none is given. `contact`: the fixed SIP address
    of one that does not register. `replace`: one of that number gets what is given.
    """

    number: str
    password: str | None = None
    contact: str | None = None
    replace: bool = False


class NewOperator(msgspec.Struct, forbid_unknown_fields=True):
    """An operator to be added. `skills`: a category or `lang:xx`, and a level of 1 to 9. `replace`:
    one of that id gets what is given.
    """

    id: str
    name: str
    pin: str
    home_phone: str | None = None
    skills: dict[str, int] | None = None
    weight: int | None = None
    replace: bool = False


class ChangeSkills(msgspec.Struct, forbid_unknown_fields=True):
    """Skills, all of them, or the weight, or both."""

    skills: dict[str, int] | None = None
    weight: int | None = None


class ChangeWrapUp(msgspec.Struct, forbid_unknown_fields=True):
    """Either so many seconds longer, or the end of it."""

    extend_s: Annotated[float, msgspec.Meta(ge=1, le=LONGEST_EXTENSION_S)] | None = None
    end: bool = False


class LogIn(msgspec.Struct, forbid_unknown_fields=True):
    """`phone`: the operator's own if none is given."""

    phone: str | None = None


class Pause(msgspec.Struct, forbid_unknown_fields=True):
    """`reason`: one of those in the distribution file."""

    reason: str | None = None


class TakeCallback(msgspec.Struct, forbid_unknown_fields=True):
    """`operator`: who is rung for it."""

    operator: str


class CloseCallback(msgspec.Struct, forbid_unknown_fields=True):
    """`reason`: why nobody calls, for the record."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] = "supervisor"


class DisposeCall(msgspec.Struct, forbid_unknown_fields=True):
    """`disposition`: one of those in the distribution file; null takes back what was said."""

    disposition: str | None
    operator: str | None = None


class Changes:
    """The handlers of all that is posted. Raises what `api` knows how to refuse."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        settings: Settings,
        journal: CountingJournal,
        lookup: IncidentLookup,
    ) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._journal, self._lookup = journal, lookup
        self._disposing = asyncio.Lock()

    async def add_phone(self, body: NewPhone) -> Answer:
        """Add a phone; the answer is the only one that ever holds its password.

        `in_effect` is false where Asterisk cannot read it now; it will when it is back.
        """
        admin.check_free(body.number, self._settings.number, self._settings.test_number)
        phone = await admin.add_phone(
            self._database, body.number, body.password, body.contact, replace=body.replace
        )
        roster = self._engine.roster
        await self._engine.do(lambda _: roster.add_phone(admin.sealed(phone)))
        self._journal.recorder.local.keep_phones(roster.phones.values())
        in_effect = await self._reload()
        return {
            "number": phone.number,
            "password": phone.password,
            "contact": phone.contact,
            "in_effect": in_effect,
        }

    async def _reload(self) -> bool:
        try:
            await self._engine.bring_phones()
        except AriError as error:
            log.warning("phones_not_reloaded", error=str(error))
            return False
        return self._engine.ari.connected

    async def add_operator(self, body: NewOperator) -> Answer:
        """Add an operator, logged out."""
        self._check(body.skills, body.weight)
        one = await admin.add_operator(
            self._database,
            body.id,
            body.name,
            body.pin,
            body.home_phone,
            skills=body.skills,
            weight=body.weight,
            replace=body.replace,
            pin_digits=self._settings.pin_digits,
        )
        await self._engine.do(lambda _: self._know(one, body.skills, body.weight))
        return self._row(self._engine.roster.operators[one.id])

    async def remove_operator(self, id: str) -> Answer:
        """Remove an operator who has logged out; what was recorded of them stays."""
        roster, recorder = self._engine.roster, self._journal.recorder
        one = await self._engine.do(lambda _: roster.remove_operator(id))
        try:
            await self._all_written()  # else their last state would come back
            await admin.remove_operator(self._database, id)
        except BaseException:
            await self._engine.do(lambda _: roster.add_operator(one))
            raise
        recorder.local.forget_operator(id)
        return {"id": id}

    async def remove_phone(self, number: str) -> Answer:
        """Remove a phone that nobody uses; `in_effect` as when one is added."""
        roster = self._engine.roster
        phone = await self._engine.do(lambda _: roster.remove_phone(number))
        try:
            await self._all_written()  # who logged out there may not be so in the database yet
            await admin.remove_phone(self._database, number)
        except BaseException:
            await self._engine.do(lambda _: roster.add_phone(phone))
            raise
        self._journal.recorder.local.keep_phones(roster.phones.values())
        return {"number": number, "in_effect": await self._reload()}

    async def dispose_call(self, id: str, body: DisposeCall) -> Answer:
        """Say what a call was, or take back what was said (null); also long after it."""
        engine = self._engine
        engine.router.dispositions.check(body.disposition)
        # one at a time: of two that read the same record, the second would lose its event
        async with self._disposing:
            record = await self._lookup.call(id)

            def say(now: float) -> CallRecord:
                router = engine.router
                router.check_unchanged(record.call_id)
                call = router.known_call(record.call_id) or Call(
                    channel=record.asterisk_id, record=record, journal=engine.journal
                )
                router.dispositions.say(call, body.disposition, body.operator, now)
                return call.record

            return queries.call_row(await engine.do(say), self._settings)

    async def _all_written(self) -> None:
        await all_written(self._journal.recorder, self._database)

    def _know(self, one: Operator, skills: dict[str, int] | None, weight: int | None) -> None:
        roster = self._engine.roster
        roster.add_operator(one)
        # keeps the row as well: an older state that waits to be written must not be the last word
        roster.set_skills(one.id, skills, weight)

    def _check(self, skills: dict[str, int] | None, weight: int | None) -> None:
        if skills is not None:
            check_skills(skills, self._engine.menu.categories)
        if weight is not None:
            check_weight(weight)

    async def skills_operator(self, id: str, body: ChangeSkills) -> Answer:
        """Give other skills or another weight, with effect on the next offer."""
        roster = self._engine.roster
        if body.skills is None and body.weight is None:
            raise BadBody("Give skills, a weight, or both.")
        self._check(body.skills, body.weight)
        return await self._choose(id, lambda id, _: roster.set_skills(id, body.skills, body.weight))

    async def login_operator(self, id: str, body: LogIn) -> Answer:
        """Log in, at the phone that is named or the operator's own."""
        roster = self._engine.roster
        return await self._choose(id, lambda id, now: roster.login(id, body.phone, now))

    async def logout_operator(self, id: str, body: Nothing) -> Answer:
        """Log out; a talk goes on to its end."""
        return await self._choose(id, self._engine.roster.logout)

    async def pause_operator(self, id: str, body: Pause) -> Answer:
        """Take no calls for now."""
        roster = self._engine.roster
        reason = body.reason or None
        self._engine.distribution.check_reason(reason)
        return await self._choose(id, lambda id, now: roster.pause(id, reason, now))

    async def ready_operator(self, id: str, body: Nothing) -> Answer:
        """Take calls again."""
        return await self._choose(id, self._engine.roster.ready)

    async def wrap_up_operator(self, id: str, body: ChangeWrapUp) -> Answer:
        """Make the wrap-up longer, or end it."""
        engine = self._engine
        if (body.extend_s is None) == (not body.end):
            raise BadBody("Give either extend_s, in seconds, or end: true.")
        seconds = body.extend_s
        if seconds is None:
            return await self._choose(id, engine.roster.end_wrap_up)
        return await self._choose(id, lambda id, now: engine.wrap_ups.extend(id, seconds, now))

    async def take_callback(self, id: str, body: TakeCallback) -> Answer:
        """Ring an operator for a callback at once."""
        by_hand = self._engine.router.callbacks_by_hand
        taken = await self._engine.do(lambda now: by_hand.take(id, body.operator, now))
        return queries.item_row(taken, self._settings)

    async def close_callback(self, id: str, body: CloseCallback) -> Answer:
        """Close a callback without a call; the reason is kept."""
        by_hand = self._engine.router.callbacks_by_hand
        closed = await self._engine.do(lambda now: by_hand.close(id, body.by, body.reason, now))
        return queries.item_row(closed, self._settings)

    async def _choose(self, id: str, act: Callable[[str, float], Operator]) -> Answer:
        return self._row(await self._engine.do(lambda now: act(id, now)))

    def _row(self, one: Operator) -> Answer:
        return queries.operator_rows([one], ZoneInfo(self._settings.timezone))[0]
