"""Carries texts between the writer and the outside: reads what comes in, sends what goes out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from acd.calls.journal import Journal
from acd.text_offers import TextOffers
from acd.texts.intake import Intake
from acd.texts.ports import Received
from acd.texts.texts import Texts
from acd.work_items.item import WorkItem
from ngalam112.engine.inbox import Inbox
from ngalam112.engine.text_sender import TextSender
from ngalam112.engine.text_spool import PLACE, Place, TextSpool
from pbx.sip_message import SipMessages

log = structlog.get_logger("texts")


class TextService:
    """Runs beside the writer of one engine. `bind`, `port`: where answers to citizens leave.

    `ahead()`: how far the machine's clock, which the dialplan tells, is ahead of the engine's.
    """

    def __init__(
        self,
        texts: Texts,
        intake: Intake,
        offers: TextOffers,
        spool: TextSpool,
        sender: TextSender,
        messages: SipMessages,
        inbox: Inbox,
        journal: Journal,
        *,
        bind: str,
        port: int,
        ahead: Callable[[], float],
    ) -> None:
        self.texts, self.intake, self.spool, self._offers = texts, intake, spool, offers
        self._sender, self._messages = sender, messages
        self._inbox, self._journal = inbox, journal
        self._bind, self._port, self._ahead = bind, port, ahead
        # what the line answers by itself, by the messages' ids; set by who knows the database
        self.answers: Callable[[list[Received]], Awaitable[Mapping[str, str]]] = _no_answers
        # whether a message may be one that the line answers
        self.asks: Callable[[Received], bool] = _asks_nothing

    def remember(
        self,
        conversations: Iterable[Mapping[str, Any]],
        messages: Iterable[Mapping[str, Any]],
        items: Iterable[WorkItem],
        place: object,
        now: float,
    ) -> None:
        """Go on with what an earlier engine has kept."""
        self.spool.remember(place)
        self._offers.remember(items)
        self.texts.remember(conversations, messages, now)
        self._offers.all_remembered(now)

    async def run(self) -> None:
        """Carry until cancelled."""
        await self._open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.spool.follow(self._take), name="texts come in")
                tasks.create_task(self._sender.run(), name="texts go out")
        finally:
            self._messages.close()

    async def _open(self) -> None:
        """Bind the port, or any; without one answers wait, and calls do not suffer from that."""
        for port in dict.fromkeys((self._port, 0)):
            try:
                await self._messages.open(self._bind, port)
            except OSError as error:
                log.error("text_port_not_bound", port=port, error=str(error))
            else:
                return

    async def _take(self, found: list[Received], place: Place) -> None:
        """Have the writer take messages and keep the place behind them, in one write of both.

        What the line may answer by itself is looked up first, so that an engine which dies
        meanwhile has taken none of these. All others go to the writer before that: they wait for
        no look-up. If the engine dies in between they are read again, and known by their ids.
        """
        held = self._held(found)
        if held:
            others = [one for one in found if one.id not in held]
            await self._inbox.do(lambda now: self._receive(others, now, {}))
            found = [one for one in found if one.id in held]
        answers = await self.answers(found) if held else {}

        def take(now: float) -> None:
            self._receive(found, now, answers)
            self._journal.keep(PLACE, msgspec.to_builtins(place))

        await self._inbox.do(take)

    def _receive(self, found: list[Received], now: float, answers: Mapping[str, str]) -> None:
        ahead = self._ahead()
        self.intake.receive(
            [msgspec.structs.replace(one, at=min(one.at - ahead, now)) for one in found],
            now,
            answers,
        )

    def _held(self, found: list[Received]) -> set[str]:
        """The ids of questions, and of what their senders have written after them."""
        held, senders = set(), set()
        for one in found:
            if one.phone:
                continue
            sender = self.texts.sender_of(one.number, one.address)
            if sender in senders or (self.asks(one) and not self.intake.is_open(one)):
                senders.add(sender)
                held.add(one.id)
        return held


async def _no_answers(_: list[Received]) -> Mapping[str, str]:
    return {}


def _asks_nothing(_: Received) -> bool:
    return False


def own_address(bind: str) -> str:
    """The address by which others reach this machine; `bind` itself, unless that is all of them."""
    if bind not in ("0.0.0.0", "::"):  # noqa: S104
        return f"[{bind}]" if ":" in bind else bind
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        found: str = probe.getsockname()[0]
        return found
