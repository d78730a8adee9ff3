"""The phones whose talks chaos hears: each talks until all are told that the talks are over."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from lines import eventually

from lab.actors.sipp import SippRun, free_port
from lab.chaos.notes import read_notes
from lab.chaos.players import _BUSY, HEARD_PHONE, _tell
from pbx.programs import Programs

LONG_S = 1.0
REQUEST = """{method} sip:201@127.0.0.1:{port} SIP/2.0\r
Via: SIP/2.0/UDP {own};branch=z9hG4bK{branch}\r
From: "Warga" <sip:0812@{own}>;tag=1\r
To: <sip:201@127.0.0.1:{port}>\r
Call-ID: {call}@127.0.0.1\r
CSeq: 1 {method}\r
Contact: <sip:112@{own}>\r
Content-Length: 0\r
\r
"""


class Caller:
    """Somebody who calls a phone at `port`, by hand."""

    def __init__(self, port: int, call: str) -> None:
        self._port, self._call = port, call
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.heard = ""

    def says(self, method: str) -> None:
        own = "{}:{}".format(*self._socket.getsockname())
        text = REQUEST.format(
            method=method, port=self._port, own=own, call=self._call, branch=f"{self._call}{method}"
        )
        self._socket.sendto(text.encode(), ("127.0.0.1", self._port))

    def hears_now(self) -> str:
        with suppress(BlockingIOError):
            while True:
                self.heard += self._socket.recv(4096).decode()
        return self.heard

    async def hears(self, words: str) -> None:
        await eventually(lambda: words in self.hears_now(), what=f"{self._call} hears {words}")

    def goes(self) -> None:
        self._socket.close()

    async def talks(self) -> None:
        # SIPp may not be there yet; a copy of a request is no other call
        await eventually(lambda: self.says("INVITE") or self.hears_now(), every=0.2)
        await self.hears("SIP/2.0 200 OK")
        self.says("ACK")


async def test_heard_phones_talk_until_they_are_told_and_one_with_a_time_does_not(
    programs: Programs, tmp_path: Path
) -> None:
    port = free_port()
    rows = [("0", "0", "54002"), ("0", "0", "54004"), ("0", "300", "54006"), *[_BUSY] * 9]
    async with SippRun(programs, tmp_path, HEARD_PHONE, port=port, rows=rows, noted=True) as phones:
        first, second, short = (Caller(port, name) for name in ("first", "second", "short"))
        for one in (first, second, short):
            await one.talks()
        await short.hears("BYE sip:")
        await asyncio.sleep(LONG_S)
        assert "BYE" not in first.hears_now() + second.hears_now()
        _tell(port)
        await first.hears("BYE sip:")
        await second.hears("BYE sip:")
        notes = read_notes(phones.notes.read_text())
        for one in (first, second, short):
            one.goes()
    assert [one.what for one in notes].count("rings") == 3, "who tells is not noted"
    assert [one.what for one in notes].count("over") == 3
