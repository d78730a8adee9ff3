"""Who gets in, and who does not: asked in plain SIP and HTTP from the same machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from lines import PASSWORD, Line, eventually, open_line

from lab.actors.sipp import SippError
from ngalam112.config.settings import PROJECT
from pbx.module_folder import installed_modules
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    # the trunk is another loopback address than the one that the tests speak from
    async with open_line(home, programs, built_sounds, trunk_match=["127.0.0.2/32"]) as line:
        yield line


def ask(line: Line, method: str, uri: str, sender: str, host: str = "127.0.0.1") -> int:
    """Send one SIP request and return the first final status (0: no answer)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind((host, 0))
        link.settimeout(3.0)
        port = link.getsockname()[1]
        text = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port}\r\n"
            f"From: <sip:{sender}@{host}>;tag=t{port}\r\nTo: <{uri}>\r\nCall-ID: c{port}@{host}\r\n"
            f"CSeq: 1 {method}\r\nContact: <sip:{sender}@{host}:{port}>\r\nMax-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        link.sendto(text.encode(), ("127.0.0.1", line.settings.sip_port))
        try:
            while True:
                status = int(link.recv(65535).split(b" ", 2)[1])
                if status >= 200:
                    return status
        except TimeoutError:
            return 0


async def answer(line: Line, method: str, uri: str, sender: str, host: str = "127.0.0.1") -> int:
    return await asyncio.to_thread(ask, line, method, uri, sender, host)


@pytest.mark.parametrize("sender", ["stranger", "101", "trunk"])
@pytest.mark.parametrize("uri", ["sip:112@127.0.0.1", "sip:101@127.0.0.1", "sip:*11@127.0.0.1"])
async def test_a_stranger_reaches_nobody(line: Line, sender: str, uri: str) -> None:
    assert await answer(line, "INVITE", uri, sender) in (401, 403)
    assert await line.running.left_over() == 0


@pytest.mark.parametrize("uri", ["sip:101@127.0.0.1", "sip:*11@127.0.0.1", "sip:110@127.0.0.1"])
async def test_the_trunk_reaches_nothing_but_the_number(line: Line, uri: str) -> None:
    assert await answer(line, "INVITE", uri, "0811", "127.0.0.2") in (401, 403, 404)


async def test_the_trunk_reaches_the_number(line: Line) -> None:
    # without an ACK: Asterisk answers and would ask again until its timer ends
    assert await answer(line, "INVITE", "sip:112@127.0.0.1", "0811", "127.0.0.2") == 200


async def test_a_wrong_password_registers_nothing(line: Line) -> None:
    with pytest.raises(SippError):
        await line.players.register("101", "not-the-password")


async def test_a_phone_may_dial_codes_and_colleagues_and_nothing_outside(line: Line) -> None:
    phone = await line.players.register("102", PASSWORD)
    for nothing in ("s", "h"):
        with pytest.raises(SippError):
            await line.players.dial(phone, nothing)
    for outside, why in (("08123456789", "forbidden"), ("911", "nowhere"), ("*99", None)):
        await line.players.dial(phone, outside)  # answered in words, and hung up
        log = line.settings.log_file.read_text()
        if why is not None:
            assert f'"number": "{outside}", "why": "{why}"' in log


async def test_ari_and_ami_are_for_this_machine_and_want_a_password(line: Line) -> None:
    url = f"http://127.0.0.1:{line.settings.ari_port}/ari/channels"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as reply:
            assert reply.status == 401
        wrong = {"Authorization": aiohttp.encode_basic_auth("engine", "wrong")}
        async with session.get(url, headers=wrong) as reply:
            assert reply.status == 401
    for port in (line.settings.ari_port, line.settings.ami_port, line.settings.api_port):
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.2", port)


async def test_who_has_aris_password_loads_nothing_more_and_reads_no_phones_password(
    line: Line,
) -> None:
    settings, programs = line.settings, line.running.asterisk._programs
    installed = installed_modules(programs)
    assert installed is not None and programs.host_path(f"{installed}/func_shell.so").exists()
    sign = aiohttp.encode_basic_auth("engine", settings.secrets.ari_password)
    base = f"http://127.0.0.1:{settings.ari_port}/ari/asterisk"
    async with aiohttp.ClientSession(headers={"Authorization": sign}) as session:
        for name in ("func_shell.so", f"{installed}/func_shell.so", "../../../func_shell.so"):
            path = quote(name, safe="")
            async with session.post(f"{base}/modules/{path}") as reply:
                assert reply.status >= 400, (name, await reply.text())
        async with session.get(f"{base}/modules") as reply:
            names = {one["name"] for one in await reply.json()}
        # the others are parts of Asterisk itself
        loaded = {name for name in names if name.endswith(".so")}
        wanted = set((PROJECT / "asterisk_conf" / "modules.conf").read_text().split())
        assert "func_shell.so" not in loaded and loaded <= wanted
        async with session.get(f"{base}/config/dynamic/res_pjsip/auth/101") as reply:
            told = {one["attribute"]: one["value"] for one in await reply.json()}
    assert told["password"] == "" and PASSWORD not in str(told)


async def test_secrets_are_private_and_in_no_log(line: Line) -> None:
    home, secrets = line.settings.home, line.settings.secrets
    for path in [home / "secrets.json", *(home / "asterisk" / "etc").glob("*.conf")]:
        assert path.stat().st_mode & 0o077 == 0, path
    logged = (home / "log" / "engine.jsonl").read_text()
    logged += (home / "asterisk" / "log" / "messages").read_text()
    for secret in (secrets.ari_password, secrets.ami_password, secrets.api_token, PASSWORD):
        assert secret not in logged


async def test_ami_cannot_start_calls_or_touch_the_configuration(
    line: Line,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", line.settings.ami_port)
    try:
        async with asyncio.timeout(5):
            await reader.readline()
            writer.write(
                f"Action: Login\r\nUsername: engine\r\n"
                f"Secret: {line.settings.secrets.ami_password}\r\nEvents: off\r\n\r\n".encode()
            )
            assert b"Success" in await reader.readuntil(b"\r\n\r\n")
            for action in (
                "Action: Command\r\nCommand: core show version",
                "Action: Originate\r\nChannel: PJSIP/101\r\nApplication: Echo",
                "Action: GetConfig\r\nFilename: pjsip.conf",
                "Action: UpdateConfig\r\nSrcFilename: pjsip.conf\r\nDstFilename: pjsip.conf",
            ):
                writer.write(f"{action}\r\n\r\n".encode())
                reply = await reader.readuntil(b"\r\n\r\n")
                assert b"Response: Error" in reply and b"Permission denied" in reply, action
    finally:
        writer.close()


async def test_an_address_that_guesses_passwords_is_banned_and_no_other(line: Line) -> None:
    guesser, log = "127.0.0.66", line.settings.asterisk_home / "log" / "messages"
    for _ in range(25):
        assert await answer(line, "REGISTER", "sip:127.0.0.1", "nobody", guesser) in (401, 403)

    async def banned() -> bool:
        return await answer(line, "REGISTER", "sip:127.0.0.1", "101", guesser) == 403

    await eventually(banned, within=15, what="Asterisk refuses the address")
    assert await answer(line, "REGISTER", "sip:127.0.0.1", "101") == 401, "another address"
    assert await answer(line, "INVITE", "sip:112@127.0.0.1", "0812", "127.0.0.2") == 200
    found = line.settings.log_file.read_text()
    assert found.count("address_banned") == 1 and f'"address": "{guesser}"' in found
    assert not (log.parent / "security").exists(), "which grew by 340 bytes a request"
    await line.players.register("103", PASSWORD)
