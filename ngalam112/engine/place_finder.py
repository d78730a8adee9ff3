"""Finds places beside the writer: reads copies of INVITEs, fetches references, tells the writer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import structlog

from ngalam112.config.settings import Settings
from ngalam112.engine.invite_copies import InviteCopies
from ngalam112.engine.locations import Locations, Told
from ngalam112.engine.place_fetch import PlaceFetcher
from ngalam112.engine.place_worker import PlaceWorker
from pbx.hep import LONGEST_CALL_ID, Copy
from places.finding import Map, of_document
from places.invite import said
from places.place import Place, PlaceError, PlaceSource

log = structlog.get_logger("place")

MOST_SEEN = 1000
MOST_OF_A_CALL = 8
"""So many INVITEs of one dialog may say a place; a phone that moves may send some."""

Post = Callable[[Callable[[float], None]], None]


class PlaceFinder:
    """`post(act)`: have the writer call `act(now)`. `locations` is set by whoever makes both.

    `heard(copy)` gets every copy, of INVITEs and of what Asterisk refuses; `deaf()` is called when
    some may have been lost.
    """

    locations: Locations

    def __init__(
        self,
        settings: Settings,
        post: Post,
        heard: Callable[[Copy], None] = lambda copy: None,
        deaf: Callable[[], None] = lambda: None,
    ) -> None:
        self.worker = PlaceWorker(settings.districts_file)
        self._listens = settings.place
        self._post = post
        self._fetcher = PlaceFetcher(
            settings.place_hosts, settings.place_networks, settings.place_ca_file
        )
        self._copies = InviteCopies(
            settings.api_port,
            settings.sip_port,
            settings.hep_password,
            settings.trunk_match,
            heard,
            self.copied,
            deaf,
        )
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            if self._listens:
                await self._copies.run()
            await asyncio.Event().wait()
        finally:
            for task in self._fetching.values():
                task.cancel()
            await self._fetcher.close()

    def copied(self, copy: Copy) -> None:
        """An INVITE that names a place is here; one that is sent again says nothing new."""
        sip_id, packet = copy.call_id[:LONGEST_CALL_ID], copy.packet
        before, times = self._seen.get(sip_id, (0, 0))
        if before == hash(packet) or times >= MOST_OF_A_CALL:
            return
        self._seen[sip_id] = hash(packet), times + 1
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)

        def tell(told: Told) -> None:
            if told.place is not None or told.references:
                self._post(lambda now: self.locations.told(told, now))

        if not self.worker.do(partial(_read, sip_id, packet), tell):
            log.warning("place_not_read", why="too many wait")

    def fetch(self, channel: str, references: tuple[str, ...]) -> None:
        """Begin to fetch a citizen's place; what was being fetched for the same one is given up."""
        if (before := self._fetching.pop(channel, None)) is not None:
            before.cancel()
        task = asyncio.get_running_loop().create_task(
            self._fetch(channel, references), name="place"
        )
        self._fetching[channel] = task
        task.add_done_callback(partial(self._over, channel))

    def _over(self, channel: str, task: asyncio.Task[None]) -> None:
        if self._fetching.get(channel) is task:
            del self._fetching[channel]

    async def _fetch(self, channel: str, references: tuple[str, ...]) -> None:
        place: Place | None = None
        try:
            document = await self._fetcher.fetch(references)
            place = await self.worker.ask(partial(_fetched, document))
        except PlaceError as error:
            log.warning("place_not_fetched", channel=channel, error=str(error))
        except Exception:
            log.exception("place_failed")
        self._post(lambda now: self.locations.fetched(channel, place, now))


def _read(sip_id: str, packet: bytes, city: Map | None) -> Told:
    """What an INVITE says, with names; in the worker's thread."""
    found = said(packet)
    place: Place | None = None
    for document in found.documents:
        try:
            place = of_document(document, PlaceSource.VALUE, city)
            break
        except PlaceError as error:
            log.warning("place_not_usable", sip_id=sip_id[:64], error=str(error))
    return Told(sip_id=sip_id, place=place, references=list(found.references))


def _fetched(document: bytes, city: Map | None) -> Place | None:
    try:
        return of_document(document, PlaceSource.REFERENCE, city)
    except PlaceError as error:
        log.warning("place_not_usable", error=str(error))
        return None
