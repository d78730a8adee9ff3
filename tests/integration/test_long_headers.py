"""Whatever a caller's headers hold, no frame that Asterisk sends over a WebSocket becomes long."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from lines import Line, open_line

from ngalam112.config.provision import APP, ARI_USER
from pbx.programs import Programs

LONG = 60_000  # a packet of SIP has 65,535 bytes at most
LONGEST_FRAME = 32_000  # a variable's value has 4,095 signs at most, each of which becomes four
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8\r\n"
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line whose application is the test's own: its engine has stopped."""
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, brief_sounds, desks=0) as line:
        await line.running.engine.stop(signal.SIGTERM)
        yield line


def invite(line: Line, port: int, what: str, caller: str, call_id: str, header: str) -> bytes:
    """An INVITE to 112; `caller` is the name and address in From."""
    lines = [
        f"INVITE sip:112@127.0.0.1:{line.settings.sip_port} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{abs(hash(what))}",
        f"From: {caller};tag=1",
        "To: <sip:112@127.0.0.1>",
        f"Call-ID: {call_id}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:citizen@127.0.0.1:{port}>",
        "Max-Forwards: 70",
        header,
        "Content-Type: application/sdp",
        f"Content-Length: {len(SDP)}",
        "",
        SDP,
    ]
    return "\r\n".join(lines).encode()


FROM = "<sip:0891@127.0.0.1>"
PLAIN = "Subject: darurat"
CASES = {
    "a name": (f'"{"a" * LONG}" {FROM}', "1@citizen", PLAIN),
    "a name of quotes": ('"' + '\\"' * (LONG // 2) + f'" {FROM}', "2@citizen", PLAIN),
    "a name of control signs": ('"' + "\x01" * LONG + f'" {FROM}', "3@citizen", PLAIN),
    "a number": (f"<sip:{'8' * LONG}@127.0.0.1>", "4@citizen", PLAIN),
    "a Call-ID": (FROM, "5" + "x" * LONG, PLAIN),
    "a Call-ID of quotes": (FROM, "6" + '"' * LONG, PLAIN),
    "an asserted name": (FROM, "7@citizen", f'P-Asserted-Identity: "{"p" * LONG}" {FROM}'),
    "a diversion": (FROM, "8@citizen", f'Diversion: "{"d" * LONG}" {FROM};reason=unknown'),
    "a language": (FROM, "10@citizen", f"Accept-Language: {'en;q=0.5,' * (LONG // 9)}jv"),
    "a priority": (FROM, "9@citizen", f"Resource-Priority: {'q' * LONG}.1"),
}


@pytest.mark.parametrize("what", CASES)
async def test_a_header_of_60_kb_makes_no_long_frame(line: Line, what: str) -> None:
    frames = await frames_of_a_call(line, what)
    longest = max(frames, key=lambda kind: frames[kind])
    assert {"CallBroadcast", "StasisStart", "RESTResponse", "StasisEnd"} <= frames.keys()
    assert frames[longest] < LONGEST_FRAME, longest


async def frames_of_a_call(line: Line, what: str) -> dict[str, int]:
    """Call, and return how many bytes the longest frame of each type has."""
    settings, frames = line.settings, dict[str, int]()
    sign = {"Authorization": aiohttp.encode_basic_auth(ARI_USER, settings.secrets.ari_password)}
    base = f"http://127.0.0.1:{settings.ari_port}/ari"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as citizen:
        citizen.bind(("127.0.0.1", 0))
        port = citizen.getsockname()[1]
        async with (
            aiohttp.ClientSession(headers=sign) as session,
            session.ws_connect(f"{base}/events?app={APP}", max_msg_size=0) as events,
        ):
            packet = invite(line, port, what, *CASES[what])
            citizen.sendto(packet, ("127.0.0.1", settings.sip_port))
            while "StasisEnd" not in frames:
                text = await events.receive_str(timeout=10.0)
                told = json.loads(text)
                frames[told["type"]] = max(frames.get(told["type"], 0), len(text.encode()))
                if told["type"] == "CallBroadcast":
                    claim = {"application": APP, "channelId": told["channel"]["id"]}
                    await session.post(f"{base}/events/claim", params=claim)
                elif told["type"] == "StasisStart":
                    for request in questions(told["channel"]["id"]):
                        await events.send_str(json.dumps({"type": "RESTRequest", **request}))
    return frames


def questions(channel: str) -> list[dict[str, Any]]:
    """What an engine asks about one channel, and last that it be hung up."""
    call_id = [{"name": "variable", "value": "CHANNEL(pjsip,call-id)"}]
    about = f"channels/{channel}"
    return [
        {"request_id": "1", "method": "GET", "uri": about},
        {"request_id": "2", "method": "GET", "uri": f"{about}/variable", "query_strings": call_id},
        {"request_id": "3", "method": "DELETE", "uri": about},
    ]
