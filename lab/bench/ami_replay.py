"""The AMI side of a recorded Asterisk: lets anybody in, has all phones free, passes events on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

_GREETING = b"Asterisk Call Manager/11.0.0\r\n"


class AmiReplay:
    """Serves the engine's AMI link; `phones` are those that it is told to be free."""

    def __init__(self, phones: Iterable[str]) -> None:
        self._phones = list(phones)
        self._engines: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Serve at this port of 127.0.0.1."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield
        finally:
            server.close()
            for one in self._engines:
                one.close()

    def say(self, event: str) -> None:
        """Pass an event on to all who have logged in."""
        for one in self._engines:
            one.write(event.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_GREETING)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = (line.partition(": ") for line in block.split("\r\n"))
                headers = {name.lower(): value for name, _, value in lines}
                writer.write(self._answer(headers.get("action", ""), headers.get("actionid", "")))
                if headers.get("action") == "Login":
                    self._engines.add(writer)
        self._engines.discard(writer)
        writer.close()

    def _answer(self, action: str, action_id: str) -> bytes:
        own = f"ActionID: {action_id}\r\n"
        match action:
            case "Login":
                text = f"Response: Success\r\n{own}Message: Authentication accepted\r\n\r\n"
                text += (
                    "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
                )
            case "DeviceStateList":
                text = f"Response: Success\r\n{own}EventList: start\r\nMessage: will follow\r\n\r\n"
                for phone in self._phones:
                    text += f"Event: DeviceStateChange\r\n{own}Device: PJSIP/{phone}\r\n"
                    text += "State: NOT_INUSE\r\n\r\n"
                text += f"Event: DeviceStateListComplete\r\n{own}EventList: Complete\r\n\r\n"
            case _:
                text = f"Response: Success\r\n{own}\r\n"
        return text.encode()
