"""Agencies are rung and hear the incident: what each key does, and what follows from no key."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.agency import Agency
from acd.agencies.register import Register
from acd.operators.states import State
from acd.rules.rules import Rules
from acd.transfers.directory import Directory
from deliveries.attempt import Attempt, Delivered, Failed, Reason
from ivr.agency_calls import (
    AGENCY_MOVES,
    KEY_WAIT_S,
    MOST_AT_ONCE,
    MOST_TIMES,
    PROMPTS,
    TIMES,
    WORDS_ARE_LOST_S,
    AgencyStage,
    SpokenReport,
)
from ngalam112.engine.ari_switch import RingFailed
from pbx.ari_types import (
    ChannelDestroyed,
    ChannelDtmfReceived,
    Playback,
    PlaybackFinished,
    StasisStart,
)

DESK, NIGHT = "sip:damkar@192.0.2.1", "sip:night@192.0.2.1"
DAMKAR = Agency(id="damkar", number="62", name="Damkar", voice=DESK)
RING_S = Rules().agency_ring_s
SECONDS = 12.0


class Town:
    """A line that rings agencies, and what its dispatches were told."""

    def __init__(self, *agencies: Agency, operators: int = 1, carrier: bool = False) -> None:
        self.desk = LineDesk(operators=operators)
        register = Register(agencies or (DAMKAR,))
        directory = Directory(agencies=register, carrier=carrier)
        self.desk.dispatcher.transfers.directory = directory
        self.calls = self.desk.router.agency_calls
        self.attempts: list[tuple[str, Attempt]] = []
        self.heard: list[str] = []
        self.accepted: list[str] = []
        self.calls.attempted = lambda id, index, attempt, now: self.attempts.append((id, attempt))
        self.calls.heard = lambda id, index, receipt, now: self.heard.append(id)
        self.calls.accept = self._accept

    def _accept(self, dispatch: str, now: float) -> bool:
        self.accepted.append(dispatch)
        return self.accepted.count(dispatch) == 1

    def ring(self, dispatch: str = "d1", now: float = 100.0, **changes: object) -> str:
        """Ring the agency; returns the channel, if it is rung at once."""
        values = {
            "dispatch": dispatch,
            "index": 0,
            "agency": "damkar",
            "address": DESK,
            "attempts": 0,
            "prompt": "reports/abc",
            "seconds": SECONDS,
        }
        before = len(self.desk.switch.all("ring"))
        self.calls.ring(SpokenReport(**(values | changes)), now)  # type: ignore[arg-type]
        rings = self.desk.switch.all("ring")[before:]
        return rings[0].to if rings else ""

    def answers(self, leg: str, now: float = 105.0) -> None:
        self.desk.handle(StasisStart(["operator"], a_channel(leg)), now=now)

    def ends(self, now: float = 120.0, state: str = "done") -> None:
        """What is said now is over."""
        playback, _ = self.desk.switch.playing()
        self.desk.handle(PlaybackFinished(Playback(playback, state)), now=now)

    def press(self, leg: str, key: str, now: float = 121.0) -> None:
        self.desk.handle(ChannelDtmfReceived(key, a_channel(leg)), now=now)

    def gone(self, leg: str, cause: int = 16, now: float = 130.0) -> None:
        self.desk.handle(ChannelDestroyed(a_channel(leg), cause), now=now)

    def said(self) -> tuple[str, ...]:
        return self.desk.switch.last("say").more[1:]

    def only(self) -> Attempt:
        ((_, attempt),) = self.attempts
        return attempt

    def reason(self) -> tuple[Reason, bool]:
        attempt = self.only()
        assert isinstance(attempt, Failed)
        return attempt.reason, attempt.retry


def test_every_stage_has_its_moves() -> None:
    assert AGENCY_MOVES.keys() == set(AgencyStage)


def test_an_agency_hears_the_report_and_accepts_by_1() -> None:
    town = Town()
    leg = town.ring()
    assert town.desk.switch.last("ring").more == (DESK, ("112", "112"), leg)
    town.answers(leg)
    assert town.said() == ("agency_intro", "reports/abc")
    town.ends()
    assert (town.heard, town.attempts) == (["d1"], []), "it is told while the call goes on"
    assert town.said() == ("agency_keys",)
    town.press(leg, "1")
    assert town.only() == Delivered("answered, accepted")
    assert (town.accepted, town.said()) == (["d1"], ("agency_accepted",))
    town.ends()
    assert town.desk.switch.told("hang_up") == [leg]
    assert len(town.calls) == 0 and town.desk.journal.records == {}


def test_a_key_counts_in_the_middle_of_the_words_which_are_cut_off() -> None:
    town = Town()
    leg = town.ring()
    town.answers(leg)
    playing, _ = town.desk.switch.playing()
    town.press(leg, "1")
    assert town.desk.switch.told("stop") == [playing]
    assert (town.heard, town.only()) == ([], Delivered("answered, accepted"))


def test_who_presses_1_when_it_is_accepted_already_hears_so() -> None:
    town = Town()
    town.accepted.append("d1")
    leg = town.ring()
    town.answers(leg)
    town.press(leg, "1")
    assert town.said() == ("agency_too_late",)


def test_2_repeats_without_the_introduction_and_not_for_ever() -> None:
    town = Town()
    leg = town.ring()
    town.answers(leg)
    for _ in range(3 * MOST_TIMES):
        town.press(leg, "2")
    assert town.said() == ("reports/abc",)
    assert len(town.desk.switch.all("say")) == MOST_TIMES


def test_other_keys_mean_nothing() -> None:
    town = Town()
    leg = town.ring()
    town.press(leg, "1")
    assert town.attempts == [], "nobody has answered yet"
    town.answers(leg)
    for key in "0456789*#ABCD":
        town.press(leg, key)
    assert len(town.desk.switch.all("say")) == 1 and town.attempts == []


def test_no_key_makes_it_repeat_twice_and_then_it_is_to_be_rung_again() -> None:
    town, now = Town(), 105.0
    leg = town.ring()
    town.answers(leg)
    for _ in range(TIMES):
        town.ends(now)
        town.ends(now)
        assert town.attempts == []
        now += KEY_WAIT_S
        town.desk.timers.fire(now)
    assert town.reason() == (Reason.NOT_ACCEPTED, True)
    assert town.desk.switch.told("say") == [leg] * 2 * TIMES
    assert town.desk.switch.told("hang_up") == [leg] and town.heard == ["d1"]


def test_who_hangs_up_after_the_report_has_it_and_who_does_before_has_not() -> None:
    town = Town()
    leg = town.ring()
    town.answers(leg)
    town.ends()
    town.gone(leg)
    assert town.only() == Delivered("answered, heard")
    town = Town()
    leg = town.ring()
    town.answers(leg)
    town.ends(state="failed")
    town.gone(leg)
    assert town.reason() == (Reason.HUNG_UP, True), "once, whatever Asterisk tells first"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (17, Reason.BUSY),
        (19, Reason.NO_ANSWER),
        (21, Reason.REJECTED),
        (3, Reason.UNREACHABLE),
    ],
)
def test_who_is_not_reached_is_to_be_rung_again(cause: int, reason: Reason) -> None:
    town = Town()
    town.gone(town.ring(), cause)
    assert town.reason() == (reason, True)
    assert len(town.calls) == 0 and town.desk.router.channels_of_phones() == set()


def test_nobody_answers_so_it_rings_no_longer_than_it_may() -> None:
    town = Town()
    leg = town.ring()
    town.desk.timers.fire(100.0 + RING_S - 0.1)
    assert town.attempts == []
    town.desk.timers.fire(100.0 + RING_S)
    assert town.reason() == (Reason.NO_ANSWER, True)
    assert town.desk.switch.told("hang_up") == [leg]
    town.gone(leg, 19)
    assert len(town.attempts) == 1


def test_a_phone_that_cannot_be_rung_at_all_is_tried_again() -> None:
    town = Town()
    town.desk.handle(RingFailed(town.ring()))
    assert town.reason() == (Reason.UNREACHABLE, True)


def test_words_whose_end_is_never_told_are_over_some_time_later() -> None:
    town = Town()
    town.answers(town.ring())
    town.desk.timers.fire(105.0 + SECONDS + WORDS_ARE_LOST_S)
    assert town.heard == ["d1"]


# --- what is dialled --------------------------------------------------------------------------


def test_outside_its_hours_the_fallback_is_rung_and_else_both_by_turns() -> None:
    agency = Agency(
        id="damkar", number="62", name="Damkar", voice=DESK, fallback=NIGHT, hours="07:00-15:00"
    )
    rung = []
    for attempts, hour in ((0, 8), (1, 8), (2, 8), (0, 3)):
        town = Town(agency)
        town.ring(now=hour * 3600.0, attempts=attempts)
        rung.append(town.desk.switch.last("ring").more[0])
    assert rung == [DESK, NIGHT, DESK, NIGHT]


@pytest.mark.parametrize("number", ["0900123456", "+870773111632", "112", "*21*0811#"])
def test_a_number_that_may_not_be_dialled_is_not(number: str) -> None:
    town = Town(carrier=True)
    assert town.ring(address=number) == ""
    assert town.reason() == (Reason.NOT_SENDABLE, False)


def test_digits_go_through_the_carrier_and_nowhere_without_one() -> None:
    town = Town(carrier=True)
    town.ring(address="0341366444")
    assert town.desk.switch.last("ring").more[0] == "tel:0341366444"
    town = Town()
    assert town.ring(address="0341366444") == ""
    assert town.reason() == (Reason.NOT_SENDABLE, False)


def test_so_many_are_rung_at_once_and_the_others_in_their_order() -> None:
    town = Town()
    legs = [town.ring(f"d{number}") for number in range(MOST_AT_ONCE + 2)]
    assert legs[MOST_AT_ONCE:] == ["", ""] and all(legs[:MOST_AT_ONCE])
    town.gone(legs[1], 17)
    town.gone(legs[0], 17)
    assert len(town.calls) == MOST_AT_ONCE
    for number in range(MOST_AT_ONCE + 2):
        town.calls.stop(f"d{number}", 131.0)
    assert len(town.calls) == 0, "all of them were rung, and nobody waits"
    assert len(town.desk.switch.all("ring")) == MOST_AT_ONCE + 2


def test_who_need_not_be_told_any_more_is_rung_no_more_but_may_hear_it_out() -> None:
    town = Town()
    rings, listens = town.ring("d1"), town.ring("d2")
    town.answers(listens)
    town.calls.stop("d1", 110.0)
    town.calls.stop("d2", 110.0)
    assert town.desk.switch.told("hang_up") == [rings]
    town.press(listens, "1")
    assert town.accepted == ["d2"]


# --- 3: an operator ---------------------------------------------------------------------------


def wants_operator(town: Town) -> tuple[str, str]:
    """The agency listens and presses 3; returns its channel and the operator's."""
    leg = town.ring()
    town.answers(leg)
    town.press(leg, "3")
    return leg, town.desk.switch.last("ring").to


