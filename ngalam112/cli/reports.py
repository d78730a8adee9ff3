"""The command for totals, `ngalam112 report summary`, and the report that it prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ngalam112.cli.common import FromOption, ToOption, make_group
from ngalam112.cli.report_pages import (
    LanguageOption,
    ReportFormat,
    named_period,
    print_part,
    words_for,
    write_report,
)
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
    from reports.languages import Words
    from reports.parts import Cell, Report
    from reports.summary import Summary

reports = make_group("report", "Totals that must add up.")


@reports.command("summary")
def report_summary(
    begin: FromOption = None,
    end: ToOption = None,
    by: ByOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """Sum up the calls of a time (today, if none is given); exit 1 if the parts do not add up."""
    from reports.supervisor_facts import beside

    settings = load_settings()
    period = report_period(settings, begin, end, datetime.now(UTC))

    async def question(session: AsyncSession) -> tuple[Summary, dict[str, int]]:
        found = await summed(session, settings, period, by)
        return found, await beside(session, *period)

    words = words_for(lang, settings)
    (totals, counts), behind = read_only(settings, question)
    totals.behind = behind
    if output is None and fmt is ReportFormat.JSON:
        write_json(msgspec.to_builtins(totals))
    elif output is None and fmt is ReportFormat.CSV:
        _summary_csv(totals)
    elif output is None and fmt is ReportFormat.TABLE:
        print_summary(totals, console(), counts, words)
    else:
        write_report(_report(totals, counts), fmt, output, words)
    if not totals.adds_up:
        raise typer.Exit(1)


def _report(totals: Summary, counts: Mapping[str, int]) -> Report:
    from reports.parts import Report
    from reports.said import Said
    from reports.supervisor import summary_parts

    return Report(
        name="summary",
        title=Said("Calls"),
        since=totals.since,
        until=totals.until,
        tz=totals.tz,
        parts=summary_parts(totals, counts),
        behind=totals.behind,
    )


def print_summary(
    totals: Summary,
    to: Console,
    counts: Mapping[str, int] | None = None,
    words: Words | None = None,
) -> None:
    """Print the supervisor's report: every outcome with its share, and how fast was answered.

    `counts`: what is told beside the calls; without it, only what the calls themselves tell.
    `words`: of the language; English if not given.
    """
    from reports.languages import ENGLISH, words_of
    from reports.supervisor import with_total

    words = words or words_of(ENGLISH)
    to.print(Text(f"{words('Calls')} {named_period(totals, words)}\n", "bold"))
    pair = Table.grid(padding=(0, 4))
    pair.add_row(_outcomes(totals, words), _speeds(totals, words))
    to.print(pair)
    if counts is not None:
        for one in words.report(_report(totals, counts)).parts:
            if one.name in _BELOW:
                print_part(one, to, words)
    if totals.by_category:
        columns = (Column("name", words("category")), *_counts(words))
        to.print()
        to.print(table(_categories(totals, words), columns))
    if totals.groups:
        groups = list(with_total(totals))[:-1]
        rows = [_group_row(words.cell(name, "groups"), one, words) for name, one in groups]
        to.print()
        to.print(table(rows, (Column("name", words(totals.by or "")), *_groups(words))))


_BELOW = ("service_level", "answer_time", "talks", "beside", "refused_before")
"""The tables below the first two."""


def _counts(words: Words) -> tuple[Column, Column]:
    return Column("calls", words("calls"), right=True), Column("share", "%", right=True)


def _groups(words: Words) -> Iterable[Column]:
    for name, title in (
        ("offered", words("offered")),
        ("answered", words("answered")),
        ("taken", words("taken")),
        ("share", "%"),
        ("lost", words("lost")),
        ("other", words("other")),
        ("median", words("med. s")),
        ("p95", words("95 % s")),
    ):
        yield Column(name, title, right=True)


def _outcomes(totals: Figures, words: Words) -> Table:
    from reports.said import Said
    from reports.supervisor import OUTCOMES

    rows: list[dict[str, Any]] = [
        {
            "name": words.said(title),
            "calls": words.number(getattr(totals, name)),
            "share": _share(totals, name, words),
        }
        for name, title in {"offered": Said("offered"), **OUTCOMES}.items()
    ]
    adds_up = words("yes") if totals.adds_up else words("no")
    rows.append({"name": words("adds up"), "calls": adds_up, "share": " "})
    return table(rows, (Column("name", words("outcome")), *_counts(words)))


def _speeds(totals: Figures, words: Words) -> Table:
    rows = [
        {
            "name": words("answered within {seconds} s", seconds=limit),
            "value": _percent(_within(totals, limit), words),
        }
        for limit in (5, 10, 15, 20)
    ]
    for name, ms in (
        (words("median"), totals.answer_p50_ms),
        (words("95 % at most"), totals.answer_p95_ms),
        (words("mean of the longest 10 %"), totals.answer_longest_tenth_mean_ms),
        (words("mean talk"), totals.talk_mean_ms),
    ):
        value = _seconds(ms, words)
        rows.append({"name": name, "value": value and words("{seconds} s", seconds=value)})
    return table(rows, (Column("name", words("time to an operator")), Column("value", "", True)))


def _within(totals: Figures, limit: int) -> float | None:
    value: float | None = getattr(totals, f"within_{limit}s_percent")
    return value


def _categories(totals: Figures, words: Words) -> Iterable[dict[str, Any]]:
    from reports.figures_count import NONE

    for name, count in totals.by_category.items():
        share = _percent(100 * count / totals.offered, words)
        shown = words(NONE) if name == NONE else name
        yield {"name": shown, "calls": words.number(count), "share": share}


def _group_row(name: Cell, one: Figures, words: Words) -> dict[str, Any]:
    lost = one.lost_menu + one.lost_queue + one.lost_ringing + one.lost_fallback
    return {
        "name": name,
        "offered": words.number(one.offered),
        "answered": words.number(one.answered),
        "taken": words.number(one.taken),
        "share": _share(one, "answered", words),
        "lost": words.number(lost),
        "other": words.number(one.offered - one.answered - lost),
        "median": _seconds(one.answer_p50_ms, words),
        "p95": _seconds(one.answer_p95_ms, words),
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


def _share(totals: Figures, name: str, words: Words) -> str | None:
    if not totals.offered:
        return None
    return _percent(100 * getattr(totals, name) / totals.offered, words)


def _percent(value: float | None, words: Words) -> str | None:
    return None if value is None else f"{words.number(float(value))} %"


def _seconds(ms: int | None, words: Words) -> str | None:
    return None if ms is None else words.number(ms / 1000)
