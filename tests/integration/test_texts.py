"""Text conversations on a real line: a citizen writes, an operator answers, by phone and by API."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
from lines import FULL, PASSWORD, Line, open_line
from plain_sip import ask
from test_commands import failed_in_one_line, run

from incidents.numbers import short_number
from lab.actors.sipp import SippRun, credentials, free_port, run_sipp
from lab.machine.waiting import eventually
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARRIER = free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    more: dict[str, Any] = {
        "carrier": f"127.0.0.1:{CARRIER}",
        "text_burst": 5,
        "trunk_match": ["127.0.0.1/32"],
    }
    async with open_line(home, programs, brief_sounds, desks=1, **more) as line:
        line.phones["101"] = await line.players.register("101", PASSWORD)
        yield line


class Note(NamedTuple):
    """What SIPp has noted of one message."""

    to: str
    sender: str
    body: str


def notes(run: SippRun) -> list[Note]:
    text = run.notes.read_text("utf-8", "replace") if run.notes.exists() else ""
    return [Note(*line.split("|", 2)) for line in text.splitlines() if line.count("|") > 1]


@asynccontextmanager
async def carrier(line: Line, scenario: str = "citizen_reads_texts") -> AsyncIterator[SippRun]:
    """What the carrier does with the line's messages."""
    async with SippRun(
        line.programs,
        line.settings.home / "sipp",
        scenario,
        port=CARRIER,
        noted=True,
        limit_s=120,
    ) as run:
        yield run


async def write(line: Line, number: str, *texts: str, rate: float = 20.0) -> None:
    """A citizen writes; the line says that it has taken each."""
    played = await run_sipp(
        line.programs,
        line.settings.home / "sipp",
        "citizen_text",
        target=f"127.0.0.1:{line.settings.sip_port}",
        calls=len(texts),
        rate=rate,
        limit_s=30,
        rows=[(number, text) for text in texts],
    )
    assert played.successful == len(texts), played.why


async def conversation(line: Line, number: str, **wanted: Any) -> dict[str, Any]:
    """The newest conversation with this number, once it is as wanted."""

    async def found() -> dict[str, Any] | None:
        some = (await line.get("/api/texts"))["texts"]
        for one in some:
            if one["number"] == number and wanted.items() <= one.items():
                return one
        return None

    return dict(await eventually(found, what=f"a conversation with {number}: {wanted}"))


async def transcript(line: Line, id: str) -> list[tuple[str, str, str]]:
    messages = (await line.get(f"/api/texts/{id}"))["messages"]
    return [(one["author"], one["body"], one["state"]) for one in messages]


async def shows(phone: SippRun, text: str) -> None:
    """The phone shows a text in which these words are."""

    async def shown() -> bool:
        return phone.notes.exists() and text in phone.notes.read_text("utf-8", "replace")

    await eventually(shown, what=f"{text!r} on the phone")


async def settled(line: Line, id: str, count: int) -> list[tuple[str, str, str]]:
    """The transcript, once it has so many messages and nothing of it is being sent."""

    async def all_of_it() -> list[tuple[str, str, str]] | None:
        found = await transcript(line, id)
        done = len(found) >= count and "sending" not in {state for _, _, state in found}
        return found if done else None

    return list(await eventually(all_of_it, what=f"{count} messages, all settled"))


async def phone_writes(line: Line, number: str, text: str) -> None:
    """Phone 101 writes to a citizen."""
    played = await run_sipp(
        line.programs,
        line.settings.home / "sipp",
        "phone_text",
        target=f"127.0.0.1:{line.settings.sip_port}",
        calls=1,
        limit_s=30,
        rows=[credentials("101", PASSWORD, number, text)],
    )
    assert played.successful == 1, played.why


async def incident_of(line: Line, found: dict[str, Any]) -> dict[str, Any]:
    """The incident of a conversation, which is its only one."""

    async def opened() -> dict[str, Any] | None:
        incident = (await line.get(f"/api/texts/{found['id']}"))["incident"]
        return dict(incident) if incident is not None else None

    incident = dict(await eventually(opened, what="its incident"))
    assert incident["call_ids"] == [found["id"]]
    (text,) = (await line.get(f"/api/incidents/{incident['number']}"))["texts"]
    assert text["id"] == found["id"]
    return incident