def test_3_rings_an_operator_and_the_two_talk() -> None:
    town = Town()
    leg, operator_leg = wants_operator(town)
    phone, display, originator = town.desk.switch.last("ring").more
    assert (phone, display, originator) == ("101", ("Damkar", DESK), leg)
    assert town.desk.operator().state is State.OFFERED and town.attempts == []
    town.answers(operator_leg, 125.0)
    assert town.desk.switch.last("pair").more == (leg, operator_leg)
    assert town.only() == Delivered("answered, talked with operator 1001")
    town.gone(leg)
    assert operator_leg in town.desk.switch.told("hang_up")
    assert town.desk.operator().state is State.IDLE


def test_the_operator_of_the_incident_s_last_call_is_rung_first() -> None:
    town = Town(operators=2)
    call = town.desk.citizen_talks()
    had = call.leg
    assert had is not None
    who = call.record.operator
    town.desk.handle(ChannelDestroyed(a_channel("c1"), 16), ChannelDestroyed(a_channel(had), 16))
    town.desk.timers.fire(1000.0)
    other = next(one for one in town.desk.roster.operators.values() if one.id != who)
    other.idle_since = 1.0
    leg = town.ring(now=1000.0, call_ids=(call.id,))
    town.answers(leg, 1001.0)
    town.press(leg, "3", 1002.0)
    assert town.desk.switch.last("ring").more[0] == town.desk.operator(who or "").phone


