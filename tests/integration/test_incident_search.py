"""Incidents by words of their texts, their duplicates, lists of dispatches; both databases."""

from __future__ import annotations

import sqlite3
from random import Random
from typing import Any

import pytest

from incidents.dispatch import Channel, Delivery, DeliveryState, Dispatch, DispatchState
from incidents.incident import Contact, Incident
from incidents.words import words_of
from models.database import Database
from models.tables import DispatchRow, IncidentContactRow, IncidentRow
from models.writing import upsert, upsert_newer
from reports import words
from reports.dispatches import Which as SentWhich
from reports.dispatches import list_dispatches
from reports.duplicates import WITHIN_S, proposed
from reports.incidents import Which, list_incidents

pytest_plugins = ("databases",)

NOON = 1_796_000_000.0


def an_incident(id: str, description: str = "", minutes: float = 0, **changes: Any) -> Incident:
    at = NOON + 60 * minutes
    given: dict[str, Any] = {"opened_at": at, "changed_at": at, "version": 1}
    return Incident(id=id, description=description, **(given | changes))


async def keep(database: Database, *incidents: Incident) -> None:
    async with database.engine.begin() as connection:
        rows = [one.row() for one in incidents]
        await upsert_newer(connection, IncidentRow, rows, "version", "settled_at")
        contacts = [
            {"incident_id": one.id, "caller": f"+62{contact.number[1:]}"}
            for one in incidents
            for contact in one.contacts
        ]
        await upsert(connection, IncidentContactRow, contacts)


async def found(database: Database, text: str, **asked: Any) -> list[str]:
    async with database.session() as session:
        listed = await list_incidents(session, which="all", text=text, **asked)
    return [one.id for one in listed]


async def test_words_are_found_by_their_begin_in_any_order_and_case(database: Database) -> None:
    await keep(
        database,
        an_incident("a", "Pohon tumbang", 0, place="Jl. Kawi 12"),
        an_incident("b", "pohon besar di KAWI", 1),
        an_incident("c", "Asap", 2, place="Kawi", kelurahan="Oro-oro Dowo", kecamatan="Klojen"),
        an_incident("d", "ÉCOLE 中央", 3),
    )
    assert await found(database, "kaw POH") == ["b", "a"]
    assert await found(database, "kawi") == ["c", "b", "a"]
    assert await found(database, "awi") == []
    assert await found(database, "kawi 12") == ["a"]
    assert await found(database, "klojen, dowo!") == ["c"]
    assert await found(database, "éco 中") == ["d"]
    assert await found(database, "pohon asap") == []
    assert await found(database, " ") == ["d", "c", "b", "a"]
    assert await found(database, "--- ***") == []
    assert await found(database, "kawi", limit=1) == ["c"]


async def test_a_changed_text_is_found_by_its_new_words_alone(database: Database) -> None:
    await keep(database, an_incident("a", "asap"), an_incident("b", "banjir", 1))
    await keep(database, an_incident("a", "kebakaran besar", version=2))
    assert (await found(database, "asap"), await found(database, "kebak")) == ([], ["a"])
    await keep(database, an_incident("a", "asap", version=1))
    assert await found(database, "asap") == [], "what knows less changes nothing"
    if database.file is not None:  # SQLite may number its rows anew
        other = sqlite3.connect(database.file, isolation_level=None)
        other.execute("VACUUM")
        other.close()
    assert (await found(database, "kebak"), await found(database, "banj")) == (["a"], ["b"])
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM incidents WHERE id = 'a'")
    await keep(database, an_incident("c", "banjir lagi", 2))
    assert (await found(database, "kebak"), await found(database, "banj")) == ([], ["c", "b"])


@pytest.mark.parametrize("rare", [0, words.RARE])
async def test_both_ways_to_search_find_what_reading_everything_finds(
    database: Database, rare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "RARE", rare)
    lot = Random(112)
    some = ("api", "apik", "asap", "ba", "banjir", "Kawi", "kawin", "jl", "5", "55")
    made = [an_incident(f"{at}", " ".join(lot.sample(some, 4)), at) for at in range(200)]
    await keep(database, *made)
    for _ in range(60):
        asked = [word[: lot.randrange(1, 6)] for word in lot.sample(some, lot.choice((1, 2, 3)))]
        wanted = [
            one.id
            for one in reversed(made)
            if all(any(w.startswith(a.lower()) for w in words_of(one.description)) for a in asked)
        ]
        assert await found(database, " ".join(asked), limit=1000) == wanted, asked


