"""What the API answers: the types of all answers, by which its document is made.

The tests hold every answer against its type.
"""

from __future__ import annotations

from typing import Any, Optional

import msgspec
from msgspec import UNSET, UnsetType

from acd.agencies.agency import Agency as KeptAgency
from acd.calls.record import CallEvent as KeptEvent
from acd.calls.record import CallRecord, LegRecord
from acd.operators.operator import Device, Status
from acd.operators.states import State
from acd.switch import MonitorMode
from acd.texts.conversation import ConversationRecord
from acd.texts.conversation import TextMessage as KeptMessage
from acd.work_items.item import Step as KeptStep
from acd.work_items.item import WorkItem
from incidents.categories import Category as KeptCategory
from incidents.categories import Question
from incidents.dispatch import Delivery as KeptDelivery
from incidents.dispatch import Dispatch as KeptDispatch
from incidents.dispatch import DispatchState
from incidents.incident import Contact as KeptContact
from incidents.incident import Entry
from incidents.incident import Incident as KeptIncident
from incidents.states import IncidentClass
from ngalam112.accounts.people import Person as KeptPerson
from ngalam112.accounts.people import Token as KeptToken
from ngalam112.accounts.places import KeptPlace
from ngalam112.alarms.alarm import Alarm as KeptAlarm
from ngalam112.api.shown import Moment, answer, many, shown
from ngalam112.api.state import LoadState
from privacy.trail import Look
from public_warnings.in_force import PublicWarning
from reports.parts import Report as TablesOfReport
from reports.summary import Summary

_MAYBE: Any = Optional[Moment]  # noqa: UP045 - a value, not an annotation


class Error(msgspec.Struct):
    """Why nothing was done: one sentence for a person. What to do by a program says the status."""

    error: str


# --- calls ----------------------------------------------------------------------------------------

Leg = shown(LegRecord, "Leg", "A leg that spoke with the citizen.")
Call = shown(CallRecord, "Call", "A call as it is kept.", legs=many(Leg))
CallEvent = shown(
    KeptEvent,
    "CallEvent",
    "One thing that happened to a call; `seq` counts from 1. What `data` holds depends on `kind`.",
    without=("call_id",),
)
Calls = answer("Calls", "The newest calls first.", calls=many(Call), restricted=int | UnsetType)
FoundCall = answer(
    "FoundCall", "A call and its events in their order.", call=Call, events=many(CallEvent)
)
Totals = Summary
Report = TablesOfReport

# --- callbacks ------------------------------------------------------------------------------------

Step = shown(KeptStep, "Step", "One step of a callback.", omits=True)
Callback = shown(WorkItem, "Callback", "A call that the line owes a citizen.", history=many(Step))
Callbacks = answer("Callbacks", "Who has waited longest first.", callbacks=many(Callback))
FoundCallback = answer("FoundCallback", "One callback.", callback=Callback)

# --- operators and phones -------------------------------------------------------------------------


class Operator(msgspec.Struct):
    """An operator. `status`: what the operator has chosen; `state`: what calls make of it.

    `call`, `text`: the call or callback, and the conversation, that the operator has.
    """

    id: str
    name: str
    status: Status
    state: State
    phone: str | None
    home_phone: str | None
    pause_reason: str | None
    status_since: Moment | None
    calls_taken: int
    skills: dict[str, int]
    weight: int
    wrap_up_until: Moment | None
    call: str | None
    text: str | None


class Phone(msgspec.Struct):
    """A phone. `device`: what Asterisk says of it. `operator`: who is logged in there."""

    number: str
    contact: str | None
    device: Device
    operator: str | None


class Monitor(msgspec.Struct):
    """A phone that hears an operator's talk, or rings for it. `call`: the call's id.

    `by`, `reason`: who has asked for it, and why.
    """

    phone: str
    operator: str
    call: str
    mode: MonitorMode
    hears: bool
    by: str
    reason: str


class Monitors(msgspec.Struct):
    """In the order of the phones."""

    monitors: list[Monitor]


class MadePhone(msgspec.Struct):
    """A new phone; its password is told this once. `in_effect`: Asterisk knows it already."""

    number: str
    password: str
    contact: str | None
    in_effect: bool


class RemovedOperator(msgspec.Struct):
    """An operator who is removed."""

    id: str


class RemovedPhone(msgspec.Struct):
    """A phone that is removed. `in_effect`: Asterisk knows so already."""

    number: str
    in_effect: bool


class Operators(msgspec.Struct):
    """All operators, in the order of their ids."""

    operators: list[Operator]


class Phones(msgspec.Struct):
    """All phones, in the order of their numbers."""

    phones: list[Phone]


# --- text conversations ---------------------------------------------------------------------------

TextConversation = shown(ConversationRecord, "TextConversation", "A text conversation.")
TextMessage = shown(KeptMessage, "TextMessage", "A message of a text conversation.")
Texts = answer("Texts", "The newest conversations first.", texts=many(TextConversation))
# --- incidents ------------------------------------------------------------------------------------

