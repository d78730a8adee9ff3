"""Phones and citizens played by SIPp, for the demo and for tests on a real line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from lab.actors.sipp import SippError, SippResult, SippRun, credentials, free_port, run_sipp
from pbx.programs import Programs

_TOGETHER = 50.0  # phones a second


class PlayedPhone(msgspec.Struct, frozen=True, kw_only=True):
    """A SIP account that SIPp plays at `port`."""

    number: str
    password: str
    port: int


class Players:
    """Starts SIPp against one line; everything started is stopped when the block is left."""

    def __init__(self, programs: Programs, work: Path, line_port: int) -> None:
        self._programs, self._work = programs, work
        self._target = f"127.0.0.1:{line_port}"
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Players:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def register(self, number: str, password: str, port: int | None = None) -> PlayedPhone:
        """Register a phone with digest; it will be called at the port it registered from.

        `port`: where it was before, if it registers anew.
        """
        phone = PlayedPhone(number=number, password=password, port=port or free_port())
        await self._succeed("phone_register_ok", phone)
        return phone

    async def register_together(self, numbers: Sequence[str], password: str) -> list[PlayedPhone]:
        """Register phones that one SIPp plays: all of them are called at the same port."""
        port = free_port()
        phones = [PlayedPhone(number=one, password=password, port=port) for one in numbers]
        await self._each_succeeds("phone_register_ok", phones)
        return phones

    async def all_leave(self, phones: Sequence[PlayedPhone]) -> None:
        """Stop everything that was started, and unregister these phones."""
        await self._stack.aclose()
        if phones:
            await self._each_succeeds("phone_unregister", phones)

    async def dial(self, phone: PlayedPhone, code: str) -> None:
        """Dial a code from a phone (with digest) and listen to the answer."""
        await self._succeed("phone_dial_code_until_bye", phone, code)

    async def dial_each(self, phones: Sequence[PlayedPhone], code: str) -> None:
        """Dial a code from each of these phones, at the same time."""
        await self._each_succeeds("phone_dial_code_until_bye", phones, code)

    async def dial_and_press(
        self,
        phone: PlayedPhone,
        code: str,
        *keys: str,
        between_s: float = 6.0,
        hang_up: bool = False,
    ) -> None:
        """Dial a code and press keys, twice; or once, and `hang_up`.

        `between_s`: from the beginning of the first keys to that of the others. SIPp plays them
        beside each other otherwise: five keys take two seconds.
        """
        if hang_up:
            await self._succeed("phone_dial_code_keys_bye", phone, code, *keys)
        else:
            between = f"{between_s * 1000:.0f}"
            await self._succeed("phone_dial_code_keys_until_bye", phone, code, *keys, between)

    async def _succeed(self, scenario: str, phone: PlayedPhone, *more: str) -> None:
        await self._each_succeeds(scenario, [phone], *more)

    async def _each_succeeds(
        self, scenario: str, phones: Sequence[PlayedPhone], *more: str
    ) -> None:
        result = await run_sipp(
            self._programs,
            self._work,
            scenario,
            target=self._target,
            port=phones[0].port if scenario == "phone_register_ok" else None,
            calls=len(phones),
            rate=_TOGETHER,
            limit_s=30,
            rows=[credentials(one.number, one.password, *more) for one in phones],
        )
        if result.successful != len(phones):
            numbers = ", ".join(one.number for one in phones)
            raise SippError(
                f"Phone {numbers} could not do {scenario} {more[:1]}; SIPp says: "
                f"{result.why or 'nothing.'}"
            )

    async def behave(
        self,
        phone: PlayedPhone,
        scenario: str,
        *,
        limit_s: float = 600,
        trace: bool = False,
        noted: bool = False,
        rows: Sequence[Sequence[str]] | None = None,
    ) -> SippRun:
        """Let the phone take calls as the scenario says, until it is stopped.

        `rows`: what the scenario reads of its injection file, a row a call and again from the top.
        """
        run = SippRun(
            self._programs,
            self._work,
            scenario,
            port=phone.port,
            echo=True,
            limit_s=limit_s,
            trace=trace,
            noted=noted,
            rows=rows,
        )
        return await self._stack.enter_async_context(run)

    async def telephone(self, scenario: str, keys: Mapping[str, str]) -> SippRun:
        """Play a telephone that is none of the line's, until it is stopped."""
        run = SippRun(self._programs, self._work, scenario, keys=dict(keys), echo=True)
        return await self._stack.enter_async_context(run)

    async def citizens(
        self,
        scenario: str,
        count: int,
        *,
        caller: str,
        rate: float = 5.0,
        keys: Mapping[str, str] | None = None,
        rows: Sequence[Sequence[str]] | None = None,
        limit_s: float = 90.0,
    ) -> SippResult:
        """Let `count` citizens dial; their numbers are `caller` with 1, 2, 3... behind it."""
        return await run_sipp(
            self._programs,
            self._work,
            scenario,
            target=self._target,
            calls=count,
            rate=rate,
            limit_s=limit_s,
            keys={"caller": caller, **(keys or {})},
            rows=rows,
        )
