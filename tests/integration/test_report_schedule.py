"""Reports are mailed at the end of a shift: to a real mail server, once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from databases import with_tables
from lines import line_settings
from mail_server import MailServerOfTest, mail_server
from report_calls import DAY, calls_of_a_day, keep_calls
from served import an_engine
from test_commands import failed_in_one_line, run

from deliveries.attempt import Delivered
from journal.row_kinds import CALLS
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.cli.report_mailing import send_due, send_now, time_now
from ngalam112.config.report_schedules import changing_schedules, read_mailed, read_schedules
from ngalam112.config.settings import Settings
from ngalam112.engine.clock import Anchor
from ngalam112.process.report_mails import ReportMails
from reports.languages import words_of
from reports.schedules import Every, Mailed, Schedule

AT = (DAY + timedelta(hours=13, minutes=1)).timestamp()  # a minute after the morning's shift
CALLERS = "0812"


@pytest.fixture
async def mail() -> AsyncIterator[MailServerOfTest]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def stored(tmp_path: Path, mail: MailServerOfTest) -> Settings:
    """A line that is down, with a day of calls in its database, and a mail server."""
    settings = line_settings(
        tmp_path / "home",
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        smtp_tls="off",
        smtp_sender="112@malang.example",
    )
    settings.home.mkdir(parents=True)
    await with_tables(settings.url)
    async with Database(settings.url) as database, database.engine.begin() as connection:
        await keep_calls(connection, calls_of_a_day(60))
    return settings


def scheduled(settings: Settings, every: Every = Every.SHIFT, made_at: float = AT - 3600) -> None:
    with changing_schedules(settings) as there:
        there.append(
            Schedule(
                id="a1",
                every=every,
                reports=("summary", "losses"),
                recipients=("piket@malang.example", "kepala@malang.example"),
                language="id",
                made_at=made_at,
            )
        )


async def sent(settings: Settings, at: float) -> list[Mailed]:
    return await asyncio.to_thread(lambda: list(send_due(settings, at)))


def parts(message: EmailMessage) -> Iterator[str]:
    for one in message.walk():
        if not one.is_multipart():
            content = one.get_payload(decode=True)
            assert isinstance(content, bytes)
            yield content.decode()


async def test_a_shifts_report_is_mailed_at_its_end_and_once(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored)
    assert await sent(stored, AT - 61) == [], "before its end"
    (one,) = await sent(stored, AT)
    assert one.sent_at is not None and one.attempts == 1
    assert await sent(stored, AT) == await sent(stored, AT + 3600) == []
    (envelope,), message = mail.taken, mail.message()
    assert envelope.rcpt_tos == ["piket@malang.example", "kepala@malang.example"]
    assert message["Subject"] == "Laporan 112, shift 23/11/2026 05-13"
    text, summary, losses = parts(message)
    assert "hilang di antrean" in text and "23 November 2026 05.00 sampai" in text
    assert "terlambat" not in text
    assert '<html lang="id">' in summary and "Panggilan hilang" in losses
    names = [one.get_filename() for one in message.iter_attachments()]
    assert names == ["summary_2026-11-23_0500.html", "losses_2026-11-23_0500.html"]
    assert "src=" not in summary and "href=" not in summary, "it needs nothing else"
    for content in (text, summary, losses):
        assert CALLERS not in content and "c0000" not in content, "sums alone"
    offered = next(line for line in text.splitlines() if line.startswith("masuk"))
    assert 10 < int(offered.split()[1]) < 40


async def test_after_a_day_away_only_what_is_a_day_old_comes_and_says_that_it_is_late(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored, made_at=AT - 30 * 86_400)
    back = AT + 3600
    assert len(await sent(stored, back)) == 3
    assert await sent(stored, back + 1) == []
    assert len(mail.taken) == 3
    text, *_ = parts(mail.message())
    assert text.startswith("Laporan ini terlambat")


async def test_a_server_that_is_away_is_tried_again_and_at_last_given_up(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored)
    mail.answers["MAIL"] = "451 later"
    (one,) = await sent(stored, AT)
    assert (one.sent_at, one.attempts) == (None, 1) and "451 later" in one.why
    assert await sent(stored, one.try_at - 1) == []
    del mail.answers["MAIL"]
    (one,) = await sent(stored, one.try_at)
    assert one.sent_at is not None and one.attempts == 2 and len(mail.taken) == 1
    mail.answers["MAIL"] = "554 never"
    (one,) = await sent(stored, AT + 8 * 3600)
    assert one.given_up_at is not None and "554 never" in one.why
    assert await sent(stored, AT + 9 * 3600) == []
    shown = json.loads((await run(stored, "report", "schedule", "list", "-f", "json")).out)
    assert [(row["last"], "554 never" in row["why"]) for row in shown] == [("given up", True)]


async def test_two_engines_and_one_that_is_new_mail_once(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored, Every.DAY, made_at=0.0)
    one, other = ReportMails(stored, time.time), ReportMails(stored, time.time)
    await asyncio.gather(one.look(), other.look())
    await ReportMails(stored, time.time).look()
    assert len(mail.taken) == 1 and len(read_mailed(stored)) == 1
    assert (stored.home / "report_mails.json").stat().st_mode & 0o077 == 0


async def test_a_report_waits_for_the_database_and_when_it_is_late_says_what_it_lacks(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored)
    journal = WriteAheadLog(stored.journal)
    for events in calls_of_a_day(3):
        journal.add((CALLS.table, {"call_id": f"late-{events[0].call_id}"}))
    journal.close()
    (one,) = await sent(stored, AT)
    assert (one.sent_at, one.given_up_at, mail.taken) == (None, None, [])
    assert "try_later" in one.why and "The database is behind: 3 entries" in one.why
    (one,) = await sent(stored, AT + 15 * 60)
    assert one.sent_at is not None
    text, summary, _ = parts(mail.message())
    lacking = words_of("id")(
        "The database is behind: {behind} entries of the journal are not in this report yet.",
        behind=3,
    )
    assert "3" in lacking and text.count(lacking) == 2, "each report says it"
    assert lacking in summary
    attempt = await asyncio.to_thread(send_now, stored, read_schedules(stored)[0])
    assert isinstance(attempt, Delivered), "by hand nobody waits"


async def test_the_engines_clock_says_what_has_ended_whatever_the_machines_says(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored)
    await ReportMails(stored, lambda: AT - 61).look()
    assert (mail.taken, read_mailed(stored)) == ([], {}), "the machine's is years ahead"
    await ReportMails(stored, lambda: AT).look()
    (kept,) = read_mailed(stored).values()
    assert kept.sent_at is not None and 0 <= kept.sent_at - AT < 60
    assert len(mail.taken) == 1


async def test_a_clock_that_was_set_ahead_mails_nothing_too_early_by_hand_either(
    tmp_path: Path,
) -> None:
    async with an_engine(tmp_path / "home") as served:
        anchor = served.engine.clock.anchor
        served.engine.clock.anchor = Anchor(anchor.boot, anchor.offset - 7200)
        found = await asyncio.to_thread(time_now, served.settings)
        assert abs(found - served.engine.clock.now()) < 2
    assert abs(await asyncio.to_thread(time_now, served.settings) - time.time()) < 2


async def test_a_report_that_cannot_be_computed_is_tried_again(
    stored: Settings, mail: MailServerOfTest
) -> None:
    scheduled(stored)
    away = stored.model_copy(update={"database_url": "postgresql://x:y@127.0.0.1:9/none"})
    (one,) = await sent(away, AT)
    assert one.sent_at is None and one.given_up_at is None and one.try_at > AT and one.why
    (one,) = await sent(stored, one.try_at)
    assert one.sent_at is not None and len(mail.taken) == 1


async def test_a_schedule_is_kept_and_removed_while_the_database_is_away(
    stored: Settings,
) -> None:
    away = stored.model_copy(update={"database_url": "postgresql://x:y@127.0.0.1:9/none"})
    ran = await run(away, "report", "schedule", "add", "--to", "piket@malang.example")
    (kept,) = read_schedules(away)
    removed = await run(away, "report", "schedule", "remove", kept.id)
    assert read_schedules(away) == []
    for one, done in ((ran, "is kept"), (removed, "is removed")):
        assert one.code == 0 and done in one.out, one.err
        (line,) = [each for each in one.err.splitlines() if "audit" in each]
        assert "the audit has not been written: The database" in line
        assert "Traceback" not in one.err


async def test_the_commands_keep_list_send_and_remove(
    stored: Settings, mail: MailServerOfTest
) -> None:
    given = {"NGALAM112_SMTP_PORT": str(mail.port)}
    assert "Nothing is mailed" in (await run(stored, "report", "schedule", "list")).out
    add = ("report", "schedule", "add", "--to", "piket@malang.example", "--lang", "id")
    ran = await run(stored, *add, "-r", "summary", "-r", "operators", "--every", "day", **given)
    assert ran.code == 0, ran.err
    (kept,) = read_schedules(stored)
    assert (kept.every, kept.reports, kept.language) == ("day", ("summary", "operators"), "id")
    assert (
        kept.id in ran.out
        and "piket@malang.example" in (await run(stored, "report", "schedule", "list")).out
    )
    assert (await run(stored, "report", "schedule", "send-due")).out == "", (
        "nothing has ended since"
    )
    ran = await run(stored, "report", "schedule", "send-now", kept.id, **given)
    assert (ran.code, ran.out) == (0, "The mail was sent.\n"), ran.err
    assert mail.message()["Subject"].startswith("Laporan 112, hari ")
    mail.answers["DATA"] = "550 no"
    ran = await run(stored, "report", "schedule", "send-now", kept.id, **given)
    assert ran.code == 1 and ran.err.endswith("The mail was not sent: refused: 550 no.\n")
    for wrong, words in (
        (("add", "--to", "nobody"), "no mail address"),
        (("add", "--to", "a@b.example", "-r", "calls"), "There is no report 'calls'"),
        (("remove", "zz"), "There is no schedule 'zz'"),
    ):
        failed_in_one_line(await run(stored, "report", "schedule", *wrong), words)
    assert (await run(stored, "report", "schedule", "remove", kept.id)).code == 0
    assert read_schedules(stored) == []
