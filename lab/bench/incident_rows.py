"""A city's incidents of five years, made up by a seed: rows for the tables of incidents.

Nobody's: the numbers, texts and points are drawn. What decides how long a question takes is as in a
city: few are open, some callers tell of very many, most words are in many texts and most names in
few, some places are known by a point, some by a kelurahan, and some not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from acd.numbers.caller import same_caller
from incidents.categories import Categories
from incidents.dispatch import Channel, Delivery, DeliveryState, Dispatch, DispatchState
from incidents.incident import Contact, EntryKind, Incident, Reference
from incidents.numbers import number_of
from incidents.states import IncidentClass, IncidentState
from models.tables import (
    Base,
    DispatchRow,
    IncidentCallRow,
    IncidentContactRow,
    IncidentEntryRow,
    IncidentReferenceRow,
    IncidentRow,
)
from places.districts import Districts

Rows = dict[type[Base], list[dict[str, Any]]]

YEARS = 5
OPEN = 60  # incidents that somebody works on
_BATCH = 2000
_YEAR_S = 365.25 * 86400.0
_PAST = (3.0, 4.0)  # years ago: when many told of what nobody tells of any more
_PLACES = 3000
_CALLERS = 40_000
_NUISANCE = 12  # callers who have told of one in a hundred together
NUISANCE_CALLER = "081200000000"
"""One of them."""

_SOUTH, _NORTH, _WEST, _EAST = -8.04, -7.92, 112.58, 112.69  # around Malang


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_STREETS = _parts(
    "Ijen|Kawi|Semeru|Panglima|Sudirman|Veteran|Soekarno|Hatta|Sulfat|Sawojajar|Tlogomas|Dinoyo|"
    "Gajayana|Sumbersari|Bandung|Jakarta|Kalpataru|Cengkeh|Borobudur|Letjen|Sutoyo|Basuki|Rahmat|"
    "Merdeka|Pasar|Besar|Kyai|Tamin|Zainul|Arifin|Muharto|Mayjen|Wiyono|Ranugrati|Danau|Toba|"
    "Raya|Langsep|Galunggung|Bendungan|Sutami|Arjuno|Brigjen|Riadi|Gatot|Subroto|Martadinata"
)
_WHAT = _parts(
    "asap tebal dari atap|motor dan truk bertabrakan|pohon tumbang menutup jalan|orang pingsan|"
    "ular masuk rumah|banjir setinggi lutut|kabel listrik putus|lampu jalan padam|pipa air bocor|"
    "perkelahian di depan toko|rumah kemasukan maling|kucing di atas pohon|"
    "ibu hamil minta ambulans|bau gas menyengat|tanah longsor di pinggir sungai|"
    "anak hilang sejak sore|tawuran pelajar|jalan berlubang|sampah menumpuk|"
    "tanya nomor rumah sakit|tanya jadwal pelayanan|korsleting"
)
_MORE = _parts(
    "warga minta bantuan segera|ada korban|tidak ada korban|api mulai membesar|lalu lintas macet|"
    "pelapor ada di lokasi|sudah dua jam|dekat sekolah|depan masjid|di lantai dua|di dalam gang|"
    "menunggu petugas|pelapor menutup telepon|nomor tidak dapat dihubungi lagi"
)
_CLASSES = {
    IncidentClass.EMERGENCY: 34,
    IncidentClass.INFORMATION: 25,
    IncidentClass.COMPLAINT: 14,
    IncidentClass.PRANK: 15,
    IncidentClass.GHOST: 10,
    IncidentClass.TEST: 1,
    IncidentClass.UNCODED: 1,
}
_AGENCIES = ("damkar", "pmi", "polresta", "bpbd", "pln")
_ACKNOWLEDGED, _OVERDUE = DispatchState.ACKNOWLEDGED, DispatchState.OVERDUE
_CANCELLED = DispatchState.CANCELLED
_TOLD = (IncidentClass.EMERGENCY, IncidentClass.COMPLAINT)


class _Place(msgspec.Struct, frozen=True):
    lat: float
    lon: float
    kelurahan: str | None
    kecamatan: str | None
    street: str


class City:
    """Draws incidents; the same seed and number draw the same ones. `now`: when the newest came."""

    def __init__(
        self, seed: int, count: int, now: float, categories: Categories, districts: Districts
    ) -> None:
        self._lot = Random(f"incidents {seed}")  # noqa: S311 - a play, and no secret
        self._count, self._now = count, now
        self._categories = [one for one in categories.rows if not categories.children(one.id)]
        self._places = [self._place(districts) for _ in range(_PLACES)]
        self._running: dict[int, int] = {}
        self._keys: dict[str, str | None] = {}  # by numbers of callers
        self._before: list[Incident] = []  # into which a later one may be merged

    def batches(self) -> Iterator[Rows]:
        """Draw all rows, the oldest first, some thousand incidents at a time."""
        gap_s = YEARS * _YEAR_S / self._count
        for start in range(0, self._count, _BATCH):
            rows: Rows = {
                model: []
                for model in (
                    IncidentRow,
                    IncidentEntryRow,
                    IncidentContactRow,
                    IncidentReferenceRow,
                    IncidentCallRow,
                    DispatchRow,
                )
            }
            for left in range(self._count - start, max(0, self._count - start - _BATCH), -1):
                self._draw(rows, self._now - (left - self._lot.random()) * gap_s, left <= OPEN)
            yield rows

    def _draw(self, rows: Rows, at: float, is_open: bool) -> None:
        lot = self._lot
        incident = self._incident(at, is_open)
        if not is_open and self._before and lot.random() < 0.04:
            incident.merged_into = lot.choice(self._before[-20:]).id
            incident.state, incident.over_at = IncidentState.OPENED, None
        elif incident.incident_class in _TOLD:
            self._before = [*self._before[-40:], incident]
            if lot.random() < 0.8:
                rows[DispatchRow] += self._dispatches(incident, is_open)
        if incident.incident_class is IncidentClass.COMPLAINT:
            one = Reference(system="LAPOR", reference=incident.number)
            incident.references = [one]
            row = {"incident_id": incident.id, **msgspec.to_builtins(one)}
            rows[IncidentReferenceRow].append(row)
        entries = self._entries(incident)
        incident.version = len(entries)
        rows[IncidentRow].append(incident.row())
        rows[IncidentEntryRow] += entries
        rows[IncidentCallRow] += [
            {"call_id": one, "incident_id": incident.id} for one in incident.call_ids
        ]
        callers = {self._key_of(one.number) for one in incident.contacts} - {None}
        rows[IncidentContactRow] += [
            {"incident_id": incident.id, "caller": one} for one in sorted(map(str, callers))
        ]

    def _incident(self, at: float, is_open: bool) -> Incident:
        lot = self._lot
        what = lot.choices(list(_CLASSES), list(_CLASSES.values()))[0]
        fitting = [one for one in self._categories if one.national_class is what]
        year = int(1970 + at / _YEAR_S)
        self._running[year] = self._running.get(year, 0) + 1
        place, known = lot.choice(self._places), lot.random()
        told = [lot.choice(_WHAT), *lot.sample(_MORE, lot.randrange(3))]
        if _PAST[0] < (self._now - at) / _YEAR_S < _PAST[1] and lot.random() < 0.08:
            told.append("covid")
        street = f"Jalan {place.street} {lot.randrange(1, 250)}" if lot.random() < 0.7 else ""
        incident = Incident(
            id=self._id(at),
            number=number_of(year, self._running[year]),
            incident_class=what,
            category=lot.choice(fitting).id if fitting else None,
            priority=lot.randrange(1, 6),
            opened_at=at,
            opened_by=str(1001 + lot.randrange(40)),
            description=f"{', '.join(told)}, {place.street}",
            place=street,
            contacts=[
                Contact(number=self._number()) for _ in range(lot.choices((1, 2, 3), (8, 1, 1))[0])
            ],
            call_ids=[self._id(at)],
            coded_at=at + 90.0,
            settled_at=at + 90.0,
            changed_at=at + 90.0,
        )
        if known < 0.8:
            incident.kelurahan, incident.kecamatan = place.kelurahan, place.kecamatan
        if known < 0.6:
            incident.lat, incident.lon, incident.place_source = place.lat, place.lon, "network"
        if not is_open:
            over = (IncidentState.CLOSED, IncidentState.CANCELLED)
            incident.state = lot.choices(over, (9, 1))[0]
            incident.over_at = at + lot.uniform(120.0, 20_000.0)
        elif lot.random() < 0.2:
            incident.incident_class = incident.coded_at = incident.settled_at = None
        return incident

    def _id(self, at: float) -> str:
        """An id like ours (`acd.calls.ids`), drawn by the seed."""
        return f"{int(at * 1000):012x}{self._lot.getrandbits(40):010x}"

    def _contacts(self) -> list[Contact]:
        count = self._lot.choices((1, 2, 3), (8, 1, 1))[0]
        return [Contact(number=self._number()) for _ in range(count)]

    def _number(self) -> str:
        lot = self._lot
        if lot.random() < 0.01:
            return f"0812000000{lot.randrange(_NUISANCE):02}"
        return f"0813{lot.randrange(_CALLERS) * 197 % 10**8:08}"

    def _key_of(self, number: str) -> str | None:
        if number not in self._keys:
            self._keys[number] = same_caller(number)
        return self._keys[number]

    def _entries(self, incident: Incident) -> list[dict[str, Any]]:
        data: dict[EntryKind, dict[str, Any]] = {  # of what happens to each
            EntryKind.OPENED: {"number": incident.number, "calls": incident.call_ids},
            EntryKind.CODED: {"class": incident.incident_class, "category": incident.category},
            EntryKind.MOVED: {"state": incident.state.value, "reason": ""},
        }
        return [
            {
                "incident_id": incident.id,
                "seq": seq,
                "at": incident.opened_at + 30.0 * seq,
                "kind": kind.value,
                "by": incident.opened_by,
                "source": "phone",
                "data": told,
            }
            for seq, (kind, told) in enumerate(data.items(), 1)
        ]

    def _dispatches(self, incident: Incident, is_open: bool) -> Iterator[dict[str, Any]]:
        lot = self._lot
        for agency in lot.sample(
            ("damkar", "pmi", "polresta", "bpbd", "pln"), lot.choice((1, 1, 2))
        ):
            at = incident.opened_at + 120.0
            arrives = lot.random() < (0.6 if is_open else 0.97)
            delivery = Delivery(channel=Channel.WEBHOOK, address=f"https://{agency}.example/112")
            if arrives:
                delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, at + 1.0
            one = Dispatch(
                id=self._id(at),
                incident_id=incident.id,
                agency=agency,
                deliveries=[delivery],
                created_at=at,
                created_by=incident.opened_by,
                settled_at=None if is_open else at + 900.0,
                late_report=lot.random() < 0.05,
                changes=3,
            )
            one.state = self._state_of(arrives, is_open)
            yield one.row()

    def _state_of(self, arrives: bool, is_open: bool) -> DispatchState:
        lot = self._lot
        if not is_open:
            states = (_CANCELLED, _ACKNOWLEDGED, _OVERDUE)
            return lot.choices(states, (70, 28, 2))[0] if arrives else _OVERDUE
        if arrives:
            return lot.choice((DispatchState.SENT, _ACKNOWLEDGED, _OVERDUE))
        return lot.choice((DispatchState.SENDING, _OVERDUE))

    def _place(self, districts: Districts) -> _Place:
        lot = self._lot
        lat, lon = lot.uniform(_SOUTH, _NORTH), lot.uniform(_WEST, _EAST)
        named = districts.name(lat, lon)
        street = " ".join(lot.sample(_STREETS, 2))
        return _Place(lat, lon, named.kelurahan, named.kecamatan, street)
