"""The incidents that an engine has in hand, and everything that is done to one.

Each answered call opens one, in the same write of the journal as the answer, and each text
conversation that an operator takes. Those of which
something follows by itself are kept for the next engine; after a time without a code an incident is
`uncoded`. What is done to one that is not in hand begins with its row out of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Any

import msgspec
import structlog

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.record import CallRecord
from acd.calls.states import IllegalMove
from acd.leaving import Leaving
from acd.rules.incidents import IncidentRules
from acd.texts.conversation import ConversationRecord
from acd.timers import Timer, Timers
from incidents.agreed_times import Due
from incidents.entry_checks import check_free, check_size, check_version, try_entry
from incidents.errors import IncidentRefused
from incidents.found_by import rows_to_find_by
from incidents.incident import (
    INCIDENTS,
    LINE,
    NOT_AT_FIRST,
    TIMELINE,
    USUAL_PRIORITY,
    Contact,
    Entry,
    EntryKind,
    Incident,
    apply,
)
from incidents.numbers import Numbers, as_number
from incidents.publication import may_be_public
from incidents.states import INCIDENT_MOVES, IncidentClass, IncidentState

log = structlog.get_logger("incidents")

MOST_SETTLED = 500
"""So many settled incidents stay in hand, the newest ones, for who changes them."""

AGAIN_S = 300.0
"""So long after a new engine's start an incident has a time to be coded in any case."""

_PLACE = ("place", "kelurahan", "kecamatan", "lat", "lon")


class By(msgspec.Struct, frozen=True):
    """Who does something, and from where: an operator by the phone, a supervisor by the API."""

    who: str = LINE
    source: str = LINE


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has said of a call's incident; None: it is taken back."""

    call_id: str
    incident_class: IncidentClass | None
    category: str | None
    by: By


_BY_THE_LINE = By()


