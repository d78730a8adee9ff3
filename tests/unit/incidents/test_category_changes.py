"""What becomes of categories when some are changed, and files that read back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.files import Unusable
from incidents.categories import Categories, Category
from incidents.categories_file import load_categories
from incidents.category_changes import (
    CategoryError,
    Change,
    NoSuchCategory,
    changed,
    fact,
    of_facts,
)
from incidents.category_rules import MOST_ROWS, TAKEN_DIGITS
from incidents.category_sheets import read_csv, read_toml, to_csv, to_toml
from incidents.states import IncidentClass

ROWS = load_categories().own
EMERGENCY = IncidentClass.EMERGENCY


def after(*changes: Change, there: dict[str, Category] | None = None) -> dict[str, Category]:
    """All categories when these changes are made at second 9."""
    before = dict(ROWS) if there is None else there
    fresh = changed(before, changes, TAKEN_DIGITS, 9.0)
    return before | {one.id: one for one in fresh}


def a_new(id: str, code: str, **more: object) -> Change:
    values = {"name": {"id": id}, "national_class": EMERGENCY}
    return Change(id=id, code=code, **(values | more))  # type: ignore[arg-type]


def said(*changes: Change, there: dict[str, Category] | None = None) -> str:
    with pytest.raises(CategoryError) as error:
        after(*changes, there=there)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_changed_gets_the_next_version_of_the_tree_and_all_else_stays() -> None:
    rows = after(Change(id="fire", code="59", name={"en": "Blaze", "jv": "Geni"}))
    assert rows["fire"].name == {"id": "Kebakaran", "en": "Blaze", "jv": "Geni"}
    assert (rows["fire"].version, rows["fire"].changed_at) == (1, 9.0)
    again = after(Change(id="prank", apco="x"), Change(id="fire", name={"en": ""}), there=rows)
    assert (again["prank"].version, again["fire"].version) == (2, 2)
    assert "en" not in again["fire"].name and again["fire"].menu == "fire"
    assert Categories("", again.values()).version == "2"
    assert {id for id in again if again[id] != ROWS[id]} == {"fire", "prank"}


def test_what_is_so_already_is_no_change_and_no_version() -> None:
    assert changed(ROWS, [Change(id="fire", code=ROWS["fire"].code)], TAKEN_DIGITS, 9.0) == []


def test_a_clock_that_was_set_back_makes_no_older_row() -> None:
    rows = after(Change(id="prank", apco="x"))
    fresh = changed(rows, [Change(id="prank", apco="y")], TAKEN_DIGITS, 2.0)
    assert [one.changed_at for one in fresh] == [9.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Change(id="x", code="578"), "'x': a new category needs a name and a class"),
        (a_new("Bad id", "578"), "'Bad id': its id must be 1 to 32 small letters"),
        (a_new("x" * 10_000, "578"), "its id must be"),
        (a_new("x", "50"), "'x': code '50' is the code of category fire; take another"),
        (a_new("x", "501"), "'x': code '501' begins with the code of category fire"),
        (a_new("x", "10"), "'x': code '10' begins with 1, which *4 has for dispositions"),
        (a_new("x", "03"), "'x': code '03' begins with 0"),
        (a_new("x", "5\x1b[2J"), "must be 2 to 6 digits"),
        (a_new("x", "578", parent="nobody"), "'x': there is no row 'nobody' to be its parent"),
        (a_new("x", "578", parent="x"), "'x': it is a part of itself"),
        (a_new("x", "578", menu="fire"), "'x': menu 'fire' belongs to category fire already"),
        (a_new("x", "578", priority=6), "'x': priority must be 1 (first) to 5"),
        (a_new("x", "578", apco="x" * 61), "'x': apco must be one line of at most 60"),
        (a_new("x", "578", name={"en": "X"}), "'x': name: id, the line's own language, is missing"),
        (Change(id="fire", parent="fire_building"), "it is a part of itself; change its parent"),
        (Change(id="fire", retired=True), "category fire_building is a part of it; move or"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_changed(change: Change, says: str) -> None:
    assert says in said(change, Change(id="prank", apco="fine"))


def test_one_change_that_is_wrong_twice_and_an_id_that_is_there_twice_are_told() -> None:
    told = said(a_new("x", "5"), a_new("x", "578"), a_new("y", "1"))
    assert "'x': code '5' must be 2 to 6 digits" in told and "'x': it is there twice" in told
    assert "'y': code '1'" in told


def test_who_is_retired_gives_code_and_menu_free_and_comes_back_whole() -> None:
    rows = after(Change(id="prank", retired=True))
    assert rows["prank"].retired_at == 9.0
    tree = Categories("", rows.values())
    assert tree.get("prank") is not None and tree.of_code(ROWS["prank"].code) is None
    assert "prank" not in [one.id for one in tree.rows]
    assert "prank" in [one.id for one in tree.all_rows]
    assert "it is retired; bring it back first" in said(Change(id="prank", apco="x"), there=rows)
    taken = after(a_new("x", ROWS["prank"].code), there=rows)
    assert "is the code of category x" in said(Change(id="prank", retired=False), there=taken)
    back = after(Change(id="prank", retired=False), there=rows)
    assert back["prank"].retired_at is None and back["prank"].name == ROWS["prank"].name


def test_a_part_of_what_is_retired_is_refused() -> None:
    rows = after(a_new("top", "578"))
    rows = after(Change(id="top", retired=True), there=rows)
    assert "its parent top is retired" in said(a_new("x", "579", parent="top"), there=rows)


def test_parents_and_parts_are_retired_together() -> None:
    rows = after(a_new("top", "578"), a_new("part", "579", parent="top"))
    rows = after(Change(id="top", retired=True), Change(id="part", retired=True), there=rows)
    assert {rows[id].retired_at for id in ("top", "part")} == {9.0}
    with pytest.raises(NoSuchCategory, match="There is no category 'nobody'"):
        after(Change(id="nobody", retired=True))


def test_what_was_wrong_before_does_not_stand_in_the_way() -> None:
    rows = changed(ROWS, [Change(id="prank", apco="x")], {*TAKEN_DIGITS, "5"}, 9.0)
    assert [one.id for one in rows] == ["prank"], "codes of fire begin with 5"


def test_no_more_than_so_many_rows_and_so_many_bytes() -> None:
    more = [a_new(f"a{one}", f"78{one:03}") for one in range(MOST_ROWS - len(ROWS) + 1)]
    assert len(after(*more[:-1])) == MOST_ROWS
    assert f"there are more than {MOST_ROWS}" in said(*more)
    asks = [
        {"id": f"q{n}", "kind": "text", "text": dict.fromkeys(("id", "en", "jv"), "x" * 160)}
        for n in range(12)
    ]
    long = [
        msgspec.convert(
            {"id": one.id, "code": one.code, "name": one.name, "class": "test", "questions": asks},
            Change,
        )
        for one in more[:200]
    ]
    assert "all of them together have more than 512 KB" in said(*long)


def test_rows_of_a_later_version_are_left_out_of_what_the_last_engine_knew() -> None:
    known = fact(ROWS.values())
    assert of_facts({"categories": known}) == list(ROWS.values())
    rest = [{"id": 7}, "x", {**known[0], "name": {"en": "X"}}, *known[1:]]
    assert of_facts({"categories": rest}) == list(ROWS.values())[1:]
    assert of_facts({"categories": "x"}) == of_facts({}) == []


def test_a_circle_that_nobody_has_checked_ends() -> None:
    circle = [
        msgspec.structs.replace(ROWS["fire"], parent="prank"),
        msgspec.structs.replace(ROWS["prank"], parent="fire"),
    ]
    tree = Categories("", circle)
    assert len(tree.path(tree.rows[0])) == 4


# --- files ----------------------------------------------------------------------------------------


def test_files_that_are_written_read_back() -> None:
    odd = {"name": {"id": "=cmd|' /C calc'!A0", "en": '"; DROP'}, "parent": "fire", "priority": 2}
    rows = after(msgspec.structs.replace(a_new("odd", "578"), **odd))
    for given_ in (read_csv(to_csv(rows.values())), read_toml(to_toml("3", rows.values()))):
        assert [one.change.id for one in given_] == [*rows]
        assert changed(rows, [one.change for one in given_], TAKEN_DIGITS, 9.0) == []
        again = changed({}, [one.change for one in given_], TAKEN_DIGITS, 9.0)
        for one in again:
            was = rows[one.id]
            assert one == msgspec.structs.replace(was, version=1, changed_at=9.0)
    assert "'=cmd" in to_csv(rows.values())


def test_columns_that_are_missing_change_nothing_and_empty_cells_empty() -> None:
    (one,) = read_csv("\ufeffID,menu,agencies,name_en\nfire,,damkar; pmi,\n")
    assert one.line == 2
    row = after(one.change)["fire"]
    assert (row.menu, row.agencies, row.name) == (None, ("damkar", "pmi"), {"id": "Kebakaran"})
    assert row.questions == ROWS["fire"].questions


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: it must name the columns"),
        ("id,id\n", "line 1: it must name the columns"),
        ("id,colour\n", "line 1: there is no column 'colour'; use id, code, class"),
        ("id,code\nfire\n", "line 2: it has 1 cells, and there are 2 columns"),
        ("id,class\nfire,x\nprank,y\n", "Invalid enum value 'y'"),
        ("id,priority\nfire,soon\n", "line 2: priority 'soon' is no number"),
        ("id,questions\nfire,[{]\n", "line 2: JSON is malformed"),
        ("id,questions\nfire," + "[" * 5000 + "\n", "line 2: "),
        ('id\n"fire', "line 2: unexpected end of data"),
        ("id\n", "there is no category in it"),
    ],
)
def test_each_line_of_a_csv_file_that_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(Unusable) as error:
        read_csv(text)
    assert says in str(error.value) and str(error.value).startswith("Nothing is taken in: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("categories = 1", "it must have rows [[categories]]"),
        ("[[categories]]\nid = 1\n", "line 1: Expected `str`"),
        ("[[categories]]\nid = 'a'\n[[categories]]\nid = 'b'\nx = 1\n", "line 3: Object contains"),
        ("x = " + "[" * 5000, "it is nested too deeply"),
        ("x = " + "9" * 5000, "Nothing is taken in"),
        ("=", "Invalid"),
    ],
)
def test_each_row_of_a_toml_file_that_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(Unusable) as error:
        read_toml(text)
    assert says in str(error.value)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    for read in (read_csv, read_toml):
        try:
            read(text)
        except Unusable as error:
            assert len(str(error).splitlines()) == 1
