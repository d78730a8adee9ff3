"""The database is away: the line starts and serves without it, and its records are complete."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lines import PASSWORD, Line, eventually, open_line

from ngalam112.cli.client import EngineRefused
from ngalam112.process.running_line import prepare
from pbx.programs import Programs
from pbx.render import password_digest

if TYPE_CHECKING:
    from databases import PostgresServer


async def kill(line: Line) -> None:
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()


async def test_an_engine_that_starts_without_its_database_serves_from_what_it_kept(
    programs: Programs, built_sounds: Path, tmp_path: Path, own_server: PostgresServer
) -> None:
    url = own_server.url(own_server.create())
    async with open_line(
        tmp_path, programs, built_sounds, desks=2, database_url=url, wrap_up_s=0
    ) as line:
        await line.operators_ready("101", "102")
        await line.post("/api/operators/1102/pause", {"reason": "break"})
        await asyncio.to_thread(own_server.stop)
        await line.post("/api/operators/1102/ready")
        waiting = asyncio.create_task(
            line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0860")
        )
        await eventually(
            lambda: _living(line), 20.0, "the citizen, who has heard the menu, is served"
        )
        await kill(line)
        await line.running.engine.start()
        assert (await waiting).successful == 1, "who called before is served"
        served = await line.players.citizens(
            "citizen_key_talk_until_bye", 1, caller="0861", keys={"key": "3"}
        )
        assert served.successful == 1

        status = await line.get("/api/status")
        assert status["operators"]["status"]["ready"] == 2, "the pause ended without the database"
        engine = status["engine"]
        assert engine["database"] is False and engine["database_away_since"]
        assert engine["backlog"] > 0 and engine["entries_lost"] == 0
        for path, body in (
            ("/api/phones", {"number": "109"}),
            ("/api/operators", {"id": "1109", "name": "Sari", "pin": "654321"}),
        ):
            with pytest.raises(EngineRefused, match="cannot be used") as refused:
                await line.post(path, body)
            assert refused.value.status == 503
        with pytest.raises(EngineRefused, match="cannot be used"):
            await line.get("/api/calls")

        await asyncio.to_thread(own_server.start_again)
        for caller in ("0860", "0861"):
            (record,) = await line.ended(1, caller, within=30.0)
            assert record.outcome == "answered"
            history = await line.history(record.call_id)
            assert [one.seq for one in history.events] == list(range(1, record.events + 1))
        await eventually(lambda: _is_back(line), within=20, what="the database is back")
        made = await line.post("/api/phones", {"number": "109", "password": PASSWORD})
        assert made["in_effect"] is True


async def _living(line: Line) -> bool:
    calls = (await line.get("/api/status"))["calls"]
    return bool(calls["queued"] + calls["ringing"] + calls["talking"])


async def _is_back(line: Line) -> bool:
    engine = (await line.get("/api/status"))["engine"]
    return engine["database_away_since"] is None and engine["backlog"] == 0


async def test_a_line_whose_database_is_away_is_prepared_with_whom_it_had(
    programs: Programs, built_sounds: Path, tmp_path: Path, own_server: PostgresServer
) -> None:
    url = own_server.url(own_server.create())
    plan = tmp_path / "plan.toml"
    section = '[agencies.81]\nname = "Pos"\nnumber = "sip:before@192.0.2.1"\n'
    plan.write_text(f'fallback = ["pos"]\n{section}')
    more = {"database_url": url, "distribution_file": plan}
    async with open_line(tmp_path, programs, built_sounds, desks=1, **more) as line:
        settings, client = line.settings, line.client
        agencies = settings.asterisk_home / "etc" / "agencies.list"
        assert agencies.read_text() == "81|*|PJSIP/outside/sip:before@192.0.2.1\n"
        change = {"voice": "sip:since@192.0.2.1"}
        await asyncio.to_thread(client.put, "/api/agencies/pos", change)
    phones = settings.asterisk_home / "etc" / "phones.conf"
    before = phones.read_text()
    own_server.stop()
    await prepare(settings, programs)
    assert phones.read_text() == before
    assert password_digest("101", PASSWORD) in before
    assert agencies.read_text() == "81|*|PJSIP/outside/sip:since@192.0.2.1\n"
