"""The command for totals, `ngalam112 report summary`, and the report that it prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.common import FromOption, ToOption, make_group
from ngalam112.cli.report_pages import ReportFormat, print_part, write_report
from ngalam112.cli.report_questions import read_only, summed
from ngalam112.cli.report_times import report_period
from ngalam112.cli.supervisor_reports import (
    ByOption,
    ReportFormatOption,
    ReportOutputOption,
)
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, console, table, write_csv, write_json

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from reports.figures import Figures
    from reports.parts import Report
    from reports.summary import Summary

reports = make_group("report", "Totals that must add up.")

_OUTCOMES = (
    ("answered", "answered"),
    ("information", "information heard"),
    ("lost_menu", "lost in the menu"),
    ("lost_queue", "lost in the queue"),
    ("lost_ringing", "lost while ringing"),
    ("fallback", "answered in the fallback"),
    ("lost_fallback", "lost in the fallback"),
    ("live", "not ended yet"),
)


@reports.command("summary")
def report_summary(
    begin: FromOption = None,
    end: ToOption = None,
    by: ByOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """Sum up the calls of a time (today, if none is given); exit 1 if the parts do not add up."""
    from reports.supervisor_facts import beside

    settings = load_settings()
    period = report_period(settings, begin, end, datetime.now(UTC))

    async def question(session: AsyncSession) -> tuple[Summary, dict[str, int]]:
        found = await summed(session, settings, period, by)
        return found, await beside(session, *period)

    (totals, counts), behind = read_only(settings, question)
    totals.behind = behind
    if output is None and fmt is ReportFormat.JSON:
        write_json(msgspec.to_builtins(totals))
    elif output is None and fmt is ReportFormat.CSV:
        _summary_csv(totals)
    elif output is None and fmt is ReportFormat.TABLE:
        print_summary(totals, console(), counts)
    else:
        write_report(_report(totals, counts), fmt, output)
    if not totals.adds_up:
        raise typer.Exit(1)


def _report(totals: Summary, counts: Mapping[str, int]) -> Report:
    from reports.parts import Report
    from reports.supervisor import summary_parts

    return Report(
        name="summary",
        title="Calls",
        since=totals.since,
        until=totals.until,
        tz=totals.tz,
        parts=summary_parts(totals, counts),
        behind=totals.behind,
    )


def print_summary(totals: Summary, to: Console, counts: Mapping[str, int] | None = None) -> None:
    """Print the supervisor's report: every outcome with its share, and how fast was answered.

    `counts`: what is told beside the calls; without it, only what the calls themselves tell.
    """
    to.print(Text(f"Calls {_named_period(totals)}\n", "bold"))
    pair = Table.grid(padding=(0, 4))
    pair.add_row(_outcomes(totals), _speeds(totals))
    to.print(pair)
    if counts is not None:
        for one in _report(totals, counts).parts:
            if one.name in _BELOW:
                print_part(one, to)
    if totals.by_category:
        columns = (Column("name", "category"), *_COUNTS)
        to.print()
        to.print(table(_categories(totals), columns))
    if totals.groups:
        rows = [_group_row(name, one, totals) for name, one in totals.groups.items()]
        to.print()
        to.print(table(rows, (Column("name", totals.by or ""), *_GROUPS)))


_BELOW = ("service_level", "answer_time", "talks", "beside", "refused_before")
"""The tables below the first two."""

_COUNTS = (Column("calls", "calls", right=True), Column("share", "%", right=True))
_GROUPS = (
    Column("offered", "offered", right=True),
    Column("answered", "answered", right=True),
    Column("taken", "taken", right=True),
    Column("share", "%", right=True),
    Column("lost", "lost", right=True),
    Column("other", "other", right=True),
    Column("median", "med. s", right=True),
    Column("p95", "95 % s", right=True),
)


def _outcomes(totals: Figures) -> Table:
    rows: list[dict[str, Any]] = [
        {"name": title, "calls": getattr(totals, name), "share": _share(totals, name)}
        for name, title in _OUTCOMES
    ]
    rows.insert(0, {"name": "offered", "calls": totals.offered, "share": _share(totals, "offered")})
    rows.append({"name": "adds up", "calls": totals.adds_up, "share": " "})
    return table(rows, (Column("name", "outcome"), *_COUNTS))


def _speeds(totals: Figures) -> Table:
    rows = [
        {"name": f"answered within {limit} s", "value": _percent(_within(totals, limit))}
        for limit in (5, 10, 15, 20)
    ]
    for name, ms in (
        ("median", totals.answer_p50_ms),
        ("95 % at most", totals.answer_p95_ms),
        ("mean of the longest 10 %", totals.answer_longest_tenth_mean_ms),
        ("mean talk", totals.talk_mean_ms),
    ):
        rows.append({"name": name, "value": _seconds(ms, " s")})
    return table(rows, (Column("name", "time to an operator"), Column("value", "", True)))


def _within(totals: Figures, limit: int) -> float | None:
    value: float | None = getattr(totals, f"within_{limit}s_percent")
    return value


def _categories(totals: Figures) -> Iterable[dict[str, Any]]:
    for name, count in totals.by_category.items():
        share = _percent(100 * count / totals.offered)
        yield {"name": name, "calls": count, "share": share}


def _group_row(name: str, one: Figures, totals: Summary) -> dict[str, Any]:
    lost = one.lost_menu + one.lost_queue + one.lost_ringing + one.lost_fallback
    return {
        "name": name.replace("T", " ")[:16] if totals.by == "hour" else name,
        "offered": one.offered,
        "answered": one.answered,
        "taken": one.taken,
        "share": _share(one, "answered"),
        "lost": lost,
        "other": one.offered - one.answered - lost,
        "median": _seconds(one.answer_p50_ms),
        "p95": _seconds(one.answer_p95_ms),
    }


def _summary_csv(totals: Summary) -> None:
    """Write a row for the whole and one for each group; a column for each category."""
    from reports.figures import Figures

    several = ("by_category", "service_levels", "losses")
    figures = [name for name in Figures.__struct_fields__ if name not in several]
    categories = list(totals.by_category)
    rows, levels = [], dict[str, None]()  # in their order
    parts: Sequence[tuple[str, Figures]] = [("total", totals), *totals.groups.items()]
    for name, one in parts:
        row = {"group": name, **{figure: getattr(one, figure) for figure in figures}}
        for level in one.service_levels:
            for figure in ("of_offered", "without_short", "app_queue"):
                name = f"{figure}_{level.seconds}s_percent"
                row[name] = getattr(level, f"{figure}_percent")
                levels[name] = None
        row |= {f"category_{name}": one.by_category.get(name, 0) for name in categories}
        rows.append(row)
    write_csv(rows, ["group", *figures, *levels, *(f"category_{name}" for name in categories)])


def _named_period(totals: Summary) -> str:
    zone = ZoneInfo(totals.tz)
    since, until = (
        moment and on_screen(moment.isoformat(), zone)[:16]
        for moment in (totals.since, totals.until)
    )
    if since and until:
        named = f"from {since} to {until}"
    elif since or until:
        named = f"from {since} to now" if since else f"before {until}"
    else:
        named = "of all time"
    return f"{named} ({totals.tz})"


def _share(totals: Figures, name: str) -> str | None:
    return _percent(100 * getattr(totals, name) / totals.offered) if totals.offered else None


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f} %"


def _seconds(ms: int | None, unit: str = "") -> str | None:
    return None if ms is None else f"{ms / 1000:.1f}{unit}"
