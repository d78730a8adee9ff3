"""Counts a month for the national report, one record after the other. Pure.

Nothing of a record is kept but how often it occurs and how long it took, so a month of any size
needs a few bytes a call. No number, name or text of a person comes in here. A record that belongs
to no part is in the whole all the same: then the report does not add up, and says so.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from acd.calls.record import COUNTED, Outcome
from acd.work_items.states import ItemOutcome
from incidents.categories import Categories
from incidents.dispatch import DispatchState
from incidents.states import IncidentState
from reports.figures import percent, percentile
from reports.national_facts import (
    About,
    Agency,
    CallFacts,
    DispatchFacts,
    IncidentFacts,
    Month,
)
from reports.national_figures import (
    AT_WORK,
    CANCELLED,
    HANDLED,
    LIVE,
    NO_CATEGORY,
    NOT_KNOWN,
    OPEN,
    OTHER_AGENCY,
    OTHER_CATEGORY,
    OUTSIDE,
    AgencyPart,
    Check,
    NationalReport,
    Part,
    Times,
)
from reports.national_mapping import CLASSES, NO_INCIDENT, NOT_CODED, TIMES, Layout

_OUTCOMES = (*(one.value for one in COUNTED), LIVE)
_LOST = (Outcome.LOST_MENU, Outcome.LOST_QUEUE, Outcome.LOST_RINGING, Outcome.LOST_FALLBACK)
_OF_CALLBACKS = (*(one.value for one in ItemOutcome), OPEN)
_PROGRESS = {
    **dict.fromkeys(IncidentState, AT_WORK),
    IncidentState.RESOLVED: HANDLED,
    IncidentState.CLOSED: HANDLED,
    IncidentState.CANCELLED: CANCELLED,
}


class Count:
    """Counts what is put in, and makes the report of it.

    `kecamatan`: the names of the city's own. `agencies`: in the order of the report.
    """

    def __init__(
        self,
        month: Month,
        zone: ZoneInfo,
        layout: Layout,
        categories: Categories,
        kecamatan: Collection[str],
        agencies: Iterable[Agency],
    ) -> None:
        self._month, self._zone, self._layout, self._tree = month, zone, layout, categories
        self._areas = {_key(name): name for name in kecamatan}
        begin, end = month.begin(zone).date(), month.end(zone).date()
        days = [(begin + timedelta(days=n)).isoformat() for n in range((end - begin).days)]
        self._outcomes: Counter[str] = Counter()
        self._callbacks: Counter[str] = Counter()
        self._progress: Counter[str] = Counter()
        self._offered = self._owed = self._incidents = self._merged = self._told = 0
        self._test_calls = 0
        self._classes = _parts((*CLASSES, NO_INCIDENT))
        self._categories = _parts(
            (*(c.id for c in categories.all_rows), OTHER_CATEGORY, NO_CATEGORY)
        )
        self._kecamatan = _parts((*self._areas.values(), OUTSIDE, NOT_KNOWN))
        self._days, self._hours = _parts(days), _parts(f"{hour:02}:00" for hour in range(24))
        known = list(agencies)
        self._agencies = {one.id: AgencyPart(id=one.id, name=one.name) for one in known}
        self._in_use = {one.id for one in known if one.in_use}
        self._agencies[OTHER_AGENCY] = AgencyPart(id=OTHER_AGENCY, name="")
        self._accept_ms: dict[str, array[int]] = {id: array("q") for id in self._agencies}
        self._ms: dict[str, array[int]] = {name: array("q") for name in TIMES}

    def call(self, call: CallFacts) -> None:
        """Count a call that was offered, or a test call."""
        if call.outcome == Outcome.TEST:
            self._test_calls += 1
            return
        self._offered += 1
        outcome = LIVE if call.ended_at is None else call.outcome
        if outcome not in _OUTCOMES:
            return  # in the whole, and in no part
        self._outcomes[outcome] += 1
        fate = "answered" if outcome == Outcome.ANSWERED else "other"
        fate = "lost" if outcome in _LOST else fate
        if outcome == Outcome.ANSWERED and call.wait_ms is not None:
            self._ms["answer"].append(call.wait_ms)
        about = call.about
        has_place = about is not None and (about.kecamatan is not None or about.has_point)
        if about is not None and has_place:
            area = self._area(about.kecamatan, about.has_point)
        else:
            area = self._area(call.kecamatan, call.has_point)
        for part in self._of(call.arrived_at, about, area):
            part.calls += 1
            setattr(part, fate, getattr(part, fate) + 1)

    def callbacks(self, outcome: str | None, count: int) -> None:
        """Count callbacks of one outcome; None: still owed."""
        self._owed += count
        if (outcome or OPEN) in _OF_CALLBACKS:
            self._callbacks[outcome or OPEN] += count

    def incident(self, one: IncidentFacts) -> None:
        """Count an incident, and the agencies that were told of it."""
        for told in one.dispatches:
            self._dispatch(told)
        if one.merged:
            self._merged += 1
            return
        self._incidents += 1
        about = one.about
        if one.state in _PROGRESS:
            self._progress[_PROGRESS[IncidentState(one.state)]] += 1
        for part in self._of(one.opened_at, about, self._area(about.kecamatan, about.has_point)):
            part.incidents += 1
        if (about.incident_class or NOT_CODED) in self._layout.targets.classes:
            for name, begin, end in _measured(one):
                self._ms[name].append(_ms(begin, end))

    def report(self, now: datetime) -> NationalReport:
        """Return all that was counted; `now`: when the report is made."""
        since, until = self._month.begin(self._zone), self._month.end(self._zone)
        found = NationalReport(
            month=self._month.name,
            tz=self._zone.key,
            since=since,
            until=until,
            made_at=now.astimezone(self._zone).replace(microsecond=0),
            month_over=now >= until,
            mapping_version=self._layout.version,
            categories_version=self._tree.version,
            offered=self._offered,
            outcomes={name: self._outcomes[name] for name in _OUTCOMES},
            test_calls=self._test_calls,
            callbacks_owed=self._owed,
            callbacks={name: self._callbacks[name] for name in _OF_CALLBACKS},
            incidents=self._incidents,
            merged=self._merged,
            progress={name: self._progress[name] for name in (HANDLED, CANCELLED, AT_WORK)},
            classes=list(self._classes.values()),
            groups=self._groups(),
            categories=list(self._categories.values()),
            kecamatan=list(self._kecamatan.values()),
            days=list(self._days.values()),
            hours=list(self._hours.values()),
            agencies=[
                self._timed(one)
                for one in self._agencies.values()
                if one.told or one.id in self._in_use
            ],
            times=[self._times(name) for name in TIMES],
            checks=[],
            adds_up=True,
        )
        found.checks = _checks(found, self._told)
        found.adds_up = all(one.whole == one.parts for one in found.checks)
        return found

    def _of(self, at: datetime, about: About | None, area: str) -> Iterable[Part]:
        """The parts that a call or an incident belongs to, one of each table."""
        local = at.astimezone(self._zone)
        name = NO_INCIDENT if about is None else about.incident_class or NOT_CODED
        category = NO_CATEGORY
        if about is not None and about.category is not None:
            known = about.category in self._categories
            category = about.category if known else OTHER_CATEGORY
        places = (
            (self._classes, name),
            (self._categories, category),
            (self._kecamatan, area),
            (self._days, local.date().isoformat()),
            (self._hours, f"{local.hour:02}:00"),
        )
        return [parts[key] for parts, key in places if key in parts]

    def _area(self, kecamatan: str | None, has_point: bool) -> str:
        """The row of a place. What is no kecamatan of the city is not written: anybody typed it."""
        if kecamatan is not None:
            return self._areas.get(_key(kecamatan), OUTSIDE)
        return OUTSIDE if has_point else NOT_KNOWN

    def _dispatch(self, told: DispatchFacts) -> None:
        self._told += 1
        id = told.agency if told.agency in self._agencies else OTHER_AGENCY
        part, result = self._agencies[id], _result(told)
        part.told += 1
        part.reached += told.reached
        part.overdue += told.overdue
        if result is not None:
            setattr(part, result, getattr(part, result) + 1)
        if result == "accepted" and told.accepted_at is not None:
            self._accept_ms[id].append(_ms(told.told_at, told.accepted_at))

    def _timed(self, one: AgencyPart) -> AgencyPart:
        took = sorted(self._accept_ms[one.id])
        return msgspec.structs.replace(
            one, accept_median_ms=percentile(took, 50), accept_p95_ms=percentile(took, 95)
        )

    def _times(self, name: str) -> Times:
        took = sorted(self._ms[name])
        target_s: int = getattr(self._layout.targets, name)
        within = sum(one <= 1000 * target_s for one in took)
        return Times(
            id=name,
            measured=len(took),
            median_ms=percentile(took, 50),
            p95_ms=percentile(took, 95),
            target_s=target_s,
            within=within,
            within_percent=percent(within, len(took)),
        )

    def _groups(self) -> list[Part]:
        found = [
            _sum(group.id, (self._classes[one] for one in group.classes))
            for group in self._layout.groups
        ]
        return [*found, _sum(NO_INCIDENT, [self._classes[NO_INCIDENT]])]


def _parts(ids: Iterable[str]) -> dict[str, Part]:
    return {id: Part(id=id) for id in ids}


def _sum(id: str, parts: Iterable[Part]) -> Part:
    whole = Part(id=id)
    for one in parts:
        for name in ("calls", "answered", "lost", "other", "incidents"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _ms(begin: datetime, end: datetime) -> int:
    return max(0, round((end - begin).total_seconds() * 1000))


def _result(told: DispatchFacts) -> str | None:
    """What came of it at last; None of a state that is not known."""
    try:
        state = DispatchState(told.state)
    except ValueError:
        return None
    accepted, declined = told.accepted_at, told.declined_at
    gave_back = declined is not None and (accepted is None or declined >= accepted)
    match state:
        case DispatchState.ACKNOWLEDGED | DispatchState.DONE:
            return "accepted"
        case DispatchState.DECLINED:
            return "declined"
        case DispatchState.OVERDUE | DispatchState.RELIEVED:
            return "declined" if gave_back else "unanswered"
        case DispatchState.CANCELLED:
            # its part can end after the agency has answered
            if gave_back:
                return "declined"
            return "called_off" if accepted is None else "accepted"
        case DispatchState.SENDING | DispatchState.SENT:
            return "waiting"


def _measured(one: IncidentFacts) -> Iterable[tuple[str, datetime, datetime]]:
    """What of an incident has a time: its name, from when, until when."""
    accepted = [
        told.accepted_at
        for told in one.dispatches
        if told.accepted_at is not None and _result(told) == "accepted"
    ]
    if accepted:
        yield "acknowledge", min(told.told_at for told in one.dispatches), min(accepted)
    there = [at for at, state in one.moves if state == IncidentState.ON_SCENE]
    if there:
        yield "arrive", one.opened_at, there[0]
    handled = None
    for at, state in one.moves:  # closed is later than resolved; what was reopened is not handled
        if _PROGRESS.get(state) != HANDLED:  # type: ignore[call-overload]
            handled = None
        elif handled is None:
            handled = at
    if handled is not None:
        yield "handle", one.opened_at, handled


def _checks(found: NationalReport, told: int) -> list[Check]:
    checks = [
        Check(name="calls", whole=found.offered, parts=sum(found.outcomes.values())),
        Check(name="callbacks", whole=found.callbacks_owed, parts=sum(found.callbacks.values())),
        Check(name="progress", whole=found.incidents, parts=sum(found.progress.values())),
    ]
    for name in ("classes", "groups", "categories", "kecamatan", "days", "hours"):
        whole = _sum(name, getattr(found, name))
        checks += [
            Check(name=f"calls by {name}", whole=found.offered, parts=whole.calls),
            Check(
                name=f"ends of calls by {name}",
                whole=found.offered,
                parts=whole.answered + whole.lost + whole.other,
            ),
            Check(name=f"incidents by {name}", whole=found.incidents, parts=whole.incidents),
        ]
    results = ("accepted", "declined", "unanswered", "called_off", "waiting")
    ended = sum(getattr(one, result) for one in found.agencies for result in results)
    checks.append(Check(name="dispatches", whole=told, parts=ended))
    return checks
