"""Where the citizens are: brings what is told of places together with the calls. The writer's part.

What an INVITE says of the place comes beside Asterisk's events, mostly a little earlier than the
call itself; it is known by the Call-ID of its SIP. Until the call is here it waits, and is a fact
for the next engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.record import EventKind
from acd.numbers.caller import COUNTRY, same_caller
from places.place import Place, PlaceSource, counts_more, is_precise

log = structlog.get_logger("place")

PLACE = "place:"
"""The key of what is told of a place is this and the Call-ID, until its call is here."""
MOST_WAITING = 500
WAITS_S = 60.0
OVERTAKEN_S = 3.0

Fetch = Callable[[str, tuple[str, ...]], None]


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the INVITE with this Call-ID says. `at`: when, seconds since the epoch."""

    sip_id: str
    place: Place | None = None
    references: list[str] = []
    at: float = 0.0


class Locations:
    """`fetch(channel, references)`: begin to fetch the place of a citizen; it comes as `fetched`.

    `registered`: places of fixed numbers, by `same_caller`. `waiting`: what is told of calls that
    are not here yet, and `calls`: those of which something was told; both by the Call-ID.
    """

    def __init__(
        self, live: LiveCalls, journal: Journal, fetch: Fetch, *, country: str = COUNTRY
    ) -> None:
        self.registered: dict[str, Place] = {}
        self._live, self._journal, self._fetch = live, journal, fetch
        self._country = country
        self.waiting: dict[str, Told] = {}
        self.calls: dict[str, Call] = {}

    def arrived(self, call: Call, now: float) -> None:
        """A citizen is here, and the record has begun."""
        if self.registered and call.record.place_source is None:
            caller = same_caller(call.record.caller_number, self._country)
            if (place := self.registered.get(caller or "")) is not None:
                self._locate(call, place, now)
        if (told := self.waiting.get(call.sip_id)) is not None:
            self._take(call, told, now)
            self._forget(call.sip_id)

    def told(self, told: Told, now: float) -> None:
        """An INVITE has said something of the place."""
        call = self.calls.get(told.sip_id) or self._just_arrived(told.sip_id, now)
        if call is not None:
            self._take(call, told, now)
            return
        for old in [id for id, one in self.waiting.items() if now - one.at > WAITS_S]:
            self._forget(old)
        while len(self.waiting) >= MOST_WAITING:
            self._forget(next(iter(self.waiting)))
        told = msgspec.structs.replace(told, at=now)
        self.waiting[told.sip_id] = told
        self._journal.keep(PLACE + told.sip_id, msgspec.to_builtins(told))

    def fetched(self, channel: str, place: Place | None, now: float) -> None:
        """What was to be fetched for a citizen is here, or cannot be had (None)."""
        call = self._live.calls.get(channel) or self._live.finished.get(channel)
        if call is None or not call.record.events:
            return
        call.references = ()
        if place is not None:
            self._locate(call, place, now)
        call.keep()

    def ended(self, call: Call) -> None:
        """A call is over."""
        self.calls.pop(call.sip_id, None)

    def remember(self, facts: dict[str, Any]) -> None:
        """Know what an earlier engine was told of calls that are still to come."""
        for key, value in facts.items():
            if key.startswith(PLACE):
                try:
                    told = msgspec.convert(value, Told)
                except msgspec.ValidationError:
                    self._journal.keep(key, None)
                else:
                    self.waiting[told.sip_id] = told

    def restored(self) -> None:
        """The calls of an earlier engine are here: go on fetching where it did."""
        for call in self._live.calls.values():
            if call.references:
                self._fetch(call.channel, call.references)

    def _just_arrived(self, sip_id: str, now: float) -> Call | None:
        """The call, if its events have overtaken the copy of its INVITE; the newest are last."""
        for call in reversed(self._live.calls.values()):
            if call.sip_id == sip_id and call.record.events:
                return call
            if call.record.arrived_at < now - OVERTAKEN_S:
                break
        return None

    def _take(self, call: Call, told: Told, now: float) -> None:
        self.calls[told.sip_id] = call
        if told.place is not None:
            self._locate(call, told.place, now)
        if told.references and not is_precise(place_of(call)):
            call.references = tuple(told.references)
            call.keep()
            self._fetch(call.channel, call.references)

    def _locate(self, call: Call, place: Place, now: float) -> None:
        known = place_of(call)
        if place == known or not counts_more(place, known):
            return
        call.note(
            EventKind.LOCATED,
            now,
            source=place.source.value,
            lat=place.lat,
            lon=place.lon,
            radius_m=place.radius_m,
            place=place.text,
            kelurahan=place.kelurahan,
            kecamatan=place.kecamatan,
        )
        log.info("located", call_id=call.id, source=place.source.value)

    def _forget(self, sip_id: str) -> None:
        if self.waiting.pop(sip_id, None) is not None:
            self._journal.keep(PLACE + sip_id, None)


def place_of(call: Call) -> Place | None:
    """Where the citizen is, as the record has it."""
    record = call.record
    if record.place_source is None:
        return None
    return Place(
        source=PlaceSource(record.place_source),
        lat=record.lat,
        lon=record.lon,
        radius_m=record.radius_m,
        text=record.place or "",
        kelurahan=record.kelurahan,
        kecamatan=record.kecamatan,
    )