def test_without_a_free_operator_the_keys_are_offered_again() -> None:
    town = Town(operators=0)
    leg = town.ring()
    town.answers(leg)
    town.press(leg, "3")
    assert town.said() == ("agency_no_operator", "agency_keys")
    town.press(leg, "1")
    assert town.accepted == ["d1"]


def test_an_operator_who_does_not_answer_makes_the_agency_be_rung_again() -> None:
    town = Town()
    _, operator_leg = wants_operator(town)
    town.gone(operator_leg, 19)
    assert town.reason() == (Reason.NOT_ACCEPTED, True)
    assert town.said() == ("agency_again_later",)
    town = Town()
    leg, operator_leg = wants_operator(town)
    town.gone(leg)
    assert town.reason() == (Reason.NOT_ACCEPTED, True)
    assert operator_leg in town.desk.switch.told("hang_up")


# --- engines that die -------------------------------------------------------------------------


def test_the_next_engine_hangs_up_whom_it_does_not_know_and_rings_them_again() -> None:
    town = Town()
    leg = town.ring()
    town.answers(leg)
    after = Town()
    after.desk = town.desk.next_engine()
    after.desk.dispatcher.transfers.directory = Directory(agencies=Register((DAMKAR,)))
    after.calls = after.desk.router.agency_calls
    after.desk.dispatcher.away = True
    assert after.ring(now=201.0) == "", "it is not known what Asterisk holds"
    after.desk.restore_calls(a_leg(leg, citizen=False), now=202.0)
    assert after.desk.switch.told("hang_up") == [leg]
    assert len(after.desk.switch.all("ring")) == 1


