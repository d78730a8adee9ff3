"""Has Asterisk refuse the banned addresses: writes banned.conf and has it read, without root.

Asterisk answers such a request with 403 before it looks at anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from acd.calls.journal import Journal
from ngalam112.engine.bans import Bans, Source
from pbx.ami import AuthAttempt
from pbx.ari import AriClient
from pbx.ari_reply import AriError
from pbx.render import render_banned

log = structlog.get_logger("bans")

BANS = "bans"
"""The key of the fact that is kept for the next engine."""
APART_S = 5.0
"""Asterisk reads its configuration no more often: each time, phones that register begin anew."""
AGAIN_S = 30.0


class BanKeeper:
    """Hears who is refused, and keeps Asterisk's list of banned addresses right."""

    def __init__(
        self, bans: Bans, etc: Path, ari: AriClient, journal: Journal, now: Callable[[], float]
    ) -> None:
        self.bans = bans
        self._etc, self._ari, self._journal, self._now = etc, ari, journal, now
        self._changed = asyncio.Event()
        listed = etc / "banned.conf"
        # an engine that died may have written it and no more
        self._unread = listed.exists() and listed.stat().st_size > 0

    def remember(self, facts: dict[str, Any]) -> None:
        """Know whom an earlier engine had banned; what makes no sense is left out."""
        try:
            self.bans.remember(msgspec.convert(facts.get(BANS) or {}, dict[str, Source]))
        except msgspec.ValidationError as error:
            log.error("bans_not_understood", error=str(error))
        self._changed.set()

    def attempt(self, attempt: AuthAttempt) -> None:
        """Somebody wanted in by SIP; called in the event loop, by the AMI link."""
        now, bans = self._now(), self.bans
        if not attempt.let_in and bans.refuse(attempt.address, now):
            self._changed.set()
        elif not (attempt.let_in and bans.let_in(attempt.address, now)):
            return
        self._journal.keep(BANS, msgspec.to_builtins(bans.worth_keeping()) or None)

    async def run(self) -> None:
        """Keep the list right until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_due()):
                    await self._changed.wait()
            self._changed.clear()
            await self._tell_asterisk()
            await asyncio.sleep(APART_S)

    def _until_due(self) -> float | None:
        if self._unread:
            return AGAIN_S
        now = self._now()
        end = self.bans.next_end(now)
        return None if end is None else max(0.0, end - now)

    async def _tell_asterisk(self) -> None:
        banned = self.bans.banned(self._now())
        try:
            if await asyncio.to_thread(render_banned, self._etc, banned):
                self._unread = True
            if self._unread and self._ari.connected:
                await self._ari.call("PUT", "asterisk/modules/res_pjsip.so", timeout=15.0)
                self._unread = False
        except (AriError, OSError) as error:
            log.warning("bans_not_told", error=str(error))
