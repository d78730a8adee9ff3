"""A supervisor's phone hears an operator's talk, by its mode is heard, and ends with it."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg, a_phone

from acd.calls.monitor import MONITOR, Monitor, MonitorRefused, NoSuchMonitor
from acd.feature_codes.code_calls import NO_TALK
from acd.feature_codes.pin_throttle import Answer
from acd.monitors import MOST
from acd.operators.operator import Device
from acd.operators.roster import NoSuchOperator, NoSuchPhone
from acd.switch import MonitorMode
from ngalam112.engine.ari_switch import JoinFailed, RingFailed
from pbx import ari_types as ari


class Desk(LineDesk):
    """A citizen talks with operator 1001 at phone 101; the supervisor's phone is 901."""

    def __init__(self, operators: int = 1) -> None:
        super().__init__(operators)
        self.roster.phones["901"] = a_phone("901", device=Device.FREE)
        self.heard: list[tuple[str, MonitorMode]] = []
        self.router.monitors.on_heard = lambda one, now: self.heard.append((one.by, one.mode))

    def begin(
        self, mode: MonitorMode = MonitorMode.LISTEN, phone: str = "901", by: str = "rini"
    ) -> Monitor:
        return self.router.monitors.begin("1001", phone, mode, by, "training", 120.0)

    def answers(self, monitor: Monitor) -> str:
        """The supervisor answers, and Asterisk makes the snoop channel, whose id is returned."""
        self.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=121.0)
        snoop = str(self.switch.last("snoop").more[0])
        self.handle(ari.StasisStart(["monitor"], a_channel(snoop)), now=121.0)
        return snoop

    def gone(self, channel: str, now: float = 130.0) -> None:
        self.handle(ari.ChannelDestroyed(a_channel(channel), 16), now=now)

    def nothing_is_left(self) -> None:
        monitors = self.router.monitors
        assert (monitors.all(), monitors.channels(), monitors.bridges()) == ([], set(), set())
        assert not [key for key in self.journal.facts if key.startswith(MONITOR)]
        assert self.phone("901").device is Device.FREE


def talking() -> tuple[Desk, str]:
    desk = Desk()
    return desk, desk.citizen_talks().leg or ""


@pytest.mark.parametrize("mode", list(MonitorMode))
def test_the_phone_rings_and_then_hears_the_operators_leg(mode: MonitorMode) -> None:
    desk, leg = talking()
    monitor = desk.begin(mode)
    assert desk.switch.last("ring").more[:2] == ("901", (f"{mode} {desk.operator().name}", "1001"))
    assert (desk.phone("901").device, desk.switch.all("snoop")) == (Device.IN_USE, [])
    snoop = desk.answers(monitor)
    did = desk.switch.last("snoop")
    assert (did.to, did.more) == (leg, (snoop, mode))
    assert [one.more[0] for one in desk.switch.all("join")] == [monitor.channel, snoop]
    assert desk.heard == [("rini", mode)]


def test_the_talk_is_not_touched() -> None:
    desk, leg = talking()
    touched = [one for one in desk.switch.did if one.to in ("c1", leg)]
    desk.answers(desk.begin(MonitorMode.BARGE))
    after = [one for one in desk.switch.did if one.to in ("c1", leg) and one.what != "snoop"]
    assert after == touched


def test_it_ends_with_the_talk() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    bridge = monitor.bridge
    desk.gone(snoop)
    assert monitor.channel in desk.switch.told("hang_up")
    assert bridge in desk.switch.told("disconnect")
    desk.gone(monitor.channel)
    desk.nothing_is_left()


def test_it_ends_when_the_supervisor_hangs_up() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    desk.gone(monitor.channel)
    assert snoop in desk.switch.told("hang_up")
    desk.gone(snoop)
    desk.nothing_is_left()


def test_a_phone_that_nobody_answers_stops_ringing() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.timers.fire(monitor.rings_until)
    assert (monitor.channel, (19,)) in [(did.to, did.more) for did in desk.switch.all("hang_up")]
    desk.gone(monitor.channel)
    desk.nothing_is_left()


def test_a_talk_that_ends_while_the_phone_rings_is_heard_by_nobody() -> None:
    desk, leg = talking()
    monitor = desk.begin()
    desk.handle(ari.StasisEnd(a_channel("c1")), now=122.0)
    desk.gone(leg, 122.0)
    desk.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=123.0)
    assert monitor.channel in desk.switch.told("hang_up")
    assert desk.switch.all("snoop") == []
    desk.gone(monitor.channel)
    desk.nothing_is_left()