@pytest.mark.parametrize("answers", [True, False])
def test_the_next_engine_goes_on_ringing_the_operator_whom_an_agency_wants(answers: bool) -> None:
    town = Town()
    leg, operator_leg = wants_operator(town)
    after = town.desk.next_engine()
    after.restore_calls(a_leg(leg, citizen=False), a_leg(operator_leg, citizen=False, up=False))
    assert after.switch.told("hang_up") == []
    if answers:
        after.handle(StasisStart(["operator"], a_channel(operator_leg)), now=203.0)
        assert after.switch.last("pair").more == (leg, operator_leg)
        assert after.switch.told("stop_ringing") == [leg]
    else:
        after.handle(ChannelDestroyed(a_channel(operator_leg), 19), now=203.0)
        assert after.switch.playing()[1] == "agency_again_later"


def test_asterisk_s_death_is_told_of_each_report_once() -> None:
    town = Town()
    wants_operator(town)
    town.answers(town.ring("d2"))
    town.ring("d3")
    town.desk.restore_calls(lost_at=150.0, now=160.0)
    assert sorted(id for id, _ in town.attempts) == ["d1", "d2", "d3"]
    assert len(town.calls) == 0


def test_a_connection_that_is_lost_for_a_moment_loses_no_call() -> None:
    town = Town()
    rings, gone = town.ring("d1"), town.ring("d2")
    town.desk.restore_calls(a_leg(rings, citizen=False), now=110.0)
    assert town.said() == ("agency_intro", "reports/abc"), "it has answered meanwhile"
    assert [id for id, _ in town.attempts] == ["d2"] and gone not in town.calls.channels()
    assert rings not in town.desk.switch.told("hang_up")


STEPS = st.lists(
    st.sampled_from(["answers", "ends", "fails", "gone", "time", *"1233", "stop", "ring"]),
    max_size=25,
)


@given(STEPS, st.integers(0, 1))
def test_whatever_happens_each_report_is_told_of_once_and_nothing_is_left(
    steps: list[str], operators: int
) -> None:
    town, now, rung, stopped = Town(operators=operators), 100.0, 0, set[str]()
    for step in ["ring", *steps]:
        now += 1.0
        legs = list(town.calls.channels())
        match step:
            case "ring":
                rung += 1
                town.ring(f"d{rung}", now)
            case "answers" if legs:
                town.answers(legs[0], now)
            case "ends" | "fails" if town.desk.switch.all("say"):
                town.ends(now, "done" if step == "ends" else "failed")
            case "gone" if legs:
                town.gone(legs[0], 16, now)
            case "time":
                now += 20.0
                town.desk.timers.fire(now)
            case "stop":
                stopped.add(f"d{rung}")
                town.calls.stop(f"d{rung}", now)
            case "1" | "2" | "3" if legs:
                town.press(legs[0], step, now)
    for _ in range(200):
        now += 60.0
        town.desk.timers.fire(now)
    assert len(town.calls) == 0
    told = [id for id, _ in town.attempts]
    assert len(told) == len(set(told))
    assert {f"d{number}" for number in range(1, rung + 1)} == {*told} | stopped
    said = {prompt for did in town.desk.switch.all("say") for prompt in did.more[1:]}
    assert said <= {*PROMPTS, "reports/abc"}
