"""Recording hear and are heard by whom they talk with, and by nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lab.actors import sipp
from lab.chaos.rtp_endpoints import ALAW, HOST, PORTS, VOICE, _Endpoint


@pytest.fixture
def ear() -> Iterator[_Endpoint]:
    """An ear that speaks."""
    made = _Endpoint(speaks=True, presses=False)
    yield made
    made.socket.close()


def test_no_port_that_sipp_offers_is_an_ears() -> None:
    assert max(sipp._BLOCKS) + sipp._RTP_BLOCK <= min(PORTS)
    assert all(port % 2 == 0 for port in PORTS)


def test_an_ear_speaks_to_whom_it_hears_and_to_no_reporter(ear: _Endpoint) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reporter,
    ):
        for one in (talker, reporter):
            one.bind((HOST, 0))
            one.settimeout(1.0)
        talker.sendto(bytes([0x80, ALAW]) + bytes(10) + VOICE, (HOST, ear.heard.port))
        ear.receive(1.0)
        reporter.sendto(bytes([0x80, 200]) + bytes(26), (HOST, ear.heard.port))
        ear.receive(1.1)
        ear.speak()
        assert talker.recv(2048)[12:] == VOICE
        assert ear.heard.voices == [1.0]
