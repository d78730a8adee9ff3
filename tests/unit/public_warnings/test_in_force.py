"""Which warnings hold for the city: where they reach, what replaces them, when they end."""

from __future__ import annotations

import json
from functools import cache

import msgspec
import pytest
import shapely
from cap import JAKARTA, KLOJEN, MALANG, alert, area, info
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.config.settings import PROJECT
from places.districts import Districts, load_districts
from public_warnings.cap import read_cap
from public_warnings.errors import WarningError
from public_warnings.in_force import (
    LARGEST_FACT,
    LONGEST_S,
    MOST_REPLACED,
    MOST_WARNINGS,
    UNSAID_S,
    WarningsInForce,
    warnings_of,
)
from public_warnings.pauses import MOST_REQUESTS, Budget, pause_s
from public_warnings.where import named

NOW = 1_796_000_000.0
ALL = ["Blimbing", "Klojen", "Kedungkandang", "Sukun", "Lowokwaru"]


@cache
def city() -> Districts:
    return load_districts(PROJECT / "places" / "malang.geojson")


def took(
    warnings: WarningsInForce, infos: str | None = None, now: float = NOW, **changes: str | None
) -> None:
    """The authority sends a message, as a rule for the whole city."""
    text = info(area("Jawa Timur", MALANG), now=now) if infos is None else infos
    message = read_cap(alert(text, now=now, **changes))
    warnings.take(message, warnings_of(message, city(), now), now)


def ids(warnings: WarningsInForce, now: float = NOW) -> list[str]:
    return [one.identifier for one in warnings.at(now)]


def ref(identifier: str, sender: str = "signature.bmkg.go.id") -> str:
    return f"{sender},{identifier},2026-11-30T00:00:00+00:00"


def reached(text: str, *polygons: str, more: str = "") -> list[str]:
    found = warnings_of(
        read_cap(alert(info(area(text, *polygons, more=more), now=NOW), now=NOW)), city(), NOW
    )
    return found[0].kecamatan if found else []


def test_a_polygon_says_which_kecamatan_a_warning_reaches() -> None:
    assert reached("Jawa Timur", MALANG) == ALL
    assert reached("Jawa Timur", KLOJEN) == ["Klojen"]
    assert reached("Jawa Timur", JAKARTA) == []
    assert reached("Jawa Timur", JAKARTA, KLOJEN) == ["Klojen"]
    assert reached("Kota Malang", JAKARTA) == [], "the shape says it more exactly"


def test_a_shape_around_the_whole_city_reaches_it_and_one_that_ends_at_its_border_does_not() -> (
    None
):
    assert reached("x", "-7,112 -7,113.5 -9,113.5 -9,112") == ALL
    east = "-7.9,112.8 -7.9,113 -8.1,113 -8.1,112.8"
    assert reached("Kabupaten Malang", east) == []


def test_a_neighbour_drawn_some_steps_over_the_border_does_not_reach_the_city() -> None:
    shapes = json.loads((PROJECT / "places" / "malang.geojson").read_text())["features"]
    whole = shapely.union_all([shapely.from_geojson(json.dumps(one["geometry"])) for one in shapes])
    # the land in the west, up to 0.001 degrees (some 110 m) into the city, whose map has gaps
    west = shapely.box(112.4, -8.2, 112.62, -7.8).difference(whole.buffer(0.002).buffer(-0.003))
    land = max(shapely.get_parts(west), key=lambda one: one.area)
    assert land.intersects(whole)
    assert city().reached([[(lat, lon) for lon, lat in land.exterior.coords]], []) == set()


def test_a_polygon_that_crosses_itself_is_read_by_even_and_odd() -> None:
    bow_tie = "-7.5,112.2 -8.5,113.0 -7.5,113.0 -8.5,112.2 -7.5,112.2"
    assert reached("x", bow_tie), "its lines cross the city"
    twice = "-7,112 -7,113.5 -9,113.5 -9,112 -7,112 -7,113.5 -9,113.5 -9,112 -7,112"
    assert reached("x", twice) == []
    star = " ".join(f"{-7.98 + 0.3 * (n % 2 - 0.5)},{112.4 + n % 50 / 100}" for n in range(5000))
    assert reached("x", star) == ALL