Contact = shown(KeptContact, "Contact", "Somebody who has told of an incident.")
Incident = shown(KeptIncident, "Incident", "An incident.", contacts=many(Contact))
TimelineEntry = shown(
    Entry,
    "TimelineEntry",
    "One thing that happened to an incident; `seq` counts from 1 within it. What `data` holds"
    " depends on `kind`.",
)
Delivery = shown(
    KeptDelivery,
    "Delivery",
    "One message to an agency, by one way.",
    omits=True,
    try_at=_MAYBE,
    delivered_at=_MAYBE,
)
Dispatch = shown(
    KeptDispatch,
    "Dispatch",
    "An agency is told of an incident, and followed until it has accepted.",
    deliveries=many(Delivery),
)
ListedDispatch = shown(
    KeptDispatch,
    "ListedDispatch",
    "A dispatch with its incident.",
    deliveries=many(Delivery),
    incident=Incident,
)
Proposal = answer(
    "Proposal",
    "An incident that may be the same one. `because`: caller, place or text.",
    because=str,
    incident=Incident,
)
Incidents = answer(
    "Incidents", "The newest incidents first.", incidents=many(Incident), restricted=int | UnsetType
)
AgreedTime = answer(
    "AgreedTime",
    "The agreed time that runs. `working_days`: until then; fewer than 0 since then.",
    **{"for": str, "at": str, "working_days": int | None},
)
FoundIncident = answer(
    "FoundIncident",
    "All that is known of an incident. `texts`: the text conversations among its `call_ids`."
    " `merged`: those that it stands in the place of.",
    incident=Incident,
    due=AgreedTime | None,
    entries=many(TimelineEntry),
    dispatches=many(Dispatch),
    texts=many(TextConversation),
    merged=many(Incident),
    proposals=many(Proposal),
)
FoundText = answer(
    "FoundText",
    "A conversation, its messages in order, the latest calls of the same number, and the incident"
    " that it belongs to; null before an operator has taken it.",
    text=TextConversation,
    messages=many(TextMessage),
    calls=many(Call),
    incident=Incident | None,
)
Dispatches = answer("Dispatches", "The oldest first.", dispatches=many(ListedDispatch))
MadeDispatches = answer("MadeDispatches", "The dispatches made.", dispatches=many(Dispatch))
AnsweredDispatch = answer("AnsweredDispatch", "The dispatch as it is now.", dispatch=Dispatch)
DeskDispatch = answer(
    "DeskDispatch",
    "A dispatch as the people of its agency see it. `incident`: its number. `standing`: open,"
    " accepted, declined or over. `actions`: what the agency may do now. `report`: what the agency"
    " was told, with what is known since; null when it is over or declined.",
    id=str,
    incident_id=str,
    incident=str,
    incident_state=str,
    state=DispatchState,
    standing=str,
    actions=many(str),
    created_at=Moment,
    due_at=_MAYBE,
    acknowledged_at=_MAYBE,
    report=dict[str, Any] | None,
)
DeskDispatches = answer("DeskDispatches", "The oldest first.", dispatches=many(DeskDispatch))
DeskFound = answer("DeskFound", "The dispatch as it is now.", dispatch=DeskDispatch)

# --- agencies, places, notices, warnings ----------------------------------------------------------

Agency = shown(
    KeptAgency,
    "Agency",
    "An agency. `ways`: how it can be reached: voice, mail, webhook.",
    ways=many(str),
)
Agencies = answer("Agencies", "Agencies.", agencies=many(Agency))
FoundAgency = answer("FoundAgency", "One agency.", agency=Agency)
Category = shown(
    KeptCategory,
    "Category",
    "A category of incidents. `class`: the nation's. `questions`, `agencies`: its own.",
    without=("national_class", "questions"),
    **{"class": IncidentClass, "questions": many(Question), "agencies": many(str)},
)
Categories = answer(
    "Categories",
    "Categories, by their codes. `version`: of the tree, which grows with each change.",
    version=str,
    categories=many(Category),
)
OneCategory = answer("OneCategory", "One category.", category=Category)
FoundCategory = answer(
    "FoundCategory",
    "One category. `path`: what it is a part of, itself last. `asked`: its questions, behind those"
    " of its parents. `sent`: the agencies that are usually sent, its parents' if it has none.",
    category=Category,
    path=many(str),
    asked=many(Question),
    sent=many(str),
)
Place = shown(KeptPlace, "Place", "The place of a fixed number.", without=("caller",))
Places = answer("Places", "In the order of their numbers.", places=many(Place))


Person = shown(
    KeptPerson,
    "Person",
    "Who may use the line by a token.",
    without=("pin_hash",),
    has_pin=bool,
)
AllPeople = answer("AllPeople", "People, by their ids.", people=many(Person))
Token = shown(
    KeptToken,
    "Token",
    "A token. `state`: valid, expired or revoked.",
    without=("digest",),
    state=str,
)
AuditLine = shown(
    Look,
    "AuditLine",
    "Who has changed, heard, erased or exported what, or was refused it.",
)
Alarm = shown(KeptAlarm, "Alarm", "An alarm.")
Alarms = answer("Alarms", "The last begun first.", alarms=many(Alarm))
Audit = answer("Audit", "The last one first.", audit=many(AuditLine))
Tokens = answer("Tokens", "By whose they are, the newest first.", tokens=many(Token))
MadeToken = answer(
    "MadeToken", "A token and its secret, which is told only here.", token=Token, secret=str
)


