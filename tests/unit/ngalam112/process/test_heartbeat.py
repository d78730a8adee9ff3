"""The heart: what a supervisor hears, and what stands in engine.beat."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ngalam112.process.heartbeat import BeatFile, Heartbeat, Notifier, beat_text, read_beat


def listening(address: str) -> socket.socket:
    endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    endpoint.bind(address)
    endpoint.settimeout(5)
    return endpoint


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[socket.socket]:
    with contextlib.closing(listening(str(tmp_path / "notify"))) as one:
        yield one


def speaking(address: str) -> contextlib.closing[Notifier]:
    return contextlib.closing(Notifier(address))


def test_words_reach_the_supervisor_in_one_datagram(endpoint: socket.socket) -> None:
    with speaking(endpoint.getsockname()) as notifier:
        notifier.say("READY=1", "STATUS=waiting")
    assert endpoint.recv(4096) == b"READY=1\nSTATUS=waiting"


def test_an_abstract_socket_is_reached_too() -> None:
    name = f"ngalam112-test-{os.getpid()}"
    with contextlib.closing(listening(f"\0{name}")) as endpoint, speaking(f"@{name}") as notifier:
        notifier.say("WATCHDOG=1")
        assert endpoint.recv(4096) == b"WATCHDOG=1"


def test_another_supervisor_at_the_same_place_is_reached(tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with speaking(str(place)) as notifier:
        for _ in range(2):
            with contextlib.closing(listening(str(place))) as endpoint:
                notifier.say("WATCHDOG=1")
                assert endpoint.recv(4096) == b"WATCHDOG=1"
            place.unlink()
            notifier.say("WATCHDOG=1")  # nobody is there: no harm


def test_a_supervisor_that_does_not_read_stops_nobody(endpoint: socket.socket) -> None:
    with speaking(endpoint.getsockname()) as notifier:
        for _ in range(10_000):
            notifier.say("WATCHDOG=1")


async def test_no_beat_comes_before_the_proof_is_given(endpoint: socket.socket) -> None:
    endpoint.setblocking(False)
    loop, proven = asyncio.get_running_loop(), asyncio.Event()
    with speaking(endpoint.getsockname()) as notifier:
        heart = Heartbeat(notifier, every_s=0.01)
        heart.proof = proven.wait
        beating = asyncio.create_task(heart.run())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await loop.sock_recv(endpoint, 4096)
        proven.set()
        async with asyncio.timeout(5):
            assert await loop.sock_recv(endpoint, 4096) == b"WATCHDOG=1"
        beating.cancel()


async def test_asterisk_is_asked_at_every_beat() -> None:
    asked = asyncio.Semaphore(0)
    with speaking("") as notifier:
        heart = Heartbeat(notifier, every_s=0.01)
        heart.ask_asterisk = asked.release
        beating = asyncio.create_task(heart.run())
        async with asyncio.timeout(5):
            for _ in range(3):
                await asked.acquire()
        beating.cancel()


def test_a_beat_is_the_monotonic_clock_in_21_bytes(tmp_path: Path) -> None:
    path = tmp_path / "engine.beat"
    assert read_beat(path) is None
    with contextlib.closing(BeatFile(path)) as beat:
        for _ in range(2):
            before = time.monotonic()
            beat.touch()
            at = read_beat(path)
            assert at is not None and before - 1e-6 <= at <= time.monotonic() + 1e-6
            assert path.stat().st_size == 21
    last = path.read_bytes()
    beat.touch()
    assert path.read_bytes() == last, "what comes after the end is no beat"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("now", [0.0, 0.25, 86_400.5, 3_000_000_000.125])
def test_every_beat_has_the_same_length(now: float) -> None:
    assert len(beat_text(now)) == 21
    assert float(beat_text(now)) == now
