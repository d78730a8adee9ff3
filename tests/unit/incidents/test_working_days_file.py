"""A file of working days is either right, or refused with one sentence: file, key, what to do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from factories import OFTEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.data_files import LARGEST_FILE
from incidents.working_calendar import CalendarError, Hours, WorkingCalendar
from incidents.working_days_file import (
    MOST_DATES,
    WORKING_DAYS_FILE,
    load_working_days,
    working_days_problems,
)
from incidents.working_time import add_working_days
from ngalam112.config.settings import Settings

RIGHT = """
timezone = "Asia/Jakarta"
[weekly]
monday = ["08:00-16:00"]
friday = ["08:00-11:30", "13:00-24:00"]
[yearly_holidays]
08-17 = "Merdeka"
02-29 = "Hari kabisat"
[holidays]
2026-03-19 = "Nyepi"
[half_days]
2026-12-24 = ["08:00-11:30"]
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "days.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """What is said about a file with this text."""
    path = written(folder, text)
    with pytest.raises(CalendarError) as error:
        load_working_days(path)
    said = str(error.value)
    assert str(path) in said
    assert said.endswith(".")
    assert "\n" not in said
    return said


def test_a_right_file_is_read_whole(tmp_path: Path) -> None:
    friday = (Hours(480, 690), Hours(780, 1440))
    assert load_working_days(written(tmp_path, RIGHT)) == WorkingCalendar(
        timezone="Asia/Jakarta",
        weekly=((Hours(480, 960),), (), (), (), friday, (), ()),
        holidays={date(2026, 3, 19): "Nyepi"},
        yearly_holidays={(8, 17): "Merdeka", (2, 29): "Hari kabisat"},
        half_days={date(2026, 12, 24): (Hours(480, 690),)},
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("Asia/Jakarta", "Asia/Ngalam"), "timezone: there is no 'Asia/Ngalam'; give a name"),
        (('timezone = "Asia/Jakarta"', ""), "timezone"),
        (("[weekly]", "[weakly]"), "weakly"),
        (("monday =", "senin ="), "senin"),
        (('["08:00-16:00"]', '"08:00-16:00"'), "$.weekly.monday"),
        (("08:00-16:00", "8-16"), "weekly, monday: '8-16' must be hours such as"),
        (("08:00-16:00", "08:00-24:01"), "weekly, monday: '08:00-24:01' must be hours"),
        (("08:00-16:00", "24:00-24:00"), "weekly, monday: '24:00-24:00' must be hours"),
        (("08:00-16:00", "16:00-08:00"), "weekly, monday: hours must end after they begin"),
        (("13:00-24:00", "11:00-24:00"), "weekly, friday: hours must end after they begin"),
        (("13:00-24:00", "11:30-24:00"), "weekly, friday: hours must end after they begin"),
        (("08-17", "17-08"), "yearly_holidays: '17-08' must be a month and a day"),
        (("08-17", "8-17"), "yearly_holidays: '8-17' must be a month and a day"),
        (("Merdeka", ""), "yearly_holidays, 08-17: its name must be one line"),
        (("2026-03-19", "2026-02-30"), "holidays: '2026-02-30' must be a day"),
        (("2026-03-19", "2026-W01-1"), "holidays: '2026-W01-1' must be a day"),
        (("2026-03-19", "20260319"), "holidays: '20260319' must be a day"),
        (("2026-03-19", "1026-03-19"), "holidays: '1026-03-19' must be a day from 2000 to 2199"),
        (("Nyepi", "N" * 81), "holidays, 2026-03-19: its name must be one line of 1 to 80"),
        (("Nyepi", "\\u001b[2J"), "holidays, 2026-03-19: its name must be one line"),
        (("2026-12-24", "2026-13-24"), "half_days: '2026-13-24' must be a day"),
        (('["08:00-11:30"]', "[]"), "half_days, 2026-12-24: it has no hours; put a day"),
        (('["08:00-11:30"]', '["8:00"]'), "half_days, 2026-12-24: '8:00' must be hours"),
        (("2026-12-24", "2026-03-19"), "half_days, 2026-03-19: the day is a holiday too"),
        (("2026-12-24", "2026-08-17"), "half_days, 2026-08-17: the day is a holiday too"),
        (('"Nyepi"', '"Nyepi"\n2026-03-19 = "Nyepi"'), "no valid TOML"),
        (("[holidays]", "x = " + "1" * 5000 + "\n[holidays]"), "no valid TOML"),
        (("[holidays]", "x = " + "[" * 5000 + "\n[holidays]"), "is nested too deeply"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    assert change[0] in RIGHT
    assert says in refusal(tmp_path, RIGHT.replace(*change, 1))


def test_a_week_without_hours_is_refused(tmp_path: Path) -> None:
    text = 'timezone = "Asia/Jakarta"\n[weekly]\nmonday = []\n'
    assert "weekly: no day has working hours; give some, such as" in refusal(tmp_path, text)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "is no UTF-8 text" in refusal(tmp_path, RIGHT.encode() + b"# \xff")
    assert "has more than 512 KB" in refusal(tmp_path, RIGHT + "#" * LARGEST_FILE)
    with pytest.raises(CalendarError, match=r"absent\.toml cannot be read: No such file"):
        load_working_days(tmp_path / "absent.toml")
    with pytest.raises(CalendarError, match="cannot be read: Is a directory"):
        load_working_days(tmp_path)


def test_too_many_days_are_refused(tmp_path: Path) -> None:
    first = date(2030, 1, 1)
    lines = [f'{first + timedelta(days=one)} = "libur"\n' for one in range(MOST_DATES)]
    table = '[holidays]\n2026-03-19 = "Nyepi"\n'
    load_working_days(written(tmp_path, RIGHT.replace(table, "[holidays]\n" + "".join(lines))))
    said = refusal(tmp_path, RIGHT.replace(table, table + "".join(lines)))
    assert f"holidays: there are {MOST_DATES + 1} days; keep at most {MOST_DATES}" in said


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = RIGHT.replace("Asia/Jakarta", "Mars").replace("08:00-16:00", "8-16")
    path = written(tmp_path, text.replace("08-17", "99-99"))
    problems = working_days_problems(path)
    assert len(problems) == 3
    assert all(one.startswith(f"{path}: ") and one.endswith(".") for one in problems)
    assert "(and 2 more)" in refusal(tmp_path, path.read_bytes())
    assert working_days_problems(written(tmp_path, RIGHT)) == []


@settings(OFTEN, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(RIGHT)), st.integers(0, len(RIGHT)), st.text(max_size=20))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, one: int, other: int, text: str) -> None:
    first, last = sorted((one, other))
    damaged = RIGHT[:first] + text + RIGHT[last:]
    path = written(tmp_path, damaged.encode("utf-8", "replace"))
    try:
        load_working_days(path)
    except CalendarError as error:
        assert str(path) in str(error)


# --- what is shipped -------------------------------------------------------------------------


def test_the_shipped_file_is_right_and_in_the_lines_time_zone() -> None:
    assert working_days_problems() == []
    assert load_working_days().timezone == Settings.model_fields["timezone"].default


def test_the_shipped_file_has_the_17_national_holidays_of_2026() -> None:
    calendar = load_working_days(WORKING_DAYS_FILE)
    in_2026 = {day for day in calendar.holidays if day.year == 2026}
    in_2026 |= {date(2026, month, day) for month, day in calendar.yearly_holidays}
    assert len(in_2026) == 17
    assert not any(calendar.hours_of(day) for day in in_2026)
    assert calendar.knows(2026)


def test_of_a_later_year_the_shipped_file_has_what_is_sure_and_says_that_the_rest_is_missing() -> (
    None
):
    calendar = load_working_days()
    assert not calendar.knows(2027)
    start = datetime(2026, 12, 30, 3, tzinfo=UTC)
    assert add_working_days(calendar, start, 2) == datetime(2027, 1, 4, 9, tzinfo=UTC)
