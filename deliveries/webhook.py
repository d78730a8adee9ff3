"""Brings a message to an agency's web server: one signed POST, within limits of time and size.

The agency has chosen the URL, so it is not trusted: https only, no redirect is followed, and no
address inside is connected to, unless the city has named the host. Nothing of what the server says
is kept but the status and, if it likes, a short receipt: an error page may well repeat the message.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from deliveries.attempt import Attempt, Delivered, Failed, Reason, shown
from deliveries.signatures import Secret, sign
from guarded_net.addresses import EVERYWHERE, is_address
from guarded_net.http import AddressRefused, abort, guarded_session
from guarded_net.names import Names
from guarded_net.urls import Url, is_listed, read_url

WITHIN_S = 10.0
"""From the question to the DNS to the status of the answer."""
RECEIPT_WITHIN_S = 1.0
"""More for the receipt; the message is delivered by then, so nothing fails for it."""
LARGEST_BODY = 65_536
LARGEST_RECEIPT = 4096
_RECEIPT = re.compile(r"[A-Za-z0-9 ._/:#-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,9}")


class Hook(msgspec.Struct, frozen=True):
    """Where an agency is told. `secrets`: whoever changes one gives the new and the old."""

    url: str
    secrets: tuple[Secret, ...]


def event(kind: str, at: float, data: Any) -> bytes:
    """Return a message's body as the specification shapes it: `type`, `timestamp`, `data`.

    `kind`: such as "dispatch.created". `at`: when it happened, in seconds since 1970; it stays the
    same at every attempt. `data`: what msgspec writes as JSON.
    """
    when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    stamp = when.replace("+00:00", "Z")
    return msgspec.json.encode({"type": kind, "timestamp": stamp, "data": data})


class WebhookSender:
    """Sends to any public https server.

    `named_hosts`: hosts that may also be addresses inside, and http; one that begins with a dot
    stands for all that end so. `ca_file`: certificates trusted instead of the system's.
    """

    def __init__(
        self,
        named_hosts: Collection[str] = (),
        ca_file: Path | None = None,
        within_s: float = WITHIN_S,
        names: Names | None = None,
    ) -> None:
        self._named, self._ca_file, self._within_s = named_hosts, ca_file, within_s
        self._names = names or Names()
        self._context: ssl.SSLContext | None = None

    async def send(self, hook: Hook, message_id: str, body: bytes, now: float) -> Attempt:
        """Make one attempt, which ends within `within_s` and RECEIPT_WITHIN_S; raises nothing.

        `message_id`: the same at every attempt of one job. `now`: seconds since 1970, told to the
        receiver.
        """
        try:
            url = self._checked(hook.url)
            if len(body) > LARGEST_BODY:
                raise ValueError(f"The message has more than {LARGEST_BODY} bytes.")
            headers = _HEADERS | sign(hook.secrets, message_id, body, now)
        except ValueError as error:
            return Failed(Reason.NOT_SENDABLE, retry=False, detail=shown(str(error)))
        networks = EVERYWHERE if is_listed(url.host, self._named) else ()
        try:
            async with asyncio.timeout(self._within_s) as limit:
                context = await self._tls()
            async with guarded_session(context, self._names, networks, at_once=1) as session:
                async with asyncio.timeout_at(limit.when()):
                    answer = await session.post(
                        hook.url, data=body, headers=headers, allow_redirects=False
                    )
                try:
                    if 200 <= answer.status < 300:
                        return Delivered(await _receipt(answer))
                    return judged(answer.status, answer.headers, url.host, now)
                finally:
                    abort(answer)
                    answer.close()
        except TimeoutError:
            detail = f"{url.host} has not answered within {self._within_s:g} s."
            return Failed(Reason.TIMED_OUT, retry=True, detail=shown(detail))
        except (aiohttp.ClientError, OSError, ValueError, _NoCertificates) as error:
            reason, why = _why(error)
            return Failed(reason, retry=True, detail=shown(f"{url.host}: {why}"))

    def _checked(self, text: str) -> Url:
        try:
            url = read_url(text)
        except ValueError as error:
            raise ValueError(f"The webhook's URL {error}.") from None
        if not is_listed(url.host, self._named):
            if url.scheme != "https":
                raise ValueError(f"The webhook's URL at {url.host} is not https.")
            if is_address(url.host):
                raise ValueError(f"The webhook's URL has the address {url.host} for a name.")
        elif url.scheme not in ("https", "http"):
            raise ValueError(f"The webhook's URL at {url.host} is neither https nor http.")
        return url

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            # reading all certificates takes some 30 ms
            try:
                self._context = await asyncio.to_thread(
                    ssl.create_default_context, cafile=self._ca_file
                )
            except (OSError, ssl.SSLError) as error:
                raise _NoCertificates(f"the certificates in {self._ca_file}: {error}") from None
        return self._context


class _NoCertificates(Exception):
    """The city's certificates cannot be read; as soon as they can, the message goes."""


_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "Ngalam112-webhook/1",
}


def judged(status: int, headers: Mapping[str, str], host: str, now: float) -> Failed:
    """Return what an answer other than 2xx means. Only 410 ends the attempts: all else may mend."""
    after = retry_after_s(headers.get("Retry-After", ""), now)
    detail = shown(f"{host} answers {status}.")
    if status == 410:
        return Failed(Reason.GONE, retry=False, detail=detail)
    if status in (429, 503):
        reason = Reason.TRY_LATER
    elif 300 <= status < 400:
        reason = Reason.REDIRECTED
    elif 400 <= status < 500:
        reason = Reason.REFUSED
    elif 500 <= status < 600:
        reason = Reason.SERVER_ERROR
    else:
        reason = Reason.BAD_ANSWER
    return Failed(reason, retry=True, not_before_s=after, detail=detail)


def retry_after_s(text: str, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as such or as a date."""
    text = text.strip()[:64]
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


async def _receipt(answer: aiohttp.ClientResponse) -> str:
    """Return "HTTP 200", or "HTTP 200, A-17" for an answer {"receipt": "A-17"}."""
    said = f"HTTP {answer.status}"
    read = bytearray()
    try:
        async with asyncio.timeout(RECEIPT_WITHIN_S):
            async for part in answer.content.iter_chunked(LARGEST_RECEIPT):
                read += part
                if len(read) > LARGEST_RECEIPT:
                    return said
        found = msgspec.json.decode(bytes(read), type=_Receipt).receipt
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError, RecursionError):
        return said
    return f"{said}, {found}" if _RECEIPT.fullmatch(found) else said


class _Receipt(msgspec.Struct):
    receipt: str


def _why(error: Exception) -> tuple[Reason, str]:
    """The reason, and a text without URL: its path may be a secret."""
    match error:
        case _NoCertificates():
            return Reason.NOT_SENDABLE, str(error)
        case aiohttp.ClientConnectorCertificateError():
            return Reason.TLS, f"its certificate is not trusted ({error.certificate_error})"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Reason.TLS, "there was no TLS connection"
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return Reason.ADDRESS_REFUSED, "it has no address that may be connected to"
        case aiohttp.ClientConnectorDNSError():
            return Reason.NAME_UNKNOWN, f"its name has no address ({error.os_error})"
        case aiohttp.ClientConnectorError():
            return Reason.UNREACHABLE, f"no connection ({error.os_error.strerror or 'refused'})"
        case aiohttp.ServerDisconnectedError() | OSError():
            return Reason.CONNECTION_LOST, "the connection was lost"
    return Reason.BAD_ANSWER, "its answer is no HTTP"
