"""Test calls: a machine answers who tries the line, and tells what the line saw of the call.

A carrier or the city dials the number for it, or 112 with the header that says so (the dialplan
decides). Nobody is rung. The caller hears the own number digit by digit, whether a place came with
the call, and the codec; then the own voice for some seconds; then the machine hangs up. A test
call is in no queue and in no figure, but has a record of its own (outcome `test`). It is refused
with 503 while as many go on as may, or while the line has more to do than it can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.owners import Owner, Owners
from acd.calls.record import CallRecord, EventKind
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.languages import OWN_LANGUAGE
from acd.legs import NORMAL
from acd.rules.load_shedding import Level
from acd.timers import Timer

log = structlog.get_logger("ivr")

LONGEST_TEST_S = 45.0
"""The words are over by then; the echo comes beside. Then the call ends, whatever has failed."""

NO_ROOM = 34  # Q.850, "no circuit available": Asterisk says 503 for it
_MOST_DIGITS = 16  # E.164 has 15, and a plus
_CODECS = ("alaw", "ulaw", "g722")

PROMPTS = (
    "test_intro",
    "test_number",
    "test_number_unknown",
    "test_plus",
    "test_place_known",
    "test_place_unknown",
    *(f"test_codec_{name}" for name in (*_CODECS, "other")),
    "test_echo",
    *(f"digit_{digit}" for digit in range(10)),
)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls what number; text that is safe to keep."""

    number: str
    name: str = ""
    called: str = ""


def words(number: str, codec: str, *, has_place: bool) -> list[str]:
    """The prompts that tell what the line saw of a call."""
    said = ["test_plus" if sign == "+" else f"digit_{sign}" for sign in number if _spoken(sign)]
    return [
        "test_intro",
        *(["test_number", *said[:_MOST_DIGITS]] if said else ["test_number_unknown"]),
        "test_place_known" if has_place else "test_place_unknown",
        f"test_codec_{codec if codec in _CODECS else 'other'}",
        "test_echo",
    ]


def _spoken(sign: str) -> bool:
    return sign in "+0123456789"


@dataclass(slots=True, eq=False)
class _LineTest:
    """One test call. `leg`: the line's echo, once it was asked for; `bridge`: where it is heard."""

    call: Call
    deadline: Timer
    playback: str
    leg: str | None = None
    bridge: str | None = None


