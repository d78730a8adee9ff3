"""The incident: one record of an emergency, a complaint or a question, computed from its timeline.

`fold` is the only way an incident comes to be, so the record and the append-only timeline cannot
disagree. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from acd.calls.states import check
from incidents.states import INCIDENT_MOVES, IncidentClass, IncidentState
from incidents.words import kept_words

INCIDENTS, TIMELINE, CALLS_OF, CALLERS_OF, REFERENCES_OF = (
    "incidents",
    "incident_entries",
    "incident_calls",
    "incident_contacts",
    "incident_references",
)
"""The tables of its rows, of the entries of its timeline, and of which call, which caller's number
and which reference belongs to which."""

LINE = "line"
USUAL_PRIORITY = 3
"""Who has done what nobody did."""


class EntryKind(StrEnum):
    """What can happen to an incident. The names are those in the table and in the exports."""

    # number, calls, category, contact, description, and of the place what is known
    OPENED = "opened"
    CODED = "coded"  # class (None: taken back); category, if it is another
    DESCRIBED = "described"  # description
    NOTED = "noted"  # text; if so: follow_up (the citizen was told this), reply (the citizen's)
    LOCATED = "located"  # place, kelurahan, kecamatan, lat, lon, source
    PRIORITISED = "prioritised"  # priority
    # number, name, wants_outcome, withheld: one more, or another word about one
    CONTACT = "contact"
    ANSWERED = "answered"  # question, answer: of the category's protocol
    CALL_LINKED = "call_linked"  # call_id
    CALL_UNLINKED = "call_unlinked"  # call_id, to: it belongs to another incident
    # call_id, kind (operator, agency, category), to, name, how (transfer, conference)
    JOINED = "joined"  # somebody else talks with the citizen, called by an operator
    TALKS_ON = "talks_on"  # call_id, kind, to, name: the citizen has hung up, the two talk on
    MOVED = "moved"  # state, reason
    MERGED = "merged"  # into, number
    UNMERGED = "unmerged"  # into, number
    TOOK_IN = "took_in"  # incident, number: which was merged into this one
    LET_GO = "let_go"  # incident, number: which is one of its own again
    DISPATCHED = "dispatched"  # dispatch, agency, ways, origin (in whose place)
    DELIVERED = "delivered"  # dispatch, agency, way, receipt
    RUNG = "rung"  # dispatch, agency, to, reason, detail: rung by the line in vain
    NOT_DELIVERED = "not_delivered"  # dispatch, agency, way, reason, detail: and is not tried again
    OVERDUE = "overdue"  # dispatch, agency: nobody has accepted in the agreed time
    ESCALATED = (
        "escalated"  # dispatch, agency, to: whom of the chain is told now; None: nobody is left
    )
    ACKNOWLEDGED = "acknowledged"  # dispatch, agency
    DECLINED = "declined"  # dispatch, agency, reason
    PART_DONE = "part_done"  # dispatch, agency: it has done its part, and others are at work
    REPORT_LATE = "report_late"  # dispatch, agency: nothing was reported in the agreed time
    # item, call_id, operator (who is rung first): its caller is to confirm it
    VERIFICATION_ASKED = "verification_asked"
    VERIFIED = "verified"  # item, call_id (of the talk)
    NOT_VERIFIED = "not_verified"  # item, call_id, reason: nobody has talked with the caller
    DISPATCH_SETTLED = "dispatch_settled"  # dispatch, agency: nothing more follows by itself
    # why, whole: what is personal was taken out, of all who told of it or of some
    ERASED = "erased"
    # due_for, due_at: an agreed time was counted anew, for the calendar has changed. Whatever else
    # begins or ends such a time has these two beside what it tells
    DUE = "due"
    NUMBER_TOLD = "number_told"  # ways: the citizen was told the number, by voice, by text
    PUBLISHED = "published"  # what is published (`incidents.incident.Publication`)
    UNPUBLISHED = "unpublished"
    REFERENCED = "referenced"  # system, reference; removed (if it is no more)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one incident; `seq` counts from 1 within the incident.

    `by`: an operator's number, `supervisor`, an agency, or LINE. `source`: from where: phone, api,
    line.
    """

    incident_id: str
    seq: int
    at: float
    kind: EntryKind
    by: str
    source: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has told of the incident. `wants_outcome`: wishes to hear how it ended."""

    number: str
    name: str = ""
    wants_outcome: bool = False
    withheld: bool = False


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What another system calls the incident, such as LAPOR or SAMBAT."""

    system: str
    reference: str

    @property
    def name(self) -> str:
        """How people write it: LAPOR:123."""
        return f"{self.system}:{self.reference}"


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may read of an incident: words written for that, a place known to the map."""

    description: str
    kelurahan: str | None = None
    kecamatan: str | None = None
    lat: float | None = None
    lon: float | None = None


class Incident(msgspec.Struct, kw_only=True):
    """The row of `incidents`; the fields are the columns.

    `number`: what a person says, as 2026-000123; "" where it could not be given. `incident_class`:
    None until somebody has said what it is (`coded_at`). `category`: an id of the city's tree.
    `priority`: 1 (first) to 5. `answers`: by the ids of the questions. `call_ids`: the calls and
    the text conversations that told of it, by their ids. `merged_into`: the incident that is worked
    on in the place of this one. `dispatches`: the ids of those of which something follows by
    itself. `verification`: the work item by which its caller is to confirm it, while that is open;
    `verified_at`, `verified_by`: when, and by which operator, its caller was talked with for that
    last. `settled_at`: coded, and nothing of this is open; None while an engine has to have it in
    hand. `version`: of how many entries of the timeline this is the state.

    `forwarded_at`: an agency was told for the first time, by the line or as a state says.
    `reported_at`: one has reported, and `followed_up_at`: the citizen was told what came of it,
    both None from the citizen's reply on (`replied_at`). `due_at`, `due_for`: the agreed time that
    runs (`incidents.agreed_times`). `references`: what other systems call it. `number_told_at`: the
    citizen was told the number. `publication`: what everybody may read of it, None unless somebody
    has published it.
    """

    id: str
    number: str = ""
    state: IncidentState = IncidentState.OPENED
    incident_class: IncidentClass | None = None
    category: str | None = None
    priority: int = USUAL_PRIORITY
    opened_at: float = 0.0
    opened_by: str = LINE
    description: str = ""
    place: str = ""
    place_source: str | None = None
    lat: float | None = None
    lon: float | None = None
    kelurahan: str | None = None
    kecamatan: str | None = None
    contacts: list[Contact] = []
    answers: dict[str, str] = {}
    call_ids: list[str] = []
    merged_into: str | None = None
    dispatches: list[str] = []
    verification: str | None = None
    verified_at: float | None = None
    verified_by: str | None = None
    coded_at: float | None = None
    settled_at: float | None = None
    changed_at: float = 0.0
    over_at: float | None = None
    version: int = 0
    forwarded_at: float | None = None
    reported_at: float | None = None
    followed_up_at: float | None = None
    replied_at: float | None = None
    due_at: float | None = None
    due_for: str | None = None
    references: list[Reference] = []
    number_told_at: float | None = None
    published_at: float | None = None
    publication: Publication | None = None

    @property
    def name(self) -> str:
        """How a sentence names it."""
        return f"Incident {self.number or self.id}"

    def row(self) -> dict[str, Any]:
        """The incident as the columns of `incidents`; a copy, for the incident goes on changing.

        The column `words` has no field: it is what the incident is found by.
        """
        row = msgspec.structs.asdict(self)
        row["contacts"] = [msgspec.to_builtins(one) for one in self.contacts]
        row["answers"] = dict(self.answers)
        if self.publication is not None:
            row["publication"] = msgspec.to_builtins(self.publication)
        if self.references:
            row["references"] = [msgspec.to_builtins(one) for one in self.references]
        row["call_ids"], row["dispatches"] = list(self.call_ids), list(self.dispatches)
        row["words"] = ""  # of a call that has just been answered, usually
        if self.description or self.place or self.kelurahan or self.kecamatan:
            row["words"] = kept_words(self.description, self.place, self.kelurahan, self.kecamatan)
        return row


_PLACE = ("place", "kelurahan", "kecamatan", "lat", "lon")

NOT_AT_FIRST = (
    *("verification", "verified_at", "verified_by", "forwarded_at", "reported_at"),
    *("followed_up_at", "replied_at", "due_at", "due_for", "references", "number_told_at"),
    *("published_at", "publication"),
)
"""Fields that nothing has set when an incident is opened; the row of the opening leaves them out.

