"""Whose a channel or a playback is, and that nothing stays behind."""

from __future__ import annotations

from factories import LineDesk, a_channel

from acd.calls.owners import Owner, Owners, Playbacks
from pbx.ari_types import ChannelDestroyed, StasisStart


def test_a_channel_has_the_owner_that_had_it_last_and_else_the_one_of_all_others() -> None:
    owners, first, second = Owners(), Owner(), Owner()
    assert owners.of("c1") is owners.others
    owners.add("c1", first)
    owners.add("c1", second)
    owners.remove("c1", first)  # too late: it has another owner by now
    assert owners.of("c1") is second
    owners.remove("c1", second)
    assert owners.of("c1") is owners.others


def test_the_end_of_a_playback_is_told_once_and_not_if_it_was_cut_off() -> None:
    told: list[tuple[bool, float]] = []
    playbacks = Playbacks()
    playbacks.add("p1", lambda failed, now: told.append((failed, now)))
    playbacks.add("p2", lambda failed, now: told.append((failed, now)))
    playbacks.forget("p2")
    assert playbacks.ended("p1", True, 5.0)
    assert not playbacks.ended("p1", True, 6.0)
    assert not playbacks.ended("p2", True, 7.0)
    assert told == [(True, 5.0)]
    assert len(playbacks) == 0


def test_calls_of_phones_leave_no_owner_behind() -> None:
    desk = LineDesk(2)
    desk.handle(StasisStart(["number", "101", "1002"], a_channel("phone")))
    ringing = desk.switch.last("ring").to
    assert {"phone", ringing} == set(desk.owners._of)
    desk.handle(ChannelDestroyed(a_channel(ringing), 21))
    assert set(desk.owners._of) == {"phone"}, "hears in words that nobody came"
    desk.handle(ChannelDestroyed(a_channel("phone"), 16))
    assert not desk.owners._of
    assert len(desk.dispatcher.playbacks) == 0
