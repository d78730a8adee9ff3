"""Words, numbers and dates are as each language has them; a catalogue agrees with the English."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from reports.languages import ENGLISH, INDONESIAN, LANGUAGES, catalogue_of, words_of
from reports.parts import Report, part
from reports.said import NamedTime, Said

JAKARTA = ZoneInfo("Asia/Jakarta")
ID, EN = words_of(INDONESIAN), words_of(ENGLISH)
AT = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


def names_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_each_text_of_a_catalogue_is_translated_with_the_same_values() -> None:
    some = [one for one in catalogue_of(INDONESIAN) if one.id]
    assert len(some) > 150
    for one in some:
        assert isinstance(one.id, str) and isinstance(one.string, str), one.id
        assert one.string.strip() == one.string != "" and not one.fuzzy, one.id
        assert names_in(one.id) == names_in(one.string), one.id


def test_numbers_have_the_signs_of_the_language() -> None:
    assert (ID.number(1234), ID.number(1234.5), ID.number(2.0)) == ("1.234", "1.234,5", "2,0")
    assert (EN.number(1234), EN.number(1234.5), EN.number(2.0)) == ("1,234", "1,234.5", "2.0")
    assert (ID.as_exact(1.333), ID.as_exact(95.0), EN.as_exact(1.333)) == ("1,333", "95", "1.333")
    assert ID.number(-1234567) == "-1.234.567"


def test_times_are_written_as_the_language_writes_them() -> None:
    assert ID.moment(AT, JAKARTA) == "23 November 2026 05.30"
    assert EN.moment(AT, JAKARTA) == "2026-11-23 05:30"
    assert (ID.zone("Asia/Jakarta"), EN.zone("Asia/Jakarta")) == ("WIB", "Asia/Jakarta")
    assert (ID.clock(1, 2, 3), EN.clock(1, 2, 3), ID.clock(30, 5)) == (
        "1.02.03",
        "1:02:03",
        "30.05",
    )
    assert (ID.hour(7), EN.hour(7)) == ("07.00", "07:00")
    for name, by, said, english in (
        ("2026-11-23T07:15+07:00", "15min", "23/11/2026 07.15", "2026-11-23 07:15"),
        ("2026-11-23T07:00+07:00", "hour", "23/11/2026 07.00", "2026-11-23 07:00"),
        ("2026-11-23 21:30-05", "shift", "23/11/2026 21.30-05", "2026-11-23 21:30-05"),
        ("2026-11-23", "day", "23/11/2026", "2026-11-23"),
        ("2026-08", "month", "Agustus 2026", "2026-08"),
    ):
        assert (ID.cell(NamedTime(name, by)), EN.cell(NamedTime(name, by))) == (said, english)


def test_only_texts_of_ours_are_translated() -> None:
    within = Said("of them within {short} s", short=2.5)
    rows = [["offered", 1], [Said("offered"), 2], [within, 3]]
    some = part("losses", "By {by}", "group={by}, calls", rows, by=Said("hour"))
    report = Report(
        name="a", title="offered", since=None, until=None, tz="Asia/Jakarta", parts=[some]
    )
    said = ID.report(report)
    assert said.title == "offered", "which is no text of ours here"
    (shown,) = said.parts
    assert (shown.title, shown.columns[0].title, shown.columns[0].name) == (
        "Per jam",
        "jam",
        "group",
    )
    assert [row[0] for row in shown.rows] == ["offered", "masuk", "di antaranya dalam 2,5 d"]
    assert [row[1] for row in shown.rows] == [1, 2, 3]
    assert EN.report(report).parts[0].rows[2][0] == "of them within 2.5 s"
    assert msgspec.to_builtins(EN.report(report))["title"] == "offered"


def test_a_word_means_what_it_means_in_its_table() -> None:
    assert ID.said(Said("reached"), "agencies") == "sampai"
    assert ID.said(Said("reached"), "callbacks") == "tersambung" == ID.said(Said("reached"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_with_braces_are_only_text(language: str) -> None:
    said = words_of(language)("before {until} ({tz})", until="{tz.__class__}", tz="{0}")
    assert "{tz.__class__}" in said and "{0}" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_text_is_empty_in_each_language(language: str) -> None:
    words = words_of(language)
    assert (words.said(Said("")), words.said(Said(""), "losses"), words("")) == ("", "", "")


def test_what_a_catalogue_lacks_is_said_in_english() -> None:
    assert ID("There is no such {thing}.", thing="word") == "There is no such word."
