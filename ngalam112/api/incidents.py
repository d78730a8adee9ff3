"""What people do with incidents by the API and the command line; with effect at once.

What the engine has in hand is changed without the database; what it has not is read first, after
all that is recorded has been written, and one change at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

import msgspec

from acd.agencies.agency import Agency
from acd.calls.record import CallRecord
from incidents.book import By
from incidents.categories import Category
from incidents.dispatch import Dispatch
from incidents.errors import BadIncident, IncidentRefused
from incidents.incident import Contact, EntryKind, Incident
from incidents.publication import LONGEST, as_data, publication_of
from incidents.states import IncidentClass, IncidentState
from models.tables import NAME, NUMBER, TEXT, WORD
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.api.incident_queries import dispatch_row, incident_row
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from places.districts import kelurahan_by_kecamatan
from places.place import PlaceError

T = TypeVar("T")

# Python's $ lets a line break at the end pass
SYSTEM = r"^[A-Z][A-Z0-9_-]{0,31}$(?!\n)"
REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9./_-]{0,63}$(?!\n)"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT)]
PublicText = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]
Reason = Annotated[str, msgspec.Meta(max_length=255)]
Who = Annotated[str, msgspec.Meta(min_length=1, max_length=WORD)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=WORD)]
Version = int | None
SUPERVISOR = "supervisor"


class GivenContact(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody who has told of the incident: a number, a name or both. `wants_outcome`: wishes to
    hear how it ended.
    """

    number: Annotated[str, msgspec.Meta(max_length=NUMBER)] = ""
    name: Annotated[str, msgspec.Meta(max_length=NAME)] = ""
    wants_outcome: bool = False

    def __post_init__(self) -> None:
        if not self.number.strip() and not self.name.strip():
            raise ValueError("A contact has a number or a name, or both")


