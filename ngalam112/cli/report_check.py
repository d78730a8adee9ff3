"""The command `ngalam112 report check`: are the records and the reports what the events say?"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import typer

from ngalam112.cli.common import FormatOption, FromOption, ToOption
from ngalam112.cli.report_questions import read_only
from ngalam112.cli.report_times import report_period
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, write_json, write_list


def report_check(
    begin: FromOption = None, end: ToOption = None, fmt: FormatOption = Format.TABLE
) -> None:
    """Count the calls of a time (today) again from their events; exit 1 if anything disagrees."""
    from reports.check import Disagreement, check

    settings = load_settings()
    period = report_period(settings, begin, end, datetime.now(UTC))
    found, behind = read_only(settings, lambda session: check(session, *period))
    names = Disagreement.__struct_fields__
    rows = [msgspec.structs.asdict(one) for one in found.disagreements]
    if fmt is Format.JSON:
        write_json({**msgspec.to_builtins(found), "behind": behind})
    elif rows:
        # the database has found one thing, and the events say another
        shown = [{**row, "call": row["call"] or "the report"} for row in rows]
        columns = [Column(name, name) for name in names]
        write_list(rows, columns, fmt, names=names, shown=shown)
    if fmt is Format.TABLE:
        verdict = "all agree" if not found.wrong else f"{found.wrong} values disagree"
        console().print(
            f"{found.calls} calls, {found.events} events and {found.figures} figures were"
            f" compared: {verdict}.",
            soft_wrap=True,
        )
    if found.wrong:
        raise typer.Exit(1)
