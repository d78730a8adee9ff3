"""What the database computes of a call is to the millisecond what Python would; times have ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from acd.calls.record import LegRecord
from reports.figures_groups import QUARTER, TimeGroups
from reports.sums import DAY, Sql, end_after, end_of_name

LAST = datetime(9999, 12, 31, tzinfo=UTC)
BEGIN, MOST_US = datetime(1970, 1, 1, tzinfo=UTC), 253_402_214_400 * 10**6
MOMENTS = st.integers(0, MOST_US).map(lambda us: BEGIN + timedelta(microseconds=us))
NEAR = st.integers(-(10**9), 10**9) | st.integers(-2000, 2000)  # microseconds


@pytest.fixture(scope="module")
def sql() -> Iterator[Sql]:
    with Session(create_engine("sqlite://")) as session:
        yield Sql(session)


def computed(sql: str, **values: str) -> object:
    with sqlite3.connect(":memory:") as connection:
        named = ", ".join(f":{name} AS {name}" for name in values)
        query = f"SELECT {sql} FROM (SELECT {named})"  # noqa: S608
        found: object = connection.execute(query, values).fetchone()[0]
    return found


def as_kept(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


@given(MOMENTS, NEAR)
def test_milliseconds_are_those_of_the_moments(sql: Sql, begin: datetime, after: int) -> None:
    begin = min(max(begin, BEGIN + DAY), LAST - DAY)
    end = begin + timedelta(microseconds=after)
    told = computed(sql.ms("a", "b"), a=as_kept(begin), b=as_kept(end))
    assert told == max(0, (after + 500) // 1000)


@given(MOMENTS)
def test_a_quarter_of_an_hour_is_the_one_that_the_moment_is_in(sql: Sql, at: datetime) -> None:
    told = sql.quarter_of(computed(sql.quarter, arrived_at=as_kept(at)))
    assert told <= at < told + QUARTER and told.minute % 15 == 0


def test_a_call_of_one_leg_is_told_from_one_of_several_however_short_they_are(sql: Sql) -> None:
    for legs in ([], [LegRecord(leg="")], [LegRecord(leg="a" * 500, operator="1" * 50)]):
        assert computed(sql.one_leg, legs=msgspec.json.encode(legs).decode())
    for legs in ([LegRecord(leg="", how="")] * 2, [LegRecord(leg="a", operator="1101")] * 3):
        assert not computed(sql.one_leg, legs=msgspec.json.encode(legs).decode())


@pytest.mark.parametrize("tz", ["Asia/Jakarta", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_each_time_has_an_end_also_on_the_last_day_that_there_is(tz: str) -> None:
    ends = [end_after(DAY)]
    ends += [end_of_name(TimeGroups(by, ZoneInfo(tz))) for by in ("shift", "day")]
    for begin in (datetime(2026, 11, 23, 17, 1, tzinfo=UTC), LAST - DAY, LAST - QUARTER):
        for end_of in ends:
            assert timedelta(0) < end_of(begin) - begin <= DAY + QUARTER


def test_a_time_ends_where_its_group_does() -> None:
    jakarta = ZoneInfo("Asia/Jakarta")
    at = datetime(2026, 11, 23, 13, 20, tzinfo=jakarta).astimezone(UTC)
    by_day, by_shift = (end_of_name(TimeGroups(by, jakarta)) for by in ("day", "shift"))
    assert by_day(at) == datetime(2026, 11, 24, tzinfo=jakarta)
    assert by_shift(at) == datetime(2026, 11, 23, 21, tzinfo=jakarta)
