"""Sends MESSAGE requests by SIP and learns what became of each: the client's half of RFC 3428.

Asterisk sends messages too, but whoever asks it to is told only that the request has left: what the
other side answers to it is told nobody (res_pjsip_messaging.c of 22.10.1 and 22.11). An answer to a
citizen that is not delivered must be known. So this sends them itself, over UDP: a transaction as
RFC 3261, 17.1.2 has it, outside of any dialog, one request and its final status.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import secrets
import socket

import structlog

log = structlog.get_logger("sip")

NO_ANSWER = 408
"""The status of a request that nobody answers in time."""

UNSENT = 503
"""The status of a request that could not be sent at all (RFC 3261, 8.1.3.1)."""

T1, T2 = 0.5, 4.0  # RFC 3261, 17.1.1.1 and 17.1.2.1, seconds
_KNOWN_S = 60.0
LONGEST_BODY = 1200
"""Bytes: a request beyond 1,300 must not go over UDP (RFC 3261, 18.1.1)."""

_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: |\r)")
_BRANCH = re.compile(r"^(?:Via|v)\s*:[^\r\n]*?;branch=z9hG4bK([0-9A-Za-z.]{8,80})", re.M | re.I)


def cut(text: str, longest: int = LONGEST_BODY) -> bytes:
    """The text as UTF-8, cut to so many bytes between two characters."""
    body = text.encode("utf-8", "replace")
    return body if len(body) <= longest else body[:longest].decode("utf-8", "ignore").encode()


class SipMessages(asyncio.DatagramProtocol):
    """A socket for requests; `user`: whom they are from at this machine, such as 112."""

    def __init__(self, user: str, *, within_s: float = 16.0) -> None:
        self._user, self._within_s = user, within_s
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[str, asyncio.Future[int]] = {}  # by branch
        self._tag = secrets.token_hex(6)
        self._asking = asyncio.Lock()
        self._known: dict[str, tuple[float, tuple[int, str] | None]] = {}  # the carrier's name

    async def open(self, host: str, port: int = 0) -> None:
        """Bind the socket; raises OSError if the port is taken."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )

    def close(self) -> None:
        """Let go of the socket; what has no answer gets none."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def send(self, call_id: str, address: str, peer: str, text: str) -> int:
        """Send a text to the SIP address (user@host) over `peer` (host:port); the final status.

        NO_ANSWER without one, UNSENT if it cannot even be sent. `call_id`: begins its Call-ID.
        """
        try:
            family, where = await self._resolved(peer)
        except (OSError, ValueError) as error:
            log.warning("peer_not_found", peer=peer, error=str(error))
            return UNSENT
        if self._transport is None:
            return UNSENT
        branch = secrets.token_hex(12)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[branch] = answer
        try:
            request = self._request(branch, call_id, address, _here(family, where), text)
            return await self._transact(request, where, answer)
        except OSError as error:
            log.warning("message_not_sent", peer=peer, error=str(error))
            return UNSENT
        finally:
            del self._waiting[branch]

    async def _resolved(self, peer: str) -> tuple[int, tuple[str, int]]:
        """Where the peer is; a name is asked for once in a while, and once at a time."""
        host, port = _parted(peer)
        with contextlib.suppress(ValueError):
            version = ipaddress.ip_address(host).version
            return socket.AF_INET6 if version == 6 else socket.AF_INET, (host, port)
        loop = asyncio.get_running_loop()
        async with self._asking:
            until, found = self._known.get(host, (0.0, None))
            if found is None or until < loop.time():
                answer = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
                found = (int(answer[0][0]), str(answer[0][4][0]))
                self._known = {host: (loop.time() + _KNOWN_S, found)}
        return found[0], (found[1], port)

    async def _transact(
        self, request: bytes, where: tuple[str, int], answer: asyncio.Future[int]
    ) -> int:
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._within_s, T1
        while True:
            if self._transport is None:
                return UNSENT
            self._transport.sendto(request, where)
            left = deadline - loop.time()
            done, _ = await asyncio.wait([answer], timeout=max(0.0, min(pause, left)))
            if done:
                return answer.result()
            if loop.time() >= deadline:
                return NO_ANSWER
            pause = min(pause * 2, T2)

    def _request(self, branch: str, call_id: str, address: str, here: str, text: str) -> bytes:
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        body = cut(text)
        lines = (
            f"MESSAGE sip:{address} SIP/2.0",
            f"Via: SIP/2.0/UDP {here}:{port};rport;branch=z9hG4bK{branch}",
            "Max-Forwards: 70",
            f"From: <sip:{self._user}@{here}>;tag={self._tag}",
            f"To: <sip:{address}>",
            f"Call-ID: {call_id}@{here}",
            "CSeq: 1 MESSAGE",
            "User-Agent: ngalam112",
            "Content-Type: text/plain;charset=utf-8",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join(lines).encode("ascii", "replace") + b"\r\n\r\n" + body

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Take a final answer to one of our requests; all else is none of ours."""
        head = data[:4096].decode("latin-1")
        status, branch = _STATUS.match(head), _BRANCH.search(head)
        if status is None or branch is None or int(status[1]) < 200:
            return
        answer = self._waiting.get(branch[1])
        if answer is not None and not answer.done():
            answer.set_result(int(status[1]))

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there (ICMP), as it seems; the request is sent again all the same."""
        log.debug("sip_socket", error=str(exc))


def _parted(peer: str) -> tuple[str, int]:
    """The host and the port; raises ValueError."""
    host, _, port = peer.rpartition(":") if re.search(r":[0-9]{1,5}$", peer) else (peer, "", "5060")
    if not host or not 0 < int(port) <= 65535:
        raise ValueError("there is no host, or no such port")
    return host.strip("[]"), int(port)


def _here(family: int, where: tuple[str, int]) -> str:
    """The address of this machine that faces the peer."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(where)
        host: str = probe.getsockname()[0]
    return f"[{host}]" if ":" in host else host
