"""Hears the copies that Asterisk sends of INVITEs and of what it refuses, and passes them on."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence

import structlog

from pbx.hep import Copy, listening_socket, read_copy
from places.invite import NAMES_A_PLACE

log = structlog.get_logger("place")

AGAIN_S = 0.2


class InviteCopies(asyncio.DatagramProtocol):
    """`on_copy(copy)` gets each, `on_place(copy)` an INVITE that has a Geolocation header.

    The latter only from the trunk's networks. `on_deaf()` is called when copies may have been lost.
    `port`: the UDP port of the number that the API has
    for TCP. An engine that cannot have it serves without places, and tries again.
    """

    def __init__(
        self,
        port: int,
        sip_port: int,
        password: str,
        networks: Sequence[str],
        on_copy: Callable[[Copy], None],
        on_place: Callable[[Copy], None],
        on_deaf: Callable[[], None] = lambda: None,
    ) -> None:
        self._port, self._sip_port, self._password = port, sip_port, password
        self._networks = [ipaddress.ip_network(one) for one in networks]
        self._on_copy, self._on_place, self._on_deaf = on_copy, on_place, on_deaf
        self._lost: asyncio.Future[None] | None = None

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A copy is here; most name no place."""
        copy = read_copy(data, self._password)
        if copy is None:
            return
        self._on_copy(copy)
        if not copy.packet.startswith(b"INVITE ") or NAMES_A_PLACE.search(copy.packet) is None:
            return
        # whom Asterisk is going to refuse has been copied as well
        sender = ipaddress.ip_address(copy.sender)
        sender = getattr(sender, "ipv4_mapped", None) or sender
        if any(sender in network for network in self._networks):
            self._on_place(copy)

    def error_received(self, exc: Exception) -> None:
        """Nothing is sent from here, so nothing can fail."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    async def run(self) -> None:
        """Listen until cancelled."""
        told, loop = False, asyncio.get_running_loop()
        while True:
            try:
                link = listening_socket(self._port, self._sip_port)
            except OSError as error:
                if not told:
                    log.error("invite_copies_not_heard", port=self._port, error=str(error))
                told = True
                await asyncio.sleep(AGAIN_S)
                continue
            self._lost = loop.create_future()
            transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=link)
            try:
                await self._lost
            finally:
                transport.close()
            self._on_deaf()
