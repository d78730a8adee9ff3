"""Agencies as files: what is written reads back, is no formula, and is taken whole or not."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest
from factories import OFTEN, an_agency
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.agency import FIELDS, Agency, AgencyKind, Change
from acd.agencies.files import (
    Unusable,
    guarded,
    read_csv,
    read_toml,
    to_csv,
    to_toml,
    unguarded,
)

WORDS = st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True), max_size=4).map(tuple)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
AGENCIES = st.lists(
    st.builds(
        Agency,
        id=st.from_regex(r"[a-z][a-z0-9_-]{0,19}", fullmatch=True),
        number=st.from_regex(r"[0-9]{1,10}", fullmatch=True),
        name=NAMES,
        kind=st.sampled_from(AgencyKind),
        mail=NAMES,
        holidays=st.booleans(),
        categories=WORDS,
        chain=WORDS,
        acknowledge_s=st.floats(1, 2_592_000),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)


def as_it_was(change: Change) -> Agency:
    return msgspec.convert({"id": change.id, **change.values()}, Agency)


@OFTEN
@given(AGENCIES)
def test_what_is_exported_reads_back_as_it_was(agencies: list[Agency]) -> None:
    assert [as_it_was(one.change) for one in read_csv(to_csv(agencies))] == agencies
    assert [as_it_was(one.change) for one in read_toml(to_toml(agencies))] == agencies


@OFTEN
@given(st.text())
def test_any_cell_comes_back_and_none_begins_like_a_formula(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    assert cell[:1] not in {*"=+-@\t\r"}


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "'quoted", "＝1"])
def test_a_name_that_looks_like_a_formula_is_a_text_in_the_file(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(to_csv([an_agency(name=name)])))
    assert row["name"] == f"'{name}"
    assert read_csv(to_csv([an_agency(name=name)]))[0].change.name == name


def test_a_list_may_name_some_columns_in_any_order_and_what_it_lacks_is_not_changed() -> None:
    text = "\ufeffMail, ID ,categories,holidays\na@b,pmi, fire; tree ;,No\n\n ,pln,,yes\n"
    first, second = read_csv(text)
    assert (first.line, second.line) == (2, 4)
    assert first.change.values() == {
        "mail": "a@b",
        "categories": ("fire", "tree"),
        "holidays": False,
    }
    assert second.change.values() == {"mail": "", "categories": (), "holidays": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must name the columns"),
        ("number,name\n1,x\n", "must name the columns, id among them"),
        ("id,id\na,b\n", "each once"),
        ("id,colour\na,red\n", "line 1: there is no column 'colour'; use id, number"),
        ("id,name\npmi\n", "line 2: it has 1 cells, and there are 2 columns"),
        ("id,name\npmi,x\npln,y,z\n", "line 3: it has 3 cells"),
        ("id,kind\npmi,ufo\n", "line 2: Invalid enum value 'ufo'"),
        ("id,holidays\npmi,maybe\n", "line 2: holidays 'maybe' must be yes or no"),
        ("id,report_s\npmi,soon\n", "line 2: report_s 'soon' is no number of seconds"),
        ('id,name\n"pmi,x\n', "line 2: "),
    ],
)
def test_a_line_of_csv_that_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(Unusable) as error:
        read_csv(text)
    assert str(error.value).startswith("Nothing is taken in: ") and said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pmi", "at end of document"),
        ("[pmi]\n= 1", "at line 2"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ('pmi = "x"', "line 1: 'pmi' must be a table"),
        ("[pln]\n[pmi]\ncolour = 1\n", "line 2: Object contains unknown field `colour`"),
        ('[pln]\n\n["pmi"]\nname = 1\n', "line 3: Expected `str"),
        ('[pmi]\nid = "x"\n', "line 1: 'pmi' must be a table"),
        ("[pmi]\nreport_s = nan\nkind = 'ufo'", "Invalid enum value 'ufo'"),
    ],
)
def test_a_table_of_toml_that_is_wrong_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Unusable) as error:
        read_toml(text)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_every_line_that_is_wrong_is_named_up_to_a_bound() -> None:
    lines = "".join(f"a{one},ufo\n" for one in range(30))
    with pytest.raises(Unusable, match=r"line 2: .*line 21: .*; and 10 more faults\.$"):
        read_csv("id,kind\n" + lines)
    many = "".join(f"a{one}\n" for one in range(201))
    with pytest.raises(Unusable, match=r"line 202: there are more than 200 agencies"):
        read_csv("id\n" + many)


@OFTEN
@given(st.text())
def test_no_text_at_all_brings_another_error_than_ours(text: str) -> None:
    for read in (read_csv, read_toml):
        try:
            read(text)
        except Unusable as error:
            assert "\n" not in str(error)


def test_the_columns_are_all_that_people_set() -> None:
    assert to_csv([]).strip().split(",") == list(FIELDS)
