"""What app_queue would have written: the events of calls and operators as lines of a queue_log.

Pure: events in, lines out; docs/queue_log.md has the table. A line is
`epoch|callid|queuename|agent|event|data...`. As in app_queue, waits and talks are differences of
the whole seconds that stand in the lines; only the ringing of RINGNOANSWER and RINGCANCELED is in
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from acd.calls.call import Form
from acd.calls.record import REFUSED, CallEvent, EventKind
from acd.numbers.withheld import Withheld, seen
from acd.operators.operator import Status

NONE = "NONE"
"""What stands where there is no call, no queue or no agent."""

_NEVER_RANG = frozenset({"failed"})  # Asterisk could not even try: no fault of the phone
_CANCELED = frozenset({"answered_elsewhere", "taken_up"})
# what events of earlier versions mean, which do not tell whether the two talked before
_CONSULTS = frozenset({Form.KEYS, Form.REPLACES})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `at` is in seconds since the epoch and is written without its fraction."""

    at: float
    callid: str = NONE
    queue: str = NONE
    agent: str = NONE
    event: str
    data: tuple[str | int, ...] = ("",)  # app_queue, too, writes the bar before no data

    def text(self) -> str:
        """Return the line as it stands in the file, without its end."""
        names = (_field(one) or NONE for one in (self.callid, self.queue, self.agent))
        return "|".join((str(int(self.at)), *names, self.event, *map(_field, self.data)))


class OperatorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator did; the fields are columns of `operator_events`."""

    id: str
    operator: str
    at: float
    kind: str
    phone: str | None = None
    reason: str | None = None


class _Stay(msgspec.Struct, kw_only=True):
    """A call's stay in one queue, from ENTERQUEUE to the line that closes it."""

    queue: str
    position: str | int
    since: float
    agent: str = NONE
    answered_at: float | None = None
    left_at: float | None = None  # its operator has left the others talking
    overflowed: bool = False
    connect: Line | None = None  # the line of the answer
    rang_ms: int = 0  # before the answer

    def times(self, at: float) -> tuple[int, int, str | int]:
        """The hold time, the talk time and the first position, at the end of a talk."""
        answered = at if self.answered_at is None else self.answered_at
        until = at if self.left_at is None else self.left_at
        return _seconds(self.since, answered), _seconds(answered, until), self.position


