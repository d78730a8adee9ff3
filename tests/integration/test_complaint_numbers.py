"""On a real line: the number of a complaint is told in the talk, and asked for by call and message.

What is played is noise of its own for each piece, so that the order of the pieces can be heard also
beside an operator's voice.
"""

from __future__ import annotations

import random
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import pytest_asyncio
from hearing import _LINEAR, Ear
from lines import Line, eventually, open_line
from test_texts import notes

from lab.actors.sipp import SippRun, free_port, run_sipp
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

CITIZEN = "08123456789"
CARRIER = free_port()
PIECES = (
    *(f"digit_{digit}" for digit in range(10)),
    *("incident_number", "incident_running", "incident_again"),
    *(
        "status_ask",
        "status_end",
        "status_unknown",
        "status_opened",
        "status_dispatched",
        "status_by",
    ),
    *(f"day_{day}" for day in range(1, 32)),
    *(f"month_{month}" for month in range(1, 13)),
)
PIECE_S = 0.4


@cache
def noise(name: str) -> np.ndarray:
    lot = random.Random(name)
    samples = [lot.randint(-6000, 6000) for _ in range(int(8000 * PIECE_S))]
    return np.array(samples, dtype=np.int16)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    folder = tmp_path_factory.mktemp("city")
    shipped = (PROJECT / "ivr" / "menu.toml").read_text("utf-8")
    asks = '[menus.main.keys]\n9 = { category = "general", status = true }\n'
    menu = folder / "menu.toml"
    menu.write_text(shipped.replace("[menus.main.keys]\n", asks), "utf-8")
    likenesses()  # computing them takes a second, in which no key is pressed in time
    home = tmp_path_factory.mktemp("line")
    more = {"menu_file": menu, "carrier": f"127.0.0.1:{CARRIER}"}
    async with open_line(home, programs, brief_sounds, desks=1, **more) as line:
        for name in PIECES:
            with wave.open(str(line.settings.sounds / f"{name}.wav"), "wb") as audio:
                audio.setparams((1, 2, 8000, 0, "NONE", ""))
                audio.writeframes(noise(name).tobytes())
        yield line


@asynccontextmanager
async def a_citizen(line: Line, caller: str) -> AsyncIterator[Ear]:
    async with (
        Ear() as endpoint,
        SippRun(
            line.programs,
            line.settings.home / "sipp",
            "citizen_heard_until_bye",
            target=f"127.0.0.1:{line.settings.sip_port}",
            calls=1,
            limit_s=90,
            keys={"caller": caller, "rtp": str(endpoint.port)},
        ),
    ):
        await eventually(lambda: endpoint.heard, what="the menu is heard")
        yield endpoint


_TOLD = int(8000 * PIECE_S / 2)  # so many samples tell one piece from all others
_SIZE = 1 << 14  # so many are looked at in one turn


def likeness(name: str) -> np.ndarray:
    beginning = noise(name)[:_TOLD].astype(float)
    return np.conj(np.fft.rfft(beginning, _SIZE)) / float(np.dot(beginning, beginning))


@cache
def likenesses() -> dict[str, np.ndarray]:
    return {name: likeness(name) for name in PIECES}


_ALAW = np.array(_LINEAR, dtype=float)
_found: WeakKeyDictionary[Ear, tuple[int, list[str]]] = WeakKeyDictionary()


def pieces(ear: Ear) -> list[str]:
    """The pieces that were heard so far, in their order.

    What was looked at is not looked at again: the ear speaks out of this process too, and whoever
    computes for a second presses no key in time.
    """
    begin, found = _found.get(ear, (0, []))
    codes = b"".join(one.audio for one in ear.heard)
    while len(codes) - begin >= _TOLD:
        part = _ALAW[np.frombuffer(codes[begin : begin + _SIZE], dtype=np.uint8)]
        heard, lags = np.fft.rfft(part, _SIZE), len(part) - _TOLD + 1
        here = []
        for name, like in likenesses().items():
            match = np.fft.irfft(heard * like, _SIZE)[:lags]
            here += [(int(at), name) for at in np.flatnonzero(match > 0.5)]
        found, begin = found + [name for _, name in sorted(here)], begin + lags
    _found[ear] = begin, found
    return found


