"""Counts the calls that Asterisk has refused by itself: for metrics, reports and the doctor.

What comes from the networks of the trunks is counted by address. Everybody else is one, for a
stranger can have any number of addresses; of them only those are named that dialled our number, as
a carrier does from an address that nobody has told us.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from acd.calls.journal import Journal
from ngalam112.engine.refused_calls import Refusal, RefusedCalls
from pbx.hep import Copy

log = structlog.get_logger("refused")

REFUSED_CALLS = "refused_calls"
"""The table, and the key of the fact that is kept for the next engine."""
TRUNK, ELSEWHERE = "trunk", "elsewhere"
PASS_S, HOUR_S, DAY_S = 1.0, 3600.0, 86_400.0
MOST_SOURCES = 50
"""So many addresses with a status each are named for a day, and so many rows an hour are kept."""


class RefusedFrom(msgspec.Struct, kw_only=True):
    """The calls from one address that were refused with one status, from `since` to `at`.

    `dialled`: the number of the last one. `trunk`: the address is of a trunk's networks.
    """

    source: str
    trunk: bool
    status: int
    dialled: str
    since: float
    at: float
    calls: int = 0


class _Row(msgspec.Struct):
    """The sum of an hour. This engine's own: what another one has counted is in other rows."""

    id: str
    calls: int = 0
    kept: int = 0


class RefusalCounts:
    """`totals`: since the start, by where from (`TRUNK`, `ELSEWHERE`) and status."""

    def __init__(
        self,
        numbers: Iterable[str],
        trunks: Iterable[str],
        journal: Journal,
        now: Callable[[], float],
    ) -> None:
        self._numbers = set(numbers)
        self._trunks = [ipaddress.ip_network(one) for one in trunks]
        self._journal, self._now = journal, now
        self._calls, self._heard = RefusedCalls(), asyncio.Event()
        self._rows: dict[tuple[float, str, int], _Row] = {}
        self._lately: dict[tuple[str, int], RefusedFrom] = {}
        self._told, self._told_since = 0, 0.0
        self.totals: Counter[tuple[str, int]] = Counter()

    def remember(self, facts: dict[str, Any]) -> None:
        """Know whom an earlier engine saw refused lately; what makes no sense is left out."""
        try:
            found = msgspec.convert(facts.get(REFUSED_CALLS) or [], list[RefusedFrom])
        except msgspec.ValidationError as error:
            log.error("refused_calls_not_understood", error=str(error))
            return
        self._lately = {(one.source, one.status): one for one in found} | self._lately

    def heard(self, copy: Copy) -> None:
        """A copy of an INVITE, an ACK or a refusal is here; called in the event loop."""
        self._calls.heard(copy, self._now())
        if self._calls.waiting:
            self._heard.set()

    def unacknowledged(self, call_id: str) -> bool:
        """Whether a call was answered, as far as is known, and nobody has acknowledged it yet."""
        return self._calls.unacknowledged(call_id, self._now())

    def acknowledged(self, call_id: str) -> None:
        """Something else than an ACK says that a call's answer has arrived."""
        self._calls.acknowledged(call_id)

    def open_for(self, seconds: float) -> list[str]:
        """The Call-IDs of INVITEs of so long ago or longer that nobody has acknowledged."""
        return self._calls.open_for(seconds, self._now())

    def is_open(self, call_id: str) -> bool:
        """Whether nobody has acknowledged a call's answer, and others of the same address have."""
        return self._calls.is_open(call_id)

    def deaf(self) -> None:
        """For a moment no copies were heard."""
        self._calls.forget_open()

    def address_of(self, call_id: str) -> str:
        """The address from which a call's INVITE came; "" if that is not known."""
        return self._calls.address_of(call_id)

    def lately(self) -> list[RefusedFrom]:
        """Return whose calls were refused within a day, the last first."""
        since = self._now() - DAY_S
        return sorted(
            (one for one in self._lately.values() if one.at > since), key=lambda one: -one.at
        )

    async def run(self) -> None:
        """Count until cancelled; without refused calls there is nothing to do."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            while self._calls.waiting:
                await asyncio.sleep(PASS_S)
                self.count()

    def count(self) -> None:
        """Count what is sure by now, and keep it."""
        now = self._now()
        found = self._calls.sure(now)
        for refusal in found:
            self._add(refusal, now)
        if found:
            self._keep(now)

    def _add(self, refusal: Refusal, now: float) -> None:
        address = _address(refusal.source)
        trunk = any(address in network for network in self._trunks)
        where = TRUNK if trunk else ELSEWHERE
        self.totals[where, refusal.status] += 1
        hour = now - now % HOUR_S
        key = (hour, str(address) if trunk else ELSEWHERE, refusal.status)
        if key not in self._rows and len(self._rows) >= MOST_SOURCES:
            key = (hour, where, refusal.status)
        self._rows.setdefault(key, _Row(uuid4().hex)).calls += 1
        if trunk or refusal.dialled.replace("-", "") in self._numbers:
            self._name(str(address), refusal, trunk, now)

    def _name(self, source: str, refusal: Refusal, trunk: bool, now: float) -> None:
        key = source, refusal.status
        one = self._lately.get(key)
        if one is None or one.at < now - DAY_S:
            if one is None and len(self._lately) >= MOST_SOURCES and not self._make_room(now):
                return
            one = RefusedFrom(
                source=source, trunk=trunk, status=refusal.status, dialled="", since=now, at=now
            )
            self._lately[key] = one
            self._tell(one, refusal.dialled)
        one.dialled, one.at, one.calls = refusal.dialled, now, one.calls + 1

    def _tell(self, one: RefusedFrom, dialled: str) -> None:
        """Say it in the log; strangers with ever new addresses are no reason for ever new lines."""
        if one.since >= self._told_since + HOUR_S:
            self._told, self._told_since = 0, one.since
        self._told += 1
        if self._told <= MOST_SOURCES:
            log.warning(
                "call_refused_before_line",
                source=one.source,
                trunk=one.trunk,
                status=one.status,
                dialled=dialled,
            )

    def _make_room(self, now: float) -> bool:
        """Forget the stranger that was refused the longest ago; a trunk only after its day."""
        dull = [key for key, one in self._lately.items() if not one.trunk or one.at < now - DAY_S]
        if dull:
            del self._lately[min(dull, key=lambda key: self._lately[key].at)]
        return bool(dull)

    def _keep(self, now: float) -> None:
        with self._journal.together():
            for (hour, source, status), row in self._rows.items():
                if row.kept == row.calls:
                    continue
                row.kept = row.calls
                self._journal.row(
                    REFUSED_CALLS,
                    {
                        "id": row.id,
                        "hour": hour,
                        "source": source,
                        "status": status,
                        "calls": row.calls,
                    },
                )
            self._journal.keep(REFUSED_CALLS, msgspec.to_builtins(self.lately()) or None)
        for key in [key for key in self._rows if key[0] < now - now % HOUR_S]:
            del self._rows[key]


def _address(source: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(source)
    return getattr(found, "ipv4_mapped", None) or found
