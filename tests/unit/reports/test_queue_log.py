"""The queue_log of a call and of an operator: the lines that app_queue would have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Form
from acd.calls.record import CallEvent, EventKind
from acd.operators.operator import Status
from reports.queue_log import OperatorEvent, call_lines, operator_lines

K = EventKind
T = 1000.25
ARRIVED = (K.ARRIVED, 0.0, {"asterisk_id": "1000.7", "caller_number": "0812"})
QUEUED = (K.QUEUED, 1.0, {"category": "police", "position": 3})
SARI: dict[str, Any] = {"operator": "1001", "phone": "101", "leg": "leg-a"}
BUDI: dict[str, Any] = {"operator": "1002", "phone": "102", "leg": "leg-b"}
TALK = (ARRIVED, QUEUED, (K.OFFERED, 2.0, SARI), (K.ANSWERED, 5.5, SARI))
ENTER = "1001|1000.7|police|NONE|ENTERQUEUE||0812|3"
CONNECT = "1005|1000.7|police|Agent/1001|CONNECT|4|leg-a|3"
FIELDS = {
    "ENTERQUEUE": 3,
    "CONNECT": 3,
    "COMPLETECALLER": 3,
    "COMPLETEAGENT": 3,
    "ABANDON": 3,
    "EXITEMPTY": 3,
    "EXITWITHTIMEOUT": 3,
    "BLINDTRANSFER": 5,
    "ATTENDEDTRANSFER": 5,
    "RINGNOANSWER": 1,
    "RINGCANCELED": 1,
    "ADDMEMBER": 1,
    "REMOVEMEMBER": 1,
    "PAUSE": 1,
    "UNPAUSE": 1,
    "PAUSEALL": 1,
    "UNPAUSEALL": 1,
}
CLOSING = {name for name, fields in FIELDS.items() if fields in (3, 5)} - {"ENTERQUEUE", "CONNECT"}

Step = tuple[EventKind, float, Mapping[str, Any]]


def events(*steps: Step) -> list[CallEvent]:
    return [
        CallEvent(call_id="call", seq=seq, at=T + at, kind=kind, data=dict(data))
        for seq, (kind, at, data) in enumerate(steps, start=1)
    ]


def lines(*steps: Step) -> list[str]:
    return [line.text() for line in call_lines("call", events(*steps))]


def ended(at: float, by: str = "caller", **data: Any) -> Step:
    return (K.ENDED, at, {"ended_by": by, **data})


def failed(at: float, reason: str, who: Mapping[str, Any] = SARI) -> Step:
    return (K.OFFER_FAILED, at, {**who, "reason": reason})


@pytest.mark.parametrize(
    ("by", "event"),
    [("caller", "COMPLETECALLER"), ("operator", "COMPLETEAGENT"), ("unknown", "COMPLETEAGENT")],
)
def test_an_answered_call_enters_connects_and_completes(by: str, event: str) -> None:
    assert lines(*TALK, ended(65.5, by)) == [
        ENTER,
        CONNECT,
        f"1065|1000.7|police|Agent/1001|{event}|4|60|3",
    ]


def test_who_hangs_up_while_waiting_has_abandoned() -> None:
    assert lines(ARRIVED, QUEUED, ended(31.0, position=2)) == [
        ENTER,
        "1031|1000.7|police|NONE|ABANDON|2|3|30",
    ]
    assert lines(ARRIVED, QUEUED, ended(31.0))[-1].endswith("ABANDON|3|3|30")


def test_who_hangs_up_while_a_phone_rings_cancels_it_and_abandons() -> None:
    assert lines(ARRIVED, QUEUED, (K.OFFERED, 2.0, SARI), ended(4.5)) == [
        ENTER,
        "1004|1000.7|police|Agent/1001|RINGCANCELED|2500",
        "1004|1000.7|police|NONE|ABANDON|3|3|3",
    ]


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        ("no_answer", "RINGNOANSWER"),
        ("busy", "RINGNOANSWER"),
        ("rejected", "RINGNOANSWER"),
        ("unreachable", "RINGNOANSWER"),
        ("taken_up", "RINGCANCELED"),
        ("failed", None),
    ],
)
def test_an_offer_that_fails(reason: str, event: str | None) -> None:
    found = lines(ARRIVED, QUEUED, (K.OFFERED, 2.0, SARI), failed(14.0, reason), ended(20.0))
    expected = [f"1014|1000.7|police|Agent/1001|{event}|12000"] if event else []
    assert found == [ENTER, *expected, "1020|1000.7|police|NONE|ABANDON|3|3|19"]


def test_of_all_that_ring_one_answers_and_the_others_are_canceled() -> None:
    assert lines(
        *(ARRIVED, QUEUED, (K.OFFERED, 2.0, SARI), (K.OFFERED, 2.0, BUDI)),
        *((K.ANSWERED, 5.5, SARI), failed(5.6, "answered_elsewhere", BUDI), ended(7.0)),
    ) == [
        ENTER,
        CONNECT,
        "1005|1000.7|police|Agent/1002|RINGCANCELED|3600",
        "1007|1000.7|police|Agent/1001|COMPLETECALLER|4|2|3",
    ]


def test_a_blind_transfer_closes_and_what_comes_after_has_no_line() -> None:
    handed = {**SARI, "kind": "operator", "to": "102", "form": "refer"}
    assert lines(
        *TALK,
        (K.TRANSFER_STARTED, 10.0, handed),
        (K.OFFERED, 10.1, BUDI),
        (K.JOINED, 12.0, {**BUDI, "how": "transfer"}),
        (K.LEFT, 12.1, {**SARI, "reason": "transfer"}),
        (K.TRANSFERRED, 12.2, handed),
        ended(90.0),
    ) == [ENTER, CONNECT, "1012|1000.7|police|Agent/1001|BLINDTRANSFER|102|operator|4|7|3"]


@pytest.mark.parametrize(
    ("told", "attended"),
    [
        ({"form": Form.KEYS, "consulted": True}, True),
        ({"form": Form.KEYS, "consulted": False}, False),
        ({"form": Form.REFER, "consulted": False}, False),
        ({"form": Form.REPLACES, "consulted": True}, True),
        ({"form": Form.REPLACES, "consulted": False}, False),
        # events of earlier versions
        ({"form": Form.KEYS}, True),
        ({"form": Form.REFER}, False),
        ({"form": Form.REPLACES}, True),
    ],
)
def test_a_transfer_after_a_talk_between_the_two_is_attended(
    told: dict[str, Any], attended: bool
) -> None:
    handed = {**SARI, "kind": "agency", "to": "110", **told}
    (line,) = lines(*TALK, (K.TRANSFERRED, 12.2, handed), ended(90.0))[2:]
    form = "ATTENDEDTRANSFER|BRIDGE|110" if attended else "BLINDTRANSFER|110|agency"
    assert line == f"1012|1000.7|police|Agent/1001|{form}|4|7|3"


@pytest.mark.parametrize("told", ["before", "after", "answered"])
def test_a_transfer_to_a_category_leaves_one_queue_and_enters_another(told: str) -> None:
    handed = (K.TRANSFERRED, 10.0, {**SARI, "kind": "category", "to": "fire", "form": "refer"})
    queued = (K.QUEUED, 10.0, {"category": "fire", "position": 1})
    answer = ((K.OFFERED, 11.0, BUDI), (K.ANSWERED, 13.0, BUDI))
    order = {
        "before": (handed, queued, *answer),
        "after": (queued, handed, *answer),
        "answered": (queued, *answer, handed),
    }
    assert lines(*TALK, *order[told], ended(20.0, "operator")) == [
        ENTER,
        CONNECT,
        "1010|1000.7|police|Agent/1001|BLINDTRANSFER|fire|category|4|5|3",
        "1010|1000.7|fire|NONE|ENTERQUEUE||0812|1",
        "1013|1000.7|fire|Agent/1002|CONNECT|3|leg-b|2",
        "1020|1000.7|fire|Agent/1002|COMPLETEAGENT|3|7|1",
    ]


def test_a_transfer_that_fails_a_hold_and_a_conference_have_no_line() -> None:
    assert lines(
        *TALK,
        (K.TRANSFER_STARTED, 6.0, {**SARI, "kind": "operator", "to": "102", "form": "refer"}),
        (K.TRANSFER_FAILED, 7.0, {**SARI, "kind": "operator", "to": "102", "reason": "busy"}),
        (K.HELD, 8.0, SARI),
        (K.RESUMED, 9.0, SARI),
        (K.JOINED, 10.0, {**BUDI, "how": "conference"}),
        (K.LEFT, 20.0, {**BUDI, "reason": "operator"}),
        ended(35.5),
    ) == [ENTER, CONNECT, "1035|1000.7|police|Agent/1001|COMPLETECALLER|4|30|3"]


def test_an_operator_who_leaves_others_talking_has_talked_no_longer() -> None:
    conference = ((K.JOINED, 10.0, {**BUDI, "how": "conference"}), (K.LEFT, 20.0, SARI))
    assert lines(*TALK, *conference, ended(35.5))[2:] == [
        "1035|1000.7|police|Agent/1001|COMPLETEAGENT|4|15|3"
    ]
    back = (K.JOINED, 25.0, {**SARI, "how": "conference"})
    assert lines(*TALK, *conference, back, ended(35.5))[2:] == [
        "1035|1000.7|police|Agent/1001|COMPLETECALLER|4|30|3"
    ]


def test_who_is_answered_outside_of_an_empty_queue_has_left_it() -> None:
    overflow = (K.OVERFLOW, 20.0, {"step": "agency", "to": "110"})
    agency = {"operator": None, "phone": "110", "leg": "leg-x"}
    assert lines(ARRIVED, QUEUED, overflow, (K.ANSWERED, 25.0, agency), ended(60.0))[1:] == [
        "1025|1000.7|police|NONE|EXITEMPTY|3|3|24"
    ]
    # an operator who came back in time has answered like any other
    assert lines(ARRIVED, QUEUED, overflow, (K.ANSWERED, 25.0, SARI), ended(60.0))[1:] == [
        "1025|1000.7|police|Agent/1001|CONNECT|24|leg-a|0",
        "1060|1000.7|police|Agent/1001|COMPLETECALLER|24|35|3",
    ]
    assert lines(ARRIVED, QUEUED, overflow, ended(60.0))[1].endswith("ABANDON|3|3|59")


def test_who_waits_on_in_another_queue_has_left_the_first() -> None:
    again = (K.QUEUED, 21.0, {"category": "general", "position": 1})
    assert lines(ARRIVED, QUEUED, again, ended(31.0))[1:] == [
        "1021|1000.7|police|NONE|EXITWITHTIMEOUT|3|3|20",
        "1021|1000.7|general|NONE|ENTERQUEUE||0812|1",
        "1031|1000.7|general|NONE|ABANDON|1|1|10",
    ]


def test_a_wait_that_a_new_engine_takes_up_is_still_one_wait() -> None:
    again = (K.QUEUED, 21.0, {"category": "police", "position": 1})
    assert lines(ARRIVED, QUEUED, (K.OFFERED, 2.0, SARI), again, ended(31.0)) == [
        ENTER,
        "1031|1000.7|police|NONE|ABANDON|3|3|30",
    ]


def test_who_never_was_in_a_queue_has_no_line() -> None:
    menu = (K.MENU_DONE, 1.0, {"category": "covid", "category_source": "menu"})
    heard = (K.INFORMATION_STARTED, 2.0, {"prompt": "covid"})
    fallback = (K.FALLBACK, 1.0, {"status": "answered", "phone": "101", "answered_at": T + 1})
    for steps in ((), (menu, heard), (fallback,)):
        assert lines(ARRIVED, *steps, ended(9.0)) == []


def test_a_phone_at_which_nobody_is_logged_in_stands_for_itself() -> None:
    phone = {"operator": "", "phone": "101"}
    assert lines(ARRIVED, QUEUED, (K.ANSWERED, 5.0, phone))[1:] == [
        "1005|1000.7|police|PJSIP/101|CONNECT|4|NONE|0"
    ]


def test_a_call_that_is_up_has_the_lines_so_far() -> None:
    assert lines(*TALK) == [ENTER, CONNECT]


def test_a_clock_that_was_put_back_puts_no_line_back() -> None:
    assert lines(*TALK, ended(-3.0))[2:] == ["1005|1000.7|police|Agent/1001|COMPLETECALLER|4|0|3"]


def test_no_caller_can_end_a_field_or_a_line() -> None:
    hostile = (K.ARRIVED, 0.0, {"asterisk_id": "a|b", "caller_number": "0|8\n12\u2028\x1b"})
    nobody = (K.ARRIVED, 0.0, {"asterisk_id": "", "caller_number": ""})
    assert lines(hostile, QUEUED) == ["1001|a_b|police|NONE|ENTERQUEUE||0_8_12__|3"]
    assert lines(nobody, QUEUED) == ["1001|call|police|NONE|ENTERQUEUE|||3"]


# --- operators ---------------------------------------------------------------------------------


def a_shift(*kinds: str, reason: str | None = None) -> list[str]:
    status, found = Status.LOGGED_OUT, []
    for kind in kinds:
        event = OperatorEvent(id="1", operator="1001", at=T, kind=kind, phone="101", reason=reason)
        status, some = operator_lines(event, status, ["fire", "police"])
        found += [line.text().removeprefix("1000|NONE|") for line in some]
    return found


def of_all(event: str) -> list[str]:
    return [f"{queue}|Agent/1001|{event}" for queue in ("fire", "police")]


def test_a_shift_adds_pauses_and_removes_a_member_of_every_queue() -> None:
    assert a_shift("login", "pause", "ready", "logout", reason="prayer") == [
        *of_all("ADDMEMBER|"),
        "NONE|Agent/1001|PAUSEALL|prayer",
        *of_all("PAUSE|prayer"),
        "NONE|Agent/1001|UNPAUSEALL|",
        *of_all("UNPAUSE|"),
        *of_all("REMOVEMEMBER|"),
    ]


def test_what_changes_nothing_has_no_line() -> None:
    joined = of_all("ADDMEMBER|")
    assert a_shift("login", "ready", "login", "missed", "wrong_pin") == joined
    assert a_shift("logout", "ready", "pause") == []


def test_a_login_elsewhere_ends_the_pause() -> None:
    assert a_shift("login", "pause", "login")[-2:] == of_all("UNPAUSE|")


# --- any call ----------------------------------------------------------------------------------

WORD = st.text(max_size=6) | st.sampled_from(["0812", "a|b", "x\ny", "\r", "NONE", "|"])
WHO = st.sampled_from([SARI, BUDI, {"operator": None, "phone": "110", "leg": "leg-x"}])
DATA = st.fixed_dictionaries(
    {},
    optional={
        "asterisk_id": WORD,
        "caller_number": WORD,
        "category": st.sampled_from(["police", "fire", "a|b"]),
        "position": st.integers(0, 99),
        "reason": st.sampled_from(["no_answer", "answered_elsewhere", "failed", "refused", "x|\n"]),
        "form": st.sampled_from([form.value for form in Form]),
        "kind": st.sampled_from(["operator", "category", "agency"]),
        "to": WORD,
        "ended_by": st.sampled_from(["caller", "operator", "unknown"]),
    },
)
BEFORE_THE_END = [kind for kind in K if kind is not K.ENDED]
STEPS = st.lists(
    st.tuples(st.sampled_from(BEFORE_THE_END), st.floats(-5, 60), DATA, WHO),
    max_size=25,
)


@OFTEN
@given(STEPS, DATA, st.booleans())
def test_the_lines_of_any_call_can_be_read_and_close_what_they_open(
    steps: list[tuple[EventKind, float, dict[str, Any], dict[str, Any]]],
    last: dict[str, Any],
    over: bool,
) -> None:
    took, story = 0.0, []
    for kind, seconds, data, who in steps:
        took += seconds
        story.append((kind, took, {**who, **data}))
    if over:
        story.append((K.ENDED, took + 1, last))
    opened, at = False, 0
    entered = 0
    for line in lines(*story):
        assert line.isprintable()
        epoch, _callid, _queue, agent, event, *data = line.split("|")
        assert len(data) == FIELDS[event], line
        assert int(epoch) >= at, "a log goes forward"
        at = int(epoch)
        if event == "ENTERQUEUE":
            assert not opened
            opened, entered = True, entered + 1
        elif event == "CONNECT":
            assert opened and agent != "NONE"
        elif event in CLOSING:
            assert opened
            opened = False
            assert all(int(one) >= 0 for one in data[-2:])
    assert not (opened and over), "a call that has ended has left its queue"
    assert entered == waits_begun(story)


def waits_begun(story: list[Step]) -> int:
    """How often the call was queued, less where it only waited on in the same queue."""
    begun = 0
    for number, (kind, _, data) in enumerate(story):
        if kind is K.QUEUED:
            before = call_lines("call", events(*story[:number]))
            stays = [one for one in before if not one.event.startswith("RING")]
            waits_in = stays[-1].queue if stays and stays[-1].event == "ENTERQUEUE" else None
            begun += waits_in != (data.get("category") or "NONE")
    return begun
