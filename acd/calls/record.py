"""The call record: what is kept of every call, computed from the call's events and nothing else.

`fold` is the only way a record comes to be, so the records, their totals and the append-only
events cannot disagree. Times are seconds since the epoch on the engine's steady clock (UTC, never
stepped while the engine lives), so a difference of two of them is a true duration.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from acd.languages import OWN_LANGUAGE


class Outcome(StrEnum):
    """How a call ended; every call that was offered has exactly one when it is over."""

    ANSWERED = "answered"  # an operator and the citizen were connected
    LOST_MENU = "lost_menu"  # the citizen hung up before the menu was done
    LOST_QUEUE = "lost_queue"  # ... while waiting for a free operator
    LOST_RINGING = "lost_ringing"  # ... while an operator's phone rang
    FALLBACK = "fallback"  # no engine served the call to its end; a phone of the fallback did
    LOST_FALLBACK = "lost_fallback"  # ... and nobody answered there
    CALLBACK = "callback"  # the line has called the citizen, who answered; no call that was offered
    INFORMATION = "information"  # the citizen heard the recorded information and hung up content
    TEST = "test"  # no citizen: whoever tries the line; in no figure (`ivr.line_tests`)


TAKEN_BACK = "taken_back"
"""The status of a FALLBACK event whose citizen an engine took back: an attempt, and no end."""


REFUSED = "refused"
"""The reason of LEFT where a phone answered and was gone at once: nobody has answered the call."""


class CategorySource(StrEnum):
    """How the category of a call came to be known."""

    MENU = "menu"  # a digit
    SILENCE = "silence"  # nothing was pressed
    INVALID = "invalid"  # what was pressed made no sense
    NONE = "none"  # the menu never got so far
    REDIAL = "redial"  # that of the call before, a moment ago
    CALLBACK = "callback"  # that of the call which is called back


class EventKind(StrEnum):
    """What can happen to a call. The names are those in the events table and in the exports."""

    # caller_number, caller_name, called_number, asterisk_id, language; if it is so: trunk,
    # withheld, nuisance (why), redial_of, callback_of, test (what a test call was told of itself:
    # codec)
    ARRIVED = "arrived"
    DIGIT = "digit"  # digit, menu
    # digit, stage (queued, ringing, talking), means (yes, no or "", in a talk): outside the menu
    KEY = "key"
    MENU_DONE = "menu_done"  # category, category_source, silent (if it is)
    LANGUAGE = "language"  # language: the citizen has chosen it
    INFORMATION_STARTED = "information_started"  # information
    INFORMATION_HEARD = "information_heard"  # information, prompt, ms, whole (to the piece's end)
    NOTICE_HEARD = "notice_heard"  # notice, ms, whole, enough: of a known big incident
    CALLBACK_WANTED = "callback_wanted"  # the citizen has pressed the key for one
    QUEUED = "queued"  # category, position
    PUT_FIRST = "put_first"  # by: a supervisor lets the call be served before all others
    MOVED = "moved"  # category, by: a supervisor lets it wait for another category
    OVERFLOW = "overflow"  # step, to: nobody was ready at all
    OFFERED = "offered"  # operator, phone, leg
    RINGING = "ringing"  # operator, phone, leg
    # operator, phone, leg, reason, ringing (how many still ring), still (who, if it is only one)
    OFFER_FAILED = "offer_failed"
    ANSWERED = "answered"  # operator, phone, leg
    HELD = "held"  # operator, phone, leg: the citizen hears music
    RESUMED = "resumed"  # operator, phone, leg
    TRANSFER_STARTED = "transfer_started"  # operator, phone, kind, to, form
    TRANSFER_FAILED = "transfer_failed"  # operator, phone, kind, to, reason
    JOINED = "joined"  # operator, phone, leg, how: another one speaks with the citizen
    LEFT = "left"  # operator, phone, leg, reason: ... and has left the others
    # operator, phone, kind, to, form, consulted (the two talked before): the first has handed over
    TRANSFERRED = "transferred"
    # source, lat, lon, radius_m, place (in words), kelurahan, kecamatan: where the citizen is
    LOCATED = "located"
    QUALITY = "quality"  # leg, loss_percent, jitter_ms
    CALLED_BACK = "called_back"  # of earlier versions: operator, phone, leg, to
    DISPOSITION = "disposition"  # disposition (None: taken back), operator: in the talk or after it
    TROUBLE = "trouble"  # what
    # ended_by, hangup_cause, position (of who hung up while waiting), informed (by a notice), again
    # (it had an end before)
    ENDED = "ended"
    FALLBACK = "fallback"  # status, step, phone, answered_at, why, run: no engine served meanwhile
    ERASED = "erased"  # why: what is personal was taken out of the record and of its events


COUNTED = tuple(one for one in Outcome if one not in (Outcome.CALLBACK, Outcome.TEST))
"""The outcomes of citizens' calls; each call that is offered has exactly one of them."""


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one call; `seq` counts from 1 within the call."""

    call_id: str
    seq: int
    at: float
    kind: EventKind
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What the fallback did with a call: `about` is what its FALLBACK event tells, `at` its time.

    `ended_at`: None if an engine took the citizen back.
    """

    at: float
    about: dict[str, Any]
    ended_at: float | None = None
    ended_by: str | None = None


