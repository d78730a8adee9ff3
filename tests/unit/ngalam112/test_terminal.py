"""Whatever a caller calls themselves, it moves no cursor, is no markup and no formula."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ngalam112.terminal import (
    Column,
    Format,
    console,
    safe,
    safe_cell,
    table,
    write_csv,
    write_json,
    write_list,
)

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+62341112",
    "\x1b[2J\x1b]0;title\x07",
    "[bold red]markup[/] [link=http://x]y[/link] :fire:",
    "\u202eevil\u2066",
    "'; DROP TABLE calls; --",
    "a\r\nb\tc\x00\x7f\x85\u2028",
    "\ud800",
    "e\u0301 日本 🚒",
)
COLUMNS = (Column("name", "name"), Column("value", "value", right=True))


def printed(rows: list[dict[str, Any]]) -> str:
    to = io.StringIO()
    console(to).print(table(rows, COLUMNS))
    return to.getvalue()


def harmless(text: str) -> bool:
    return all(sign == "\n" or unicodedata.category(sign)[0] not in "C" for sign in text)


@given(st.text())
def test_a_safe_text_is_one_printable_line_of_the_same_length(text: str) -> None:
    found = safe(text)
    assert found.isprintable() and len(found) == len(text)
    assert safe(found) == found


@given(st.text(max_size=200))
@example(HOSTILE[2])
@example(HOSTILE[4])
def test_no_text_in_a_table_is_more_than_seen(text: str) -> None:
    found = printed([{"name": text, "value": "next"}])
    assert harmless(found)
    assert "next" in found


def test_markup_is_shown_as_it_is() -> None:
    assert "[bold red]markup[/] [link=http://x]y[/link] :fire:" in printed([{"name": HOSTILE[3]}])


@given(st.one_of(st.text(), st.sampled_from(HOSTILE), st.text("=+-@ \t\r\n＝'\"", max_size=5)))
def test_no_text_in_csv_begins_like_a_formula(text: str) -> None:
    found = str(safe_cell(text))
    assert found.isprintable()
    assert not found.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert found.removeprefix("'") == safe(text) or found == safe(text)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_csv_can_be_read_back_row_by_row(pairs: list[tuple[str, str]]) -> None:
    found = written(write_csv, [{"a": one, "b": two} for one, two in pairs], ("a", "b"))
    read = list(csv.reader(io.StringIO(found)))
    assert read == [["a", "b"], *([safe_cell(one), safe_cell(two)] for one, two in pairs)]


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_ascii_and_means_the_same(value: dict[str, str]) -> None:
    found = written(write_json, value)
    assert found.isascii() and harmless(found)
    assert json.loads(found) == value


def written(write: Any, *args: Any) -> str:
    with pytest.MonkeyPatch.context() as patch:
        to = io.StringIO()
        patch.setattr("sys.stdout", to)
        write(*args)
        return to.getvalue()


def test_phone_numbers_are_no_sums_and_numbers_stay_numbers() -> None:
    row = {"caller": "+62341112", "wait_ms": 1200, "loss": 0.5, "operator": None, "live": False}
    found = written(write_csv, [row], tuple(row))
    assert found == "caller,wait_ms,loss,operator,live\n'+62341112,1200,0.5,,False\n"


def test_what_is_inside_an_event_is_one_cell() -> None:
    assert safe_cell({"phone": "101", "reason": "=x"}) == '{"phone": "101", "reason": "=x"}'


def test_every_format_lists_the_same_rows() -> None:
    rows: list[dict[str, Any]] = [{"name": "Sari", "value": 1.5}, {"name": None, "value": True}]

    def listed(fmt: Format) -> str:
        return written(lambda: write_list(rows, COLUMNS, fmt, names=("name", "value")))

    assert json.loads(listed(Format.JSON)) == rows
    assert listed(Format.CSV) == "name,value\nSari,1.5\n,True\n"
    cells = [line.split() for line in listed(Format.TABLE).splitlines() if line.strip()]
    assert [cells[0], *cells[2:]] == [["name", "value"], ["Sari", "1.5"], ["-", "yes"]]


@pytest.mark.parametrize("fmt", list(Format))
def test_an_empty_list_is_valid_in_every_format(fmt: Format) -> None:
    def write() -> None:
        write_list([], COLUMNS, fmt, names=("name", "value"), nothing="There are no calls.")

    expected = {"table": "There are no calls.\n", "json": "[]\n", "csv": "name,value\n"}
    assert written(write) == expected[fmt]


def test_a_pipe_has_120_columns_or_what_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for given_columns, width in (("80", 80), ("", 120), ("0", 120), ("wide", 120)):
        monkeypatch.setenv("COLUMNS", given_columns)
        assert console(io.StringIO()).width == width


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_nothing_of_a_value_is_cut_off(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    found = printed([{"name": "abcdefghij" * 12, "value": "0" * 30}])
    assert sum(found.count(sign) for sign in "abcdefghij") >= 120
    assert max(map(len, found.splitlines())) <= columns