class IncidentBook:
    """All incidents that this engine has in hand, by id.

    `on_moved(incident, now)`: it has come to another state; set by who follows its dispatches.
    `on_coded(incident, now)`: somebody has said what it is; set by who tells citizens numbers.
    `on_weighed(incident, now)`: its class or its priority is another one; set by who follows its
    dispatches.
    `on_not_in_hand(said)`: the incident has to be read and coded; set by who knows the database.
    `country`: where numbers without a country code are from. `lives(id)`: whether a call is still
    up, or a text conversation open; set by whoever routes events. `category_of(category)`: the
    incident's category for a call that waited for that one; `priorities`: of incidents, by
    category, where they are not the usual one. `due(incident)`: the agreed time that runs for it.
    """

    def __init__(
        self,
        journal: Journal,
        timers: Timers,
        rules: IncidentRules,
        numbers: Numbers,
        *,
        country: str,
        category_of: Callable[[str | None], str | None] = lambda category: category,
        priorities: Mapping[str | None, int] = MappingProxyType({}),
        due: Callable[[Incident], Due | None] = lambda incident: None,
    ) -> None:
        self._journal, self._timers, self._rules = journal, timers, rules
        self._country, self._due = country, due
        self.numbers, self._category_of, self._priorities = numbers, category_of, priorities
        self.lives: Callable[[str], bool] = lambda call_id: False
        self.in_hand: dict[str, Incident] = {}
        self._of_call: dict[str, str] = {}  # call -> incident, of those in hand
        self._limits: dict[str, Timer] = {}  # incident -> when it is uncoded
        self._leaving = Leaving(timers)  # those that are being erased
        self._settled: dict[str, None] = {}  # in the order in which they came to be so
        self.on_moved: Callable[[Incident, float], None] = lambda incident, now: None
        self.on_coded: Callable[[Incident, float], None] = lambda incident, now: None
        self.on_weighed: Callable[[Incident, float], None] = lambda incident, now: None
        self.on_not_in_hand: Callable[[Said], None] = lambda said: log.warning(
            "incident_not_in_hand", call_id=said.call_id
        )

    # --- what happens to calls ----------------------------------------------------------------

    def call_answered(self, record: CallRecord, at: float) -> None:
        """An operator and the citizen talk: that is an incident, unless the call has one."""
        answered_before = record.operator_answered_at is not None and (
            record.operator_answered_at < at
        )
        # whose incident may be settled, and in nobody's hand any more
        if not answered_before:
            self._open_for(record, at)

    def _open_for(self, record: CallRecord, at: float) -> None:
        if record.call_id in self._of_call:
            return
        before = self._of_call.get(record.callback_of or "")
        if before is not None:
            incident = self.in_hand[before]
            self._keep(incident, EntryKind.CALL_LINKED, at, _BY_THE_LINE, call_id=record.call_id)
            return
        contact = Contact(
            number=record.caller_number, name=record.caller_name, withheld=record.withheld
        )
        data = self._told_by(record.call_id, record.category, contact, at)
        if record.place_source is not None:
            data |= {name: getattr(record, name) for name in _PLACE}
            data |= {"source": record.place_source, "place": record.place or ""}
        by = By(record.operator or LINE, "phone" if record.operator else LINE)
        # named by the call, so that no engine opens a second one for it
        self._open(Incident(id=f"{record.call_id}i"), data, by, at)

    def _told_by(
        self, id: str, category: str | None, contact: Contact, at: float
    ) -> dict[str, Any]:
        """An entry OPENED of what this call, or this text conversation, has told."""
        return {
            "number": self.numbers.next(at),
            "category": self._category_of(category),
            "calls": [id],
            "contact": msgspec.to_builtins(contact),
        }

    def text_begun(self, record: ConversationRecord, at: float) -> None:
        """An operator has taken a text conversation for the first time: that is an incident too."""
        if record.id in self._of_call:
            return
        contact = Contact(number=record.number, name=record.name)
        data = self._told_by(record.id, record.category, contact, at)
        by = By(record.operator, "phone") if record.operator else By(LINE, "api")
        self._open(Incident(id=f"{record.id}i"), data, by, at)

    def text_closed(self, record: ConversationRecord, at: float) -> None:
        """A text conversation is over: it is so long until its incident is uncoded."""
        self._over(record.id, at)

    def call_ended(self, record: CallRecord, at: float, *, again: bool = False) -> None:
        """A call is over: whoever has answered it has so long to say what it was.

        `again`: it had an end before.
        """
        if record.operator_answered_at is not None and not record.legs and not again:
            # somebody at the fallback has answered it, and no engine was there
            self._open_for(record, at)
        self._over(record.call_id, at)

    def _over(self, id: str, at: float) -> None:
        incident = self.of_call(id)
        if incident is not None and incident.coded_at is None:
            self._limit(incident, at + self._rules.uncoded_after_s)

    # --- what people do -----------------------------------------------------------------------

    def of_call(self, call_id: str) -> Incident | None:
        """The incident in hand that a call, or a text conversation, belongs to."""
        return self.in_hand.get(self._of_call.get(call_id, ""))

    def named(self, name: str) -> Incident | None:
        """The incident in hand of that number, id or call."""
        number = as_number(name)
        if number is not None:
            found = (one for one in self.in_hand.values() if one.number == number)
            return next(found, None)
        return self.of_call(name) or self.in_hand.get(name)

    def open(self, data: Mapping[str, Any], by: By, now: float) -> Incident:
        """Open one by hand. `data`: as an entry OPENED has it, without the number."""
        number = {"number": self.numbers.next(now)}
        return self._open(Incident(id=new_id(now)), {**data, **number}, by, now)

    def code(
        self,
        incident: Incident,
        incident_class: IncidentClass | None,
        by: By,
        now: float,
        *,
        category: str | None = None,
    ) -> None:
        """Say what an incident is, or take that back (None); `category`: if it is another one."""
        more = {} if category is None else {"category": category}
        what = None if incident_class is None else incident_class.value
        self.change(incident, EntryKind.CODED, by, now, {"class": what, **more})

    def change(
        self,
        incident: Incident,
        kind: EntryKind,
        by: By,
        now: float,
        data: Mapping[str, Any],
        *,
        version: int | None = None,
    ) -> Incident:
        """Let one thing happen to an incident; returns it as it is then.

        `incident`: as the database has it; one that is in hand counts in its place. `version`: of
        what the person has read. Raises IncidentChanged if it has another one by now, and
        IncidentRefused if the move is not legal, or another incident stands in the place of this.
        """
        now_is = self._of_hand(incident)
        check_version(now_is, version)
        check_free(now_is, kind)
        check_size(now_is, kind, data)
        self._keep(now_is, kind, now, by, **data)
        if kind is EntryKind.MOVED:
            self.on_moved(now_is, now)
        elif kind is EntryKind.CODED:
            self.on_coded(now_is, now)
        if kind in (EntryKind.CODED, EntryKind.PRIORITISED):
            self.on_weighed(now_is, now)
        return now_is

    def change_all(
        self,
        incident: Incident,
        steps: Sequence[tuple[EntryKind, Mapping[str, Any]]],
        by: By,
        now: float,
        *,
        version: int | None = None,
    ) -> Incident:
        """Let several things happen to an incident, all of them or none; else as `change`."""
        incident = self._of_hand(incident)
        check_version(incident, version)
        trial = deepcopy(incident)
        for kind, data in steps:
            check_free(trial, kind)
            check_size(trial, kind, data)
            try_entry(trial, kind, data, now)
        with self._journal.together():
            for kind, data in steps:
                incident = self.change(incident, kind, by, now, data)
        return incident

    def note(
        self, incident: Incident, kind: EntryKind, by: By, now: float, data: Mapping[str, Any]
    ) -> None:
        """Write down what has happened of itself, whatever has become of the incident since."""
        self._keep(self._of_hand(incident), kind, now, by, **data)

    def note_talk(
        self, call_id: str, kind: EntryKind, operator: str | None, now: float, data: dict[str, Any]
    ) -> None:
        """Write down who else talks with the citizen of a call, or with its operator.

        Of an incident that is not in hand only the record of the call tells that.
        """
        incident = self.of_call(call_id)
        if incident is not None:
            by = By(operator or LINE, "phone")
            self.note(incident, kind, by, now, {"call_id": call_id, **data})

    def take(self, incident: Incident) -> Incident:
        """Have an incident in hand from now on, as something is to follow from it by itself."""
        incident = self._of_hand(incident)
        if incident.id not in self.in_hand:
            self._hold(incident)
        return incident

    def move(self, incident: Incident, state: IncidentState, by: By, now: float, why: str) -> None:
        """Bring an incident to a state. Raises what `change` raises."""
        self.change(incident, EntryKind.MOVED, by, now, {"state": state.value, "reason": why})

    def merge(self, one: Incident, into: Incident, by: By, now: float) -> None:
        """Let `into` stand in the place of `one` as well; nothing of either is copied or lost.

        Raises IncidentRefused if one of the two is merged already, or they are the same.
        """
        one, into = self._of_hand(one), self._of_hand(into)
        if one.id == into.id:
            raise IncidentRefused(f"{one.name} cannot be merged into itself.")
        for each in (one, into):
            if each.merged_into is not None:
                raise IncidentRefused(f"{each.name} is merged into another one already.")
        if into.state.is_over and not one.state.is_over:
            raise IncidentRefused(f"{into.name} is {into.state}; reopen it first.")
        if one.dispatches:
            raise IncidentRefused(
                f"Agencies are under way for {one.name.lower()}; merge the other one into it."
            )
        with self._journal.together():
            self._keep(one, EntryKind.MERGED, now, by, into=into.id, number=into.number)
            self._keep(into, EntryKind.TOOK_IN, now, by, incident=one.id, number=one.number)

    def unmerge(self, one: Incident, into: Incident, by: By, now: float) -> None:
        """Take back a merge: both are what they were, with what has happened to them since.

        `into`: the one that `one` is merged into. Raises IncidentRefused if it is not.
        """
        one, into = self._of_hand(one), self._of_hand(into)
        if one.merged_into != into.id:
            raise IncidentRefused(f"{one.name} is not merged into {into.name.lower()}.")
        with self._journal.together():
            self._keep(one, EntryKind.UNMERGED, now, by, into=into.id, number=into.number)
            self._keep(into, EntryKind.LET_GO, now, by, incident=one.id, number=one.number)

    def link(
        self, incident: Incident, record: CallRecord, before: Incident | None, by: By, now: float
    ) -> None:
        """Let a call belong to this incident, and its caller be one of the contacts.

        `before`: the incident that the call belongs to, if there is one.
        """
        incident = self._of_hand(incident)
        before = None if before is None else self._of_hand(before)
        if incident.merged_into is not None or record.call_id in incident.call_ids:
            raise IncidentRefused(f"The call cannot be linked to {incident.name.lower()}.")
        incident = self.take(incident)
        contact = msgspec.to_builtins(
            Contact(number=record.caller_number, name=record.caller_name, withheld=record.withheld)
        )
        with self._journal.together():
            if before is not None:
                before = self.take(before)
                call = {"call_id": record.call_id, "to": incident.id, "number": incident.number}
                self._keep(before, EntryKind.CALL_UNLINKED, now, by, **call)
            self._keep(incident, EntryKind.CALL_LINKED, now, by, call_id=record.call_id)
            self._keep(incident, EntryKind.CONTACT, now, by, **contact)

    def said(
        self, call_id: str, what: str | None, category: str | None, operator: str | None, now: float
    ) -> None:
        """Somebody has said what a call was (`acd.feature_codes.dispositions.OnSaid`)."""
        said = Said(
            call_id=call_id,
            incident_class=None if what is None else IncidentClass(what),
            category=category,
            by=By(operator, "phone") if operator is not None else By("supervisor", "api"),
        )
        incident = self.of_call(call_id)
        while incident is not None and incident.merged_into is not None:
            incident = self.in_hand.get(incident.merged_into)
        if incident is None:
            # settled under an earlier engine, or long ago: it has to be read first
            self.on_not_in_hand(said)
        else:
            self.code(incident, said.incident_class, said.by, now, category=category)

    # --- what is in hand ----------------------------------------------------------------------

    def remember(self, rows: Iterable[Mapping[str, Any]], now: float) -> None:
        """Take up what an earlier engine had in hand; what is newer here counts."""
        for row in rows:
            try:
                incident = msgspec.convert(row, Incident)
            except msgspec.ValidationError as error:
                log.error("incident_not_understood", id=str(row.get("id")), error=str(error))
                continue
            known = self.in_hand.get(incident.id)
            if incident.settled_at is None and (known is None or known.version < incident.version):
                self.numbers.know(incident.number)
                self._hold(incident)
                if incident.coded_at is None:
                    # when its call has ended is not known: whoever had it gets some more time
                    limit = self._rules.uncoded_after_s
                    until = max(incident.opened_at + limit, now + min(limit, AGAIN_S))
                    self._limit(incident, until)

    def forget(self, incident_id: str, until: float) -> None:
        """Have a settled incident in hand no more: the database is about to know it otherwise.

        Until then nobody changes it, for who has read it before would write back what was there.
        """
        if incident_id in self._settled:
            self._let_go(incident_id)
        if incident_id not in self.in_hand:
            self._leaving.add([incident_id], until)

    def _of_hand(self, incident: Incident) -> Incident:
        if incident.id in self._leaving:
            raise IncidentRefused(f"{incident.name} is being erased; try again in a minute.")
        return self.in_hand.get(incident.id, incident)

    def _hold(self, incident: Incident) -> None:
        self.in_hand[incident.id] = incident
        self._of_call.update(dict.fromkeys(incident.call_ids, incident.id))

    def _limit(self, incident: Incident, at: float) -> None:
        """Let an incident be uncoded at that time, unless somebody codes it before."""
        self._stop_limit(incident)
        self._limits[incident.id] = self._timers.at(at, lambda now: self._is_late(incident, now))

    def _stop_limit(self, incident: Incident) -> None:
        if (timer := self._limits.pop(incident.id, None)) is not None:
            timer.cancel()

    def _is_late(self, incident: Incident, now: float) -> None:
        if any(self.lives(call) for call in incident.call_ids):
            self._limit(incident, now + self._rules.uncoded_after_s)
        elif incident.coded_at is None:
            data = {"class": IncidentClass.UNCODED.value}
            self._keep(incident, EntryKind.CODED, now, _BY_THE_LINE, **data)

    def _open(self, incident: Incident, data: dict[str, Any], by: By, now: float) -> Incident:
        self._keep(incident, EntryKind.OPENED, now, by, **data)
        self._limit(incident, now + self._rules.uncoded_after_s)
        return incident

    def _keep(
        self, incident: Incident, kind: EntryKind, now: float, by: By, /, **data: Any
    ) -> None:
        """Let an entry happen; what nobody may read any more after it is unpublished with it."""
        if incident.publication is None or kind not in (EntryKind.CODED, EntryKind.MERGED):
            self._keep_one(incident, kind, now, by, data)
            return
        with self._journal.together():
            self._keep_one(incident, kind, now, by, data)
            if not may_be_public(incident):
                self._keep_one(incident, EntryKind.UNPUBLISHED, now, _BY_THE_LINE, {})

    def _keep_one(
        self, incident: Incident, kind: EntryKind, now: float, by: By, data: dict[str, Any]
    ) -> None:
        """Let an entry happen, and keep it with the row as it is then: one entry of the journal."""
        if self._priorities and "category" in data:  # opened or coded
            data |= self._priority(incident, data["category"])
        entry = Entry(
            incident_id=incident.id,
            seq=incident.version + 1,
            at=now,
            kind=kind,
            by=by.who,
            source=by.source,
            data=data,
        )
        try:
            apply(incident, entry)
        except IllegalMove:
            can = ", ".join(one for one in IncidentState if one in INCIDENT_MOVES[incident.state])
            raise IncidentRefused(
                f"{incident.name} is {incident.state} and cannot become {data['state']}; it can "
                f"become {can}."
            ) from None
        if incident.incident_class is not None or incident.due_for is not None:
            self._agree(incident, entry)
        row = incident.row()
        if incident.version == 1:
            for name in NOT_AT_FIRST:
                del row[name]
        self._journal.rows_together(
            (INCIDENTS, row),
            (TIMELINE, msgspec.structs.asdict(entry)),
            *rows_to_find_by(incident, entry, self._country),
        )
        self._follow(incident, kind, data)

    def _priority(self, incident: Incident, category: str | None) -> dict[str, int]:
        """What its new category makes of its priority, if nobody has said another than the old."""
        if incident.priority != (self._priorities.get(incident.category, USUAL_PRIORITY)):
            return {}
        wanted = self._priorities.get(category, USUAL_PRIORITY)
        return {} if wanted == incident.priority else {"priority": wanted}

    def _agree(self, incident: Incident, entry: Entry) -> None:
        """Note, in the entry that begins, ends or moves it, which agreed time runs from now on."""
        due = self._due(incident)
        at, what = (None, None) if due is None else (due.at, due.what.value)
        if (at, what) != (incident.due_at, incident.due_for):
            incident.due_at, incident.due_for = at, what
            entry.data.update(due_at=at, due_for=what)

    def _follow(self, incident: Incident, kind: EntryKind, data: Mapping[str, Any]) -> None:
        """Keep what is in hand in step with what has just happened."""
        if incident.id not in self.in_hand:
            if incident.settled_at is not None:
                return
            self._hold(incident)
        if kind is EntryKind.CALL_LINKED:
            self._of_call[data["call_id"]] = incident.id
        elif kind is EntryKind.CALL_UNLINKED:
            self._of_call.pop(data["call_id"], None)
        elif kind is EntryKind.CODED and incident.coded_at is None:
            self._limit(incident, incident.changed_at + self._rules.uncoded_after_s)
        elif kind is EntryKind.CODED:
            self._stop_limit(incident)
        self._settled.pop(incident.id, None)
        if incident.settled_at is not None:
            self._settled[incident.id] = None
            if len(self._settled) > MOST_SETTLED:
                self._let_go(next(iter(self._settled)))

    def _let_go(self, incident_id: str) -> None:
        del self._settled[incident_id]
        for call in self.in_hand.pop(incident_id).call_ids:
            self._of_call.pop(call, None)
