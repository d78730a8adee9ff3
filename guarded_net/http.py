"""A session of aiohttp that connects only to addresses that were checked.

The connection goes to the address that was checked, so that a second answer of the DNS changes
nothing. Every socket is checked once more before it connects: a connector that took a host for an
address would not ask the resolver.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from guarded_net.addresses import may_connect
from guarded_net.names import Names

REDIRECTS = (301, 302, 303, 307, 308)


class AddressRefused(OSError):
    """No address of a host may be connected to."""


class BodyRefused(Exception):
    """What is answered is not read; the message says why, to follow the name of who answers."""


class CertificatesError(Exception):
    """Certificates cannot be used; the message is one sentence."""


def guarded_session(
    context: ssl.SSLContext, names: Names, networks: Sequence[str], at_once: int
) -> aiohttp.ClientSession:
    """Return a session that keeps no connection, no cookie and no time limit, and inflates nothing.

    `networks`: private ones that may be connected to. The caller sets a time limit around each
    request, follows no redirect unchecked, and reads no more than it has room for.
    """

    def opened(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_connect(str(address[0]), networks):
            raise AddressRefused(errno.EACCES, "this address may not be connected to")
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=context,
            resolver=_Resolver(names, networks),
            limit=at_once,
            force_close=True,
            socket_factory=opened,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        max_line_size=4096,
        max_field_size=4096,
    )


def trusted(ca_file: Path | None, setting: str) -> ssl.SSLContext:
    """Return what trusts the certificates (PEM) of a file instead of the system's.

    Reading takes some 30 ms. Raises CertificatesError; `setting`: where the file is named.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise CertificatesError(
            f"The certificates in {ca_file} cannot be used ({error}); see {setting}."
        ) from None


async def read_body(answer: aiohttp.ClientResponse, largest: int) -> bytes:
    """Return all that is answered; raises BodyRefused beyond `largest` bytes, or if compressed."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise BodyRefused("answers compressed, which is not read")
    parts = bytearray()
    async for part in answer.content.iter_chunked(16_384):
        parts += part
        if len(parts) > largest:
            abort(answer)
            raise BodyRefused(f"has more than {largest} bytes")
    return bytes(parts)


def abort(answer: aiohttp.ClientResponse) -> None:
    """End the connection at once: a TLS that is closed reads and decrypts on what still comes."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


class _Resolver(AbstractResolver):
    """Keeps those addresses of a name that may be connected to."""

    def __init__(self, names: Names, networks: Sequence[str]) -> None:
        self._names, self._networks = names, networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses; raises OSError if there is none that may be connected to."""
        found = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, *_, address in await self._names.addresses(host, port)
            if may_connect(str(address[0]), self._networks)
        ]
        if not found:
            text = f"{host} has no address that may be connected to"
            raise AddressRefused(errno.EACCES, text)
        return found

    async def close(self) -> None:
        """Nothing is kept open."""
