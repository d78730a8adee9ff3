"""Open311 GeoReport v2, read-only: what is asked, and published complaints as it names them. Pure.

The specification: https://wiki.open311.org/GeoReport_v2. Only what was published is told of, and of
that the words that an operator wrote for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as Xml
from zoneinfo import ZoneInfo

import msgspec

from incidents.agreed_times import answer_expected
from incidents.categories import Categories, Category
from incidents.incident import Incident, Publication
from incidents.numbers import as_number
from incidents.publication import PUBLIC
from incidents.states import IncidentClass, IncidentState
from reports.published import MOST, OfServices, Published

MOST_DAYS = 90
MOST_IDS = 50
PAGE = 100
"""So many are returned unless `page_size` says otherwise."""
_LONGEST = 1000  # characters of a parameter
_YEARS = range(2000, 2101)
_CLOSED = (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED)
_STATES = {
    "closed": _CLOSED,
    "open": tuple(one for one in IncidentState if one not in _CLOSED),
}
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Row = Mapping[str, Any]


class Refused(Exception):
    """A question that cannot be answered: the status, and one sentence."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code, self.description = code, description


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are asked for. `numbers`: these, and nothing else counts."""

    numbers: tuple[str, ...] | None = None
    codes: tuple[str, ...] = ()
    states: tuple[IncidentState, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    skip: int = 0
    limit: int = PAGE


def asked(params: Mapping[str, str], now: datetime) -> Asked:
    """Read the parameters of a list of requests; those that the specification lacks are ignored.

    As it says, at most 90 days or 1,000 requests, of which a page is returned. `page`,
    `page_size`: of its common extension. Raises Refused.
    """
    if any(len(value) > _LONGEST for value in params.values()):
        raise Refused(400, "A parameter is too long.")
    if ids := _listed(params, "service_request_id"):
        if len(ids) > MOST_IDS:
            raise Refused(400, f"service_request_id: at most {MOST_IDS} at a time.")
        return Asked(numbers=tuple(filter(None, map(as_number, ids))), limit=MOST_IDS)
    states: list[IncidentState] = []
    for word in _listed(params, "status"):
        if word not in _STATES:
            raise Refused(400, "status: it is open or closed.")
        states += _STATES[word]
    until = _moment(params, "end_date")
    since = _moment(params, "start_date")
    days = timedelta(days=MOST_DAYS)
    if until is None:
        until = now if since is None else min(now, since + days)
    since = until - days if since is None else since
    if not timedelta() <= until - since <= days:
        raise Refused(
            400, f"start_date and end_date: at most {MOST_DAYS} days, the first one first."
        )
    size = _count(params, "page_size", MOST, PAGE)
    return Asked(
        codes=tuple(_listed(params, "service_code")),
        states=tuple(states),
        since=since,
        until=until,
        skip=min((_count(params, "page", 10_000, 1) - 1) * size, MOST),
        limit=size,
    )


def asked_for_one(request_id: str) -> Asked:
    """Return what asks for the one request of that id; raises Refused if it is none."""
    number = as_number(request_id)
    if number is None:
        raise Refused(404, "service_request_id: there is no such request.")
    return Asked(numbers=(number,), limit=1)


def _listed(params: Mapping[str, str], name: str) -> list[str]:
    given = params.get(name, "").strip()
    found = [part for one in given.split(",") if (part := one.strip())]
    if given and not found:
        raise Refused(400, f"{name}: there is nothing between the commas.")
    return found


def _moment(params: Mapping[str, str], name: str) -> datetime | None:
    given = params.get(name, "").strip()
    if not given:
        return None
    try:
        # a + that nobody has written as %2B comes as a blank
        found = datetime.fromisoformat(given.replace(" ", "+"))
        if found.year in _YEARS:
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused(400, f"{name}: give a time such as 2026-11-30T00:00:00+07:00.")


def _count(params: Mapping[str, str], name: str, most: int, usual: int) -> int:
    given = params.get(name, str(usual))
    if not (given.isascii() and given.isdecimal() and len(given) < 6 and 1 <= int(given) <= most):
        raise Refused(400, f"{name}: a number from 1 to {most}.")
    return int(given)


def services(categories: Categories) -> list[Row]:
    """The services: the categories of complaints and questions."""
    return [
        {
            "service_code": one.id,
            "service_name": one.called(),
            "description": " - ".join(part.called() for part in categories.path(one)),
            "metadata": False,
            "type": "realtime",
            "keywords": "",
            "group": categories.path(one)[0].called(),
        }
        for one in categories.rows
        if one.national_class in PUBLIC
    ]


def of_services(codes: Collection[str], categories: Categories) -> OfServices | None:
    """Return what holds for the incidents whose `service_of` has one of these codes; None: all."""
    if not codes:
        return None
    known = [one.id for one in categories.all_rows if one.national_class in PUBLIC]
    return OfServices(
        categories=[one for one in known if one in codes],
        classes=[one for one in PUBLIC if _of_class(one, categories)[0] in codes],
        known=known,
    )


def service_of(incident: Incident, categories: Categories) -> tuple[str, str]:
    """The code and the name of the service that an incident belongs to."""
    found: Category | None = categories.get(incident.category or "")
    if found is None or found.national_class not in PUBLIC:
        return _of_class(incident.incident_class, categories)
    return found.id, found.called()


def _of_class(what: IncidentClass | None, categories: Categories) -> tuple[str, str]:
    found, code = categories.get(str(what)), str(what)
    return (code, code) if found is None else (found.id, found.called())


def request_of(
    one: Published,
    categories: Categories,
    agencies: Mapping[str, str],
    zone: ZoneInfo,
    now: float,
) -> Row:
    """A published incident as the specification names its parts. `agencies`: names by id."""
    incident, public = one.incident, one.incident.publication or Publication(description="")
    code, name = service_of(incident, categories)
    expected = answer_expected(incident, now)
    return {
        "service_request_id": incident.number,
        "status": "closed" if incident.state in _CLOSED else "open",
        "status_notes": incident.state.value,
        "service_name": name,
        "service_code": code,
        "description": public.description,
        "agency_responsible": agencies.get(one.agency or ""),
        "service_notice": None,
        "requested_datetime": _shown(incident.opened_at, zone),
        "updated_datetime": _shown(incident.changed_at, zone),
        "expected_datetime": None if expected is None else _shown(expected, zone),
        "address": ", ".join(filter(None, (public.kelurahan, public.kecamatan))) or None,
        "address_id": None,
        "zipcode": None,
        "lat": public.lat,
        "long": public.lon,
        "media_url": None,
    }


def _shown(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


def as_json(rows: Iterable[Row]) -> bytes:
    """Rows as JSON."""
    return msgspec.json.encode(list(rows))


def as_xml(rows: Iterable[Row], root: str, item: str) -> bytes:
    """Rows as XML: `root` around them, `item` around each; signs that XML has not are left out."""
    top = Xml.Element(root)
    for row in rows:
        element = Xml.SubElement(top, item)
        for name, value in row.items():
            text = str(value).lower() if isinstance(value, bool) else value
            Xml.SubElement(element, name).text = (
                None if text is None else _NO_XML.sub("", str(text))
            )
    written: bytes = Xml.tostring(top, encoding="utf-8", xml_declaration=True)
    return written
