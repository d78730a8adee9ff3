"""A real SMTP server (aiosmtpd) that keeps what it takes, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from lab.actors.certificates import server_tls

USER, PASSWORD = "ngalam", "s3cret-word"


@dataclass
class MailServerOfTest:
    """`answers`: what is said to a command, "MAIL", "RCPT" or "DATA", or to "RCPT name@host".

    `hangs`: a command that is never answered. `taken`: the envelopes of mails that were taken, and
    `tls`: whether each came over TLS; `logins`: who has logged in.
    """

    answers: dict[str, str] = field(default_factory=dict)
    hangs: str = ""
    taken: list[Envelope] = field(default_factory=list)
    tls: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    def message(self) -> EmailMessage:
        """The last mail that was taken."""
        content = self.taken[-1].content
        assert isinstance(content, bytes)
        found = message_from_bytes(content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        await self._hang("MAIL")
        answer = self.answers.get("MAIL", "250 OK")
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        await self._hang("RCPT")
        answer = self.answers.get(f"RCPT {address}") or self.answers.get("RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take the mail, or refuse it."""
        await self._hang("DATA")
        answer = self.answers.get("DATA", "250 2.0.0 queued as 4F3")
        if answer.startswith("250"):
            self.taken.append(envelope)
            self.tls.append(session.ssl is not None)
        return answer

    async def handle_QUIT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Say goodbye."""
        await self._hang("QUIT")
        return "221 Bye"

    async def _hang(self, command: str) -> None:
        if self.hangs == command:
            await asyncio.sleep(60)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Let USER in by PASSWORD."""
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        if right:
            self.logins.append(mechanism)
        return AuthResult(success=right, handled=False)


@asynccontextmanager
async def mail_server(tls: bool = False, implicit: bool = False) -> AsyncIterator[MailServerOfTest]:
    """A server on loopback; with `tls` it offers STARTTLS and, behind it, a login."""
    found = MailServerOfTest()
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"tls_context": server_tls()} if tls else {}
    if tls or implicit:
        options |= {"authenticator": found.authenticate, "auth_require_tls": not implicit}
    protocols: list[SMTP] = []

    def made() -> SMTP:
        protocols.append(SMTP(found, hostname="mail.example", loop=loop, **options))
        return protocols[-1]

    context = server_tls() if implicit else None
    server = await loop.create_server(made, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for one in protocols:
            if one.transport is not None:
                cast(asyncio.WriteTransport, one.transport).abort()
            if one._handler_coroutine is not None:
                one._handler_coroutine.cancel()
