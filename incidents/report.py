"""What an agency is told of an incident: as data for its computer, and as a text for people. Pure.

The number of who withholds it goes to no agency.
"""

from __future__ import annotations

from typing import Any

import msgspec

from incidents.incident import Incident

_LONGEST_SPOKEN_PLACE = 150


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told. `dispatch`: the id by which the agency answers. Times are ISO 8601.

    `callers`: the numbers of who has told of it. `answers`: by the question's id. `references`:
    what other systems call it, as LAPOR:123. `accept_url`: the page by which the agency accepts and
    reports, if the line has such pages.
    """

    dispatch: str
    agency: str
    incident: str
    incident_class: str | None = msgspec.field(default=None, name="class")
    category: str | None = None
    category_name: str = ""
    priority: int = 3
    opened_at: str = ""
    description: str = ""
    place: str = ""
    kelurahan: str | None = None
    kecamatan: str | None = None
    lat: float | None = None
    lon: float | None = None
    callers: tuple[str, ...] = ()
    answers: dict[str, str] = {}
    references: tuple[str, ...] = ()
    accept_url: str = ""

    def subject(self) -> str:
        """One line that says what and where."""
        what = self.category_name or self.incident_class or "laporan"
        where = ", ".join(filter(None, (self.place, self.kelurahan, self.kecamatan)))
        return f"112 {self.incident}: {what}" + (f", {where}" if where else "")

    def spoken(self, most: int) -> str:
        """What is read out to who answers the telephone: at most `most` characters, no number."""
        year, _, number = self.incident.partition("-")
        named = year.isdigit() and number.isdigit()
        facts = (
            f"Kejadian nomor {int(number)} tahun {year}" if named else "Kejadian baru",
            self.category_name,
            f"Prioritas {self.priority}",
            f"Tempat: {self.place[:_LONGEST_SPOKEN_PLACE]}" if self.place else "",
            f"Kelurahan {self.kelurahan}" if self.kelurahan else "",
            f"Kecamatan {self.kecamatan}" if self.kecamatan else "",
            f"Uraian: {self.description}" if self.description else "",
        )
        return (". ".join(filter(None, facts)) + ".")[:most]

    def text(self) -> str:
        """The whole of it for people, one fact a line, in the line's own language."""
        point = "" if self.lat is None or self.lon is None else f"{self.lat:.5f}, {self.lon:.5f}"
        facts = {
            "Nomor": self.incident,
            "Kategori": self.category_name or self.category or "",
            "Prioritas": str(self.priority),
            "Dibuka": self.opened_at,
            "Tempat": self.place,
            "Kelurahan": self.kelurahan or "",
            "Kecamatan": self.kecamatan or "",
            "Koordinat": point,
            "Pelapor": ", ".join(self.callers),
            "Uraian": self.description,
            "Rujukan": ", ".join(self.references),
            **self.answers,
        }
        lines = [f"{name}: {value}" for name, value in facts.items() if value]
        if self.accept_url:
            lines += ["", "Terima, tolak, atau laporkan lewat halaman ini:", self.accept_url]
        return "\n".join([*lines, "", f"Penugasan: {self.dispatch}", ""])


def report_of(
    incident: Incident,
    dispatch: str,
    agency: str,
    category_name: str,
    opened_at: str,
    accept_url: str = "",
) -> Report:
    """Return what an agency is told. `opened_at`: as ISO 8601 in the line's zone."""
    known: dict[str, Any] = {
        name: getattr(incident, name)
        for name in ("category", "priority", "description", "place", "kelurahan", "kecamatan")
    }
    return Report(
        dispatch=dispatch,
        agency=agency,
        incident=incident.number or incident.id,
        incident_class=incident.incident_class,
        category_name=category_name,
        opened_at=opened_at,
        lat=incident.lat,
        lon=incident.lon,
        callers=tuple(one.number for one in incident.contacts if one.number and not one.withheld),
        answers=incident.answers,
        references=tuple(one.name for one in incident.references),
        accept_url=accept_url,
        **known,
    )
