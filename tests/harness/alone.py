"""For tests: a real Asterisk with the fallback and no engine.

It has a configuration of its own: a trunk, phones 101 and 102 with fixed contacts, phone 103
without one, and the shipped modules, music class and fallback context.
"""

from __future__ import annotations

import wave
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import jinja2
from lines import eventually

from lab.actors.sipp import SippRun, free_port, run_sipp
from ngalam112.config.provision import BEAT_TOO_OLD_S
from ngalam112.config.settings import PROJECT
from ngalam112.recovery.fallback_files import decoded
from pbx.asterisk import Asterisk
from pbx.programs import Programs

CLAIM_MS = 500

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
rtp_timeout = {silence_s}
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
        self._as_at_first()
        self.asterisk = Asterisk(programs, home / "asterisk", writable=[home], readable=[])
        self._players = AsyncExitStack()

    def _as_at_first(self) -> None:
        self.ring_s = 12  # how long a phone rings alone
        self.silence_s = 0  # after how long without audio a phone is dead; 0: never
        # what is left of another test's transactions comes to the ports of that test
        self.phones = {"101": free_port(), "102": free_port()}

    def configure(self) -> None:
        etc = self.home / "asterisk" / "etc"
        for folder in (etc, self.spool, self.home / "sounds", self.home / "music"):
            folder.mkdir(parents=True, exist_ok=True)
        for sound in ("sounds/fallback", "music/quiet"):
            with wave.open(str(self.home / f"{sound}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(bytes(16_000))
        self._write_members("101", "102", "103")
        lists = {f"{name}dir": self.home / "asterisk" / name for name in ("run", "log", "spool")}
        lists |= {f"{name}dir": self.home / "asterisk" / "lib" for name in ("varlib", "db", "key")}
        folders = "".join(f"ast{name} => {path}\n" for name, path in lists.items())
        phones = "".join(
            PHONE.format(
                number=number,
                silence_s=self.silence_s,
                contact=f"contact = sip:{number}@127.0.0.1:{port}",
            )
            for number, port in self.phones.items()
        )
        values = {"spool": self.spool, "phones_file": self.list}
        values |= {"test_number": "1129", "test_s": 50, "texts": self.spool / "texts.jsonl"}
        values |= {"beat": self.beat, "beat_too_old_s": BEAT_TOO_OLD_S}
        values |= {"door_file": self.beat.with_name("door.waits")}
        values |= {"withheld_numbers": "shown"}
        values |= {"sounds": self.home / "sounds", "music": self.home / "music"}
        own = {
            "asterisk.conf": f"[directories]\nastetcdir => {etc}\n{folders}",
            "pjsip.conf": PJSIP.format(port=self.port)
            + phones
            + PHONE.format(number="103", silence_s=0, contact="max_contacts = 1"),
            "rtp.conf": "[general]\nrtpstart = 30000\nrtpend = 31999\n",
        }
        own |= dict.fromkeys(("http.conf", "manager.conf"), "[general]\nenabled = no\n")
        shipped = (
            "modules",
            "musiconhold",
            "extensions",
            "extensions_fallback",
            "queues",
            "logger",
        )
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(PROJECT / "asterisk_conf"),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701 - configuration files, not HTML
        )
        values |= {"agencies_file": self.agency_list}
        values |= {"music_class": "fallback", "number": "112", "app": "ngalam112"}
        values |= {"claim_ms": CLAIM_MS, "place": False, "languages": [], "recordings": False}
        values |= {"most_per_address": 0}
        for name in (f"{one}.conf" for one in shipped):
            own[name] = templates.get_template(name).render(values)
        own["extensions.conf"] += TAKEN
        own["queues.conf"] = own["queues.conf"].replace(
            "\ntimeout = 12\n", f"\ntimeout = {self.ring_s}\n"
        )
        served = own["extensions_fallback.conf"]
        own["extensions_fallback.conf"] = served.replace("c,,,14,", f"c,,,{self.ring_s + 2},")
        for name, text in own.items():
            (etc / name).write_text(text)

    def _write_members(self, *numbers: str) -> None:
        self.list.write_text("".join(f"{number}\n" for number in numbers))
        members = "".join(f"member = PJSIP/{number}\n" for number in numbers)
        (self.home / "asterisk" / "etc" / "queue_phones.conf").write_text(
            f"[fallback](+)\n{members}"
        )

    async def members(self, *numbers: str) -> None:
        """The phones that the fallback may ring from now on, as an engine changes them."""
        self._write_members(*numbers)
        await self.asterisk.console("module reload app_queue.so")

    async def fresh(self) -> None:
        """Be as at the start, for another test: no calls, no records, nobody plays a phone."""
        await self._players.aclose()
        await self.asterisk.console("channel request hangup all")
        await eventually(self._is_empty, what="no channels")
        for left in (*self.spool.glob("*"), self.agency_list, self.beat):
            left.unlink(missing_ok=True)
        self._as_at_first()
        await self.changed()

    async def changed(self) -> None:
        """Let Asterisk read `ring_s` and the phones anew, while there is no call."""
        self.configure()
        # loaded anew, the queue begins with its first phone, and does not go on behind the last one
        for what in (
            "module reload res_pjsip.so",
            "dialplan reload",
            "module unload app_queue.so",
            "module load app_queue.so",
        ):
            await self.asterisk.console(what)
        await eventually(self._knows_the_phones, what="the phones' new addresses")

    async def _is_empty(self) -> bool:
        return "0 active channels" in await self.asterisk.console("core show channels count")

    async def _knows_the_phones(self) -> bool:
        contacts = await self.asterisk.console("pjsip show contacts")
        members = await self.asterisk.console("queue show fallback")
        known = all(f"127.0.0.1:{port}" in contacts for port in self.phones.values())
        return known and members.count("Not in use") == len(self.phones)

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
        return (await self.records(status))[0]

    async def records(self, *statuses: str) -> list[dict[str, Any]]:
        """All records in the spool folder, once they are of these statuses."""

        def ready() -> list[dict[str, Any]]:
            files = [path.read_bytes() for path in self.spool.glob("*.json")]
            found = [decoded(content) for content in files if content]
            return found if [one["status"] for one in found] == list(statuses) else []

        return list(await eventually(ready, what=f"records that say {statuses}"))
