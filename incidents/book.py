"""The incidents that an engine has in hand, and everything that is done to one.

Each answered call opens one, in the same write of the journal as the answer. Those of which
something follows by itself are kept for the next engine; after a time without a code an incident is
`uncoded`. What is done to one that is not in hand begins with its row out of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import structlog

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.record import CallRecord
from acd.calls.states import IllegalMove
from acd.numbers.caller import same_caller
from acd.rules.incidents import IncidentRules
from acd.timers import Timer, Timers
from incidents.errors import IncidentChanged, IncidentRefused
from incidents.incident import (
    CALLERS_OF,
    CALLS_OF,
    INCIDENTS,
    LINE,
    TIMELINE,
    Contact,
    Entry,
    EntryKind,
    Incident,
    apply,
)
from incidents.numbers import Numbers, as_number
from incidents.states import IncidentClass, IncidentState

log = structlog.get_logger("incidents")

MOST_SETTLED = 1000
"""So many settled incidents stay in hand, the newest ones, for who changes them."""

LONGEST_CALLER = 32
"""Characters of a number by which an incident is found (a column's length)."""

_PLACE = ("place", "kelurahan", "kecamatan", "lat", "lon")


class By(msgspec.Struct, frozen=True):
    """Who does something, and from where: an operator by the phone, a supervisor by the API."""

    who: str = LINE
    source: str = LINE


_BY_THE_LINE = By()
_DONE = (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED)


class IncidentBook:
    """All incidents that this engine has in hand, by id.

    `on_over(incident, now)`: it is over, or resolved; set by who follows its dispatches.
    `country`: where numbers without a country code are from. `lives(call_id)`: whether a call is
    still up; set by whoever routes events. `category_of(category)`: the incident's category
    for a call that waited for that one.
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
    ) -> None:
        self._journal, self._timers, self._rules = journal, timers, rules
        self._country = country
        self.numbers, self._category_of = numbers, category_of
        self.lives: Callable[[str], bool] = lambda call_id: False
        self.in_hand: dict[str, Incident] = {}
        self._of_call: dict[str, str] = {}  # call -> incident, of those in hand
        self._limits: dict[str, Timer] = {}  # incident -> when it is uncoded
        self._settled: dict[str, None] = {}  # in the order in which they came to be so
        self.on_over: Callable[[Incident, float], None] = lambda incident, now: None

    # --- what happens to calls ----------------------------------------------------------------

    def call_answered(self, record: CallRecord, at: float) -> None:
        """An operator and the citizen talk: that is an incident, unless the call has one."""
        if record.call_id in self._of_call:
            return
        before = self._of_call.get(record.callback_of or "")
        if before is not None:
            incident = self.in_hand[before]
            self._keep(incident, EntryKind.CALL_LINKED, at, _BY_THE_LINE, call_id=record.call_id)
            return
        data: dict[str, Any] = {
            "number": self.numbers.next(at),
            "category": self._category_of(record.category),
            "calls": [one for one in (record.callback_of, record.call_id) if one is not None],
            "contact": msgspec.to_builtins(
                Contact(
                    number=record.caller_number,
                    name=record.caller_name,
                    withheld=record.withheld,
                )
            ),
        }
        if record.place_source is not None:
            data |= {name: getattr(record, name) for name in _PLACE}
            data |= {"source": record.place_source, "place": record.place or ""}
        by = By(record.operator or LINE, "phone" if record.operator else LINE)
        # named by the call, so that no engine opens a second one for it
        self._open(Incident(id=record.call_id), data, by, at)

    def call_ended(self, record: CallRecord, at: float) -> None:
        """A call is over: whoever has answered it has so long to say what it was."""
        if record.operator_answered_at is not None and not record.legs:
            # somebody at the fallback has answered it, and no engine was there
            self.call_answered(record, at)
        incident = self.of_call(record.call_id)
        if incident is not None and incident.coded_at is None:
            self._limit(incident, at + self._rules.uncoded_after_s)

    # --- what people do -----------------------------------------------------------------------

    def of_call(self, call_id: str) -> Incident | None:
        """The incident in hand that a call belongs to."""
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
        _check(now_is, version)
        if now_is.merged_into is not None and kind is not EntryKind.NOTED:
            raise IncidentRefused(
                f"{now_is.name} is merged into another one; change that, or unmerge this first."
            )
        self._keep(now_is, kind, now, by, **data)
        if kind is EntryKind.MOVED and now_is.state in _DONE:
            self.on_over(now_is, now)
        return now_is

    def note(
        self, incident: Incident, kind: EntryKind, by: By, now: float, data: Mapping[str, Any]
    ) -> None:
        """Write down what has happened of itself, whatever has become of the incident since."""
        self._keep(self._of_hand(incident), kind, now, by, **data)

    def take(self, incident: Incident) -> Incident:
        """Have an incident in hand from now on, as something is to follow from it by itself."""
        if incident.id not in self.in_hand:
            self._hold(incident)
        return self.in_hand[incident.id]

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
        if incident.merged_into is not None or record.call_id in incident.call_ids:
            raise IncidentRefused(f"The call cannot be linked to {incident.name.lower()}.")
        contact = msgspec.to_builtins(
            Contact(number=record.caller_number, name=record.caller_name, withheld=record.withheld)
        )
        with self._journal.together():
            if before is not None:
                before = self._of_hand(before)
                call = {"call_id": record.call_id, "to": incident.id, "number": incident.number}
                self._keep(before, EntryKind.CALL_UNLINKED, now, by, **call)
            self._keep(incident, EntryKind.CALL_LINKED, now, by, call_id=record.call_id)
            self._keep(incident, EntryKind.CONTACT, now, by, **contact)

    def said(
        self, call_id: str, what: str | None, category: str | None, operator: str | None, now: float
    ) -> None:
        """Somebody has said what a call was (`acd.feature_codes.dispositions.OnSaid`)."""
        incident = self.of_call(call_id)
        if incident is None:
            # coded by an earlier engine, or so long ago that it is not in hand any more
            log.warning("incident_not_in_hand", call_id=call_id)
            return
        if incident.merged_into is None:
            by = By(operator, "phone") if operator is not None else By("supervisor", "api")
            what_is = None if what is None else IncidentClass(what)
            self.code(incident, what_is, by, now, category=category)

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
                    until = incident.opened_at + self._rules.uncoded_after_s
                    self._limit(incident, max(now, until))

    def _of_hand(self, incident: Incident) -> Incident:
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
        self._hold(incident)
        self._limit(incident, now + self._rules.uncoded_after_s)
        return incident

    def _keep(
        self, incident: Incident, kind: EntryKind, now: float, by: By, /, **data: Any
    ) -> None:
        """Let an entry happen, and keep it with the row as it is then: one entry of the journal."""
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
        except IllegalMove as error:
            raise IncidentRefused(f"{incident.name}: {error}") from None
        self._journal.rows_together(
            (INCIDENTS, incident.row()),
            (TIMELINE, msgspec.structs.asdict(entry)),
            *self._to_find_by(incident, entry),
        )
        self._follow(incident, kind, data)

    def _to_find_by(self, incident: Incident, entry: Entry) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows by which an incident is found: by its calls, and by who has told of it."""
        data = entry.data
        if entry.kind is EntryKind.CALL_LINKED:
            yield CALLS_OF, {"call_id": data["call_id"], "incident_id": incident.id}
        elif entry.kind is EntryKind.CONTACT:
            yield from self._caller(incident, data)
        elif entry.kind is EntryKind.OPENED:
            for call_id in data.get("calls", []):
                yield CALLS_OF, {"call_id": call_id, "incident_id": incident.id}
            yield from self._caller(incident, data.get("contact", {}))

    def _caller(
        self, incident: Incident, contact: Mapping[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        caller = same_caller(contact.get("number", ""), self._country)
        if caller is not None:
            yield CALLERS_OF, {"incident_id": incident.id, "caller": caller[:LONGEST_CALLER]}

    def _follow(self, incident: Incident, kind: EntryKind, data: Mapping[str, Any]) -> None:
        """Keep what is in hand in step with what has just happened."""
        if incident.id not in self.in_hand:
            return
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


def _check(incident: Incident, version: int | None) -> None:
    if version is not None and version != incident.version:
        raise IncidentChanged(
            f"{incident.name} was changed meanwhile: you have read version {version}, and it is "
            f"{incident.version} now. Read it again; nothing was changed."
        )