class _CallLog:
    """Writes the lines of one call while its events pass by."""

    def __init__(self, call_id: str, how: Withheld) -> None:
        self.lines: list[Line] = []
        self._callid, self._how = call_id, how
        self._number: str = ""
        self._at = 0.0
        self._stay: _Stay | None = None
        self._offers: dict[str, tuple[float, str]] = {}  # agent -> since when, in which queue

    def take(self, event: CallEvent) -> None:
        data = event.data
        # who reads the lines counts on their order, whatever was done to a clock
        self._at = max(self._at, event.at)
        agent = _agent(data.get("operator"), data.get("phone"))
        match event.kind:
            case EventKind.ARRIVED:
                self._callid = data.get("asterisk_id") or self._callid
                number, withheld = data.get("caller_number") or "", bool(data.get("withheld"))
                self._number = seen(number, withheld, self._how)
            case EventKind.QUEUED:
                self._queued(data.get("category") or NONE, data.get("position", 1))
            case EventKind.OVERFLOW if self._stay is not None:
                self._stay.overflowed = True
            case EventKind.OFFERED if self._waits():
                self._offers[agent] = (self._at, self._queue())
            case EventKind.OFFER_FAILED:
                self._offer_failed(agent, data.get("reason") or "")
            case EventKind.ANSWERED if self._waits():
                self._answered(agent, bool(data.get("operator")), data.get("leg") or NONE)
            case EventKind.ENDED:
                self._ended(data.get("ended_by") or "", data.get("position"))
            case _:
                self._handed_over(event, agent)

    def _handed_over(self, event: CallEvent, agent: str) -> None:
        stay, data = self._stay, event.data
        if stay is None:
            return
        match event.kind:
            case EventKind.LEFT if stay.agent == agent:
                if data.get("reason") == REFUSED:
                    self._refused()
                else:
                    stay.left_at = self._at
            case EventKind.JOINED if stay.agent == agent:
                stay.left_at = None
            case EventKind.TRANSFERRED if stay.agent == agent:
                attended = data.get("consulted", data.get("form") in _CONSULTS)
                self._transferred(attended, data.get("to") or "", data.get("kind") or "")

    # --- the steps of a call ------------------------------------------------------------------

    def _queued(self, queue: str, position: str | int) -> None:
        self._offers.clear()  # those of an engine that died are over, nobody saw when
        stay = self._stay
        if stay is not None and stay.answered_at is None:
            if stay.queue == queue:
                return  # still the same wait: a new engine has taken it up
            self._exit("EXITWITHTIMEOUT", stay.position)
        elif stay is not None:
            self._transferred(False, queue, "category")
        self._stay = _Stay(queue=queue, position=position, since=self._at)
        self._write("ENTERQUEUE", NONE, "", self._number, position)

    def _offer_failed(self, agent: str, reason: str) -> None:
        since, queue = self._offers.pop(agent, (None, NONE))
        if since is None or reason in _NEVER_RANG:
            return
        event = "RINGCANCELED" if reason in _CANCELED else "RINGNOANSWER"
        self._write(event, agent, round((self._at - since) * 1000), queue=queue)

    def _answered(self, agent: str, member: bool, leg: str) -> None:
        stay = self._stay
        assert stay is not None
        rang, _ = self._offers.pop(agent, (self._at, NONE))
        if stay.overflowed and not member:
            # nobody of the queue was there, so somebody else has answered
            self._exit("EXITEMPTY", stay.position)
            return
        stay.agent, stay.answered_at = agent, self._at
        held = _seconds(stay.since, self._at)
        stay.rang_ms = round((self._at - rang) * 1000)
        stay.connect = self._write("CONNECT", agent, held, leg, int(self._at - rang))

    def _refused(self) -> None:
        """Who answered was gone at once: the answer becomes a ringing that nobody answered."""
        stay = self._stay
        assert stay is not None
        if stay.connect is None:
            return
        self.lines.remove(stay.connect)
        self._write("RINGNOANSWER", stay.agent, stay.rang_ms)
        stay.agent, stay.answered_at, stay.left_at, stay.connect = NONE, None, None, None

    def _transferred(self, attended: bool, to: str, kind: str) -> None:
        stay = self._stay
        assert stay is not None
        form, how = (
            ("ATTENDEDTRANSFER", ("BRIDGE", to)) if attended else ("BLINDTRANSFER", (to, kind))
        )
        self._write(form, stay.agent, *how, *stay.times(self._at))
        self._stay = None

    def _ended(self, ended_by: str, position: str | int | None) -> None:
        stay = self._stay
        if stay is None:
            return
        if stay.answered_at is None:
            for agent, (since, queue) in self._offers.items():
                ringing = round((self._at - since) * 1000)
                self._write("RINGCANCELED", agent, ringing, queue=queue)
            self._exit("ABANDON", stay.position if position is None else position)
        else:
            by_caller = ended_by == "caller" and stay.left_at is None
            event = "COMPLETECALLER" if by_caller else "COMPLETEAGENT"
            self._write(event, stay.agent, *stay.times(self._at))
            self._stay = None

    def _exit(self, event: str, position: str | int) -> None:
        stay = self._stay
        assert stay is not None
        self._write(event, NONE, position, stay.position, _seconds(stay.since, self._at))
        self._stay = None

    # --- small things -------------------------------------------------------------------------

    def _waits(self) -> bool:
        return self._stay is not None and self._stay.answered_at is None

    def _queue(self) -> str:
        return NONE if self._stay is None else self._stay.queue

    def _write(self, event: str, agent: str, *data: str | int, queue: str | None = None) -> Line:
        line = Line(
            at=self._at,
            callid=self._callid,
            queue=self._queue() if queue is None else queue,
            agent=agent,
            event=event,
            data=data,
        )
        self.lines.append(line)
        return line


def call_lines(
    call_id: str, events: Iterable[CallEvent], how: Withheld = Withheld.SHOWN
) -> list[Line]:
    """Return the lines of one call, from its events in the order of `seq`.

    `how`: what people see of a number that is withheld.
    """
    log = _CallLog(call_id, how)
    for event in events:
        log.take(event)
    return log.lines


def operator_lines(
    event: OperatorEvent, before: Status, queues: Sequence[str]
) -> tuple[Status, list[Line]]:
    """Return an operator's status after the event, and the event's lines.

    An operator is a member of all `queues`, so each of them has a line; a pause of all of them has
    one more before these, as in app_queue.
    """
    agent, reason = _agent(event.operator, event.phone), event.reason or ""
    match event.kind, before:
        case "login", Status.LOGGED_OUT:
            after, name, data = Status.READY, "ADDMEMBER", ""
        case "login" | "ready", Status.PAUSED:
            after, name, data = Status.READY, "UNPAUSE", ""
        case "pause", Status.READY | Status.PAUSED:
            after, name, data = Status.PAUSED, "PAUSE", reason
        case "logout", Status.READY | Status.PAUSED:
            after, name, data = Status.LOGGED_OUT, "REMOVEMEMBER", ""
        case _:
            return before, []
    lines = [
        Line(at=event.at, queue=queue, agent=agent, event=name, data=(data,)) for queue in queues
    ]
    if name.endswith("PAUSE"):
        everywhere = Line(at=event.at, agent=agent, event=f"{name}ALL", data=(data,))
        lines.insert(0, everywhere)
    return after, lines


def _agent(operator: str | None, phone: str | None) -> str:
    """Name who answers: the person, wherever they sit; the phone only if nobody is logged in."""
    if operator:
        return f"Agent/{operator}"
    return f"PJSIP/{phone}" if phone else NONE


def _seconds(start: float, end: float) -> int:
    return max(0, int(end) - int(start))


def _field(value: str | int) -> str:
    """Return a field that cannot end itself or its line, whoever wrote it."""
    text = str(value)
    if text.isprintable() and "|" not in text:
        return text
    return "".join("_" if sign == "|" or not sign.isprintable() else sign for sign in text)
