"""The command `ngalam112 report check`: are the records and the reports what the events say?"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import typer

from ngalam112.cli.common import FormatOption, FromOption, ToOption
from ngalam112.cli.report_pages import LanguageOption, words_for
from ngalam112.cli.report_questions import read_only
from ngalam112.cli.report_times import report_period
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, write_json, write_list


def report_check(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: FormatOption = Format.TABLE,
    lang: LanguageOption = None,
) -> None:
    """Count the calls of a time (today) again from their events; exit 1 if anything disagrees."""
    from reports.check import Disagreement, check
    from reports.said import Said

    settings = load_settings()
    words = words_for(lang, settings)
    period = report_period(settings, begin, end, datetime.now(UTC))
    found, behind = read_only(settings, lambda session: check(session, *period))
    names = Disagreement.__struct_fields__
    rows = [msgspec.structs.asdict(one) for one in found.disagreements]
    if fmt is Format.JSON:
        write_json({**msgspec.to_builtins(found), "behind": behind})
    elif rows:
        # the database has found one thing, and the events say another
        shown = [{**row, "call": row["call"] or words("the report")} for row in rows]
        columns = [Column(name, words.said(Said(name), "check")) for name in names]
        write_list(rows, columns, fmt, names=names, shown=shown)
    if fmt is Format.TABLE:
        verdict = words("all agree")
        if found.wrong:
            verdict = words("{wrong} values disagree", wrong=found.wrong)
        counts = {name: getattr(found, name) for name in ("calls", "events", "figures")}
        sentence = words(
            "{calls} calls, {events} events and {figures} figures were compared: {verdict}.",
            verdict=verdict,
            **counts,
        )
        console().print(sentence, soft_wrap=True)
    if found.wrong:
        raise typer.Exit(1)
