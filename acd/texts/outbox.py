"""Messages on their way to citizens: each is tried until it is delivered, or given up."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from acd.calls.journal import Journal
from acd.texts.conversation import TextMessage
from acd.texts.delivery import is_delivered, pause_before_next
from acd.texts.ports import TextSender
from acd.texts.states import MessageState
from acd.timers import Timers

log = structlog.get_logger("texts")


class Outbox:
    """All messages that are being sent, by id (`pending`).

    `undelivered(message, again)`: called when the first try fails (`again`), and when it is given
    up. `delivered`, `failed`: since the start.
    """

    def __init__(
        self,
        sender: TextSender,
        timers: Timers,
        journal: Journal,
        undelivered: Callable[[TextMessage, bool], None],
    ) -> None:
        self._sender, self._timers, self._journal = sender, timers, journal
        self._undelivered = undelivered
        self.pending: dict[str, TextMessage] = {}
        self.delivered = self.failed = 0

    def send(self, message: TextMessage) -> None:
        """Keep a new message, and send it."""
        self.pending[message.id] = message
        message.attempts += 1
        message.keep(self._journal)
        self._sender.to_citizen(message)

    def remember(self, message: TextMessage) -> None:
        """Send again what an earlier engine has sent without having learned what became of it.

        The request bears the same id, so that whoever has it already can know it again.
        """
        self.pending[message.id] = message
        self._sender.to_citizen(message)

    def settled(self, message_id: str, status: int, now: float) -> None:
        """A request that carried a message has its final status (408: nobody has answered)."""
        message = self.pending.get(message_id)
        if message is None:
            return
        message.status = status
        arrived = is_delivered(status)
        pause = None if arrived else pause_before_next(message.attempts, status)
        if pause is not None:
            message.keep(self._journal)
            if message.attempts == 1:
                self._undelivered(message, True)
            self._timers.at(now + pause, lambda _: self._again(message))
            return
        del self.pending[message_id]
        message.move(MessageState.DELIVERED if arrived else MessageState.FAILED, now)
        message.keep(self._journal)
        if arrived:
            self.delivered += 1
        else:
            self.failed += 1
            log.warning("text_undelivered", message=message_id, status=status)
            self._undelivered(message, False)

    def _again(self, message: TextMessage) -> None:
        message.attempts += 1
        self._sender.to_citizen(message)
