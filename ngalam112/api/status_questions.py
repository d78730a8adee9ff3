"""Answers who asks for a complaint by its number, by voice and by message; off the writer.

Questions are looked up one by one, each within a few seconds. What cannot be answered goes where it
would have gone without this: the call to an operator, the message too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from acd.calls.call import Call
from acd.numbers.caller import same_caller
from acd.texts import words
from acd.texts.ports import Received
from incidents.incident import Incident
from incidents.numbers import short_number
from incidents.status import (
    SeveralMeant,
    Status,
    asked_in,
    chosen,
    is_contact,
    numbers_meant,
    status_of,
)
from ivr.spoken_status import spoken_status
from ivr.status_dialogue import LOOK_S, Found
from models.database import DatabaseError
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.engine.engine import Engine
from ngalam112.engine.event_router import Do
from reports.errors import NoSuchIncident

log = structlog.get_logger("status")

MOST_WAITING = 50
TEXTS_WITHIN_S = 1.0
"""For all messages of one reading: so long the next reading waits."""
MOST_AT_ONCE = 5
"""So many messages of one reading are looked up; the others are operators' at once."""
MOST_WRONG, MOST_A_DAY = 3, 10
"""Numbers that a sender or a caller has asked for in vain, and at all, a day: the next message is
read by operators, and the next call gets one, without a look."""
MOST_WITHHELD = 20
"""Numbers that all callers together who withhold theirs may ask for in an hour."""
MOST_SENDERS = 10_000
_DEEPEST = 20  # merges of merges
_MONTHS = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
    *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
)


class _Question(NamedTuple):
    call: Call
    digits: str


class Allowances:
    """How often each has asked in this time. `most`, `most_wrong`: questions, and those in vain."""

    def __init__(self, most: int = MOST_A_DAY, most_wrong: int = MOST_WRONG) -> None:
        self._most, self._most_wrong = most, most_wrong
        self._time = ""
        self._asked: dict[str, tuple[int, int]] = {}  # sender -> questions, those in vain

    def may_ask(self, sender: str, time: str) -> bool:
        """Whether one more question of a sender is looked up; counted if so. `time`: a day, such
        as 2026-11-30, or an hour: another one begins anew.
        """
        if time != self._time:
            self._time, self._asked = time, {}
        asked, wrong = self._asked.get(sender, (0, 0))
        if asked >= self._most or wrong >= self._most_wrong:
            return False
        if sender not in self._asked and len(self._asked) >= MOST_SENDERS:
            return False
        self._asked[sender] = (asked + 1, wrong)
        return True

    def was_wrong(self, sender: str) -> None:
        """What the sender has asked for is not there, or not the sender's."""
        asked, wrong = self._asked.get(sender, (0, 0))
        self._asked[sender] = (asked, wrong + 1)


