"""Who gets in, and who does not: asked in plain SIP and HTTP from the same machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from lines import PASSWORD, Line, open_line
from plain_sip import ask

from acd.calls.record import CallRecord
from lab.actors.sipp import SippError
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRUNK = "127.0.0.2"  # another loopback address than the one that the tests speak from


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds, trunk_match=[f"{TRUNK}/32"]) as line:
        yield line


async def answer(line: Line, method: str, uri: str, sender: str, host: str = "127.0.0.1") -> int:
    of = f"<sip:{sender}@{host}>"
    return await asyncio.to_thread(ask, line.settings.sip_port, method, uri, of, host)


async def citizen(line: Line, uri: str, sender: str, *headers: str) -> CallRecord:
    """Dial from the trunk, hang up when answered, and return the record."""
    before = {one.call_id for one in await line.records()}
    port = line.settings.sip_port
    status = await asyncio.to_thread(ask, port, "INVITE", uri, sender, TRUNK, headers)
    assert status == 200, uri
    fresh = [one for one in await line.ended(len(before) + 1) if one.call_id not in before]
    return fresh[0]


@pytest.mark.parametrize("sender", ["stranger", "101", "trunk"])
@pytest.mark.parametrize("uri", ["sip:112@127.0.0.1", "sip:101@127.0.0.1", "sip:*11@127.0.0.1"])
async def test_a_stranger_reaches_nobody(line: Line, sender: str, uri: str) -> None:
    assert await answer(line, "INVITE", uri, sender) in (401, 403)
    assert await line.running.left_over() == 0


@pytest.mark.parametrize("uri", ["sip:101@127.0.0.1", "sip:*11@127.0.0.1", "sip:110@127.0.0.1"])
async def test_the_trunk_reaches_nothing_but_the_number(line: Line, uri: str) -> None:
    assert await answer(line, "INVITE", uri, "0811", TRUNK) in (401, 403, 404)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:112@127.0.0.1",
        "SIP:112@127.0.0.1;user=phone",
        "sip:%31%31%32:password@127.0.0.1",  # RFC 3261
        "tel:112;phone-context=+62",  # RFC 3966
        "sip:1-1-2;phone-context=%2B62@127.0.0.1;user=phone",
        "sip:112;cpc=ordinary;npdi;rn=+62341@127.0.0.1",  # RFC 4694
        "sip:112;phone-context=malang.example@127.0.0.1;user=dialstring",  # RFC 4967
    ],
)
async def test_the_trunk_reaches_the_number_however_it_is_written(line: Line, uri: str) -> None:
    record = await citizen(line, uri, "<sip:0811@127.0.0.2>")
    assert (record.caller_number, record.called_number) == ("0811", "112")


HIDDEN, PILOT = "<sip:anonymous@anonymous.invalid>", '"PT Operator" <sip:0341999999@127.0.0.2>'
BOTH = "P-Asserted-Identity: <sip:+6285123456789;cpc=ordinary@h;user=phone>, <tel:+6285123456789>"


@pytest.mark.parametrize(
    ("sender", "headers", "number"),
    [
        (HIDDEN, (BOTH,), "+6285123456789"),
        (PILOT, (BOTH,), "+6285123456789"),
        (PILOT, ("P-Asserted-Identity: <sip:siti@h>, tel:+62-851-2345",), "+628512345"),
        (
            HIDDEN,
            ("P-Asserted-Identity: <sip:siti@h>", "P-Asserted-Identity: TEL:+628512346"),
            "+628512346",
        ),
        (
            HIDDEN,
            ('P-Asserted-Identity: "x, <tel:110>" <sip:siti@h>, "}${EXTEN}" <tel:+628512347>',),
            "+628512347",
        ),
        (HIDDEN, ('P-Asserted-Identity: "x\\", <tel:110>, \\"" <sip:siti@h>',), "siti"),
        (HIDDEN, ("P-Asserted-Identity: <sip:x,sip:110@h>",), "x,sip"),
        ("<tel:+628512348;cpc=ordinary>", (), "+628512348"),
        ("tel:+628512349", (), "+628512349"),
    ],
)
async def test_the_caller_is_whom_the_carrier_asserts_in_any_form_of_it(
    line: Line, sender: str, headers: tuple[str, ...], number: str
) -> None:
    record = await citizen(line, "sip:112@127.0.0.1", sender, *headers)
    assert record.caller_number == number


@pytest.mark.parametrize(
    "uri", ["sip:127.0.0.1", "sip:127.0.0.1:5060;transport=udp", "sip:ping@127.0.0.1"]
)
async def test_a_session_border_controller_that_asks_whether_the_line_lives_is_told_so(
    line: Line, uri: str
) -> None:
    assert await answer(line, "OPTIONS", uri, "sbc", TRUNK) == 200
    assert await answer(line, "OPTIONS", uri, "sbc") in (401, 403)
    assert await answer(line, "INVITE", uri, "sbc", TRUNK) in (401, 404)


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
