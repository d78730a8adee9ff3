"""What citizens hear on a real line: their language, recorded information, a known big incident."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from acd.calls.record import CallRecord
from lab.actors.sipp import SippRun
from ngalam112.cli.client import EngineRefused
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCENARIO = "citizen_language_some_keys_bye_some_time"
LANGUAGE_S = 3.0
ANSWERS, TALKS = "phone_answer_some_talk_bye", [("", "300", "900")]
"""How an operator takes each call: after so many milliseconds, and for so many."""
phones: dict[str, SippRun] = {}
OVER_AFTER = timedelta(seconds=3)
"""Of a piece that is true when the engine starts, from when the module's line does."""


def menu_of_this_test(folder: Path) -> Path:
    """The shipped menu, with information of which pieces are over, or soon will be."""
    now = datetime.now(UTC)
    shipped = (PROJECT / "ivr" / "menu.toml").read_text("utf-8")
    pieces = (
        '{ prompt = "info_covid", until = 2020-12-31 },\n'
        f'{{ prompt = "info_snake", until = {(now + OVER_AFTER).isoformat()} }},\n'
        '{ prompt = "menu_retry" },\n{ prompt = "info_bite" },\n'
    )
    assert '  { prompt = "info_covid" },\n' in shipped
    menu = folder / "menu.toml"
    menu.write_text(shipped.replace('  { prompt = "info_covid" },\n', pieces), "utf-8")
    return menu


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line with two operators, one of whom speaks Javanese, with the documentation's skills."""
    folder = tmp_path_factory.mktemp("city")
    distribution = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    assert "language_s = 20.0" in distribution
    (folder / "own.toml").write_text(
        distribution.replace("language_s = 20.0", f"language_s = {LANGUAGE_S}"), "utf-8"
    )
    files = {"menu_file": menu_of_this_test(folder), "distribution_file": folder / "own.toml"}
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds, desks=2, preferred_s=0, **files) as line:
        for number in ("101", "102"):
            phones[number] = await line.operators_ready(number, answer=ANSWERS, rows=TALKS)
        skills = {"police": 9, "lang:jv": 5}
        await line.post("/api/operators/1102/skills", {"skills": skills})
        yield line


async def calls(
    line: Line, caller: str, first: str, then: str = "5", *, stay_s: float = 8.0, accept: str = ""
) -> CallRecord:
    """A citizen who presses keys after a second and again after another; returns the record."""
    row = (caller, "1000", first, "1000", then, str(round(stay_s * 1000)))
    played = await line.players.citizens(
        SCENARIO, 1, caller=caller, rows=[row], keys={"accept": accept}
    )
    assert played.successful == 1, played.why
    return (await line.ended(1, caller))[0]


async def events_of(line: Line, record: CallRecord, kind: str) -> list[dict[str, Any]]:
    events = (await line.history(record.call_id)).events
    return [one.data for one in events if one.kind == kind]


async def played(line: Line, what: str) -> None:
    """Asterisk has played this, until a key or an operator's answer stopped it."""
    log, said = line.settings.asterisk_home / "log" / "messages", f"stopped for sound:{what}\n"
    await eventually(lambda: said in log.read_text("utf-8", "replace"), what=f"{what} is heard")


async def operators(line: Line, wish: str, *numbers: str) -> None:
    for number in numbers or ("1101", "1102"):
        await line.post(f"/api/operators/{number}/{wish}")


# --- languages --------------------------------------------------------------------------------


async def test_a_key_chooses_the_language_and_who_speaks_it_is_rung(line: Line) -> None:
    record = await calls(line, "08701", "7", "2")
    assert (record.language, record.category, record.operator) == ("jv", "police", "1102")
    assert await events_of(line, record, "language") == [{"language": "jv"}]
    assert record.queued_at is not None and record.first_offer_at is not None
    assert record.first_offer_at - record.queued_at < 0.5
    await played(line, f"{line.settings.sounds_of('jv')}/menu")
    await eventually(lambda: line.idle(("101", "102")), what="both idle")


async def test_the_examples_skills_take_the_operator_off_no_call_of_the_lines_language(
    line: Line,
) -> None:
    await operators(line, "pause", "1101")
    record = await calls(line, "08702", "2")
    assert (record.language, record.operator) == ("id", "1102")
    assert record.queued_at is not None and record.first_offer_at is not None
    assert record.first_offer_at - record.queued_at < 0.5
    await operators(line, "ready", "1101")