async def test_the_number_is_told_in_the_talk_and_asked_for_by_calling_again(line: Line) -> None:
    async with line.operator_at("101") as operator:
        async with a_citizen(line, CITIZEN) as ear:
            ear.press("2")
            await operator.answer()
            await eventually(lambda: open_one(line), what="the incident is there")
            (incident,) = (await line.get("/api/incidents?which=all"))["incidents"]
            number = incident["number"]
            body = {"category": "road_damage", "by": "1101"}
            await line.post(f"/api/incidents/{number}/change", body)
            year, running = (
                [f"digit_{digit}" for digit in str(int(part))] for part in number.split("-")
            )
            said = [*year, "incident_running", *running]
            whole = ["incident_number", *said, "incident_again", *said]
            await eventually(
                lambda: len(pieces(ear)) >= len(whole), within=30, every=0.3, what="it is told"
            )
            assert pieces(ear) == whole
            (call,) = await line.records(CITIZEN)
            assert call.ended_at is None, "the talk goes on"
            await operator.send_digits("*6")
            await eventually(
                lambda: pieces(ear) == whole * 2, within=30, every=0.3, what="once more"
            )
            await operator.hang_up()
        await line.ended(1, CITIZEN)
        entries = (await line.get(f"/api/incidents/{number}"))["entries"]
        assert [one["kind"] for one in entries].count("number_told") == 2
        # from now on the time that runs is that of the agency's answer
        await line.post(f"/api/incidents/{number}/move", {"state": "dispatched"})

        async with a_citizen(line, CITIZEN) as ear:
            ear.press("9")
            await eventually(lambda: "status_ask" in pieces(ear), every=0.3, what="it is asked for")
            await ear.type(f"{int(number.split('-')[1])}#")
            await eventually(
                lambda: "status_end" in pieces(ear), within=20, every=0.3, what="it is told"
            )
            heard = pieces(ear)
            assert heard[:3] == ["status_ask", "status_dispatched", "status_by"], heard
            assert heard[3].startswith("day_") and heard[4].startswith("month_")
            assert heard[5:] == ["status_end"]
            await ear.type("0")
            await operator.answer()
            await operator.audio_flows(packets=50)  # who hangs up at once is rung again
            await operator.hang_up()
        ended = await line.ended(2, CITIZEN)
        assert {one.outcome for one in ended} == {"answered"}

        async with a_citizen(line, "08987654321") as ear:
            ear.press("9")
            await eventually(lambda: "status_ask" in pieces(ear), every=0.3, what="it is asked for")
            await ear.type(f"{number.replace('-', '')}#")
            await eventually(
                lambda: "status_end" in pieces(ear), within=20, every=0.3, what="it is told"
            )
            assert pieces(ear) == ["status_ask", "status_dispatched", "status_end"], (
                "the state alone"
            )
            await operator.answer(within=30)  # silence leads to an operator
            await operator.audio_flows(packets=50)
            await operator.hang_up()
        await line.ended(1, "08987654321")


async def open_one(line: Line) -> bool:
    return len((await line.get("/api/incidents?which=all"))["incidents"]) == 1


async def test_a_message_of_a_contact_is_answered_and_one_of_a_stranger_is_an_operator_s(
    line: Line,
) -> None:
    body = {"description": "x", "category": "noise", "contact": {"number": "08111222333"}}
    number = (await line.post("/api/incidents", body))["number"]

    async def write(sender: str, text: str) -> None:
        played = await run_sipp(
            line.programs,
            line.settings.home / "sipp",
            "citizen_text",
            target=f"127.0.0.1:{line.settings.sip_port}",
            calls=1,
            rate=20.0,
            limit_s=30,
            rows=[(sender, text)],
        )
        assert played.successful == 1, played.why

    async with SippRun(
        line.programs,
        line.settings.home / "sipp",
        "citizen_reads_texts",
        port=CARRIER,
        noted=True,
        limit_s=60,
    ) as carrier:
        await write("08111222333", f"STATUS {number}")
        await eventually(
            lambda: any("sudah diterima" in one.body for one in notes(carrier)),
            what="the line has answered",
        )
        await write("08999888777", f"STATUS {number}")

        async def texts() -> dict[str, str]:
            found = (await line.get("/api/texts"))["texts"]
            return {one["number"]: one["state"] for one in found}

        async def both() -> bool:
            return (await texts()).keys() >= {"08111222333", "08999888777"}

        await eventually(both, what="both are known")
        states = await texts()
        assert states["08111222333"] == "closed" and states["08999888777"] != "closed"
        told = [one.body for one in notes(carrier) if "08999888777" in one.to]
        assert not any("sudah diterima" in one for one in told)