class GivenPlace(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Where it is: in words, by a point, or both."""

    place: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    kelurahan: Annotated[str, msgspec.Meta(max_length=NUMBER)] | None = None
    kecamatan: Annotated[str, msgspec.Meta(max_length=NUMBER)] | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None

    def __post_init__(self) -> None:
        if (self.lat is None) is not (self.lon is None):
            raise ValueError("A point has both lat and lon")
        if all(one is None for one in msgspec.structs.astuple(self)):
            raise ValueError("Say where; nothing was given")


class GivenReference(msgspec.Struct, forbid_unknown_fields=True):
    """What another system calls an incident. `removed`: it calls it so no more."""

    system: Annotated[str, msgspec.Meta(pattern=SYSTEM)]
    reference: Annotated[str, msgspec.Meta(pattern=REFERENCE)]
    removed: bool = False


class OpenIncident(msgspec.Struct, forbid_unknown_fields=True):
    """`category`: an id or code of the city's tree, or the begin of one name alone. `by`: who
    says so.
    """

    description: Text
    category: Word | None = None
    contact: GivenContact | None = None
    where: GivenPlace | None = None
    by: Who = SUPERVISOR

    def __post_init__(self) -> None:
        _not_blank(self.description, "The description")


class ChangeIncident(msgspec.Struct, forbid_unknown_fields=True):
    """What of an incident is to be another; what is left out stays.

    `class`: null takes back what was said. `category`, `by`, `version`: as elsewhere. `answers`: by
    the ids of the questions of its category.
    """

    incident_class: IncidentClass | msgspec.UnsetType | None = msgspec.field(
        default=msgspec.UNSET, name="class"
    )
    category: Word | None = None
    description: Annotated[str, msgspec.Meta(max_length=TEXT)] | None = None
    where: GivenPlace | None = None
    priority: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    contact: GivenContact | None = None
    answers: Annotated[dict[Word, Reason], msgspec.Meta(max_length=20)] | None = None
    references: Annotated[list[GivenReference], msgspec.Meta(max_length=20)] | None = None
    by: Who = SUPERVISOR
    version: Version = None


class NoteIncident(msgspec.Struct, forbid_unknown_fields=True):
    """A free text for the timeline. `follow_up`: the citizen was told this as what came of it;
    `reply`: the citizen said this.
    """

    text: Text
    follow_up: bool = False
    reply: bool = False
    by: Who = SUPERVISOR

    def __post_init__(self) -> None:
        _not_blank(self.text, "The text")
        if self.follow_up and self.reply:
            raise ValueError("A note is either a follow-up or a reply")


class MoveIncident(msgspec.Struct, forbid_unknown_fields=True):
    """`version`: of what was read; the move is refused if somebody has changed it since."""

    state: IncidentState
    reason: Reason = ""
    by: Who = SUPERVISOR
    version: Version = None


class MergeIncident(msgspec.Struct, forbid_unknown_fields=True):
    """`into`: the number or id of the incident that is to stand in the place of this one."""

    into: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    by: Who = SUPERVISOR


class LinkCall(msgspec.Struct, forbid_unknown_fields=True):
    """`call`: its id, or the begin of it."""

    call: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    by: Who = SUPERVISOR


class DispatchIncident(msgspec.Struct, forbid_unknown_fields=True):
    """`agencies`: by their ids or numbers."""

    agencies: Annotated[list[Word], msgspec.Meta(min_length=1, max_length=20)]
    by: Who = SUPERVISOR


class AgencyAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """`agency`: its id or number. `reason`: why it declines."""

    agency: Word
    reason: Reason = ""
    by: Who = SUPERVISOR


class PublishIncident(msgspec.Struct, forbid_unknown_fields=True):
    """`description`: what everybody may read, written for that."""

    description: PublicText
    by: Who = SUPERVISOR
    version: Version = None

    def __post_init__(self) -> None:
        _not_blank(self.description, "The public description")


class VerifyIncident(msgspec.Struct, forbid_unknown_fields=True):
    """`operator`: who is offered it first; anybody if none is given."""

    operator: Word | None = None
    by: Who = SUPERVISOR


class ByWhom(msgspec.Struct, forbid_unknown_fields=True):
    """`by`: who does so."""

    by: Who = SUPERVISOR


class IncidentChanges:
    """The handlers of all that is posted about incidents."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        journal: CountingJournal,
        lookup: IncidentLookup,
    ) -> None:
        self._engine, self._settings = engine, settings
        self._journal, self._book = journal, engine.router.incidents
        self._lookup, self._changing = lookup, lookup.changing

    async def open(self, body: OpenIncident) -> Answer:
        """Open an incident that no call has opened."""
        category = self._category(body.category)
        data: dict[str, Any] = {"description": body.description}
        if category is not None:
            data["category"] = category.id
        if body.where is not None:
            data |= msgspec.to_builtins(body.where) | {"source": body.by}
        if body.contact is not None:
            data["contact"] = _contact(body.contact)

        def opened(now: float) -> Incident:
            with self._journal.together():
                made = self._book.open(data, _by(body.by), now)
                if category is not None:
                    self._book.code(made, category.national_class, _by(body.by), now)
            return made

        return self._row(await self._engine.do(opened))

    async def change(self, id: str, body: ChangeIncident) -> Answer:
        """Let parts of an incident be others; all of them or none."""
        steps = list(_steps(body, self._category(body.category)))
        if not steps:
            raise BadIncident("Say what is to be changed; nothing was given.")

        def change(incident: Incident, now: float) -> Incident:
            by, version = _by(body.by), body.version
            return self._book.change_all(incident, steps, by, now, version=version)

        return self._row(await self._with(id, change))

    async def note(self, id: str, body: NoteIncident) -> Answer:
        """Add a free text to the timeline; never refused for what others have changed."""
        data: dict[str, Any] = {"text": body.text}
        data |= {name: True for name in ("follow_up", "reply") if getattr(body, name)}
        return self._row(
            await self._with(
                id,
                lambda incident, now: self._book.change(
                    incident, EntryKind.NOTED, _by(body.by), now, data
                ),
            )
        )

    async def move(self, id: str, body: MoveIncident) -> Answer:
        """Bring an incident to another state."""
        data = {"state": body.state.value, "reason": body.reason}
        return self._row(
            await self._with(
                id,
                lambda incident, now: self._book.change(
                    incident, EntryKind.MOVED, _by(body.by), now, data, version=body.version
                ),
            )
        )

    async def merge(self, id: str, body: MergeIncident) -> Answer:
        """Let another incident stand in the place of this one; answers with that one."""
        async with self._changing:
            one, into = await self._lookup.find(id), await self._lookup.find(body.into)
            await self._engine.do(lambda now: self._book.merge(one, into, _by(body.by), now))
            return self._row(self._book.in_hand.get(into.id, into))

    async def unmerge(self, id: str, body: ByWhom) -> Answer:
        """Take a merge back; answers with the incident that is one of its own again."""
        async with self._changing:
            one = await self._lookup.find(id)
            into = await self._lookup.exactly(one.merged_into) if one.merged_into else None
            if into is None:
                raise IncidentRefused(f"{one.name} is not merged into any other.")
            await self._engine.do(lambda now: self._book.unmerge(one, into, _by(body.by), now))
            return self._row(self._book.in_hand.get(one.id, one))

    async def link(self, id: str, body: LinkCall) -> Answer:
        """Let a call belong to this incident, and to none other."""
        async with self._changing:
            incident = await self._lookup.find(id)
            record = await self._lookup.call(body.call)
            before = await self._lookup.of_call(record.call_id)
            await self._engine.do(
                lambda now: self._book.link(incident, record, before, _by(body.by), now)
            )
            return self._row(self._book.in_hand.get(incident.id, incident))

    async def publish(self, id: str, body: PublishIncident) -> Answer:
        """Let everybody read of it, in words that were written for that."""
        try:
            file = self._settings.districts_file
            known = await asyncio.to_thread(kelurahan_by_kecamatan, file)
        except PlaceError:
            known = {}  # without a map no place is named

        def publish(incident: Incident, now: float) -> Incident:
            incident = self._book.in_hand.get(incident.id, incident)
            data = as_data(publication_of(incident, body.description, known))
            kind = EntryKind.PUBLISHED
            return self._book.change(incident, kind, _by(body.by), now, data, version=body.version)

        return self._row(await self._with(id, publish))

    async def unpublish(self, id: str, body: ByWhom) -> Answer:
        """Let nobody read of it any more."""

        def unpublish(incident: Incident, now: float) -> Incident:
            incident = self._book.in_hand.get(incident.id, incident)
            if incident.publication is None:
                raise IncidentRefused(f"{incident.name} is not published.")
            # a merged one too: what is public can be taken back at any time
            self._book.note(incident, EntryKind.UNPUBLISHED, _by(body.by), now, {})
            return incident

        return self._row(await self._with(id, unpublish))

    async def verify(self, id: str, body: VerifyIncident) -> Answer:
        """Have the caller of the incident's last call rung, to hear whether it is so."""
        if body.operator is not None:
            self._engine.roster.operator(body.operator)
        async with self._changing:
            incident = await self._lookup.find(id)
            last = await self._lookup.last_call(incident)
            if last is None:
                raise IncidentRefused(f"{incident.name} has no call, so nobody can be rung.")
            record = await self._record(last)
            ask = self._engine.router.incident_verifications.ask
            return self._row(
                await self._engine.do(
                    lambda now: ask(incident, record, body.operator, _by(body.by), now)
                )
            )

    async def _record(self, call_id: str) -> CallRecord:
        """The call with exactly this id, from the engine if it has it in mind."""
        if (call := self._engine.router.known_call(call_id)) is not None:
            return call.record
        return await self._lookup.call(call_id)

    async def dispatch(self, id: str, body: DispatchIncident) -> Answer:
        """Tell agencies of an incident; all of them or none."""
        agencies = list({one.id: one for one in map(self._agency, body.agencies)}.values())
        dispatches = self._engine.dispatches

        def tell(incident: Incident, now: float) -> list[Dispatch]:
            dispatches.check(incident, agencies)
            return [dispatches.dispatch(incident, one, _by(body.by), now) for one in agencies]

        made = await self._with(id, tell)
        return {"dispatches": [dispatch_row(one, self._settings) for one in made]}

    async def acknowledge(self, id: str, body: AgencyAnswer) -> Answer:
        """An agency has accepted, as it has told a person."""
        answer = self._engine.dispatches.acknowledge
        return await self._answered(
            id,
            body.agency,
            lambda one, incident, now: answer(one, incident, _by(body.by), now),
        )

    async def decline(self, id: str, body: AgencyAnswer) -> Answer:
        """An agency does not take it; the next one of its chain is told."""
        answer = self._engine.dispatches.decline
        return await self._answered(
            id,
            body.agency,
            lambda one, incident, now: answer(one, incident, _by(body.by), now, body.reason),
        )

    async def _answered(
        self,
        id: str,
        agency: str,
        act: Callable[[Dispatch, Incident, float], Dispatch],
    ) -> Answer:
        async with self._changing:
            incident = await self._lookup.find(id)
            one = await self._dispatch_of(incident, agency)
            done = await self._engine.do(lambda now: act(one, incident, now))
            return {"dispatch": dispatch_row(done, self._settings)}

    async def _dispatch_of(self, incident: Incident, name: str) -> Dispatch:
        """The last dispatch of an agency to the incident; raises IncidentRefused."""
        agency = self._agency(name)
        found = await self._lookup.last_dispatch(incident, agency.id)
        if found is None:
            raise IncidentRefused(f"{agency.name} was not told of {incident.name.lower()}.")
        return found

    def _agency(self, name: str) -> Agency:
        """The agency in use of that id or number; raises BadIncident."""
        found = self._engine.agencies.find(name)
        if found is None:
            raise BadIncident(f"There is no agency {name[:32]!r}; see `ngalam112 agency list`.")
        return found

    async def _with(self, id: str, act: Callable[[Incident, float], T]) -> T:
        """Find the incident that the request names, and have the writer do this with it."""
        if (known := self._book.named(id)) is not None:
            # nobody waits here for a database that is away
            return await self._engine.do(lambda now: act(known, now))
        async with self._changing:
            incident = await self._lookup.find(id)
            return await self._engine.do(lambda now: act(incident, now))

    def _category(self, name: str | None) -> Category | None:
        """The category of that id, code or only name that begins so; raises BadIncident."""
        if name is None:
            return None
        tree = self._engine.categories
        if (found := tree.get(name) or tree.of_code(name)) is not None:
            if found.retired_at is None:
                return found
            raise BadIncident(f"Category {found.id} is retired; choose another one.")
        near = tree.find(name, most=5)
        if len(near) == 1:
            return near[0]
        which = ", ".join(one.id for one in near) or "none is called like that"
        raise BadIncident(
            f"There is no category {name[:32]!r}; choose one of `ngalam112 category list`: {which}."
        )

    def _row(self, incident: Incident) -> Answer:
        return incident_row(incident, self._settings)