async def at_phone(line: Line) -> SippRun:
    """Phone 101, which answers and notes texts, with its operator logged in and idle."""
    phone = phones.get(line)
    if phone is None:
        phone = await line.players.behave(line.phones["101"], "phone_answer_texts", noted=True)
        phones[line] = phone
        await line.post("/api/operators/1101/login", {"phone": "101"})
    await eventually(lambda: line.idle(("101",)), what="the operator idle")
    return phone


phones: dict[Line, SippRun] = {}


async def taken(line: Line, number: str) -> dict[str, Any]:
    """The conversation with this number, once the operator has answered the phone for it."""
    return await conversation(line, number, state="talking", operator="1101")


async def test_a_citizen_writes_and_is_answered_by_api(line: Line) -> None:
    async with carrier(line) as reads:
        await write(line, "08121", "Tolong, kebakaran di Jl. Ijen")
        found = await conversation(line, "08121", state="queued")
        await line.post(f"/api/texts/{found['id']}/answer", {"body": "Api sebesar apa?"})
        said = await settled(line, found["id"], 3)
        assert [(author, state) for author, _, state in said] == [
            ("citizen", "read"),
            ("line", "delivered"),
            ("line", "delivered"),
        ]
        to, sender, body = notes(reads)[1]
        assert "sip:08121@" in to
        assert "sip:112@" in sender
        assert body == "Api sebesar apa?"
        await line.post(f"/api/texts/{found['id']}/close", {"note": "selesai"})
        closed = await conversation(line, "08121", state="closed")
        assert (closed["outcome"], closed["note"]) == ("answered", "selesai")
        await settled(line, found["id"], 4)


async def test_an_operator_reads_and_answers_by_phone_until_the_code_closes(line: Line) -> None:
    phone = await at_phone(line)
    async with carrier(line) as reads:
        await write(line, "08122", "Saya tidak bisa bicara")
        found = await taken(line, "08122")
        await shows(phone, "Saya tidak bisa bicara")
        incident = await incident_of(line, found)
        await shows(phone, f"insiden {short_number(incident['number'])}.")
        await write(line, "08122", "Ada pencuri")
        await shows(phone, "08122: Ada pencuri")
        await phone_writes(line, "08122", "Polisi datang. Alamat?")
        await phone_writes(line, "08999", "Salah orang")
        await shows(phone, "Tidak dikirim")
        await phone_writes(line, "08122", "*17")
        closed = await conversation(line, "08122", state="closed")
        assert (closed["outcome"], closed["closed_by"]) == ("answered", "1101")
        said = await settled(line, found["id"], 5)
        assert ("1101", "Polisi datang. Alamat?", "delivered") in said
        assert "Salah orang" not in {body for _, body, _ in said}
        assert "Polisi datang. Alamat?" in {note.body for note in notes(reads)}
        await eventually(lambda: line.idle(("101",)), what="the operator idle after the wrap-up")
    # it is coded by the conversation's id, and is one incident still
    await line.post(f"/api/incidents/{found['id']}/change", {"class": "emergency"})
    await line.is_written()
    again = await incident_of(line, found)
    assert (again["id"], again["incident_class"]) == (incident["id"], "emergency")
    assert incident["number"] in (await run(line.settings, "text", "show", found["id"])).out
    shown = await run(line.settings, "incident", "show", incident["number"])
    assert f"ngalam112 text show {found['id']}" in shown.out
    refused = await run(line.settings, "incident", "verify", incident["number"])
    failed_in_one_line(refused, "has no call")


async def test_an_answer_that_is_not_delivered_is_tried_again_and_told(line: Line) -> None:
    phone = await at_phone(line)
    async with carrier(line, "citizen_away_from_texts"):
        await write(line, "08123", "Halo")
        found = await taken(line, "08123")
        await phone_writes(line, "08123", "Di mana Anda?")
        await shows(phone, "Belum terkirim (480, dicoba lagi): Di mana Anda?")
    async with carrier(line) as reads:
        said = await settled(line, found["id"], 3)
        assert ("1101", "Di mana Anda?", "delivered") in said
        assert [note.body for note in notes(reads)].count("Di mana Anda?") == 1
        messages = (await line.get(f"/api/texts/{found['id']}"))["messages"]
        assert {one["attempts"] for one in messages if one["author"] == "1101"} <= {2, 3}
        await line.players.dial(line.phones["101"], "*17")
        await conversation(line, "08123", state="closed", closed_by="1101")
        await settled(line, found["id"], 4)


