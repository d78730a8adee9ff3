"""Floods beside real callers: of calls that nobody acknowledges, and of one number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line
from plain_sip import ask
from test_who_gets_in import SDP, Caller

from acd.calls.record import CallRecord
from acd.work_items.callbacks import NO_ACK
from lab.actors.sipp import SippRun, free_port
from ngalam112.config.settings import PROJECT
from ngalam112.engine.unacknowledged import END_AFTER_S
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

URI, FLOOD = "sip:112@127.0.0.1", "127.0.0.9"
PORTS = "30000-30099"
PAIRS, BOUND = 50, 40  # calls that the ports are for, and those that one address may have at once
FORGED, FORGED_A_SECOND = 3 * PAIRS, 30
INVITES, INVITES_A_SECOND, NUMBER = 480, 60, "081777000111"
STAYS = ("0", "0", "", "6000", "")
SERVED_WITHIN_S = 8.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line with few audio ports."""
    home = tmp_path_factory.mktemp("narrow")
    async with open_line(home, programs, brief_sounds, rtp_ports=PORTS) as line:
        await line.operators_ready("101", "102", "103")
        yield line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wide(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("wide")
    async with open_line(home, programs, brief_sounds) as line:
        await line.operators_ready("101", "102", "103")
        yield line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_address(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line that has a limit by address."""
    home = tmp_path_factory.mktemp("one_address")
    shipped = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    assert "at_once_per_address = 0" in shipped
    file = home / "distribution.toml"
    file.write_text(shipped.replace("at_once_per_address = 0", "at_once_per_address = 10"), "utf-8")
    async with open_line(home, programs, brief_sounds, distribution_file=file) as line:
        await line.operators_ready("101", "102", "103")
        yield line


def sends_invite(line: Line, number: str) -> Caller:
    """Somebody who sends an INVITE, perhaps from another's address, and looks at no answer."""
    caller = Caller(line, number, FLOOD)
    caller.send("INVITE", URI, body=SDP.format(host=FLOOD, port=free_port()))
    return caller


async def three_are_served(line: Line, caller: str) -> list[CallRecord]:
    """Three real callers press a key and talk with an operator."""
    result = await line.players.citizens(
        "citizen_key_talk_until_bye", 3, caller=caller, rate=1.0, keys={"key": "2"}
    )
    assert result.successful == 3, result.why
    records = await line.ended(3, caller)
    waits = [(one.operator_answered_at or 1e12) - one.arrived_at for one in records]
    assert max(waits) < SERVED_WITHIN_S, waits
    return records


async def others_are_answered(line: Line) -> None:
    """Callers at the flooding address come one after the other, and go at once."""
    while True:
        body = SDP.format(host=FLOOD, port=free_port()).encode()
        where = (line.settings.sip_port, "INVITE", URI, f"<sip:08139@{FLOOD}>", FLOOD)
        headers = ("Content-Type: application/sdp",)
        await asyncio.to_thread(ask, *where, headers, body)
        await asyncio.sleep(0.5)


async def test_a_call_that_nobody_acknowledges_ends_four_seconds_after_its_answer(
    narrow: Line,
) -> None:
    # the network is well: others at that address get their answers
    others = asyncio.create_task(others_are_answered(narrow))
    with sends_invite(narrow, "08130") as one:
        assert " 200 " in await asyncio.to_thread(one.final)
        (record,) = await narrow.ended(1, "08130")
    others.cancel()
    await asyncio.gather(others, return_exceptions=True)
    assert (record.ended_by, record.offers) == (NO_ACK, 0)
    lasted = (record.ended_at or 0.0) - record.arrived_at
    assert END_AFTER_S <= lasted < END_AFTER_S + 2.0
    await narrow.is_empty()


async def test_three_times_as_many_forged_calls_as_there_are_ports_keep_no_real_caller_out(
    narrow: Line,
) -> None:
    with ExitStack() as sockets:

        async def flood() -> None:
            for n in range(FORGED):
                sockets.enter_context(sends_invite(narrow, f"0814{n:04}"))
                await asyncio.sleep(1 / FORGED_A_SECOND)

        flooding = asyncio.create_task(flood())
        await three_are_served(narrow, "0899")
        await flooding
        refused = [one["calls"] for one in (await narrow.get("/api/status"))["refused_before"]]

        async def from_the_flooding_address() -> bool:
            with Caller(narrow, "0898", FLOOD) as one:
                body = SDP.format(host=FLOOD, port=free_port())
                answer = await asyncio.to_thread(one.asks, "INVITE", URI, body=body)
                one.send("BYE", URI, to_tag=one.to_tag)
                return " 200 " in answer

        await eventually(from_the_flooding_address, 10.0, "a caller at that address is answered")
    assert sum(refused) <= FORGED - BOUND
    await narrow.is_empty()


@asynccontextmanager
async def sixty_a_second(
    line: Line, limit: str, rows: list[tuple[str, ...]]
) -> AsyncIterator[SippRun]:
    """Calls from one address that stay for 6 s, once this limit is passed by far."""
    async with SippRun(
        *(line.programs, line.settings.home / "flood", "citizen_bye_some_time"),
        target=f"127.0.0.1:{line.settings.sip_port}",
        host=FLOOD,
        rows=rows,
        calls=INVITES,
        rate=INVITES_A_SECOND,
        limit_s=60.0,
    ) as flood:

        async def is_beyond() -> bool:
            return bool((await line.get("/api/status"))["load"]["beyond_limit"][limit] > 60)

        await eventually(is_beyond, 20.0, "more calls than are served in turn")
        yield flood


async def test_sixty_calls_a_second_of_one_number_keep_nobody_waiting_and_are_not_lost(
    wide: Line,
) -> None:
    async with sixty_a_second(wide, "number", [(NUMBER, *STAYS)]) as flood:
        await three_are_served(wide, "0899")
        result = await flood.result()
    assert result.successful == INVITES, f"each is answered, and none refused: {result.why}"
    records = await wide.ended(INVITES, NUMBER, 60.0)
    assert len(records) == INVITES
    told = wide.settings.log_file.read_text("utf-8").count('"calls_beyond_limit"')
    assert 1 <= told <= 2, "once a minute"
    row = (NUMBER, "0", "300", "2", "0", "")
    again = await wide.players.citizens("citizen_some_key_talk_until_bye", 1, caller="", rows=[row])
    assert again.successful == 1, "the number is served as before"
    await wide.is_empty()


async def test_sixty_calls_a_second_of_all_numbers_at_one_address_keep_nobody_else_waiting(
    one_address: Line,
) -> None:
    rows = [(f"08177{n:07}", *STAYS) for n in range(INVITES)]
    async with sixty_a_second(one_address, "address", rows) as flood:
        await three_are_served(one_address, "0899")
        result = await flood.result()
    assert result.successful == INVITES, f"each is answered, and none refused: {result.why}"
    await one_address.is_empty()
