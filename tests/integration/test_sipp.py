"""SIPp as citizens and phones: who cannot play says so, and no two of them want one port."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import cast

import pytest
from lines import PASSWORD, eventually, open_line

from lab.actors.sipp import SippError, SippRun, credentials, free_port, run_sipp
from lab.chaos import processes
from pbx.programs import Programs

SCENARIO = "citizen_silent_talk_until_bye"
CONTROLLED_FROM = range(8888, 8949)
"""SIPp takes the first of these that is free: sipp -h, -cp, and its setup_ctrl_socket()."""
ALL = 4000


def bound() -> set[tuple[str, int]]:
    """Where the UDP sockets of this machine are, as address and port (proc(5), /proc/net/udp)."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    places = [line.split()[1].split(":") for line in lines]
    return {
        (socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)) for address, port in places
    }


async def test_who_does_not_get_the_port_says_so(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(SippError, match=rf"{SCENARIO}\).* port {port}: .*in use"):
            await run_sipp(
                Programs.find(),
                tmp_path,
                SCENARIO,
                target="127.0.0.1:9",
                port=port,
                calls=1,
                keys={"caller": "0811"},
            )


async def test_nobody_is_given_a_port_that_another_is_controlled_from(tmp_path: Path) -> None:
    before = bound()

    def controlled_from() -> set[str]:
        return {address for address, port in bound() - before if port in CONTROLLED_FROM}

    async with SippRun(Programs.find(), tmp_path, "phone_answer_talk_bye"):
        assert await eventually(controlled_from, what="SIPp is there") == {"127.0.0.1"}
    assert {free_port() for _ in range(ALL)}.isdisjoint(CONTROLLED_FROM)


@pytest.mark.parametrize(
    ("scenario", "begins", "more"),
    [
        ("phone_register_ok", "\nREGISTER sip:", ()),
        ("phone_dial_code_until_bye", "\nINVITE sip:", ("*11",)),
    ],
)
async def test_a_phone_that_had_to_ask_again_is_let_in(
    programs: Programs,
    built_sounds: Path,
    tmp_path: Path,
    scenario: str,
    begins: str,
    more: tuple[str, ...],
) -> None:
    """A slow Asterisk answers every copy that it challenges, and each with a nonce of its own."""
    async with open_line(tmp_path / "line", programs, built_sounds, desks=1) as line:
        asterisk = processes.asterisk(line.settings.home)
        assert asterisk is not None
        phone = SippRun(
            *(programs, tmp_path, scenario),
            target=f"127.0.0.1:{line.settings.sip_port}",
            calls=1,
            rows=[credentials("101", PASSWORD, *more)],
            trace=True,
        )
        os.kill(asterisk, signal.SIGSTOP)
        try:
            async with phone:
                await eventually(lambda: phone.messages().count(begins) >= 2, what="it asks again")
                os.kill(asterisk, signal.SIGCONT)
                result = await asyncio.wait_for(phone.result(), 20)
        finally:
            os.kill(asterisk, signal.SIGCONT)
        assert result.successful == 1, result.why
        assert phone.messages().count("\nSIP/2.0 401") >= 2, "what is played here"


class Registrar(asyncio.DatagramProtocol):
    """Challenges a REGISTER so many times, each time with another nonce, then accepts it."""

    def __init__(self, challenges: int) -> None:
        self._left = challenges
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        status, more = "200 OK", ""
        if self._left:
            status = "401 Unauthorized"
            more = f'WWW-Authenticate: Digest realm="here",nonce="{self._left}",algorithm=MD5\r\n'
            self._left -= 1
        kept = [
            f"{line};tag=t{self._left}" if line.startswith("To:") else line
            for line in data.decode().split("\r\n")
            if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
        ]
        answer = "\r\n".join([f"SIP/2.0 {status}", *kept, f"{more}Content-Length: 0", "", ""])
        assert self._transport is not None
        self._transport.sendto(answer.encode(), addr)


@pytest.mark.parametrize(("challenges", "successful"), [(1, 1), (2, 1), (3, 0)])
async def test_a_phone_answers_a_second_challenge_and_takes_a_third_for_a_refusal(
    tmp_path: Path, challenges: int, successful: int
) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Registrar(challenges), local_addr=("127.0.0.1", 0)
    )
    try:
        result = await run_sipp(
            *(Programs.find(), tmp_path, "phone_register_ok"),
            target=f"127.0.0.1:{transport.get_extra_info('sockname')[1]}",
            calls=1,
            limit_s=10,
            rows=[credentials("101", PASSWORD)],
        )
    finally:
        transport.close()
    assert result.successful == successful, result.why
