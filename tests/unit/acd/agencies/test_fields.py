"""Each field of an agency has a form and a bound, and what is wrong is said in a clause."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from factories import OFTEN, an_agency
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.agency import Agency, AgencyKind
from acd.agencies.fields import field_problems, id_problem
from acd.numbers.outbound import Barred, Outbound

TEXT = st.text(max_size=300)


def dial(number: str) -> str | Barred:
    return Outbound().dial_string(number, "ID", "112")


def wrong(**changes: Any) -> list[str]:
    return list(field_problems(an_agency(**changes), dial))


def test_an_agency_with_everything_is_right() -> None:
    assert not wrong(
        number="61",
        kind=AgencyKind.FIRE,
        voice="sip:damkar@192.0.2.20:5060",
        fallback="113",
        mail="damkar.jaga@malangkota.go.id",
        webhook="https://hooks.example:8443/in?key=1",
        hours="07:00-15:30",
        categories=("fire", "animal"),
        kecamatan=("Klojen", "Lowokwaru"),
        chain=("pmi", "0341366444", "sip:a@b", "kepala@malangkota.go.id"),
        acknowledge_s=1.5,
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("number", "", "1 to 10 digits"),
        ("number", "*61", "1 to 10 digits"),
        ("number", "1" * 11, "1 to 10 digits"),
        ("number", "6１", "1 to 10 digits"),
        ("name", "", "1 to 64 readable"),
        ("name", "x" * 65, "1 to 64 readable"),
        ("name", "a\x1b[2J", "1 to 64 readable"),
        ("voice", "x y", "neither 2 to 15 digits nor sip:"),
        ("voice", "sip:a@b\n", "neither 2 to 15 digits"),
        ("voice", f"sip:a@{'b' * 130}", "neither 2 to 15 digits"),
        ("voice", "112", "may not be dialled: it is the line's own number"),
        ("fallback", "08091234567", "fallback 08091234567 may not be dialled: it is a premium"),
        ("fallback", "1177", "no such number is known to be in use"),
        ("mail", "desk", "must look like"),
        ("mail", "desk@x..y", "must look like"),
        ("mail", "desk@x\r\nBcc: y@z", "must look like"),
        ("mail", f"a@{'b' * 260}", "must look like"),
        ("webhook", "http://hooks.example", "must begin with https://"),
        ("webhook", "https://", "must begin with https://"),
        ("webhook", "https://u:p@hooks.example/", "without a user"),
        ("webhook", "https://hooks.example/#x", "without a user, a password and a # part"),
        ("webhook", "https://hooks.example:99999/", "is no address"),
        ("webhook", "https://[hooks", "is no address"),
        ("webhook", "https://hooks.example/a b", "signs in it"),
        ("webhook", f"https://hooks.example/{'a' * 255}", "longer than 255"),
        ("hours", "7-9", "written like 07:00-15:30"),
        ("categories", ("Fire",), "categories: 'Fire' must be"),
        ("categories", ("fire", "fire"), "name one twice"),
        ("categories", tuple(f"c{one}" for one in range(51)), "more than 50"),
        ("kecamatan", ("",), "1 to 64 readable"),
        ("kecamatan", ("Klojen; Sukun",), "without ; and ,"),
        ("chain", ("Kepala Dinas",), "neither an agency's id"),
        ("chain", ("08091234567",), "may not be dialled"),
        ("chain", ("pmi",) * 11, "more than 10 contacts"),
        ("acknowledge_s", 0.0, "between 1 and"),
        ("report_s", float("nan"), "between 1 and"),
        ("report_s", 1e9, "between 1 and"),
    ],
)
def test_what_is_wrong_with_a_field_is_said(field: str, value: object, said: str) -> None:
    (problem,) = wrong(**{field: value})
    assert said in problem and field in problem
    assert problem.isprintable() and len(problem) < 250


@pytest.mark.parametrize("id", ["", "Polresta", "1a", "a" * 21, "a b", "a\n", "anybody"])
def test_an_id_is_a_word_that_the_overflow_plan_does_not_use(id: str) -> None:
    assert id_problem(id) is not None
    assert id_problem("satpol_pp") is None


@OFTEN
@given(st.builds(dict, **dict.fromkeys(("number", "name", "voice", "mail", "webhook"), TEXT)))
def test_no_text_at_all_breaks_the_check_or_a_line(values: dict[str, str]) -> None:
    one: Agency = msgspec.structs.replace(an_agency(), chain=(values["mail"],), **values)
    assert all(problem.isprintable() for problem in field_problems(one, dial))
