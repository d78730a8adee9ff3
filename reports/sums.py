"""Has the database count the calls, and give their times as lists of milliseconds.

What is left to do for a call is then little: a million calls come as some hundred rows. SQLite
gives lists as a text, PostgreSQL as arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from acd.calls.record import Outcome
from models.tables import CallRow, UtcDateTime
from reports.figures_count import ENDS, IN_QUEUE, LOST, Tally, takers
from reports.figures_groups import QUARTER, TimeGroups

AT_MOST = timedelta(days=7)
"""So much time is read at once, so that memory stays bounded."""

DAY = timedelta(days=1)
_LAST = datetime.max.replace(tzinfo=UTC)
_TWO_LEGS = 180  # signs that two legs have at least, with empty texts: to count is to read JSON


Period = tuple[datetime | None, datetime | None]
"""From when on, and before when."""


class Sql:
    """How a database says what is asked; the texts are SQL."""

    def __init__(self, session: Session) -> None:
        self.is_sqlite = session.get_bind().dialect.name == "sqlite"

    @property
    def quarter(self) -> str:
        """The quarter of an hour in which a call arrived, to be read by `quarter_of`."""
        if self.is_sqlite:
            return "substr(arrived_at, 1, 14) || CAST(substr(arrived_at, 15, 2) / 15 AS TEXT)"
        return "CAST(floor(date_part('epoch', arrived_at) / 900) AS BIGINT)"

    def quarter_of(self, told: Any) -> datetime:
        """Return when a quarter began."""
        if self.is_sqlite:
            hour = datetime.fromisoformat(f"{told[:14]}00").replace(tzinfo=UTC)
            return hour + int(told[14:]) * QUARTER
        return datetime.fromtimestamp(told * 900, UTC)

    def ms(self, begin: str, end: str) -> str:
        """The milliseconds from one moment to another, to the nearest; below 0 there is none."""
        if self.is_sqlite:
            # a moment is a text there, YYYY-MM-DD HH:MM:SS.ffffff; its days are no whole numbers
            days = "julianday(substr({0}, 1, 16)) - julianday(substr({1}, 1, 16))"
            minutes = f"CAST(round(({days}) * 1440) AS INTEGER)"
            seconds = "substr({0}, 18, 9) - substr({1}, 18, 9)"
            us = f"{minutes} * 60000000 + CAST(round(({seconds}) * 1000000) AS INTEGER)"
        else:
            us = "CAST(round(date_part('epoch', {0} - {1}) * 1000000) AS BIGINT)"
        most = "max" if self.is_sqlite else "greatest"
        return f"{most}(0, ({us.format(end, begin)} + 500) / 1000)"

    @property
    def one_leg(self) -> str:
        """Whether no more than one leg has spoken."""
        size = "length(legs)" if self.is_sqlite else "octet_length(CAST(legs AS TEXT))"
        return f"CASE WHEN {size} < {_TWO_LEGS} THEN 0 = 0 ELSE json_array_length(legs) < 2 END"

    @property
    def some_legs(self) -> str:
        """Whether any has."""
        return "legs <> '[]'" if self.is_sqlite else "CAST(legs AS TEXT) <> '[]'"

    def many(self, value: str, which: str) -> str:
        """The values of the calls for which a condition holds, to be read by `numbers`."""
        name = "group_concat" if self.is_sqlite else "array_agg"
        return f"{name}({value}) FILTER (WHERE {which})"

    def sum(self, column: str) -> str:
        """The sum of a column of whole numbers; None of nothing."""
        return f"CAST(sum({column}) AS BIGINT)"

    def legs(self, which: str) -> str:
        """The legs of some calls, to be read by `lists`."""
        return self.many("legs" if self.is_sqlite else "CAST(legs AS TEXT)", which)

    @property
    def categories(self) -> str:
        """The category of each call, to be read by `texts`."""
        return "json_group_array(category)" if self.is_sqlite else "array_agg(category)"

    def numbers(self, told: Any) -> Sequence[int]:
        """Return the values that `many` has found."""
        if told is None:
            return ()
        return _NUMBERS(f"[{told}]") if self.is_sqlite else told

    def texts(self, told: Any) -> Sequence[str | None]:
        """Return the categories."""
        return msgspec.json.decode(told) if self.is_sqlite else told or ()

    def lists(self, told: Any, read: Callable[[str], Any] = msgspec.json.decode) -> Any:
        """Return the legs of each call; `read`: what reads JSON."""
        if told is None:
            return ()
        return read(f"[{told}]" if self.is_sqlite else f"[{','.join(told)}]")


_NUMBERS = msgspec.json.Decoder(list[int]).decode


def counted_columns(sql: Sql) -> dict[str, str]:
    """What is asked of calls that were offered, to be read by `add_row`; the texts are SQL."""
    waited, in_queue = "wait_ms IS NOT NULL", _any_of(IN_QUEUE)
    answer, lost = sql.ms("arrived_at", "operator_answered_at"), sql.ms("arrived_at", "ended_at")
    # of most calls that were answered the leg is that of who answered: it need not be read
    own = (
        f"{sql.some_legs} AND {_OUTCOME} = '{Outcome.ANSWERED}'"
        " AND operator_answered_at IS NOT NULL AND coalesce(operator, '') <> ''"
    )
    answered = f"operator_answered_at IS NOT NULL AND {_OUTCOME} <> '{Outcome.FALLBACK}'"
    columns = {
        "offered": "count(*)",
        "live": "count(*) FILTER (WHERE ended_at IS NULL)",
        "categories": sql.categories,
        "talk": sql.sum("talk_ms"),
        "talks": "count(talk_ms)",
        "held": sql.sum("held_ms"),
        "held_calls": "count(*) FILTER (WHERE held_ms <> 0)",
        "answer": sql.many(answer, answered),
        "queue": sql.many("wait_ms", f"{waited} AND {_OUTCOME} = '{Outcome.ANSWERED}'"),
        "lost_waits": sql.many("wait_ms", f"{waited} AND {in_queue}"),
        "waits": sql.many(
            "wait_ms", f"{waited} AND NOT {in_queue} AND {_OUTCOME} <> '{Outcome.ANSWERED}'"
        ),
        "own": f"count(*) FILTER (WHERE {own})",
        "legs": sql.legs(f"{own} AND NOT ({sql.one_leg})"),
        "other_legs": sql.legs(f"{sql.some_legs} AND NOT ({own})"),
    }
    for one in ENDS:
        ended = f"outcome = '{one}' AND ended_at IS NOT NULL"
        columns[one] = f"count(*) FILTER (WHERE {ended})"
        if one in LOST:
            columns[f"ms_{one}"] = sql.many(lost, ended)
    return columns


def add_row(tally: Tally, sql: Sql, row: Mapping[str, Any]) -> tuple[list[str], int]:
    """Count what one row has counted; return who has taken its calls.

    These are names, and how many calls beside those only who answered has taken.
    """
    several, others = sql.lists(row["legs"]), sql.lists(row["other_legs"])
    names = [*takers(leg for legs in chain(several, others) for leg in legs)]
    own = row["own"] - len(several)
    tally.offered += row["offered"]
    tally.taken += own + len(names)
    for name in ("talks", "held_calls", "talk", "held"):
        setattr(tally, name, getattr(tally, name) + (row[name] or 0))
    tally.ends[None, True] += row["live"]
    for one in ENDS:
        tally.ends[one, False] += row[one]
    tally.by_category.update(sql.texts(row["categories"]))
    for name, times in (("answer", tally.answer), ("queue", tally.queue)):
        times.extend(sql.numbers(row[name]))
    tally.lost_waits.extend(sql.numbers(row["lost_waits"]))
    for name in ("queue", "lost_waits", "waits"):
        tally.wait.extend(sql.numbers(row[name]))
    for stage, times in tally.lost.items():
        times.extend(sql.numbers(row[f"ms_{stage}"]))
    return names, own


_OUTCOME = "coalesce(outcome, '')"


def _any_of(outcomes: Iterable[str]) -> str:
    return f"{_OUTCOME} IN ({', '.join(repr(one) for one in outcomes)})"


def windows(
    session: Session,
    columns: Mapping[str, str],
    conditions: Iterable[Any],
    period: Period,
    end_of: Callable[[datetime], datetime],
    groups: Sequence[str] = (),
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Put a question to the calls of one time after the other; yield each one's begin and rows.

    `columns`: what is asked, by name; `groups`: the names of those by which there is a row each.
    `end_of`: where the time ends that begins with a moment. Times without calls cost nothing.
    """
    moment, later = CallRow.arrived_at, CallRow.__table__.alias("later").c.arrived_at
    begin, end = bindparam("begin", type_=UtcDateTime), bindparam("end", type_=UtcDateTime)
    asked: Any = select(*(literal_column(one).label(name) for name, one in columns.items()))
    asked = asked.select_from(CallRow.__table__).where(moment >= begin, moment < end, *conditions)
    asked = asked.group_by(*(literal_column(columns[one]) for one in groups))
    # with each answer comes when the next call arrived: that need not be a question of its own
    asked = asked.add_columns(_first(later, end, period[1]).scalar_subquery())
    first, names = _first(moment, begin, period[1]), list(columns)
    until = period[0] or datetime.min.replace(tzinfo=UTC)
    at = session.scalar(first, {"begin": until})
    while at is not None:
        until = end_of(at) if period[1] is None else min(end_of(at), period[1])
        rows = session.connection().execute(asked, {"begin": at, "end": until}).all()
        for row in rows:  # of no type: what the driver gives is what is read
            yield at, dict(zip(names, row, strict=False))
        at = rows[0][-1] if rows else session.scalar(first, {"begin": until})


def _first(moment: Any, begin: Any, end: datetime | None) -> Select[Any]:
    first = select(func.min(moment)).where(moment >= begin)
    return first if end is None else first.where(moment < end)


def end_after(longest: timedelta) -> Callable[[datetime], datetime]:
    """Return what tells when so much time is over."""

    def end_of(moment: datetime) -> datetime:
        return moment + longest if moment < _LAST - longest else _LAST

    return end_of


def end_of_name(times: TimeGroups) -> Callable[[datetime], datetime]:
    """Return what tells where the group of a moment ends, or a day is over."""

    def end_of(moment: datetime) -> datetime:
        name = times.name(moment)
        end = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
        while end - moment < DAY and end < _LAST - DAY:
            end += QUARTER
            if times.name(end) != name:
                return end
        return end if end > moment else _LAST

    return end_of
