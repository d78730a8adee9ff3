"""What the national report counts, out of records made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from acd.calls.record import COUNTED, Outcome
from incidents.categories_file import load_categories
from incidents.dispatch import DispatchState
from incidents.states import IncidentClass, IncidentState
from reports.errors import BadQuestion
from reports.national_count import Count
from reports.national_facts import (
    About,
    Agency,
    CallFacts,
    DispatchFacts,
    IncidentFacts,
    Month,
    month_of,
)
from reports.national_figures import NationalReport, Part
from reports.national_mapping import load_mapping
from reports.national_sheets import sheets

ZONE = ZoneInfo("Asia/Jakarta")
NOON = datetime(2026, 11, 10, 12, tzinfo=ZONE)
NOW = datetime(2026, 12, 1, 8, tzinfo=ZONE)
LAYOUT = load_mapping()
TREE = load_categories()
FIRE = About("emergency", "fire_building", "Klojen", True)
NOBODY = About(None, None, None, False)


NOVEMBER = Month(2026, 11)


def a_count(month: Month = NOVEMBER, zone: ZoneInfo = ZONE) -> Count:
    agencies = [Agency("damkar", "Damkar"), Agency("pmi", "PMI"), Agency("old", "Lama", False)]
    return Count(month, zone, LAYOUT, TREE, ["Blimbing", "Klojen"], agencies)


def a_call(outcome: str | None = "answered", **changes: Any) -> CallFacts:
    given: dict[str, Any] = {
        "arrived_at": NOON,
        "ended_at": NOON + timedelta(minutes=2),
        "outcome": outcome,
        "wait_ms": 4000,
        "kecamatan": None,
        "has_point": False,
    }
    return CallFacts(**(given | changes))


def after(**time: float) -> datetime:
    return NOON + timedelta(**time)


def an_incident(about: About = FIRE, **changes: Any) -> IncidentFacts:
    given: dict[str, Any] = {"opened_at": NOON, "state": "opened", "merged": False, "about": about}
    return IncidentFacts(**(given | changes))


def told(agency: str = "damkar", state: str = "acknowledged", **changes: Any) -> DispatchFacts:
    given: dict[str, Any] = {"told_at": NOON, "reached": True}
    return DispatchFacts(agency, state, **(given | changes))


def part(parts: list[Part], id: str) -> tuple[int, int, int, int, int]:
    """Calls, answered, lost, other, incidents."""
    [one] = [one for one in parts if one.id == id]
    return one.calls, one.answered, one.lost, one.other, one.incidents


def wrong(report: NationalReport) -> list[str]:
    return [one.name for one in report.checks if one.whole != one.parts]


def times(report: NationalReport, id: str) -> tuple[Any, ...]:
    [one] = [one for one in report.times if one.id == id]
    return one.measured, one.median_ms, one.p95_ms, one.within, one.within_percent


def test_an_empty_month_adds_up_and_has_all_its_days_and_hours() -> None:
    report = a_count().report(NOW)
    assert (report.offered, report.incidents, report.adds_up, report.month_over) == (
        0,
        0,
        True,
        True,
    )
    assert [report.days[0].id, report.days[-1].id] == ["2026-11-01", "2026-11-30"]
    assert len(report.days) == 30 and len(report.hours) == 24
    assert times(report, "answer") == (0, None, None, 0, None)


def test_every_outcome_is_counted_once_and_a_test_call_in_no_sum() -> None:
    count = a_count()
    for outcome in COUNTED:
        count.call(a_call(outcome.value))
    count.call(a_call(None, ended_at=None))
    count.call(a_call(Outcome.TEST.value))
    report = count.report(NOW)
    assert report.outcomes == {**dict.fromkeys(map(str, COUNTED), 1), "live": 1}
    assert (report.offered, report.test_calls, wrong(report)) == (len(COUNTED) + 1, 1, [])
    # four are lost: in the menu, in the queue, while ringing, in the fallback
    assert part(report.classes, "no_incident") == (len(COUNTED) + 1, 1, 4, 3, 0)


@pytest.mark.parametrize("outcome", ["callback", "vanished", None])
def test_a_call_that_belongs_to_no_outcome_is_found_by_the_sums(outcome: str | None) -> None:
    count = a_count()
    count.call(a_call("answered"))
    count.call(a_call(outcome))
    report = count.report(NOW)
    assert not report.adds_up and "calls" in wrong(report) and "calls by days" in wrong(report)


def test_what_is_of_an_unknown_class_state_or_end_is_found_by_the_sums() -> None:
    count = a_count()
    about = About("mystery", None, None, False)
    count.incident(an_incident(about, state="vanished", dispatches=[told(state="lost")]))
    count.callbacks("vanished", 2)
    found = wrong(count.report(NOW))
    assert found == [
        "callbacks",
        "progress",
        "incidents by classes",
        "incidents by groups",
        "dispatches",
    ]


def test_prank_and_ghost_are_inside_the_sum_of_calls_and_incidents() -> None:
    count = a_count()
    for name in (*IncidentClass, None):
        about = About(name, None, None, False)
        count.incident(an_incident(about))
        count.call(a_call(about=about))
    count.call(a_call("lost_menu"))
    report = count.report(NOW)
    assert (report.offered, report.incidents, wrong(report)) == (9, 8, [])
    assert part(report.classes, "prank") == part(report.classes, "ghost") == (1, 1, 0, 0, 1)
    assert part(report.classes, "not_coded") == (1, 1, 0, 0, 1)
    groups = {one.id: (one.calls, one.incidents) for one in report.groups}
    assert groups == {
        "normal": (1, 1),
        "information": (2, 2),
        "prank": (1, 1),
        "ghost": (1, 1),
        "other": (3, 3),
        "no_incident": (1, 0),
    }


def test_an_incident_that_another_stands_for_is_counted_apart_with_its_dispatches() -> None:
    count = a_count()
    count.incident(an_incident())
    count.incident(an_incident(merged=True, dispatches=[told("pmi", "cancelled")]))
    report = count.report(NOW)
    assert (report.incidents, report.merged, wrong(report)) == (1, 1, [])
    assert [one.called_off for one in report.agencies if one.id == "pmi"] == [1]


def test_categories_are_those_of_the_tree_and_what_is_not_in_it_is_another_one() -> None:
    count = a_count()
    for category in ("fire_building", "fire_building", "of_last_year", None):
        count.incident(an_incident(About("emergency", category, None, False)))
    report = count.report(NOW)
    assert [one.id for one in report.categories][:-2] == [row.id for row in TREE.rows]
    counted = {one.id: one.incidents for one in report.categories if one.incidents}
    assert counted == {"fire_building": 2, "other_category": 1, "no_category": 1}


def test_a_kecamatan_is_the_citys_or_outside_or_not_known_and_no_typed_text_is_written() -> None:
    count = a_count()
    for kecamatan, has_point in (
        ("Klojen", True),
        (" klojen ", False),
        ("at the house of Budi 0812", True),
        (None, True),
        (None, False),
    ):
        count.incident(an_incident(About("emergency", None, kecamatan, has_point)))
    report = count.report(NOW)
    counted = {one.id: one.incidents for one in report.kecamatan}
    assert counted == {"Blimbing": 0, "Klojen": 2, "outside": 2, "not_known": 1}
    assert "Budi" not in str(sheets(report, LAYOUT, TREE))


def test_the_place_of_a_call_is_its_incidents_and_else_its_own() -> None:
    count = a_count()
    count.call(a_call(kecamatan="Blimbing", about=FIRE))
    count.call(a_call(kecamatan="Blimbing", about=NOBODY))
    count.call(a_call("lost_queue", kecamatan="Blimbing"))
    counted = {one.id: one.calls for one in count.report(NOW).kecamatan}
    assert counted == {"Blimbing": 2, "Klojen": 1, "outside": 0, "not_known": 0}


def test_days_and_hours_are_those_of_the_lines_time_zone() -> None:
    count = a_count()
    evening = datetime(2026, 11, 9, 17, 30, tzinfo=UTC)  # half past midnight in Malang
    count.call(a_call("lost_queue", arrived_at=evening))
    count.incident(an_incident(opened_at=evening))
    report = count.report(NOW)
    assert part(report.days, "2026-11-10") == part(report.hours, "00:00") == (1, 0, 1, 0, 1)


@pytest.mark.parametrize(
    ("dispatch", "result"),
    [
        (told(accepted_at=after(minutes=1)), "accepted"),
        (told(state="done", accepted_at=after(minutes=1)), "accepted"),
        (told(state="cancelled", accepted_at=after(minutes=1)), "accepted"),
        (told(state="cancelled"), "called_off"),
        (told(state="declined"), "declined"),
        (told(state="overdue", declined_at=after(minutes=2)), "declined"),
        (told(state="relieved"), "unanswered"),
        (told(state="overdue"), "unanswered"),
        (told(state="sending", reached=False), "waiting"),
        (told(state="sent"), "waiting"),
    ],
)
def test_each_dispatch_has_one_result(dispatch: DispatchFacts, result: str) -> None:
    count = a_count()
    count.incident(an_incident(dispatches=[dispatch]))
    report = count.report(NOW)
    [damkar] = [one for one in report.agencies if one.id == "damkar"]
    assert (damkar.told, getattr(damkar, result), wrong(report)) == (1, 1, [])


def test_every_state_of_a_dispatch_and_of_an_incident_belongs_somewhere() -> None:
    count = a_count()
    for state in DispatchState:
        count.incident(an_incident(dispatches=[told(state=state.value)]))
    for name in IncidentState:
        count.incident(an_incident(state=name.value))
    report = count.report(NOW)
    assert wrong(report) == []
    assert report.progress == {"handled": 2, "cancelled": 1, "at_work": 13}


def test_an_agencys_time_to_accept_is_that_of_those_it_has_accepted() -> None:
    count = a_count()
    for minutes in (1, 2, 9):
        count.incident(an_incident(dispatches=[told(accepted_at=after(minutes=minutes))]))
    declined = told(state="declined", accepted_at=after(minutes=60), declined_at=after(minutes=61))
    count.incident(an_incident(dispatches=[declined, told("pmi", "sent", overdue=True)]))
    found = {one.id: one for one in count.report(NOW).agencies}
    damkar, pmi = found["damkar"], found["pmi"]
    assert (damkar.told, damkar.accepted, damkar.declined) == (4, 3, 1)
    assert (damkar.accept_median_ms, damkar.accept_p95_ms) == (120_000, 540_000)
    assert (pmi.overdue, pmi.accept_median_ms) == (1, None)


def test_a_retired_agency_is_listed_if_it_was_told_and_an_unknown_one_as_another() -> None:
    assert [one.id for one in a_count().report(NOW).agencies] == ["damkar", "pmi"]
    count = a_count()
    count.incident(an_incident(dispatches=[told("old"), told("from_a_text")]))
    report = count.report(NOW)
    assert [one.id for one in report.agencies] == ["damkar", "pmi", "old", "other_agency"]
    assert report.adds_up


def test_the_answer_time_runs_from_the_queue_and_only_of_answered_calls() -> None:
    count = a_count()
    for wait_ms in (1000, 20_000, 20_001, None):
        count.call(a_call(wait_ms=wait_ms))
    count.call(a_call("lost_queue", wait_ms=90_000))
    assert times(count.report(NOW), "answer") == (3, 20_000, 20_001, 2, 66.67)


def test_acknowledgement_runs_from_the_first_dispatch_to_the_first_that_accepts() -> None:
    count = a_count()
    dispatches = [
        told("pmi", "relieved", told_at=after(seconds=30)),
        told("damkar", told_at=after(minutes=5), accepted_at=after(minutes=7)),
        told("old", told_at=after(minutes=5), accepted_at=after(minutes=6)),
    ]
    count.incident(an_incident(dispatches=dispatches))
    count.incident(an_incident(dispatches=[told(state="sent")]))
    assert times(count.report(NOW), "acknowledge") == (1, 330_000, 330_000, 0, 0.0)


@pytest.mark.parametrize(
    ("moves", "minutes"),
    [
        ([], None),
        ([(1, "dispatched"), (8, "resolved"), (30, "closed")], 8),
        ([(8, "closed")], 8),
        ([(8, "resolved"), (9, "reopened")], None),
        ([(8, "closed"), (9, "reopened"), (12, "resolved"), (40, "closed")], 12),
        ([(8, "cancelled")], None),
    ],
)
def test_handling_ends_when_it_is_resolved_at_last(
    moves: list[tuple[int, str]], minutes: int | None
) -> None:
    count = a_count()
    count.incident(an_incident(moves=[(after(minutes=at), state) for at, state in moves]))
    found = times(count.report(NOW), "handle")
    assert found[:2] == ((0, None) if minutes is None else (1, minutes * 60_000))


def test_only_the_times_of_the_classes_with_targets_are_measured() -> None:
    count = a_count()
    moves = [(after(minutes=14), "on_scene"), (after(minutes=16), "closed")]
    for name in ("emergency", "prank", None):
        count.incident(an_incident(About(name, None, None, False), moves=moves))
    report = count.report(NOW)
    assert times(report, "arrive") == (1, 840_000, 840_000, 1, 100.0)
    assert times(report, "handle") == (1, 960_000, 960_000, 0, 0.0)


def test_a_month_ends_where_the_next_one_begins_also_where_clocks_are_changed() -> None:
    assert Month(2026, 12).end(ZONE) == Month(2027, 1).begin(ZONE)
    berlin = ZoneInfo("Europe/Berlin")
    october = Month(2026, 10)
    hours = (october.end(berlin).astimezone(UTC) - october.begin(berlin).astimezone(UTC)) / (
        timedelta(hours=1)
    )
    assert hours == 31 * 24 + 1
    assert len(a_count(october, berlin).report(NOW).days) == 31


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-11", "2026-1", "2026-11-01", "٢٠٢٦-11", "x" * 99]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(BadQuestion, match=r"is no month; give one like 2026-11\.$"):
        month_of(text)
    assert month_of("2026-11") == Month(2026, 11)


def test_the_sheets_have_the_titles_of_the_mapping_and_a_cell_for_each_column() -> None:
    count = a_count()
    count.call(a_call(about=FIRE))
    count.incident(an_incident(dispatches=[told(accepted_at=after(seconds=90))]))
    found = sheets(count.report(NOW), LAYOUT, TREE)
    assert [one.title for one in found] == list(LAYOUT.sheets.values())
    for sheet in found:
        assert {len(row) for row in sheet.rows} == {len(sheet.columns)}
    [fire] = [row for row in found[2].rows if row[0] == TREE.get("fire_building").code]  # type: ignore[union-attr]
    assert fire[2:] == ["Darurat", TREE.get("fire_building").apco, 1, 1, 0, 0, 1]  # type: ignore[union-attr]
    assert found[3].rows[0] == ["Damkar", 1, 1, 1, 0, 0, 0, 0, 0, 90.0, 90.0]
    assert found[4].rows[-1] == ["Jumlah", 1, 1, 0, 0, 1]
    assert ["Versi pemetaan", LAYOUT.version] in found[0].rows
