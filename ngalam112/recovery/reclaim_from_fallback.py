"""Takes citizens out of the fallback whom nobody talks with yet, now that an engine serves again.

Asterisk tells over ARI who is there; the way out is over AMI, because a channel in the dialplan is
no application's. It leads to `returned` in the dialplan, and from there to the event
router as a StasisStart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec
import structlog

from ngalam112.engine.fallback_calls import FALLBACK_CONTEXTS
from ngalam112.recovery.snapshot import CITIZENS
from pbx.ami import AmiError, AmiLink
from pbx.ari import AriClient
from pbx.ari_reply import AriError
from pbx.ari_types import Bridge, Channel

log = structlog.get_logger("reclaim")

LABEL = "returned"
LOOKS_S = (0.0, 0.5, 1.0, 2.0, 3.0)  # who was on the way to the fallback just now is seen later
FRESH_S = 0.1  # for so long what a look has found is true enough to move a citizen
_LONGEST_S = 15.0


class Look(msgspec.Struct, frozen=True):
    """What one look at Asterisk finds: all channels that live, and who waits in the fallback."""

    live: frozenset[str]
    waiting: list[Channel]


async def look(ari: AriClient) -> Look:
    """Find the citizens in the fallback who talk with nobody, the longest there first."""
    channels = await ari.get("channels", list[Channel])
    bridges = await ari.get("bridges", list[Bridge])
    talking = {one for bridge in bridges if len(bridge.channels) > 1 for one in bridge.channels}
    waiting = [
        one
        for one in channels
        if one.dialplan.context in FALLBACK_CONTEXTS
        and one.dialplan.exten != "h"
        and one.id not in talking
    ]
    return Look(
        frozenset(one.id for one in channels), sorted(waiting, key=lambda one: one.creationtime)
    )


async def keep_reclaiming(
    ari: AriClient,
    ami: AmiLink,
    *,
    is_here: Callable[[str], bool],
    is_wanted: Callable[[], bool],
    tell: Callable[[frozenset[str]], None],
) -> None:
    """Look some times, and more rarely for as long as it `is_wanted`.

    `is_here`: whether the engine has this citizen already. `tell` gets, after each look, the
    channels that live.
    """
    for pause in _pauses(is_wanted):
        await asyncio.sleep(pause)
        try:
            await _reclaim_waiting(ari, ami, is_here, tell)
        except (AriError, msgspec.MsgspecError) as error:
            log.warning("reclaim_failed", error=str(error))


async def _reclaim_waiting(
    ari: AriClient,
    ami: AmiLink,
    is_here: Callable[[str], bool],
    tell: Callable[[frozenset[str]], None],
) -> None:
    """Take back, once, whoever waits; look again whenever the last look is not fresh any more.

    With many, the last are asked for seconds after the first: by then they may talk, or be back.
    """
    asked: set[str] = set()
    while True:
        found = await look(ari)
        fresh_until = time.monotonic() + FRESH_S
        tell(found.live)
        left = [one for one in found.waiting if one.id not in asked and not is_here(one.id)]
        for channel in left:
            asked.add(channel.id)
            try:
                await ami.redirect(channel.name, CITIZENS, channel.dialplan.exten, LABEL)
            except AmiError as error:
                # gone, or AMI is not there yet: the next look tells
                log.warning("not_reclaimed", channel=channel.id, error=str(error))
            else:
                log.info("reclaiming", channel=channel.id)
            if time.monotonic() > fresh_until:
                break
        else:
            return


def _pauses(is_wanted: Callable[[], bool]) -> Iterator[float]:
    yield from LOOKS_S
    pause = LOOKS_S[-1]
    while is_wanted():
        yield pause
        pause = min(_LONGEST_S, pause * 2)
