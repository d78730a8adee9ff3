"""Agencies of a play: one whose computer takes signed webhooks, one with a mailbox; both real."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from deliveries.signatures import Secret, SignatureError, verify
from lab.actors.certificates import server_tls
from lab.actors.sipp import free_port


class WebhookAgency:
    """`reports`: what was told, and signed with the secret. `refused`: what was not."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/112"
        self.secret: Secret | None = None
        self.reports: list[dict[str, Any]] = []
        self.refused: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        """Take a report, if it is the line's."""
        body = await request.read()
        try:
            if self.secret is None:
                raise SignatureError("no secret is known yet")
            verify(request.headers, body, (self.secret,), time.time())
        except SignatureError as error:
            self.refused.append(str(error))
            return web.Response(status=401)
        self.reports.append(json.loads(body)["data"])
        return web.json_response({"receipt": f"R-{len(self.reports)}"})


class MailAgency:
    """`subjects`: of the mails that came."""

    def __init__(self) -> None:
        self.port = free_port()
        self.subjects: list[str] = []

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a mail."""
        content = envelope.content or b""
        message = message_from_bytes(content if isinstance(content, bytes) else content.encode())
        self.subjects.append(str(message["Subject"]))
        return "250 2.0.0 taken"


@asynccontextmanager
async def webhook_agency() -> AsyncIterator[WebhookAgency]:
    """An agency's web server (https, loopback) until the block ends."""
    found = WebhookAgency()
    application = web.Application()
    application.router.add_post("/112", found.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", found.port, ssl_context=server_tls()).start()
        yield found
    finally:
        await runner.cleanup()


@asynccontextmanager
async def mail_agency() -> AsyncIterator[MailAgency]:
    """A mail server (loopback) until the block ends."""
    found = MailAgency()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(found, hostname="mail.example", loop=loop), "127.0.0.1", found.port
    )
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()
