"""Sends reports to agencies, by webhook and by mail: one attempt each, a few at a time.

Those by telephone are handed on to `ngalam112.engine.voice_sender`.

What came of an attempt is told to the one writer. How long to wait for the next one, and what
follows, is decided by `incidents.dispatches`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from deliveries.attempt import Attempt, Failed, Reason
from deliveries.mail import MailSender, MailServer, Tls
from deliveries.mail_message import Mail
from deliveries.signatures import PREFIX, Secret
from deliveries.webhook import Hook, WebhookSender, event
from incidents.categories import Categories
from incidents.dispatch import Channel, Dispatch
from incidents.incident import Incident
from incidents.report import Report, report_of
from ngalam112.config.settings import Settings
from ngalam112.engine.agency_links import AgencyLinks
from ngalam112.engine.voice_sender import VoiceSender

log = structlog.get_logger("reports")

_AT_ONCE = 8
_AT_ONE_ADDRESS = 2
_MOST_WAITING = 1000
KIND = "dispatch.created"

Attempted = Callable[[str, int, Attempt], None]


class _Job(NamedTuple):
    dispatch: str
    place: int
    channel: Channel
    address: str
    agency: str
    report: Report
    at: float


class ReportSender:
    """The sender that `incidents.dispatches` wants.

    `attempted(dispatch, index, attempt)`: what came of one attempt. `voice`: who has agencies rung.
    """

    def __init__(
        self,
        settings: Settings,
        categories: Categories,
        attempted: Attempted,
        voice: VoiceSender,
    ) -> None:
        self._voice = voice
        self._settings, self._categories, self._attempted = settings, categories, attempted
        self._zone = ZoneInfo(settings.timezone)
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue()
        self._under_way = 0
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._of_address: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONE_ADDRESS)
        )
        self._links = AgencyLinks(settings)
        self._webhooks = WebhookSender(settings.webhook_hosts, settings.agency_ca_file)
        self._mails = mail_sender(settings)

    def send(self, dispatch: Dispatch, index: int, incident: Incident) -> None:
        """Send the delivery in turn; what it tells is the incident as it is now."""
        delivery = dispatch.deliveries[index]
        category = self._categories.get(incident.category or "")
        opened = datetime.fromtimestamp(incident.opened_at, self._zone)
        report = report_of(
            incident,
            dispatch.id,
            dispatch.agency,
            "" if category is None else category.called(),
            opened.isoformat(timespec="seconds"),
            self._links.url(dispatch),
        )
        if delivery.channel is Channel.VOICE:
            self._voice.send(dispatch, index, incident, report)
            return
        job = _Job(
            dispatch.id,
            index,
            delivery.channel,
            delivery.address,
            dispatch.agency,
            report,
            dispatch.created_at,
        )
        if self._under_way < _MOST_WAITING:
            self._under_way += 1
            self._waiting.put_nowait(job)
            return
        detail = f"{_MOST_WAITING} reports are waiting to be sent."
        full = Failed(Reason.TRY_LATER, retry=True, detail=detail)
        # not at once, for the caller has not finished its own turn
        asyncio.get_running_loop().call_soon(self._attempted, job.dispatch, job.place, full)

    def stop(self, dispatch_id: str, *, settled: bool) -> None:
        """Have the agency rung no more for this dispatch."""
        self._voice.stop(dispatch_id, settled=settled)

    async def run(self) -> None:
        """Send, so many at a time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._voice.run(), name="voice")
            while True:
                job = await self._waiting.get()
                tasks.create_task(self._send(job), name=f"report {job.dispatch}")

    async def _send(self, job: _Job) -> None:
        # who hangs holds up itself, and nobody else
        async with self._of_address[job.address], self._at_once:
            try:
                attempt = await self._attempt(job)
            except Exception as error:
                # one report's trouble must not become the next one's
                log.exception("report_not_sent", dispatch=job.dispatch, to=job.agency)
                detail = type(error).__name__
                attempt = Failed(Reason.NOT_SENDABLE, retry=True, detail=detail)
        self._under_way -= 1
        self._attempted(job.dispatch, job.place, attempt)

    async def _attempt(self, job: _Job) -> Attempt:
        name = f"{job.dispatch}-{job.place}"  # the same at every attempt
        match job.channel:
            case Channel.WEBHOOK:
                hook = Hook(job.address, (webhook_secret(self._settings, job.agency),))
                body = event(KIND, job.at, job.report)
                return await self._webhooks.send(hook, name, body, time.time())
            case Channel.MAIL if self._mails is not None:
                mail = Mail(
                    job=name,
                    recipients=(job.address,),
                    subject=job.report.subject(),
                    text=job.report.text(),
                    at=job.at,
                )
                return await self._mails.send(mail)
            case _:
                detail = "No mail server is set (NGALAM112_SMTP_HOST)."
                return Failed(Reason.NOT_SENDABLE, retry=False, detail=detail)


def webhook_secret_text(settings: Settings, agency: str) -> str:
    """Return the secret by which an agency knows the line's webhooks, to be given to it.

    Made of a key of the line, so that no table and no log has it.
    """
    made = hmac.new(settings.webhook_key.encode(), f"webhook\n{agency}".encode(), hashlib.sha256)
    return PREFIX + base64.b64encode(made.digest()).decode("ascii")


def webhook_secret(settings: Settings, agency: str) -> Secret:
    """Return the key between the line and one agency."""
    return Secret(webhook_secret_text(settings, agency))


def mail_sender(settings: Settings) -> MailSender | None:
    """Return who sends the line's mails; None where no mail server is set.

    Raises ValueError for settings with which no mail can be sent, and OSError for a password file
    that cannot be read.
    """
    if not settings.smtp_host:
        return None
    file = settings.smtp_password_file
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=Tls(settings.smtp_tls),
        sender=settings.smtp_sender,
        sender_name=settings.smtp_sender_name,
        user=settings.smtp_user,
        password="" if file is None else file.read_text("utf-8").strip(),
        ca_file=settings.agency_ca_file,
    )
    return MailSender(server)
