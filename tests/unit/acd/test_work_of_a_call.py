"""Guards the work for a call by counting it, for a time says little on a busy machine.

Work is counted as calls of functions, Python's own and those written in C. Where a number here is
passed on purpose, raise it, and say in docs/performance.md what the citizens get for it.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import LineDesk, a_channel
from fakes import FakeJournal

from acd.calls.checkpoint import CallCheckpoint
from acd.calls.record import CallEvent, CallRecord, EventKind
from acd.operators.roster import Roster
from acd.rules.load_shedding import Limits
from incidents.numbers import Numbers
from ngalam112.engine.ari_switch import Connected
from ngalam112.engine.claims import Claimed
from pbx import ari_types as ari

MOST_CALLS_OF_FUNCTIONS = 760
"""For one complete call with one operator; 750 when this was written (Python 3.11)."""

MOST_THAT_FOLLOWS = 200
"""For the incident of an answered call, and for callbacks that its caller may be owed; 198 when
this was written, half of it libphonenumber's."""

ENTRIES, FACTS = 12, 10
"""What one complete call writes into the local journal: rows for the database, and facts. One of
each is its incident's: that it is opened, and its number; two tell that its operator is offered it
and talks."""


_NO = 9999
NO_LIMITS = Limits(
    capacity_cps=_NO, capacity_channels=_NO, most_cps=_NO, most_channels=_NO, most_music=_NO
)


class QuietJournal:
    """acd.calls.journal.Journal that only counts; `told`: whom it tells of answers and ends."""

    def __init__(self, told: FakeJournal | None) -> None:
        self.entries = self.facts = 0
        self.told = told or FakeJournal()

    def keep(self, key: str, value: CallCheckpoint | None) -> None:
        self.facts += 1

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        self.entries += 1
        if event.kind is EventKind.ANSWERED:
            self.told.on_answered(record, event.at)
        elif event.kind is EventKind.ENDED:
            self.told.on_ended(record, event.at, False)

    def operator_event(self, *about: Any) -> None:
        self.entries += 1

    def operator_state(self, row: dict[str, Any], *changes: tuple[str, dict[str, Any]]) -> None:
        self.entries += 1

    def row(self, table: str, values: dict[str, Any]) -> None:
        self.entries += 1

    def rows_together(self, *rows: tuple[str, dict[str, Any]]) -> None:
        self.entries += 1

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()


def a_line(
    operators: int, limits: Limits = NO_LIMITS, *, follows: bool = False
) -> tuple[LineDesk, QuietJournal]:
    """`follows`: what follows from an answer and an end is done, such as opening an incident."""
    desk = LineDesk(operators, wrap_up_s=0.0, limits=limits)
    journal = QuietJournal(desk.journal if follows else None)
    desk.journal = journal  # type: ignore[assignment]
    roster = desk.roster
    for owner in (desk.router.live, desk.router.claims, roster, roster.changes, desk.incidents):
        name = "journal" if isinstance(owner, Roster) else "_journal"
        assert hasattr(owner, name)
        setattr(owner, name, journal)
    desk.incidents.numbers = Numbers(journal.keep, ZoneInfo("Asia/Jakarta"))
    return desk, journal


