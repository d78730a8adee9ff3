"""Brings a mail to the city's mail server by SMTP: one attempt, within a limit of time.

The server's 4xx is tried again, its 5xx is not (RFC 5321, 4.2.1), and a server that is away or
silent is tried again. aiosmtplib 5.1 speaks SMTP: released in 2026, typed, no dependencies; it
bounds what a server may answer, and refuses control characters in commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import cast

import aiosmtplib

from deliveries.attempt import Attempt, Delivered, Failed, Reason, Refused, shown
from deliveries.mail_message import Mail, check_address, compose
from guarded_net.names import Names

WITHIN_S = 30.0
"""From the question to the DNS to the receipt; servers let strangers wait for some seconds."""
QUIT_WITHIN_S = 1.0
"""More for saying goodbye; nothing fails for it."""
_MOST_ADDRESSES = 4


class Tls(StrEnum):
    """How the connection to the mail server is encrypted."""

    OFF = "off"
    WANTED = "wanted"  # STARTTLS if it is offered, whatever the certificate
    REQUIRED = "required"  # STARTTLS with a trusted certificate, or nothing is sent
    IMPLICIT = "implicit"  # TLS from the first byte (port 465), with a trusted certificate


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """The city's mail server, as it is set.

    `sender`: the address that mails come from, and `sender_name` its name. `user`, `password`: a
    login, if one is wanted; it is only sent over a connection whose certificate is trusted, so it
    needs `tls` required or implicit. `ca_file`: certificates trusted instead of the system's.
    `hello`: the line's own name for EHLO; the sender's domain if not given.
    """

    host: str
    sender: str
    port: int = 587
    tls: Tls = Tls.REQUIRED
    sender_name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    hello: str = ""
    within_s: float = WITHIN_S

    def __post_init__(self) -> None:
        """Raise ValueError for settings with which no mail can be sent."""
        check_address(self.sender)
        if not self.host or not self.host.isascii() or not 1 <= self.port <= 65535:
            raise ValueError("The mail server needs a host and a port of 1 to 65535.")
        if (self.user or self.password) and self.tls in (Tls.OFF, Tls.WANTED):
            raise ValueError("A login at the mail server needs TLS that is required or implicit.")


class _NotSent(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        self.failed = Failed(reason, retry=True, detail=shown(detail))


class MailSender:
    """Sends by one server; a connection for each mail."""

    def __init__(self, server: MailServer, names: Names | None = None) -> None:
        self._server, self._names = server, names or Names()

    async def send(self, mail: Mail) -> Attempt:
        """Make one attempt, which ends within `within_s` and QUIT_WITHIN_S; raises nothing.

        A mail that some recipients are refused and others are not is delivered, and says so.
        """
        server = self._server
        try:
            message = compose(mail, server.sender, server.sender_name)
        except ValueError as error:
            return Failed(Reason.NOT_SENDABLE, retry=False, detail=shown(str(error)))
        client = aiosmtplib.SMTP(
            hostname=server.host,
            local_hostname=server.hello or server.sender.partition("@")[2],
            timeout=None,  # one limit for all is set here
            start_tls=False,  # decided by _open
            use_tls=server.tls is Tls.IMPLICIT,
        )
        try:
            async with asyncio.timeout(server.within_s):
                await self._open(client)
                attempt = await _hand_over(client, server.sender, mail.recipients, message)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(QUIT_WITHIN_S):
                    await client.quit()
            return attempt
        except aiosmtplib.SMTPException as error:
            return _why(error, server.host)
        except TimeoutError:
            detail = f"{server.host} has not taken the mail within {server.within_s:g} s."
            return Failed(Reason.TIMED_OUT, retry=True, detail=shown(detail))
        except _NotSent as error:
            return error.failed
        except (OSError, ValueError) as error:
            return _why(error, server.host)
        finally:
            _end(client)

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        """Connect, encrypt and log in as is set; raises _NotSent and what aiosmtplib raises."""
        server = self._server
        context = None
        if server.tls is not Tls.OFF:
            context = await asyncio.to_thread(self._context)
        await client.connect(sock=await self._connected(), tls_context=context)
        await client.ehlo()
        if server.tls in (Tls.WANTED, Tls.REQUIRED):
            if client.supports_extension("starttls"):
                await client.starttls()
                await client.ehlo()
            elif server.tls is Tls.REQUIRED:
                raise _NotSent(Reason.TLS, f"{server.host} offers no STARTTLS.")
        if server.user:
            if not client.supported_auth_methods:
                raise _NotSent(Reason.LOGIN_REFUSED, f"{server.host} offers no login.")
            await client.login(server.user, server.password)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._server.ca_file)
        except (OSError, ssl.SSLError) as error:
            text = f"The certificates in {self._server.ca_file} cannot be used ({error})."
            raise _NotSent(Reason.NOT_SENDABLE, text) from None
        if self._server.tls is Tls.WANTED:
            # without TLS there would be no certificate at all
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def _connected(self) -> socket.socket:
        """A socket to the first address that takes the connection; raises _NotSent."""
        server, loop = self._server, asyncio.get_running_loop()
        try:
            found = await self._names.addresses(server.host, server.port)
        except OSError as error:
            text = f"{server.host} has no address ({error})."
            raise _NotSent(Reason.NAME_UNKNOWN, text) from None
        why: object = "no address"
        for family, kind, protocol, _, address in found[:_MOST_ADDRESSES]:
            opened = socket.socket(family, kind, protocol)
            opened.setblocking(False)
            try:
                async with asyncio.timeout(server.within_s / _MOST_ADDRESSES):
                    await loop.sock_connect(opened, address)
                return opened
            except OSError as error:
                opened.close()
                why = error.strerror or "no answer"
            except BaseException:
                opened.close()
                raise
        raise _NotSent(Reason.UNREACHABLE, f"No connection to {server.host} ({why}).")


async def _hand_over(
    client: aiosmtplib.SMTP, sender: str, recipients: tuple[str, ...], message: bytes
) -> Attempt:
    await client.mail(sender)
    refused: list[Refused] = []
    for one in recipients:
        try:
            await client.rcpt(one)
        except aiosmtplib.SMTPRecipientRefused as error:
            refused.append(Refused(one, judged(error.code, error.message)))
    if len(refused) == len(recipients):
        # while one of them may still take it, it is worth another attempt
        return max((one.failed for one in refused), key=lambda failed: failed.retry)
    answer = await client.data(message)
    return Delivered(shown(f"{answer.code} {answer.message}"), tuple(refused))


def judged(code: int, text: str, refused: Reason = Reason.REFUSED) -> Failed:
    """Return what a server's answer means that is not the wanted one."""
    detail = shown(f"{code} {text}")
    if 500 <= code < 600:
        return Failed(refused, retry=False, detail=detail)
    reason = Reason.TRY_LATER if 400 <= code < 500 else Reason.BAD_ANSWER
    return Failed(reason, retry=True, detail=detail)


def _why(error: Exception, host: str) -> Failed:
    wrong = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    match wrong:
        case ssl.SSLCertVerificationError():
            reason, text = Reason.TLS, f"its certificate is not trusted ({wrong.verify_message})"
        case ssl.SSLError():
            reason, text = Reason.TLS, "there was no TLS connection"
        case aiosmtplib.SMTPAuthenticationError():
            return judged(wrong.code, wrong.message, Reason.LOGIN_REFUSED)
        case aiosmtplib.SMTPResponseException():
            return judged(wrong.code, wrong.message)
        case OSError():
            reason, text = Reason.CONNECTION_LOST, "the connection was lost"
        case _:
            reason, text = Reason.BAD_ANSWER, "the mail server cannot be talked to"
    return Failed(reason, retry=True, detail=shown(f"{host}: {text}"))


def _end(client: aiosmtplib.SMTP) -> None:
    """End the connection at once: one that is closed waits for the other side's TLS."""
    if client.transport is not None:
        cast(asyncio.WriteTransport, client.transport).abort()
    client.close()
