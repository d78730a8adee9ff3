"""After each (re)connect to Asterisk: restore the calls, look once more, reclaim from the fallback.

Reconciles on every connect and resets nothing: calls that talk or wait go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog

from acd.calls.checkpoint import call_checkpoints, claim_checkpoints, to_hang_up
from acd.calls.record import CallRecord, Outcome
from ngalam112.config.provision import APP
from ngalam112.engine.clock import CLOCK
from ngalam112.engine.engine import Engine
from ngalam112.engine.event_router import Do
from ngalam112.recovery import recheck
from ngalam112.recovery.fallback_records import glance
from ngalam112.recovery.reclaim_from_fallback import keep_reclaiming
from ngalam112.recovery.restore_calls import Restoration, restore_calls
from ngalam112.recovery.snapshot import snapshot
from pbx.ari_reply import AriError

log = structlog.get_logger("engine")

TRY_AGAIN_S = 0.5  # Asterisk answers, but not this; citizens wait

ASTERISK = "asterisk"
"""The key of the fact which run of Asterisk the calls are in."""


class Reconnect:
    """Knows what the engine knew before, and which run of Asterisk that was.

    `tell_full(full)`: whether citizens wait for admission, for the dialplan.
    """

    def __init__(self, engine: Engine, tell_full: Callable[[bool], None]) -> None:
        self._engine, self._router, self._tell_full = engine, engine.router, tell_full
        self._restoring: asyncio.Task[None] | None = None
        self._reclaiming: asyncio.Task[None] | None = None
        self._asterisk = ""  # which run of Asterisk we knew last
        self._lost_at: float | None = None  # when it was seen last, while it is not seen
        self._restated = False  # how the operators are, after an earlier engine
        engine.dispatcher.away = True  # until it is known what Asterisk holds
        engine.on_fallback_calls = self._reclaim

    def remember(
        self, records: Iterable[CallRecord], facts: dict[str, Any], seen_at: float | None = None
    ) -> None:
        """Know the calls that were up when the last engine stopped, until Asterisk has been asked.

        `facts`: what that engine kept for us. `seen_at`: when Asterisk answered it last, by the
        monotonic clock. Times of calls and wrap-ups that go on are the last engine's, so they go
        on by its clock.
        """
        records = list(records)
        if records or any(one.wrap_up_until for one in self._engine.roster.operators.values()):
            self._engine.clock.go_on_from(facts.get(CLOCK))
        self._engine.journal.keep(CLOCK, msgspec.to_builtins(self._engine.clock.anchor))
        notices = self._engine.dispatcher.announcements.notices
        notices.remember(facts, self._engine.clock.now())
        calls = call_checkpoints(facts)
        for record in records:
            if record.outcome is Outcome.TEST:
                self._router.line_tests.remember(record)
                continue
            self._router.live.remember(record, calls.pop(record.call_id, None))
        self._router.claims.at_once.restored(self._router.calls.values())
        self._router.live.to_hang_up.update(to_hang_up(calls))
        self._router.claims.pending.update(claim_checkpoints(facts))
        self._router.operator_calls.remember(facts, self._engine.clock.now())
        self._router.monitors.remember(facts)
        self._router.operator_calls.called_back.remember(facts)
        self._router.codes.throttle.remember(facts)
        self._router.locations.remember(facts)
        self._router.nuisance.remember(facts, self._engine.clock.now())
        self._engine.ban_keeper.remember(facts)
        self._engine.refusals.remember(facts)
        self._engine.warning_feed.remember(facts)
        self._asterisk = str(facts.get(ASTERISK, ""))
        # a beat of before the machine's start says nothing
        if seen_at is not None and seen_at <= time.monotonic():
            self._lost_at = self._engine.clock.at(seen_at)

    def up(self) -> None:
        """Connected: read what Asterisk holds, then restore the calls."""
        if self._restoring is not None:
            self._restoring.cancel()  # it looks at a connection that is lost
        # the fallback may have lost them meanwhile, with Asterisk
        self._router.calls.update(self._router.fallback.calls)
        self._router.fallback.calls.clear()
        self._router.looks_again()
        knew = (
            frozenset(self._router.calls),
            frozenset(self._engine.dispatcher.operator_legs.legs),
            frozenset(self._router.channels_of_phones()),
            frozenset(self._engine.dispatcher.operator_legs.occupying()),
        )
        self._restoring = asyncio.create_task(self._restore(*knew), name="restore")

    def down(self) -> None:
        """The connection is lost: nobody can be offered a call until the next one."""
        self._engine.restored = False
        if self._reclaiming is not None:
            self._reclaiming.cancel()
        self._lost_at = self._engine.clock.now()
        self._engine.dispatcher.away = True

    async def _restore(
        self,
        calls: frozenset[str],
        legs: frozenset[str],
        phones: frozenset[str],
        occupying: frozenset[str],
    ) -> None:
        playbacks = [one.playback for one in self._router.calls.values() if one.playback]
        offers = recheck.offers_of(self._router)
        while True:
            try:
                live = await snapshot(self._engine.ari, playbacks)
                spool = await asyncio.to_thread(
                    glance, self._engine.settings.spool, self._engine.clock.anchor
                )
                break
            except (AriError, msgspec.MsgspecError) as error:
                log.error("restore_failed", error=str(error))
            if not self._engine.ari.connected:
                return  # the next connection takes the line up
            await asyncio.sleep(TRY_AGAIN_S)
        another = bool(self._asterisk) and live.started != self._asterisk
        found = Restoration(
            live=live,
            calls=calls,
            legs=legs,
            phones=phones,
            occupying=occupying,
            lost_at=(self._lost_at or self._engine.clock.now()) if another else None,
            ended=spool.ended,
            spooled=spool.noted,
            served=spool.served,
            callers=spool.callers,
        )
        try:
            await self._engine.do(lambda now: restore_calls(self._router, found, now))
        except Exception:
            self._engine.event_errors += 1
            log.exception("restore_failed")
        await self._restate()
        self._tell_full(bool(self._router.admission.order.ahead))
        self._asterisk, self._lost_at = live.started, None
        self._engine.journal.keep(ASTERISK, live.started)
        log.info("serving", app=APP, legs=len(live.legs), asterisk_is_another=another)
        self._engine.restored = True
        self._router.locations.restored()
        self._reclaim()
        self._engine.on_serving()
        try:
            await self._engine.bring_phones()
        except (AriError, OSError) as error:
            log.error("phones_not_brought", error=str(error))
        await self._look_again(offers)

    async def _restate(self) -> None:
        """Keep how the operators are, once: what the last engine kept of them goes on up to here.

        A call that it kept somebody talking in may have ended while no engine lived.
        """
        if self._restated:
            return
        self._restated = True
        roster = self._engine.roster
        await self._engine.do(lambda now: roster.changes.restate(roster.operators.values(), now))

    async def _look_again(self, offers: dict[str, str]) -> None:
        await asyncio.sleep(recheck.AFTER_S)
        before = recheck.known(self._router, offers)
        try:
            live = await snapshot(self._engine.ari)
            await self._engine.do(lambda now: recheck.look(self._router, before, live, now))
        except (AriError, msgspec.MsgspecError) as error:
            log.error("recheck_failed", error=str(error))
        except Exception:
            self._engine.event_errors += 1
            log.exception("recheck_failed")

    def _reclaim(self) -> None:
        """Look after the citizens in the fallback, unless somebody does already."""
        if self._reclaiming is None or self._reclaiming.done():
            looking = keep_reclaiming(
                self._engine.ari,
                self._engine.ami,
                is_here=self._router.calls.__contains__,
                is_wanted=lambda: bool(self._router.fallback.calls),
                tell=self._seen_alive,
            )
            self._reclaiming = asyncio.create_task(looking, name="reclaim")

    def _seen_alive(self, live: frozenset[str]) -> None:
        self._engine.inbox.post(Do(lambda now: self._router.fallback.seen_alive(live, now)))
