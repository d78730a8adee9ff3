"""An engine in the test's own process with its API up, a real database, and no Asterisk."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import fork_server
import pytest
from answer_types import hold_to_its_type
from databases import with_tables
from lines import eventually, line_settings

from acd.calls.record import CallRecord, Outcome
from acd.config_file import load_distribution
from ivr.menu import load_menu
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from models.tables import CallRow
from models.writing import upsert
from ngalam112.api.link_server import LinkServer
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.open311_server import Open311Server
from ngalam112.api.server import Api
from ngalam112.cli.client import Client, EngineRefused
from ngalam112.config.routing import audio_file, spoken
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.wiring import build
from pbx import ari_types as ari

CLIENTS = ThreadPoolExecutor(max_workers=16)


class ServedEngine:
    """An engine whose API is up, and everything that it is made of."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        journal: CountingJournal,
        links: LinkServer | None = None,
        api: Api | None = None,
    ) -> None:
        self.engine, self.database, self.journal = engine, database, journal
        self.api = api
        self._links = links
        self.settings = engine.settings
        self.client = Client(self.settings, 20.0)

    @property
    def links(self) -> LinkServer:
        assert self._links is not None
        return self._links

    @staticmethod
    async def at_a_client(ask: Callable[..., Any], *args: Any) -> Any:
        # threads of their own: the engine must not wait for its clients' threads
        return await asyncio.get_running_loop().run_in_executor(CLIENTS, ask, *args)

    async def get(self, path: str, **params: str) -> Any:
        return self._held("GET", path, await self.at_a_client(self.client.get, path, params))

    async def post(self, path: str, **body: Any) -> Any:
        return self._held("POST", path, await self.at_a_client(self.client.post, path, body))

    async def put(self, path: str, **body: Any) -> Any:
        return self._held("PUT", path, await self.at_a_client(self.client.put, path, body))

    async def delete(self, path: str) -> Any:
        return self._held("DELETE", path, await self.at_a_client(self.client.delete, path))

    @staticmethod
    def _held(method: str, path: str, answer: Any) -> Any:
        hold_to_its_type(method, path, answer)
        return answer

    async def refusal(self, method: str, path: str, **values: Any) -> tuple[int, str]:
        with pytest.raises(EngineRefused) as caught:
            await getattr(self, method)(path, **values)
        assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
        return caught.value.status, str(caught.value)

    async def raw(
        self, method: str, path: str, body: bytes | None = None, *, token: str | None = None
    ) -> tuple[int, bytes]:
        status, answer = await self.at_a_client(raw, self.settings, method, path, body, token)
        return status, answer

    async def citizen(self, channel: str, number: str = "08123") -> None:
        """Let a citizen's call come in."""
        arriving = ari.StasisStart(
            ["citizen"],
            ari.Channel(
                id=channel,
                state="Up",
                caller=ari.CallerId("Budi", number),
                dialplan=ari.DialplanPlace("citizens", "112"),
            ),
        )
        self.engine.inbox.post(arriving)
        await eventually(lambda: channel in self.engine.router.calls)


def raw(
    settings: Settings, method: str, path: str, body: bytes | None, token: str | None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", settings.api_port, timeout=20)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def with_silent_prompts(settings: Settings) -> Settings:
    """The engine looks whether the prompts are there; nobody will hear them."""
    names = spoken(settings, load_menu(settings.menu_file))
    for name in names | load_distribution(settings.distribution_file).prompts():
        audio = audio_file(settings, name)
        audio.parent.mkdir(parents=True, exist_ok=True)
        audio.touch()
    return settings


@asynccontextmanager
async def an_engine(home: Path, **changes: Any) -> AsyncIterator[ServedEngine]:
    settings = with_silent_prompts(line_settings(home, **changes))
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        local = WriteAheadLog(settings.journal)
        recorder = DatabaseWriter(database, local)
        journal = CountingJournal(recorder)
        engine = build(settings, journal).engine
        api = Api(engine, database, settings, journal)
        api.reports.start = fork_server.start
        links = LinkServer(engine, settings, api.lookup)
        questions, public = api.status_questions, Open311Server(engine, settings)
        parts = (
            *(recorder.run(), engine.run(first_within=3600), api.run(), links.run()),
            *(questions.run(), public.run()),
        )
        tasks = [asyncio.create_task(work) for work in parts]
        try:
            served = ServedEngine(engine, database, journal, links, api)
            await eventually(lambda: answers(served), what="the API answers")
            yield served
        finally:
            await recorder.close(5)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            local.close()


async def answers(served: ServedEngine) -> bool:
    try:
        await served.raw("GET", "/healthz")
    except OSError:
        return False
    return True


async def keep(database: Database, *records: CallRecord) -> None:
    async with database.session() as session:
        await upsert(session, CallRow, [record.row() for record in records])
        await session.commit()


def a_record(call_id: str, at: float, **changes: Any) -> CallRecord:
    given: dict[str, Any] = {"outcome": Outcome.LOST_QUEUE, "ended_at": at + 30}
    given["caller_number"] = "08123456789"
    return CallRecord(call_id=call_id, arrived_at=at, **(given | changes))