class LetGone(msgspec.Struct):
    """How many calls and incidents the engine has let go of."""

    let_go: int


class KeptPlaces(msgspec.Struct):
    """How many places were kept."""

    places: int


class RemovedPlace(msgspec.Struct):
    """The number whose place was removed."""

    number: str


class Notice(msgspec.Struct):
    """What callers are told of a known big incident. `seconds`, `words`: by language."""

    id: str
    category: str | None
    since: Moment = msgspec.field(name="from")
    until: Moment
    seconds: dict[str, float]
    words: dict[str, str]


class Notices(msgspec.Struct):
    """Notices."""

    notices: list[Notice]


class Feed(msgspec.Struct):
    """How the list of warnings is. `said`: why none comes. `credit`: to be shown beside them."""

    feed: str
    said: str
    good_at: Moment | None
    away_since: Moment | None
    broken: str
    credit: str


PublicWarningShown = shown(
    PublicWarning,
    "Warning",
    "A warning for the city, of an authority. `words`: all of it in one line.",
    sent=Moment,
    begins=Moment,
    expires=Moment,
    has_begun=bool,
    words=str,
    credit=str,
)
Warnings = answer("Warnings", "The worst first.", feed=Feed, warnings=many(PublicWarningShown))

# --- the line now ---------------------------------------------------------------------------------


class Health(msgspec.Struct):
    """Whether calls can be served. `down`: links that are down; calls can do without a database."""

    ok: bool
    down: list[str] | UnsetType = UNSET


class EngineState(msgspec.Struct):
    """The engine that serves: its links, and how it stands with what is kept."""

    version: str
    pid: int
    uptime_s: float
    ari: bool
    ami: bool
    database: bool
    inbox: int
    backlog: int
    database_away_since: Moment | None
    journal_failing_since: Moment | None
    entries_lost: int
    event_errors: int
    clock_ahead_s: float


class QueueState(msgspec.Struct):
    """Who waits. `longest_wait_s`: of the citizens who have no operator yet."""

    length: int
    longest_wait_s: float


class TrunkState(msgspec.Struct):
    """`down`: hosts that do not answer OPTIONS. `silent_min`: no call has come for longer."""

    down: list[str]
    silent_min: float | None


class OperatorsState(msgspec.Struct):
    """How many operators there are in each status and state."""

    status: dict[Status, int]
    state: dict[State, int]


class LivingPlace(msgspec.Struct):
    """Where the citizen of a living call is."""

    source: str
    lat: float | None
    lon: float | None
    radius_m: float | None
    place: str | None
    kelurahan: str | None
    kecamatan: str | None


class LivingCall(msgspec.Struct):
    """A call that lives. `seconds`: since it arrived."""

    call_id: str
    stage: str
    category: str | None
    caller: str
    operator: str | None
    phone: str | None
    place: LivingPlace | None
    silent: bool
    nuisance: str | None
    seconds: float


class WarningsState(msgspec.Struct):
    """How many warnings hold, and the worst of them in one line."""

    feed: str
    known: int
    said: str


class RecordingsState(msgspec.Struct):
    """Recordings of calls. `stop`: why further ones are not made; `alarms`: what is wrong.

    `unbound`: Asterisk began while their disk did not answer.
    """

    at: float
    stop: str
    growing: int
    stalled: int
    waiting: int
    filed: int
    incomplete: int
    free_mb: int
    failing: str
    unbound: bool
    alarms: list[str]


class RecordedTalk(msgspec.Struct):
    """Whether what is said in an operator's talk is recorded from now on."""

    operator: str
    call: str
    recorded: bool


class RefusedFrom(msgspec.Struct):
    """Calls from an address that Asterisk refused, within a day, before the line heard of them.

    `trunk`: the address is of a trunk's networks. `status`: of SIP; `reason`: what it says here.
    `dialled`: the number of the last one. `since`, `at`: the first and the last.
    """

    source: str
    trunk: bool
    status: int
    reason: str
    dialled: str
    calls: int
    since: Moment
    at: Moment


class LineStatus(msgspec.Struct):
    """The line at this moment. `calls`, `phones`, `dispatches`: how many there are in each stage or
    state; of dispatches those from which something follows.
    """

    engine: EngineState
    queue: QueueState
    calls: dict[str, int]
    operators: OperatorsState
    phones: dict[Device, int]
    load: LoadState
    trunk: TrunkState
    dispatches: dict[DispatchState, int]
    warnings: WarningsState
    recordings: RecordingsState | None
    refused_before: list[RefusedFrom]
    living: list[LivingCall]
