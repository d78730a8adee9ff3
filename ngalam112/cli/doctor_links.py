"""The doctor's look at what runs: ports, Asterisk's ARI and AMI, the engine, the phones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import aiohttp
import msgspec

from ngalam112.cli.client import Client, ClientError, EngineDown
from ngalam112.config.provision import AMI_USER, ARI_USER
from ngalam112.config.settings import Settings, SettingsError
from ngalam112.engine.clock import STEP_S
from pbx.asterisk import AsteriskError, check_ports

START = "start the line: ngalam112 up"
_LIMIT_S = 5.0

State = Literal["ok", "warning", "wrong", "unknown"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `mend` says what to do where it is wrong, or warned of."""

    what: str
    state: State
    found: str
    mend: str = ""


def ok(what: str, found: str) -> Check:
    """Return that all is well."""
    return Check(what=what, state="ok", found=found)


def wrong(what: str, found: object, mend: str) -> Check:
    """Return what is wrong, and the fix."""
    return Check(what=what, state="wrong", found=str(found), mend=mend)


def warning(what: str, found: object, mend: str) -> Check:
    """Return what the line works with, and should not for long; and the fix."""
    return Check(what=what, state="warning", found=str(found), mend=mend)


def check_ports_of_line(
    settings: Settings, asterisk: bool, ami: bool, engine: bool
) -> Iterator[Check]:
    """A port is free, or it is our own line that has it."""
    loopback = "127.0.0.1"
    for name, bind, port, ours in (
        ("SIP", settings.bind, settings.sip_port, asterisk),
        ("ARI", loopback, settings.ari_port, asterisk),
        ("AMI", loopback, settings.ami_port, ami),
        ("API", loopback, settings.api_port, engine),
    ):
        what, setting = f"{name} port {port}", f"NGALAM112_{name}_PORT"
        sip = {setting: port} if name == "SIP" else {}
        try:
            check_ports(bind, sip, {setting: port})
        except AsteriskError as error:
            mend = f"stop what has it, or set {setting}"
            yield ok(what, "held by this line") if ours else wrong(what, error, mend)
        else:
            yield ok(what, "free")


async def check_ari(settings: Settings) -> Check:
    """Ask Asterisk's ARI for a sign of life, with our password."""
    return await _link("ARI", settings, _ask_ari)


async def check_ami(settings: Settings) -> Check:
    """Log in at Asterisk's AMI."""
    return await _link("AMI", settings, _ask_ami)


async def _link(what: str, settings: Settings, ask: Callable[[Settings], Awaitable[bool]]) -> Check:
    if not (settings.home / "secrets.json").exists():
        return wrong(what, "no line has ever run here", START)
    try:
        async with asyncio.timeout(_LIMIT_S):
            let_in = await ask(settings)
    except ConnectionRefusedError:
        return wrong(what, "nobody listens; Asterisk is not running", START)
    except aiohttp.ClientConnectorError:
        return wrong(what, "nobody listens; Asterisk is not running", START)
    except TimeoutError:
        return wrong(what, f"no answer in {_LIMIT_S:g} s", "stop the line and start it again")
    except (OSError, EOFError, aiohttp.ClientError, SettingsError) as error:
        return wrong(what, f"no sense in the answer ({error})", "check the port's setting")
    if not let_in:
        mend = "stop that Asterisk and start the line; or set other ports"
        return wrong(what, "an Asterisk with other secrets answers", mend)
    return ok(what, "answers and knows our password")


async def _ask_ari(settings: Settings) -> bool:
    auth = aiohttp.BasicAuth(ARI_USER, settings.secrets.ari_password)
    url = f"http://127.0.0.1:{settings.ari_port}/ari/asterisk/ping"
    async with aiohttp.ClientSession(auth=auth) as session, session.get(url) as response:
        return response.status == 200


async def _ask_ami(settings: Settings) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.ami_port)
    try:
        login = {"Action": "Login", "Username": AMI_USER, "Secret": settings.secrets.ami_password}
        lines = [f"{name}: {value}\r\n" for name, value in {**login, "Events": "off"}.items()]
        writer.write("".join([*lines, "\r\n"]).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        return b"Response: Success" in answer
    finally:
        writer.close()


def check_engine(settings: Settings) -> tuple[bool, Check, Check]:
    """Ask the engine: whether it is ours, what it says of its links, and of the phones."""
    what = "engine"
    unseen = Check(what="phones", state="unknown", found="only the engine knows")
    try:
        client = Client(settings, _LIMIT_S)
        status, phones = client.get("/api/status"), client.get("/api/phones")["phones"]
        operators = client.get("/api/operators")["operators"]
    except EngineDown:
        return False, wrong(what, "it is down", START), unseen
    except (ClientError, SettingsError) as error:
        return False, wrong(what, error, START), unseen
    engine = status["engine"]
    down = [name for name in ("ari", "ami", "database") if not engine[name]]
    if down:
        found = f"it answers, but is without {', '.join(down)}"
        check = wrong(what, found, f"fix what is above; see {settings.log_file}")
    elif engine["journal_failing_since"]:
        check = wrong(what, "it cannot write its journal", "see the disk of the state folder")
    elif abs(ahead := engine.get("clock_ahead_s", 0.0)) > STEP_S:
        found = f"the machine's clock was set: it is {ahead:+.1f} s ahead of the engine's"
        check = warning(what, found, "wait until no call is open, or: ngalam112 engine restart")
    else:
        check = ok(what, f"version {engine['version']}, up {engine['uptime_s']:.0f} s")
    return True, check, _phones(phones, operators)


def _phones(phones: list[dict[str, Any]], operators: list[dict[str, Any]]) -> Check:
    what = "phones"
    if not phones:
        return wrong(what, "there are none", "add one: ngalam112 phone add 101")
    missing = [one["number"] for one in phones if one["device"] not in ("free", "in_use")]
    there = f"{len(phones) - len(missing)} of {len(phones)} can be reached"
    seats = {one["phone"] for one in operators if one["status"] != "logged_out"}
    needed = [number for number in missing if number in seats]
    if needed:
        found = f"{there}; operators sit at {', '.join(needed)}"
        return wrong(what, found, "register these softphones: user, password, address")
    if len(missing) == len(phones):
        return wrong(what, there, "register a softphone: user, password, address")
    return ok(what, there + (f"; not {', '.join(missing)}" if missing else ""))
