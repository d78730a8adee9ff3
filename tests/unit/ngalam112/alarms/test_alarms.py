"""When alarms begin and end, from looks at the line."""

from __future__ import annotations

from typing import Any

import pytest

from ngalam112.alarms.rules import (
    CHANGED_S,
    KINDS,
    MOST_PHONES,
    Alarms,
    Change,
    Limits,
    Seen,
    found,
)

LIMITS = Limits()


def a_status(**changes: Any) -> dict[str, Any]:
    """A line on which all is well; `changes` go into the parts that they name."""
    status: dict[str, Any] = {
        "engine": {
            "pid": 7,
            "ari": True,
            "ami": True,
            "database": True,
            "database_away_since": None,
            "journal_failing_since": None,
            "entries_lost": 0,
            "clock_ahead_s": 0.0,
        },
        "queue": {"length": 0, "longest_wait_s": 0.0},
        "operators": {"status": {"ready": 2}},
        "load": {"at_door": 0},
        "dispatches": {"overdue": 0},
        "warnings": {"feed": "off"},
        "recordings": {"alarms": []},
    }
    for part, values in changes.items():
        status[part] |= values
    return status


def seen(**changes: Any) -> Seen:
    return Seen(status=a_status(**changes))


def test_where_all_is_well_there_is_no_alarm() -> None:
    assert found(seen(), LIMITS) == {}


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"engine": {"ari": False}}, "asterisk", "no connection to Asterisk"),
        ({"engine": {"ami": False}}, "ami", "AMI"),
        ({"engine": {"database": False}}, "database", "is away"),
        ({"engine": {"database_away_since": "2026-12-01T09:00"}}, "database", "since 2026-12-01"),
        ({"engine": {"journal_failing_since": "2026-12-01T09:00"}}, "journal", "see the disk"),
        ({"engine": {"entries_lost": 3}}, "lost", "are lost"),
        ({"engine": {"clock_ahead_s": -1.5}}, "clock", "clock was set"),
        ({"queue": {"length": 4, "longest_wait_s": 20.1}}, "wait", "20 s; 4 are in the queue"),
        ({"load": {"at_door": 5}}, "admission", "5 citizens wait"),
        ({"operators": {"status": {"ready": 0, "paused": 2}}}, "operators", "no operator is ready"),
        ({"dispatches": {"overdue": 2}}, "dispatches", "2 agencies have not accepted"),
        ({"warnings": {"feed": "away"}}, "warnings", "is away"),
        ({"recordings": {"alarms": ["make room"]}}, "recordings", "make room"),
    ],
)
def test_each_trouble_is_an_alarm_of_its_own(changes: dict[str, Any], key: str, says: str) -> None:
    alarms = found(seen(**changes), LIMITS)
    assert list(alarms) == [key]
    assert says in alarms[key]


def test_what_is_just_within_its_limit_is_none() -> None:
    just = seen(queue={"length": 1, "longest_wait_s": 20.0}, engine={"clock_ahead_s": 1.0})
    assert found(just, LIMITS) == {}


def test_an_engine_that_does_not_answer_is_the_one_alarm_beside_the_disk() -> None:
    down = Seen(status=None, down="The engine is down (nobody listens at port 1).", disk_percent=1)
    assert list(found(down, LIMITS)) == ["disk", "engine"]
    assert found(down, LIMITS)["engine"] == down.down


def test_the_phone_of_a_ready_operator_that_cannot_be_reached_is_an_alarm() -> None:
    def operator(status: str, phone: str | None) -> dict[str, Any]:
        return {"id": "1001", "status": status, "phone": phone}

    phones = [{"number": "101", "device": "unreachable"}, {"number": "102", "device": "free"}]
    for one, alarms in (
        (operator("ready", "101"), ["phone 101"]),
        (operator("ready", "102"), []),
        (operator("paused", "101"), []),
        (operator("logged_out", None), []),
    ):
        look = Seen(status=a_status(), operators=[one], phones=phones)
        assert list(found(look, LIMITS)) == alarms


def test_an_alarm_is_told_when_it_begins_and_when_it_ends_and_not_between() -> None:
    alarms, waits = Alarms(), seen(queue={"length": 1, "longest_wait_s": 25.0})
    assert alarms.look(seen(), LIMITS, 100.0) == []
    (begun,) = alarms.look(waits, LIMITS, 102.0)
    assert (begun.alarm, begun.began, begun.at) == ("wait", True, 102.0)
    longer = seen(queue={"length": 3, "longest_wait_s": 29.0})
    assert alarms.look(longer, LIMITS, 106.0) == []
    assert alarms.look(seen(), LIMITS, 110.0) == [
        Change(at=110.0, alarm="wait", began=False, text=begun.text, seconds=8.0)
    ]
    assert alarms.on == {}


