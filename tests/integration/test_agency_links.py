"""Agencies answer by a link: a real HTTP client opens pages of an engine, and presses buttons."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import structlog
from agency_server import AgencyServer, agency_server
from lines import eventually
from mail_server import MailServerOfTest, mail_server
from served import ServedEngine, an_engine

from acd.calls.ids import new_id
from deliveries.links import Action, Claim, make
from incidents.dispatch import Dispatch
from lab.actors.certificates import ca_file
from lab.actors.sipp import free_port
from lab.chaos.postgres import PostgresServer
from ngalam112.api import public_server
from ngalam112.engine.agency_links import LINK_LASTS_S, AgencyLinks

pytest_plugins = ("databases",)

BASE = "https://112.malang.example/a"


class Answer(NamedTuple):
    status: int
    headers: Any
    text: str

    def buttons(self) -> list[str]:
        return re.findall(r'<button name="do" value="(\w+)"', self.text)


class City:
    """A line with pages, whose fire brigade has a computer and whose Red Cross has a mailbox."""

    def __init__(
        self, served: ServedEngine, brigade: AgencyServer, mail: MailServerOfTest, port: int
    ) -> None:
        self.served, self.brigade, self.mail = served, brigade, mail
        self.port, self.base = port, f"http://127.0.0.1:{port}"
        self.links = AgencyLinks(served.settings)

    async def opened(self, description: str = "Asap di lantai 2") -> str:
        found = await self.served.post(
            "/api/incidents",
            description=description,
            category="fire_building",
            where={"place": "Jalan Ijen 1"},
            contact={"number": "08123456789"},
        )
        return str(found["number"])

    async def dispatched(self, number: str, agency: str = "damkar") -> str:
        """Tell an agency; returns the token of its link."""
        made = await self.served.post(f"/api/incidents/{number}/dispatch", agencies=[agency])
        one = self.served.engine.dispatches.open[made["dispatches"][0]["id"]]
        return self.links.token(one)

    async def shown(self, number: str) -> Any:
        return await self.served.get(f"/api/incidents/{number}")

    async def ask(
        self, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"{self.base}/{path}", data=data, headers=headers, allow_redirects=False
            ) as response,
        ):
            return Answer(response.status, response.headers, await response.text())

    async def open(self, token: str) -> Answer:
        return await self.ask("GET", token)

    async def press(self, token: str, action: str) -> Answer:
        return await self.ask("POST", token, {"do": action})

    def let_go(self) -> None:
        """Have nothing in hand any more, as the next engine has what is settled."""
        known = self.served.engine.dispatches._known
        for one in list(known.by_id.values()):
            known.forget(one)
        self.served.engine.router.incidents.in_hand.clear()


def told(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the log was told, but for the Asterisk that is not there."""
    events = [str(one["event"]) for one in lines]
    return [one for one in events if one not in ("ami_down", "ari_connect_failed")]


@asynccontextmanager
async def a_city(home: Path, **changes: Any) -> AsyncIterator[City]:
    async with agency_server() as brigade, mail_server() as mail:
        port = free_port()
        given: dict[str, Any] = {
            "webhook_hosts": ["localhost"],
            "agency_ca_file": ca_file(),
            "smtp_host": "127.0.0.1",
            "smtp_port": mail.port,
            "smtp_tls": "off",
            "smtp_sender": "112@malang.example",
            "link_port": port,
            "link_url": BASE,
        }
        async with an_engine(home, **(given | changes)) as served:
            await served.put("/api/agencies/damkar", webhook=f"{brigade.base}/taken")
            await served.put("/api/agencies/pmi", mail="piket@pmi.example")
            await eventually(lambda: served.links.port is not None, what="the pages are served")
            yield City(served, brigade, mail, port)


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with a_city(tmp_path / "home") as found:
        yield found


