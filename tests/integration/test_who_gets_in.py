"""Who gets in, and who does not: asked in plain SIP and HTTP from the same machine."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from lines import PASSWORD, Line, eventually, open_line
from plain_sip import ask
from tone_phone import TonePhone

from acd.calls.record import CallRecord
from lab.actors.sipp import SippError
from ngalam112.cli.doctor_links import Check
from ngalam112.cli.doctor_nat import check_nat
from ngalam112.config.settings import PROJECT
from pbx.module_folder import installed_modules
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")
SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8\r\n"
)
TRUNK = "127.0.0.2"  # another loopback address than the one that the tests speak from


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    # the trunk is another loopback address than the one that the tests speak from
    # and strangers call from it far too often
    changes = {"trunk_match": [f"{TRUNK}/32"], "never_ban": ["127.0.0.1/32"]}
    async with open_line(home, programs, built_sounds, **changes) as line:
        yield line


class Caller:
    """Somebody who speaks plain SIP, one dialog each."""

    def __init__(self, line: Line, sender: str, host: str = "127.0.0.1") -> None:
        self.link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.link.bind((host, 0))
        self.link.settimeout(3.0)
        self.port, self.host, self.sender = self.link.getsockname()[1], host, sender
        self.call_id, self.tag = f"c{self.port}@{host}", f"t{self.port}"
        self.line, self.sent, self.to_tag = line, 0, ""

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()

    def send(
        self,
        method: str,
        uri: str,
        *headers: str,
        to_tag: str = "",
        ack: int = 0,
        body: str = "",
    ) -> None:
        """Send a request; `ack`: the number of the INVITE that it acknowledges; `body`: SDP."""
        self.sent += not ack
        host, to = f"{self.host}:{self.port}", f"<{uri}>" + (f";tag={to_tag}" if to_tag else "")
        rows = (
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host};branch=z9hG4bK{self.port}{method}{self.sent}",
            f"From: <sip:{self.sender}@{self.host}>;tag={self.tag}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {ack or self.sent} {method}",
            f"Contact: <sip:{self.sender}@{host}>",
            "Max-Forwards: 70",
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        )
        text = "\r\n".join(rows) + "\r\n\r\n" + body
        self.link.sendto(text.encode(), ("127.0.0.1", self.line.settings.sip_port))

    def final(self) -> str:
        """Return the first final answer."""
        while True:
            text = self.link.recv(65535).decode()
            if text.startswith("SIP/2.0 ") and int(text[8:11]) >= 200:
                return text

    def asks(self, method: str, uri: str, *headers: str, body: str = "") -> str:
        """Send a request and return its final answer; one to an INVITE is acknowledged."""
        self.send(method, uri, *headers, body=body)
        text = self.final()
        if method == "INVITE":
            tag = re.search(r"^To:.*;tag=(\S+)", text, re.MULTILINE)
            self.to_tag = tag[1] if tag else ""
            self.send("ACK", uri, to_tag=self.to_tag, ack=self.sent)
        return text


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


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
async def test_who_has_a_phone_is_not_told_from_who_has_none(line: Line, method: str) -> None:
    def shape(sender: str, *headers: str) -> str:
        with Caller(line, sender) as caller:
            text = caller.asks(method, "sip:somewhere@127.0.0.1", *headers)
        for own in (caller.call_id, f"sip:{sender}@", str(caller.port)):
            text = text.replace(own, "X")
        return re.sub(r'(nonce|opaque)="[^"]+"|(tag|branch)=[^;\s]+', r"\1\2", text)

    wrong = (
        'Authorization: Digest username="X", realm="ngalam112", nonce="1/a", uri="sip:x", '
        f'response="{"0" * 32}", algorithm=MD5, qop=auth, cnonce="1", nc=00000001'
    )
    for headers in ((), (wrong,)):
        known = await asyncio.to_thread(shape, "101", *headers)
        assert known.startswith("SIP/2.0 401 ") and 'realm="ngalam112"' in known
        for nobody in ("199", "stranger", "trunk", "outside", "nobody", "h", "s"):
            assert await asyncio.to_thread(shape, nobody, *headers) == known, nobody


@pytest.mark.parametrize("sender", ["trunk", "outside", "nobody", "0811"])
@pytest.mark.parametrize("user", ["h", "s", "i", "t", "returned", "trunk"])
async def test_the_trunk_names_no_endpoint_and_no_place_of_the_dialplan(
    line: Line, sender: str, user: str
) -> None:
    calls = (await line.get("/api/status"))["calls"]
    assert await answer(line, "INVITE", f"sip:{user}@127.0.0.1", sender, "127.0.0.2") == 401
    assert (await line.get("/api/status"))["calls"] == calls


async def test_nobody_takes_the_place_of_a_citizen_who_waits(line: Line) -> None:
    def takes_it() -> str:
        with Caller(line, "0814", "127.0.0.2") as other:
            mine = f"{citizen.call_id};to-tag={citizen.to_tag};from-tag={citizen.tag}"
            return other.asks("INVITE", "sip:112@127.0.0.1", f"Replaces: {mine}")

    citizen = Caller(line, "0813", "127.0.0.2")
    with citizen:
        text = await asyncio.to_thread(citizen.asks, "INVITE", "sip:112@127.0.0.1")
        assert text.startswith("SIP/2.0 200 ")

        async def known() -> bool:
            living = (await line.get("/api/status"))["living"]
            return [one["caller"] for one in living].count("0813") == 1

        await eventually(known, what="the citizen's call lives")
        assert (await asyncio.to_thread(takes_it)).startswith(("SIP/2.0 401 ", "SIP/2.0 403 "))
        assert await known()
        await asyncio.to_thread(citizen.send, "BYE", "sip:112@127.0.0.1", to_tag=citizen.to_tag)
        (record,) = await line.ended(1, "0813")
        assert record.ended_by == "caller"


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


def hears(audio: socket.socket, within: float) -> int:
    """How many packets come to a port in this time."""
    audio.settimeout(0.1)
    count, end = 0, time.monotonic() + within
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            audio.recv(2048)
            count += 1
    return count


def speak(link: socket.socket, port: int, packets: int, first: int = 0) -> None:
    """Send so many packets of silence to a port of the line, as audio comes: 50 a second."""
    for number in range(first, first + packets):
        time.sleep(0.02)
        head = struct.pack("!BBHII", 0x80, 8, number, number * 160, 112)
        link.sendto(head + bytes([0xD5]) * 160, ("127.0.0.1", port))


def press(link: socket.socket, port: int, key: int, first: int) -> None:
    """Press a key (RFC 4733): ten packets of one event, its end three times."""
    for turn in range(10):
        time.sleep(0.02)
        last = turn >= 7
        payload = struct.pack("!BBH", key, 0x8A if last else 10, 160 * min(turn + 1, 8))
        head = struct.pack("!BBHII", 0x80, 101 | (not turn) << 7, first + turn, first * 160, 112)
        link.sendto(head + payload, ("127.0.0.1", port))


def presses(line: Line, number: str, links: list[tuple[socket.socket, int]], own: int) -> None:
    """Dial 112, naming the port `own`; from each link come some audio and a key, in turn."""
    with Caller(line, number, TRUNK) as citizen:
        sdp = SDP.format(host=TRUNK, port=own).replace("AVP 8", "AVP 8 101")
        sdp += "a=rtpmap:101 telephone-event/8000\r\n"
        answered = citizen.asks("INVITE", "sip:112@127.0.0.1", body=sdp)
        port = int(re.search(r"^m=audio (\d+) ", answered, re.MULTILINE)[1])  # type: ignore[index]
        for link, key in links:
            speak(link, port, 50)
            press(link, port, key, 50)
        time.sleep(0.2)
        citizen.send("BYE", "sip:112@127.0.0.1", to_tag=citizen.to_tag)


async def chosen(line: Line, number: str) -> tuple[str | None, str]:
    """The category of a call that is over, and by what it came to be known."""
    (record,) = await line.ended(1, number)
    return record.category, record.category_source.value


@contextlib.contextmanager
def audio(host: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind((host, 0))
        yield link


async def test_a_strangers_audio_draws_no_citizens_call_away(line: Line) -> None:
    def draws(stranger: socket.socket, own: socket.socket) -> tuple[int, int]:
        with Caller(line, "0816", TRUNK) as citizen:
            sdp = SDP.format(host=TRUNK, port=own.getsockname()[1])
            answered = citizen.asks("INVITE", "sip:112@127.0.0.1", body=sdp)
            port = int(re.search(r"^m=audio (\d+) ", answered, re.MULTILINE)[1])  # type: ignore[index]
            speak(stranger, port, 50)
            drawn = hears(stranger, 1.0), hears(own, 1.0)
            citizen.send("BYE", "sip:112@127.0.0.1", to_tag=citizen.to_tag)
            return drawn

    with audio("127.0.0.3") as stranger, audio(TRUNK) as own:
        to_stranger, to_citizen = await asyncio.to_thread(draws, stranger, own)
    assert to_stranger == 0
    assert to_citizen > 10, "the citizen hears the menu"
    await line.ended(1, "0816")


async def test_a_strangers_key_chooses_nothing_and_the_citizens_own_does(line: Line) -> None:
    with audio("127.0.0.3") as stranger, audio(TRUNK) as own:
        port = own.getsockname()[1]
        await asyncio.to_thread(presses, line, "0817", [(stranger, 3), (own, 4)], port)
        assert await chosen(line, "0817") == ("power", "menu")
        await asyncio.to_thread(presses, line, "0818", [(stranger, 3)], port)
        assert await chosen(line, "0818") == (None, "none")


async def test_a_key_from_behind_a_nat_chooses_where_the_carrier_is_said_to_be_behind_one(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(
        tmp_path, programs, built_sounds, trunk_match=[f"{TRUNK}/32"], trunk_nat=True
    ) as line:
        with audio(TRUNK) as named, audio(TRUNK) as translated:
            port = named.getsockname()[1]
            await asyncio.to_thread(presses, line, "0819", [(translated, 4)], port)
        assert await chosen(line, "0819") == ("power", "menu")


async def test_the_doctor_names_a_phone_behind_a_nat_for_nobody_would_hear_it(line: Line) -> None:
    assert [one.found for one in check_nat(line.settings)] == [
        "no phone has registered from behind a NAT"
    ]
    phone = TonePhone("103", 700, line.settings.sip_port, PASSWORD)
    phone.says = "192.0.2.7"
    async with phone:
        # Asterisk keeps registrations in memory for up to a second before it writes them

        def warned() -> Check | None:
            return next((one for one in check_nat(line.settings) if one.state == "warning"), None)

        told = await eventually(warned, what="a warning")
    assert told.found == (
        "behind a NAT, so nobody hears them: 103 (says 192.0.2.7, comes from 127.0.0.1)"
    )
    assert "NGALAM112_PHONE_NAT=true" in told.mend
