"""How busy the line is, and what it leaves undone for the citizens' sake.

Above capacity it sheds work that is not the citizens' (`Shed`); beyond the hard limit a new call
is not claimed, so it waits for admission (`ngalam112.engine.admission`) until there is room.
`decide` and `admits` are pure, and `LoadWatch` keeps what they need. It is asked at each arrival
and each end, and takes no longer for more calls.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from acd.timers import Timer, Timers

log = structlog.get_logger("acd")

RELIEF = 0.8  # a level ends below this part of its limit, so that it does not come and go
WINDOW_S = 1.0  # over which calls a second are counted
ASKED_AGAIN_S = 30.0  # for how long the dialplan may broadcast the same call again
ANSWER_UNSEEN_S = 5.0  # for so long more a phone may ring while so much waits to be handled


class Level(StrEnum):
    """How busy the line is."""

    NORMAL = "normal"
    SHEDDING = "shedding"  # above capacity: only what citizens need is done
    FULL = "full"  # beyond the hard limit: new calls wait for admission


class Shed(StrEnum):
    """Work that no citizen needs to be served."""

    ANNOUNCEMENTS = "announcements"  # the place in line, or the wait; the music goes on
    WHISPERS = "whispers"
    QUALITY = "quality"  # how well a citizen's audio came through


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Calls a second and channels: above capacity work is shed, beyond the most nobody is taken in.

    `most_music`: how many of those who wait hear music; the others are told words
    (`acd.queueing.music`).
    `most_backlog`: while more waits to be done by Asterisk and the engine, nobody is taken in; so
    the rate is what this machine can do at this moment, whatever the other limits say.

    The defaults are for two cores, and to be replaced by what was measured.
    """

    capacity_cps: int = 15
    capacity_channels: int = 300
    most_cps: int = 40
    most_channels: int = 600
    most_music: int = 60
    most_backlog: int = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What the line has to do at one moment.

    `cps`: calls that came in the last second; `claimed_cps`: how many were claimed or taken in.
    `channels`: the legs of citizens and operators that the engine knows, without the `at_door`
    citizens who wait for admission. `backlog`: requests that Asterisk has not answered, and events
    that the engine has not handled.
    """

    cps: int = 0
    claimed_cps: int = 0
    channels: int = 0
    at_door: int = 0
    backlog: int = 0


def decide(load: Load, limits: Limits, before: Level) -> Level:
    """How busy the line is; a level that was reached ends well below its limit only."""
    full = RELIEF if before is Level.FULL else 1.0
    if (
        load.at_door
        or load.cps > limits.most_cps * full
        or load.channels > limits.most_channels * full
    ):
        return Level.FULL
    shedding = 1.0 if before is Level.NORMAL else RELIEF
    if (
        load.cps > limits.capacity_cps * shedding
        or load.channels > limits.capacity_channels * shedding
    ):
        return Level.SHEDDING
    return Level.NORMAL


def admits(load: Load, limits: Limits) -> bool:
    """Whether one more call may be claimed, or taken in.

    Only such calls count here: of a rush, as many are served as can be, and not none.
    """
    return (
        load.claimed_cps < limits.most_cps
        and load.channels < limits.most_channels
        and load.backlog < limits.most_backlog
    )


def has_spare(load: Load, limits: Limits) -> bool:
    """Whether there is room within the capacity, above which work is shed."""
    return (
        load.claimed_cps < limits.capacity_cps
        and load.channels < limits.capacity_channels
        and load.backlog < limits.most_backlog // 2
    )


class LoadWatch:
    """Counts what the line has to do, knows the level, and counts what was left undone.

    `channels` tells how many legs there are now, `backlog` what waits to be done, `at_door` how
    many citizens wait to be taken in, without those beyond a limit of their number or address.
    `shed`: by kind. `held_back`: calls that came when there was no room. `came_at`: when the last
    call came, claimed or not; None if none has.
    """

    def __init__(self, timers: Timers, limits: Limits) -> None:
        self.limits, self.level = limits, Level.NORMAL
        self.channels: Callable[[], int] = lambda: 0
        self.at_door: Callable[[], int] = lambda: 0
        self.backlog: Callable[[], int] = lambda: 0
        self.shed: Counter[Shed] = Counter()
        self.held_back = 0
        self.came_at: float | None = None
        self._timers = timers
        self._timer: Timer | None = None
        self._came: deque[float] = deque()
        self._claimed: deque[float] = deque()
        self._refused: dict[str, float] = {}  # channel -> when; in the order of time

    def now(self, now: float) -> Load:
        """What the line has to do at this moment."""
        for times in (self._came, self._claimed):
            while times and times[0] <= now - WINDOW_S:
                times.popleft()
        return Load(
            cps=len(self._came),
            claimed_cps=len(self._claimed),
            channels=self.channels(),
            at_door=self.at_door(),
            backlog=self.backlog(),
        )

    def arrives(self, channel: str, now: float) -> bool:
        """A call has come: whether to claim it. One that was not is not when it is asked again.

        While others wait for admission, nobody passes them.
        """
        while self._refused and next(iter(self._refused.values())) <= now - ASKED_AGAIN_S:
            del self._refused[next(iter(self._refused))]
        if channel in self._refused:
            return False
        self.came_at = now
        self._came.append(now)
        load = self.now(now)
        admitted = not load.at_door and admits(load, self.limits)
        if admitted:
            self._claimed.append(now)
        else:
            self.held_back += 1
            self._refused[channel] = now
        self.look(now, coming=1)
        return admitted

    def unclaimed(self, channel: str, now: float) -> None:
        """A call has come that nobody claimed; counted, unless it was broadcast before."""
        if self._refused.pop(channel, None) is None:
            self.came_at = now
            self._came.append(now)
            self.held_back += 1
        self.look(now)

    def is_full(self, now: float) -> bool:
        """Whether there is no room for one more call."""
        return not admits(self.now(now), self.limits)

    def has_spare(self, now: float) -> bool:
        """Whether one more call may be served without any work being shed for it."""
        return has_spare(self.now(now), self.limits)

    def takes_in(self, now: float) -> bool:
        """Whether one who waits for admission may be admitted; counted as admitted if so."""
        if self.is_full(now):
            return False
        self._claimed.append(now)
        return True

    def is_late(self) -> bool:
        """Whether so much waits to be done that words would only come late."""
        return self.backlog() >= self.limits.most_backlog // 2

    def may_be_answered(self, rang_out_at: float, now: float) -> bool:
        """Whether a phone that has rung to its end may have been answered, and that waits yet."""
        return self.is_late() and now < rang_out_at + ANSWER_UNSEEN_S

    def sheds(self, what: Shed) -> bool:
        """Whether this piece of work is to be left undone; counted if so."""
        if self.level is Level.NORMAL:
            return False
        self.shed[what] += 1
        return True

    def look(self, now: float, coming: int = 0) -> None:
        """Find out how busy the line is now; to be asked when a call is over."""
        load = self.now(now)
        load = replace(load, channels=load.channels + coming)
        before, self.level = self.level, decide(load, self.limits, self.level)
        if self.level is not before:
            log.warning(
                "load",
                level_now=self.level.value,
                before=before.value,
                cps=load.cps,
                channels=load.channels,
                shed={kind.value: count for kind, count in self.shed.items()},
                held_back=self.held_back,
                at_door=load.at_door,
            )
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.level is not Level.NORMAL:
            # nobody tells that a second without calls has passed, or that an operator's leg is gone
            self._timer = self._timers.at(now + WINDOW_S, self.look)