class LegRecord(msgspec.Struct, kw_only=True):
    """A leg that spoke with the citizen: an operator's, an agency's. Times as in CallRecord.

    `phone`: the phone's number, the agency's number or its SIP address. `how`: answered (out of the
    queue), transfer, conference or callback. `reason`: how it ended.
    """

    leg: str
    operator: str | None = None
    phone: str | None = None
    how: str = "answered"
    joined_at: float = 0.0
    left_at: float | None = None
    reason: str | None = None


SELDOM = (
    "holds",
    "held_ms",
    "transfers",
    "redial_of",
    "callback_of",
    "wants_callback",
    "withheld",
    "silent",
    "nuisance",
    "disposition",
    "trunk",
)
"""Fields that most calls do not have.

Nothing empties one again once it is set, but for the disposition, which can be taken back; so the
journal writes that one into the database in any case (`journal.row_kinds`).
"""


PLACE_COLUMNS = ("place_source", "lat", "lon", "radius_m", "place", "kelurahan", "kecamatan")
"""The fields that say where the citizen is; a LOCATED event sets all of them."""


class CallRecord(msgspec.Struct, kw_only=True):
    """The row of `calls`; the fields and their names are the columns.

    `wait_ms`: from joining the queue to the operator's answer, or to the end. `ring_ms`: from the
    last offer to its answer, or to the end if the call ended while it rang. `talk_ms`: from the
    answer to the end. Each is None where the call never got so far. `operator`, `phone`: who
    answered first, or is being rung (nobody while it rings for several); who came later is in
    `legs`, one for each who spoke with the citizen. `held_ms`: how long the citizen was on hold, in
    `holds` turns. `redial_of`: the call that the citizen gave up a moment before. `callback_of`:
    the call whose citizen the line has called by this one. `wants_callback`: the
    citizen has pressed the key that asks for a call back. `place_source`: how the place is known
    (`places.place.PlaceSource`), `place`: it in words; `lat`, `lon` in WGS 84 degrees, and the
    citizen is within `radius_m` of there. `withheld`: the caller asked that the number be shown to
    nobody (RFC 3323); who sees it is `acd.numbers.withheld`. `silent`: nothing was pressed and
    nothing heard in the menu. `nuisance`: why it is served behind others (`acd.numbers.nuisance`).
    `disposition`: what an operator says that it was, such as prank. `trunk`: the address from
    which the INVITE came.
    """

    call_id: str
    asterisk_id: str = ""
    caller_number: str = ""
    caller_name: str = ""
    called_number: str = ""
    language: str = OWN_LANGUAGE
    category: str | None = None
    category_source: CategorySource = CategorySource.NONE
    arrived_at: float = 0.0
    menu_done_at: float | None = None
    queued_at: float | None = None
    first_offer_at: float | None = None
    last_offer_at: float | None = None
    operator_answered_at: float | None = None
    ended_at: float | None = None
    operator: str | None = None
    phone: str | None = None
    outcome: Outcome | None = None
    ended_by: str | None = None
    hangup_cause: int | None = None
    wait_ms: int | None = None
    ring_ms: int | None = None
    talk_ms: int | None = None
    loss_percent: float | None = None
    jitter_ms: float | None = None
    offers: int = 0
    informed: bool = False
    events: int = 0
    legs: list[LegRecord] = []
    holds: int = 0
    held_ms: int = 0
    transfers: int = 0
    redial_of: str | None = None
    callback_of: str | None = None
    wants_callback: bool = False
    place_source: str | None = None
    lat: float | None = None
    lon: float | None = None
    radius_m: float | None = None
    place: str | None = None
    kelurahan: str | None = None
    kecamatan: str | None = None
    withheld: bool = False
    silent: bool = False
    nuisance: str | None = None
    disposition: str | None = None
    trunk: str | None = None

    @property
    def latest(self) -> float:
        """The latest moment that the record knows."""
        moments = (
            self.arrived_at,
            self.menu_done_at,
            self.queued_at,
            self.last_offer_at,
            self.operator_answered_at,
            *(moment for leg in self.legs for moment in (leg.joined_at, leg.left_at)),
        )
        return max(one for one in moments if one is not None)

    def row(self) -> dict[str, Any]:
        """The record as the columns of `calls`; a copy, for the record goes on changing.

        Without what few calls have and this one has not (`SELDOM`, the place): each event writes
        the row.
        """
        row = msgspec.structs.asdict(self)
        for name in SELDOM:
            if not row[name]:
                del row[name]
        if self.place_source is None:
            for name in PLACE_COLUMNS:
                del row[name]
        row["legs"] = [msgspec.structs.asdict(leg) for leg in self.legs]
        return row


