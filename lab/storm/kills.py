"""Kills the engine of a storm: at random moments, and at those in which a callback may get lost.

Each time by SIGKILL; another engine stands by, as `ngalam112 up` has it, and one more is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from acd.work_items.states import ItemState
from lab.machine.waiting import eventually
from lab.storm.lateness import Outage
from ngalam112.cli.client import Client, ClientError
from ngalam112.config.settings import Settings
from ngalam112.process.running_line import EngineFailed, EngineProcess, RunningLine, healthy

DUE = "due"
MOMENTS = ("ringing", "talking", "offered", DUE)
"""While the citizen is rung, while the two talk, while an operator's phone rings for a callback,
and just before the time of one has come; the rarest first."""
_STATES = {one: one for one in MOMENTS} | {DUE: ItemState.WAITING.value}
_BEFORE_DUE_S = 0.03
_BACK_WITHIN_S = 30.0
_LOOK_S = 0.05


class Killer:
    """Kills the engine as the plan says, and once at each of MOMENTS.

    `apart_s`: from one kill to the next, at least. `outages`: what was done. A moment that had
    passed when the signal came is waited for again. Not `kills`: it does nothing.
    """

    def __init__(
        self,
        line: RunningLine,
        client: Client,
        apart_s: float,
        say: Callable[[str], None],
        *,
        kills: bool = True,
    ) -> None:
        self._line, self._client, self._apart_s, self._say = line, client, apart_s, say
        self._kills = kills
        self.outages: list[Outage] = []
        self._over = False
        self._standby: EngineProcess | None = None

    @property
    def settings(self) -> Settings:
        """The line's."""
        return self._line.settings

    async def stop(self, running: asyncio.Task[None]) -> None:
        """Kill no more, and wait until an engine serves again. `running`: the task of `run`."""
        self._over = True
        await running

    async def __aenter__(self) -> Killer:
        if self._kills:
            try:
                await self._stand_by()
            except BaseException:
                await self.__aexit__()  # else an engine would outlive a storm that is interrupted
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._standby is not None:
            await self._standby.stop(signal.SIGKILL)

    async def _stand_by(self) -> None:
        self._standby = self._line.another_engine()
        await self._standby.start()  # as the other one serves, it does not wait for this one

    async def run(self, at: Sequence[float]) -> None:
        """`at`: the random moments, in seconds from now. Ends when all kills are done."""
        if not self._kills:
            return
        begin = time.monotonic()
        random, left = list(at), list(MOMENTS)
        while (random or left) and not self._over:
            await asyncio.sleep(_LOOK_S)
            if random and time.monotonic() - begin >= random[0]:
                random.pop(0)
                await self._kill("random")
            elif left and (found := await self._moment(left)) is not None:
                why, item = found
                if await self._kill(why, item):
                    left.remove(why)

    async def _moment(self, left: Sequence[str]) -> tuple[str, str] | None:
        """Wait for one of the moments for a second; which it is, and for which callback."""
        found = await self._ask("/api/callbacks")
        rows: Sequence[Mapping[str, Any]] = found["callbacks"] if found else ()
        for why in sorted(left, key=MOMENTS.index):
            for one in rows:
                if one["state"] == why:
                    return why, one["id"]
        if DUE in left:
            for one in rows:
                if one["state"] == ItemState.WAITING and one["due_at"] is not None:
                    due_in = datetime.fromisoformat(one["due_at"]).timestamp() - time.time()
                    if _BEFORE_DUE_S < due_in < 1.0:
                        await asyncio.sleep(due_in - _BEFORE_DUE_S)
                        return DUE, one["id"]
        return None

    async def _kill(self, why: str, item: str = "") -> bool:
        """Returns whether the callback was in that state then, as its history tells."""
        engine = self._line.engine
        assert engine.pid is not None and self._standby is not None
        since = time.time()
        os.kill(engine.pid, signal.SIGKILL)
        await engine.ended()
        self._line.engine = self._standby
        served = partial(healthy, self._line.settings)
        await eventually(served, _BACK_WITHIN_S, "an engine serves again", error=EngineFailed)
        outage = Outage(since=since, until=time.time(), why=why, item=item)
        await self._stand_by()
        await asyncio.sleep(self._apart_s)
        found = await self._ask(f"/api/callbacks/{item}") if item else None
        hit = why == "random" or (
            found is not None and _state_at(found["callback"], since) == _STATES[why]
        )
        self.outages.append(outage if hit else msgspec.structs.replace(outage, why="random"))
        lasted = outage.until - since
        self._say(f"the engine was killed ({why if hit else 'random'}), away for {lasted:.1f} s")
        return hit

    async def _ask(self, path: str) -> Any:
        with contextlib.suppress(ClientError):
            return await asyncio.to_thread(self._client.get, path)
        return None


def _state_at(item: Mapping[str, Any], at: float) -> str:
    state = ""
    for step in item["history"]:
        if datetime.fromisoformat(step["at"]).timestamp() <= at:
            state = step["state"]
    return state
