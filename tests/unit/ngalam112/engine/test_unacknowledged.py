"""Who neither acknowledges the answer nor is heard is hung up after 4 s; nobody else is."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from factories import LineDesk, a_channel
from fakes import FakeJournal

from acd.calls.states import Stage
from acd.work_items.callbacks import NO_ACK
from ngalam112.engine.refusal_counts import RefusalCounts
from ngalam112.engine.unacknowledged import (
    APART_S,
    ASK_AFTER_S,
    END_AFTER_S,
    MOST_ASKED,
    UnacknowledgedCalls,
)
from pbx import ari_types as ari
from pbx.ari_reply import LOST, Reply
from pbx.hep import Copy


class Watch:
    """A line with one citizen, answered at 100.0, and what has been heard of the citizen's SIP."""

    def __init__(self, *, copied: bool = True) -> None:
        self.desk, self.now = LineDesk(operators=1), 100.0
        self.copies = RefusalCounts(["112"], [], FakeJournal(), lambda: self.now)
        self.asked: list[Callable[[Reply], None]] = []
        self.watch = UnacknowledgedCalls(
            self.desk.router,
            self.copies,
            lambda channel, then: self.asked.append(then),
            lambda act: act(self.now),
        )
        if copied:
            self.heard(b"INVITE sip:112@h SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n")
        channel = msgspec.structs.replace(a_channel(), protocol_id="sip-1")
        self.desk.handle(ari.StasisStart(["citizen"], channel), now=100.0)
        self.call = self.desk.router.calls["c1"]

    def heard(self, packet: bytes, call_id: str = "sip-1") -> None:
        self.copies.heard(Copy("192.0.2.1", call_id, packet))

    def another_is_acknowledged(self, after_s: float) -> None:
        """Another call of the same address gets its answer, so that the network is well."""
        self.now = 100.0 + after_s
        self.heard(b"INVITE sip:112@h SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", "sip-2")
        self.heard(b"ACK sip:112@h SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n", "sip-2")

    def unheard(self) -> None:
        """By all that is known a forger: nothing is heard, while others are."""
        self.another_is_acknowledged(ASK_AFTER_S)
        assert self.looks(ASK_AFTER_S) == 1
        self.says("0")

    def looks(self, after_s: float = END_AFTER_S) -> int:
        """Look so long after the answer; return how many questions that made."""
        self.now, before = 100.0 + after_s, len(self.asked)
        self.watch.look(self.now)
        return len(self.asked) - before

    def says(self, packets: str) -> None:
        self.asked[-1](Reply(200, body=f'{{"value": "{packets}"}}'))


def test_who_neither_acknowledges_nor_is_heard_is_hung_up_four_seconds_after_the_answer() -> None:
    watch = Watch()
    watch.unheard()
    assert watch.looks(END_AFTER_S - 0.1) == 0
    assert watch.looks() == 1
    watch.says("0")
    assert watch.desk.switch.told("hang_up") == ["c1"]
    record = watch.call.record
    assert (record.ended_by, record.outcome, record.ended_at) == (NO_ACK, "lost_menu", 104.0)
    kept = watch.desk.journal.facts[f"call:{watch.call.id}"]
    assert kept["hang_up"] == "c1", "for the next engine"
    assert watch.looks(5.0) == 0
    watch.desk.handle(ari.StasisEnd(a_channel()), now=104.1)
    assert not watch.desk.router.calls and watch.watch.ended == 1


def test_where_nobody_at_that_address_is_heard_the_network_may_have_failed() -> None:
    watch = Watch()
    assert watch.looks() == 0 and watch.looks(30.0) == 0
    watch = Watch()
    watch.another_is_acknowledged(ASK_AFTER_S - 0.1)
    assert watch.looks() == 0, "it was well before, and nobody knows whether it is now"


def test_an_asterisk_that_stood_still_is_asked_again_before_anybody_is_ended() -> None:
    watch = Watch()
    watch.another_is_acknowledged(ASK_AFTER_S)
    assert watch.looks(ASK_AFTER_S) == 1
    assert watch.looks(10.0) == 0, "one question at a time"
    watch.says("0")
    assert watch.call.stage is Stage.MENU and watch.looks(11.0) == 0
    assert watch.looks(10.0 + APART_S) == 1
    watch.says("0")
    assert watch.call.stage is Stage.ENDED


def test_few_questions_are_open_at_a_time() -> None:
    watch = Watch()
    for number in range(2 * MOST_ASKED):
        name = f"many-{number}"
        watch.heard(b"INVITE sip:112@h SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", name)
        channel = msgspec.structs.replace(a_channel(f"x{number}"), protocol_id=name)
        watch.desk.handle(ari.StasisStart(["citizen"], channel), now=100.0)
    watch.another_is_acknowledged(ASK_AFTER_S)
    assert watch.looks() == MOST_ASKED and watch.looks(5.0) == 0
    watch.says("0")
    assert watch.looks(5.5) == 1


def test_who_is_heard_stays_and_may_have_an_operator() -> None:
    watch = Watch()
    watch.another_is_acknowledged(ASK_AFTER_S)
    watch.looks()
    watch.says("7")
    assert watch.call.stage is Stage.MENU
    assert not watch.copies.unacknowledged("sip-1") and watch.looks(6.0) == 0


@pytest.mark.parametrize("reply", [LOST, Reply(404), Reply(200, body="{}"), Reply(500)])
def test_whom_asterisk_says_nothing_of_stays(reply: Reply) -> None:
    watch = Watch()
    watch.unheard()
    watch.looks()
    watch.asked[-1](reply)
    assert watch.call.stage is Stage.MENU


def test_an_ack_that_comes_while_asterisk_is_asked_counts() -> None:
    watch = Watch()
    watch.unheard()
    watch.looks()
    watch.heard(b"ACK sip:112@h SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n")
    watch.says("0")
    assert watch.call.stage is Stage.MENU


def test_whose_copies_were_not_heard_or_not_all_is_not_ended() -> None:
    deaf = Watch(copied=False)
    deaf.another_is_acknowledged(ASK_AFTER_S)
    assert deaf.looks() == 0
    watch = Watch()
    watch.another_is_acknowledged(ASK_AFTER_S)
    watch.copies.deaf()
    assert watch.looks() == 0


def test_who_has_gone_or_has_an_operator_meanwhile_is_left_alone() -> None:
    watch = Watch()
    watch.unheard()
    watch.looks()
    watch.desk.press("2", now=104.0)
    assert watch.call.stage is Stage.RINGING
    watch.says("0")
    assert watch.call.stage is Stage.RINGING
    gone = Watch()
    gone.unheard()
    gone.looks()
    gone.desk.handle(ari.StasisEnd(a_channel()), now=104.0)
    gone.desk.timers.fire(104.0)
    gone.says("0")
    assert gone.desk.switch.told("hang_up") == []
