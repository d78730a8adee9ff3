"""Takes citizens out of the fallback whom nobody talks with yet, now that an engine serves again.

Asterisk tells over ARI who is there; the way out is over AMI, because a channel in the dialplan is
no application's. It leads to `returned` in the dialplan, and from there to `Line` as a StasisStart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec
import structlog

from ngalam112.line import FALLBACK_CONTEXTS
from ngalam112.recovery import CITIZENS
from pbx.ami import AmiError, AmiLink
from pbx.ari import AriClient
from pbx.ari_reply import AriError
from pbx.ari_types import Bridge, Channel

log = structlog.get_logger("takeback")

LABEL = "returned"
LOOKS_S = (0.0, 1.0, 2.0, 3.0)  # who was on the way to the fallback just now is seen later
_LONGEST_S = 15.0


async def waiting_in_fallback(ari: AriClient) -> list[Channel]:
    """The citizens in the fallback who talk with nobody, the longest there first."""
    channels = await ari.get("channels", list[Channel])
    bridges = await ari.get("bridges", list[Bridge])
    talking = {one for bridge in bridges if len(bridge.channels) > 1 for one in bridge.channels}
    found = [
        one
        for one in channels
        if one.dialplan.context in FALLBACK_CONTEXTS
        and one.dialplan.exten != "h"
        and one.id not in talking
    ]
    return sorted(found, key=lambda one: one.creationtime)


async def take_back(ari: AriClient, ami: AmiLink) -> None:
    """Look once, and take back whoever can be; raises an AriError or AmiError."""
    for channel in await waiting_in_fallback(ari):
        try:
            await ami.redirect(channel.name, CITIZENS, channel.dialplan.exten, LABEL)
        except AmiError as error:
            log.warning("not_taken_back", channel=channel.id, error=str(error))
        else:
            log.info("taking_back", channel=channel.id)


async def keep_taking_back(ari: AriClient, ami: AmiLink, is_wanted: Callable[[], bool]) -> None:
    """Look some times, and more rarely for as long as it `is_wanted`, until cancelled."""
    for pause in _pauses(is_wanted):
        await asyncio.sleep(pause)
        try:
            await take_back(ari, ami)
        except (AriError, AmiError, msgspec.MsgspecError) as error:
            log.warning("take_back_failed", error=str(error))


def _pauses(is_wanted: Callable[[], bool]) -> Iterator[float]:
    yield from LOOKS_S
    pause = LOOKS_S[-1]
    while is_wanted():
        yield pause
        pause = min(_LONGEST_S, pause * 2)