async def test_the_link_in_webhook_and_mail_leads_through_the_job_to_its_end(city: City) -> None:
    number = await city.opened()
    made = await city.served.post(f"/api/incidents/{number}/dispatch", agencies=["damkar", "pmi"])
    assert len(made["dispatches"]) == 2
    await eventually(lambda: bool(city.brigade.taken and city.mail.taken), what="both are told")
    url = json.loads(city.brigade.taken[0].body)["data"]["accept_url"]
    assert url.startswith(f"{BASE}/") and len(url) < 160
    letter = city.mail.message().get_content()
    (in_mail,) = re.findall(rf"{re.escape(BASE)}/(\S+)", letter)
    token = url.removeprefix(f"{BASE}/")
    page = await city.open(token)
    assert page.status == 200 and page.buttons() == ["accept", "decline", "on_scene"]
    for word in (number, "Kebakaran rumah atau gedung", "Jalan Ijen 1", "Asap di lantai 2"):
        assert word in page.text
    assert "08123456789" not in page.text
    done = await city.press(token, "accept")
    assert (done.status, done.headers["Location"]) == (303, token)
    page = await city.open(token)
    assert "sudah diterima pada" in page.text and page.buttons() == ["on_scene", "resolve"]
    found = await city.shown(number)
    assert found["incident"]["state"] == "acknowledged"
    by_link = [one for one in found["entries"] if one["source"] == "link"]
    assert {(one["by"], one["data"].get("agency", "damkar")) for one in by_link} == {
        ("damkar", "damkar")
    }
    assert (await city.press(in_mail, "on_scene")).status == 303
    assert (await city.press(token, "resolve")).status == 303
    assert (await city.shown(number))["incident"]["state"] == "resolved"
    for one in (token, in_mail):
        over = await city.open(one)
        assert over.status == 410 and "selesai atau dibatalkan" in over.text
        assert "Jalan Ijen" not in over.text and over.buttons() == []


async def test_every_answer_is_kept_by_nobody_and_runs_nothing(city: City) -> None:
    token = await city.dispatched(await city.opened())
    answers = [await city.open(token), await city.open("forged"), await city.ask("PUT", token)]
    answers.append(await city.press(token, "nonsense"))
    for one in answers:
        assert one.headers["Cache-Control"] == "no-store"
        assert one.headers["Referrer-Policy"] == "no-referrer"
        assert one.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "<script" not in one.text
    assert [one.status for one in answers] == [200, 404, 405, 400]


async def test_who_only_looks_changes_nothing(city: City) -> None:
    number = await city.opened()
    token = await city.dispatched(number)
    before = (await city.shown(number))["incident"]
    for _ in range(3):
        assert (await city.open(token)).status == 200
        head = await city.ask("HEAD", token)
        assert (head.status, head.text) == (200, "")
    assert (await city.open(f"{token}?do=accept")).status == 200
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert (await city.ask(method, token, b"do=accept")).status == 405
    after = (await city.shown(number))["incident"]
    assert (after["state"], before["state"]) == ("dispatched", "dispatched")


async def test_a_link_that_is_used_again_does_nothing_twice(city: City) -> None:
    number = await city.opened()
    token = await city.dispatched(number)
    both = await asyncio.gather(*(city.press(token, "accept") for _ in range(10)))
    assert sorted(one.status for one in both) == [303, *[409] * 9]
    again = await city.press(token, "decline")
    assert again.status == 409 and "tidak mungkin lagi" in again.text
    assert again.buttons() == ["on_scene", "resolve"]
    kinds = [one["kind"] for one in (await city.shown(number))["entries"]]
    assert kinds.count("acknowledged") == 1 and "declined" not in kinds


async def test_who_declines_is_told_so_and_the_next_one_is_told(city: City) -> None:
    await city.served.put("/api/agencies/bpbd", mail="bpbd@malang.example", chain=["damkar"])
    number = await city.opened()
    token = await city.dispatched(number, "bpbd")
    assert (await city.press(token, "decline")).status == 303
    declined = await city.open(token)
    assert declined.status == 410 and "sudah ditolak" in declined.text
    agencies = [one["agency"] for one in (await city.shown(number))["dispatches"]]
    assert agencies == ["bpbd", "damkar"]
    assert (await city.press(token, "accept")).status == 410


