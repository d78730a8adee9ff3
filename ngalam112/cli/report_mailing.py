"""Computes and mails the reports that are due: sums alone, as text and as a page of HTML each.

One process a line at a time, by a lock of the state folder: who comes second leaves it to the
first.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console

from deliveries.attempt import Attempt, Delivered, Failed, Reason
from deliveries.mail_message import Attachment, Mail
from ngalam112.cli.client import Client, ClientError
from ngalam112.cli.report_pages import behind_sentence, html, named_period, print_part
from ngalam112.cli.report_questions import read_only
from ngalam112.config.report_schedules import (
    locked,
    read_mailed,
    read_schedules,
    write_mailed,
)
from ngalam112.config.settings import Settings, SettingsError
from reports.figures_groups import TimeGroups, shifts_of
from reports.said import NamedTime, Said
from reports.schedules import Due, Mailed, Schedule, Span, after, begun, due, ended, failed

if TYPE_CHECKING:
    from reports.languages import Words
    from reports.parts import Report

TEXT_COLUMNS = 100
"""How wide the tables of a mail's text are."""

NO_SERVER = "No mail server is set (NGALAM112_SMTP_HOST)."


def time_now(settings: Settings) -> float:
    """Return the time, in seconds since the epoch: the engine's, or the machine's if none answers.

    Somebody who sets the machine's clock ends no shift.
    """
    try:
        engine = Client(settings, timeout_s=5.0).get("/api/status")["engine"]
    except ClientError:
        return time.time()
    return time.time() - float(engine["clock_ahead_s"])


def send_due(settings: Settings, now: float) -> Iterator[Mailed]:
    """Mail what is due, and yield what became of each; nothing if another process is about it.

    `now`: in seconds since the epoch; what ends later is not mailed.
    """
    begin = time.monotonic()
    zone, shifts = ZoneInfo(settings.timezone), shifts_of(settings.shifts)
    with locked(settings, "report_mails.lock", wait=False) as held:
        if not held:
            return
        known = read_mailed(settings)
        for one in due(read_schedules(settings), known, shifts, zone, now):
            at = now + time.monotonic() - begin
            key = one.schedule.id, one.before.end
            known[key] = begun(one.before, at)
            # if this process is killed now, it has counted
            write_mailed(settings, known.values(), at)
            attempt = _attempt(settings, one, at, f"report-{key[0]}-{int(key[1])}")
            known[key] = after(attempt, known[key], now + time.monotonic() - begin)
            write_mailed(settings, known.values(), at)
            yield known[key]


def send_now(settings: Settings, schedule: Schedule) -> Attempt:
    """Mail a schedule's reports of the time that ended last, whatever was mailed before."""
    now = time_now(settings)
    span = _last_span(settings, schedule, now)
    one = Due(schedule, span, Mailed(schedule=schedule.id, end=span.end.timestamp()), False)
    return _attempt(settings, one, now, f"report-{schedule.id}-now-{int(now)}", waits=False)


def _last_span(settings: Settings, schedule: Schedule, now: float) -> Span:
    """The time of a schedule that ended last: of a month, up to a month ago."""
    zone, shifts = ZoneInfo(settings.timezone), shifts_of(settings.shifts)
    for days in range(32):
        at = datetime.fromtimestamp(now - days * 86_400, UTC)
        if found := ended(schedule.every, shifts, zone, at):
            return found[-1]
    raise SettingsError("No such time has ended within a month.")


def _attempt(settings: Settings, one: Due, now: float, job: str, *, waits: bool = True) -> Attempt:
    """Compute and mail; `waits`: for what the database lacks, until the mail would come late."""
    from models.database import DatabaseError
    from ngalam112.engine.report_sender import mail_sender
    from reports.errors import ReportError

    try:
        sender = mail_sender(settings)
        if sender is None:
            return Failed(Reason.NOT_SENDABLE, retry=True, detail=NO_SERVER)
        found = [_report(settings, name, one.span) for name in one.schedule.reports]
        behind = max((report.behind for report in found), default=0)
        if behind and waits and not one.is_late:
            return failed(behind_sentence(behind))
        mail = _mail(settings, one, found, now, job)
    except (DatabaseError, ReportError, OSError, ValueError) as error:
        return failed(f"{type(error).__name__}: {error}")
    return asyncio.run(sender.send(mail))


def _mail(settings: Settings, one: Due, found: list[Report], now: float, job: str) -> Mail:
    from reports.languages import words_of

    words, schedule = words_of(one.schedule.language), one.schedule
    time_name = _named(settings, schedule, one.span)
    text = io.StringIO()
    if one.is_late:
        text.write(words("This report comes late: the line could not send it in time.") + "\n\n")
    for report in found:
        _write_text(text, report, words)
    day = one.span.begin.astimezone(ZoneInfo(settings.timezone)).strftime("%Y-%m-%d_%H%M")
    return Mail(
        job=job,
        recipients=schedule.recipients,
        subject=words("112 report, {by} {time}", by=Said(schedule.every.value), time=time_name),
        text=text.getvalue(),
        at=now,
        attachments=tuple(
            Attachment(f"{report.name}_{day}.html", html(report, words)) for report in found
        ),
    )


def _named(settings: Settings, schedule: Schedule, span: Span) -> NamedTime:
    by, zone = schedule.every.value, ZoneInfo(settings.timezone)
    return NamedTime(TimeGroups(by, zone, shifts_of(settings.shifts)).name(span.begin), by)


def _report(settings: Settings, name: str, span: Span) -> Report:
    from ngalam112.api.report_kinds import asked_of, in_zone
    from reports.kinds import report_of

    asked = asked_of(settings, (span.begin, span.end), None)
    found, behind = read_only(settings, lambda session: report_of(session, name, asked))
    return msgspec.structs.replace(in_zone(found), behind=behind)


def _write_text(to: io.StringIO, report: Report, words: Words) -> None:
    said = words.report(report)
    screen = Console(file=to, width=TEXT_COLUMNS, highlight=False, markup=False, emoji=False)
    screen.print(f"{said.title} {named_period(said, words)}", soft_wrap=True)
    if report.behind:
        screen.print(behind_sentence(report.behind, words), soft_wrap=True)
    for part in said.parts:
        print_part(part, screen, words)
    screen.print()


def told(attempt: Attempt) -> str:
    """Say what came of an attempt."""
    if isinstance(attempt, Delivered):
        refused = ", ".join(one.recipient for one in attempt.refused)
        return f"sent; refused: {refused}" if refused else "sent"
    return f"not sent: {attempt.reason.value}: {attempt.detail}"
