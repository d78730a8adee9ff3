"""Whole lines as people run them: on PostgreSQL, by `ngalam112 up`, and where they cannot start."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lines import PASSWORD, Line, eventually, line_settings, open_line

from ngalam112.config.settings import Settings
from ngalam112.process.running_line import healthy
from pbx.programs import Programs

if TYPE_CHECKING:
    from databases import PostgresServer


async def talk(line: Line) -> None:
    await line.operators_ready("101")
    result = await line.players.citizens(
        "citizen_key_talk_until_bye", 1, caller="0861", keys={"key": "2"}
    )
    assert result.successful == 1
    record = (await line.ended(1, "0861"))[0]
    assert (record.outcome, record.category, record.phone) == ("answered", "police", "101")


async def test_a_line_keeps_its_records_in_postgresql(
    programs: Programs, built_sounds: Path, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.url(postgres_server.create())
    async with open_line(tmp_path, programs, built_sounds, database_url=url) as line:
        await talk(line)
        assert not (tmp_path / "ngalam112.db").exists()
        assert (await line.get("/api/summary"))["answered"] == 1


async def start(settings: Settings, *command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ngalam112",
        *command,
        env=settings.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def of_this_line(home: Path) -> list[str]:
    """The command lines of all processes that have to do with the state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(home).encode() in text:
                found.append((entry / "cmdline").name + entry.name)
    return found


async def test_up_starts_everything_and_leaves_nothing(built_sounds: Path, tmp_path: Path) -> None:
    home = tmp_path / "line"
    settings = line_settings(home)
    for name in ("sounds", "music"):
        shutil.copytree(built_sounds / name, home / name)
    up = await start(settings, "up")
    try:
        await eventually(lambda: healthy(settings), within=30, what="the line serves")
        assert of_this_line(home)
    finally:
        up.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(up.communicate(), 30)
    assert up.returncode == 0, err
    shown = out.decode()
    assert "dial 112" in shown and "user 101" in shown and "engine.jsonl" in shown
    await eventually(lambda: not of_this_line(home), what="no process of the line is left")


async def refused(settings: Settings, *command: str) -> str:
    process = await start(settings, *command)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1, (out, err)
    lines = err.decode().strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("ngalam112: "), err
    await eventually(lambda: not of_this_line(settings.home), what="nothing half-started is left")
    return lines[0]


async def test_up_says_in_one_line_why_it_cannot_start(built_sounds: Path, tmp_path: Path) -> None:
    wrong_menu = tmp_path / "menu.toml"
    wrong_menu.write_text("start = 'nowhere'\n")
    (tmp_path / "prompts").mkdir()
    cases = (
        ({"menu_file": wrong_menu}, str(wrong_menu)),
        ({"prompts": tmp_path / "prompts"}, str(tmp_path / "prompts")),
        ({"database_url": "oracle://somewhere/x"}, "oracle"),
        ({"database_url": "postgresql://nobody:secret@127.0.0.1:1/x"}, "cannot be used"),
    )
    for number, (changes, words) in enumerate(cases):
        sentence = await refused(line_settings(tmp_path / str(number), **changes), "up")
        assert words in sentence and "secret" not in sentence, sentence


async def test_an_engine_with_other_secrets_says_so(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(tmp_path / "line", programs, built_sounds) as line:
        other = tmp_path / "other"
        for name in ("sounds", "music"):
            shutil.copytree(built_sounds / name, other / name)
        settings = line_settings(other, ari_port=line.settings.ari_port)
        sentence = await refused(settings, "engine")
        assert "refuses our ARI user or password" in sentence
        assert await line.get("/api/status"), "the line itself goes on"


async def test_a_phone_with_a_fixed_contact_need_not_register(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(tmp_path, programs, built_sounds) as line:
        phone = await line.players.register("101", PASSWORD)  # for a free port only
        contact = f"sip:160@127.0.0.1:{phone.port}"
        await line.post("/api/phones", {"number": "160", "contact": contact})
        await line.post("/api/operators", {"id": "1160", "name": "Sari", "pin": "654321"})
        await line.players.behave(phone, "phone_answer_talk_bye")
        await line.post("/api/operators/1160/login", {"phone": "160"})
        result = await line.players.citizens(
            "citizen_key_talk_until_bye", 1, caller="0862", keys={"key": "4"}
        )
        assert result.successful == 1
        assert (await line.ended(1, "0862"))[0].phone == "160"
