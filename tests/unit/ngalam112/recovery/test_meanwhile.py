"""Who comes to us between the look at Asterisk and the restore is served, and not ended."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg

from acd.calls.states import Stage
from ngalam112.engine.ari_switch import MusicLost
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
