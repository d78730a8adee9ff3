"""What is read of the spool goes to the writer at once, but for questions that are looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from text_desk import TextDesk

from acd.texts.conversation import Conversation
from acd.texts.ports import Received
from ngalam112.engine.text_service import TextService
from ngalam112.engine.text_spool import PLACE, Place

T = TypeVar("T")


class AtOnce:
    """An inbox whose writer has nothing else to do."""

    async def do(self, act: Callable[[float], T]) -> T:
        return act(100.0)


class Line:
    """A line that answers messages with STATUS in them, as soon as it is let."""

    def __init__(self) -> None:
        self.desk = TextDesk()
        nothing: Any = None
        at_once: Any = AtOnce()
        self.service = TextService(
            *(self.desk.texts, self.desk.intake, self.desk.text_offers),
            *(nothing, nothing, nothing, at_once, self.desk.journal),
            bind="127.0.0.1",
            port=0,
            ahead=lambda: 0.0,
        )
        self.let = asyncio.Event()
        self.asked: list[str] = []
        self.service.asks = lambda one: one.body.startswith("STATUS")
        self.service.answers = self._answers

    async def _answers(self, messages: list[Received]) -> Mapping[str, str]:
        self.asked += [one.id for one in messages]
        await self.let.wait()
        return {one.id: "112: laporan" for one in messages if self.service.asks(one)}

    @property
    def conversations(self) -> dict[str, Conversation]:
        return {one.record.number: one for one in self.desk.texts.places.by_id.values()}

    @property
    def place(self) -> object:
        return self.desk.journal.facts.get(PLACE)


def a_text(id: str, number: str, body: str) -> Received:
    return Received(
        id=id, at=99.0, number=number, address=f"{number}@carrier", body=body, size=len(body)
    )


async def test_an_emergency_waits_for_no_look_up_and_the_place_is_kept_with_the_last() -> None:
    line = Line()
    found = [
        a_text("a", "0811", "STATUS 2026-1"),
        a_text("b", "0812", "kebakaran"),
        a_text("c", "0811", "tolong"),
    ]
    taking = asyncio.create_task(line.service._take(found, Place(7)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert line.asked == ["a", "c"] and not taking.done()
    assert set(line.conversations) == {"0812"}, "the sender's own messages stay in order"
    assert line.place is None
    line.let.set()
    await taking
    assert set(line.conversations) == {"0811", "0812"}
    assert line.place == {"offset": 7, "aside": False}


async def test_what_is_read_again_is_there_once() -> None:
    line = Line()
    line.desk.has("0813")
    phone = Received(id="p", at=99.0, number="101", phone="101", to="0813", body="ya", size=2)
    found = [phone, a_text("a", "0811", "STATUS 2026-1"), a_text("b", "0812", "kebakaran")]
    dies = asyncio.create_task(line.service._take(found, Place(7)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    dies.cancel()
    line.let.set()
    await line.service._take(found, Place(7))
    assert [one.body for one in line.desk.text_sender.sent].count("ya") == 1
    assert line.conversations["0812"].record.received == 1


async def test_without_a_question_nothing_is_looked_up() -> None:
    line = Line()
    await line.service._take([a_text("b", "0812", "kebakaran")], Place(7))
    assert not line.asked and set(line.conversations) == {"0812"}
