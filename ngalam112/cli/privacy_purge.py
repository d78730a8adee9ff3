"""The commands `ngalam112 privacy purge` and `purges`: what is old enough goes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from acd.config_file import load_distribution
from acd.rules.retention import Retention
from ngalam112.api.time_ranges import begin
from ngalam112.cli.common import FormatOption
from ngalam112.cli.person import person
from ngalam112.cli.privacy_common import asked, iso, shown_time, with_database
from ngalam112.cli.privacy_engine import let_go
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, table, write_list
from privacy.errors import NotLegal
from privacy.purge import Stage, cutoff_of

if TYPE_CHECKING:
    from models.database import Database
    from ngalam112.personal_data.purging import Purged

_STAGES = {Stage.PERSONAL: "persons out", Stage.ROW: "removed"}
_TABLE = (
    Column("name", "class"),
    Column("stage", "what goes"),
    Column("days", "after days", right=True),
    Column("before", "from before"),
    Column("done", "records", right=True),
    Column("left", "stay", right=True),
)
_LEFT = (Column("why", "stay, because it"), Column("count", "records", right=True))
_RUNS = (
    Column("id", "purge", right=True),
    Column("began", "began"),
    Column("ended", "ended"),
    Column("by", "by"),
    Column("done", "records", right=True),
    Column("left", "stayed", right=True),
)


def privacy_purge(
    apply: Annotated[
        bool,
        typer.Option("--apply/--dry-run", help="Do it; without it is only said what would go."),
    ] = False,
    now: Annotated[
        str | None,
        typer.Option("--now", help="As if it were this day; not with --apply."),
    ] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Take persons out of records that are old enough, and remove those that are older still.

    How old is said in [retention] of the distribution file. What is on legal hold, open or not over
    stays. Without --apply nothing is changed.
    """
    settings = load_settings()
    if now is not None and apply:
        raise NotLegal("--now is for looking ahead; it cannot be given with --apply.")
    zone, at = ZoneInfo(settings.timezone), datetime.now(UTC)
    if now is not None:
        at = begin(now, zone, at)
    rules = load_distribution(settings.distribution_file).retention
    found = with_database(
        settings,
        lambda one: _purged(one, settings, rules, at, apply),
        "privacy purge" if apply else "",
    )
    found += _logs(settings, rules, at, apply)
    rows = [_row(one, zone) for one in found]
    shown = [
        {**row, "stage": _STAGES[one.stage], "before": shown_time(one.before, zone)[:10]}
        for row, one in zip(rows, found, strict=True)
    ]
    write_list(rows, _TABLE, fmt, names=tuple(rows[0]) if rows else ("name",), shown=shown)
    if fmt is Format.TABLE:
        _say_left(found)
        console().print()
        done = "Done." if apply else "Nothing was changed; with --apply it is."
        console().print(done)


async def _purged(
    database: Database, settings: Settings, rules: Retention, now: datetime, apply: bool
) -> list[Purged]:
    from ngalam112.personal_data.purging import Purge
    from ngalam112.recordings.removing import remove_files

    found = await Purge(
        database,
        rules,
        let_go=lambda calls, incidents: let_go(settings, calls, incidents),
        by=person(),
        now=now,
        country=settings.country,
        writes=apply,
    ).run()
    if apply:
        await remove_files(database, settings.recordings_home)
    return found


def _logs(settings: Settings, rules: Retention, now: datetime, apply: bool) -> list[Purged]:
    from ngalam112.personal_data.log_files import old_logs, remove_logs
    from ngalam112.personal_data.purging import Purged

    days = rules.logs.row
    if days is None:
        return []
    before = cutoff_of(days, now).timestamp()
    paths = old_logs((settings.log_file.parent, settings.asterisk_home / "log"), before)
    count = remove_logs(paths) if apply else len(paths)
    return [Purged(name="logs", stage=Stage.ROW, days=days, before=before, done=count, left=[])]


def _row(one: Purged, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "name": one.name,
        "stage": one.stage.value,
        "days": one.days,
        "before": iso(one.before, zone),
        "done": one.done,
        "left": len(one.left),
    }


def _say_left(found: list[Purged]) -> None:
    reasons = Counter(left.why for one in found for left in one.left)
    if reasons:
        rows = [{"why": why, "count": count} for why, count in reasons.most_common()]
        console().print()
        console().print(table(rows, _LEFT))


def privacy_purges(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 30,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the purges that were done, and whether one was cut off."""
    from ngalam112.personal_data.purging import list_runs

    settings = load_settings()
    found = asked(settings, lambda session: list_runs(session, limit))
    zone = ZoneInfo(settings.timezone)
    rows: list[dict[str, Any]] = [
        {
            "id": one.id,
            "began": iso(one.began_at, zone),
            "ended": iso(one.ended_at, zone) if one.ended_at is not None else None,
            "by": one.by,
            "done": sum(part.done for part in one.classes.values()),
            "left": sum(part.left for part in one.classes.values()),
        }
        for one in found
    ]
    shown = [
        {
            **row,
            "began": shown_time(one.began_at, zone),
            "ended": shown_time(one.ended_at, zone) if one.ended_at else "(cut off, or at work)",
        }
        for row, one in zip(rows, found, strict=True)
    ]
    names = ("id", "began", "ended", "by", "done", "left")
    write_list(rows, _RUNS, fmt, names=names, shown=shown, nothing="There was no purge yet.")