@pytest.mark.parametrize("lost", ["phone", "snoop"])
def test_what_cannot_be_rung_or_heard_leaves_nothing(lost: str) -> None:
    desk, _ = talking()
    monitor = desk.begin()
    if lost == "snoop":
        desk.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=121.0)
        desk.handle(RingFailed(monitor.snoop), now=121.0)
        desk.gone(monitor.channel)
    else:
        desk.handle(RingFailed(monitor.channel), now=121.0)
    desk.nothing_is_left()


@pytest.mark.parametrize(("key", "mode"), [("5", MonitorMode.WHISPER), ("6", MonitorMode.BARGE)])
def test_a_key_changes_the_mode(key: str, mode: MonitorMode) -> None:
    desk, leg = talking()
    monitor = desk.begin()
    first = desk.answers(monitor)
    desk.handle(ari.ChannelDtmfReceived(key, a_channel(monitor.channel)), now=125.0)
    assert first in desk.switch.told("hang_up")
    second, told = desk.switch.last("snoop").more
    assert (desk.switch.last("snoop").to, told) == (leg, mode)
    desk.handle(ari.StasisStart(["monitor"], a_channel(second)), now=125.1)
    assert desk.switch.last("join").more == (second,)
    assert len(desk.switch.all("open")) == 1
    desk.gone(first)  # the end of the first one is not the end
    assert desk.router.monitors.all() == [monitor]
    assert desk.heard == [("rini", MonitorMode.LISTEN), ("rini", mode)]


def test_other_keys_and_the_key_of_the_same_mode_change_nothing() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.answers(monitor)
    for key in "4123*#":
        desk.handle(ari.ChannelDtmfReceived(key, a_channel(monitor.channel)), now=125.0)
    assert len(desk.switch.all("snoop")) == 1


def test_the_command_for_the_same_phone_changes_the_mode() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.answers(monitor)
    assert desk.begin(MonitorMode.WHISPER, by="budi") is monitor
    assert (len(desk.switch.all("ring")), monitor.mode) == (2, MonitorMode.WHISPER)


def test_a_snoop_channel_that_comes_too_late_goes_again() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=121.0)
    snoop = monitor.snoop
    desk.gone(monitor.channel)
    hung_up = len(desk.switch.all("hang_up"))
    desk.handle(ari.StasisStart(["monitor"], a_channel(snoop)), now=121.3)
    assert desk.switch.told("hang_up")[hung_up:] == [snoop]
    assert (desk.heard, desk.switch.all("join")) == ([], [])


def test_what_cannot_be_listened_to_is_refused_in_a_sentence() -> None:
    desk = Desk(operators=2)
    with pytest.raises(MonitorRefused, match="Operator 1001 talks with no citizen now"):
        desk.begin()
    leg_phone = next(iter(desk.citizen_talks().legs.values())).phone
    who = next(one.id for one in desk.roster.operators.values() if one.phone == leg_phone)
    begin = desk.router.monitors.begin
    with pytest.raises(NoSuchOperator):
        begin("9", "901", MonitorMode.LISTEN, "rini", "training", 120.0)
    with pytest.raises(NoSuchPhone):
        begin(who, "999", MonitorMode.LISTEN, "rini", "training", 120.0)
    with pytest.raises(MonitorRefused, match="is in that talk itself"):
        begin(who, leg_phone, MonitorMode.LISTEN, "rini", "training", 120.0)
    for device, said in ((Device.IN_USE, "in use"), (Device.UNREACHABLE, "not reachable")):
        desk.phone("901").device = device
        with pytest.raises(MonitorRefused, match=said):
            begin(who, "901", MonitorMode.LISTEN, "rini", "training", 120.0)
    with pytest.raises(NoSuchMonitor, match="Phone 901 listens to nobody"):
        desk.router.monitors.end("901", 120.0)


def test_there_are_only_so_many_at_once() -> None:
    desk, _ = talking()
    for number in range(902, 902 + MOST):
        desk.roster.phones[str(number)] = a_phone(str(number), device=Device.FREE)
        desk.begin(phone=str(number))
    with pytest.raises(MonitorRefused, match="listened to already"):
        desk.begin()