def test_a_circle_reaches_what_is_within_its_radius() -> None:
    assert reached("x", more="<circle>-7.9797,112.6304 0</circle>") == ["Klojen"]
    assert reached("x", more="<circle>-7.9797,112.6304 20</circle>") == ALL
    assert reached("x", more="<circle>-6.2,106.8 20</circle>") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Kota Malang", ALL),
        ("KOTA MALANG, Kota Batu", ALL),
        ("Malang", ALL),
        ("Kota Malang: Klojen, Sukun", ["Klojen", "Sukun"]),
        ("Kecamatan Lowokwaru", ["Lowokwaru"]),
        ("Blimbing, Kabupaten Kediri", []),
        ("Kabupaten Malang", []),
        ("Kab. Malang", []),
        ("Kab. Malang dan Kota Malang", ALL),
        ("Jawa Timur", []),
        ("Sukunrejo", []),
        ("", []),
        ("Malangbong", []),
    ],
)
def test_without_a_shape_the_names_of_the_area_count(text: str, found: list[str]) -> None:
    assert named(text, city()) == set(found)


def test_an_update_replaces_and_a_cancel_removes_what_it_refers_to() -> None:
    warnings = WarningsInForce()
    took(warnings, identifier="a")
    took(warnings, identifier="b", msgType="Update", references=ref("a"))
    assert ids(warnings) == ["b"]
    took(warnings, "", identifier="c", msgType="Cancel", references=ref("b"))
    assert ids(warnings) == []


def test_a_message_that_was_replaced_before_it_came_stays_away() -> None:
    warnings = WarningsInForce()
    took(warnings, identifier="b", msgType="Update", references=ref("a"))
    took(warnings, identifier="a")
    assert ids(warnings) == ["b"]


def test_another_sender_cannot_cancel_a_warning() -> None:
    warnings = WarningsInForce()
    took(warnings, identifier="a")
    took(warnings, "", identifier="c", sender="evil", msgType="Cancel", references=ref("a"))
    took(warnings, "", identifier="a", sender="evil", msgType="Cancel", references="evil,a,x")
    assert ids(warnings) == ["a"]


def test_an_older_edition_of_a_message_does_not_come_back() -> None:
    warnings = WarningsInForce()
    took(warnings, identifier="a", now=NOW + 60)
    took(warnings, info(area("x", KLOJEN), now=NOW), identifier="a", now=NOW)
    assert [one.whole_city for one in warnings.at(NOW)] == [True]


@pytest.mark.parametrize(
    "changes", [{"status": "Test"}, {"status": "Exercise"}, {"msgType": "Ack"}]
)
def test_exercises_tests_and_acknowledgements_warn_of_nothing(changes: dict[str, str]) -> None:
    warnings = WarningsInForce()
    took(warnings, identifier="a")
    took(warnings, identifier="b", references=ref("a"), **changes)
    assert ids(warnings) == ["a"]


def test_an_all_clear_ends_what_it_updates_and_is_no_warning() -> None:
    warnings = WarningsInForce()
    took(warnings, identifier="a")
    clear = info(area("x", MALANG), now=NOW, more="<responseType>AllClear</responseType>")
    took(warnings, clear, identifier="b", msgType="Update", references=ref("a"))
    assert ids(warnings) == []


