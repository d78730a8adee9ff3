"""What the measures share: the peers that are up, the seeds, how long and how often to play."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from random import Random
from typing import Any, Protocol, TypeVar

from lab.bench.peers import Ground, OurLine, Peer, PlainAsterisk
from lab.machine.spoiled import Repeats

Say = Callable[[str], None]
SILENT = "_silent"
STALL_LIMIT_S = 0.1
"""For how long the machine may stand still in a window that counts."""
Figures = dict[str, Any]
"""What a measure has found: plain values by name, as they go into JSON."""


class Measured(Protocol):
    """What was measured in a window."""

    @property
    def stalls_s(self) -> float:
        """For how long the machine stood still in it."""


M = TypeVar("M", bound=Measured)


class Stage:
    """A bench that runs: peers come up when they are needed first, and stay until its end.

    `pairs`: how often each peer is played; `quick`: shorter windows. `spoiled`: how many windows
    were thrown away.
    """

    def __init__(self, ground: Ground, seed: int, pairs: int, say: Say, *, quick: bool) -> None:
        self.ground, self.seed, self.pairs, self.quick = ground, seed, pairs, quick
        self.say, self.spoiled = say, 0
        self._peers: dict[str, Peer] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def peer(self, name: str) -> Peer:
        """Return the peer of this name, started if it is not up.

        `bare`, `app_queue`, `ours`; the latter two also without music, with `_silent` behind.
        """
        if name not in self._peers:
            kind = OurLine if name.startswith("ours") else PlainAsterisk
            await self.join(kind(name, self.ground, music=not name.endswith(SILENT)))
        return self._peers[name]

    async def join(self, peer: Peer) -> None:
        """Start a peer and keep it until the end of the bench."""
        self._peers[peer.name] = await self._stack.enter_async_context(peer)

    async def undisturbed(self, what: str, play: Callable[[], Awaitable[M]]) -> M:
        """Play a window; again, at most twice, if the machine stood still in it.

        After that it counts as it is.
        """
        repeats = Repeats(self.say, f"{what}: the window", STALL_LIMIT_S)
        while True:
            measured = await play()
            if not repeats.again(measured.stalls_s):
                break
        self.spoiled += repeats.spoiled
        if measured.stalls_s > STALL_LIMIT_S:
            self.say(
                f"{what}: the machine stood still for {measured.stalls_s:.1f} s in each of "
                f"{repeats.spoiled + 1} windows; the last one counts"
            )
        return measured

    def random(self, *what: object) -> Random:
        """The lot of one play: the same for every peer, another one for every pair."""
        return Random(" ".join(map(str, (self.seed, *what))))  # noqa: S311

    def window_s(self, full: float, quick: float) -> float:
        """How long to measure."""
        return quick if self.quick else full

    async def part(self, name: str) -> None:
        """Stop a peer that is not needed any more."""
        await self._peers.pop(name).__aexit__()

    async def by_turns(
        self, names: Iterable[str], play: Callable[[Peer, int], Awaitable[None]]
    ) -> None:
        """Play every peer once a pair, one after the other: A B A B."""
        names = list(names)
        for name in names:
            await self.peer(name)
        for pair in range(self.pairs):
            for name in names:
                await play(await self.peer(name), pair)
