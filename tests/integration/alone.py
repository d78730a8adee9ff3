"""For tests: a real Asterisk with the fallback and no engine.

It has a configuration of its own: a trunk, phones 101 and 102 with fixed contacts, phone 103
without one, and the shipped modules, music class and fallback context.
"""

from __future__ import annotations

import json
import wave
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import jinja2
from lines import eventually

from ngalam112.demo.sipp import SippRun, free_port, run_sipp
from ngalam112.settings import PROJECT
from pbx.asterisk import Asterisk
from pbx.programs import Programs

CLAIM_MS = 1000

PJSIP = """
[global]
type = global
endpoint_identifier_order = ip
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{port}
[trunk]
type = endpoint
context = citizens
allow = !all,alaw
direct_media = no
trust_id_inbound = yes
[trunk-addresses]
type = identify
endpoint = trunk
match = 127.0.0.0/8
[outside]
type = endpoint
context = nowhere
allow = !all,alaw
direct_media = no
"""
PHONE = """
[{number}]
type = endpoint
context = nowhere
allow = !all,alaw
direct_media = no
aors = {number}
[{number}]
type = aor
{contact}
"""
# the caller 999 stands for a call that an engine took
TAKEN = """
[citizens](+)
exten = 112/999,1,Answer()
 same = n,Set(STASISSTATUS=SUCCESS)
 same = n,Hangup()
"""


class Alone:
    """One Asterisk without an engine, its SIPp players and its spool folder."""

    def __init__(self, home: Path, programs: Programs) -> None:
        self.home, self.programs = home, programs
        self.spool, self.list = home / "spool", home / "phones.list"
        self.agency_list = home / "agencies.list"
        self.beat = home / "engine.beat"
        self.port = free_port()
        self.phones = {"101": free_port(), "102": free_port()}
        self.asterisk = Asterisk(
            programs, home / "asterisk", writable=[home], readable=[PROJECT / "agi_scripts"]
        )
        self._players = AsyncExitStack()

    def configure(self, script: Path = PROJECT / "agi_scripts" / "fallback.py") -> None:
        etc = self.home / "asterisk" / "etc"
        for folder in (etc, self.spool, self.home / "sounds", self.home / "music"):
            folder.mkdir(parents=True, exist_ok=True)
        for sound in ("sounds/fallback", "music/quiet"):
            with wave.open(str(self.home / f"{sound}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(bytes(16_000))
        self.list.write_text("101\n102\n103\n")
        lists = {f"{name}dir": self.home / "asterisk" / name for name in ("run", "log", "spool")}
        lists |= {f"{name}dir": self.home / "asterisk" / "lib" for name in ("varlib", "db", "key")}
        folders = "".join(f"ast{name} => {path}\n" for name, path in lists.items())
        phones = "".join(
            PHONE.format(number=number, contact=f"contact = sip:{number}@127.0.0.1:{port}")
            for number, port in self.phones.items()
        )
        values = {"agi_script": script, "spool": self.spool, "phones_file": self.list}
        values |= {"beat": self.beat}
        values |= {"sounds": self.home / "sounds", "music": self.home / "music"}
        own = {
            "asterisk.conf": f"[directories]\nastetcdir => {etc}\n{folders}",
            "pjsip.conf": PJSIP.format(port=self.port)
            + phones
            + PHONE.format(number="103", contact="max_contacts = 1"),
            "rtp.conf": "[general]\nrtpstart = 30000\nrtpend = 31999\n",
        }
        own |= dict.fromkeys(("http.conf", "manager.conf"), "[general]\nenabled = no\n")
        shipped = ("modules", "musiconhold", "extensions", "extensions_fallback", "logger")
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(PROJECT / "asterisk_conf"),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701 - configuration files, not HTML
        )
        values |= {"agencies_file": self.agency_list}
        values |= {"music_class": "fallback", "number": "112", "app": "ngalam112"}
        values |= {"claim_ms": CLAIM_MS}
        for name in (f"{one}.conf" for one in shipped):
            own[name] = templates.get_template(name).render(values)
        own["extensions.conf"] += TAKEN
        for name, text in own.items():
            (etc / name).write_text(text)

    async def __aenter__(self) -> Alone:
        self.configure()
        await self.asterisk.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._players.aclose()
        await self.asterisk.stop()

    async def phone(self, number: str, scenario: str) -> SippRun:
        """Let a phone behave as the scenario says."""
        run = SippRun(
            self.programs, self.home / "sipp", scenario, port=self.phones[number], trace=True
        )
        await self._players.enter_async_context(run)
        return run

    async def agency(self, number: str, scenario: str) -> SippRun:
        """A further agency that is always open, and behaves as the scenario says."""
        port = free_port()
        with self.agency_list.open("a") as file:
            file.write(f"{number}|*|PJSIP/outside/sip:desk@127.0.0.1:{port}\n")
        run = SippRun(self.programs, self.home / "sipp", scenario, port=port, trace=True)
        await self._players.enter_async_context(run)
        return run

    async def citizen(self, scenario: str = "citizen_wait_talk_bye", caller: str = "0812") -> None:
        """One citizen calls as the scenario says, and nothing goes wrong in SIP."""
        keys = {"caller": caller, "name": "Warga"}
        target = f"127.0.0.1:{self.port}"
        result = await run_sipp(
            self.programs, self.home / "sipp", scenario, target=target, calls=1, keys=keys
        )
        assert (result.successful, result.failed) == (1, 0)

    async def record(self, status: str) -> dict[str, Any]:
        """The one record in the spool folder, once it is of that status."""

        def ready() -> list[Any]:
            found = [json.loads(path.read_bytes()) for path in self.spool.glob("*.json")]
            return [found] if [one["status"] for one in found] == [status] else []

        return dict((await eventually(ready, what=f"one record that says {status}"))[0][0])

    async def script(self) -> int:
        """The process id of the script that serves this Asterisk's citizen."""

        def serving() -> list[int]:
            found = []
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if str(self.spool).encode() in words and words[0].endswith(b"python3"):
                    found.append(int(folder.name))
            return found

        return int((await eventually(serving, what="the script runs"))[0])