async def test_while_nobody_is_free_who_speaks_it_the_call_is_anybodys_after_a_time(
    line: Line,
) -> None:
    await eventually(lambda: line.idle(("101", "102")), what="both idle")
    await phones["102"].stop()
    patient = await line.behave("102", "phone_answer_until_bye")
    busy = asyncio.create_task(calls(line, "08703", "7", "2", stay_s=7.0))

    async def taken() -> bool:
        return not await line.idle(("102",))

    await eventually(taken, what="102 has a call")
    record = await calls(line, "08704", "7", "2")
    assert record.operator == "1101"
    assert record.first_offer_at is not None
    assert LANGUAGE_S <= record.first_offer_at - record.arrived_at < LANGUAGE_S + 1.0
    assert (await busy).operator == "1102"
    await patient.stop()
    phones["102"] = await line.players.behave(line.phones["102"], ANSWERS, rows=TALKS)


async def test_a_language_that_nobody_on_duty_speaks_makes_no_call_wait(line: Line) -> None:
    await eventually(lambda: line.idle(("101", "102")), what="both idle")
    record = await calls(line, "08705", "8", "3")
    assert (record.language, record.outcome) == ("en", "answered")
    assert record.queued_at is not None and record.first_offer_at is not None
    assert record.first_offer_at - record.queued_at < 0.5


@pytest.mark.parametrize(
    ("caller", "accept", "language"),
    [
        ("08706", "de, jv;q=0.9, en-GB;q=0.5", "jv"),
        ("08707", "en", "en"),
        ("08708", "id;q=" + "9" * 3000 + ',"${EVAL(x)}":en', "id"),
    ],
)
async def test_the_trunk_may_tell_the_language(
    line: Line, caller: str, accept: str, language: str
) -> None:
    await eventually(lambda: line.idle(("101", "102")), what="both idle")
    record = await calls(line, caller, "2", accept=accept)
    assert (record.language, record.outcome) == (language, "answered")
    assert await events_of(line, record, "language") == [], "it was known at the arrival"


# --- information ------------------------------------------------------------------------------


async def test_what_was_heard_of_information_is_on_record_and_what_is_over_is_not_heard(
    line: Line,
) -> None:
    record = await calls(line, "08711", "11", "2", stay_s=5.0)
    assert (record.outcome, record.category, record.queued_at) == ("information", "covid", None)
    (started,) = await events_of(line, record, "information_started")
    first, second = await events_of(line, record, "information_heard")
    assert started == {"information": "covid"}
    assert (first["prompt"], first["whole"]) == ("menu_retry", True)
    assert second["prompt"] == "info_bite" and not second["whole"]
    assert 1500 < first["ms"] < 3500 and second["ms"] < 4500


async def test_an_operator_is_a_key_away_from_information(line: Line) -> None:
    await eventually(lambda: line.idle(("101", "102")), what="both idle")
    record = await calls(line, "08712", "11", "0")
    assert (record.outcome, record.category) == ("answered", "covid")


# --- a known big incident ---------------------------------------------------------------------

FIRE = {
    "category": "fire",
    "minutes": 30,
    "words": {
        "id": "Kami tahu kebakaran di Pasar Besar; petugas sudah di sana.",
        "en": "We know of the fire at Pasar Besar.",
    },
}


async def test_a_notice_is_heard_in_the_queue_outlives_the_engine_and_loses_nobody(
    line: Line,
) -> None:
    await eventually(lambda: line.idle(("101", "102")), what="both idle")
    await operators(line, "pause")
    made = await line.post("/api/notices", FIRE)
    assert made["seconds"].keys() == {"id", "en"} and made["words"] == FIRE["words"]
    # kill -9 of the engine: the next one knows the notice
    await line.running.engine.stop(signal.SIGKILL)
    await line.running.engine.start()
    assert (await line.get("/api/notices"))["notices"] == [made]
    whole_s = 3.0 + made["seconds"]["id"]

    stays = asyncio.create_task(calls(line, "08721", "3", stay_s=40.0))
    content = asyncio.create_task(calls(line, "08722", "3", stay_s=whole_s + 2.0))
    asks = asyncio.create_task(calls(line, "08723", "3", "1", stay_s=whole_s))
    soon = asyncio.create_task(calls(line, "08724", "3", stay_s=0.5))
    other = asyncio.create_task(calls(line, "08725", "2", stay_s=40.0))
    informed, asked, lost = await asyncio.gather(content, asks, soon)
    assert (informed.outcome, informed.wants_callback) == ("information", False)
    (heard,) = await events_of(line, informed, "notice_heard")
    assert heard["notice"] == made["id"] and heard["whole"] and heard["enough"]
    assert asked.wants_callback
    assert (lost.outcome, lost.wants_callback) == ("lost_queue", False)

    await operators(line, "ready")
    first, second = await asyncio.gather(stays, other)
    assert (first.outcome, second.outcome) == ("answered", "answered")
    assert [one.kind for one in (await line.history(first.call_id)).events].count("queued") == 1
    assert await events_of(line, second, "notice_heard") == []
    totals = await line.get("/api/summary")
    assert totals["adds_up"]


