"""The command line as a process: with an engine up (no Asterisk), and with everything wrong."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import fork_server
import pytest
from lines import line_settings
from served import ServedEngine, a_record, an_engine, keep, with_silent_prompts

from acd.calls.record import CallEvent, EventKind, Outcome, fold
from acd.operators.operator import Status
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.accounts.admin import load_roster
from ngalam112.config.settings import PROJECT, Settings
from ngalam112.recovery.startup_state import Known, known_by
from pbx.render import password_digest

HOSTILE_NAME = "=cmd|' /C calc'!A0 \x1b[2J[bold]\u202e"
LIMIT_S = 60.0
NOON = 1_776_056_400.0  # 2026-04-13T12:00+07:00


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


async def run(settings: Settings, *args: str, **more: str) -> Ran:
    """Run `python -m ngalam112 ...` for the line with these settings, beside its state folder."""
    environment = {**settings.environment(), "COLUMNS": "120", "PYTHONPATH": str(PROJECT), **more}
    process = await fork_server.start(
        sys.executable,
        *("-m", "ngalam112", *args),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=settings.home.parent,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    (tmp_path / "pin").write_text("654321\n")
    async with an_engine(tmp_path / "home") as one:
        yield one


def failed_in_one_line(ran: Ran, *words: str) -> None:
    assert ran.code == 1 and ran.out == "", ran
    assert ran.err.startswith("ngalam112: ") and ran.err.count("\n") == 1, ran.err
    assert all(word in ran.err for word in words), ran.err


async def test_the_watch_tells_the_alarms_and_runs_a_command_for_each(
    served: ServedEngine, tmp_path: Path
) -> None:
    home, note = served.settings, tmp_path / "noted"
    script = tmp_path / "note it.sh"
    script.write_text(
        '#!/bin/sh\necho "$NGALAM112_ALARM $NGALAM112_ALARM_STATE $NGALAM112_ALARM_TEXT"'
        f" >> '{note}'\nexit 3\n"
    )
    script.chmod(0o700)
    ran = await run(home, "watch", "--once", "--json", "--disk", "0", "--run", f"'{script}'")
    told = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 1
    assert [one["alarm"] for one in told] == ["asterisk", "ami", "operators"]
    assert all(one["began"] for one in told)
    noted = [f"{one['alarm']} began {one['text']}" for one in told]
    assert note.read_text().splitlines() == noted
    assert ran.err.count("has failed with status 3") == 3, "and the watch goes on"
    ran = await run(home, "watch", "--once", "--disk", "0", NGALAM112_API_PORT="1")
    assert ran.code == 1
    assert "ALARM  engine: The engine is down" in ran.out
    ran = await run(home, "watch", "--once", "--run", "no-such-command-here")
    assert (ran.code, "there is no command no-such-command-here" in ran.err) == (2, True)


async def test_commands_reach_the_engine_while_it_is_up(served: ServedEngine) -> None:
    settings = served.settings
    ran = await run(settings, "phone", "add", "101", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    digest = password_digest("101", json.loads(ran.out)["password"])
    assert served.engine.roster.phones["101"].password == digest
    added = ("operator", "add", "1001", "--name", "Sari", "--pin-file", "pin", "--phone", "101")
    assert await run(settings, *added) == (0, "Operator 1001 (Sari) is added.\n", "")
    for action, status in (("login", "ready"), ("pause", "paused"), ("ready", "ready")):
        ran = await run(settings, "operator", action, "1001", "--format", "json")
        assert (ran.code, json.loads(ran.out)["status"]) == (0, status)
        assert served.engine.roster.operators["1001"].status == status
    ran = await run(settings, "operator", "list")
    assert ran.err == "" and "1001" in ran.out and "idle" in ran.out
    (phone,) = json.loads((await run(settings, "phone", "list", "--format", "json")).out)
    assert (phone["number"], phone["operator"]) == ("101", "1001")
    paused = ("operator", "pause", "1001", "--reason", "prayer", "--format", "json")
    assert json.loads((await run(settings, *paused)).out)["pause_reason"] == "prayer"
    ran = await run(settings, "operator", "logout", "1001")
    assert ran.code == 0 and "logged_out" in ran.out


async def test_skills_and_wrap_up_by_command(served: ServedEngine) -> None:
    settings, engine = served.settings, served.engine
    added = ("operator", "add", "1001", "--name", "Sari", "--pin-file", "pin", "--weight", "2")
    added = (*added, "--skill", "police=9", "--skill", "lang:jv=5")
    assert (await run(settings, *added)).code == 0
    one = engine.roster.operators["1001"]
    assert (one.skills, one.weight) == ({"police": 9, "lang:jv": 5}, 2)
    assert "police=9, lang:jv=5" in (await run(settings, "operator", "list")).out
    ran = await run(settings, "operator", "skills", "1001", "fire=3", "--format", "json")
    assert (ran.code, json.loads(ran.out)["skills"]) == (0, {"fire": 3}) == (0, one.skills)
    assert (await run(settings, "operator", "skills", "1001", "--none")).code == 0
    assert (one.skills, one.weight) == ({}, 2)
    await engine.do(lambda now: engine.wrap_ups.begin(one, 60.0, now))
    until = one.wrap_up_until
    ran = await run(settings, "operator", "wrap-up", "1001", "--extend", "30")
    assert (ran.code, ran.err, one.wrap_up_until) == (0, "", until + 30.0)
    ran = await run(settings, "operator", "wrap-up", "1001", "--end", "--format", "json")
    assert (ran.code, json.loads(ran.out)["state"], one.wrap_up_until) == (0, "idle", 0.0)
    again = await run(settings, "operator", "wrap-up", "1001", "--end")
    failed_in_one_line(again, "Operator 1001 is not in wrap-up.")
    refused = await run(settings, "operator", "pause", "1001", "--reason", "lunch")
    failed_in_one_line(refused, "no pause reason 'lunch'", "break, prayer, meal")


async def test_what_the_engine_refuses_is_one_line(served: ServedEngine) -> None:
    failed_in_one_line(await run(served.settings, "operator", "login", "77"), "no operator 77")
    failed_in_one_line(await run(served.settings, "operator", "login", "../7"), "no operator ../7")
    failed_in_one_line(await run(served.settings, "phone", "add", "x"), "2 to 6 digits")
    failed_in_one_line(await run(served.settings, "calls", "show", "zz"), "There is no call 'zz'")


async def test_the_status_shows_links_and_living_calls(served: ServedEngine) -> None:
    await served.citizen("c1", "+628123")
    ran = await run(served.settings, "status")
    assert (ran.code, ran.err) == (0, "")
    assert "ARI DOWN" in ran.out and "database up" in ran.out and "+628123" in ran.out
    found = json.loads((await run(served.settings, "status", "--format", "json")).out)
    assert found["engine"]["ami"] is False and len(found["living"]) == 1
    assert "engine_ari,False" in (await run(served.settings, "status", "--format", "csv")).out


@pytest.mark.parametrize("engine", ["up", "down"])
async def test_calls_of_hostile_callers_are_listed_without_harm(
    tmp_path: Path, engine: str
) -> None:
    async with an_engine(tmp_path / "home") as served:
        await keep(
            served.database,
            a_record("aa", NOON, caller_name=HOSTILE_NAME, caller_number="+62341112"),
            a_record("bb", NOON + 60, outcome=Outcome.ANSWERED, operator_answered_at=NOON + 64),
        )
        settings = served.settings
        if engine == "up":
            await listed_without_harm(settings, "")
    if engine == "down":
        await listed_without_harm(settings, "ngalam112: engine is down: read from the database\n")


async def listed_without_harm(settings: Settings, notice: str) -> None:
    ran = await run(settings, "calls", "list")
    assert (ran.code, ran.err) == (0, notice)
    assert "2026-04-13 12:01:00" in ran.out and ran.out.replace("\n", "").isprintable()
    ran = await run(settings, "calls", "list", "--format", "csv", "--caller", "+62")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert row["caller_number"] == "'+62341112" and row["caller_name"].startswith("'=cmd")
    assert row["arrived_at"] == "2026-04-13T12:00:00.000+07:00"
    ran = await run(settings, "calls", "list", "--format", "json", "--to", "2026-04-13T12:00:30")
    assert [one["caller_name"] for one in json.loads(ran.out)] == [HOSTILE_NAME]
    ran = await run(settings, "calls", "show", "a")
    assert ran.code == 0 and ran.out.replace("\n", "").isprintable() and "[bold]" in ran.out
    ran = await run(settings, "report", "summary", "--from", "2026-04-13", "--by", "hour")
    assert (ran.code, ran.err) == (0, notice)
    assert "2026-04-13 12:00" in ran.out
    rows = [line.split()[:3] for line in ran.out.splitlines()]
    assert ["offered", "2", "100.0"] in rows and ["adds", "up", "yes"] in rows


async def test_a_call_is_shown_with_all_that_happened(served: ServedEngine) -> None:
    events = [
        CallEvent(call_id="c", seq=1, at=NOON, kind=EventKind.ARRIVED, data={"language": "id"}),
        CallEvent(call_id="c", seq=2, at=NOON + 1.5, kind=EventKind.DIGIT, data={"digit": "2"}),
        CallEvent(call_id="c", seq=3, at=NOON + 2, kind=EventKind.ENDED, data={"ended_by": "x"}),
    ]
    for event in events:
        served.journal.call_event(event, fold("c", events))
    await served.journal.recorder.flushed()
    ran = await run(served.settings, "calls", "show", "c")
    assert "2026-04-13 12:00:01.500" in ran.out and "digit=2" in ran.out
    found = json.loads((await run(served.settings, "calls", "show", "c", "--format", "json")).out)
    assert found["call"]["outcome"] == "lost_menu"
    assert [one["kind"] for one in found["events"]] == ["arrived", "digit", "ended"]


async def test_a_report_that_does_not_add_up_fails(served: ServedEngine) -> None:
    await keep(served.database, a_record("aa", NOON, outcome=None))
    ran = await run(served.settings, "report", "summary", "--from", "2026-04-13")
    assert ran.code == 1 and ["adds", "up", "no"] in [row.split() for row in ran.out.splitlines()]


async def test_output_that_no_one_reads_or_can_show_is_no_error(served: ServedEngine) -> None:
    await keep(served.database, a_record("aa", NOON, caller_number="日本", category="Ünfall"))
    ran = await run(served.settings, "calls", "list", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (ran.code, ran.err) == (0, "") and "??" in ran.out
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ngalam112", "calls", "list"),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env={**served.settings.environment(), "PYTHONPATH": str(PROJECT)},
    )
    os.close(writing)
    _, err = await process.communicate()
    assert b"Traceback" not in err


async def test_skills_given_while_the_line_is_down_outlast_what_waits_in_the_journal(
    tmp_path: Path,
) -> None:
    settings = line_settings(tmp_path / "home")
    (tmp_path / "pin").write_text("654321\n")
    assert (await run(settings, "phone", "add", "101")).code == 0
    added = ("operator", "add", "1001", "--name", "Sari", "--pin-file", "pin", "--phone", "101")
    assert (await run(settings, *added, "--skill", "police=5")).code == 0
    journal = WriteAheadLog(settings.journal)
    async with Database(settings.url) as database:
        (before,), _ = await load_roster(database)
        before.status, before.calls_taken, before.phone = Status.READY, 7, "101"
        # the engine that is about to die has had no database for this
        DatabaseWriter(database, journal).operator_state(before.row())
        journal.close()
        given = await run(settings, "operator", "skills", "1001", "fire=9", "--weight", "3")
        assert given.code == 0, given
        replaced = (*added[:3], "--name", "Dewi", "--pin-file", "pin", "--replace")
        assert (await run(settings, *replaced)).code == 0
        journal = WriteAheadLog(settings.journal)
        operators, _ = await load_roster(database)
        stored = Known(operators=operators, phones=[], calls=[])
        for known in (known_by(journal.kept, stored), known_by(journal.kept)):
            (now,) = known.operators
            assert (now.skills, now.weight, now.name) == ({"fire": 9}, 3, "Dewi")
            assert (now.status, now.calls_taken, now.phone) == (Status.READY, 7, "101")
        held = await run(settings, "operator", "skills", "1001", "--none")
        failed_in_one_line(held, "give the command once more")
        journal.close()


async def test_phones_and_operators_are_removed_while_the_line_is_down(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "home")
    (tmp_path / "pin").write_text("654321\n")
    assert (await run(settings, "phone", "add", "101")).code == 0
    added = ("operator", "add", "1001", "--name", "Sari", "--pin-file", "pin", "--phone", "101")
    assert (await run(settings, *added)).code == 0
    failed_in_one_line(await run(settings, "phone", "remove", "101"), "operator 1001's own")
    for command in (("operator", "remove", "1001"), ("phone", "remove", "101")):
        ran = await run(settings, *command)
        assert (ran.code, ran.out.strip()) == (
            0,
            f"{command[0].capitalize()} {command[2]} is removed.",
        )
        assert "engine is down: removed from the database" in ran.err
    async with Database(settings.url) as database:
        assert await load_roster(database) == ([], [])
    failed_in_one_line(await run(settings, "operator", "remove", "1001"), "no operator 1001")


async def test_an_engine_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    settings = with_silent_prompts(line_settings(tmp_path / "home"))
    menu = tmp_path / "menu.toml"
    menu.write_text('start = "nowhere"\n[menus]\n[categories]\n')
    distribution = tmp_path / "distribution.toml"
    distribution.write_text('[pause_reasons]\n1 = { name = "missed", prompt = "x" }\n')
    unspoken = tmp_path / "unspoken.toml"
    unspoken.write_text('[pause_reasons]\n1 = { name = "nap", prompt = "operator_naps" }\n')
    for changes, words in (
        ({"NGALAM112_MENU_FILE": str(menu)}, ("menu file", "nowhere")),
        ({"NGALAM112_MENU_FILE": str(tmp_path / "none")}, ("cannot be read",)),
        ({"NGALAM112_DISTRIBUTION_FILE": str(distribution)}, ("distribution file", "'missed'")),
        ({"NGALAM112_DISTRIBUTION_FILE": str(unspoken)}, ("no audio for operator_naps",)),
        ({"NGALAM112_DATABASE_URL": "mysql://me:secret@host/x"}, ("mysql", "sqlite:///FILE")),
        ({"NGALAM112_DATABASE_URL": f"sqlite:///{tmp_path}"}, ("cannot be used",)),
        ({"NGALAM112_SIP_PORT": "99999"}, ("NGALAM112_SIP_PORT",)),
    ):
        ran = await run(settings, "engine", **changes)
        failed_in_one_line(ran, *words)
        assert "secret" not in ran.err
    (settings.sounds / "menu.wav").unlink()
    failed_in_one_line(await run(settings, "engine"), "no audio for menu", "sounds build")


async def test_a_port_in_use_is_one_line_and_names_its_setting(tmp_path: Path) -> None:
    settings = with_silent_prompts(line_settings(tmp_path / "home"))
    with socket.create_server(("127.0.0.1", settings.api_port)):
        for command in ("engine", "up"):
            ran = await run(settings, command)
            failed_in_one_line(ran, f"Port {settings.api_port}", "NGALAM112_API_PORT")


async def test_the_doctor_of_a_line_without_asterisk_knows_what_is_well(
    served: ServedEngine,
) -> None:
    served.settings.home.chmod(0o755)
    ran = await run(served.settings, "doctor", "--format", "json")
    assert (ran.code, ran.err) == (1, "")
    found = {one["what"]: one for one in json.loads(ran.out)}
    for what in ("asterisk", "sox", "secrets", "sounds", "database"):
        assert found[what]["state"] == "ok", found[what]
    assert found[f"API port {served.settings.api_port}"]["found"] == "held by this line"
    assert "chmod 700" in found["state folder"]["mend"]
    assert found["engine"]["state"] == "wrong" and "ari, ami" in found["engine"]["found"]
    assert "add one" in found["phones"]["mend"]


async def test_a_call_is_marked_and_unmarked_long_after_it(served: ServedEngine) -> None:
    await keep(served.database, a_record("abc", NOON), a_record("abd", NOON + 1))
    settings = served.settings
    ran = await run(settings, "calls", "mark", "abc", "prank", "--operator", "1001")
    assert (ran.code, ran.out, ran.err) == (0, "Call abc is marked as prank.\n", "")
    ran = await run(settings, "calls", "mark", "abd", "ghost")
    assert ran.code == 0
    assert served.engine.router.nuisance.arrived("+628123456789", NOON) is None, "of long ago"
    ran = await run(settings, "calls", "unmark", "abc")
    assert ran.out == "Call abc is marked as nothing any more.\n"
    await served.journal.recorder.flushed()
    found = json.loads((await run(settings, "calls", "show", "abc", "--format", "json")).out)
    assert found["call"]["disposition"] is None
    assert [one["data"] for one in found["events"]] == [
        {"disposition": "prank", "operator": "1001"},
        {"disposition": None, "operator": None},
    ]
    listed = (await run(settings, "calls", "list")).out
    assert "ghost" in listed and "prank" not in listed
    ran = await run(settings, "calls", "mark", "abc", "hoax")
    failed_in_one_line(ran, "There is no disposition 'hoax'; known are: prank, ghost, real.")
    failed_in_one_line(await run(settings, "calls", "mark", "ab", "prank"), "give more of it")
    failed_in_one_line(await run(settings, "calls", "mark", "zz", "prank"), "There is no call 'zz'")