def test_a_warning_ends_at_its_time_or_after_a_day_if_it_says_none_or_a_week_at_the_latest() -> (
    None
):
    warnings = WarningsInForce()
    took(warnings, identifier="a")
    assert ids(warnings, NOW + 7199) == ["a"] and ids(warnings, NOW + 7200) == []
    took(warnings, info(area("x", MALANG), now=NOW, expires=None), identifier="b")
    took(
        warnings,
        info(area("x", MALANG), now=NOW, expires="9999-01-01T00:00:00+00:00"),
        identifier="c",
    )
    assert sorted(ids(warnings, NOW + UNSAID_S - 1)) == ["b", "c"]
    assert ids(warnings, NOW + LONGEST_S - 1) == ["c"] and ids(warnings, NOW + LONGEST_S) == []
    warnings.expire(NOW + LONGEST_S)
    assert warnings.fact()[0] == {"warnings": [], "replaced": []}


def test_a_message_from_the_future_is_refused() -> None:
    message = read_cap(alert(info(area("x", MALANG), now=NOW), now=NOW + 2 * 86_400))
    with pytest.raises(WarningError, match="in the future"):
        warnings_of(message, city(), NOW)


def test_no_more_than_a_hundred_are_kept_and_the_worst_of_them() -> None:
    warnings = WarningsInForce()
    for n in range(MOST_WARNINGS + 30):
        severity = "Extreme" if n >= MOST_WARNINGS + 20 else "Minor"
        took(warnings, info(area("x", KLOJEN), now=NOW, severity=severity), identifier=f"id{n}")
    found = warnings.at(NOW)
    assert len(found) == MOST_WARNINGS
    assert [one.severity for one in found[:11]] == ["Extreme"] * 10 + ["Minor"]
    for n in range(MOST_REPLACED + 50):
        took(warnings, "", identifier="c", msgType="Cancel", references=ref(f"x{n}"))
    fact, whole = warnings.fact()
    assert len(msgspec.json.encode(fact)) < LARGEST_FACT + 30_000 and not whole


def test_the_next_engine_knows_the_same_and_nonsense_changes_nothing() -> None:
    warnings, after = WarningsInForce(), WarningsInForce()
    took(warnings, identifier="a")
    took(warnings, identifier="b", msgType="Update", references=ref("z"))
    fact, whole = warnings.fact()
    assert whole
    after.remember(msgspec.json.decode(msgspec.json.encode(fact)), NOW)
    assert after.at(NOW) == warnings.at(NOW) and after.fact() == warnings.fact()
    with pytest.raises(msgspec.ValidationError):
        after.remember({"warnings": [{"sender": 5}]}, NOW)
    assert after.at(NOW) == warnings.at(NOW)
    took(after, identifier="z")
    assert sorted(ids(after)) == ["a", "b"]
    after.remember(fact, NOW + 8000)
    assert ids(after, NOW) == [], "what ended meanwhile is not taken up"


def test_a_warning_is_for_its_kecamatan_and_for_an_unknown_place_if_the_whole_city_is_warned() -> (
    None
):
    warnings = WarningsInForce()
    took(warnings, info(area("x", KLOJEN), now=NOW), identifier="a")
    took(warnings, identifier="b", now=NOW + 1)
    one, whole = sorted(warnings.at(NOW), key=lambda one: one.identifier)
    assert one.is_for("klojen") and not one.is_for("Sukun") and not one.is_for(None)
    assert whole.is_for("Sukun") and whole.is_for(None) and whole.is_for("Kepanjen")


@given(st.lists(st.floats(0, 300), max_size=200).map(sorted))
def test_no_minute_has_more_requests_than_are_allowed(times: list[float]) -> None:
    budget = Budget()
    made = [at for at in times if budget.take(at)]
    for at in made:
        assert len([one for one in made if at - 60 < one <= at]) <= MOST_REQUESTS
    assert budget.asked == len(made) and len(made) >= min(len(times), MOST_REQUESTS)


def test_pauses_double_while_the_feed_is_away_up_to_an_hour() -> None:
    assert [pause_s(300, n) for n in range(7)] == [300, 300, 600, 1200, 2400, 3600, 3600]
    assert pause_s(300, 10**6) == 3600 and pause_s(86_400, 5) == 86_400
    assert pause_s(300, 0, unfinished=True) == 60 and pause_s(300, 2, unfinished=True) == 600
