"""Copies of SIP messages: INVITEs that come in and refusals get through; only Asterisk's count."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.actors.sipp import free_port
from pbx.hep import HOST, PASSWORD_LENGTH, Copy, listening_socket, read_copy

PASSWORD = "p" * PASSWORD_LENGTH
INVITE = b"INVITE sip:112@127.0.0.1 SIP/2.0\r\n\r\n"


def chunk(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, 6 + len(value)) + value


def copied(
    packet: bytes = INVITE,
    *,
    sender: str = "192.0.2.1",
    from_port: int = 5080,
    to_port: int = 5060,
    call_id: str = "a@b",
    password: str = PASSWORD,
) -> bytes:
    """What res_hep sends, with its chunks in its order."""
    address = ip_address(sender).packed
    version = 4 if len(address) == 4 else 6
    chunks = [
        chunk(1, bytes([2 if version == 4 else 10])),
        chunk(2, b"\x11"),
        chunk(7, struct.pack("!H", from_port)),
        chunk(8, struct.pack("!H", to_port)),
        chunk(9, bytes(4)),
        chunk(10, bytes(4)),
        chunk(11, b"\x01"),
        chunk(12, bytes(4)),
        chunk(3 if version == 4 else 5, address),
        chunk(4 if version == 4 else 6, address),
        chunk(14, password.encode()),
        chunk(17, call_id.encode()),
        chunk(15, packet),
    ]
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", (6 + len(body)) & 0xFFFF) + body


@pytest.mark.parametrize("sender", ["192.0.2.1", "2001:db8::1"])
def test_a_copy_tells_who_sent_it_its_call_id_and_its_bytes(sender: str) -> None:
    assert read_copy(copied(sender=sender), PASSWORD) == Copy(sender, "a@b", INVITE)


def test_a_copy_without_the_password_is_nobodys() -> None:
    assert read_copy(copied(password="q" * PASSWORD_LENGTH), PASSWORD) is None
    assert read_copy(copied(password=""), PASSWORD) is None


@given(st.binary(max_size=300), st.integers(0, 250))
def test_whatever_comes_is_a_copy_or_nothing(noise: bytes, at: int) -> None:
    good = copied()
    for datagram in (noise, b"HEP3" + noise, good[:at] + noise + good[at:], good[:at]):
        found = read_copy(datagram, PASSWORD)
        assert found is None or isinstance(found, Copy)


@pytest.mark.parametrize("sender", ["192.0.2.1", "2001:db8::1"])
def test_the_kernel_lets_through_nothing_but_invites_that_come_in_and_refusals(sender: str) -> None:
    port = free_port()
    with (
        listening_socket(port, 5060) as link,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asterisk,
    ):
        for datagram in (
            copied(b"BYE sip:112@127.0.0.1 SIP/2.0\r\n\r\n", sender=sender),
            copied(b"ACK sip:101@phone SIP/2.0\r\n\r\n", sender=sender, to_port=5070),
            copied(b"SIP/2.0 200 OK\r\n\r\n", sender=sender, from_port=5060, to_port=5080),
            copied(b"SIP/2.0 180 Ringing\r\n\r\n", sender=sender, from_port=5060),
            copied(b"SIP/2.0 486 Busy\r\n\r\n", sender=sender),  # of a phone
            copied(b"SIP/", sender=sender, from_port=5060),
            copied(b"OPTIONS sip:x SIP/2.0\r\n\r\n", sender=sender),
            copied(sender=sender, to_port=5070),  # one of ours, to a phone
            b"HEP3",
            b"",
            b"INVI" * 100,
            copied(sender=sender, call_id="x" * 1000),
            copied(sender=sender),
            copied(b"SIP/2.0 401 x\r\n\r\n", sender=sender, from_port=5060, to_port=5080),
            copied(b"SIP/2.0 603 x\r\n\r\n", sender=sender, from_port=5060, call_id="xx"),
            copied(b"ACK sip:112@127.0.0.1 SIP/2.0\r\n\r\n", sender=sender, call_id="ack"),
        ):
            asterisk.sendto(datagram, (HOST, port))
        link.setblocking(True)
        link.settimeout(5.0)
        got = [read_copy(link.recv(65535), PASSWORD) for _ in range(5)]
        assert [one and len(one.call_id) for one in got] == [1000, 3, 3, 2, 3]
        link.setblocking(False)
        with pytest.raises(BlockingIOError):
            link.recv(65535)
