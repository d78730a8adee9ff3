"""Looks at the line once a second while a storm goes on: who is busy, and for which call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from lab.storm.lateness import BUSY, Sighting
from ngalam112.cli.client import Client, ClientError

EVERY_S = 1.0
_SAID_EVERY = 10  # looks


async def watch(client: Client, say: Callable[[str], None], seen: list[Sighting]) -> None:
    """Keep what is seen in `seen`, and say now and then how the storm goes; until cancelled."""
    looks = 0
    while True:
        await asyncio.sleep(EVERY_S)
        looks += 1
        with contextlib.suppress(ClientError):
            seen += await look(client)
            if looks % _SAID_EVERY == 0:
                status = await asyncio.to_thread(client.get, "/api/status")
                calls, states = status["calls"], status["operators"]["state"]
                say(f"calls: {_shown(calls)}    operators: {_shown(states)}")


async def look(client: Client) -> list[Sighting]:
    """Return each operator who is busy with a call at this moment."""
    asked = time.time()
    operators = (await asyncio.to_thread(client.get, "/api/operators"))["operators"]
    told = time.time()
    return [
        Sighting(operator=one["id"], call=one["call"], state=one["state"], asked=asked, told=told)
        for one in operators
        if one["state"] in BUSY and one["call"] is not None
    ]


def _shown(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
