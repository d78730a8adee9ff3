"""Rings agencies and reads incidents out to them: 1 accepts, 2 repeats, 3 is for an operator.

Such a call has no record, for it is no citizen's: the incident's timeline tells of it. What is read
out was made into audio before. When this engine dies, the next one hangs up what it does not know,
and the delivery, which was not told of as ended, is tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import structlog

from acd.calls.ids import new_id
from acd.calls.owners import Owner, Owners
from acd.calls.states import check, moves
from acd.dispatcher import Dispatcher
from acd.legs import NO_ANSWER, NORMAL
from acd.numbers.outbound import Barred
from acd.operator_calls import OperatorCalls
from acd.operators.operator import Operator, available
from acd.timers import Timer
from deliveries.attempt import Attempt, Delivered, Failed, Reason, shown
from incidents.dispatch import to_ring

log = structlog.get_logger("ivr")

MOST_AT_ONCE = 4
MOST_WAITING = 1000
TIMES = 3
"""So often the report is read out to who presses no key."""
MOST_TIMES = 10
"""... and to who presses 2."""
KEY_WAIT_S = 6.0
WORDS_ARE_LOST_S = 30.0
"""So long after the report should have been read out, its end has been lost with a connection."""

REPORTS = "reports"
"""The audio of a report is the prompt `reports/<name>`."""

ACCEPT, REPEAT, OPERATOR = "1", "2", "3"
INTRO, KEYS, ACCEPTED = "agency_intro", "agency_keys", "agency_accepted"
TOO_LATE, NO_OPERATOR, AGAIN_LATER = "agency_too_late", "agency_no_operator", "agency_again_later"
PROMPTS = (INTRO, KEYS, ACCEPTED, TOO_LATE, NO_OPERATOR, AGAIN_LATER)

_REASONS = {
    17: Reason.BUSY,
    18: Reason.NO_ANSWER,
    19: Reason.NO_ANSWER,
    21: Reason.REJECTED,
}  # Q.850


class SpokenReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report that can be heard. `dispatch`, `index`: which delivery; `address`: its address.

    `agency`: an id. `attempts`: how many there were. `prompt`: its audio, as the switch knows it,
    which takes `seconds`. `call_ids`: the incident's calls, the last one last.
    """

    dispatch: str
    index: int
    agency: str
    address: str
    attempts: int
    prompt: str
    seconds: float
    call_ids: tuple[str, ...] = ()


class AgencyStage(StrEnum):
    """How far a call to an agency has come; with the last words it is somebody else's."""

    RINGING = "ringing"
    REPORT = "report"  # hears the introduction and the report
    KEYS = "keys"  # hears which keys there are
    SILENCE = "silence"  # has heard all, and may still press a key


_ON = (AgencyStage.REPORT, AgencyStage.KEYS)
AGENCY_MOVES = moves(
    {
        AgencyStage.RINGING: (AgencyStage.REPORT,),
        AgencyStage.REPORT: _ON,
        AgencyStage.KEYS: (*_ON, AgencyStage.SILENCE),
        AgencyStage.SILENCE: _ON,
    }
)


@dataclass(slots=True, eq=False)
class _AgencyCall:
    """`leg`: the channel. `times`: how often the report was begun. `heard`: once to its end."""

    leg: str
    report: SpokenReport
    rung: str
    timer: Timer
    stage: AgencyStage = AgencyStage.RINGING
    playback: str = ""
    times: int = 0
    heard: bool = False

    def move(self, stage: AgencyStage) -> None:
        check(AGENCY_MOVES, self.stage, stage)
        self.stage = stage


