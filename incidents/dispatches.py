"""The dispatches of which something follows by itself: attempts, agreed times, the chain of others.

Every time is stored in the row, so the next engine goes on where this one has stopped: a message
may arrive twice (with the same id), and none is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec
import structlog

from acd.agencies.agency import Agency
from acd.agencies.register import Register
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.states import IllegalMove
from acd.timers import Timers
from acd.transfers.directory import Directory
from deliveries.attempt import Attempt, Delivered, Failed, RetryRules, next_try
from incidents.book import By, IncidentBook
from incidents.dispatch import (
    DISPATCHES,
    Channel,
    Delivery,
    DeliveryState,
    Dispatch,
    DispatchState,
    deliveries_of,
    next_of_chain,
)
from incidents.errors import IncidentRefused
from incidents.held import Opens, always_open, held_deliveries, hold, may_wait, release
from incidents.incident import EntryKind, Incident
from incidents.open_dispatches import OpenDispatches
from incidents.states import INCIDENT_MOVES, IncidentState

log = structlog.get_logger("incidents")

_BY_THE_LINE = By()
_DONE = (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED)
_GIVEN_BACK = (DispatchState.DECLINED, DispatchState.RELIEVED)
_WAITED_FOR = (DispatchState.SENDING, DispatchState.SENT)
_LOOKED_AT_ONCE, _LOOK_ON_S = 50, 0.1
_ANSWERED = (DispatchState.ACKNOWLEDGED, DispatchState.DONE, *_GIVEN_BACK)
RETRIES = RetryRules()
VOICE_RETRIES = RetryRules(gaps_s=(20, 40, 60, 120))
"""An agency that does not answer is rung anew while the agreed time still runs."""


class Sender(Protocol):
    """Makes one attempt of a delivery; later `Dispatches.attempted` is told what came of it."""

    def send(self, dispatch: Dispatch, index: int, incident: Incident) -> None:
        """Send the delivery with this index; returns at once and raises nothing."""

    def stop(self, dispatch_id: str, *, settled: bool) -> None:
        """The agency need not be rung any more; what is heard at the moment is heard to its end.

        `settled`: nor is anything else of this dispatch sent again.
        """


class Dispatches:
    """All dispatches that are not settled, by id.

    `overdue`, `left_to_supervisor`: how many were not accepted in the agreed time, and for how many
    of these nobody was left to be told, since this engine's start.
    """

    def __init__(
        self,
        journal: Journal,
        timers: Timers,
        book: IncidentBook,
        agencies: Register,
        sender: Sender,
        retries: RetryRules = RETRIES,
        *,
        directory: Directory | None = None,
        voice_retries: RetryRules = VOICE_RETRIES,
        opens: Opens = always_open,
    ) -> None:
        self._journal, self._book, self._timers = journal, book, timers
        self._opens = opens
        self._agencies, self._sender, self._retries = agencies, sender, retries
        self._directory = directory or Directory(agencies=agencies)
        self._voice_retries = voice_retries
        self._known = OpenDispatches(timers, self._send, self._due)
        self.open = self._known.by_id
        self.overdue = self.left_to_supervisor = 0
        book.on_moved, book.on_weighed = self.moved, self._weighed

    # --- what people do -----------------------------------------------------------------------

    def dispatch(
        self,
        incident: Incident,
        agency: Agency,
        by: By,
        now: float,
        *,
        origin: str | None = None,
    ) -> Dispatch:
        """Tell an agency of an incident, by all its ways at once.

        Outside its hours a complaint or a question waits for them, but for the fallback that is
        rung then. Of all else the next of the chain is told as well, if there is no such fallback.
        `origin`: the agency in whose place. Raises IncidentRefused if the incident is over or
        merged, or the agency has it already.
        """
        self.check(incident, [agency])
        incident = self._book.take(incident)
        made = Dispatch(
            id=new_id(now),
            incident_id=incident.id,
            agency=agency.id,
            deliveries=deliveries_of(agency, self._directory, now),
            origin=origin,
            created_at=now,
            created_by=by.who,
            due_at=now + agency.acknowledge_s,
        )
        if may_wait(incident) and (opens := self._opens(agency, now)) is not None:
            self._hold(made, agency, made.deliveries, opens)
            made.due_at = opens + agency.acknowledge_s
        ways = [one.channel.value for one in made.deliveries]
        with self._journal.together():
            self._note(made, EntryKind.DISPATCHED, by, now, ways=ways, origin=origin)
            self._bring(incident, IncidentState.DISPATCHED, by, now)
            self._known.hold(made)
            self._hurry(made, incident, agency, now)
            self._keep(made)
        self._known.arm(made, now)
        return made

    def _hold(self, one: Dispatch, agency: Agency, some: list[Delivery], opens: float) -> None:
        """Let what has not been sent yet wait until the agency opens; its fallback is rung."""
        night = self._directory.can_ring(agency.fallback)
        waiting = [each for each in some if each.try_at is not None]
        hold(
            one, [each for each in waiting if not (night and each.channel is Channel.VOICE)], opens
        )

    def _hurry(self, one: Dispatch, incident: Incident, agency: Agency, now: float) -> None:
        """Nobody may be at a closed agency: the next of its chain need not wait for its answer."""
        waits = may_wait(incident) or self._opens(agency, now) is None
        if waits or self._directory.can_ring(agency.fallback):
            return
        due_at = one.due_at
        if not self._tell_next(one, now, closed=True):
            one.due_at = due_at

    def _weighed(self, incident: Incident, now: float) -> None:
        """The incident has another class or priority: what was held may not wait any more."""
        for one in self.of_incident(incident.id):
            self._look_at_held(one, now)

    def agencies_changed(self, now: float) -> None:
        """Agencies may have other hours: look at what is held, a few at a time."""
        self._look_at_some(deque(one for one in self.open.values() if held_deliveries(one)), now)

    def _look_at_some(self, some: deque[Dispatch], now: float) -> None:
        for _ in range(min(_LOOKED_AT_ONCE, len(some))):
            one = some.popleft()
            if self.open.get(one.id) is one:
                self._look_at_held(one, now)
        if some:
            self._timers.at(now + _LOOK_ON_S, lambda at: self._look_at_some(some, at))

    def _look_at_held(self, one: Dispatch, now: float) -> None:
        """Send what is held and need not be any more; what is to be held on gets its new time."""
        held = held_deliveries(one)
        agency, incident = self._agencies.by_id.get(one.agency), self._incident(one)
        if not held or agency is None or incident is None:
            return  # an engine that does not know the agency yet keeps to what is stored
        opens = self._opens(agency, now) if may_wait(incident) else None
        before = [each.try_at for each in held]
        with self._journal.together():
            if opens is None:
                release(held, now)
            else:
                self._hold(one, agency, held, opens)
            if before == [each.try_at for each in held]:
                return
            if one.state in _WAITED_FOR and not one.step:
                one.due_at = (opens or now) + agency.acknowledge_s
                if opens is None:
                    self._hurry(one, incident, agency, now)
            self._keep(one)
        self._known.arm(one, now)

    def check(self, incident: Incident, agencies: Iterable[Agency]) -> None:
        """Raise IncidentRefused unless all these agencies can be told of the incident."""
        incident = self._book.in_hand.get(incident.id, incident)
        if incident.state in _DONE or incident.merged_into is not None:
            state = "merged into another one" if incident.merged_into else incident.state.value
            raise IncidentRefused(f"{incident.name} is {state}; nobody can be sent there.")
        open_ones = self.of_incident(incident.id)
        told = {one.agency for one in open_ones if one.state not in _GIVEN_BACK}
        for agency in agencies:
            if agency.id in told:
                raise IncidentRefused(f"{agency.name} has {incident.name.lower()} already.")

    def acknowledge(self, one: Dispatch, incident: Incident, by: By, now: float) -> Dispatch:
        """The agency has accepted. Both as the database has them; what is in hand counts.

        Raises IncidentRefused if that makes no sense; somebody accepts at most once.
        """
        one = self.open.get(one.id, one)
        if one.state is DispatchState.ACKNOWLEDGED:
            raise IncidentRefused(
                f"{self._name(one.agency)} has accepted already ({one.acknowledged_by})."
            )
        agency = self._agencies.by_id.get(one.agency)
        with self._journal.together():
            self._move(one, DispatchState.ACKNOWLEDGED)
            incident = self._book.take(incident)
            one.acknowledged_at, one.acknowledged_by = now, by.who
            is_open = one.settled_at is None and agency is not None
            one.due_at = now + agency.report_s if is_open and agency is not None else None
            self._note(one, EntryKind.ACKNOWLEDGED, by, now)
            self._bring(incident, IncidentState.ACKNOWLEDGED, by, now)
            self._call_off(one)
            self._relieve(one, now)
            self._settle_or_keep(one, now)
        return one

    def _relieve(self, one: Dispatch, now: float) -> None:
        """An agency has accepted: that in whose place it was told waits for nobody any more."""
        for other in self.of_incident(one.incident_id):
            if other.agency != one.origin or other.id == one.id:
                continue
            hurried = other.step > 0 and other.state in _WAITED_FOR
            if hurried or other.state in (DispatchState.OVERDUE, DispatchState.DECLINED):
                self._move(other, DispatchState.RELIEVED)
                other.due_at = None
                self._call_off(other)
                self._settle_or_keep(other, now)
                self._relieve(other, now)

    def accepted_by_phone(self, dispatch_id: str, now: float) -> bool:
        """Somebody at the agency has pressed the key that accepts.

        False if there is nothing to accept any more: it was accepted before, or is over.
        """
        one = self.open.get(dispatch_id)
        incident = None if one is None else self._incident(one)
        if one is None or incident is None:
            return False
        try:
            self.acknowledge(one, incident, By(one.agency, "phone"), now)
        except IncidentRefused as refused:
            log.info("not_accepted", dispatch=one.id, why=str(refused))
            return False
        return True

    def decline(
        self, one: Dispatch, incident: Incident, by: By, now: float, reason: str
    ) -> Dispatch:
        """The agency does not take it: the next one of its chain is told at once."""
        one = self.open.get(one.id, one)
        with self._journal.together():
            self._move(one, DispatchState.DECLINED)
            self._book.take(incident)
            one.note = reason
            self._note(one, EntryKind.DECLINED, by, now, reason=reason)
            self._call_off(one)
            self._escalate(one, now)
            self._settle_or_keep(one, now)
        return one

    def done(self, one: Dispatch, incident: Incident, by: By, now: float) -> None:
        """The agency, which had accepted, has done its part; others may still be at work.

        Raises IncidentRefused if it had not.
        """
        one = self.open.get(one.id, one)
        with self._journal.together():
            self._move(one, DispatchState.DONE)
            self._book.take(incident)
            self._note(one, EntryKind.PART_DONE, by, now)
            one.due_at = None
            self._call_off(one)
            self._settle_or_keep(one, now)

    def others_at_work(self, one: Dispatch) -> bool:
        """Whether other agencies were told of the incident, or have accepted, and are not done."""
        return any(
            other.id != one.id and other.state not in (*_GIVEN_BACK, DispatchState.OVERDUE)
            for other in self.of_incident(one.incident_id)
        )

    def moved(self, incident: Incident, now: float) -> None:
        """The incident has come to another state: what of its dispatches ends with that."""
        if incident.state is IncidentState.ON_SCENE:
            self._reported(incident, now)
        elif incident.state in _DONE:
            self._over(incident, now)

    def _reported(self, incident: Incident, now: float) -> None:
        """Somebody is there, so who has accepted has reported."""
        for one in self.of_incident(incident.id):
            if one.state is DispatchState.ACKNOWLEDGED:
                with self._journal.together():
                    one.due_at = None
                    self._settle_or_keep(one, now)

    def _over(self, incident: Incident, now: float) -> None:
        """The incident is over, or resolved: nobody has to be told any more."""
        done = incident.state is not IncidentState.CANCELLED
        for one in self.of_incident(incident.id):
            with self._journal.together():
                if one.state is DispatchState.ACKNOWLEDGED and done:
                    self._move(one, DispatchState.DONE)
                elif one.state not in _GIVEN_BACK:
                    self._move(one, DispatchState.CANCELLED)
                one.due_at = None
                self._settle(one, now)

    # --- what happens by itself ---------------------------------------------------------------

    def heard(self, dispatch_id: str, index: int, receipt: str, now: float) -> None:
        """Somebody at the agency has heard the report to its end; the call goes on.

        Until that ends the delivery is still to be tried, for this engine may die before.
        """
        one = self.open.get(dispatch_id)
        if one is not None and index < len(one.deliveries):
            delivery = one.deliveries[index]
            if delivery.state is DeliveryState.WAITING and delivery.delivered_at is None:
                with self._journal.together():
                    self._arrives(one, delivery, receipt, now)
                    self._keep(one)

    def attempted(self, dispatch_id: str, index: int, attempt: Attempt, now: float) -> None:
        """An attempt of a delivery has ended."""
        self._known.attempt_ended(dispatch_id, index)
        one = self.open.get(dispatch_id)
        if one is None or index >= len(one.deliveries):
            return
        delivery = one.deliveries[index]
        if delivery.state is not DeliveryState.WAITING:
            return
        delivery.attempts, delivery.held = delivery.attempts + 1, False
        with self._journal.together():
            if isinstance(attempt, Delivered):
                if delivery.delivered_at is None:
                    self._arrives(one, delivery, attempt.receipt, now)
                delivery.state, delivery.receipt = DeliveryState.DELIVERED, attempt.receipt
                delivery.try_at = None
                delivery.reason = delivery.detail = ""
            else:
                self._fails(one, delivery, attempt, now)
            self._settle_or_keep(one, now)

    def _arrives(self, one: Dispatch, delivery: Delivery, receipt: str, now: float) -> None:
        delivery.delivered_at, delivery.receipt = now, receipt
        if one.state is DispatchState.SENDING:
            one.state = DispatchState.SENT
        way = delivery.channel.value
        self._note(one, EntryKind.DELIVERED, _BY_THE_LINE, now, way=way, receipt=receipt)

    def _fails(self, one: Dispatch, delivery: Delivery, failed: Failed, now: float) -> None:
        is_voice = delivery.channel is Channel.VOICE
        rules = self._voice_retries if is_voice else self._retries
        delivery.reason, delivery.detail = failed.reason.value, failed.detail
        why = {"reason": delivery.reason, "detail": delivery.detail}
        if is_voice:
            # there is no record of such a call; this is all that tells of it
            self._note(one, EntryKind.RUNG, _BY_THE_LINE, now, to=delivery.address, **why)
        delivery.try_at = next_try(delivery.attempts, failed, now, rules)
        if delivery.try_at is not None:
            return
        if delivery.delivered_at is not None:
            delivery.state = DeliveryState.DELIVERED  # heard once, if not at the last attempt
            return
        delivery.state = DeliveryState.FAILED
        way = delivery.channel.value
        self._note(one, EntryKind.NOT_DELIVERED, _BY_THE_LINE, now, way=way, **why)
        log.warning("not_delivered", dispatch=one.id, agency=one.agency, way=way, **why)
        if one.is_hopeless and one.state is DispatchState.SENDING:
            self._overdue(one, now)

    def _call_off(self, one: Dispatch) -> None:
        """The agency has answered: nothing of what would still be sent to it has to be.

        But the computer and the mailbox of one that has accepted want to have it too.
        """
        accepted = one.state is DispatchState.ACKNOWLEDGED
        for delivery in one.deliveries:
            is_written = delivery.channel in (Channel.WEBHOOK, Channel.MAIL)
            if delivery.state is not DeliveryState.WAITING or (accepted and is_written):
                continue
            told = delivery.delivered_at is not None
            by_person = delivery.channel is Channel.OPERATOR and accepted
            if by_person:
                delivery.delivered_at = one.acknowledged_at
            delivery.try_at = None
            delivery.state = (
                DeliveryState.DELIVERED if told or by_person else DeliveryState.CANCELLED
            )
        self._sender.stop(one.id, settled=False)

    def _due(self, one: Dispatch, now: float) -> None:
        """The agreed time is over."""
        with self._journal.together():
            if one.state is DispatchState.ACKNOWLEDGED:
                one.late_report, one.due_at = True, None
                self._note(one, EntryKind.REPORT_LATE, _BY_THE_LINE, now)
            else:
                self._overdue(one, now)
            self._settle_or_keep(one, now)

    def _overdue(self, one: Dispatch, now: float) -> None:
        """Nobody has accepted in time, or nothing can reach the agency."""
        if one.state not in (DispatchState.OVERDUE, DispatchState.DECLINED):
            self.overdue += 1
            self._move(one, DispatchState.OVERDUE)
            self._note(one, EntryKind.OVERDUE, _BY_THE_LINE, now)
        self._escalate(one, now)

    def _escalate(self, one: Dispatch, now: float) -> None:
        """Tell the next of the chain; with nobody left it is the supervisor's."""
        if self._tell_next(one, now):
            return
        if one.state is DispatchState.DECLINED:
            self._move(one, DispatchState.OVERDUE)
        self.left_to_supervisor += 1
        self._note(one, EntryKind.ESCALATED, _BY_THE_LINE, now, to=None)
        log.warning("nobody_has_accepted", incident=one.incident_id, agency=one.agency)

    def _tell_next(self, one: Dispatch, now: float, **why: bool) -> bool:
        """Tell the next of the chain who can be told; False, and no time runs, if nobody is left.

        `why`: what the timeline says beside whom.
        """
        agency, incident = self._agencies.by_id.get(one.agency), self._incident(one)
        one.due_at = None
        carrier = self._directory.carrier
        contact = None if agency is None else next_of_chain(agency, one.step, carrier, now)
        if contact is None or agency is None or incident is None:
            return False
        one.step += 1
        told = contact if isinstance(contact, str) else contact.address
        self._note(one, EntryKind.ESCALATED, _BY_THE_LINE, now, to=told, **why)
        if isinstance(contact, Delivery):
            one.deliveries = [*one.deliveries, contact]
            one.due_at = now + agency.acknowledge_s
            return True
        other = self._agencies.find(contact)
        try:
            if other is None:
                raise IncidentRefused(f"There is no agency {contact}.")
            made = self.dispatch(incident, other, _BY_THE_LINE, now, origin=one.agency)
            one.due_at = made.due_at  # then the one behind it in the chain
        except IncidentRefused as refused:
            log.warning("not_escalated", dispatch=one.id, to=contact, error=str(refused))
            return self._tell_next(one, now, **why)
        return True

    # --- what is open -------------------------------------------------------------------------

    def remember(self, rows: Iterable[Mapping[str, Any]], now: float) -> None:
        """Take up what an earlier engine had open, after its incidents."""
        for row in rows:
            try:
                one = msgspec.convert(row, Dispatch)
            except msgspec.ValidationError as error:
                log.error("dispatch_not_understood", id=str(row.get("id")), error=str(error))
                continue
            if self._known.is_new(one):
                self._known.hold(one)
                self._known.arm(one, now)
        self.agencies_changed(now)  # while no engine served

    def of_incident(self, incident_id: str) -> list[Dispatch]:
        """The open ones of an incident, the oldest first."""
        return self._known.of_incident(incident_id)

    def _send(self, one: Dispatch, index: int) -> None:
        incident = self._incident(one)
        if incident is None:
            log.error("dispatch_without_incident", dispatch=one.id, incident=one.incident_id)
            self._known.attempt_ended(one.id, index)
        else:
            self._sender.send(one, index, incident)

    def _settle_or_keep(self, one: Dispatch, now: float) -> None:
        """Keep the row; one of which nothing follows any more is let go."""
        waits = any(delivery.try_at is not None for delivery in one.deliveries)
        if one.due_at is None and (one.state in _ANSWERED or not waits):
            self._settle(one, now)
            return
        self._keep(one)
        if one.id in self.open:
            self._known.arm(one, now)

    def _settle(self, one: Dispatch, now: float) -> None:
        if one.settled_at is None:
            one.settled_at = now
            self._note(one, EntryKind.DISPATCH_SETTLED, _BY_THE_LINE, now)
        self._keep(one)
        self._known.settle(one)
        self._sender.stop(one.id, settled=True)

    def _keep(self, one: Dispatch) -> None:
        one.changes += 1
        self._journal.row(DISPATCHES, one.row())

    def _incident(self, one: Dispatch) -> Incident | None:
        return self._book.in_hand.get(one.incident_id)

    def _note(self, one: Dispatch, kind: EntryKind, by: By, now: float, **data: Any) -> None:
        incident = self._incident(one)
        if incident is not None:
            more = {"dispatch": one.id, "agency": one.agency, **data}
            self._book.note(incident, kind, by, now, more)

    def _bring(self, incident: Incident | None, state: IncidentState, by: By, now: float) -> None:
        """Bring the incident on, where it is not there or further already."""
        if incident is not None and state in INCIDENT_MOVES[incident.state]:
            self._book.note(
                incident, EntryKind.MOVED, by, now, {"state": state.value, "reason": ""}
            )

    def _move(self, one: Dispatch, state: DispatchState) -> None:
        try:
            one.move(state)
        except IllegalMove as error:
            raise IncidentRefused(f"{self._name(one.agency)}: {error}") from None

    def _name(self, agency_id: str) -> str:
        agency = self._agencies.by_id.get(agency_id)
        return agency_id if agency is None else agency.name