def taken_up(desk: Desk, monitor: Monitor, *there: str, joined: bool = True) -> Desk:
    """The next engine finds the talk, and of the monitor what is `there`."""
    leg, call = monitor.leg, desk.router.calls["c1"]
    after: Desk = desk.next_engine(125.0)  # type: ignore[assignment]
    bridges = {call.bridge or "": ["c1", leg]}
    if joined and monitor.bridge:
        bridges[monitor.bridge] = [monitor.channel, monitor.snoop]
    legs = [a_leg("c1"), a_leg(leg, citizen=False)]
    legs += [a_leg(one, citizen=False) for one in there]
    known = frozenset(after.router.channels_of_phones())
    after.restore_calls(*legs, bridges=bridges, phones=known, now=126.0)
    return after


def test_a_change_of_engines_does_not_end_it() -> None:
    desk, _ = talking()
    monitor = desk.begin(MonitorMode.WHISPER)
    snoop = desk.answers(monitor)
    after = taken_up(desk, monitor, monitor.channel, snoop)
    assert after.switch.told("hang_up") == after.switch.told("disconnect") == []
    assert [one.mode for one in after.router.monitors.all()] == [MonitorMode.WHISPER]
    assert after.switch.all("snoop") == []
    after.gone(monitor.channel)
    assert snoop in after.switch.told("hang_up")
    after.gone(snoop)
    after.nothing_is_left()


def test_a_phone_answered_while_no_engine_lived_hears_the_talk() -> None:
    desk, leg = talking()
    monitor = desk.begin()
    after = taken_up(desk, monitor, monitor.channel)
    assert after.switch.last("snoop").to == leg
    assert after.phone("901").device is Device.IN_USE


def test_two_that_were_not_joined_are_joined_by_the_next_engine() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    after = taken_up(desk, monitor, monitor.channel, snoop, joined=False)
    assert [one.more[0] for one in after.switch.all("join")] == [monitor.channel, snoop]


def test_one_whose_supervisor_has_hung_up_meanwhile_ends() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    after = taken_up(desk, monitor, snoop, joined=False)
    assert snoop in after.switch.told("hang_up")
    after.gone(snoop)
    after.nothing_is_left()


def test_a_snoop_channel_that_is_not_there_is_asked_for_again() -> None:
    """As where an engine has died between keeping that and asking for it."""
    desk, leg = talking()
    monitor = desk.begin()
    first = desk.answers(monitor)
    after = taken_up(desk, monitor, monitor.channel, joined=False)
    assert after.switch.told("hang_up") == []
    second, mode = after.switch.last("snoop").more
    assert (after.switch.last("snoop").to, mode) == (leg, MonitorMode.LISTEN)
    assert second != first


def looked_at(desk: Desk) -> tuple[Desk, frozenset[str]]:
    """The engine has died, and the next one looks at Asterisk."""
    after: Desk = desk.next_engine(125.0)  # type: ignore[assignment]
    after.dispatcher.away = True
    after.router.looks_again()
    return after, frozenset(after.router.channels_of_phones())


def restored(after: Desk, desk: Desk, known: frozenset[str], *there: str) -> None:
    call = desk.router.calls["c1"]
    legs = [a_leg("c1"), *(a_leg(one, citizen=False) for one in (call.leg or "", *there))]
    bridges = {call.bridge or "": ["c1", call.leg or ""]}
    after.restore_calls(*legs, bridges=bridges, phones=known, now=126.0)


def test_who_answers_while_the_calls_are_restored_hears_the_talk() -> None:
    desk, leg = talking()
    monitor = desk.begin()
    after, known = looked_at(desk)
    after.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=125.5)
    assert after.switch.told("hang_up") == []
    restored(after, desk, known, monitor.channel)
    assert after.switch.last("snoop").to == leg
    assert len(after.switch.all("snoop")) == 1


def test_a_snoop_channel_that_comes_while_the_calls_are_restored_is_noted_once() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=121.0)
    after, known = looked_at(desk)
    after.handle(ari.StasisStart(["monitor"], a_channel(monitor.snoop)), now=125.5)
    restored(after, desk, known, monitor.channel, monitor.snoop)
    assert after.heard == [("rini", MonitorMode.LISTEN)]
    (own,) = after.router.monitors.bridges()
    assert [one.to for one in after.switch.all("open")] == [own]
    assert after.switch.told("disconnect") == []


