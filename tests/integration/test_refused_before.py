"""Calls that Asterisk refuses by itself are counted, and the doctor names whose and why."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line
from plain_sip import ask
from test_test_calls import metrics
from test_who_gets_in import SDP, Caller

from lab.actors.sipp import free_port
from ngalam112.cli.doctor_refused import check_refused
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUNK, UNTRUSTED, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
NUMBER, TESTS = "sip:112@127.0.0.1", "1129"
AUDIO = SDP.format(host=TRUNK, port=free_port())
VIDEO_ONLY = AUDIO.replace("audio", "video")
ITU_ONLY = AUDIO.replace("AVP 8", "AVP 18") + "a=rtpmap:18 G729/8000\r\n"
COUNTED = {
    (TRUNK, True, 488, "112", 2),
    (TRUNK, True, 420, "112", 1),
    (TRUNK, True, 401, "0112", 1),
    (UNTRUSTED, True, 404, "999", 1),
    (STRANGER, False, 401, "112", 1),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    trunks = {"trunk_match": [f"{TRUNK}/32"], "untrusted_match": [f"{UNTRUSTED}/32"]}
    tests = {"test_number": TESTS, "test_most": 0}
    async with open_line(home, programs, brief_sounds, desks=1, **trunks, **tests) as line:
        yield line


async def dial(line: Line, host: str, uri: str, body: str, *headers: str) -> int:
    headers = ("Content-Type: application/sdp", *headers)
    of, port = f"<sip:0811@{host}>", line.settings.sip_port
    return await asyncio.to_thread(ask, port, "INVITE", uri, of, host, headers, body.encode())


async def calls_that_came_in(line: Line) -> None:
    """A phone that is challenged first, refusals within a call, and one by the engine."""
    await line.operators_ready("101")
    with Caller(line, "0813", TRUNK) as one:
        assert " 200 " in await asyncio.to_thread(one.asks, "INVITE", NUMBER, body=AUDIO)
        one.send("INVITE", NUMBER, to_tag=one.to_tag, body=ITU_ONLY)
        assert " 488 " in await asyncio.to_thread(one.final)
        one.send("BYE", NUMBER, to_tag=one.to_tag)
        await line.ended(1, "0813")
    with Caller(line, "0814", TRUNK) as one:
        one.send("INVITE", NUMBER, to_tag="nobody", body=AUDIO)
        assert " 481 " in await asyncio.to_thread(one.final)
    assert await dial(line, TRUNK, f"sip:{TESTS}@127.0.0.1", AUDIO) == 503


async def test_who_is_refused_by_asterisk_is_counted_and_named(line: Line) -> None:
    await calls_that_came_in(line)
    assert await dial(line, TRUNK, NUMBER, ITU_ONLY) == 488
    assert await dial(line, TRUNK, NUMBER, VIDEO_ONLY) == 488
    assert await dial(line, TRUNK, NUMBER, AUDIO, "Require: unheard-of") == 420
    assert await dial(line, TRUNK, "sip:0112@127.0.0.1", AUDIO) == 401
    assert await dial(line, UNTRUSTED, "sip:999@127.0.0.1", AUDIO) == 404
    assert await dial(line, STRANGER, NUMBER, AUDIO) == 401
    assert await dial(line, STRANGER, "sip:00441904@127.0.0.1", AUDIO) == 401

    async def counted() -> bool:
        names = ("source", "trunk", "status", "dialled", "calls")
        listed = (await line.get("/api/status"))["refused_before"]
        return {tuple(one[name] for name in names) for one in listed} == COUNTED

    await eventually(counted, what="counted by address and status")
    figure = r'^ngalam112_calls_refused_before_total{source="(\w+)",status="(\d+)"} (\S+)$'
    found = re.findall(figure, await metrics(line), re.MULTILINE)
    none = {(source, status) for source, status, count in found if count == "0.0"}
    assert ("trunk", "503") in none and ("trunk", "486") in none, "from the start"
    assert {one for one in found if one[2] != "0.0"} == {
        ("trunk", "488", "2.0"),
        ("trunk", "420", "1.0"),
        ("trunk", "401", "1.0"),
        ("trunk", "404", "1.0"),
        ("elsewhere", "401", "2.0"),
    }


async def test_the_report_says_what_never_came_to_the_line(line: Line) -> None:
    await line.is_written()
    summary = await line.get("/api/summary")
    assert (summary["offered"], summary["adds_up"]) == (1, True)
    assert [tuple(one.values()) for one in summary["refused_before"]] == [
        (TRUNK, 488, "no audio in common", 2),
        (TRUNK, 401, "address or number not known", 1),
        (TRUNK, 420, "needs what the line has not", 1),
        (UNTRUSTED, 404, "number not known", 1),
        ("elsewhere", 401, "address or number not known", 2),
    ]


async def test_the_report_by_trunk_has_the_calls_and_what_was_refused(line: Line) -> None:
    found = await line.get("/api/reports/summary?from=today&by=trunk")
    (groups,) = [one["rows"] for one in found["parts"] if one["name"] == "groups"]
    counted = {one[0]: (one[1], one[-1]) for one in groups}
    assert counted == {
        TRUNK: (1, 4),
        UNTRUSTED: (0, 1),
        "elsewhere": (0, 2),
        "total": (1, 7),
    }


async def test_the_doctor_names_the_trunk_and_what_to_do(line: Line) -> None:
    checks = await asyncio.to_thread(check_refused, line.settings)
    assert {one.state for one in checks} == {"warning"} and len(checks) == len(COUNTED)
    found = {one.found.split(" since ")[0]: one.mend for one in checks}
    assert "PCMA, PCMU" in found[f"trunk {TRUNK}: 2 with 488 (no audio in common)"]
    said = f"{STRANGER}, which is no trunk: 1 with 401 (address or number not known)"
    assert f"add {STRANGER} to NGALAM112_TRUNK_MATCH" in found[said]
    assert checks[-1].found.startswith(STRANGER), "trunks come first"