TEXT = ("Content-Type: text/plain",)


async def send(line: Line, body: bytes, number: str, headers: tuple[str, ...] = TEXT) -> int:
    """Send one MESSAGE as it is; the final status."""
    return await asyncio.to_thread(
        ask,
        line.settings.sip_port,
        "MESSAGE",
        f"sip:112@127.0.0.1:{line.settings.sip_port}",
        f"<sip:{number}@127.0.0.1>",
        headers=headers,
        body=body,
    )


async def test_flooding_long_and_binary_messages_are_limited_and_the_first_is_kept(
    line: Line,
) -> None:
    async with carrier(line) as reads:
        await write(line, "08124", *(f"pesan {number}" for number in range(30)), rate=200)
        flood = await conversation(line, "08124", received=6)

        async def counted() -> bool:
            return (await figures(line))["text_messages_dropped"] == "24"

        await eventually(counted, what="all others are counted")
        said = await settled(line, flood["id"], 8)
        assert said[0][1] == "pesan 0"
        assert any("terlalu banyak pesan" in note.body for note in notes(reads))
        # what Asterisk cannot pass on has a place in the record too
        assert await send(line, b"x" * 3000, "08125") == 202
        long = await conversation(line, "08125", received=1)
        said = await settled(line, long["id"], 2)
        assert said[0][1] == "(pesan 3000 bita yang tidak terbaca)"
        assert "terlalu panjang" in said[1][1]
        hostile = (
            b"a\x01\x1b[2J\xff\xe2\x80\xae<b>&amp;\xf0\x9f\x94\xa5 ${FILE(/etc/passwd)} b\r\nc"
        )
        assert await send(line, hostile, "08126") == 202
        odd = await conversation(line, "08126", received=1)
        said = await settled(line, odd["id"], 2)
        assert said[0][1] == "a[2J\ufffd<b>&amp;\U0001f525 ${FILE(/etc/passwd)} b\nc"
        binary = ("Content-Type: application/octet-stream",)
        assert await send(line, b"\0\1\2", "08127", binary) == 415
        for one in (flood, long, odd):
            await line.post(f"/api/texts/{one['id']}/close")


async def test_who_is_not_of_the_trunk_gets_nothing(line: Line) -> None:
    uri = f"sip:112@127.0.0.1:{line.settings.sip_port}"
    status = await asyncio.to_thread(
        ask,
        line.settings.sip_port,
        "MESSAGE",
        uri,
        "<sip:08128@x>",
        host="127.0.0.2",
        headers=TEXT,
        body=b"hai",
    )
    assert status in (401, 403)
    await write(line, "08129", "setelah itu")
    found = await conversation(line, "08129")
    assert "08128" not in {one["number"] for one in (await line.get("/api/texts"))["texts"]}
    await line.post(f"/api/texts/{found['id']}/close")


async def test_who_has_a_text_takes_a_call_too_and_an_engine_that_dies_loses_neither(
    line: Line,
) -> None:
    phone = await at_phone(line)
    async with carrier(line) as reads:
        await write(line, "08130", "satu")
        found = await taken(line, "08130")
        await settled(line, found["id"], 2)
        assert await operator(line, state="idle", text=found["id"])
        call = asyncio.create_task(
            line.players.citizens(
                "citizen_noted_key_talk_bye",
                1,
                caller="08777",
                rows=[("08777", "1000", "2", "12000")],
            )
        )
        assert await operator(line, state="talking", text=found["id"]), "nobody else is there"
        pid = line.running.engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await line.running.engine.ended()
        await write(line, "08130", "dua")  # while none serves
        await line.running.engine.start()
        await shows(phone, "08130: dua")
        found = await conversation(line, "08130", state="talking", operator="1101", received=2)
        assert (await incident_of(line, found))["version"] == 1, "the one that the dead engine made"
        await phone_writes(line, "08130", "tiga")
        said = await settled(line, found["id"], 4)
        assert [body for author, body, _ in said if author != "line"] == ["satu", "dua", "tiga"]
        sent = [note.body for note in notes(reads) if "sip:08130@" in note.to]
        assert len(sent) == len(set(sent)) == 2, "the acknowledgement and the answer, each once"
        assert (await call).successful == 1
        assert await operator(line, state="idle", text=found["id"]), "the text outlives the call"
        await line.is_written()
        (record,) = await line.records("08777")
        assert (record.outcome, record.ended_by, len(record.legs)) == ("answered", "caller", 1)
        await line.post(f"/api/texts/{found['id']}/close")
        assert await operator(line, state="idle", text=None)


