"""What operators do with text conversations by the API and the command line."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from acd.texts.conversation import LINE
from ngalam112.api.queries import Answer, with_times
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine


class AnswerText(msgspec.Struct, forbid_unknown_fields=True):
    """`operator`: who writes."""

    body: str
    operator: str = LINE


class TakeText(msgspec.Struct, forbid_unknown_fields=True):
    """`operator`: whose phone gets the conversation."""

    operator: str


class CloseText(msgspec.Struct, forbid_unknown_fields=True):
    """`note`: why, for the record."""

    operator: str = LINE
    note: str = ""


class TextChanges:
    """The handlers of all that is posted about conversations."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._zone = engine, ZoneInfo(settings.timezone)
        self._texts = engine.router.texts

    async def answer(self, id: str, body: AnswerText) -> Answer:
        """Send an answer to the citizen; its state says later whether it was delivered."""
        message = await self._engine.do(
            lambda now: self._texts.answer(id, body.operator, body.body, now)
        )
        return with_times(msgspec.to_builtins(message), self._zone)

    async def take(self, id: str, body: TakeText) -> Answer:
        """Give the conversation to an operator, whose phone gets its messages from now on."""
        found = await self._engine.do(lambda now: self._texts.take(id, body.operator, now))
        return with_times(msgspec.to_builtins(found.record), self._zone)

    async def close(self, id: str, body: CloseText) -> Answer:
        """Close the conversation; the citizen is told so."""
        found = await self._engine.do(
            lambda now: self._texts.close(id, body.operator, body.note, now)
        )
        return with_times(msgspec.to_builtins(found.record), self._zone)
