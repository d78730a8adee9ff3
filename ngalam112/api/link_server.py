"""Serves the pages by which agencies accept and report: a small server beside the API, for anybody.

Only who has a link that this line has made gets further than one HMAC. A GET changes nothing, for
programs that look into mails open every link. At the end of each answer stands what can be done
next; nothing of it needs a script.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from deliveries.links import Action, Claim, LinkError, LinkExpired
from incidents.by_link import AnswersByLink, Standing, offered, standing
from incidents.errors import IncidentError
from incidents.report import report_of
from models.database import DatabaseError
from ngalam112.api import link_pages as pages
from ngalam112.api.incident_lookup import IncidentLookup, Job
from ngalam112.api.public_server import LARGEST_BODY, PublicServer
from ngalam112.api.refusals import Handler
from ngalam112.config.settings import Settings
from ngalam112.engine.agency_links import AgencyLinks
from ngalam112.engine.engine import Engine

log = structlog.get_logger("links")

FIND_WITHIN_S = 5.0
"""So long a page waits for its turn and the database, then it says: try again."""
TELL_EVERY_S = 60.0


class _Says(Exception):
    """What is to be answered in place of a page of a job: one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class LinkServer:
    """The pages of one engine. `port`: where they are served, None while they are not."""

    def __init__(self, engine: Engine, settings: Settings, lookup: IncidentLookup) -> None:
        self._engine, self._settings, self._lookup = engine, settings, lookup
        self._links = AgencyLinks(settings)
        self._answers = AnswersByLink(engine.journal, engine.router.incidents, engine.dispatches)
        self._zone = ZoneInfo(settings.timezone)
        # one at a time: what is not in hand is read in the engine's own time
        self._looking_up = asyncio.Semaphore(1)
        self._forged, self._told_at = 0, -TELL_EVERY_S
        self._public = PublicServer(
            "links",
            settings.link_bind,
            settings.link_port,
            "NGALAM112_LINK",
        )

    @property
    def port(self) -> int | None:
        """Where it serves; None while it does not."""
        return self._public.port

    async def run(self) -> None:
        """Serve until cancelled; a port that is taken is tried again, for no call depends on it."""
        if not self._links.work:
            return
        await self._public.serve(self._application())

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._answer], client_max_size=LARGEST_BODY)
        application.router.add_get("/{token}", self._show)
        application.router.add_post("/{token}", self._do)
        return application

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let every answer be a page with the same headers, and no stranger fill the log."""
        try:
            await self._public.read(request)
            answer = await handler(request)
        except _Says as says:
            answer = _page(pages.sentence_page(says.sentence), says.status)
        except (DatabaseError, TimeoutError):
            answer = _page(pages.sentence_page(pages.TRY_AGAIN), 503)
            answer.headers["Retry-After"] = "30"
        except web.HTTPNotFound:
            answer = _page(pages.sentence_page(pages.NOT_VALID), 404)
        except web.HTTPException as error:
            answer = _page(pages.sentence_page(pages.NOT_UNDERSTOOD), error.status)
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
        except Exception:
            log.exception("link_failed", method=request.method)
            answer = _page(pages.sentence_page(pages.FAILED), 500)
        answer.headers.update(pages.HEADERS)
        return answer

    # --- what is asked ------------------------------------------------------------------------

    async def _show(self, request: web.Request) -> web.Response:
        claim = self._claim(request)
        async with asyncio.timeout(FIND_WITHIN_S):
            job = await self._find(claim)
        return self._page_of(job)

    async def _do(self, request: web.Request) -> web.Response:
        claim = self._claim(request)
        action = _action(await request.read())
        if action is None or action not in claim.actions:
            raise _Says(400, pages.NOT_UNDERSTOOD)
        async with asyncio.timeout(FIND_WITHIN_S):
            job = await self._find(claim)
        if action not in offered(job.dispatch, job.worked_on):
            # before the turn of those who change something: links are used again and again
            return self._page_of(job, refused=True)
        async with AsyncExitStack() as turn:
            async with asyncio.timeout(FIND_WITHIN_S):
                await turn.enter_async_context(self._lookup.changing)
                job = await self._find(claim)
            one, incident, worked_on = job
            try:
                await self._engine.do(
                    lambda now: self._answers.do(action, one, incident, worked_on, now)
                )
            except IncidentError:
                return self._page_of(await self._find(claim), refused=True)
        # so that a page that is loaded again asks, and does nothing twice
        return web.Response(status=303, headers={"Location": request.match_info["token"]})

    def _claim(self, request: web.Request) -> Claim:
        try:
            return self._links.read(request.match_info["token"], self._engine.clock.now())
        except LinkExpired:
            raise _Says(410, pages.EXPIRED) from None
        except LinkError:
            self._count_forged()
            raise _Says(404, pages.NOT_VALID) from None

    def _count_forged(self) -> None:
        """A line of the log a minute, whatever comes."""
        self._forged += 1
        now = asyncio.get_running_loop().time()
        if now >= self._told_at + TELL_EVERY_S:
            log.warning("links_not_valid", count=self._forged)
            self._forged, self._told_at = 0, now

    async def _find(self, claim: Claim) -> Job:
        async with self._looking_up:
            job = await self._lookup.job(claim.job, claim.agency)
        if job is None:
            raise _Says(404, pages.NOT_VALID)
        return job

    # --- what is answered ---------------------------------------------------------------------

    def _page_of(self, job: Job, *, refused: bool = False) -> web.Response:
        one, incident, worked_on = job
        stands = standing(one, worked_on)
        if stands in (Standing.OVER, Standing.DECLINED):
            return _page(pages.over_page(incident.number or incident.id, stands), 410)
        category = self._engine.categories.get(incident.category or "")
        agency = self._engine.agencies.by_id.get(one.agency)
        name = "" if category is None else category.called()
        page = pages.job_page(
            report_of(incident, one.id, one.agency, name, ""),
            one.agency if agency is None else agency.name,
            stands,
            offered(one, worked_on),
            accepted_at=self._shown(one.acknowledged_at),
            refused=refused,
        )
        return _page(page, 409 if refused else 200)

    def _shown(self, at: float | None) -> str:
        return "" if at is None else f"{datetime.fromtimestamp(at, self._zone):%d-%m-%Y %H:%M}"


def _action(body: bytes) -> Action | None:
    """The action of a button's form."""
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=4).get(pages.FIELD, [])
        return Action(given[0]) if len(given) == 1 else None
    except ValueError:
        return None


def _page(html: str, status: int) -> web.Response:
    # halves of characters, which a database may give back, are no text that can be sent
    return web.Response(body=html.encode("utf-8", "replace"), status=status)