async def operator(line: Line, **wanted: Any) -> dict[str, Any]:
    """Operator 1101, once as wanted."""

    async def found() -> dict[str, Any] | None:
        for one in (await line.get("/api/operators"))["operators"]:
            if one["id"] == "1101" and wanted.items() <= one.items():
                return dict(one)
        return None

    return dict(await eventually(found, what=f"operator 1101: {wanted}"))


async def test_thousands_of_messages_at_once_leave_the_line_up(
    programs: Programs, brief_sounds: Path, tmp_path: Path
) -> None:
    many, most_open = 10_000 if FULL else 4_000, 50
    more: dict[str, Any] = {"carrier": f"127.0.0.1:{CARRIER}", "text_most_open": most_open}
    async with open_line(tmp_path, programs, brief_sounds, desks=2, **more) as line:
        phone = await line.players.register("101", PASSWORD)
        await line.players.behave(phone, "phone_answer_texts")
        await line.post("/api/operators/1101/login", {"phone": "101"})
        await line.operators_ready("102")
        begun, engine = time.monotonic(), line.running.engine.pid
        assert engine is not None
        before = cost(engine)
        async with carrier(line):
            flood = asyncio.create_task(
                run_sipp(
                    programs,
                    line.settings.home / "sipp",
                    "citizen_text",
                    target=f"127.0.0.1:{line.settings.sip_port}",
                    calls=many,
                    rate=2000,
                    limit_s=90,
                    rows=[(f"0811{number:06d}", "tolong") for number in range(many)],
                )
            )
            call = await line.players.citizens(
                "citizen_key_talk_until_bye", 1, caller="08777", keys={"key": "2"}
            )
            assert call.successful == 1, "a citizen who calls is served meanwhile"
            sent = await flood
            assert sent.successful == many, sent.why

            async def all_kept() -> bool:
                return int((await figures(line))["text_messages"]) == many

            await eventually(all_kept, 60, "all first messages kept")
            taken_s = time.monotonic() - begun
            now = await figures(line)
            assert int(now["texts_open"]) == most_open
            assert int(now["texts_held"]) == many - most_open
            assert int(now["text_messages_dropped"]) == 0
            await eventually(lambda: acknowledged(line), 90, "all acknowledged")
        written_s = time.monotonic() - begun
        await line.is_written()
        after = cost(engine)
        print(  # noqa: T201
            f"{many} messages of as many senders: {taken_s:.1f} s until all are kept, "
            f"{written_s:.1f} s until all are acknowledged, "
            f"{after[0] - before[0]:.1f} s of the engine's CPU, {(after[1] - before[1]) / 1e6:.0f} "
            f"MB of its memory, {sum_of(line) / 1e6:.1f} MB in the spool and the journal"
        )
        assert after[1] - before[1] < many * 20e3, "bytes of memory"
        kept = (await line.get(f"/api/texts?state=open&limit={many}"))["texts"]
        assert len({one["number"] for one in kept}) == many
        assert line.running.engine.pid == engine
        assert await line.running.left_over() == 0


async def acknowledged(line: Line) -> bool:
    now = await figures(line)
    return int(now["text_answers_pending"]) == int(now["text_answers_failed"]) == 0


def cost(pid: int) -> tuple[float, int]:
    """The seconds of CPU that a process has taken, and the bytes of memory that it holds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def sum_of(line: Line) -> int:
    folders = (line.settings.spool, line.settings.journal)
    return sum(one.stat().st_size for folder in folders for one in folder.iterdir())


async def figures(line: Line) -> dict[str, str]:
    """What /metrics tells of texts."""
    token = {"Authorization": f"Bearer {line.settings.secrets.api_token}"}
    url = f"http://127.0.0.1:{line.settings.api_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers=token) as answer:
        text = await answer.text()
    found = re.findall(r"^ngalam112_(text\w*?)(?:_total)? ([0-9]+)", text, re.MULTILINE)
    return dict(found)
