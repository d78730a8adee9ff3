"""What an empty table is filled with: nobody whom operators dial is lost, no number is invented."""

from __future__ import annotations

from typing import Any

import pytest

from acd.agencies.agency import Agency, AgencyKind, by_id
from acd.agencies.changes import MOST_AGENCIES, Terms
from acd.agencies.fields import field_problems, id_problem
from acd.agencies.first import Section, Sources, first_agencies, section_problems, shipped
from acd.numbers.outbound import Barred, Outbound
from incidents.categories_file import load_categories

PUBLIC = {"110", "113", "117", "119", "123"}


def dial(number: str) -> str | Barred:
    return Outbound(numbers=("115", "117", "123")).dial_string(number, "ID", "112")


def first(sections: dict[str, Section] | None = None, **terms: Any) -> dict[str, Agency]:
    sources = Sources(sections or {}, Terms(**({"dial": dial} | terms)))
    return by_id(first_agencies(sources, shipped(), 9.0))


def test_we_ship_those_that_the_city_has_signed_with_and_no_number_that_is_not_public() -> None:
    found = first()
    assert {*found} == {
        *("polresta", "pln", "pmi", "bpbd", "satpol_pp", "damkar", "psc119", "dinkes"),
        *("dishub", "dinsos", "dpuprpkp", "pdam", "rsud"),
    }
    for one in found.values():
        assert not list(field_problems(one, dial)) and id_problem(one.id) is None
        assert one.voice in PUBLIC | {""}
        assert not (one.fallback or one.mail or one.webhook or one.chain)
    assert {one.kind for one in found.values()} == {*AgencyKind} - {AgencyKind.OTHER}
    assert len({one.number for one in found.values()}) == len(found) < MOST_AGENCIES


def test_the_files_agencies_keep_number_and_meaning_and_are_ours_where_the_name_says_so() -> None:
    found = first(
        {
            "908": Section("Polresta", "sip:908@127.0.0.1:10001"),
            "909": Section("Pemadam", "0341", "sip:a@b", "07:00-15:30"),
            "119": Section("psc 119", "119"),
        }
    )
    police, fire = found["polresta"], found["pemadam"]
    assert (police.number, police.voice, police.kind) == (
        "908",
        "sip:908@127.0.0.1:10001",
        "police",
    )
    assert (fire.number, fire.voice, fire.fallback, fire.hours) == (
        *("909", "0341"),
        *("sip:a@b", "07:00-15:30"),
    )
    assert (fire.kind, fire.changed_at) == ("other", 9.0)
    assert (found["psc119"].number, found["psc119"].name) == ("119", "psc 119")
    assert len(found) == 14 and "damkar" in found


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (("Damkar", "Damkar", "DAMKAR "), ["damkar", "damkar_202", "damkar_203"]),
        (("110", "…", "anybody"), ["agency_201", "agency_202", "anybody_203"]),
        (
            ("Dinas Péngairan & Air", "x\x1b[2J", "a" * 90),
            ["dinas_pengairan_air", "x_2j", "a" * 20],
        ),
    ],
)
def test_each_of_the_files_has_an_id_of_its_own(names: tuple[str, ...], ids: list[str]) -> None:
    sections = {str(201 + at): Section(name, "sip:a@b") for at, name in enumerate(names)}
    found = [one for one in first(sections).values() if one.number in sections]
    assert [one.id for one in found] == ids
    assert all(id_problem(one.id) is None for one in found)
    assert not [problem for one in found for problem in field_problems(one, dial)]


def test_whom_the_citys_categories_name_we_ship() -> None:
    named = {id for row in load_categories().rows for id in row.agencies}
    assert named and named <= {*first()}


def test_a_number_of_ours_gives_way_to_whatever_has_it() -> None:
    taken = {"61": "that of phone 61", "60": "that of operator 60"}
    found = first({"62": Section("Satu", "sip:a@b")}, taken=taken)
    numbers = {id: found[id].number for id in ("polresta", "damkar", "psc119")}
    assert not {*numbers.values()} & {"60", "61", "62"}
    assert len({one.number for one in found.values()}) == len(found)


def test_a_public_number_that_the_city_does_not_dial_is_left_out() -> None:
    found = first(dial=lambda number: Outbound().dial_string(number, "ID", "112"))
    assert (found["polresta"].voice, found["pln"].voice) == ("110", "")


def test_what_is_wrong_with_the_files_agencies_is_told() -> None:
    wrong = Section("X", "1", hours="7-9")
    assert len(list(section_problems({"11a": wrong, "92": Section("Y", "0341")}))) == 3
