"""The agencies as the engine knows them, and as it tells the next one."""

from __future__ import annotations

import msgspec
from factories import an_agency

from acd.agencies.register import AGENCIES, Register, of_facts

POLICE, OLD = an_agency("61", id="polresta"), an_agency("61", id="old", retired_at=5.0)


def test_the_next_engine_knows_them_all_as_they_were() -> None:
    told = msgspec.json.decode(msgspec.json.encode(Register([POLICE, OLD]).fact()))
    assert of_facts({AGENCIES: told}) == [POLICE, OLD]


def test_what_makes_no_sense_is_left_out() -> None:
    rows = [{**POLICE.row(), "colour": 1}, OLD.row(), 7]
    assert of_facts({AGENCIES: rows}) == [OLD]
    assert of_facts({AGENCIES: "x"}) == of_facts({}) == []


def test_a_retired_agency_takes_no_number_from_another_one() -> None:
    register = Register([POLICE, OLD])
    assert register.find("61") is register.find("polresta") is POLICE
    assert register.find("old") is None
    register.know([OLD])
    assert register.find("61") is register.find("polresta") is None
