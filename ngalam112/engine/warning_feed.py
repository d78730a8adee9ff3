"""Polls an authority's feed of warnings and knows which hold for the city, beside the writer.

Off without `NGALAM112_WARNING_URL`. Documents are read in a thread of its own, so that no call
waits. A feed that is away or broken is told (`FeedHealth`) and changes nothing else: what was known
stays until it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import structlog

from acd.calls.journal import Journal
from ngalam112.config.settings import Settings
from ngalam112.engine.place_worker import PlaceWorker
from ngalam112.engine.warning_fetch import NoBudget, Validators, WarningFetcher
from public_warnings.cap import LARGEST_DOCUMENT, read_cap
from public_warnings.errors import WarningError
from public_warnings.in_force import PublicWarning, WarningsInForce, warnings_of
from public_warnings.link_list import LARGEST_LIST, MOST_LINKS, Link, read_list
from public_warnings.message import Message
from public_warnings.pauses import pause_s
from public_warnings.where import CityMap

log = structlog.get_logger("warnings")

WARNINGS = "warnings"
"""The key of the fact that is kept for the next engine."""
FIRST_AFTER_S = 3.0
"""An engine that begins to serve has better to do than to load the map."""
POLL_WITHIN_S = 120.0
MOST_KNOWN = 5 * MOST_LINKS
FAILURES_IN_A_ROW = 3
"""After so many documents that cannot be fetched, the others wait for the next poll."""


class FeedHealth(msgspec.Struct, kw_only=True):
    """How it stands with the feed; times are seconds since the epoch, None for never, or not so.

    `good_at`: the last answer of the list that could be used. `away_since`: since when there is
    none. `why`: the reason, one sentence. `broken`: what of the feed cannot be used, though it
    answers.
    """

    good_at: float | None = None
    away_since: float | None = None
    why: str = ""
    broken: str = ""


class _NoList(Exception):
    """What the feed answers is no list; the message says why."""


class _Read(msgspec.Struct, frozen=True):
    """What came of a document; `message` is None if it is broken."""

    message: Message | None
    warnings: list[PublicWarning]
    wrong: str = ""


class WarningFeed:
    """`now()`: seconds since the epoch. `worker`: for tests."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        now: Callable[[], float],
        worker: PlaceWorker | None = None,
    ) -> None:
        self.is_on = bool(settings.warning_url)
        self.health = FeedHealth()
        self.in_force = WarningsInForce()
        self._settings, self._journal, self._now = settings, journal, now
        self._worker = worker or PlaceWorker(settings.districts_file, "warnings")
        self._fetcher: WarningFetcher | None = None
        self._links: list[Link] = []
        self._validators = Validators()
        self._known: dict[str, str] = {}  # version of a document -> what is wrong with it
        self._kept: Any = None
        self.failures, self.unfinished = 0, False

    @property
    def requests(self) -> int:
        """Requests since the start of this engine."""
        return 0 if self._fetcher is None else self._fetcher.budget.asked

    def warnings(self) -> list[PublicWarning]:
        """Those that are not over now, the worst first."""
        return self.in_force.at(self._now())

    def remember(self, facts: Mapping[str, Any]) -> None:
        """Know what an earlier engine knew; what makes no sense is left out."""
        if (fact := facts.get(WARNINGS)) is None:
            return
        if not self.is_on:
            self._journal.keep(WARNINGS, None)
            return
        try:
            kept = msgspec.convert(fact, _Fact)
            if kept.url != self._settings.warning_url:
                return
            self.in_force.remember(kept.in_force, self._now())
        except msgspec.ValidationError as error:
            log.error("warnings_not_understood", error=str(error))
            return
        self._known = dict.fromkeys(kept.known, "")
        self.health.good_at, self.health.away_since = kept.good_at, kept.away_since
        self.health.why = kept.why

    async def run(self) -> None:
        """Poll until cancelled: soon, then every so many seconds."""
        await asyncio.sleep(FIRST_AFTER_S)
        while self.is_on:
            await self.poll()
            every = self._settings.warning_every_s
            await asyncio.sleep(pause_s(every, self.failures, unfinished=self.unfinished))
        await asyncio.Event().wait()

    async def poll(self) -> None:
        """Ask once, and take in what is new; raises nothing."""
        before = self.health.away_since, self.health.broken
        try:
            async with asyncio.timeout(POLL_WITHIN_S):
                await self._poll()
        except NoBudget:
            self.unfinished = True
        except TimeoutError:
            self.unfinished = True
            self.health.broken = f"It has not all been read within {POLL_WITHIN_S:g} s."
        except Exception as error:
            # the line goes on without; the log tells
            log.exception("warnings_failed")
            self._is_away(f"{type(error).__name__}: see the engine's log.")
        self.in_force.expire(self._now())
        self._keep()
        if before != (self.health.away_since, self.health.broken):
            log.warning(
                "warning_feed",
                away_since=self.health.away_since,
                why=self.health.why,
                broken=self.health.broken,
            )

    async def _poll(self) -> None:
        self.unfinished = False
        try:
            await self._ask_list()
        except WarningError as error:
            self._is_away(str(error))
            return
        except _NoList as error:
            self.failures += 1
            self.health.away_since, self.health.why, self.health.broken = None, "", str(error)
            return
        self.failures = 0
        self.health.good_at, self.health.away_since, self.health.why = self._now(), None, ""
        not_fetched = await self._ask_documents()
        wrong = [text for one in self._links if (text := self._known.get(one.version, ""))]
        wrong += not_fetched
        self.health.broken = _broken(wrong, len(self._links))

    def _is_away(self, why: str) -> None:
        self.failures += 1
        self.health.away_since = self.health.away_since or self._now()
        self.health.why, self.health.broken = why, ""

    async def _ask_list(self) -> None:
        settings = self._settings
        if self._fetcher is None:
            hosts, ca_file = settings.warning_hosts, settings.warning_ca_file
            self._fetcher = WarningFetcher(settings.warning_url, hosts, ca_file)
        answer = await self._fetcher.get(settings.warning_url, LARGEST_LIST, self._validators)
        if answer.body is None:
            return
        found = await self._worker.ask(partial(_list, answer.body, settings.warning_url))
        if found is None:
            raise _NoList("The list could not be read; see the engine's log.")
        if isinstance(found, str):
            raise _NoList(f"The list cannot be used: {found}")
        self._links, self._validators = found, answer.validators

    async def _ask_documents(self) -> list[str]:
        """Fetch those that are not known, and return why some could not be."""
        assert self._fetcher is not None
        failed: list[str] = []
        for link in self._links:
            if link.version in self._known:
                continue
            try:
                answer = await self._fetcher.get(link.url, LARGEST_DOCUMENT)
            except WarningError as error:
                failed.append(str(error))
                if len(failed) >= FAILURES_IN_A_ROW:
                    break
                continue
            now = self._now()
            read = await self._worker.ask(partial(_read, answer.body or b"", now))
            if read is None:
                failed.append(f"{link.url[:100]} could not be read; see the engine's log.")
                continue
            if read.message is not None:
                self.in_force.take(read.message, read.warnings, now)
            self._know(link, f"{link.url[:100]}: {read.wrong}" if read.wrong else "")
        return failed

    def _know(self, link: Link, wrong: str) -> None:
        self._known[link.version] = wrong
        listed = {one.version for one in self._links}
        for old in [one for one in self._known if one not in listed]:
            if len(self._known) <= MOST_KNOWN:
                break
            del self._known[old]

    def _keep(self) -> None:
        """Keep it for the next engine, if there is more to know than when it last was."""
        in_force, whole = self.in_force.fact()
        known = [version for version, wrong in self._known.items() if not wrong] if whole else []
        new = (in_force, known, self.health.away_since)
        if new == self._kept:
            return
        self._kept = new
        fact = _Fact(
            url=self._settings.warning_url,
            in_force=in_force,
            known=known,
            good_at=self.health.good_at,
            away_since=self.health.away_since,
            why=self.health.why,
        )
        self._journal.keep(WARNINGS, msgspec.to_builtins(fact))


class _Fact(msgspec.Struct, kw_only=True):
    url: str
    in_force: dict[str, Any] = {}
    known: list[str] = []
    good_at: float | None = None
    away_since: float | None = None
    why: str = ""


def _list(body: bytes, base: str, _: object) -> list[Link] | str:
    """The links, or what is wrong; in the worker's thread."""
    try:
        return read_list(body, base)
    except WarningError as error:
        return str(error)


def _read(body: bytes, now: float, city: CityMap | None) -> _Read:
    """A document, and what it warns the city of; in the worker's thread."""
    try:
        message = read_cap(body)
        if city is None:
            raise WarningError("The city's map cannot be used; see NGALAM112_DISTRICTS_FILE.")
        return _Read(message, warnings_of(message, city, now))
    except WarningError as error:
        return _Read(None, [], str(error))


def _broken(wrong: list[str], of: int) -> str:
    if not wrong:
        return ""
    return f"{len(wrong)} of {of} warnings in the list cannot be used; one is {wrong[0]}"
