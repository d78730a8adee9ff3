"""What the API changes: phones, operators, and what operators choose; with effect at once.

A new phone or operator is kept in the database first, then told to the engine's writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import structlog
from aiohttp import web

from acd.calls.call import Call
from acd.calls.record import CallRecord
from acd.operators.operator import Operator
from models.database import Database
from ngalam112.accounts import admin
from ngalam112.accounts.skills import check_skills, check_weight
from ngalam112.api import queries
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.written import all_written
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from pbx.ari_reply import AriError
from reports.calls import show_call

log = structlog.get_logger("api")
S = TypeVar("S", bound=msgspec.Struct)

LONGEST_EXTENSION_S = 3600


class BadBody(ValueError):
    """The body of a request is not what was asked for; the message says why."""


class _NewPhone(msgspec.Struct, forbid_unknown_fields=True):
    number: str
    password: str | None = None
    contact: str | None = None
    replace: bool = False


class _NewOperator(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    pin: str
    home_phone: str | None = None
    skills: dict[str, int] | None = None
    weight: int | None = None
    replace: bool = False


class _Skills(msgspec.Struct, forbid_unknown_fields=True):
    skills: dict[str, int] | None = None
    weight: int | None = None


class _WrapUp(msgspec.Struct, forbid_unknown_fields=True):
    extend_s: Annotated[float, msgspec.Meta(ge=1, le=LONGEST_EXTENSION_S)] | None = None
    end: bool = False


class _Login(msgspec.Struct, forbid_unknown_fields=True):
    phone: str | None = None


class _Pause(msgspec.Struct, forbid_unknown_fields=True):
    reason: str | None = None


class _Take(msgspec.Struct, forbid_unknown_fields=True):
    operator: str


class _Close(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] = "supervisor"


class _Disposition(msgspec.Struct, forbid_unknown_fields=True):
    disposition: str | None
    operator: str | None = None


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Changes:
    """The handlers of all that is posted. Raises what `api` knows how to refuse."""

    def __init__(
        self, engine: Engine, database: Database, settings: Settings, journal: CountingJournal
    ) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._journal = journal
        self._disposing = asyncio.Lock()

    async def add_phone(self, request: web.Request) -> web.Response:
        """Add a phone; the answer is the only one that ever holds its password.

        `in_effect` is false where Asterisk cannot read it now; it will when it is back.
        """
        body = await read_body(request, _NewPhone)
        admin.check_free(body.number, self._settings.number, self._settings.test_number)
        phone = await admin.add_phone(
            self._database, body.number, body.password, body.contact, replace=body.replace
        )
        roster = self._engine.roster
        await self._engine.do(lambda _: roster.add_phone(admin.sealed(phone)))
        self._journal.recorder.local.keep_phones(roster.phones.values())
        in_effect = await self._reload()
        answer = {
            "number": phone.number,
            "password": phone.password,
            "contact": phone.contact,
            "in_effect": in_effect,
        }
        return reply(answer, 201)

    async def _reload(self) -> bool:
        try:
            await self._engine.bring_phones()
        except AriError as error:
            log.warning("phones_not_reloaded", error=str(error))
            return False
        return self._engine.ari.connected

    async def add_operator(self, request: web.Request) -> web.Response:
        """Add an operator, logged out."""
        body = await read_body(request, _NewOperator)
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
        return reply(self._row(self._engine.roster.operators[one.id]), 201)

    async def remove_operator(self, request: web.Request) -> web.Response:
        """Remove an operator who has logged out; what was recorded of them stays."""
        id, roster, recorder = request.match_info["id"], self._engine.roster, self._journal.recorder
        one = await self._engine.do(lambda _: roster.remove_operator(id))
        try:
            await self._all_written()  # else their last state would come back
            await admin.remove_operator(self._database, id)
        except BaseException:
            await self._engine.do(lambda _: roster.add_operator(one))
            raise
        recorder.local.forget_operator(id)
        return reply({"id": id})

    async def remove_phone(self, request: web.Request) -> web.Response:
        """Remove a phone that nobody uses; `in_effect` as when one is added."""
        number, roster = request.match_info["number"], self._engine.roster
        phone = await self._engine.do(lambda _: roster.remove_phone(number))
        try:
            await self._all_written()  # who logged out there may not be so in the database yet
            await admin.remove_phone(self._database, number)
        except BaseException:
            await self._engine.do(lambda _: roster.add_phone(phone))
            raise
        self._journal.recorder.local.keep_phones(roster.phones.values())
        return reply({"number": number, "in_effect": await self._reload()})

    async def dispose_call(self, request: web.Request) -> web.Response:
        """Say what a call was, or take back what was said (null); also long after it."""
        body, engine = await read_body(request, _Disposition), self._engine
        engine.router.dispositions.check(body.disposition)
        # one at a time: of two that read the same record, the second would lose its event
        async with self._disposing:
            await self._all_written()
            async with self._database.session() as session:
                record = (await show_call(session, request.match_info["id"])).record

            def say(now: float) -> CallRecord:
                router = engine.router
                call = router.known_call(record.call_id) or Call(
                    channel=record.asterisk_id, record=record, journal=engine.journal
                )
                router.dispositions.say(call, body.disposition, body.operator, now)
                return call.record

            return reply(queries.call_row(await engine.do(say), self._settings))

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

    async def skills_operator(self, request: web.Request) -> web.Response:
        """Give other skills or another weight, with effect on the next offer."""
        body, roster = await read_body(request, _Skills), self._engine.roster
        if body.skills is None and body.weight is None:
            raise BadBody("Give skills, a weight, or both.")
        self._check(body.skills, body.weight)
        return await self._choose(
            request, lambda id, _: roster.set_skills(id, body.skills, body.weight)
        )

    async def login_operator(self, request: web.Request) -> web.Response:
        """Log in, at the phone that is named or the operator's own."""
        body, roster = await read_body(request, _Login), self._engine.roster
        return await self._choose(request, lambda id, now: roster.login(id, body.phone, now))

    async def logout_operator(self, request: web.Request) -> web.Response:
        """Log out; a talk goes on to its end."""
        await read_body(request, _Nothing)
        return await self._choose(request, self._engine.roster.logout)

    async def pause_operator(self, request: web.Request) -> web.Response:
        """Take no calls for now."""
        body, roster = await read_body(request, _Pause), self._engine.roster
        reason = body.reason or None
        self._engine.distribution.check_reason(reason)
        return await self._choose(request, lambda id, now: roster.pause(id, reason, now))

    async def ready_operator(self, request: web.Request) -> web.Response:
        """Take calls again."""
        await read_body(request, _Nothing)
        return await self._choose(request, self._engine.roster.ready)

    async def wrap_up_operator(self, request: web.Request) -> web.Response:
        """Make the wrap-up longer, or end it."""
        body, engine = await read_body(request, _WrapUp), self._engine
        if (body.extend_s is None) == (not body.end):
            raise BadBody("Give either extend_s, in seconds, or end: true.")
        seconds = body.extend_s
        if seconds is None:
            return await self._choose(request, engine.roster.end_wrap_up)
        return await self._choose(request, lambda id, now: engine.wrap_ups.extend(id, seconds, now))

    async def take_callback(self, request: web.Request) -> web.Response:
        """Ring an operator for a callback at once."""
        body, id = await read_body(request, _Take), request.match_info["id"]
        by_hand = self._engine.router.callbacks_by_hand
        taken = await self._engine.do(lambda now: by_hand.take(id, body.operator, now))
        return reply(queries.item_row(taken, self._settings))

    async def close_callback(self, request: web.Request) -> web.Response:
        """Close a callback without a call; the reason is kept."""
        body, id = await read_body(request, _Close), request.match_info["id"]
        by_hand = self._engine.router.callbacks_by_hand
        closed = await self._engine.do(lambda now: by_hand.close(id, body.by, body.reason, now))
        return reply(queries.item_row(closed, self._settings))

    async def _choose(
        self, request: web.Request, act: Callable[[str, float], Operator]
    ) -> web.Response:
        id = request.match_info["id"]
        one = await self._engine.do(lambda now: act(id, now))
        return reply(self._row(one))

    def _row(self, one: Operator) -> dict[str, Any]:
        return queries.operator_rows([one], ZoneInfo(self._settings.timezone))[0]


async def read_body(request: web.Request, kind: type[S]) -> S:
    """Read the body, which may be empty where nothing has to be said."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise BadBody(f"The body cannot be used: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBody(f"The body is no JSON: {error}.") from None


def reply(value: Any, status: int = 200) -> web.Response:
    """Return a value as a JSON response."""
    return json_response(msgspec.json.encode(value), status)


def json_response(body: bytes, status: int = 200) -> web.Response:
    """Return what is JSON already as a response."""
    return web.Response(body=body, status=status, content_type="application/json")
