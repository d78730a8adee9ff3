"""Who comes to us between the look at Asterisk and the restore is served, and not ended."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg, an_agency

from acd.agencies.register import Register
from acd.calls.states import Stage
from acd.operators.operator import Device
from acd.operators.states import State
from acd.transfers.directory import Directory
from ngalam112.engine.ari_switch import Connected, MusicLost
from ngalam112.engine.claims import HANDOVER_S, Claimed
from ngalam112.recovery import recheck
from ngalam112.recovery.snapshot import Snapshot
from pbx import ari_types as ari


def lost(desk: LineDesk) -> None:
    """The connection is lost; the next one is being looked at."""
    desk.dispatcher.away = True
    desk.router.looks_again()


@pytest.mark.parametrize("came", ["citizen", "unclaimed"])
def test_a_claimed_citizen_who_enters_after_the_look_is_not_ended(came: str) -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), Claimed("c1", True), now=100.0)
    lost(desk)
    knew = frozenset(desk.router.calls)
    desk.handle(ari.StasisStart([came, ""], a_channel()), now=101.0)
    desk.restore_calls(calls=knew, now=101.5)  # an answer of before, without the channel
    call = desk.router.calls["c1"]
    assert call.record.ended_at is None
    assert call.stage in (Stage.MENU, Stage.QUEUED, Stage.RINGING)
    assert "c1" not in desk.switch.told("hang_up")


def test_who_returns_from_the_fallback_after_the_look_waits_with_us() -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    desk.press("2")
    desk.elsewhere.add("c1")
    desk.handle(ari.StasisEnd(a_channel()), now=110.0)
    assert desk.router.fallback.calls == {"c1": call}
    desk.router.calls.update(desk.router.fallback.calls)  # as when the connection comes back
    desk.router.fallback.calls.clear()
    lost(desk)
    knew = frozenset(desk.router.calls)
    desk.handle(ari.StasisStart(["returned"], a_channel()), now=111.0)
    desk.restore_calls(calls=knew, elsewhere=("c1",), served=frozenset(("c1",)), now=111.5)
    assert (call.stage, desk.router.fallback.calls) == (Stage.QUEUED, {})
    assert call in desk.dispatcher.queue


def test_a_citizen_who_came_and_went_after_the_look_has_ended() -> None:
    desk = LineDesk()
    lost(desk)
    desk.handle(ari.StasisStart(["citizen", ""], a_channel()), now=101.0)
    desk.handle(ari.StasisEnd(a_channel()), now=101.2)
    desk.restore_calls(a_leg(), calls=frozenset(), now=101.5)
    assert (desk.router.calls, desk.journal.only().ended_at) == ({}, 101.2)


def test_a_phone_in_a_dialogue_goes_on_after_a_gap() -> None:
    desk = LineDesk(operators=0)
    desk.handle(ari.StasisStart(["code", "101", "*11"], a_channel("code")))
    lost(desk)
    desk.restore_calls(a_leg("code", citizen=False))
    assert "code" not in desk.switch.told("hang_up")
    assert "code" in desk.codes.channels()


def test_music_whose_order_was_lost_is_asked_for_again_and_only_that() -> None:
    desk = LineDesk(operators=0)
    for channel in ("c1", "c2"):
        desk.citizen(channel)
        desk.press("2", channel)
    asked = len(desk.switch.all("music"))
    lost(desk)
    desk.handle(MusicLost("c2"))
    desk.restore_calls(a_leg("c1"), a_leg("c2"))
    assert [did.to for did in desk.switch.all("music")[asked:]] == ["c2"]


def test_a_claimed_call_that_comes_late_has_one_record() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), Claimed("c1", True), now=100.0)
    desk.elsewhere.add("c1")  # it lives in the dialplan still
    for _ in range(3):
        desk.timers.fire(desk.timers.next() or 0.0)
    desk.handle(ari.StasisStart(["citizen", ""], a_channel()), now=100.0 + 4 * HANDOVER_S)
    assert desk.journal.only().asterisk_id == "c1"
    assert desk.journal.only().ended_at is None


def test_the_recheck_serves_a_citizen_whom_nobody_knows() -> None:
    desk = LineDesk(operators=0)
    known = desk.citizen("c1")
    live = Snapshot({one: a_leg(one, age_s=2.0) for one in ("c1", "c2")}, {})
    recheck.look(desk.router, recheck.known(desk.router, {}), live, 103.0)
    assert set(desk.router.calls) == {"c1", "c2"}
    assert (known.stage, desk.router.calls["c2"].stage) == (Stage.MENU, Stage.QUEUED)


NUMBER = "081234567890"
DIRECTORY = Directory(
    agencies=Register([an_agency(voice="0341366444", fallback="0341366555")]), carrier=True
)


def after_a_call(*, answered: bool, operators: int = 1) -> LineDesk:
    """A citizen has talked, or has hung up while a phone rang."""
    desk = LineDesk(operators, wrap_up_s=0.0)
    desk.dispatcher.transfers.directory = DIRECTORY
    call = desk.citizen(number=NUMBER)
    desk.press("2")
    leg, cause = call.leg or "", 16 if answered else 26
    if answered:
        desk.handle(ari.StasisStart(["operator"], a_channel(leg)), now=110.0)
        desk.handle(Connected(call.bridge or ""), now=110.0)
    desk.handle(ari.StasisEnd(a_channel("c1")), now=150.0)
    desk.handle(ari.ChannelDestroyed(a_channel(leg), cause), now=150.0)
    return desk


def asks_for_verification(desk: LineDesk) -> None:
    """The operator dials *18, and hears what comes of it."""
    desk.handle(ari.StasisStart(["code", "101", "*18"], a_channel("p1")), now=160.0)
    desk.handle(ari.StasisEnd(a_channel("p1")), now=160.0)
    desk.phone().device = Device.FREE


def looked_at(desk: LineDesk) -> tuple[LineDesk, frozenset[str]]:
    """The engine dies, the next one looks at Asterisk; returns the phones that it knew by then."""
    after = desk.next_engine(163.0)
    after.dispatcher.transfers.directory = DIRECTORY
    lost(after)
    return after, after.router.channels_of_phones()


def talks_when_rung(after: LineDesk, citizen: str, channel: str) -> None:
    """The citizen answers, and is put together with the operator at once."""
    assert after.operator().state is State.CALLING
    after.handle(ari.StasisStart(["operator"], a_channel(citizen)), now=166.0)
    assert after.switch.told("hang_up") == []
    assert after.switch.last("connect").more == (citizen, channel)
    (work,) = after.router.offers.open.values()
    assert work.item.state == "talking"


@pytest.mark.parametrize("kind", ["callback", "verification"])
def test_a_citizen_rung_for_an_operator_who_answered_after_the_look_is_not_cut_off(
    kind: str,
) -> None:
    desk = after_a_call(answered=kind == "verification")
    if kind == "verification":
        asks_for_verification(desk)
    desk.timers.fire(162.0)
    (work,) = desk.router.offers.open.values()
    rings = desk.switch.last("ring").to
    assert (work.item.kind, work.item.state, work.item.channel) == (kind, "offered", rings)

    after, phones = looked_at(desk)
    after.handle(ari.StasisStart(["operator"], a_channel(rings)), now=163.2)
    citizen = after.switch.last("ring").to
    after.restore_calls(a_leg(rings, citizen=False, up=False), phones=phones, now=163.4)
    talks_when_rung(after, citizen, rings)


def test_a_citizen_rung_for_an_operator_who_dialled_after_the_look_is_not_cut_off() -> None:
    after, phones = looked_at(after_a_call(answered=False))
    after.handle(ari.StasisStart(["code", "101", "*16"], a_channel("own")), now=163.2)
    citizen = after.switch.last("ring").to
    after.restore_calls(phones=phones, now=163.4)
    talks_when_rung(after, citizen, "own")


def test_a_phone_that_rings_since_the_look_has_missed_nothing() -> None:
    desk = after_a_call(answered=True)
    asks_for_verification(desk)
    after, phones = looked_at(desk)
    after.timers.fire(163.2)
    rings = after.switch.last("ring").to
    after.restore_calls(phones=phones, now=163.4)
    assert (after.operator().state, after.operator().misses) == (State.OFFERED, 0)
    after.handle(ari.StasisStart(["operator"], a_channel(rings)), now=165.0)
    talks_when_rung(after, after.switch.last("ring").to, rings)


def test_an_agency_whose_second_number_rings_since_the_look_is_connected() -> None:
    desk = LineDesk()
    desk.dispatcher.transfers.directory = DIRECTORY
    talk = desk.citizen_talks()
    leg, bridge = talk.leg or "", talk.bridge or ""
    desk.handle(ari.StasisStart(["number", "101", "110"], a_channel("own")), now=160.0)
    first = desk.switch.last("ring").to

    after, phones = looked_at(desk)
    after.handle(ari.ChannelDestroyed(a_channel(first), 17), now=163.2)
    second = after.switch.last("ring").to
    assert second != first
    after.restore_calls(
        *(a_leg("c1"), a_leg(leg, citizen=False), a_leg("own", citizen=False)),
        a_leg(first, citizen=False, up=False),
        bridges={bridge: ["c1", leg]},
        phones=phones,
        now=163.4,
    )
    after.handle(ari.StasisStart(["operator"], a_channel(second)), now=166.0)
    assert after.switch.told("hang_up") == []
    assert after.switch.last("pair").more == ("own", second)


def test_a_colleague_who_went_before_the_look_is_waited_for_no_more() -> None:
    desk = LineDesk(operators=2)
    desk.handle(ari.StasisStart(["number", "101", "1002"], a_channel("own")), now=160.0)
    after, phones = looked_at(desk)
    after.restore_calls(a_leg("own", citizen=False), phones=phones, now=163.4)
    assert after.switch.playing()[1] == "transfer_failed"
    assert after.operator("1002").state is State.IDLE


def test_a_citizen_who_is_rung_by_the_next_asterisk_is_not_lost_with_the_one_before() -> None:
    after, phones = looked_at(after_a_call(answered=False))
    after.handle(ari.StasisStart(["code", "101", "*16"], a_channel("own")), now=163.2)
    citizen = after.switch.last("ring").to
    after.restore_calls(phones=phones, lost_at=161.0, now=163.4)
    talks_when_rung(after, citizen, "own")


def test_a_phone_that_is_rung_by_the_next_asterisk_is_not_lost_with_the_one_before() -> None:
    desk = after_a_call(answered=True)
    asks_for_verification(desk)
    after, phones = looked_at(desk)
    after.timers.fire(163.2)
    rings = after.switch.last("ring").to
    after.restore_calls(phones=phones, lost_at=161.0, now=163.4)
    after.handle(ari.StasisStart(["operator"], a_channel(rings)), now=163.6)
    talks_when_rung(after, after.switch.last("ring").to, rings)


def test_a_verification_rung_by_the_next_asterisk_is_not_lost_with_the_one_before() -> None:
    desk = after_a_call(answered=True)
    asks_for_verification(desk)
    after, phones = looked_at(desk)
    after.timers.fire(163.2)
    rings = after.switch.last("ring").to
    after.handle(ari.StasisStart(["operator"], a_channel(rings)), now=163.3)
    citizen = after.switch.last("ring").to
    after.restore_calls(phones=phones, lost_at=161.0, now=163.4)
    talks_when_rung(after, citizen, rings)


def rung_in_vain(desk: LineDesk, now: float) -> None:
    """The phone is rung for the next citizen and does not ring at all: Asterisk says no more."""
    rings = desk.switch.last("ring").to
    assert desk.phone().device is Device.IN_USE
    desk.handle(ari.ChannelDestroyed(a_channel(rings), 19), now=now)


def test_a_phone_whose_callback_is_wanted_no_more_and_has_ended_is_not_in_use_for_ever() -> None:
    desk = after_a_call(answered=False)
    desk.timers.fire(162.0)
    (work,) = desk.router.offers.open.values()
    assert (work.item.state, work.item.phone) == ("offered", "101")

    after = desk.next_engine(163.0)
    lost(after)
    known = frozenset(after.dispatcher.operator_legs.occupying())
    # the phone has declined while no engine lived, and the citizen is with the fallback by now
    callers = frozenset((NUMBER,))
    after.restore_calls(occupying=known, callers=callers, phones=known, now=163.4)
    assert after.dispatcher.operator_legs.occupying() == set()
    assert (after.phone().device, after.operator().state) == (Device.FREE, State.IDLE)
    after.citizen("c2", now=170.0)
    after.press("2", "c2", now=171.0)
    rung_in_vain(after, now=171.1)
    assert after.phone().device is Device.FREE


def test_a_phone_whose_leg_was_dropped_and_ended_in_a_gap_is_not_in_use_for_ever() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    leg = call.leg or ""
    desk.handle(ari.StasisEnd(a_channel("c1")), now=150.0)
    assert leg in desk.switch.told("hang_up")
    lost(desk)  # and with the connection Asterisk's word that the leg is gone
    known = frozenset(desk.dispatcher.operator_legs.occupying())
    assert known == {leg}
    desk.restore_calls(occupying=known, now=151.0)
    assert desk.dispatcher.operator_legs.occupying() == set()
    assert desk.phone().device is Device.FREE


def test_a_phone_whose_leg_still_lives_stays_in_use() -> None:
    desk = LineDesk()
    leg = desk.citizen_talks().leg or ""
    desk.handle(ari.StasisEnd(a_channel("c1")), now=150.0)
    lost(desk)
    known = frozenset((leg,))
    desk.restore_calls(a_leg(leg, citizen=False), occupying=known, now=151.0)
    assert desk.dispatcher.operator_legs.occupying() == {leg}
    assert desk.phone().device is Device.IN_USE
