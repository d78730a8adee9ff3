"""Handing a citizen over: to an operator, a category or an agency, by keys or by SIP REFER.

The citizen is never alone: who hands over leaves only when the other side has answered and is
joined, and any failure brings the citizen back. Until the answer all stay as they are; with
`*2` the two then consult apart while the citizen hears music, with REFER they change at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

import structlog

from acd.calls.call import Call, Form, Leg, Transfer
from acd.calls.ids import new_id
from acd.calls.record import EventKind
from acd.calls.states import LegStage, Stage, Step
from acd.calls.target import Kind, Target
from acd.legs import NORMAL, OperatorLegs
from acd.operators.states import State
from acd.queueing.queue import WaitingQueue
from acd.transfers.directory import Directory, Refusal
from acd.transfers.dtmf_commands import (
    Command,
    Complete,
    Dispose,
    HandOver,
    Keys,
    Record,
    Return,
    TellAgency,
    TellNumber,
    Three,
    press,
)

log = structlog.get_logger("acd")

TOLD_S = 1.0  # within which Asterisk tells a phone of the end of its REFER
PROMPTS = tuple(f"transfer_{one}" for one in (*(why.value for why in Refusal), "failed", "rings"))


class Consulted(NamedTuple):
    """Whom a phone talks with by itself: `other`'s leg, answered or ringing, in `bridge`.

    `second` is the phone's own channel there; `target` is what it dialled.
    """

    second: str
    other: Leg
    target: Target
    bridge: str | None


class Queueing(Protocol):
    """What handing over wants of the dispatcher above it."""

    queue: WaitingQueue

    def wait(self, call: Call, now: float, *, alone: bool = True) -> None:
        """Put a call into the queue; not `alone` if somebody stays with the citizen meanwhile."""

    def enqueue(self, call: Call, now: float) -> None:
        """Let the citizen wait for an operator, without anybody else."""

    def offer_failed(self, leg: Leg, reason: str, now: float) -> None:
        """Nobody answered this leg."""

    def lost(self, leg: Leg, reason: str, now: float) -> None:
        """A leg is of no use, though it was to talk with the citizen."""


class Transfers:
    """All handing over of one line; between the dispatcher, which owns the calls, and the legs."""

    def __init__(
        self, dispatcher: Queueing, operator_legs: OperatorLegs, directory: Directory
    ) -> None:
        self.directory = directory
        self._dispatcher, self._operator_legs = dispatcher, operator_legs
        self._switch, self._roster = operator_legs.switch, operator_legs.roster
        self._keys: dict[str, Keys] = {}
        # what an operator says by keys that the call is; set by whoever routes events
        self.dispose: Callable[[Leg, str, float], None] = lambda leg, code, now: None
        self.codes: Collection[str] = ()
        # ... and the number of an agency that is to be told of the incident; set likewise
        self.tell_agency: Callable[[Leg, str, float], None] = lambda leg, number, now: None
        # somebody else talks with the citizen, who was called by this one; set likewise
        self.on_joined: Callable[[Leg, Leg, str, float], None] = lambda leg, by, how, now: None
        # ... and that the citizen hears the incident's number; set likewise
        self.tell_number: Callable[[Leg, float], None] = lambda leg, now: None
        # ... and that the call's recording pauses, or goes on; set likewise
        self.record: Callable[[Leg, bool], None] = lambda leg, on: None
        # phones' own channels that are to go once Asterisk has told the phones what became of REFER
        self.seconds: dict[str, str] = {}

    # --- what operators ask for ---------------------------------------------------------------

    def pressed(self, leg_id: str, digit: str, now: float) -> None:
        """An operator pressed a key in a talk."""
        leg = self._operator_legs.legs.get(leg_id)
        if leg is None or leg.operator is None:
            return  # an agency's keys mean nothing here
        if leg.stage not in (LegStage.TALKING, LegStage.CONSULTING):
            return
        underway = leg.call.transfer is not None and leg.call.transfer.by is leg
        keys, command = press(self._keys.get(leg_id, Keys()), digit, underway, now, self.codes)
        self._keys[leg_id] = keys
        if command is not None:
            self._command(leg, command, now)

    def _command(self, leg: Leg, command: Command, now: float) -> None:
        transfer = leg.call.transfer
        if isinstance(command, Dispose):
            self.dispose(leg, command.code, now)
            return
        if isinstance(command, TellAgency):
            self.tell_agency(leg, command.number, now)
            return
        if isinstance(command, TellNumber):
            self.tell_number(leg, now)
            return
        if isinstance(command, Record):
            self.record(leg, command.on)
            return
        if isinstance(command, HandOver):
            self._begin(leg, command.number, Form.KEYS, now)
            return
        if transfer is None or transfer.by is not leg:
            return
        match command:
            case Return() if transfer.step is not Step.JOINING:
                self._back(transfer, "returned", now)
            case Three():
                transfer.stays = True
                self._finish_when_answered(transfer)
            case Complete():
                transfer.stays = False
                self._finish_when_answered(transfer)

    def referred(self, leg_id: str, number: str, now: float) -> None:
        """An operator's phone asks by REFER that the citizen be handed to `number`."""
        leg = self._operator_legs.legs.get(leg_id)
        if leg is None or leg.operator is None or leg.stage is not LegStage.TALKING:
            self.decline(leg_id)
            return
        self._begin(leg, number, Form.REFER, now)

    def refuse(self, leg: Leg, now: float) -> None:
        """Tell a phone that its REFER leads nowhere, and remember when it was told."""
        leg.declines = False
        if leg.stage is not LegStage.RINGING:
            leg.refused_at = now
        self.decline(leg.id)

    def decline(self, channel: str) -> None:
        """Tell whoever sent a REFER that nothing comes of it, at once or when it can be told."""
        leg = self._operator_legs.legs.get(channel)
        if leg is not None and leg.stage is LegStage.RINGING:
            # Asterisk takes no word for a phone before it has handed us the answered leg
            leg.declines = True
            leg.call.keep()
        else:
            self._switch.progress(channel, "declined")

    def may_hand_over(self, leg: Leg) -> bool:
        """Whether an operator's leg may hand its citizen over at this moment."""
        return leg.operator is not None and self._why_not(leg) is None

    def replaced(self, leg: Leg, consulted: Consulted, now: float) -> None:
        """... that the citizen be handed to whom the phone talks with by itself."""
        other = consulted.other
        transfer = self._start(leg, consulted.target, Form.REPLACES, now)
        transfer.second, transfer.other, other.transfer = consulted.second, other, transfer
        transfer.bridge, transfer.at_once = consulted.bridge, True
        transfer.tried = len(consulted.target.addresses)  # the phone has tried by itself
        self._switch.progress(leg.id, "trying")
        other.call = leg.call
        self._operator_legs.add_leg(other)
        if (one := self._roster.operators.get(other.operator or "")) is not None:
            self._roster.changes.move(one, one.state, leg.call.id, now)
        if other.stage is LegStage.RINGING:
            self._operator_legs.rings(other, now)
        else:
            leg.call.keep()
            self._join(transfer)

    def _why_not(self, leg: Leg) -> Refusal | None:
        if leg.call.transfer is not None:
            return Refusal.UNDERWAY
        return None if leg.stage is LegStage.TALKING else Refusal.NOWHERE

    def _begin(self, leg: Leg, number: str, form: Form, now: float) -> None:
        found = self._why_not(leg) or self.directory.find(number, leg.operator, self._roster, now)
        if isinstance(found, Refusal):
            log.info("transfer_refused", call_id=leg.call.id, operator=leg.operator, why=found)
            leg.call.note(
                EventKind.TRANSFER_FAILED, now, **_by(leg), kind=None, to=number[:32], reason=found
            )
            if form is Form.REFER:
                self.refuse(leg, now)
            else:
                self._switch.tell(leg.id, f"transfer_{found}")
            return
        transfer = self._start(leg, found, form, now)
        transfer.at_once = form is not Form.KEYS
        if form is Form.REFER:
            self._switch.progress(leg.id, "trying")
        else:
            self._switch.tell(leg.id, "transfer_rings")
        if found.kind is Kind.CATEGORY:
            self._wait(transfer, now)
        else:
            self._ring(transfer, now)

    def _start(self, leg: Leg, target: Target, form: Form, now: float) -> Transfer:
        transfer = leg.call.transfer = Transfer(leg.call, leg, target, form)
        leg.call.note(EventKind.TRANSFER_STARTED, now, **_by(leg), **_whereto(transfer))
        return transfer

    def _wait(self, transfer: Transfer, now: float) -> None:
        """The queue of a category: whoever gets the call is the other side.

        Its circles and its cap count from now: the citizen has been served, and others have not.
        """
        call = transfer.call
        if transfer.step is not Step.WAITING:
            transfer.place = (call.waits_since, call.aged)
            call.aged = False
            call.wait_since(now)
        transfer.move(Step.WAITING)
        if transfer.left and not call.talkers():
            # the citizen waits there like everybody else
            self._handed_over(transfer, now)
            self._dispatcher.enqueue(call, now)
        else:
            self._dispatcher.wait(call, now, alone=False)

    def _ring(self, transfer: Transfer, now: float) -> None:
        target = transfer.target
        address = target.addresses[transfer.tried]
        transfer.tried += 1
        operator = self._roster.operators.get(target.operator or "")
        if operator is not None:
            phone = self._roster.phones[address]
            transfer.other = self._operator_legs.ring_desk(transfer.call, operator, phone, now)
        else:
            transfer.other = self._operator_legs.ring(transfer.call, address, None, now)

    # --- what comes of it ---------------------------------------------------------------------

    def answered(self, leg: Leg, now: float) -> None:
        """The other side has answered."""
        transfer = leg.transfer
        assert transfer is not None
        self._dispatcher.queue.remove(transfer.call)
        transfer.other = leg
        if transfer.at_once or transfer.left:
            self._join(transfer)
            return
        transfer.move(Step.CONSULTING)
        transfer.bridge = new_id(now)
        by = transfer.by
        self._switch.open(transfer.bridge, transfer.call.channel)
        if not transfer.call.talkers(but=by):
            self._switch.hold(transfer.call.channel)
        self._switch.join(transfer.bridge, by.id)
        self._switch.join(transfer.bridge, leg.id)
        self._operator_legs.resumed(by, now)
        by.move(LegStage.CONSULTING)
        leg.move(LegStage.CONSULTING)
        self._operator_legs.set_state(by, State.TALKING, now)
        self._operator_legs.set_state(leg, State.TALKING, now)

    def _finish_when_answered(self, transfer: Transfer) -> None:
        transfer.at_once = True
        if transfer.step is Step.CONSULTING:
            self._join(transfer)

    def _join(self, transfer: Transfer) -> None:
        call, other = transfer.call, transfer.other
        assert other is not None and call.bridge is not None
        transfer.move(Step.JOINING)
        other.move(LegStage.CONNECTING)
        self._switch.unhold(call.channel)
        self._switch.join(call.bridge, other.id)

    def joined(self, bridge: str, leg_id: str, now: float) -> None:
        """The other side hears the citizen: who handed over may go."""
        leg = self._operator_legs.legs.get(leg_id)
        transfer = leg.transfer if leg is not None else None
        if leg is None or transfer is None or transfer.step is not Step.JOINING:
            return
        if bridge != transfer.call.bridge:
            return  # where the two consulted
        call, by = transfer.call, transfer.by
        leg.move(LegStage.TALKING)
        leg.talks_since, leg.transfer = now, None
        self._operator_legs.took(leg)
        self._operator_legs.set_state(leg, State.TALKING, now)
        how = "conference" if transfer.stays else "transfer"
        leg.target = transfer.target
        call.note(EventKind.JOINED, now, **_by(leg), leg=leg.id, how=how)
        self.on_joined(leg, by, how, now)
        call.transfer, call.interrupted = None, False
        call.move(Stage.TALKING)
        self._tell(transfer, "answered")
        if transfer.stays and not transfer.left:
            if by.stage is LegStage.CONSULTING and call.bridge is not None:
                self._switch.join(call.bridge, by.id)
            by.move(LegStage.TALKING)
        else:
            self._handed_over(transfer, now)
            if not transfer.left:
                self._operator_legs.leave(by, "transferred", now)
        self._close(transfer, now)

    @staticmethod
    def _handed_over(transfer: Transfer, now: float) -> None:
        """Keep that the first one has handed over, and whether the two talked before."""
        about = _by(transfer.by) | _whereto(transfer)
        consulted = transfer.bridge is not None
        transfer.call.note(EventKind.TRANSFERRED, now, **about, consulted=consulted)

    def join_failed(self, bridge: str, leg_id: str, why: str, now: float) -> None:
        """A leg could not be put where it was wanted: it hears nobody, so it goes."""
        leg = self._operator_legs.legs.get(leg_id)
        if leg is None or bridge != self.bridge_of(leg):
            return
        log.warning("join_failed", call_id=leg.call.id, leg=leg_id, why=why)
        if leg.transfer is not None:
            self._dispatcher.offer_failed(leg, "failed", now)
        elif leg.call.transfer is not None and leg.call.transfer.by is leg:
            self._tell(leg.call.transfer, "unavailable")  # its REFER, before the leg is hung up
            self.left(leg, "failed", now)
        else:
            self._dispatcher.lost(leg, "failed", now)

    @staticmethod
    def bridge_of(leg: Leg) -> str | None:
        """Where a leg is to be: with the citizen, or apart with whom it consults."""
        apart = leg.stage is LegStage.CONSULTING and leg.call.transfer is not None
        return leg.call.transfer.bridge if apart and leg.call.transfer else leg.call.bridge

    def failed(self, leg: Leg, reason: str, now: float) -> None:
        """The other side did not answer, or is gone; the dispatcher has let it go already."""
        transfer = leg.transfer
        if transfer is None or transfer.call.transfer is not transfer:
            return
        transfer.other = None
        consulted = transfer.step in (Step.CONSULTING, Step.JOINING)
        if transfer.target.kind is Kind.CATEGORY and not consulted:
            if any(one.transfer is transfer for one in transfer.call.legs.values()):
                return  # others still ring
            self._wait(transfer, now)
        elif transfer.tried < len(transfer.target.addresses) and not consulted:
            self._ring(transfer, now)
        else:
            self._back(transfer, reason, now)

    def left(self, leg: Leg, reason: str, now: float) -> None:
        """One of the two sides is gone; it is out of `self._operator_legs.legs` already."""
        transfer = leg.call.transfer
        assert transfer is not None
        if leg is not transfer.by:
            self._dispatcher.offer_failed(leg, reason, now)
            return
        transfer.left = transfer.at_once = True
        transfer.stays = False
        if reason == "lost" and not leg.call.talkers(but=leg):
            # should the other side not come either, the citizen is told, and served before all
            leg.call.aged = leg.call.interrupted = True
        self._operator_legs.leave(leg, reason, now)
        if transfer.step is Step.CONSULTING:
            self._join(transfer)
        elif not transfer.call.talkers():
            self.alone(transfer.call, now)

    def alone(self, call: Call, now: float) -> None:
        """The last one who talked with the citizen has left while somebody else is to come."""
        transfer = call.transfer
        assert transfer is not None
        rings = any(leg.transfer is transfer for leg in call.legs.values())
        if transfer.step is Step.WAITING and transfer.left and not rings:
            self._wait(transfer, now)
        elif transfer.step is not Step.JOINING:
            self._switch.hold(call.channel)

    def _back(self, transfer: Transfer, reason: str, now: float) -> None:
        """Undo: the citizen is with who wanted to hand over, or waits for somebody else."""
        call, by = transfer.call, transfer.by
        self._dispatcher.queue.remove(call)
        if transfer.place is not None and not call.interrupted:
            since, call.aged = transfer.place
            call.wait_since(since)
        call.transfer = None
        for leg in [one for one in call.legs.values() if one.transfer is transfer]:
            leg.transfer = None
            self._operator_legs.let_go(leg, reason, now)
        call.note(EventKind.TRANSFER_FAILED, now, **_by(by), **_whereto(transfer), reason=reason)
        self._tell(transfer, "unavailable")
        by.refused_at = now if transfer.form is not Form.KEYS else None
        if transfer.left and not call.talkers():
            self._close(transfer, now)
            call.preferred = by.operator
            self._dispatcher.enqueue(call, now)
            return
        if not transfer.left and by.stage is LegStage.CONSULTING and call.bridge is not None:
            self._switch.unhold(call.channel)
            self._switch.join(call.bridge, by.id)
            by.move(LegStage.TALKING)
        elif transfer.step is Step.JOINING:
            self._switch.unhold(call.channel)
        self._close(transfer, now)
        if reason != "returned" and transfer.form is Form.KEYS and not transfer.left:
            self._switch.tell(by.id, "transfer_failed")

    def call_over(self, call: Call, now: float) -> None:
        """The call ends or waits anew: nothing is being handed over any more."""
        transfer, call.transfer = call.transfer, None
        if transfer is not None:
            self._tell(transfer, "unavailable")
            self._close(transfer, now)
        for leg in call.legs.values():
            leg.transfer = None

    def forget(self, leg_id: str) -> None:
        """A leg is gone, and what was pressed on it."""
        self._keys.pop(leg_id, None)

    def _close(self, transfer: Transfer, now: float) -> None:
        if transfer.bridge is not None:
            self._switch.disconnect(transfer.bridge)
            transfer.bridge = None
        if transfer.second is not None:
            # Asterisk 22.10 and 22.11 end with all calls if it goes while they write the NOTIFY:
            # refer_progress_notify in res_pjsip_refer.c looks at it, and holds no reference
            by = transfer.by.id
            self.told(by)
            self.seconds[by], transfer.second = transfer.second, None
            self._operator_legs.timers.at(now + TOLD_S, lambda _: self.told(by))

    def told(self, leg_id: str) -> None:
        """A phone has been told in the end what became of its REFER, or has had time enough."""
        second = self.seconds.pop(leg_id, None)
        if second is not None:
            self._switch.hang_up(second, NORMAL)

    def _tell(self, transfer: Transfer, outcome: str) -> None:
        if transfer.refers is not None:
            self._switch.progress(transfer.refers, outcome)


def _by(leg: Leg) -> dict[str, str | None]:
    return {"operator": leg.operator, "phone": leg.phone}


def _whereto(transfer: Transfer) -> dict[str, str]:
    target = transfer.target
    return {"kind": target.kind.value, "to": target.to, "form": transfer.form.value}
