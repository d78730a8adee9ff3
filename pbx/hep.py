"""Copies of SIP messages that Asterisk sends (HEP version 3, res_hep_pjsip), and which are wanted.

Asterisk hands the body of an INVITE to nobody: not to the dialplan, not to ARI and not to AMI. But
it copies each SIP message to a UDP socket. The socket of `listening_socket` has a filter in the
kernel that lets through only the INVITEs and ACKs that come in, of each call one, and what Asterisk
refuses; the others cost the program nothing. Source: HEP3 specification rev. 12 (sipcapture),
res/res_hep.c.
"""

from __future__ import annotations

import contextlib
import ctypes
import hmac
import socket
import struct
from ipaddress import ip_address

import msgspec

HOST = "127.0.0.1"
PASSWORD_LENGTH = 32
"""Of the password in each copy; the filter counts on it."""
LONGEST_CALL_ID = 255
"""A copy has all of a Call-ID; where Asterisk tells it to the engine, it is cut here."""

_MOST_CHUNKS = 32
_SRC = {3: 4, 5: 16}  # chunk types of the sender's address, and their lengths
_AUTH_KEY, _PAYLOAD, _CALL_ID = 14, 15, 17
_BUFFER = 1 << 20

# Offsets in a copy, which begins with chunks of fixed length. In a filter they count from the
# header of UDP, which has 8 bytes.
_UDP = 8
_FAMILY, _SRC_PORT, _DST_PORT, _ADDRESSES = 12, 26, 34, 73
_V4, _V6 = 2, 10  # as Linux numbers them; in each of them Asterisk sends two addresses
_SO_ATTACH_FILTER = 26


class Copy(msgspec.Struct, frozen=True):
    """A SIP message: who sent it, its Call-ID, and its bytes."""

    sender: str
    call_id: str
    packet: bytes


def read_copy(datagram: bytes, password: str) -> Copy | None:
    """Return the SIP message of a copy; None for what is no copy, or has another password."""
    if datagram[:4] != b"HEP3":
        return None
    sender, call_id, packet, key = "", "", b"", b""
    at = 6
    for _ in range(_MOST_CHUNKS):
        if at + 6 > len(datagram):
            break
        vendor, kind, length = struct.unpack_from("!HHH", datagram, at)
        if length < 6 or at + length > len(datagram):
            return None
        value = datagram[at + 6 : at + length]
        at += length
        if vendor == 0 and len(value) == _SRC.get(kind):
            sender = str(ip_address(value))
        elif vendor == 0 and kind == _CALL_ID:
            call_id = value.decode("utf-8", "replace")
        elif vendor == 0 and kind == _PAYLOAD:
            packet = value
        elif vendor == 0 and kind == _AUTH_KEY:
            key = value
    if not hmac.compare_digest(key, password.encode()) or not (sender and call_id and packet):
        return None
    return Copy(sender, call_id, packet)


def listening_socket(port: int, sip_port: int) -> socket.socket:
    """Return a bound socket that gets copies of INVITEs and ACKs to `sip_port`, and its refusals.

    A refusal is an answer from 400 on to whatever request. Raises OSError.

    Where the kernel knows no filters it gets all copies, and `read_copy` has more to do.
    """
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        link.setblocking(False)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        # before it is bound, so that nothing else ever gets in
        with contextlib.suppress(OSError):
            _attach(link, _filter(sip_port))
        link.bind((HOST, port))
    except BaseException:
        link.close()
        raise
    return link


_Instruction = tuple[int, int, int, int]
"""Of a classic BPF program: code, how many to skip if equal, how many if not, constant."""

_LOAD_BYTE, _LOAD_HALF, _ADD, _TO_X = 0x30, 0x28, 0x04, 0x07
_WORD_BEHIND_X, _BYTE_BEHIND_X = 0x40, 0x50
_SKIP, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x05, 0x15, 0x35, 0x06
_ALL = 0xFFFF_FFFF


def _filter(sip_port: int) -> list[_Instruction]:
    """The program: INVITEs and ACKs to our port, and what our port answers from 400 on.

    Behind the addresses, of IPv4 or of IPv6, stand the password, the Call-ID, which may have any
    length, and the message. Each is behind a header of 6 bytes, of which the last two are the
    length of both.
    """
    words = (b"INVI", b"ACK ", b"SIP/")
    invite, ack, answer = (int.from_bytes(word, "big") for word in words)
    call_id_4, call_id_6 = (
        _UDP + _ADDRESSES + 2 * (6 + length) + 6 + PASSWORD_LENGTH for length in (4, 16)
    )
    message = call_id_4 + 6
    return [
        (_LOAD_BYTE, 0, 0, _UDP + _FAMILY),
        (_IF_EQUAL, 0, 2, _V4),
        (_LOAD_HALF, 0, 0, call_id_4 + 4),
        (_SKIP, 0, 0, 3),
        (_IF_EQUAL, 0, 14, _V6),
        (_LOAD_HALF, 0, 0, call_id_6 + 4),
        (_ADD, 0, 0, call_id_6 - call_id_4),
        (_TO_X, 0, 0, 0),
        (_WORD_BEHIND_X, 0, 0, message),
        (_IF_EQUAL, 1, 0, invite),
        (_IF_EQUAL, 0, 2, ack),
        (_LOAD_HALF, 0, 0, _UDP + _DST_PORT),
        (_IF_EQUAL, 5, 6, sip_port),
        (_IF_EQUAL, 0, 5, answer),
        (_LOAD_HALF, 0, 0, _UDP + _SRC_PORT),
        (_IF_EQUAL, 0, 3, sip_port),
        (_BYTE_BEHIND_X, 0, 0, message + len("SIP/2.0 ")),
        (_IF_AT_LEAST, 0, 1, ord("4")),
        (_RETURN, 0, 0, _ALL),
        (_RETURN, 0, 0, 0),
    ]


def _attach(link: socket.socket, program: list[_Instruction]) -> None:
    code = b"".join(struct.pack("HBBI", *one) for one in program)
    memory = ctypes.create_string_buffer(code, len(code))
    about = struct.pack("HL", len(program), ctypes.addressof(memory))
    link.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, about)