def test_a_change_of_engines_is_an_alarm_for_a_minute() -> None:
    alarms, other = Alarms(), seen(engine={"pid": 8})
    alarms.look(seen(), LIMITS, 100.0)
    assert [one.alarm for one in alarms.look(other, LIMITS, 102.0)] == ["change"]
    assert alarms.look(other, LIMITS, 102.0 + CHANGED_S - 1) == []
    (over,) = alarms.look(other, LIMITS, 102.0 + CHANGED_S)
    assert (over.alarm, over.began, over.seconds) == ("change", False, CHANGED_S)


def test_an_engine_that_comes_back_as_another_is_told_as_both() -> None:
    alarms, down = Alarms(), Seen(status=None, down="The engine is down.")
    alarms.look(seen(), LIMITS, 100.0)
    assert [(one.alarm, one.began) for one in alarms.look(down, LIMITS, 102.0)] == [
        ("engine", True)
    ]
    back = alarms.look(seen(engine={"pid": 9}), LIMITS, 104.0)
    assert [(one.alarm, one.began) for one in back] == [("change", True), ("engine", False)]


def test_what_an_engine_tells_is_not_over_while_none_answers() -> None:
    alarms, down = Alarms(), Seen(status=None, down="The engine is down.")
    waits = seen(queue={"length": 1, "longest_wait_s": 25.0})
    alarms.look(waits, LIMITS, 100.0)
    gone = alarms.look(down, LIMITS, 102.0)
    assert [(one.alarm, one.began) for one in gone] == [("engine", True)]
    assert set(alarms.on) == {"wait", "engine"}
    back = alarms.look(seen(), LIMITS, 104.0)
    assert sorted((one.alarm, one.seconds) for one in back) == [("engine", 2.0), ("wait", 4.0)]


def test_a_trunk_that_does_not_answer_and_one_that_brings_no_calls_are_alarms() -> None:
    status = a_status() | {"trunk": {"down": ["sbc.example:5060"], "silent_min": 30.0}}
    alarms = found(Seen(status=status), LIMITS)
    assert alarms.keys() == {"trunk sbc.example:5060", "trunk"}
    assert "OPTIONS" in alarms["trunk sbc.example:5060"] and "30 minutes" in alarms["trunk"]
    well = a_status() | {"trunk": {"down": [], "silent_min": None}}
    assert found(Seen(status=well), LIMITS) == {}


def test_a_disk_that_does_not_answer_is_an_alarm() -> None:
    assert "answer" in found(Seen(status=a_status(), disk_percent=None), LIMITS)["disk"]


def test_of_many_phones_that_cannot_be_reached_the_first_are_named_and_the_others_counted() -> None:
    phones = [{"number": f"{101 + n}", "device": "unreachable"} for n in range(MOST_PHONES + 30)]
    operators = [{"status": "ready", "phone": one["number"]} for one in phones]
    alarms = found(Seen(status=a_status(), operators=operators, phones=phones), LIMITS)
    assert len(alarms) == MOST_PHONES + 1
    assert alarms["phones"].startswith("30 more phones")


def test_each_alarm_is_of_a_kind_that_is_counted() -> None:
    everything = a_status(
        engine={
            "ari": False,
            "ami": False,
            "database": False,
            "journal_failing_since": "2026-12-01T09:00",
            "entries_lost": 1,
            "clock_ahead_s": 2.0,
        },
        queue={"longest_wait_s": 99.0},
        load={"at_door": 1},
        operators={"status": {}},
        dispatches={"overdue": 1},
        warnings={"feed": "away"},
        recordings={"alarms": ["stopped"]},
    ) | {"trunk": {"down": ["a.example"], "silent_min": 5.0}}
    phones = [{"number": f"{101 + n}", "device": "unreachable"} for n in range(MOST_PHONES + 1)]
    operators = [{"status": "ready", "phone": one["number"]} for one in phones]
    look = Seen(status=everything, operators=operators, phones=phones, disk_percent=1.0)
    kinds = {key.partition(" ")[0] for key in found(look, LIMITS)}
    assert kinds | {"change", "engine"} == set(KINDS)