class AgencyCalls(Owner):
    """All of them: at most `most` at once, the others in the order in which they came.

    `say(channel, prompt, now)` says something to a channel that is up, and hangs it up.
    `attempted`, `heard`, `accept`: what `incidents.dispatches` is told; set by who makes both.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        owners: Owners,
        operator_calls: OperatorCalls,
        say: Callable[[str, str, float], None],
        *,
        most: int = MOST_AT_ONCE,
    ) -> None:
        self._dispatcher, self._owners, self._most = dispatcher, owners, most
        self._switch, self._timers = dispatcher.switch, dispatcher.timers
        self._operator_calls, self._say_last = operator_calls, say
        self.attempted: Callable[[str, int, Attempt, float], None] = lambda *_: None
        self.heard: Callable[[str, int, str, float], None] = lambda *_: None
        self.accept: Callable[[str, float], bool] = lambda *_: False
        self._calls: dict[str, _AgencyCall] = {}  # by channel
        self._waiting: deque[SpokenReport] = deque()

    def __len__(self) -> int:
        return len(self._calls)

    def channels(self) -> Collection[str]:
        """The channels of the agencies that are rung or listen."""
        return self._calls.keys()

    # --- ringing --------------------------------------------------------------------------------

    def ring(self, report: SpokenReport, now: float) -> None:
        """Ring an agency, when there is room and it is known what Asterisk holds."""
        if len(self._waiting) >= MOST_WAITING:
            detail = f"{MOST_WAITING} agencies are to be rung before."
            self._tell(report, Failed(Reason.TRY_LATER, retry=True, detail=detail), now)
            return
        self._waiting.append(report)
        self._next(now)

    def stop(self, dispatch: str, now: float) -> None:
        """Ring for this dispatch no more; who listens already hears it to the end."""
        self._waiting = deque(one for one in self._waiting if one.dispatch != dispatch)
        for call in list(self._calls.values()):
            if call.report.dispatch == dispatch and call.stage is AgencyStage.RINGING:
                self._let_go(call)
                self._switch.hang_up(call.leg, NORMAL)
        self._next(now)

    def restored(self, up: Container[str], now: float) -> None:
        """Asterisk has told which channels are up; those that are gone have been told of."""
        for call in list(self._calls.values()):
            if call.stage is AgencyStage.RINGING and call.leg in up:
                self.answered(call.leg, now)
        self._ring_next(now)

    def stop_all(self) -> None:
        """The whole line stops: hang up; the next engine tries again."""
        self._waiting.clear()
        for call in list(self._calls.values()):
            self._let_go(call)
            self._switch.hang_up(call.leg, NORMAL)

    def _next(self, now: float) -> None:
        # before it is known what Asterisk holds, a channel of ours would be nobody's
        if not self._dispatcher.away:
            self._ring_next(now)

    def _ring_next(self, now: float) -> None:
        while self._waiting and len(self._calls) < self._most:
            self._ring(self._waiting.popleft(), now)

    def _ring(self, report: SpokenReport, now: float) -> None:
        address = self._to_dial(report, now)
        if isinstance(address, Failed):
            self._tell(report, address, now)
            return
        leg, rules = new_id(now), self._dispatcher.rules
        timer = self._timers.at(now + rules.agency_ring_s, lambda at: self._rang_out(leg, at))
        self._calls[leg] = _AgencyCall(leg, report, address, timer)
        self._owners.add(leg, self)
        log.info("agency_rung", dispatch=report.dispatch, agency=report.agency, to=address)
        self._switch.ring(leg, address, (rules.number, rules.number), leg)

    def _to_dial(self, report: SpokenReport, now: float) -> str | Failed:
        directory = self._operator_calls.directory
        agency = directory.agencies.by_id.get(report.agency)
        found = to_ring(report.address, report.attempts, agency, directory, now)
        if found is None:
            detail = "No carrier is set (NGALAM112_CARRIER), so this number cannot be dialled."
            return Failed(Reason.NOT_SENDABLE, retry=False, detail=detail)
        if not found.startswith("tel:"):
            return found
        number = self._dispatcher.rules.dial_string(found.removeprefix("tel:"))
        if isinstance(number, Barred):
            detail = shown(f"{found.removeprefix('tel:')} may not be dialled: {number.words}.")
            return Failed(Reason.NOT_SENDABLE, retry=False, detail=detail)
        return f"tel:{number}"

    def _rang_out(self, leg: str, now: float) -> None:
        call = self._calls.get(leg)
        if call is not None and call.stage is AgencyStage.RINGING:
            self._switch.hang_up(leg, NO_ANSWER)
            self._over(call, self._in_vain(call, NO_ANSWER), now)

    # --- what happens ---------------------------------------------------------------------------

    def answered(self, channel: str, now: float) -> None:
        """Somebody is there: read the incident out."""
        call = self._calls.get(channel)
        if call is not None and call.stage is AgencyStage.RINGING:
            self._read_out(call, now)

    def digit(self, channel: str, digit: str, now: float) -> None:
        """A key of the agency's, at any time from the answer on."""
        call = self._calls.get(channel)
        if call is None or call.stage is AgencyStage.RINGING:
            return
        match digit:
            case _ if digit == ACCEPT:
                self._accepted(call, now)
            case _ if digit == REPEAT and call.times < MOST_TIMES:
                self._read_out(call, now)
            case _ if digit == OPERATOR:
                self._to_operator(call, now)

    def ring_failed(self, channel: str, now: float) -> None:
        """The agency cannot be rung at all."""
        call = self._calls.get(channel)
        if call is not None:
            self._over(call, Failed(Reason.UNREACHABLE, retry=True, detail=call.rung), now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The agency has hung up, or does not want the call."""
        call = self._calls.get(channel)
        if call is not None:
            self._over(call, self._hung_up(call, cause), now)

    def _hung_up(self, call: _AgencyCall, cause: int) -> Attempt:
        if call.stage is AgencyStage.RINGING:
            return self._in_vain(call, cause)
        if call.heard:
            return Delivered("answered, heard")
        return Failed(Reason.HUNG_UP, retry=True, detail="answered, not heard to the end")

    def _in_vain(self, call: _AgencyCall, cause: int) -> Failed:
        reason = _REASONS.get(cause, Reason.UNREACHABLE)
        detail = shown(f"{call.rung.removeprefix('tel:')}, Q.850 cause {cause}")
        return Failed(reason, retry=True, detail=detail)

    # --- what is heard --------------------------------------------------------------------------

    def _read_out(self, call: _AgencyCall, now: float) -> None:
        intro = [INTRO] if call.stage is AgencyStage.RINGING else []
        call.move(AgencyStage.REPORT)
        call.times += 1
        self._say(call, now, *intro, call.report.prompt)

    def _say(self, call: _AgencyCall, now: float, *prompts: str) -> None:
        self._hush(call)
        call.playback = new_id(now)
        until = now + call.report.seconds + WORDS_ARE_LOST_S
        call.timer = self._timers.at(until, lambda at: self._said(call, False, at))
        self._dispatcher.playbacks.add(
            call.playback, lambda failed, at: self._said(call, failed, at)
        )
        self._switch.say(call.leg, call.playback, *prompts)

    def _hush(self, call: _AgencyCall) -> None:
        call.timer.cancel()
        if call.playback:
            self._dispatcher.playbacks.forget(call.playback)
            self._switch.stop(call.playback)
            call.playback = ""

    def _said(self, call: _AgencyCall, failed: bool, now: float) -> None:
        """What was said is over, cut off by the agency's end, or could not be said."""
        if self._calls.get(call.leg) is not call:
            return
        self._dispatcher.playbacks.forget(call.playback)
        call.playback = ""
        call.timer.cancel()
        if failed:
            self._switch.hang_up(call.leg, NORMAL)
            self._over(call, self._hung_up(call, NORMAL), now)
        elif call.stage is AgencyStage.REPORT:
            if not call.heard:
                call.heard = True
                self.heard(call.report.dispatch, call.report.index, "answered, heard", now)
            call.move(AgencyStage.KEYS)
            self._say(call, now, KEYS)
        else:
            call.move(AgencyStage.SILENCE)
            call.timer = self._timers.at(now + KEY_WAIT_S, lambda at: self._no_key(call, at))

    def _no_key(self, call: _AgencyCall, now: float) -> None:
        if self._calls.get(call.leg) is not call:
            return
        if call.times < TIMES:
            self._read_out(call, now)
            return
        self._switch.hang_up(call.leg, NORMAL)
        self._over(call, Failed(Reason.NOT_ACCEPTED, retry=True, detail="heard, no key"), now)

    # --- what keys do ---------------------------------------------------------------------------

    def _accepted(self, call: _AgencyCall, now: float) -> None:
        report = call.report
        self._let_go(call)
        # first that it has arrived: who has accepted is not rung any more
        self._tell(report, Delivered("answered, accepted"), now)
        is_new = self.accept(report.dispatch, now)
        self._say_last(call.leg, ACCEPTED if is_new else TOO_LATE, now)
        self._next(now)

    def _to_operator(self, call: _AgencyCall, now: float) -> None:
        operator = self._operator_for(call.report, now)
        if operator is None:
            if call.stage is not AgencyStage.KEYS:
                call.move(AgencyStage.KEYS)
            self._say(call, now, NO_OPERATOR, KEYS)
            return
        agency = self._operator_calls.directory.agencies.by_id.get(call.report.agency)
        name = call.report.agency if agency is None else agency.name
        number = call.rung.removeprefix("tel:")
        report = call.report

        def told(talks: bool, at: float) -> None:
            detail = f"operator {operator.id} has not answered"
            failed = Failed(Reason.NOT_ACCEPTED, retry=True, detail=detail)
            talked = Delivered(f"answered, talked with operator {operator.id}")
            self._tell(report, talked if talks else failed, at)

        self._let_go(call)
        self._operator_calls.ring_operator(
            call.leg, call.rung, operator, (name, number), now, in_vain=AGAIN_LATER, told=told
        )
        self._next(now)

    def _operator_for(self, report: SpokenReport, now: float) -> Operator | None:
        """Who had the incident's last call, if free; else whoever is free for the longest."""
        roster = self._dispatcher.roster
        free = [one for one in roster.operators.values() if available(one, roster.phones, now)]
        last = self._dispatcher.operator_legs.last_calls
        had = {
            call.id: operator for operator, call in last.items() if call.id in report.call_ids[-1:]
        }
        found = [one for one in free if one.id in had.values()] or free
        return min(found, key=lambda one: (one.idle_since, one.id), default=None)

    # --- taking apart ---------------------------------------------------------------------------

    def _over(self, call: _AgencyCall, attempt: Attempt, now: float) -> None:
        self._let_go(call)
        self._tell(call.report, attempt, now)
        self._next(now)

    def _let_go(self, call: _AgencyCall) -> None:
        self._hush(call)
        del self._calls[call.leg]
        self._owners.remove(call.leg, self)

    def _tell(self, report: SpokenReport, attempt: Attempt, now: float) -> None:
        log.info("agency_call_over", dispatch=report.dispatch, attempt=attempt)
        self.attempted(report.dispatch, report.index, attempt, now)
