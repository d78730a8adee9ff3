"""What of a complaint everybody may read: words written for that, and a place no closer than a
kelurahan. Pure.

Nothing is published by itself, and nothing of what a citizen has said or typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

from incidents.errors import BadIncident, IncidentRefused
from incidents.incident import Incident, Publication
from incidents.states import IncidentClass
from incidents.words import words_of

PUBLIC = (IncidentClass.COMPLAINT, IncidentClass.INFORMATION)
"""The classes that may be published."""

LONGEST = 500
POINT_DIGITS = 2
"""Of a published point: about a kilometre."""
_SHORTEST_NAME = 3  # letters of a word of a name that may not be in the text
_SENTENCE = 4  # words of what was noted that may not be a part of the text
_LIKE_A_NUMBER = re.compile(r"\d(?:[\W_]*\d){5,}")  # whatever signs are between the digits
_WORD = re.compile(r"[^\W_]+")
_STREETS = {"jl": "jalan", "jln": "jalan", "no": "nomor", "gg": "gang"}
_LIKE_AN_ADDRESS = re.compile(r"\S@\S|https?:|www\.", re.IGNORECASE)


def may_be_public(incident: Incident) -> bool:
    """Whether an incident is of a class that may be published, and stands for itself."""
    return incident.incident_class in PUBLIC and incident.merged_into is None


def publication_of(
    incident: Incident, description: str, kelurahan: Mapping[str, Sequence[str]]
) -> Publication:
    """Return what is published of an incident.

    `kelurahan`: those of the city's map, by kecamatan; a place that is not among them is left out.
    Raises IncidentRefused if it is no complaint and no question, BadIncident if the text may tell
    who somebody is.
    """
    if incident.incident_class not in PUBLIC:
        raise IncidentRefused(f"{incident.name} is no complaint and no question; code it first.")
    if incident.merged_into is not None:
        raise IncidentRefused(f"{incident.name} is merged into another one; publish that.")
    text = " ".join(description.split())
    for problem in _problems(incident, text):
        raise BadIncident(f"The public description {problem}; nothing is published.")
    known = incident.kecamatan if incident.kecamatan in kelurahan else None
    part = incident.kelurahan if incident.kelurahan in kelurahan.get(known or "", ()) else None
    point: tuple[float | None, float | None] = (None, None)
    if incident.lat is not None and incident.lon is not None:
        point = (round(incident.lat, POINT_DIGITS), round(incident.lon, POINT_DIGITS))
    return Publication(
        description=text, kelurahan=part, kecamatan=known, lat=point[0], lon=point[1]
    )


def _problems(incident: Incident, text: str) -> list[str]:
    found = []
    if not text or len(text) > LONGEST:
        found.append(f"must have 1 to {LONGEST} characters and has {len(text)}")
    said, noted = _said(text), _said(incident.description)
    if said == noted or (len(noted.split()) >= _SENTENCE and noted in said):
        found.append("is what was noted of the call; write one of its own")
    if any(place in said for place in _places(incident)):
        found.append("has the place of the incident; a kelurahan is published without it")
    if _LIKE_A_NUMBER.search(unicodedata.normalize("NFKC", text)):
        found.append("has a telephone number, or what looks like one")
    if _LIKE_AN_ADDRESS.search(text):
        found.append("has an address of a mailbox or a page")
    words = set(words_of(text))
    for contact in incident.contacts:
        if any(len(word) >= _SHORTEST_NAME and word in words for word in words_of(contact.name)):
            found.append("has the name of who told of it")
    return found


def _said(text: str) -> str:
    """A text as it is compared: its words, whatever signs and capitals are between, and blanks."""
    same = unicodedata.normalize("NFKC", text).casefold()
    words = (_STREETS.get(word, word) for word in _WORD.findall(same))
    return "".join(f" {word}" for word in words) + " "


def _places(incident: Incident) -> list[str]:
    """The place as somebody has told it, and those parts of it that have a house's number."""
    parts = [one for one in re.split("[,;\n]", incident.place) if re.search(r"\d", one)]
    known = {_said(one or "") for one in ("", incident.kelurahan, incident.kecamatan)}
    return [said for one in (incident.place, *parts) if (said := _said(one)) not in known]


def as_data(publication: Publication) -> dict[str, object]:
    """Return it as an entry of the timeline has it."""
    return msgspec.structs.asdict(publication)