async def test_a_link_of_another_agency_or_line_or_time_leads_nowhere(city: City) -> None:
    number = await city.opened()
    await city.dispatched(number)
    (one,) = city.served.engine.dispatches.open.values()
    keys, now = city.served.settings.link_keys, city.served.engine.clock.now()
    later, every = int(now) + 1000, frozenset(Action)
    expired = make(Claim(one.id, "damkar", every, int(now) - 1), keys)
    for token, status in (
        (make(Claim(one.id, "pmi", every, later), keys), 404),
        (make(Claim(one.id, "damkar", every, later), [b"k" * 32]), 404),
        (make(Claim(new_id(now), "damkar", every, later), keys), 404),
        (expired, 410),
    ):
        for answer in (await city.open(token), await city.press(token, "accept")):
            assert answer.status == status, token
            assert "Jalan Ijen" not in answer.text and answer.buttons() == []
    assert "habis" in (await city.open(expired)).text
    only_on_scene = make(Claim(one.id, "damkar", frozenset({Action.ON_SCENE}), later), keys)
    assert (await city.press(only_on_scene, "accept")).status == 400
    assert (await city.shown(number))["incident"]["state"] == "dispatched"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"do=",
        b"do=reopen",
        b"do=accept&do=decline",
        b"do=\xff\xfe",
        b"&".join(b"a=b" for _ in range(100)),
        b'{"do": "accept"}',
    ],
)
async def test_a_body_that_is_no_button_is_refused(city: City, body: bytes) -> None:
    number = await city.opened()
    token = await city.dispatched(number)
    for kind in (
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain;charset=x",
    ):
        answer = await city.ask("POST", token, body, {"Content-Type": kind})
        assert answer.status == 400, body
    assert (await city.ask("POST", token, b"do=accept&x=" + b"x" * 2000)).status == 413
    assert (await city.shown(number))["incident"]["state"] == "dispatched"


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "//", "%2e%2e/%2e%2e/etc/passwd", "a/b", "favicon.ico", "robots.txt", "%00"),
        *("%F0%9F%94%A5", "a" * 4000, "....", "x.y.z.1.m", "%", "<script>", "{token}"),
    ],
)
async def test_an_odd_path_is_a_page_that_says_so(city: City, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await city.ask(method, path, b"do=accept" if method == "POST" else None)
        assert answer.status == 404 and "tidak berlaku" in answer.text
        assert ("Traceback" not in answer.text and path[:8] not in answer.text) or len(path) < 3


async def test_what_a_citizen_says_stays_text(city: City) -> None:
    hostile = "</dd><script>alert(1)</script>\u202e <form action=//evil> \U0001f525 'x' \"y\""
    token = await city.dispatched(await city.opened(hostile))
    page = await city.open(token)
    assert page.status == 200 and "<script" not in page.text and page.text.count("<form") == 1
    assert "&lt;script&gt;" in page.text and "\u202e" not in page.text and "\U0001f525" in page.text


async def test_a_job_that_is_not_in_hand_is_read_and_answered(city: City) -> None:
    number = await city.opened()
    token = await city.dispatched(number)
    await eventually(lambda: bool(city.brigade.taken), what="it is told")
    await city.served.journal.recorder.flushed()
    city.let_go()
    assert (await city.open(token)).buttons() == ["accept", "decline", "on_scene"]
    assert (await city.press(token, "on_scene")).status == 303
    await city.served.journal.recorder.flushed()
    city.let_go()
    page = await city.open(token)
    assert page.buttons() == ["resolve"], page.text
    assert (await city.press(token, "resolve")).status == 303
    assert (await city.open(token)).status == 410
    assert (await city.shown(number))["incident"]["state"] == "resolved"


async def test_with_the_database_away_what_is_in_hand_goes_on_and_else_it_says_try_again(
    tmp_path: Path, own_server: PostgresServer
) -> None:
    url = own_server.url(own_server.create())
    async with a_city(tmp_path / "home", database_url=url) as city:
        number = await city.opened()
        token = await city.dispatched(number)
        await eventually(lambda: bool(city.brigade.taken), what="it is told")
        await city.served.journal.recorder.flushed()
        own_server.stop()
        assert (await city.press(token, "accept")).status == 303
        (one,) = city.served.engine.dispatches.open.values()
        assert one.acknowledged_by == "damkar"
        city.let_go()
        for answer in (await city.open(token), await city.press(token, "on_scene")):
            assert answer.status == 503 and "Coba lagi" in answer.text
            assert answer.headers["Retry-After"] == "30"
        own_server.start_again()

        async def shown() -> bool:
            return (await city.open(token)).buttons() == ["on_scene", "resolve"]

        await eventually(shown, within=30, what="it is read again")


async def test_ten_thousand_forged_links_leave_the_engine_serving(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await city.opened()
    token = await city.dispatched(number)
    reads: list[str] = []
    lookup = city.served.links._lookup
    find = lookup.dispatch

    async def counted(dispatch_id: str) -> Dispatch | None:
        reads.append(dispatch_id)
        return await find(dispatch_id)

    monkeypatch.setattr(lookup, "dispatch", counted)
    slowest = 0.0

    async def forge(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", city.port)
        for index in range(first, first + 500):
            forged = f"{token[:-6]}{index:06d}"
            writer.write(f"GET /{forged} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404 ")
            length = re.search(rb"Content-Length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
        writer.close()

    with structlog.testing.capture_logs() as lines:
        flood = asyncio.gather(*(forge(first) for first in range(0, 10_000, 500)))
        loop = asyncio.get_running_loop()
        while not flood.done():
            began = loop.time()
            await city.served.engine.do(lambda now: None)
            assert (await city.served.raw("GET", "/healthz"))[0] == 503  # there is no Asterisk
            slowest = max(slowest, loop.time() - began)
        await flood
    assert slowest < 2.0
    assert told(lines) == ["links_not_valid"], "one line, and none a link"
    assert reads == [], "nothing is looked up for a forged one"
    assert (await city.open(token)).status == 200


async def test_who_holds_connections_loses_them_and_others_are_served(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngalam112.api.connection_limit.SILENCE_S", 0.5)
    token = await city.dispatched(await city.opened())
    held = [
        await asyncio.open_connection("127.0.0.1", city.port)
        for _ in range(public_server.MOST_CONNECTIONS + 10)
    ]
    for _, writer in held:
        writer.write(b"POST /x HTTP/1.1\r\nContent-Le")

    async def served() -> bool:
        try:
            return (await city.open(token)).status == 200
        except aiohttp.ClientError:
            return False

    await eventually(served, within=10, what="somebody else is served")
    for _, writer in held:
        writer.close()


async def test_what_is_no_http_is_answered_and_not_told(city: City) -> None:
    with structlog.testing.capture_logs() as lines:
        for sent in (
            b"\x16\x03\x01" * 50,
            b"GET / HTTP/1.1\r\n: x\r\n\r\n",
            b"A" * 20_000 + b"\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", city.port)
            writer.write(sent + b"\r\n\r\n")
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 15)
            assert answer == b"" or answer.startswith(b"HTTP/1.")
            assert b"Traceback" not in answer
            writer.close()
    assert told(lines) == []


async def test_a_line_without_an_address_for_links_sends_none(tmp_path: Path) -> None:
    async with a_city(tmp_path / "home", link_url="") as city:
        await city.dispatched(await city.opened())
        await eventually(lambda: bool(city.brigade.taken), what="it is told")
        assert "accept_url" not in json.loads(city.brigade.taken[0].body)["data"]


async def test_a_key_that_is_no_good_costs_the_links_and_not_the_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "link.key").write_text("short\n")
    async with an_engine(home, link_port=free_port(), link_url=BASE) as served:
        number = (await served.post("/api/incidents", description="x"))["number"]
        await served.post(f"/api/incidents/{number}/dispatch", agencies=["damkar"])
        assert served.links.port is None


async def test_a_port_that_is_taken_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_server, "LISTEN_EVERY_S", 0.05)
    port = free_port()
    other = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with an_engine(tmp_path / "home", link_port=port, link_url=BASE) as served:
        assert served.links.port is None
        other.close()
        await other.wait_closed()
        await eventually(lambda: served.links.port == port, what="the pages are served")


async def test_a_link_is_the_same_at_every_attempt_and_lasts_some_days(city: City) -> None:
    await city.dispatched(await city.opened())
    (one,) = city.served.engine.dispatches.open.values()
    first, again = city.links.url(one), AgencyLinks(city.served.settings).url(one)
    assert first == again
    token = first.removeprefix(f"{BASE}/")
    assert city.links.read(token, one.created_at + LINK_LASTS_S - 10).job == one.id