class StatusQuestions:
    """The questions of one engine."""

    def __init__(self, engine: Engine, lookup: IncidentLookup) -> None:
        self._engine, self._lookup = engine, lookup
        self._country = engine.settings.country
        self._zone = ZoneInfo(engine.settings.timezone)
        self._waiting: asyncio.Queue[_Question] = asyncio.Queue(MOST_WAITING)
        self.allowances, self._callers = Allowances(), Allowances()
        self._withheld = Allowances(MOST_WITHHELD, MOST_WITHHELD)
        engine.reception.look_up = self._take
        engine.text_service.answers = self.answers
        engine.text_service.asks = lambda one: asked_in(one.body) is not None

    # --- by voice -----------------------------------------------------------------------------

    def _take(self, call: Call, digits: str) -> None:
        try:
            self._waiting.put_nowait(_Question(call, digits))
        except asyncio.QueueFull:
            self._give_up(call)

    async def run(self) -> None:
        """Look up what citizens type, one by one, until cancelled."""
        while True:
            call, digits = await self._waiting.get()
            try:
                await self._tell(call, await self._look_up(call, digits))
            except Exception:
                # one question's trouble is no other call's; its own caller gets an operator
                log.exception("status_not_told", call=call.id)
                self._give_up(call)

    async def _tell(self, call: Call, found: Found) -> None:
        reception = self._engine.reception
        await self._engine.do(lambda now: reception.found(call, found, now))

    def _give_up(self, call: Call) -> None:
        failed, found = Found(failed=True), self._engine.reception.found
        self._engine.inbox.post(Do(lambda now: found(call, failed, now)))

    async def _look_up(self, call: Call, digits: str) -> Found:
        record = call.record
        number = "" if record.withheld else record.caller_number
        caller = same_caller(number, self._country)
        allowances, time = self._callers, f"{self._now():%Y-%m-%d}"
        if caller is None:
            caller, allowances, time = "", self._withheld, f"{self._now():%Y-%m-%d %H}"
        if not allowances.may_ask(caller, time):
            return Found(failed=True)
        try:
            async with asyncio.timeout(LOOK_S):
                status = await self.find(digits, number)
        except (DatabaseError, TimeoutError, SeveralMeant):
            return Found(failed=True)
        except Exception:
            log.exception("status_failed")
            return Found(failed=True)
        if status is None:
            allowances.was_wrong(caller)
            return Found()
        return Found(spoken_status(status, record.language, self._zone))

    # --- by message ---------------------------------------------------------------------------

    async def answers(self, messages: list[Received]) -> Mapping[str, str]:
        """Return what is answered to messages that ask for a number of their sender's.

        What is not looked up within a second is for operators.
        """
        found: dict[str, str] = {}
        try:
            async with asyncio.timeout(TEXTS_WITHIN_S):
                await self._answer(messages, found)
        except (DatabaseError, TimeoutError):
            log.warning("status_texts_not_answered", answered=len(found))
        except Exception:
            log.exception("status_failed")
        return found

    async def _answer(self, messages: list[Received], found: dict[str, str]) -> None:
        asked = [(one, number) for one in messages if (number := asked_in(one.body))]
        is_open = self._engine.text_service.intake.is_open
        for one, number in asked[:MOST_AT_ONCE]:
            if is_open(one):
                continue  # an operator reads it
            sender = self._engine.router.texts.sender_of(one.number, one.address)
            if not self.allowances.may_ask(sender, f"{self._now():%Y-%m-%d}"):
                continue
            try:
                status = await self.find(number, one.number)
            except SeveralMeant:
                status = None
            if status is not None and status.is_contact:
                found[one.id] = self._written(status)
            else:
                self.allowances.was_wrong(sender)

    def _written(self, status: Status) -> str:
        agency = self._engine.agencies.by_id.get(status.agency or "")
        expected = ""
        if status.expected_at is not None:
            day = datetime.fromtimestamp(status.expected_at, self._zone)
            expected = f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
        name = (status.agency or "") if agency is None else agency.name
        return words.status(short_number(status.number), status.state.value, name, expected)

    # --- both ---------------------------------------------------------------------------------

    async def find(self, typed: str, caller: str) -> Status | None:
        """Return how it stands with the number; None if there is none that is told of.

        `caller`: who asks, "" for who withholds it. Raises a DatabaseError, and SeveralMeant.
        """
        found: list[tuple[Incident, Incident]] = []
        for number in numbers_meant(typed, self._now().year):
            try:
                incident = await self._lookup.find(number)
            except NoSuchIncident:
                continue
            found.append((incident, await self._worked_on(incident)))
        are_mine = [is_contact(pair, caller, self._country) for pair in found]
        which = chosen(are_mine)
        if which is None:
            return None
        (incident, worked_on), contact = found[which], are_mine[which]
        dispatches = await self._lookup.dispatches(worked_on) if contact else []
        kinds = {one.id: one.kind for one in self._engine.agencies.by_id.values()}
        now = self._engine.clock.now()
        return status_of(incident, worked_on, dispatches, contact=contact, kinds=kinds, now=now)

    async def _worked_on(self, incident: Incident) -> Incident:
        for _ in range(_DEEPEST):
            if incident.merged_into is None:
                break
            into = await self._lookup.exactly(incident.merged_into)
            if into is None:
                break
            incident = into
        return incident

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._engine.clock.now(), self._zone)
