"""What is asked by Open311, what is refused, and that no question takes the engine's time."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer
from databases import with_tables
from sqlalchemy.exc import OperationalError

from incidents.categories import Categories, Category
from incidents.incident import Incident, Publication
from incidents.states import IncidentClass
from ngalam112.api import open311, open311_server
from ngalam112.api.open311 import Refused, asked, asked_for_one, of_services, service_of
from ngalam112.api.open311_server import Open311Server
from ngalam112.config.settings import Settings
from reports.published import Published

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Jakarta")


def a_category(id: str, national_class: IncidentClass) -> Category:
    return Category(id=id, code=id[0], name={"id": id}, national_class=national_class)


TREE = Categories(
    "1",
    [
        a_category("noise", IncidentClass.COMPLAINT),
        a_category("information", IncidentClass.INFORMATION),
        a_category("fire", IncidentClass.EMERGENCY),
    ],
)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"start_date": "9999-12-31"}, 400),
        ({"start_date": "0001-01-01"}, 400),
        ({"end_date": "0001-01-01"}, 400),
        ({"service_request_id": ","}, 400),
        ({"service_code": " , "}, 400),
        ({"page_size": "1001"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(params: dict[str, str], code: int) -> None:
    with pytest.raises(Refused) as refused:
        asked(params, NOW)
    assert refused.value.code == code


@pytest.mark.parametrize("request_id", [" ", "A,B", "2026-1,2026-2", "", "1 OR 1"])
def test_one_request_is_one(request_id: str) -> None:
    with pytest.raises(Refused) as refused:
        asked_for_one(request_id)
    assert refused.value.code == 404
    assert asked_for_one("2026-1").numbers == ("2026-000001",)


def test_a_page_has_a_hundred_unless_more_are_wanted() -> None:
    assert (asked({}, NOW).limit, asked({}, NOW).skip) == (100, 0)
    assert (asked({"page": "3"}, NOW).limit, asked({"page": "3"}, NOW).skip) == (100, 200)
    assert asked({"page_size": "1000"}, NOW).limit == 1000


@pytest.mark.parametrize("code", ["noise", "information", "complaint", "fire"])
@pytest.mark.parametrize("category", ["noise", "information", "fire", None, "gone"])
@pytest.mark.parametrize("kind", [IncidentClass.COMPLAINT, IncidentClass.INFORMATION])
def test_the_services_asked_for_are_those_that_are_told(
    code: str, category: str | None, kind: IncidentClass
) -> None:
    one = Incident(id="i", category=category, incident_class=kind)
    found = of_services([code], TREE)
    assert found is not None
    is_found = category in found.categories or (
        category not in found.known and kind in found.classes
    )
    assert is_found is (service_of(one, TREE)[0] == code)
    assert of_services([], TREE) is None


@pytest.mark.parametrize(
    ("due_for", "ahead", "is_told"),
    [("agency", 60.0, True), ("agency", -60.0, False), ("forward", 60.0, False)],
)
def test_only_the_time_of_an_answer_that_lies_ahead_is_told(
    due_for: str, ahead: float, is_told: bool
) -> None:
    now = NOW.timestamp()
    one = Incident(id="i", due_for=due_for, due_at=now + ahead)
    row = open311.request_of(Published(incident=one), TREE, {}, ZONE, now)
    assert (row["expected_datetime"] is not None) is is_told


class Served:
    """A server whose thread reads as `read` says. `late`: whether the line is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.late = False
        load = SimpleNamespace(is_late=lambda: self.late)
        engine: Any = SimpleNamespace(
            categories=TREE,
            agencies=SimpleNamespace(by_id={}),
            clock=SimpleNamespace(now=NOW.timestamp),
            dispatcher=SimpleNamespace(load=load),
        )
        settings: Any = Settings.model_construct(
            timezone="Asia/Jakarta", database_url=url, open311_jurisdiction=""
        )
        self.server = Open311Server(engine, settings)
        self.threads: list[str] = []
        self.go_on, self.reads = threading.Event(), 0
        self.go_on.set()
        monkeypatch.setattr(open311_server, "published", self._published)

    async def _published(self, session: Any, **asked: Any) -> list[Published]:
        self.reads += 1
        self.threads.append(threading.current_thread().name)
        assert self.go_on.wait(20)
        one = Incident(id="i", number="2026-000001", incident_class=IncidentClass.COMPLAINT)
        one.publication = Publication(description="Umum")
        return [Published(incident=one)]

    def client(self) -> TestClient[Any, Any]:
        return TestClient(TestServer(self.server._application()))


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Served:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    await with_tables(url)
    return Served(monkeypatch, url)


async def test_rows_and_bytes_are_made_in_the_server_s_own_thread(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("request_of", "as_xml"):
        made = getattr(open311, name)

        def noted(*args: Any, made: Any = made, **more: Any) -> Any:
            served.threads.append(threading.current_thread().name)
            return made(*args, **more)

        monkeypatch.setattr(open311, name, noted)
    async with served.client() as client:
        answer = await client.get("/open311/v2/requests.xml")
        assert answer.status == 200 and b"2026-000001" in await answer.read()
    assert len(served.threads) == 3
    assert all(name.startswith("open311") for name in served.threads)


async def test_a_late_line_answers_nobody_and_says_when_to_ask_again(served: Served) -> None:
    served.late = True
    async with served.client() as client:
        for path in ("requests.json", "requests/2026-1.json", "services.json"):
            answer = await client.get(f"/open311/v2/{path}")
            assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
    assert not served.reads


async def test_the_turn_is_kept_until_the_thread_has_ended(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open311_server, "WITHIN_S", 0.3)
    served.go_on.clear()
    async with served.client() as client:
        for _ in range(3):
            assert (await client.get("/open311/v2/requests.json")).status == 503
        assert served.reads == 1 and served.server._turn.locked(), "the thread has it still"
        served.go_on.set()
        async with asyncio.timeout(10):
            while (await client.get("/open311/v2/requests.json")).status != 200:
                pass


async def test_a_database_that_fails_in_mid_question_is_away(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(session: Any, **asked: Any) -> list[Published]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(open311_server, "published", fails)
    async with served.client() as client:
        assert (await client.get("/open311/v2/requests.json")).status == 503
        assert (await client.get("/open311/v2/requests/%20.json")).status == 404
        assert (await client.get("/open311/v2/requests/2026-1,2026-2.json")).status == 404
