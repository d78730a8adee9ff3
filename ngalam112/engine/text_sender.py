"""Sends texts: to citizens by SIP, to operators' phones through Asterisk.

A phone has registered with Asterisk, which knows the way to it, through NAT too. Of a message to it
Asterisk tells only whether it could be sent; whether the phone is there is known from elsewhere. It
is asked over HTTP, one message after the other, so that no call waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

import structlog

from acd.texts.conversation import TextMessage
from pbx.ari import AriClient
from pbx.ari_reply import AriError, AriUnreachable
from pbx.sip_message import UNSENT, SipMessages, cut

log = structlog.get_logger("texts")

_AT_ONCE = 20
_AGAIN_S = 0.5
NO_ADDRESS = 484
"""The status of a message that has no address to go to ("address incomplete")."""


class _ForPhone(NamedTuple):
    """What a phone is to show; `message_id`: if it is a citizen's message."""

    phone: str
    shown_as: str
    text: str
    message_id: str


class TextSender:
    """The sender that `acd.texts` wants.

    `carrier`: the host and port over which citizens are reached; "": over where they wrote from.
    `settled(message_id, status)`: what became of a message to a citizen. `shown(message_id)`,
    `phone_failed(phone)`: a message to a phone was sent, or could not be.
    """

    def __init__(
        self,
        ari: AriClient,
        messages: SipMessages,
        carrier: str,
        domain: str,
        *,
        settled: Callable[[str, int], None],
        shown: Callable[[str], None],
        phone_failed: Callable[[str], None],
    ) -> None:
        self._ari, self._messages = ari, messages
        self._carrier, self._domain = carrier, domain
        self._settled, self._shown, self._phone_failed = settled, shown, phone_failed
        self._for_phones: asyncio.Queue[_ForPhone] = asyncio.Queue()
        self._waiting: asyncio.Queue[tuple[str, int, str, str, str]] = asyncio.Queue()

    def to_citizen(self, message: TextMessage) -> None:
        """Send in turn."""
        peer = self._carrier or message.peer
        self._waiting.put_nowait(
            (message.id, message.attempts, message.address, peer, message.body)
        )

    async def run(self) -> None:
        """Send, so many at a time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._show_on(), name="texts to phones")
            for number in range(_AT_ONCE):
                tasks.create_task(self._send_on(), name=f"texts {number}")

    async def _send_on(self) -> None:
        while True:
            message_id, attempt, address, peer, body = await self._waiting.get()
            try:
                status = NO_ADDRESS
                if address and peer:
                    status = await self._messages.send(
                        f"{message_id}.{attempt}", address, peer, body
                    )
            except Exception:
                log.exception("text_not_sent", message=message_id)
                status = UNSENT
            self._settled(message_id, status)

    def to_phone(self, phone: str, shown_as: str, text: str, message_id: str = "") -> None:
        """Have Asterisk send it, in turn; without a connection to it, with the next one."""
        self._for_phones.put_nowait(_ForPhone(phone, shown_as, text, message_id))

    async def _show_on(self) -> None:
        while True:
            one = await self._for_phones.get()
            while not await self._shown_there(one):
                await asyncio.sleep(_AGAIN_S)

    async def _shown_there(self, one: _ForPhone) -> bool:
        """Send it as from the citizen's number, to which the phone answers; False: try again."""
        sender = f"sip:{quote(one.shown_as, safe='+')}@{self._domain}"
        body = {"from": sender, "body": cut(one.text).decode()}
        try:
            await self._ari.put(f"endpoints/PJSIP/{one.phone}/sendMessage", body)
        except AriUnreachable:
            return False
        except AriError as error:
            log.warning("phone_not_written_to", phone=one.phone, error=str(error))
            self._phone_failed(one.phone)
        else:
            if one.message_id:
                self._shown(one.message_id)
        return True
