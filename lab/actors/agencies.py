"""Agencies of a play: one whose computer takes signed webhooks, one with a mailbox; both real."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from deliveries.signatures import Secret, SignatureError, verify
from lab.actors.certificates import server_tls
from lab.actors.sipp import free_port


class WebhookAgencies:
    """The computers of some agencies. `secrets`: by the agency's id.

    `reports`: what was told, and signed with the agency's secret; `ids`: of these messages.
    `refused`: why one was not.
    """

    def __init__(self, agencies: Sequence[str]) -> None:
        self.port = free_port()
        self.agencies = agencies
        self.secrets: dict[str, Secret] = {}
        self.reports: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refused: list[str] = []

    def url(self, agency: str) -> str:
        """Where an agency is told."""
        return f"https://localhost:{self.port}/{agency}"

    async def take(self, request: web.Request) -> web.Response:
        """Take a report, if it is the line's."""
        agency, body = request.match_info["agency"], await request.read()
        try:
            if agency not in self.secrets:
                raise SignatureError(f"there is no secret of {agency}")
            keys = (self.secrets[agency],)
            self.ids.append(verify(request.headers, body, keys, time.time()))
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
async def webhook_agencies(*agencies: str) -> AsyncIterator[WebhookAgencies]:
    """A web server of agencies (https, loopback) until the block ends."""
    found = WebhookAgencies(agencies)
    application = web.Application()
    application.router.add_post("/{agency}", found.take)
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
