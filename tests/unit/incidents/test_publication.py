"""What of a complaint is published: words written for that, no closer than a kelurahan."""

from __future__ import annotations

import pytest

from incidents.errors import BadIncident, IncidentRefused
from incidents.incident import Contact, Incident, Publication
from incidents.publication import publication_of
from incidents.states import IncidentClass

KNOWN = {"Klojen": ["Oro-oro Dowo", "Klojen"], "Sukun": ["Sukun"]}


def a_complaint(**changes: object) -> Incident:
    one = Incident(
        id="i",
        number="2026-000123",
        incident_class=IncidentClass.COMPLAINT,
        description="Pak Budi, 0812 3456 789, bilang lampu mati",
        place="Jalan Ijen 1, rumah Pak Budi",
        kelurahan="Oro-oro Dowo",
        kecamatan="Klojen",
        lat=-7.96789,
        lon=112.62345,
        contacts=[Contact(number="08123456789", name="Budi Santoso")],
    )
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def test_the_words_and_the_kelurahan_are_published_and_the_point_is_rounded() -> None:
    found = publication_of(a_complaint(), " Lampu jalan \n mati ", KNOWN)
    assert found == Publication(
        description="Lampu jalan mati",
        kelurahan="Oro-oro Dowo",
        kecamatan="Klojen",
        lat=-7.97,
        lon=112.62,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1 to 500 characters"),
        ("x" * 501, "1 to 500 characters"),
        ("pak budi,  0812 3456 789, BILANG lampu mati", "what was noted of the call"),
        ("Hubungi 0812-3456-789", "telephone number"),
        ("Hubungi +62 (812) 3456789", "telephone number"),
        ("Tulis ke budi@mail.example", "address of a mailbox"),
        ("Lihat https://example.org", "address of a mailbox"),
        ("Lampu di depan rumah BUDI mati", "name of who told"),
        ("Menurut santoso lampu mati", "name of who told"),
    ],
)
def test_words_that_may_tell_who_somebody_is_are_refused(text: str, says: str) -> None:
    with pytest.raises(BadIncident, match=says):
        publication_of(a_complaint(), text, KNOWN)


def test_a_place_that_is_not_on_the_map_is_not_published() -> None:
    one = a_complaint(kelurahan="rumah Budi 08123456789", kecamatan="Klojen", lat=None, lon=None)
    found = publication_of(one, "Lampu mati", KNOWN)
    assert (found.kelurahan, found.kecamatan, found.lat) == (None, "Klojen", None)
    other = publication_of(a_complaint(kecamatan="Sukun"), "Lampu mati", KNOWN)
    assert (other.kelurahan, other.kecamatan) == (None, "Sukun")


@pytest.mark.parametrize("what", [IncidentClass.EMERGENCY, IncidentClass.PRANK, None])
def test_only_complaints_and_questions_are_published(what: IncidentClass | None) -> None:
    with pytest.raises(IncidentRefused, match="no complaint and no question"):
        publication_of(a_complaint(incident_class=what), "Lampu mati", KNOWN)
    with pytest.raises(IncidentRefused, match="merged"):
        publication_of(a_complaint(merged_into="other"), "Lampu mati", KNOWN)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hubungi 0 8 1 2 . . 3 4 5 6", "telephone number"),
        ("Hubungi 0812 - 34 - 56", "telephone number"),
        ("Hubungi 0812_34__56", "telephone number"),
        ("Hubungi 0812\u200b34\u200b56", "telephone number"),
        ("Hubungi \uff10\uff18\uff11\uff12\uff13\uff14", "telephone number"),
        ("Lampu mati di jl. Ijen no 1", None),
        ("Lampu mati di Jl. IJEN 1!", "the place of the incident"),
        ("Pak Budi (0812 3456 789) bilang: lampu mati...", "what was noted of the call"),
        ("Laporan: pak budi 0812 3456 789 bilang lampu mati. Segera", "what was noted"),
        ("Lampu di Jalan Ijen mati", None),
    ],
)
def test_signs_between_hide_nothing(text: str, says: str | None) -> None:
    incident = a_complaint()
    if says is None:
        assert publication_of(incident, text, KNOWN)
        return
    with pytest.raises(BadIncident, match=says) as refused:
        publication_of(incident, text, KNOWN)
    assert "nothing is published" in str(refused.value)


def test_a_place_that_is_a_kelurahan_may_be_told() -> None:
    assert publication_of(a_complaint(place="Klojen", kecamatan="Klojen"), "Di Klojen", KNOWN)
