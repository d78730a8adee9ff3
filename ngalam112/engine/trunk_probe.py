"""Whether the trunk is there: Asterisk asks its hosts by OPTIONS, and this asks Asterisk.

A trunk does not register, so nothing else tells that it is gone before a citizen cannot call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog

from pbx.ari import AriClient
from pbx.ari_reply import AriError

log = structlog.get_logger("trunk")

EVERY_S = 5.0
PROBES = "trunk-probe-"
"""How the endpoints of the hosts are called in `pjsip.conf`, each with its number from 1 on."""


class Endpoint(msgspec.Struct):
    """ARI's word on an endpoint: online, offline or unknown."""

    state: str = "unknown"


class TrunkProbe:
    """What is known of the trunk. `up`: by host; who has not been asked yet is not in it."""

    def __init__(
        self,
        ari: AriClient,
        hosts: Sequence[str],
        now: Callable[[], float],
        every_s: float = EVERY_S,
    ) -> None:
        self._ari, self._hosts, self._every_s = ari, list(hosts), every_s
        self.started_at = now()
        self.up: dict[str, bool] = {}

    @property
    def down(self) -> list[str]:
        """The hosts that do not answer."""
        return [host for host, up in self.up.items() if not up]

    async def run(self) -> None:
        """Ask until cancelled; without hosts there is nothing to do."""
        while self._hosts:
            if self._ari.connected:
                await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Ask for each host once; where Asterisk does not tell, what was known stays."""
        for n, host in enumerate(self._hosts, 1):
            try:
                found = await self._ari.get(f"endpoints/PJSIP/{PROBES}{n}", Endpoint)
            except (AriError, msgspec.MsgspecError) as error:
                log.debug("trunk_not_told", host=host, error=str(error))
                continue
            if found.state == "unknown":
                continue
            up = found.state == "online"
            if self.up.get(host, True) != up:
                log.warning("trunk_is", host=host, up=up)
            self.up[host] = up

    def silent_min(self, came_at: float | None, most_min: float, now: float) -> float | None:
        """Return `most_min` if no call has come for longer, by the last one's time; else None.

        A new engine counts from its own start. 0: never.
        """
        since = max(came_at or 0.0, self.started_at)
        return most_min if most_min and now - since > most_min * 60 else None