class LineTests(Owner):
    """All test calls; at most `most` at once, each with `echo_s` seconds of echo.

    `echo`: the address that the switch knows as the line's own echo. `has_place(record)`: whether a
    place came with the call. `taken`, `refused`: since the start.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        owners: Owners,
        journal: Journal,
        *,
        echo: str,
        most: int,
        echo_s: float,
        has_place: Callable[[CallRecord], bool] = lambda _: False,
    ) -> None:
        self._switch, self._timers = dispatcher.switch, dispatcher.timers
        self._load, self._playbacks = dispatcher.load, dispatcher.playbacks
        self._owners, self._journal = owners, journal
        self._echo, self._most, self._echo_s, self._has_place = echo, most, echo_s, has_place
        self._tests: dict[str, _LineTest] = {}  # by the caller's channel
        self._of_leg: dict[str, _LineTest] = {}
        self._earlier: list[CallRecord] = []  # of an engine before this one, without an end
        self.taken = self.refused = 0

    def __len__(self) -> int:
        return len(self._tests)

    def channels(self) -> set[str]:
        """The channels of the callers and of the echoes."""
        return self._tests.keys() | self._of_leg.keys()

    # --- what happens ---------------------------------------------------------------------------

    def entered(self, channel: str, who: Caller, codec: str, now: float) -> None:
        """A test call has come: answer and tell, or refuse."""
        if len(self._tests) >= self._most or self._is_busy(now):
            self.refused += 1
            self._switch.hang_up(channel, NO_ROOM)
            return
        self.taken += 1
        record = CallRecord(call_id=new_id(now), arrived_at=now)
        call = Call(channel=channel, record=record, journal=self._journal)
        call.note(
            EventKind.ARRIVED,
            now,
            asterisk_id=channel,
            caller_number=who.number,
            caller_name=who.name,
            called_number=who.called,
            language=OWN_LANGUAGE,
            test={"codec": codec},
        )
        deadline = self._timers.at(
            now + LONGEST_TEST_S + self._echo_s, lambda at: self._end(test, "line", at)
        )
        test = self._tests[channel] = _LineTest(call, deadline, new_id(now))
        self._owners.add(channel, self)
        self._switch.answer(channel)
        self._playbacks.add(test.playback, lambda failed, at: self._told(test, failed, at))
        prompts = words(who.number, codec, has_place=self._has_place(record))
        self._switch.say(channel, test.playback, *prompts)

    def _is_busy(self, now: float) -> bool:
        """Whether a citizen may need what a test call would take."""
        return self._load.level is not Level.NORMAL or self._load.is_full(now)

    def _told(self, test: _LineTest, failed: bool, now: float) -> None:
        """All was said: let the caller be heard, and hear it."""
        call = test.call
        if call.stage is Stage.ENDED:
            return
        if failed:
            call.note(EventKind.TROUBLE, now, what="the words of a test call could not be played")
        test.leg = new_id(now)
        self._of_leg[test.leg] = test
        self._owners.add(test.leg, self)
        shown = call.record.called_number
        self._switch.ring(test.leg, self._echo, (shown, shown), call.channel)

    def answered(self, channel: str, now: float) -> None:
        """The echo is there: put the two together for some seconds."""
        test = self._of_leg.get(channel)
        if test is None or test.bridge is not None:
            return
        test.bridge = new_id(now)
        self._switch.pair(test.bridge, test.call.channel, channel)
        test.deadline.cancel()
        test.deadline = self._timers.at(now + self._echo_s, lambda at: self._end(test, "line", at))

    def ring_failed(self, channel: str, now: float) -> None:
        """There is no echo: the call ends, and its record says so."""
        test = self._of_leg.get(channel)
        if test is not None:
            test.call.note(EventKind.TROUBLE, now, what="the echo of a test call is not there")
            self._end(test, "line", now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The caller has hung up, or the echo is gone."""
        if (test := self._tests.get(channel)) is not None:
            self._end(test, "caller", now, cause)
        elif (test := self._of_leg.get(channel)) is not None:
            self._end(test, "line", now)

    def stop(self, now: float) -> None:
        """The whole line stops."""
        for test in list(self._tests.values()):
            self._end(test, "line_stopped", now)

    # --- another engine's -------------------------------------------------------------------------

    def remember(self, record: CallRecord) -> None:
        """Know the record of a test call that an engine before this one has begun."""
        self._earlier.append(record)

    def restored(self, now: float) -> None:
        """End what was remembered; restoring the calls hangs up channels that nobody knows."""
        for record in self._earlier:
            call = Call(channel=record.asterisk_id, record=record, journal=self._journal)
            call.note(EventKind.ENDED, now, ended_by="unknown", hangup_cause=None)
        self._earlier.clear()

    # --- taking apart -----------------------------------------------------------------------------

    def _end(self, test: _LineTest, ended_by: str, now: float, cause: int | None = None) -> None:
        call = test.call
        if call.stage is Stage.ENDED:
            return
        test.deadline.cancel()
        self._playbacks.forget(test.playback)
        call.note(EventKind.ENDED, now, ended_by=ended_by, hangup_cause=cause)
        call.move(Stage.ENDED)
        del self._tests[call.channel]
        self._owners.remove(call.channel, self)
        if ended_by != "caller":
            self._switch.hang_up(call.channel, NORMAL)
        if test.leg is not None:
            del self._of_leg[test.leg]
            self._owners.remove(test.leg, self)
            self._switch.hang_up(test.leg, NORMAL)
        if test.bridge is not None:
            self._switch.disconnect(test.bridge)
        log.info("test_call", call_id=call.id, ended_by=ended_by)
