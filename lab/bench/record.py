"""Records a call: what a real Asterisk and an engine say to each other over it.

A citizen dials, presses a key, waits, a phone rings and is answered, the two talk, the operator
hangs up; all of it played by SIPp on a line of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.actors.players import Players
from lab.actors.sipp import free_port
from lab.bench.between import Between, Notes
from lab.bench.recording import (
    About,
    Heard,
    Item,
    Recording,
    RecordingError,
    Request,
    Told,
    made_variable,
)
from lab.machine.waiting import eventually
from models.database import Database
from ngalam112.accounts.admin import add_operator, add_phone, load_roster
from ngalam112.cli.client import Client
from ngalam112.config.provision import provision_phones
from ngalam112.config.settings import Settings, load_settings
from ngalam112.process.running_line import EngineProcess, line_asterisk, prepare
from pbx.programs import Programs

PHONE, OPERATOR, CALLER = "739182", "5739182", "081099887766"
_SETTLE_S = 3.0  # Asterisk's last words on a call come after its record


async def record(home: Path, programs: Programs) -> Recording:
    """Play one call on a line in the folder `home`, and return what was said over it."""
    # the engine's ports are those of who stands between; all else is the same line
    ports = {"ari_port": free_port(), "ami_port": free_port()}
    engine_settings = load_settings(
        home=home, sip_port=free_port(), api_port=free_port(), wrap_up_s=0, bind="127.0.0.1",
        database_url="", trunk_match=["127.0.0.0/8"], rtp_ports="20000-29999", **ports,
    )  # fmt: skip
    settings = engine_settings.model_copy(update={"ari_port": free_port(), "ami_port": free_port()})
    await prepare(settings, programs)
    password = await _accounts(settings)
    notes = Notes()
    between = Between(notes, settings.ari_port, settings.ami_port)
    asterisk, engine = line_asterisk(settings, programs), EngineProcess(engine_settings)
    try:
        await asterisk.start()
        async with between.listening(engine_settings.ari_port, engine_settings.ami_port):
            try:
                await engine.start()
                await _play(engine_settings, programs, password, notes)
            finally:
                await engine.stop()
    finally:
        await asterisk.stop()
    version = ".".join(str(part) for part in programs.version("asterisk"))
    about = About(asterisk=version, call="menu, one digit, queue, ring, talk, operator hangs up")
    return Recording(about, notes.line, made_variable(notes.call, _names(notes.call, settings)))


async def _accounts(settings: Settings) -> str:
    async with Database(settings.url) as database:
        phone = await add_phone(database, PHONE, None, None)
        await add_operator(database, OPERATOR, "Petugas", "112112", PHONE)
        _, phones = await load_roster(database)
    provision_phones(settings, phones)
    return phone.password


async def _play(settings: Settings, programs: Programs, password: str, notes: Notes) -> None:
    client = Client(settings)
    async with Players(programs, settings.home / "sipp", settings.sip_port) as players:
        phone = await players.register(PHONE, password)
        await players.behave(phone, "phone_answer_talk_bye", limit_s=60)
        await asyncio.to_thread(client.post, f"/api/operators/{OPERATOR}/login", {})
        notes.begin()
        result = await players.citizens(
            "citizen_key_talk_until_bye", 1, caller=CALLER, keys={"key": "2"}
        )
        if result.successful != 1:
            raise RecordingError("SIPp's citizen was not served, so there is nothing to record.")
        what = "Asterisk has said its last about the call"
        await eventually(lambda: _is_over(notes.call), _SETTLE_S, what, error=RecordingError)


def _is_over(items: list[Item]) -> bool:
    """Whether Asterisk has said its last about both legs and both devices."""
    told = [bytes(item.event) for item in items if isinstance(item, Told)]
    heard = [item.headers for item in items if isinstance(item, Heard)]
    states = {one[2]: one[3] for one in heard if one[0] == "Event: DeviceStateChange"}
    return (
        sum(b'"StasisEnd"' in one for one in told) == 2
        and any(b'"ChannelDestroyed"' in one for one in told)
        and len(states) == 2
        and all(one in ("State: NOT_INUSE", "State: UNAVAILABLE") for one in states.values())
    )


def _names(items: list[Item], settings: Settings) -> dict[str, str]:
    """Return a name for each value that another call would have another of."""
    names = {PHONE: "phone", f"{CALLER}1": "caller", str(settings.sounds): "sounds"}
    for item in items:
        if not isinstance(item, Request):
            continue
        match item.method, item.uri.split("/"), item.query:
            case "POST", ["events", "claim"], {"channelId": citizen}:
                names[citizen] = "citizen"
            case "POST", ["channels"], {"channelId": leg}:
                names[leg] = "leg"
            case "POST", ["bridges", bridge], _:
                names[bridge] = "bridge"
            case "POST", ["channels", _, "play", playback], _:
                names[playback] = f"playback{sum(one.startswith('playback') for one in names)}"
            case _:
                pass
    return names