def _ms(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else max(0, round((end - start) * 1000))


def _outcome(record: CallRecord, ringing: bool, informed: bool) -> Outcome:
    if record.callback_of is not None:
        return Outcome.CALLBACK
    if record.operator_answered_at is not None:
        return Outcome.ANSWERED
    if record.queued_at is not None and not informed:
        return Outcome.LOST_RINGING if ringing else Outcome.LOST_QUEUE
    return Outcome.INFORMATION if record.informed or informed else Outcome.LOST_MENU


def _wait(record: CallRecord, at: float) -> None:
    if record.queued_at is None:
        record.queued_at = at
    if record.operator_answered_at is None:
        # an offer of an engine that died is over: who waits now, waits in the queue
        record.last_offer_at = record.operator = record.phone = record.outcome = None


def _offered(record: CallRecord, at: float, data: dict[str, Any]) -> None:
    record.offers += 1
    record.first_offer_at = at if record.first_offer_at is None else record.first_offer_at
    if record.operator_answered_at is None:
        alone = record.last_offer_at is None
        record.last_offer_at = at
        # of several whom it rings for, nobody has let it ring more than the others
        record.operator = data["operator"] if alone else None
        record.phone = data["phone"] if alone else None


def _answered(record: CallRecord, at: float, data: dict[str, Any]) -> None:
    if record.operator_answered_at is None:
        record.operator, record.phone = data["operator"], data["phone"]
        record.operator_answered_at, record.outcome = at, None
        record.ring_ms = _ms(record.last_offer_at, at)
    _joined(record, at, data)


def _joined(record: CallRecord, at: float, data: dict[str, Any]) -> None:
    record.legs.append(
        LegRecord(
            leg=data.get("leg", ""),
            operator=data["operator"],
            phone=data["phone"],
            how=data.get("how", "answered"),
            joined_at=at,
        )
    )


def _fell_back(record: CallRecord, data: dict[str, Any]) -> None:
    """The fallback served the call; an engine that took it back goes on with it."""
    if data.get("status") == TAKEN_BACK or record.operator_answered_at is not None:
        return
    record.outcome = Outcome.FALLBACK
    record.last_offer_at = record.operator = None
    record.operator_answered_at = data.get("answered_at")
    record.phone = data.get("phone")


def _left(record: CallRecord, at: float, leg: str, reason: str | None) -> None:
    for one in record.legs:
        if one.leg == leg and one.left_at is None:
            one.left_at, one.reason = at, reason
    if reason == REFUSED and all(one.reason == REFUSED for one in record.legs):
        record.operator_answered_at = record.ring_ms = record.last_offer_at = None
        record.operator = record.phone = None


def _end(record: CallRecord, at: float, data: dict[str, Any]) -> None:
    ringing = record.last_offer_at is not None
    record.ended_at = at
    record.ended_by = data.get("ended_by")
    record.hangup_cause = data.get("hangup_cause")
    if record.outcome is Outcome.FALLBACK and record.operator_answered_at is None:
        record.outcome = Outcome.LOST_FALLBACK
    record.outcome = record.outcome or _outcome(record, ringing, bool(data.get("informed")))
    answered = record.operator_answered_at
    record.wait_ms = _ms(record.queued_at, answered if answered is not None else at)
    if answered is None and ringing:
        record.ring_ms = _ms(record.last_offer_at, at)
    record.talk_ms = _ms(answered, at)
    for leg in record.legs:
        _left(record, at, leg.leg, record.ended_by)


_LEARNED = frozenset(
    (
        EventKind.LANGUAGE,
        EventKind.INFORMATION_STARTED,
        EventKind.CALLBACK_WANTED,
        EventKind.LOCATED,
        EventKind.DISPOSITION,
        EventKind.MOVED,
    )
)


def _learned(record: CallRecord, kind: EventKind, data: dict[str, Any]) -> None:
    """What became known of the citizen, or of the call."""
    match kind:
        case EventKind.LANGUAGE:
            record.language = data["language"]
        case EventKind.INFORMATION_STARTED:
            record.informed = True
        case EventKind.CALLBACK_WANTED:
            record.wants_callback = True
        case EventKind.LOCATED:
            _located(record, data)
        case EventKind.DISPOSITION:
            record.disposition = data.get("disposition")
        case EventKind.MOVED:
            record.category = data["category"]


def _located(record: CallRecord, data: dict[str, Any]) -> None:
    for name in PLACE_COLUMNS:
        setattr(record, name, data.get(name.removeprefix("place_")))


def _apply_to_legs(record: CallRecord, event: CallEvent) -> None:
    data, at = event.data, event.at
    match event.kind:
        case EventKind.OFFERED:
            _offered(record, at, data)
        case EventKind.OFFER_FAILED if record.operator_answered_at is None:
            still = data.get("still") or {}
            record.operator, record.phone = still.get("operator"), still.get("phone")
            if not data.get("ringing"):  # ... elsewhere
                record.last_offer_at = None
        case EventKind.ANSWERED:
            _answered(record, at, data)
        case EventKind.JOINED:
            _joined(record, at, data)
        case EventKind.LEFT:
            _left(record, at, data["leg"], data.get("reason"))
        case EventKind.HELD:
            record.holds += 1
        case EventKind.RESUMED:
            record.held_ms += data.get("held_ms", 0)
        case EventKind.TRANSFER_STARTED if data.get("kind") == "category":
            record.category = data["to"]  # an operator knows better than a key
        case EventKind.TRANSFERRED:
            record.transfers += 1


def apply(record: CallRecord, event: CallEvent) -> None:
    """Change `record` by one event of the same call; events come in the order of `seq`."""
    data, at = event.data, event.at
    record.events = event.seq
    match event.kind:
        case EventKind.ARRIVED:
            record.arrived_at = at
            record.asterisk_id = data.get("asterisk_id", "")
            record.caller_number = data.get("caller_number", "")
            record.caller_name = data.get("caller_name", "")
            record.called_number = data.get("called_number", "")
            record.language = data.get("language", record.language)
            if "redial_of" in data:
                record.redial_of = data["redial_of"]
            if "callback_of" in data:
                record.callback_of = data["callback_of"]
            if "test" in data:
                record.outcome = Outcome.TEST
            record.withheld = record.withheld or "withheld" in data
            if "nuisance" in data:
                record.nuisance = data["nuisance"]
            record.trunk = data.get("trunk")
        case EventKind.MENU_DONE:
            record.menu_done_at = at
            record.category = data["category"]
            record.category_source = CategorySource(data["category_source"])
            record.silent = record.silent or "silent" in data
        case EventKind.QUEUED:
            _wait(record, at)
        case EventKind.QUALITY if data.get("leg") == "citizen":
            record.loss_percent = data.get("loss_percent")
            record.jitter_ms = data.get("jitter_ms")
        case EventKind.FALLBACK:
            _fell_back(record, data)
        case EventKind.ENDED:
            _end(record, at, data)
        case kind if kind in _LEARNED:
            _learned(record, kind, data)
        case _:
            _apply_to_legs(record, event)


def fold(call_id: str, events: list[CallEvent]) -> CallRecord:
    """Compute the record of the call `call_id` from all its events."""
    record = CallRecord(call_id=call_id)
    for event in events:
        apply(record, event)
    return record
