"""The plan of a storm: the same seed is the same storm, and every kind of trouble is in it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from acd.config_file import load_distribution
from lab.actors.sipp import SCENARIOS
from lab.storm.kinds import (
    AGENCIES,
    AGENCY,
    ANSWERS,
    CITIZENS,
    DUTIES,
    FATES,
    MOBILES,
    PHONES,
    SHUT_AGENCY,
    THEN,
)
from lab.storm.line import DISTRIBUTION
from lab.storm.phones import CannotJoin, join
from lab.storm.plan import CALLS_A_SECOND, make_plan
from lab.storm.players import turns_in_order


def as_text(seed: int, calls: int) -> str:
    plan = make_plan(seed, calls)
    return repr(
        (
            plan.citizens,
            plan.turns,
            plan.frail,
            plan.agency_turns,
            plan.dials,
            plan.asks,
            plan.kills,
        )
    )


def test_the_same_seed_is_the_same_storm_and_another_is_not() -> None:
    assert as_text(5, 200) == as_text(5, 200)
    assert as_text(5, 200) != as_text(6, 200)


def test_so_many_citizens_call_as_were_asked_for_in_the_time_that_the_rate_gives() -> None:
    plan = make_plan(1, 300)
    assert len(plan.citizens) == 300
    assert plan.seconds == 300 / CALLS_A_SECOND
    assert all(0.0 <= one.at <= plan.seconds for one in plan.citizens)
    assert all(one.at <= other.at for one, other in pairwise(plan.citizens))


def test_a_small_storm_has_every_kind_of_citizen_and_of_phone() -> None:
    for seed in range(20):
        plan = make_plan(seed, 60)
        assert {one.kind.name for one in plan.citizens} == {kind.name for kind in CITIZENS}
        firsts = {turns[0].kind.scenario for turns in plan.turns.values()}
        assert firsts == {kind.scenario for kind in PHONES}


def test_in_a_small_storm_each_thing_happens_to_a_frail_phone_within_three_calls() -> None:
    for seed in range(20):
        frail = make_plan(seed, 60).frail.values()
        begun = {turn.fate for one in frail for turn in one.turns[:3]}
        assert begun >= {fate for fate in FATES if fate.when}
        for one in frail:
            assert {turn.fate.transport for turn in one.turns} <= {"", one.transport}
            for turn in one.turns:
                assert turn.fate.away_ms[0] <= turn.away_ms <= turn.fate.away_ms[1]


def test_what_is_drawn_is_within_the_bounds_of_its_kind() -> None:
    plan = make_plan(2, 1000)
    for one in plan.citizens:
        assert one.kind.first_ms[0] <= one.first_ms <= one.kind.first_ms[1]
        assert one.kind.stay_ms[0] <= one.stay_ms <= one.kind.stay_ms[1]
        assert one.kind.keys[0] <= len(one.keys) <= one.kind.keys[1]
        assert set(one.keys) <= set(one.kind.pressed)
    for turn in (turn for turns in plan.turns.values() for turn in turns):
        assert turn.kind.ring_ms[0] <= turn.ring_ms <= turn.kind.ring_ms[1]
        assert turn.kind.talk_ms[0] <= turn.talk_ms <= turn.kind.talk_ms[1]


def test_citizens_are_handed_over_to_everybody_and_to_nobody() -> None:
    plan = make_plan(9, 1000)
    asked = {turn.keys for turns in plan.turns.values() for turn in turns if turn.kind.keys}
    dialled = {one.code for one in plan.dials}
    for number in ("92", AGENCY, SHUT_AGENCY, "555", "0341366444"):
        assert {f"*2{number}#", number} <= asked
    for desk in plan.desks:
        assert {f"*2{desk.operator}#", f"*2{desk.phone}#"} & asked
    assert {AGENCY, "555", "92"} <= dialled
    assert {one.code for one in plan.dials if one.code.startswith("10")}, "colleagues ring"
    assert {turn.then for turns in plan.turns.values() for turn in turns} == set(THEN)
    assert {turn.kind.scenario for turn in plan.agency_turns} == set(AGENCIES)


def test_the_agencies_of_a_storm_are_those_of_its_distribution_file() -> None:
    assert set(load_distribution(DISTRIBUTION).agencies) == {AGENCY, SHUT_AGENCY}


def test_heavy_kinds_come_more_often_than_light_ones() -> None:
    counts = Counter(one.kind.name for one in make_plan(3, 2000).citizens)
    assert counts["talk"] > counts["cancel"] > 0


def test_some_citizens_call_again() -> None:
    numbers = Counter(one.number for one in make_plan(4, 500).citizens)
    assert 0 < len([count for count in numbers.values() if count > 1]) < 100


def test_a_third_of_the_citizens_hang_up_and_some_of_them_dial_again() -> None:
    citizens = make_plan(4, 1000).citizens
    hung_up = [one for one in citizens if one.kind.hangs_up]
    assert 330 <= len(hung_up) <= 450
    before: set[str] = set()
    again = 0
    for one in citizens:
        again += one.number in before
        if one.kind.hangs_up:
            before.add(one.number)
    assert again > 50


def test_two_of_three_citizens_answer_when_they_are_called_back() -> None:
    citizens = make_plan(4, 1000).citizens
    kinds = Counter(
        kind.name for one in citizens for kind in MOBILES if one.number.startswith(kind.prefix)
    )
    assert sum(kinds.values()) == 1000 and set(kinds) == {kind.name for kind in MOBILES}
    assert 600 <= kinds[ANSWERS] <= 730


def test_the_line_may_dial_each_number_of_a_storm_and_the_carrier_knows_what_it_does() -> None:
    rules = load_distribution(DISTRIBUTION)
    assert rules.outbound.a_day_number >= 1000
    text = (SCENARIOS / "carrier_by_number_noted.xml").read_text("ascii")
    for kind in MOBILES:
        for index in (0, 999_999):
            number = f"{kind.prefix}{index:06d}"
            assert rules.outbound.dial_string(number) == number
        assert kind.name == ANSWERS or f'regexp="sip:{kind.prefix}"' in text


def test_the_engine_is_killed_at_moments_of_the_plan() -> None:
    assert make_plan(1, 1000).kills == make_plan(1, 1000).kills
    assert len(make_plan(1, 1000).kills) >= 5 and len(make_plan(1, 60).kills) == 1
    assert all(0 < at < 200 for at in make_plan(1, 1000).kills)


def test_operators_go_away_and_come_back_by_codes_and_by_the_api() -> None:
    plan = make_plan(8, 1000)
    dialled = Counter(one.code[:3] for one in plan.dials)
    assert set(dialled) >= {"*11", "*12", "*13", "*14", "*99"}
    assert any("999999" in one.code for one in plan.dials), "a wrong PIN"
    assert {one.does for one in plan.asks} == {"pause", "ready", "logout", "login"}
    last_dials = {one.phone: one for one in plan.dials}
    assert {one.phone for one in plan.dials} <= {desk.phone for desk in plan.desks}
    assert len(last_dials) > 15, "nearly every operator does something"


def test_every_duty_that_takes_an_operator_away_brings_them_back() -> None:
    away = {"*12", "*13", "pause", "logout"}
    for seed in range(30):
        plan = make_plan(seed, 60)
        for duty in DUTIES:
            acts = duty.acts(Random(seed), plan.desks[0], plan.desks[1])
            assert acts[-1].does not in away, duty.name
            assert all(one.after_s <= other.after_s for one, other in pairwise(acts))


def test_every_scenario_of_the_tables_is_there() -> None:
    names = {kind.scenario for kind in CITIZENS} | {kind.scenario for kind in PHONES}
    assert [name for name in sorted(names) if not (SCENARIOS / f"{name}.xml").exists()] == []


def test_phones_are_joined_into_one_that_plays_each_by_its_number() -> None:
    files = [SCENARIOS / f"{kind.scenario}.xml" for kind in PHONES]
    text = join(files)
    assert text.count("</scenario>") == 1 and text.count('<recv request="INVITE">') == 1
    for index in range(len(files)):
        assert text.count(f'<label id="{index}_" />') == 1
    assert set(Counter(_labels(text)).values()) == {1}, "no label is there twice"
    assert set(_targets(text)) <= set(_labels(text)), "every jump leads somewhere"


def test_a_scenario_that_takes_no_rows_cannot_be_joined() -> None:
    with pytest.raises(CannotJoin, match="phone_busy"):
        join([SCENARIOS / "phone_busy.xml"])


def _labels(text: str) -> list[str]:
    return [part.partition('"')[0] for part in text.split('<label id="')[1:]]


def _targets(text: str) -> list[str]:
    parts = text.split('next="')[1:] + text.split('ontimeout="')[1:]
    return [part.partition('"')[0] for part in parts]


def test_phones_take_their_calls_in_one_order_that_begins_with_all_kinds() -> None:
    plan = make_plan(7, 300)
    turns = turns_in_order(plan)
    firsts = [mine[0] for mine in plan.turns.values()]
    assert turns[: len(firsts)] == firsts
    assert {one.kind for one in firsts} == set(PHONES)
    assert len(turns) == sum(len(mine) for mine in plan.turns.values())
