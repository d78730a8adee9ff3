"""The API of notices: what callers are told of a known big incident, until when.

The audio is made in a thread, one notice at a time; then the engine's writer begins the notice.
"""

from __future__ import annotations

import asyncio
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import structlog

from acd.calls.ids import new_id
from acd.queueing.notices import Notice
from ngalam112.api.queries import Answer
from ngalam112.api.time_ranges import local
from ngalam112.config.notice_audio import NoticeError, check_languages, make_audio, speakable
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from pbx.programs import Programs

log = structlog.get_logger("api")

LONGEST_MIN = 24 * 60


class NewNotice(msgspec.Struct, forbid_unknown_fields=True):
    """`words`, `recordings`: by language; a recording is the path of a WAV file."""

    minutes: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_MIN)]
    category: str | None = None
    words: dict[str, str] = {}
    recordings: dict[str, str] = {}


class NoticeRoutes:
    """The handlers; they raise what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._notices = engine.dispatcher.announcements.notices
        self._one_at_a_time = asyncio.Semaphore(1)

    async def list(self) -> Answer:
        """The notices that are heard now."""
        return {"notices": [self._row(one) for one in self._notices]}

    async def set(self, body: NewNotice) -> Answer:
        """Begin a notice, in place of one for the same category."""
        categories = self._engine.menu.categories
        if body.category is not None and body.category not in categories:
            known = ", ".join(sorted(categories))
            raise NoticeError(f"There is no category {body.category[:40]!r}; known are: {known}.")
        check_languages([*body.words, *body.recordings])
        words = {language: speakable(text) for language, text in body.words.items()}
        notice_id = new_id(self._engine.clock.now())

        def begin(now: float, seconds: dict[str, float]) -> Notice:
            notice = Notice(
                id=notice_id,
                category=body.category,
                begins=now,
                ends=now + body.minutes * 60,
                seconds=seconds,
                words=words,
            )
            self._notices.set(notice, now)
            return notice

        async with self._one_at_a_time:
            seconds = await asyncio.to_thread(
                lambda: make_audio(
                    self._settings,
                    Programs.find(),
                    notice_id,
                    words,
                    body.recordings,
                    used=tuple(self._notices.current),
                )
            )
            notice = await self._engine.do(lambda now: begin(now, seconds))
        log.info("notice_set", **self._row(notice))
        return self._row(notice)

    async def clear(self, name: str) -> Answer:
        """End a notice, named by its id or its category."""
        cleared = await self._engine.do(lambda _: self._notices.clear(name))
        log.info("notice_cleared", ids=[one.id for one in cleared])
        return {"notices": [self._row(one) for one in cleared]}

    def _row(self, notice: Notice) -> Answer:
        zone = ZoneInfo(self._settings.timezone)
        return {
            "id": notice.id,
            "category": notice.category,
            "from": local(notice.begins, zone).isoformat(timespec="seconds"),
            "until": local(notice.ends, zone).isoformat(timespec="seconds"),
            "seconds": {one: round(takes, 1) for one, takes in notice.seconds.items()},
            "words": notice.words,
        }
