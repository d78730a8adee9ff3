"""For tests: a crowd of channels that cost next to nothing. They wait in the dialplan.

As a program it makes a line of a size of its own and has its engine die and come back:

    PYTHONPATH=.:tests/harness .venv/bin/python -m many_channels 5000
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
from lines import Line, eventually, open_line

from ngalam112.config.provision import ARI_USER
from ngalam112.config.settings import load_settings
from ngalam112.config.sounds import build_music, build_sounds
from pbx.programs import Programs

_AT_ONCE = 16


async def crowd(line: Line, channels: int, app: str = "") -> None:
    """Make so many channels: pairs of Local channels, of which both ends wait.

    `app`: one end of each is in this application, not in the dialplan.
    """
    asterisk = line.running.asterisk
    for priority, application in enumerate(("Answer()", "Wait(3600)"), start=1):
        await asterisk.console(f"dialplan add extension s,{priority},{application} into crowd")
    settings, left = line.settings, iter(range(channels // 2))
    sign = {"Authorization": aiohttp.encode_basic_auth(ARI_USER, settings.secrets.ari_password)}
    where = {"app": app} if app else {"context": "crowd", "extension": "s", "priority": "2"}
    where["endpoint"] = "Local/s@crowd/n"
    base = f"http://127.0.0.1:{settings.ari_port}/ari"
    url = f"{base}/channels?{urlencode(where)}"

    async def make() -> None:
        for _ in left:
            async with session.post(url) as answer:
                await answer.read()

    async def all_up() -> bool:
        return await channels_up(line) >= channels // 2 * 2

    async def in_the_app() -> set[str]:
        async with session.get(f"{base}/applications/{app}") as answer:
            return set((await answer.json())["channel_ids"])

    async def all_in_the_app() -> bool:
        # one that is up may still be on its way there, and is ended if nobody has the app by then
        return len(await in_the_app() - before) >= channels // 2

    async with aiohttp.ClientSession(headers=sign, raise_for_status=True) as session:
        before = await in_the_app() if app else set()
        await asyncio.gather(*(make() for _ in range(_AT_ONCE)))
        await eventually(all_up, 60.0, f"{channels} channels are up")
        if app:
            await eventually(all_in_the_app, 60.0, f"half of them are in {app}")


async def channels_up(line: Line) -> int:
    """How many channels Asterisk has; 0 if it does not answer."""
    said = await line.running.asterisk.console("core show channels count")
    return int(said.split(" active channel")[0].split()[-1]) if "active channel" in said else 0


async def another_engine(line: Line) -> float:
    """Let the engine die; return how long the next one takes until it has taken the line up."""

    async def serves() -> bool:
        return _served(line) > before

    before = _served(line)
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    begun = time.monotonic()
    await line.running.engine.start()
    await eventually(serves, 15.0, "the next engine has taken the line up")
    return time.monotonic() - begun


def _served(line: Line) -> int:
    """How many engines have taken this line up."""
    return line.settings.log_file.read_text("utf-8").count('"serving"')


async def _main(channels: int) -> None:
    with tempfile.TemporaryDirectory(prefix="many-channels-") as folder:
        home, programs = Path(folder), Programs.find()
        common = load_settings(home=home / "sounds")
        common.home.mkdir()
        build_sounds(common.prompts, common.sounds, programs)
        build_music(common.music, programs)
        async with open_line(home / "line", programs, common.home, desks=1) as line:
            begun = time.monotonic()
            await crowd(line, channels)
            print(f"{channels} channels made in {time.monotonic() - begun:.1f} s")  # noqa: T201
            took = await another_engine(line)
            up = await channels_up(line)
            print(f"the next engine serves after {took:.1f} s; channels up: {up}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
