"""What waiting citizens really hear, found in their audio; and how soon an answer is audible."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hearing import Ear
from lines import PASSWORD, Line, eventually, open_line

from lab.actors.sipp import SippRun
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY_S = 7.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line whose announcements come more often, and tell the place."""
    home = tmp_path_factory.mktemp("line")
    told: dict[str, Any] = {"announce": "position", "announce_every_s": EVERY_S}
    async with open_line(home, programs, built_sounds, desks=1, **told) as line:
        yield line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(line: Line) -> SippRun:
    """The only phone, which answers after half a second; its operator is paused."""
    line.phones["101"] = await line.players.register("101", PASSWORD)
    run = await line.players.behave(line.phones["101"], "phone_answer_talk_long_bye", trace=True)
    await line.players.dial(line.phones["101"], "*11")
    await line.post("/api/operators/1101/pause")
    return run


@asynccontextmanager
async def a_citizen(line: Line, caller: str) -> AsyncIterator[tuple[Ear, float]]:
    """A citizen who has pressed 2; gives what is heard, and when the call joined the queue."""
    async with (
        Ear() as endpoint,
        SippRun(
            line.programs,
            line.settings.home / "sipp",
            "citizen_heard_until_bye",
            target=f"127.0.0.1:{line.settings.sip_port}",
            calls=1,
            limit_s=60,
            keys={"caller": caller, "rtp": str(endpoint.port)},
        ),
    ):
        await eventually(lambda: endpoint.heard, what="the menu is heard")
        endpoint.press("2")

        async def queued() -> float | None:
            records = await line.records(caller)
            return records[0].queued_at if records else None

        yield endpoint, await eventually(queued, what="the call is in the queue")


def answered_at(phone: SippRun) -> float:
    """When the phone sent its newest 200 OK to an INVITE, by SIPp's own trace."""
    found = re.findall(
        r"-+ (\d{4}-\d\d-\d\d)[ T\t](\d\d:\d\d:\d\d\.\d+)[^\n]*\n"
        r"\S+ message sent[^\n]*\n\nSIP/2.0 200 OK(?:(?!\n-----).)*?CSeq: \d+ INVITE",
        phone.messages().replace("\r", ""),
        re.DOTALL,
    )
    assert found, phone.messages()[-3000:]
    day, clock = found[-1]
    return datetime.fromisoformat(f"{day}T{clock[:15]}").astimezone(UTC).timestamp()


def prompt(line: Line, name: str) -> Path:
    return line.settings.sounds / f"{name}.wav"


async def test_who_waits_hears_the_words_at_once_and_again_in_every_period(
    line: Line, phone: SippRun
) -> None:
    words, place = prompt(line, "queue_wait"), prompt(line, "queue_position_1")
    async with a_citizen(line, "0831") as (endpoint, queued):
        until = queued + 2 * EVERY_S + 5
        await eventually(lambda: time.time() > until, within=30, what="two periods")
        said = [round(at - queued, 2) for at in endpoint.times_of(words)]
        figures = [round(at - queued, 2) for at in endpoint.times_of(place)]
    assert len(said) == len(figures) == 3
    assert said[0] < 1 and figures[0] < 5
    for period in (1, 2):
        assert said[period] == pytest.approx(period * EVERY_S, abs=0.5)
        assert 2 < figures[period] - said[period] < 4, "the place comes right behind the words"


async def test_an_answer_cuts_the_words_off_and_both_hear_each_other_at_once(
    line: Line, phone: SippRun
) -> None:
    words = prompt(line, "queue_wait")
    async with a_citizen(line, "0832") as (endpoint, queued):
        # ready so that the answer, half a second after the INVITE, falls into the words
        ready = queued + EVERY_S + 0.3
        await eventually(lambda: time.time() > ready, within=30, what="the words are said")
        await line.post("/api/operators/1101/ready")
        await eventually(lambda: endpoint.own_voice(queued), what="the own voice comes back")
        answer = answered_at(phone)
        both_ms = (endpoint.own_voice(answer)[0] - answer) * 1000
        begun = endpoint.times_of(words)[-1]
        assert 0 < answer - begun < 2.5, "the answer came while the words were said"
        assert both_ms <= 300
        await asyncio.wait_for(line.ended(1, "0832", within=20), 25)
        talk = [one for one in endpoint.heard if answer + 0.3 < one.at < answer + 5]
        assert not [at for at in endpoint.times_of(words) if at > answer]
        assert len(talk) > 200 and len(endpoint.own_voice(answer + 0.3)) > 200
    await line.post("/api/operators/1101/pause")


async def test_afterwards_asterisk_is_empty(line: Line) -> None:
    await line.is_empty()