def counted(act: Callable[[], None]) -> Counter[str]:
    """Which functions are called how often in `act`."""
    found: Counter[str] = Counter()

    def look(frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            found[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            found[function.__qualname__] += 1

    before = sys.getprofile()
    gc.disable()  # Hypothesis measures collections by functions, which are no work of ours
    sys.setprofile(look)
    try:
        act()
    finally:
        sys.setprofile(before)
        gc.enable()
    return found


def arrive(desk: LineDesk, channel: str, now: float) -> None:
    """A citizen dials and presses 2."""
    desk.handle(ari.CallBroadcast(a_channel(channel, number=channel)), now=now)
    desk.handle(Claimed(channel, True), now=now)
    desk.citizen(channel, now, number=channel)
    desk.press("2", channel, now + 1)


def be_served(desk: LineDesk, now: float) -> None:
    """The phone that was rung last is answered, the two talk, the operator hangs up."""
    leg = desk.switch.last("ring").to
    citizen = desk.dispatcher.operator_legs.legs[leg].call.channel
    desk.handle(ari.ChannelStateChange(ari.Channel(id=leg, state="Ringing")), now=now)
    desk.handle(ari.StasisStart(["operator"], ari.Channel(id=leg, state="Up")), now=now)
    desk.handle(Connected(desk.switch.last("connect").to), now=now)
    now += 3
    desk.handle(ari.ChannelHangupRequest(ari.Channel(id=leg)), now=now)
    desk.handle(ari.StasisEnd(ari.Channel(id=leg)), now=now)
    desk.handle(ari.ChannelDestroyed(ari.Channel(id=leg), 16), now=now)
    desk.handle(ari.ChannelHangupRequest(ari.Channel(id=citizen)), now=now)
    desk.handle(ari.StasisEnd(ari.Channel(id=citizen)), now=now)


def a_complete_call(desk: LineDesk, channel: str, now: float) -> None:
    arrive(desk, channel, now)
    be_served(desk, now + 1)


def test_a_complete_call_takes_no_more_work_than_it_did() -> None:
    desk, _ = a_line(1)
    a_complete_call(desk, "0811", 100.0)  # what is done once only
    found = counted(lambda: a_complete_call(desk, "0812", 110.0))
    assert found.total() <= MOST_CALLS_OF_FUNCTIONS, (
        f"a call takes {found.total()} calls of functions, {MOST_CALLS_OF_FUNCTIONS} at most are "
        f"allowed; most often: {found.most_common(12)}"
    )


def test_what_follows_from_an_answer_and_an_end_takes_no_more_work_than_it_did() -> None:
    totals = []
    for follows in (False, True, False, True):  # at first libphonenumber compiles its patterns
        desk, _ = a_line(1, follows=follows)
        a_complete_call(desk, "0811", 100.0)
        totals.append(counted(lambda desk=desk: a_complete_call(desk, "0812", 110.0)))  # type: ignore[misc]
    more = totals[3] - totals[2]
    assert more.total() <= MOST_THAT_FOLLOWS, f"{more.total()}: {more.most_common(40)}"


def test_a_complete_call_writes_no_more_than_it_did() -> None:
    desk, journal = a_line(1, follows=True)
    a_complete_call(desk, "0811", 100.0)
    before = journal.entries, journal.facts
    a_complete_call(desk, "0812", 110.0)
    written = journal.entries - before[0], journal.facts - before[1]
    assert written == (ENTRIES, FACTS), "entries and facts of one call, and how many it is to have"


def work_with(waiting: int, most_music: int) -> Counter[str]:
    """The work for one call that joins the queue, and for one that is served out of it."""
    desk, _ = a_line(1, replace(NO_LIMITS, most_music=most_music))
    arrive(desk, "0810", 90.0)
    for index in range(waiting):
        arrive(desk, f"0811{index}", 100.0 + index / 1000)
    arrive(desk, "0812", 104.0)  # what is put off to the first event after a rush

    def act() -> None:
        arrive(desk, "0813", 105.0)
        be_served(desk, 106.0)

    return counted(act)


@pytest.mark.parametrize("most_music", [0, 9999])
@pytest.mark.parametrize("waiting", [100, 2000])
def test_a_long_queue_makes_no_event_dearer(waiting: int, most_music: int) -> None:
    few, many = work_with(10, most_music), work_with(waiting, most_music)
    # a heap is a little deeper, seen where its comparisons are
    assert many.total() <= few.total() + 5, (
        f"with {waiting} waiting a call takes {many.total()} calls of functions, with 10 "
        f"{few.total()}; what is more: {(many - few).most_common(12)}"
    )
