"""Breaches on both databases: their deadline, both notices, and what the commands say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from databases import with_tables
from lines import line_settings
from test_commands import failed_in_one_line, run

from models.database import Database
from ngalam112.cli.doctor_privacy import check_privacy
from ngalam112.personal_data.breaches import add_breach, close, tell
from privacy.breaches import DUE_S, Told
from privacy.errors import NotKnown, NotLegal
from reports.privacy_breaches import due_breaches, list_breaches, show_breach

pytest_plugins = ("databases",)

NOW = 1_776_000_000.0


async def test_a_breach_has_its_deadline_and_both_notices_with_their_times(
    database: Database,
) -> None:
    made = await add_breach(
        database, "a laptop was stolen", found_at=NOW, people=12, by="dpo", now=NOW + 60
    )
    assert made.due_at == NOW + DUE_S == NOW + 72 * 3600
    assert made.untold == (Told.SUBJECTS, Told.AUTHORITY)
    late = NOW + DUE_S + 1
    assert made.is_overdue(late) and not made.is_overdue(late - 1)
    await tell(
        database, made.id, Told.AUTHORITY, "letter 12", told_at=NOW + 70, by="dpo", now=NOW + 80
    )
    async with database.session() as session:
        found = await show_breach(session, made.id)
        assert await due_breaches(session, datetime.fromtimestamp(late, UTC)) == (1, 1)
    assert found.breach.authority_told_at == NOW + 70 and found.breach.untold == (Told.SUBJECTS,)
    told = await tell(database, made.id, Told.SUBJECTS, "SMS", told_at=late, by="dpo", now=late)
    assert not told.is_overdue(late)
    async with database.session() as session:
        assert await due_breaches(session, datetime.fromtimestamp(late, UTC)) == (1, 0)
    await close(database, made.id, "disk was encrypted", by="dpo", now=late + 60)
    async with database.session() as session:
        found = await show_breach(session, made.id)
        assert await list_breaches(session) == []
        assert [one.id for one in await list_breaches(session, all_of_them=True)] == [made.id]
    assert [(one.kind, one.text) for one in found.steps] == [
        ("added", "a laptop was stolen"),
        ("authority told", "letter 12"),
        ("subjects told", "SMS"),
        ("closed", "disk was encrypted"),
    ]


async def test_what_makes_no_sense_is_refused_and_changes_nothing(database: Database) -> None:
    made = await add_breach(database, "x", found_at=NOW, people=None, by="dpo", now=NOW)
    with pytest.raises(NotLegal, match="why the subjects and authority were not told"):
        await close(database, made.id, "  ", by="dpo", now=NOW)
    with pytest.raises(NotLegal, match="give --how"):
        await tell(database, made.id, Told.SUBJECTS, "", told_at=NOW, by="dpo", now=NOW)
    await tell(database, made.id, Told.SUBJECTS, "SMS", told_at=NOW, by="dpo", now=NOW)
    with pytest.raises(NotLegal, match="were told of breach 1 already"):
        await tell(database, made.id, Told.SUBJECTS, "SMS", told_at=NOW, by="dpo", now=NOW)
    await close(database, made.id, "nobody at risk: data was public", by="dpo", now=NOW)
    for again in (
        close(database, made.id, "x", by="dpo", now=NOW),
        tell(database, made.id, Told.AUTHORITY, "x", told_at=NOW, by="dpo", now=NOW),
    ):
        with pytest.raises(NotLegal, match="is closed already"):
            await again
    with pytest.raises(NotKnown, match="no breach 9"):
        await close(database, 9, "x", by="dpo", now=NOW)
    async with database.session() as session:
        assert len((await show_breach(session, made.id)).steps) == 3


async def test_the_commands_say_what_is_late(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    breach = ("privacy", "breach")
    ran = await run(settings, *breach, "add", "a list on a lost USB stick", "--at", "2026-11-01")
    assert ran.out == "Breach 1 is written down; all are to be told by 2026-11-04 00:00.\n"
    _, check = await check_privacy(settings)
    assert check.state == "warning" and check.found.startswith("of 1 somebody should")
    ran = await run(settings, *breach, "list", "--overdue")
    assert ran.code == 1 and "overdue" in ran.out and "lost USB stick" in ran.out
    told = (*breach, "notify", "1", "--how", "letter", "--whom")
    ran = await run(settings, *told, "authority", "--at", "2026-11-02")
    assert ran.out == "Breach 1: told the authority. Still to be told: subjects.\n"
    failed_in_one_line(await run(settings, *told, "press"), "'press'")
    assert (await run(settings, *told, "subjects")).out.endswith(" late.\n")
    ran = await run(settings, *breach, "close", "1", "--reason", "the stick was found")
    assert ran.out == "Breach 1 is closed.\n"
    assert "the stick was found" in (await run(settings, *breach, "show", "1")).out
    assert (await run(settings, *breach, "list", "--overdue")).out == "Nothing is overdue.\n"
