"""The AMI link: the state of the phones, who wants in by SIP, and redirection.

panoramisk does the protocol; this wraps what it leaves to its users: UTF-8 that is split between
two TCP packets, a ping that must be answered in time, reconnecting, and reading the state of all
phones anew after each connect (events in a gap are lost).
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

from pbx.reconnect import reconnect_delays

log = structlog.get_logger("ami")


class AmiError(Exception):
    """Nothing came of what AMI was to do. Kinds: AmiRefused, AmiLost."""


class AmiRefused(AmiError):
    """Asterisk does not know our AMI user or password; trying again does not help."""


class AmiLost(AmiError):
    """The connection is gone, or a ping was not answered in time."""


class DeviceState(msgspec.Struct, frozen=True):
    """A phone's device state by Asterisk's name: NOT_INUSE, INUSE, RINGING, UNAVAILABLE..."""

    phone: str
    state: str


class PhoneSeen(msgspec.Struct, frozen=True):
    """A phone has registered, or has answered OPTIONS: it is there."""

    phone: str


class AuthAttempt(msgspec.Struct, frozen=True):
    """Somebody who wanted in by SIP: from where, and whether with the right password."""

    address: str
    let_in: bool


_PHONE = re.compile(r"^PJSIP/([0-9]{2,6})$")


def device_state(headers: Any) -> DeviceState | None:
    """Read a DeviceStateChange; None if it is not about a phone."""
    phone = _PHONE.match(headers.get("device", ""))
    return DeviceState(phone[1], headers.get("state", "")) if phone else None


def phone_seen(headers: Any) -> PhoneSeen | None:
    """Read a ContactStatus, which comes with each registration; None if no phone is there by it."""
    there = headers.get("contactstatus") in ("NonQualified", "Reachable")
    phone = _NUMBER.match(headers.get("aor", ""))
    return PhoneSeen(phone[0]) if there and phone else None


def tells_of_a_phone(block: str) -> bool:
    """Whether Asterisk tells of itself, and not in answer to us, what a device does."""
    return block.startswith((_STATE, _CONTACT)) and f"{_EOL}ActionID: " not in block


def event_of(block: str) -> DeviceState | PhoneSeen | None:
    """Read such a block; None if it is not about a phone."""
    headers = headers_of(block)
    return phone_seen(headers) if block.startswith(_CONTACT) else device_state(headers)


def headers_of(block: str) -> dict[str, str]:
    """Return the headers, their names in small letters."""
    lines = (line.partition(": ") for line in block.split(_EOL))
    return {name.lower(): value for name, _, value in lines}


def auth_attempt(block: str) -> AuthAttempt | None:
    """Read an event of somebody who wanted in by SIP; None for any other."""
    let_in = _ATTEMPTS.get(block.partition(_EOL)[0])
    if let_in is None:
        return None
    headers = headers_of(block)
    # IPV4/UDP/192.0.2.1/5060
    parts = headers.get("remoteaddress", "").split("/")
    if headers.get("service") != "PJSIP" or len(parts) != 4:
        return None
    return AuthAttempt(parts[2], let_in)


_EOL = "\r\n"
_ATTEMPTS = {
    "Event: ChallengeResponseFailed": False,
    "Event: InvalidPassword": False,
    "Event: InvalidAccountID": False,
    "Event: SuccessfulAuth": True,
}
_STATE, _CONTACT = f"Event: DeviceStateChange{_EOL}", f"Event: ContactStatus{_EOL}"
_NUMBER = re.compile(r"^[0-9]{2,6}$")


class _Protocol(AMIProtocol):  # type: ignore[misc]
    """panoramisk's protocol, fed with whole characters only, and with what is an answer to it.

    Events, four a call, are read here: panoramisk takes ten times as long for one.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with an empty decoder."""
        super().connection_made(transport)
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def data_received(self, data: bytes) -> None:
        """Take whole blocks; hold back the begin of one, and of a character."""
        text = self._begun + self._characters.decode(data)
        *blocks, self._begun = text.split(_EOL + _EOL)
        for block in blocks:
            if (attempt := auth_attempt(block)) is not None:
                self.factory.attempted(attempt)
            elif not tells_of_a_phone(block):
                if block.startswith(_STATE) and (state := event_of(block)) is not None:
                    # of the list that was asked for: at its turn, or it undoes what comes behind
                    self.factory.heard(state)
                super().data_received(f"{block}{_EOL}{_EOL}".encode())
            elif (event := event_of(block)) is not None:
                self.factory.heard(event)


class _Manager(Manager):  # type: ignore[misc]
    """One connection of panoramisk: it tells when it is lost and does not reconnect by itself."""

    def __init__(
        self,
        heard: Callable[[DeviceState | PhoneSeen], None],
        attempted: Callable[[AuthAttempt], None] = lambda _: None,
        **config: Any,
    ) -> None:
        super().__init__(protocol_factory=_Protocol, ping_delay=10**6, **config)
        self.heard, self.attempted = heard, attempted
        self.lost = asyncio.Event()

    def connection_lost(self, exc: object) -> None:
        """Called by the protocol once the connection is gone."""
        self.close()
        self.lost.set()


class AmiLink:
    """Stays connected and tells `on_event` and `on_attempt` what it hears; they must not block."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        password: str,
        on_event: Callable[[DeviceState | PhoneSeen], None],
        on_attempt: Callable[[AuthAttempt], None] = lambda _: None,
        ping_interval: float = 10.0,
        reply_timeout: float = 5.0,
    ) -> None:
        self.connected = False
        self._host, self._port = host, port
        self._user, self._password = user, password
        self._on_event, self._on_attempt = on_event, on_attempt
        self._ping_interval, self._reply_timeout = ping_interval, reply_timeout
        self._manager: _Manager | None = None

    async def run(self) -> None:
        """Stay connected until cancelled; a wrong password is logged and tried again slowly."""
        delays = reconnect_delays()
        while True:
            try:
                await self._serve()
            except (AmiError, OSError, TimeoutError) as error:
                log.warning("ami_down", error=str(error) or type(error).__name__)
                if self.connected:
                    delays = reconnect_delays()
            finally:
                self.connected = False
            await asyncio.sleep(next(delays))

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        # panoramisk would try again by itself after a refused connection, so look first
        _, probe = await asyncio.open_connection(self._host, self._port)
        probe.close()
        manager = _Manager(
            self._on_event,
            self._on_attempt,
            host=self._host,
            port=self._port,
            username=self._user,
            secret=self._password,
            loop=loop,
        )
        try:
            async with asyncio.timeout(self._reply_timeout):
                await manager.connect()
                reply = await manager.authenticated_future
            if not reply.success:
                raise AmiRefused(
                    f"Asterisk at {self._host}:{self._port} refuses our AMI user or password."
                )
            self.connected, self._manager = True, manager
            log.info("ami_up")
            await self._read_states(manager)
            await self._stay(manager)
        finally:
            self._manager = None
            manager.close()

    async def redirect(self, channel: str, context: str, exten: str, priority: str) -> None:
        """Send a channel (by its name) elsewhere in the dialplan; raises an AmiError."""
        where = {"Context": context, "Exten": exten, "Priority": priority}
        action = {"Action": "Redirect", "Channel": channel, **where}
        await self._act(action, f"{channel} cannot be redirected")

    async def pause_recording(self, channel: str, paused: bool) -> None:
        """Let silence stand in the recording of a channel (by its id) from now on, or sound again.

        Raises an AmiError, also where the channel is not recorded.
        """
        state = {"Direction": "both", "State": "1" if paused else "0"}
        action = {"Action": "MixMonitorMute", "Channel": channel, **state}
        await self._act(action, f"the recording of {channel} cannot be paused")

    async def _act(self, action: dict[str, str], failed: str) -> None:
        if self._manager is None:
            raise AmiLost("AMI is not connected")
        try:
            async with asyncio.timeout(self._reply_timeout):
                reply = await self._manager.send_action(action)
        except TimeoutError:
            raise AmiLost(f"{failed}: no answer") from None
        if not reply.success:
            raise AmiError(f"{failed}: {reply.message}")

    async def _read_states(self, manager: _Manager) -> None:
        """Ask for the states of all devices; the protocol tells them, among the changes."""
        async with asyncio.timeout(self._reply_timeout):
            await manager.send_action({"Action": "DeviceStateList"})

    async def _stay(self, manager: _Manager) -> None:
        while True:
            try:
                async with asyncio.timeout(self._ping_interval):
                    await manager.lost.wait()
                raise AmiLost("connection closed")
            except TimeoutError:
                async with asyncio.timeout(self._reply_timeout):
                    await manager.send_action({"Action": "Ping"})
