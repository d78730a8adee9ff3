"""When reports are mailed: at each end once, by any clock, and nothing that is older than a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deliveries.attempt import Delivered, Failed, Reason, Refused
from reports.figures_groups import SHIFTS, TimeGroups, shifts_of
from reports.schedules import (
    OLDEST_S,
    Every,
    Mailed,
    Schedule,
    after,
    begun,
    due,
    ended,
    failed,
    kept,
)

JAKARTA = ZoneInfo("Asia/Jakarta")
ZONES = st.sampled_from(
    ["Asia/Jakarta", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
MOMENTS = st.integers(1_100_000_000, 2_050_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
NIGHTS = st.sampled_from(
    [SHIFTS, shifts_of(["02:30-14", "14-02:30"]), shifts_of(["00-02", "02-00"])]
)
SPRING = datetime(2026, 3, 29, 5, tzinfo=UTC)  # the clock in Berlin was put on at 01:00 UTC
NOON = datetime(2026, 11, 23, 12, tzinfo=JAKARTA)


def a_schedule(every: Every = Every.SHIFT, made_at: float = 0.0) -> Schedule:
    return Schedule(
        id="a1",
        every=every,
        reports=("summary",),
        recipients=("piket@malang.example",),
        language="id",
        made_at=made_at,
    )


def due_at(
    moment: datetime, known: dict[tuple[str, float], Mailed] | None = None
) -> list[datetime]:
    found = due([a_schedule()], known or {}, SHIFTS, JAKARTA, moment.timestamp())
    return [one.span.end.astimezone(JAKARTA) for one in found]


@given(ZONES, MOMENTS, NIGHTS, st.sampled_from([Every.SHIFT, Every.DAY]))
@example(ZoneInfo("Europe/Berlin"), SPRING, SHIFTS, Every.SHIFT)
def test_each_moment_of_the_last_day_is_in_one_time_whatever_the_clock_did(
    zone: ZoneInfo, now: datetime, shifts: tuple[object, ...], every: Every
) -> None:
    found = ended(every, shifts, zone, now)  # type: ignore[arg-type]
    if every is Every.SHIFT:
        assert found, "a shift ends every day"
    for one, following in pairwise(found):
        assert one.begin < one.end == following.begin
    assert all(now - timedelta(seconds=OLDEST_S) < one.end <= now for one in found)
    for one in found:
        before = ended(every, shifts, zone, one.end - timedelta(microseconds=1))  # type: ignore[arg-type]
        assert one not in before, "it is not there before its end"


@given(ZONES, MOMENTS)
def test_a_time_has_the_name_that_its_calls_are_grouped_by(zone: ZoneInfo, now: datetime) -> None:
    for one in ended(Every.DAY, SHIFTS, zone, now):
        names = TimeGroups("day", zone)
        assert names.name(one.begin) == names.name(one.end - timedelta(minutes=1))
        assert names.name(one.end) != names.name(one.begin)


def test_the_shifts_of_malang_end_at_five_thirteen_and_twenty_one() -> None:
    assert [one.hour for one in due_at(NOON)] == [13, 21, 5]
    assert [one.day for one in due_at(NOON)] == [22, 22, 23]
    assert due_at(NOON.replace(hour=13))[-1] == NOON.replace(hour=13), "at its end at once"
    (month,) = ended(Every.MONTH, SHIFTS, JAKARTA, datetime(2026, 12, 1, 0, 5, tzinfo=JAKARTA))
    assert month.begin.astimezone(JAKARTA) == datetime(2026, 11, 1, tzinfo=JAKARTA)
    assert ended(Every.MONTH, SHIFTS, JAKARTA, datetime(2026, 12, 3, tzinfo=JAKARTA)) == []


def test_nothing_is_mailed_that_ended_before_the_schedule_was_made() -> None:
    one = a_schedule(made_at=NOON.replace(hour=4).timestamp())
    (found,) = due([one], {}, SHIFTS, JAKARTA, NOON.timestamp())
    assert found.span.end.astimezone(JAKARTA).hour == 5 and found.is_late
    (found,) = due([one], {}, SHIFTS, JAKARTA, NOON.replace(hour=5, minute=1).timestamp())
    assert not found.is_late


@given(st.lists(st.integers(-90_000, 90_000), max_size=30))
def test_each_end_is_mailed_once_wherever_the_clock_jumps(jumps: list[int]) -> None:
    known: dict[tuple[str, float], Mailed] = {}
    sent, at = [], NOON.timestamp()
    for jump in jumps:
        at += jump
        for one in due([a_schedule()], known, SHIFTS, JAKARTA, at):
            key = one.schedule.id, one.before.end
            known[key] = after(Delivered("250 OK"), begun(one.before, at), at)
            sent.append(key)
            assert 0 <= at - one.before.end < OLDEST_S
    assert len(sent) == len(set(sent))


def test_a_failed_mail_is_tried_again_until_it_is_too_old() -> None:
    end = NOON.replace(hour=5).timestamp()
    one, at, tries = Mailed(schedule="a1", end=end), end, 0
    while not one.is_over:
        known = {("a1", end): one}
        assert due_at(datetime.fromtimestamp(at - 1, UTC), known).count(NOON.replace(hour=5)) == 0
        one = after(failed("no connection"), begun(one, at), at)
        tries, at = tries + 1, max(one.try_at, at + 1)
        assert tries < 20
    assert one.given_up_at is not None and "no connection" in one.why
    assert 5 <= tries == one.attempts and one.given_up_at - end < OLDEST_S
    assert NOON.replace(hour=5) not in due_at(
        datetime.fromtimestamp(at + 1, UTC), {("a1", end): one}
    )


def test_what_the_server_refuses_for_good_is_given_up_at_once() -> None:
    one = begun(Mailed(schedule="a1", end=1.0), 2.0)
    refused = Failed(Reason.REFUSED, retry=False, detail="550 no such user")
    assert after(refused, one, 3.0).given_up_at == 3.0
    some = Delivered("250 OK", (Refused("x@malang.example", refused),))
    told = after(some, one, 3.0)
    assert (told.sent_at, told.why) == (3.0, "refused: x@malang.example")


def test_an_attempt_whose_process_was_killed_is_made_again_later() -> None:
    at = NOON.replace(hour=5).timestamp()
    one = begun(Mailed(schedule="a1", end=at), at)
    known = {("a1", at): one}
    assert NOON.replace(hour=5) not in due_at(NOON.replace(hour=5, minute=9), known)
    assert NOON.replace(hour=5) in due_at(NOON.replace(hour=5, minute=11), known)


def test_what_is_remembered_is_bounded_by_its_age() -> None:
    now = NOON.timestamp()
    many = [Mailed(schedule="a1", end=now - 3600.0 * n) for n in range(24 * 100)]
    left = kept(many, now)
    assert [one.end for one in left] == sorted(one.end for one in many[:48])
    monthly = Mailed(schedule="b2", end=now - 40 * 86_400)
    older = Mailed(schedule="b2", end=now - 61 * 86_400)
    assert kept([monthly, older], now) == [monthly], "the last one is listed"
    assert kept([monthly], now + 30 * 86_400) == []
    assert msgspec.json.decode(msgspec.json.encode(many[0]), type=Mailed) == many[0]


def test_fifty_schedules_of_twelve_shifts_are_mailed_once() -> None:
    shifts = shifts_of([f"{hour:02}-{(hour + 2) % 24:02}" for hour in range(0, 24, 2)])
    some = [msgspec.structs.replace(a_schedule(), id=f"a{n}") for n in range(50)]
    known: dict[tuple[str, float], Mailed] = {}
    at, mails = NOON.timestamp(), []
    for _ in range(3):
        found = due(some, known, shifts, JAKARTA, at)
        for one in found:
            known[one.schedule.id, one.before.end] = after(
                Delivered("250 OK"), begun(one.before, at), at
            )
        known = {(one.schedule, one.end): one for one in kept(known.values(), at)}
        mails.append(len(found))
        at += 20
    assert mails == [600, 0, 0]


@pytest.mark.parametrize("every", Every)
def test_no_schedule_means_no_mail(every: Every) -> None:
    assert due([], {}, SHIFTS, JAKARTA, NOON.timestamp()) == []
    late = a_schedule(every, made_at=NOON.timestamp())
    assert due([late], {}, SHIFTS, JAKARTA, NOON.timestamp()) == []