def test_what_this_engine_has_just_asked_for_is_not_taken_for_heard() -> None:
    desk, leg = talking()
    monitor = desk.begin()
    desk.dispatcher.away = True
    desk.router.looks_again()
    known = frozenset(desk.router.channels_of_phones())
    desk.handle(ari.StasisStart(["operator"], a_channel(monitor.channel)), now=125.0)
    restored(desk, desk, known, monitor.channel)
    assert desk.heard == []
    desk.handle(RingFailed(monitor.snoop), now=126.5)
    assert desk.heard == []
    assert monitor.channel in desk.switch.told("hang_up")
    assert leg not in desk.switch.told("hang_up")


def test_the_snoop_channel_is_joined_behind_the_making_of_its_bridge() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    of = desk.switch.lanes.of
    assert of(snoop) == of(monitor.bridge) == of(monitor.channel)
    assert desk.switch.whose[snoop] == monitor.channel
    did = [(one.what, one.to) for one in desk.switch.did]
    assert did.index(("open", monitor.bridge)) < did.index(("join", monitor.bridge))


def test_two_that_cannot_be_brought_together_end() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    desk.handle(JoinFailed(monitor.bridge, snoop, "Bridge not found"), now=121.2)
    assert {monitor.channel, snoop} <= set(desk.switch.told("hang_up"))
    for one in (monitor.channel, snoop):
        desk.gone(one)
    desk.nothing_is_left()


def test_another_mode_is_noted_once_it_is_heard_and_not_before() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.answers(monitor)
    desk.begin(MonitorMode.BARGE, by="budi")
    assert desk.heard == [("rini", MonitorMode.LISTEN)]
    desk.handle(ari.StasisStart(["monitor"], a_channel(monitor.snoop)), now=125.0)
    assert desk.heard[1:] == [("budi", MonitorMode.BARGE)]


def test_another_person_or_reason_is_noted_without_another_mode() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.answers(monitor)
    desk.begin(by="rini")
    assert desk.heard == [("rini", MonitorMode.LISTEN)]
    desk.begin(by="budi")
    assert desk.heard[1:] == [("budi", MonitorMode.LISTEN)]
    assert desk.journal.facts[MONITOR + monitor.channel]["by"] == "budi"


def test_a_phone_that_listens_is_not_given_a_second_talk() -> None:
    desk = Desk(operators=2)
    talks = [desk.citizen_talks(one) for one in ("c1", "c2")]
    who = [next(iter(call.legs.values())).operator or "" for call in talks]
    begin = desk.router.monitors.begin
    begin(who[0], "901", MonitorMode.LISTEN, "rini", "training", 120.0)
    desk.phone("901").device = Device.FREE  # a late word on the call before
    with pytest.raises(MonitorRefused, match=f"listens to operator {who[0]} already"):
        begin(who[1], "901", MonitorMode.LISTEN, "rini", "training", 120.0)


def test_the_next_engine_knows_that_the_phone_is_in_use() -> None:
    desk, _ = talking()
    desk.answers(desk.begin())
    desk.phone("901").device = Device.UNKNOWN
    after: Desk = desk.next_engine(125.0)  # type: ignore[assignment]
    assert after.phone("901").device is Device.IN_USE


def test_who_talks_on_without_the_citizen_is_heard_by_nobody() -> None:
    desk, leg = talking()
    monitor = desk.begin()
    snoop = desk.answers(monitor)
    desk.router.monitors.left(leg)
    assert {monitor.channel, snoop} <= set(desk.switch.told("hang_up"))


def test_a_supervisors_phone_that_was_lost_is_not_rung_for_a_citizen() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.answers(monitor)
    desk.handle(ari.ChannelDestroyed(a_channel(monitor.channel), 27), now=130.0)
    assert desk.phone("901").device is Device.UNREACHABLE


def test_a_phone_whose_place_was_taken_hears_on() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.answers(monitor)
    joined = len(desk.switch.all("join"))
    evil = ari.StasisStart(["citizen"], a_channel("x"), a_channel(monitor.channel))
    desk.handle(evil, now=125.0)
    assert [one.more for one in desk.switch.all("join")[joined:]] == [(monitor.channel,)]


