"""Reads what `/api/live` pushes, and begins again by itself when the engine is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp

from ngalam112.cli.client import HOST, EngineDown, EngineRefused
from ngalam112.cli.live.view import Silent, Snapshot
from ngalam112.cli.own_token import personal_token
from ngalam112.cli.person import person
from ngalam112.config.settings import Settings
from privacy.trail import USER_HEADER

AGAIN_S = 1.0
ANSWERS_WITHIN_S = 5.0
"""A snapshot comes each second; who says nothing for so long is asked anew."""
_LONGEST_LINE = 4 * 1024 * 1024


async def looks(settings: Settings) -> AsyncGenerator[Snapshot | Silent, None]:
    """Yield each snapshot as it comes, and Silent each time that none does. Never ends by itself.

    Raises EngineDown where no line has ever run, EngineRefused if the engine says no.
    """
    own = personal_token()
    if own is None and not (settings.home / "secrets.json").exists():
        raise EngineDown(f"No line has ever run in {settings.home}; start the line: ngalam112 up.")
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=ANSWERS_WITHIN_S, sock_read=ANSWERS_WITHIN_S
    )
    headers = {
        "Authorization": f"Bearer {own or settings.secrets.api_token}",
        USER_HEADER: quote(person()),
    }
    last: dict[str, str] = {}  # of the event that was read last
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, read_bufsize=_LONGEST_LINE
    ) as session:
        while True:
            came = False
            try:
                async for one in _events(session, settings.api_port, last):
                    came = True
                    yield one
                if came:  # it ends now and then, to look again at whose token it is
                    continue
                yield Silent("the engine has ended the answer")
            except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
                yield Silent(str(error) or type(error).__name__)
            await asyncio.sleep(AGAIN_S)


async def _events(
    session: aiohttp.ClientSession, port: int, last: dict[str, str]
) -> AsyncIterator[Snapshot]:
    headers = {"Last-Event-ID": last["id"]} if "id" in last else {}
    async with session.get(f"http://{HOST}:{port}/api/live", headers=headers) as answer:
        if answer.status >= 500:
            raise ValueError(f"the engine answers {answer.status}")
        if answer.status != 200:
            raise EngineRefused(await _sentence(answer), answer.status)
        fields: dict[str, str] = {}
        async for line in answer.content:
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                last["id"] = fields.get("id", "")
                snapshot: dict[str, Any] = json.loads(fields["data"])
                fields = {}
                yield snapshot


async def _sentence(answer: aiohttp.ClientResponse) -> str:
    try:
        return str((await answer.json())["error"])
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return f"The engine refused (HTTP {answer.status})."