@pytest.mark.parametrize("rare", [0, words.RARE])
async def test_no_text_that_is_searched_for_is_refused(
    database: Database, rare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "RARE", rare)
    lot = Random(7)
    drawn = ["".join(chr(lot.randrange(0x110000)) for _ in range(60)) for _ in range(60)]
    await keep(database, *(an_incident(f"n{at}", one, at) for at, one in enumerate(drawn)))
    hostile = [
        *('"', "'", '" OR 1', "a* NEAR b", "words : x", "^a", "a:*", "a & !b", "(", "\\", "%", "_"),
        *("\0", "\ud800x", "'; DROP TABLE incidents", "x" * 10_000, "ab " * 10_000, "é" * 5000),
        *("AND", "OR", "NOT", "a AND", "<->", "\u0130stanbul", "ﷺ" * 3000, "5e5", "-1", "a.b@c.d"),
    ]
    for text in hostile:
        await found(database, text)
    for at, text in enumerate(drawn):
        if words_of(text):
            assert f"n{at}" in await found(database, text, limit=100), ascii(text)


def a_dispatch(id: str, minutes: float, arrived: bool, **changes: Any) -> Dispatch:
    at = NOON + 60 * minutes
    delivery = Delivery(channel=Channel.MAIL, address="x@y.example", state=DeliveryState.FAILED)
    if arrived:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, at
    given: dict[str, Any] = {"incident_id": "open", "state": DispatchState.OVERDUE}
    about = given | changes
    return Dispatch(id=id, agency="pmi", deliveries=[delivery], created_at=at, **about)


async def listed(database: Database, which: SentWhich, limit: int = 100) -> list[str]:
    async with database.session() as session:
        return [one.dispatch.id for one in await list_dispatches(session, which, limit)]


async def test_what_has_not_arrived_is_listed_however_much_has(database: Database) -> None:
    sent = [a_dispatch(f"{at:03}", at, arrived=True) for at in range(150)]
    lost = a_dispatch("lost", 200, arrived=False)
    tried = a_dispatch("tried", 201, arrived=False, state=DispatchState.SENDING)
    told = a_dispatch("told", 1, arrived=False, state=DispatchState.ACKNOWLEDGED)
    await keep(database, an_incident("open"))
    async with database.engine.begin() as connection:
        await upsert(connection, DispatchRow, [one.row() for one in (*sent, lost, tried, told)])
    assert await listed(database, SentWhich.UNDELIVERED) == ["lost", "tried"]
    assert await listed(database, SentWhich.ALARMS, 2) == ["000", "001"]
    assert len(await listed(database, SentWhich.OPEN, 1000)) == 152


async def test_alarms_are_of_incidents_that_are_worked_on_in_any_place(database: Database) -> None:
    over = {"state": "closed", "over_at": NOON + 9}
    await keep(
        database,
        an_incident("open"),
        an_incident("into open", merged_into="open"),
        an_incident("deep", merged_into="into open"),
        an_incident("closed", **over),
        an_incident("into closed", merged_into="closed"),
        an_incident("resolved", state="resolved"),
    )
    names = ("open", "into open", "deep", "closed", "into closed", "resolved", "nothing")
    late = {"state": DispatchState.ACKNOWLEDGED, "late_report": True}
    rows = [a_dispatch(name, at, True, incident_id=name) for at, name in enumerate(names)]
    rows.append(a_dispatch("late", 20, True, **late))
    async with database.engine.begin() as connection:
        await upsert(connection, DispatchRow, [one.row() for one in rows])
    assert await listed(database, SentWhich.ALARMS) == ["open", "into open", "deep", "late"]


async def test_duplicates_are_proposed_by_caller_then_place_then_text(database: Database) -> None:
    fire: dict[str, Any] = {"category": "fire", "opened_by": "1001"}
    near = {"lat": -7.97, "lon": 112.63}
    told = "asap tebal dari atap pasar besar"
    asked = an_incident("asked", told, contacts=[Contact(number="0811223344")], **fire, **near)
    await keep(
        database,
        asked,
        an_incident("caller", "tanya jadwal", contacts=[Contact(number="0811223344")]),
        an_incident("near", "api", lat=-7.9701, lon=112.6301, **fire),
        an_incident("far", told, lat=-7.9, lon=112.5, **fire),
        an_incident("alike", "di pasar besar asap tebal", 5, **fire),
        an_incident("same", told, 3, **fire),
        an_incident("other words", "kompor meledak", 4, **fire),
        an_incident("other category", told, category="flood"),
        an_incident("long ago", told, -WITHIN_S / 60 - 1, **fire),
        an_incident("over", told, state="closed", over_at=NOON, **fire),
        an_incident("merged", told, merged_into="far", **fire),
    )
    async with database.session() as session:
        found = await proposed(session, asked)
        merged = await proposed(session, an_incident("m", told, merged_into="far", **fire))
        assert len(await list_incidents(session, which=Which.MERGED)) == 1
    assert [(one.incident.id, one.because) for one in found] == [
        ("caller", "caller"),
        ("near", "place"),
        ("same", "text"),
        ("alike", "text"),
    ]
    assert found[2].incident.description == told
    assert merged == []


async def test_without_texts_nothing_is_alike(database: Database) -> None:
    await keep(database, *(an_incident(id, category="fire") for id in "ab"))
    async with database.session() as session:
        assert await proposed(session, an_incident("c", category="fire")) == []