def test_the_end_of_the_line_is_the_end_of_all_of_them() -> None:
    desk, _ = talking()
    monitor = desk.begin()
    desk.router.monitors.stop_all()
    assert monitor.channel in desk.switch.told("hang_up")


def test_facts_that_make_no_sense_are_passed_over() -> None:
    desk = Desk()
    desk.router.monitors.remember({f"{MONITOR}x": {"phone": 1}, "other": 2})
    assert desk.router.monitors.all() == []


# --- by star code ---------------------------------------------------------------------------------


def pin_of(number: str, pin: str) -> bool | None:
    return {"2001": pin == "864213", "2002": False}.get(number)


def dials(desk: Desk, keys: str, code: str = "*191001", phone: str = "901") -> str:
    """Phone 901 dials, and shows a number and a PIN; returns the last prompt that was begun."""
    desk.codes.throttle.supervisor_pin = pin_of
    desk.phone(phone).device = Device.IN_USE
    desk.handle(ari.StasisStart(["code", phone, code], a_channel("s1")), now=120.0)
    for key in keys:
        if "s1" in desk.router.codes.channels():
            desk.handle(ari.ChannelDtmfReceived(key, a_channel("s1")), now=121.0)
    return str(desk.switch.last("say").more[1])


def test_a_supervisor_hears_a_talk_by_star_code_and_pin_without_being_rung() -> None:
    desk, leg = talking()
    rung = desk.switch.all("ring")
    assert dials(desk, "2001#864213#") == "code_pin"
    assert desk.switch.all("ring") == rung and len(desk.codes) == 0
    (did,) = desk.switch.all("snoop")
    assert (did.to, did.more[1]) == (leg, MonitorMode.LISTEN)
    desk.handle(ari.StasisStart(["monitor"], a_channel(str(did.more[0]))), now=122.0)
    assert [one.more[0] for one in desk.switch.all("join")] == ["s1", did.more[0]]
    assert desk.heard == [("2001", MonitorMode.LISTEN)]
    (monitor,) = desk.router.monitors.all()
    assert (monitor.phone, monitor.by, monitor.reason) == ("901", "2001", "*19 at phone 901")
    desk.handle(ari.ChannelDtmfReceived("5", a_channel("s1")), now=123.0)
    assert desk.switch.last("snoop").more[1] is MonitorMode.WHISPER
    whispers = str(desk.switch.last("snoop").more[0])
    for channel in (str(did.more[0]), "s1", whispers):
        desk.gone(channel)
    desk.nothing_is_left()


@pytest.mark.parametrize("shown", ["2001#111111#", "2002#864213#", "2009#864213#", "1001#4321#"])
def test_a_wrong_pin_hears_nothing_and_is_asked_again(shown: str) -> None:
    desk, _ = talking()
    assert dials(desk, shown) == "code_again"
    assert desk.switch.all("snoop") == [] and desk.router.monitors.all() == []


def test_who_guesses_supervisors_pins_waits_and_operators_do_not() -> None:
    desk, _ = talking()
    assert dials(desk, "2001#111111#" * 3) == "code_waits"
    desk.gone("s1")
    assert dials(desk, "") == "code_waits", "before anything is asked"
    throttle = desk.codes.throttle
    assert throttle.waiting(122.0) == 1
    for index in range(6):
        throttle.prove_supervisor(f"80{index}", "1001", "111111", 122.0)
        throttle.prove_supervisor(f"80{index}", "2001", "111111", 122.0)
    assert throttle.prove_supervisor("990", "2001", "864213", 150.0) is Answer.WAITS
    own = desk.operator().pin_hash
    assert throttle.prove("101", "1001", own, 150.0) is Answer.RIGHT


def test_where_there_is_nothing_to_hear_a_prompt_says_so() -> None:
    for code, phone in (("*191009", "901"), ("*191001", "101")):
        desk, _ = talking()
        assert dials(desk, "2001#864213#", code, phone) == NO_TALK
        assert desk.switch.all("snoop") == [] and desk.router.monitors.all() == []
    desk = Desk()
    assert dials(desk, "2001#864213#") == NO_TALK
    desk.gone("s1")
    assert (len(desk.codes), desk.router.monitors.channels()) == (0, set())


def test_a_code_without_an_operator_is_unknown() -> None:
    desk, _ = talking()
    assert dials(desk, "", "*19") in ("code_unknown", "operator_not_logged_in")
