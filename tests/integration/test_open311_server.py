"""Open311 GeoReport v2: what was published by hand is read by anybody, and nothing else is."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lines import eventually
from served import CLIENTS, ServedEngine, an_engine
from test_commands import Ran, failed_in_one_line, run

from lab.actors.sipp import free_port

pytest_plugins = ("databases",)

REQUEST = {
    *("service_request_id", "status", "status_notes", "service_name", "service_code"),
    *("description", "agency_responsible", "service_notice", "requested_datetime"),
    *("updated_datetime", "expected_datetime", "address", "address_id", "zipcode", "lat"),
    *("long", "media_url"),
}
SERVICE = {
    *("service_code", "service_name", "description", "metadata", "type", "keywords", "group"),
}
PERSONAL = ("0812", "3456", "Budi", "Ijen", "rumah", "siapa", "112.62345", "7.96789")


@pytest.fixture
async def served(tmp_path: Path, database_url: str) -> AsyncIterator[ServedEngine]:
    changes = {"open311_port": free_port(), "open311_jurisdiction": "malangkota.go.id"}
    async with an_engine(tmp_path / "home", database_url=database_url, **changes) as one:
        yield one


def ask(served: ServedEngine, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.settings.open311_port, timeout=20)
    try:
        connection.request(method, f"/open311/v2/{path}")
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        connection.close()


async def asked(served: ServedEngine, path: str, method: str = "GET") -> tuple[int, Any]:
    loop = asyncio.get_running_loop()
    status, kind, body = await loop.run_in_executor(CLIENTS, ask, served, path, method)
    assert all(word.encode() not in body for word in PERSONAL), body
    if "xml" in kind:
        return status, ElementTree.fromstring(body)  # noqa: S314 - our own
    assert kind.startswith("application/json")
    return status, json.loads(body)


async def incident(served: ServedEngine, *args: str) -> Ran:
    return await run(served.settings, "incident", *args)


async def ok(served: ServedEngine, *args: str) -> str:
    ran = await incident(served, *args)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


async def hostile(served: ServedEngine) -> str:
    """A complaint full of what nobody else is to know."""
    opened = await ok(
        served,
        *("open", "Budi 08123456789 <b>siapa</b> & ]]> \x07", "--category", "road_damage"),
        *("--place", "rumah Budi, Jalan Ijen 1", "--kelurahan", "rumah Budi 08123456789"),
        *("--number", "08123456789", "--name", "Budi"),
    )
    number = opened.split()[1]
    await served.post(f"/api/incidents/{number}/change", where={"lat": -7.96789, "lon": 112.62345})
    await ok(served, "note", number, "rumah Budi 08123456789")
    await ok(served, "set", number, "--reference", "LAPOR=08123456789")
    return number


async def test_nothing_is_published_by_itself_and_what_is_tells_nothing_personal(
    served: ServedEngine,
) -> None:
    number = await hostile(served)
    await eventually(lambda: served.journal.recorder.backlog == 0)
    assert await asked(served, "requests.json") == (200, [])
    assert (await asked(served, f"requests/{number}.json"))[0] == 404
    failed_in_one_line(
        await incident(served, "publish", number, "--description", "Budi 08123456789"),
        "telephone number",
    )
    told = await ok(
        served, "publish", number, "--description", "Jalan <berlubang> & \u202elama", "--by", "1001"
    )
    assert "Everybody may read: Jalan <berlubang>" in told

    async def there() -> bool:
        return bool((await asked(served, "requests.json"))[1])

    await eventually(there)
    _, (row,) = await asked(served, "requests.json")
    assert set(row) == REQUEST
    assert (row["service_request_id"], row["status"]) == (number, "open")
    assert (row["service_code"], row["status_notes"]) == ("road_damage", "opened")
    assert (row["lat"], row["long"], row["address"]) == (-7.97, 112.62, None)
    assert row["expected_datetime"] is None, "that it is to be forwarded by then is no answer"
    assert (await asked(served, f"requests/{number}.json"))[1] == [row]
    _, xml = await asked(served, "requests.xml")
    assert xml.tag == "service_requests" and xml[0].tag == "request"
    assert {one.tag for one in xml[0]} == REQUEST
    assert xml[0].findtext("description") == row["description"]
    kinds = [one["kind"] for one in (await served.get(f"/api/incidents/{number}"))["entries"]]
    assert kinds[-1] == "published"
    assert "is not published." in await ok(served, "unpublish", number)
    failed_in_one_line(await incident(served, "unpublish", number), "is not published")

    async def gone() -> bool:
        return not (await asked(served, "requests.json"))[1]

    await eventually(gone)


async def test_services_are_the_categories_of_complaints_and_questions(
    served: ServedEngine,
) -> None:
    status, found = await asked(served, "services.json?jurisdiction_id=malangkota.go.id")
    assert status == 200 and all(set(one) == SERVICE for one in found)
    codes = {one["service_code"] for one in found}
    assert {"road_damage", "information", "noise"} <= codes and "fire" not in codes
    _, xml = await asked(served, "services.xml")
    assert xml.tag == "services" and {one.tag for one in xml[0]} == SERVICE
    assert {one.findtext("service_code") for one in xml} == codes
    assert (await asked(served, "services/road_damage.json"))[0] == 404


async def test_requests_are_chosen_by_what_the_specification_names(served: ServedEngine) -> None:
    numbers = []
    for category in ("road_damage", "road_damage", "noise"):
        opened = await ok(served, "open", "x", "--category", category)
        numbers.append(opened.split()[1])
        await ok(served, "publish", numbers[-1], "--description", "Umum")
    await ok(served, "resolve", numbers[0])
    opened = await ok(served, "open", "x", "--category", "noise")
    prank, merged = opened.split()[1], (await ok(served, "open", "x", "--category", "noise"))
    merged = merged.split()[1]
    for one in (prank, merged):
        await ok(served, "publish", one, "--description", "Umum")
    await ok(served, "code", prank, "--class", "prank")
    await ok(served, "merge", merged, numbers[2])
    await served.journal.recorder.flushed()

    async def found(query: str) -> list[str]:
        status, rows = await asked(served, f"requests.json?{query}")
        assert status == 200, rows
        return sorted(one["service_request_id"] for one in rows)

    assert await found("") == sorted(numbers)
    assert await found("status=closed") == [numbers[0]]
    assert await found("status=open,closed") == sorted(numbers)
    assert await found("service_code=noise") == [numbers[2]]
    assert await found(f"service_request_id={numbers[0]},{numbers[2]},x") == [
        numbers[0],
        numbers[2],
    ]
    assert await found("start_date=2020-01-01T00:00:00Z&end_date=2020-03-01T00:00:00Z") == []
    assert len(await found("page_size=2")) == 2 and len(await found("page_size=2&page=2")) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("requests.json?status=maybe", 400),
        ("requests.json?start_date=yesterday", 400),
        ("requests.json?start_date=2020-01-01&end_date=2020-12-31", 400),
        ("requests.json?start_date=2020-02-01&end_date=2020-01-01", 400),
        ("requests.json?page_size=1001", 400),
        ("requests.json?service_code=" + "x" * 1001, 400),
        ("requests.xml?page=-1", 400),
        ("requests.json?start_date=9999-12-31", 400),
        ("requests.json?service_request_id=,", 400),
        ("requests/%20.json", 404),
        ("requests/1%20OR%201.json", 404),
        ("services.json?jurisdiction_id=elsewhere.example", 404),
        ("nothing", 404),
    ],
)
async def test_what_makes_no_sense_is_refused_as_the_specification_says(
    served: ServedEngine, path: str, status: int
) -> None:
    code, body = await asked(served, path)
    assert code == status
    errors = body if isinstance(body, list) else [{one.tag: one.text for one in body[0]}]
    (error,) = errors
    assert set(error) == {"code", "description"} and str(error["code"]) == str(status)


async def test_nobody_can_write_there(served: ServedEngine) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await asked(served, "requests.json", method))[0] == 405