An answered call writes that row, and is to write no more for what hardly any incident has.
"""


def apply(incident: Incident, entry: Entry) -> None:  # noqa: C901, PLR0912, PLR0915 - one case an entry
    """Change `incident` by one entry of its timeline; entries come in the order of `seq`.

    Raises IllegalMove, and changes nothing, if the incident cannot come to be in that state.
    """
    data, at = entry.data, entry.at
    if entry.kind is EntryKind.MOVED:
        check(INCIDENT_MOVES, incident.state, IncidentState(data["state"]))
    match entry.kind:
        case EntryKind.OPENED:
            incident.number, incident.category = data.get("number", ""), data.get("category")
            incident.opened_at, incident.opened_by = at, entry.by
            if "priority" in data:
                incident.priority = data["priority"]
            incident.description = data.get("description", "")
            _locate(incident, data)
            incident.call_ids = list(data.get("calls", []))
            if "contact" in data:
                _meet(incident, msgspec.convert(data["contact"], Contact))
        case EntryKind.CODED:
            what = data["class"]
            incident.incident_class = None if what is None else IncidentClass(what)
            incident.category = data.get("category", incident.category)
            incident.priority = data.get("priority", incident.priority)
            incident.coded_at = None if what is None else at
        case EntryKind.DESCRIBED:
            incident.description = data["description"]
        case EntryKind.LOCATED:
            _locate(incident, data)
        case EntryKind.PRIORITISED:
            incident.priority = data["priority"]
        case EntryKind.CONTACT:
            _meet(incident, msgspec.convert(data, Contact))
        case EntryKind.ANSWERED:
            incident.answers = {**incident.answers, data["question"]: data["answer"]}
        case EntryKind.PUBLISHED:
            incident.published_at, incident.publication = at, msgspec.convert(data, Publication)
        case EntryKind.ERASED if data.get("whole"):
            incident.published_at = incident.publication = None
        case EntryKind.UNPUBLISHED:
            incident.published_at = incident.publication = None
        case EntryKind.NUMBER_TOLD:
            incident.number_told_at = at
        case EntryKind.REFERENCED:
            _refer(incident, data)
        case EntryKind.CALL_LINKED:
            incident.call_ids = [*incident.call_ids, data["call_id"]]
        case EntryKind.CALL_UNLINKED:
            incident.call_ids = [one for one in incident.call_ids if one != data["call_id"]]
        case EntryKind.MOVED:
            incident.state = IncidentState(data["state"])
            incident.over_at = at if incident.state.is_over else None
        case EntryKind.MERGED:
            incident.merged_into = data["into"]
        case EntryKind.UNMERGED:
            incident.merged_into = None
        case EntryKind.DISPATCHED:
            incident.dispatches = [*incident.dispatches, data["dispatch"]]
        case EntryKind.VERIFICATION_ASKED | EntryKind.VERIFIED | EntryKind.NOT_VERIFIED:
            _verify(incident, entry)
        case EntryKind.DISPATCH_SETTLED:
            incident.dispatches = [one for one in incident.dispatches if one != data["dispatch"]]
    if entry.kind is not EntryKind.OPENED:  # no agreed time runs before somebody says what it is
        _time(incident, entry)
    incident.changed_at, incident.version = at, entry.seq
    if incident.coded_at is None or incident.dispatches or incident.verification is not None:
        incident.settled_at = None
    elif incident.settled_at is None:
        incident.settled_at = at


_FORWARDED = (IncidentState.DISPATCHED, IncidentState.ACKNOWLEDGED, IncidentState.ON_SCENE)


def _time(incident: Incident, entry: Entry) -> None:
    """Note what agreed times are counted from, and the one that runs as the entry tells it."""
    data, at = entry.data, entry.at
    state = data.get("state") if entry.kind is EntryKind.MOVED else None
    # somebody who has told an agency by telephone says so by the state
    is_forwarded = entry.kind is EntryKind.DISPATCHED or state in _FORWARDED
    if is_forwarded and incident.forwarded_at is None:
        incident.forwarded_at = at
    if entry.kind is EntryKind.PART_DONE or state == IncidentState.ON_SCENE:
        incident.reported_at = at
    elif state == IncidentState.RESOLVED or data.get("follow_up") is True:
        incident.followed_up_at = at
    elif state == IncidentState.REOPENED or _is_reply(incident, entry):
        incident.reported_at = incident.followed_up_at = None
        incident.replied_at = at
    if "due_for" in data:
        incident.due_at, incident.due_for = data["due_at"], data["due_for"]


def _is_reply(incident: Incident, entry: Entry) -> bool:
    """Whether the citizen has replied to the follow-up: by a call, or as somebody has noted."""
    said = entry.kind is EntryKind.CALL_LINKED or entry.data.get("reply") is True
    return said and incident.followed_up_at is not None


def fold(incident_id: str, entries: Iterable[Entry]) -> Incident:
    """Compute the incident from all entries of its timeline."""
    incident = Incident(id=incident_id)
    for entry in entries:
        apply(incident, entry)
    return incident


def _refer(incident: Incident, data: dict[str, Any]) -> None:
    one = Reference(system=data["system"], reference=data["reference"])
    others = [known for known in incident.references if known != one]
    incident.references = others if data.get("removed") else [*others, one]


def _locate(incident: Incident, data: dict[str, Any]) -> None:
    for name in _PLACE:
        if name in data:
            setattr(incident, name, data[name])
    incident.place_source = data.get("source", incident.place_source)


def _verify(incident: Incident, entry: Entry) -> None:
    is_asked = entry.kind is EntryKind.VERIFICATION_ASKED
    incident.verification = entry.data["item"] if is_asked else None
    if entry.kind is EntryKind.VERIFIED:
        incident.verified_at, incident.verified_by = entry.at, entry.by


def _meet(incident: Incident, contact: Contact) -> None:
    """Take up a contact; of a number that is known it is another word about that one."""
    known = [one for one in incident.contacts if one.number == contact.number and one.number]
    if known:
        # who withholds a number does so, whoever writes down the name
        withheld = contact.withheld or known[0].withheld
        contact = msgspec.structs.replace(contact, withheld=withheld)
        incident.contacts = [contact if one is known[0] else one for one in incident.contacts]
    else:
        incident.contacts = [*incident.contacts, contact]