def _steps(
    body: ChangeIncident, category: Category | None
) -> Iterator[tuple[EntryKind, dict[str, Any]]]:
    """The entries of the timeline that a change makes; a category says the class too."""
    if body.incident_class is not msgspec.UNSET or category is not None:
        what = body.incident_class
        if what is msgspec.UNSET and category is not None:
            what = category.national_class
        coded: dict[str, Any] = {"class": what.value if isinstance(what, IncidentClass) else None}
        yield EntryKind.CODED, coded if category is None else coded | {"category": category.id}
    if body.description is not None:
        yield EntryKind.DESCRIBED, {"description": body.description}
    if body.where is not None:
        yield EntryKind.LOCATED, msgspec.to_builtins(body.where) | {"source": body.by}
    if body.priority is not None:
        yield EntryKind.PRIORITISED, {"priority": body.priority}
    if body.contact is not None:
        yield EntryKind.CONTACT, _contact(body.contact)
    for question, answer in (body.answers or {}).items():
        yield EntryKind.ANSWERED, {"question": question, "answer": answer}
    for one in body.references or []:
        removed = {"removed": True} if one.removed else {}
        yield EntryKind.REFERENCED, {"system": one.system, "reference": one.reference, **removed}


def _not_blank(text: str, what: str) -> None:
    if not text.strip():
        raise ValueError(f"{what} has nothing but blanks")


def _contact(given: GivenContact) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(
        Contact(number=given.number, name=given.name, wants_outcome=given.wants_outcome)
    )
    return found


def _by(who: str) -> By:
    return By(who, "api")
