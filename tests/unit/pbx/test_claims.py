"""Claims over HTTP: connections are kept, and none that Asterisk has closed costs a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.machine.waiting import eventually
from pbx.ari_reply import LATE, LOST
from pbx.claims import ClaimLane

OURS = b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"
NOT_OURS = b'HTTP/1.1 409 Conflict\r\nContent-Length: 11\r\n\r\n{"why":"x"}'


class Claims:
    """Answers as it is told; `answers` are used up, the last one stays."""

    def __init__(self, *answers: bytes, closes: bool = False) -> None:
        self.answers, self.closes = list(answers), closes
        self.asked: list[str] = []
        self.links = self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        self.open += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.asked.append(head)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer:
                    writer.write(answer)
                if self.closes:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()
        self.open -= 1


@asynccontextmanager
async def lane_to(door: Claims, within: float = 5.0) -> AsyncIterator[ClaimLane]:
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lane = ClaimLane("127.0.0.1", port, "ngalam112", "Basic abc", within)
    try:
        yield lane
    finally:
        lane.close()
        server.close()
        async with asyncio.timeout(5):
            while door.open:
                await asyncio.sleep(0.001)


async def test_a_claim_names_the_call_and_the_application_and_keeps_its_connection() -> None:
    door = Claims(NOT_OURS, OURS)
    async with lane_to(door) as lane:
        first, second = await lane.claim("17.1"), await lane.claim("a/b c")
    assert (first.status, first.reason, second.status) == (409, "Conflict", 204)
    assert door.links == 1
    assert "channelId=17.1 HTTP/1.1\r\n" in door.asked[0]
    assert "application=ngalam112&channelId=a%2Fb%20c HTTP/1.1\r\n" in door.asked[1]
    assert "\r\nAuthorization: Basic abc\r\n" in door.asked[0]


async def test_a_kept_connection_that_was_closed_is_replaced_by_a_fresh_one() -> None:
    door = Claims(OURS, closes=True)
    async with lane_to(door) as lane:
        assert [(await lane.claim(str(one))).status for one in range(3)] == [204] * 3
    assert door.links == 3


async def test_many_claims_at_once_use_no_more_than_eight_connections() -> None:
    door = Claims(OURS)
    async with lane_to(door) as lane:
        replies = await asyncio.gather(*(lane.claim(str(one)) for one in range(30)))
    assert {one.status for one in replies} == {204}
    assert door.links <= 8


async def test_connections_of_a_burst_are_closed_when_nobody_uses_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pbx.claims._KEPT_S", 0.1)
    door = Claims(OURS)
    async with lane_to(door) as lane:
        await asyncio.gather(*(lane.claim(str(one)) for one in range(30)))
        await eventually(lambda: door.open == 0, what="all are closed, without another claim")
        assert (await lane.claim("later")).status == 204


async def test_no_answer_in_time_is_late() -> None:
    async with lane_to(Claims(b""), within=0.05) as lane:
        assert await lane.claim("1") is LATE


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
async def test_what_is_no_answer_counts_as_a_lost_connection(answer: bytes) -> None:
    async with lane_to(Claims(answer)) as lane:
        assert await lane.claim("1") is LOST


async def test_where_nobody_listens_the_connection_is_lost() -> None:
    async with lane_to(Claims(OURS)) as lane:
        pass
    assert await lane.claim("1") is LOST
