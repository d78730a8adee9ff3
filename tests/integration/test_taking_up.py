"""What was under way when the engine or Asterisk died: between real softphones, as heard."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from desks import CITIZEN_HZ, Room, open_room
from lines import eventually

from ngalam112.config.provision import APP, ARI_USER
from ngalam112.process.heartbeat import read_beat
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVES_AGAIN_S = 2.0
BEATS_NO_MORE_S = 4.0  # the dialplan takes the engine for dead after three whole seconds


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    home = tmp_path_factory.mktemp("line")
    # the engine of a test line has no stand-by, and starts in about three seconds
    async with open_room(home, programs, built_sounds, ring_timeout_s=20.0) as room:
        yield room


async def kill_the_engine(room: Room) -> None:
    pid = room.line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await room.line.running.engine.ended()


async def another_engine(room: Room) -> None:
    await kill_the_engine(room)
    await room.line.running.engine.start()


async def test_who_hears_the_menu_chooses_after_the_engine_has_died(room: Room) -> None:
    async with room.line.softphone("0851", tone_hz=CITIZEN_HZ) as citizen:
        dialled = await citizen.dial("112")
        await citizen.established(dialled)
        await citizen.audio_flows(dialled, packets=3)
        await another_engine(room)
        await citizen.send_digits("3", dialled)
        first = await room.ringing()
        await first.answer(first.current())
        await citizen.hang_up()
        record = (await room.line.ended(1, "0851"))[0]
        assert (record.category, record.category_source) == ("fire", "menu")
        kinds = [one.kind for one in (await room.line.history(record.call_id)).events]
        assert kinds.count("menu_done") == 1
        await room.rests()


async def test_a_phone_rings_on_and_its_answer_is_taken_by_the_next_engine(room: Room) -> None:
    async with room.line.softphone("0852", tone_hz=CITIZEN_HZ) as citizen:
        await room.dial(citizen)
        first = await room.ringing()
        rang = first.current()
        await another_engine(room)
        assert (first.current(), first.calls[rang].state) == (rang, "incoming")
        await first.answer(rang)
        await asyncio.gather(*(one.audio_flows(packets=10) for one in (citizen, first)))
        await citizen.hang_up()
        record = (await room.line.ended(1, "0852"))[0]
        assert (record.outcome, record.phone, record.offers) == ("answered", first.number, 1)
        await room.rests()


async def test_two_who_talk_and_three_who_talk_do_not_notice(room: Room) -> None:
    async with room.talk("0853") as talk:
        await another_engine(room)
        await talk.talk_together()
        await talk.in_state(first="talking")
        await talk.consult(talk.second)
        await talk.press("*3")
        await talk.hear(citizen="first second", first="citizen second", second="citizen first")
        await another_engine(room)
        await talk.hear(citizen="first second", first="citizen second", second="citizen first")
        await talk.in_state(first="talking", second="talking")
        await talk.second.hang_up()
        await talk.talk_together()
        await talk.citizen.hang_up()
        await talk.over((talk.first, "answered"), (talk.second, "conference"))


async def test_two_who_consult_are_parted_and_the_citizen_is_back(room: Room) -> None:
    async with room.talk("0854") as talk:
        await talk.consult(talk.second)
        await talk.hear(citizen="music", first="second", second="first")
        await another_engine(room)
        await talk.talk_together()
        await talk.free("second")
        await talk.in_state(first="talking")
        await talk.first.hang_up(talk.call)
        record = await talk.over((talk.first, "answered"))
        assert record.ended_by == "operator"


async def test_who_holds_while_the_engine_dies_can_come_back(room: Room) -> None:
    async with room.talk("0855") as talk:
        await talk.first.hold(talk.call)
        await talk.hear(citizen="music")
        await another_engine(room)
        await talk.first.resume(talk.call)
        await talk.talk_together()
        await talk.citizen.hang_up()
        await talk.over((talk.first, "answered"))


async def test_of_a_talk_that_ended_while_no_engine_lived_no_bridge_is_left(room: Room) -> None:
    async with room.talk("0859") as talk:
        await kill_the_engine(room)
        await talk.first.hang_up(talk.call)
        await talk.citizen.hang_up()
        await eventually(lambda: channels(room), what="both have left")
        assert await room.line.running.held() == (0, 1)
        await room.line.running.engine.start()
    record = (await room.line.ended(1, "0859"))[0]
    assert (record.outcome, record.ended_by) == ("answered", "unknown")
    await room.rests()


async def test_what_a_dead_engine_had_ordered_and_came_late_is_undone(room: Room) -> None:
    await another_engine(room)
    settings = room.line.settings
    sign = aiohttp.encode_basic_auth(ARI_USER, settings.secrets.ari_password)
    late = f"http://127.0.0.1:{settings.ari_port}/ari/bridges/late?name={APP}&type=mixing"
    async with (
        aiohttp.ClientSession(headers={"Authorization": sign}) as session,
        session.post(late) as response,
    ):
        # it is there; the engine may have ended it before we could look
        assert (response.status, (await response.json())["id"]) == (200, "late")
    await room.rests()


async def channels(room: Room) -> bool:
    return (await room.line.running.held())[0] == 0


async def test_who_hung_up_while_no_engine_lived_has_the_true_end(room: Room) -> None:
    line = room.line
    async with room.paused(*room.desks), line.softphone("0858", tone_hz=CITIZEN_HZ) as citizen:
        await room.dial(citizen)
        await eventually(lambda: queued(room), what="a call waits")
        await kill_the_engine(room)
        await eventually(lambda: beat_is_older_than(room, BEATS_NO_MORE_S), what="the beat is old")
        hung_up = time.time()
        await citizen.hang_up()
        await eventually(lambda: list(line.settings.spool.glob("*.json")), what="the end is noted")
        await eventually(lambda: time.time() > hung_up + 2, what="some time goes by")
        await line.running.engine.start()
        record = (await line.ended(1, "0858"))[0]
        assert (record.outcome, record.ended_by) == ("lost_queue", "unknown")
        assert record.ended_at is not None and abs(record.ended_at - hung_up) < 0.5
        assert len(await line.records("0858")) == 1
    await eventually(lambda: not list(line.settings.spool.glob("*.json")), what="it was read")
    await room.rests()


async def test_calls_that_died_with_asterisk_are_owed_and_the_line_serves_again(
    room: Room,
) -> None:
    line, asterisk = room.line, room.line.running.asterisk
    async with line.softphone("0857", tone_hz=CITIZEN_HZ) as waiting, room.talk("0856") as talk:
        with_others = [one for one in room.desks if one is not talk.first]
        async with room.paused(*with_others):
            await room.dial(waiting)
            await eventually(lambda: queued(room), what="a call waits")
            died = time.time()
            assert asterisk.pid is not None
            os.kill(asterisk.pid, signal.SIGKILL)
            await asterisk.ended()
            await asterisk.start()
            ready = time.monotonic()
            await eventually(lambda: serves(room), what="the engine serves")
            assert time.monotonic() - ready < SERVES_AGAIN_S
        records = [(await line.ended(1, one))[0] for one in ("0856", "0857")]
        for record in records:
            assert record.ended_by == "cut_off"
            assert record.ended_at is not None and abs(record.ended_at - died) < 1.0
        owed = (await line.get("/api/callbacks"))["callbacks"]
        reasons = {one["number"]: one["reason"] for one in owed}
        assert reasons.items() >= {"0856": "cut_off", "0857": "cut_off"}.items()
    # nobody registers anew in so short a time: Asterisk has kept where the phones are
    async with room.talk("0857") as talk:
        await talk.citizen.hang_up()
    await eventually(lambda: is_not_owed(room, "0857"), what="who was served is owed nothing")
    await room.rests()


def beat_is_older_than(room: Room, seconds: float) -> bool:
    beat = read_beat(room.line.settings.beat)
    return beat is not None and time.monotonic() - beat > seconds


async def queued(room: Room) -> bool:
    return bool((await room.line.get("/api/status"))["calls"]["queued"])


async def serves(room: Room) -> bool:
    engine = (await room.line.get("/api/status"))["engine"]
    return bool(engine["ari"] and engine["ami"])


async def is_not_owed(room: Room, number: str) -> bool:
    owed = (await room.line.get("/api/callbacks"))["callbacks"]
    return number not in [one["number"] for one in owed]