async def test_an_operator_who_is_free_is_rung_at_once_whatever_is_heard(line: Line) -> None:
    await eventually(lambda: line.idle(("101", "102")), what="both idle")
    (notice,) = (await line.get("/api/notices"))["notices"]
    record = await calls(line, "08731", "8", "3")
    assert record.queued_at is not None and record.first_offer_at is not None
    assert record.outcome == "answered" and record.first_offer_at - record.queued_at < 0.5
    await played(line, f"{line.settings.sounds_of('en')}/queue_wait")
    assert notice["seconds"].keys() == {"id", "en"}


async def test_a_notice_that_cannot_be_is_refused_in_a_sentence_and_a_recording_is_one(
    line: Line, tmp_path: Path
) -> None:
    recording = tmp_path / "studio.wav"
    shutil.copy(line.settings.sounds / "info_bite.wav", recording)
    (tmp_path / "no.wav").write_bytes(b"RIFF nothing")
    for changes, said in (
        ({"category": "ufo"}, "There is no category 'ufo'"),
        ({"words": {}}, "in at least one language"),
        ({"words": {"id": "\x01\x02 [[ ]] <>"}}, "has no words"),
        ({"words": {"id": "a" * 501}}, "500 at most"),
        ({"words": {"../x": "a"}}, "'../x' is no language"),
        ({"words": {}, "recordings": {"id": "/dev/zero"}}, "is no file"),
        ({"words": {}, "recordings": {"id": str(tmp_path / "no.wav")}}, "cannot use the recording"),
        ({"minutes": 0}, "The body cannot be used"),
    ):
        with pytest.raises(EngineRefused) as refused:
            await line.post("/api/notices", {**FIRE, **changes})
        assert said in str(refused.value)
    assert len((await line.get("/api/notices"))["notices"]) == 1, "the one of before goes on"
    hostile = {"id": "--help -f /etc/passwd \x01 [[h@loU]] <break/> $(reboot)"}
    spoken = await line.post("/api/notices", {**FIRE, "words": hostile})
    assert spoken["words"]["id"] == "--help -f /etc/passwd h loU break/ (reboot)"
    recorded = {"minutes": 0.02, "words": {}, "recordings": {"id": str(recording)}}
    made = await line.post("/api/notices", recorded)
    assert made["category"] is None and 8 < made["seconds"]["id"] < 12

    async def only_the_other() -> bool:
        found = (await line.get("/api/notices"))["notices"]
        return [one["id"] for one in found] == [spoken["id"]]

    await eventually(only_the_other, what="it ends by itself")
    await asyncio.to_thread(line.client.delete, "/api/notices/fire")
    assert (await line.get("/api/notices"))["notices"] == []
    with pytest.raises(EngineRefused, match="There is no notice 'fire'"):
        await asyncio.to_thread(line.client.delete, "/api/notices/fire")


# --- the city's data --------------------------------------------------------------------------


async def test_a_branch_and_information_are_added_by_data_while_a_call_waits(line: Line) -> None:
    await operators(line, "pause")
    waits = asyncio.create_task(calls(line, "08741", "2", stay_s=40.0))

    async def one_waits() -> bool:
        return bool((await line.get("/api/status"))["queue"]["length"] == 1)

    await eventually(one_waits, what="a call waits")
    menu = line.settings.menu_file
    text = menu.read_text("utf-8")
    branch = '5 = { category = "flood", information = "flood" }\n7 = '
    text = text.replace("7 = ", branch, 1).replace(
        "covid = [\n", 'flood = [{ prompt = "info_snake" }]\ncovid = [\n'
    )
    menu.write_text(text + 'flood = { label = "BANJIR" }\n', "utf-8")
    # as `ngalam112 engine restart` does: a fresh engine instead of the one that serves
    await line.running.engine.stop(signal.SIGTERM)
    await line.running.engine.start()
    record = await calls(line, "08742", "5", "2", stay_s=2.0)
    assert (record.outcome, record.category) == ("information", "flood")
    await operators(line, "ready")
    assert (await waits).outcome == "answered"
    await line.is_empty()
