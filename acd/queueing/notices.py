"""Notices: what the line tells of a known big incident to those who call because of it.

"We know of the fire at ...; stay on the line if yours is another." A waiting citizen hears it in
place of music and keeps the place in line: an operator's answer cuts it off like music. Who hangs
up after it has had the information; who waits on waits for an operator, and pressing the key asks
for a call back nevertheless.

A notice costs Asterisk what music costs, so it is heard by so many at a time at most; the others
have theirs in their order. Nothing is done for each of those who wait but once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from acd.calls.call import Call
from acd.calls.journal import Journal
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.languages import OWN_LANGUAGE
from acd.timers import Timer, Timers

NOTICE = "notice:"
"""The key of the fact of a notice is this and its id."""

NOTICES = "notices"
"""The audio of a notice is the prompt `notices/<id>_<language>`."""

ALL = "all"
"""The name of a notice for all calls, where one for a category has the category's."""

CALLBACK_KEY = "1"
STAY, CALLED_BACK = "notice_stay", "notice_callback"
PROMPTS = (STAY, CALLED_BACK)
IN_LINE = "queue_wait"
END_IS_LOST_S = 20.0
"""So long after a notice, and what is said behind it, its end has been lost with a connection."""
ENOUGH = 0.5
"""Who has heard so much of a notice knows what it is about."""

DECIDES_S = 15.0
"""Who hangs up so soon after a notice has heard what it was about; who waits on, waits for more."""

_WAITS = (Stage.QUEUED, Stage.RINGING)


class NoSuchNotice(LookupError):
    """There is no notice with this id; the message says so."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice, heard from `begins` on and before `ends`, seconds since the epoch.

    `category`: of the calls that it is for; None for all. `seconds`: how long its audio is, by
    language. `words`: what was spoken, by language; of a recording, nothing.
    """

    id: str
    category: str | None = None
    begins: float
    ends: float
    seconds: dict[str, float]
    words: dict[str, str] = {}

    def language_for(self, language: str) -> str:
        """The language in which a citizen hears it: theirs, else the line's own, else the first."""
        for one in (language, OWN_LANGUAGE):
            if one in self.seconds:
                return one
        return next(iter(self.seconds))

    def prompt(self, language: str) -> str:
        """Its prompt for a citizen of this language, as the switch knows it."""
        return f"{NOTICES}/{self.id}_{self.language_for(language)}"


def is_informed(call: Call, ended_by: str, now: float) -> bool:
    """Whether a citizen who waits and hangs up now does so because of a notice."""
    heard = call.notice_heard_at
    return ended_by == "caller" and heard is not None and now - heard <= DECIDES_S


class _Hearing(NamedTuple):
    """Who hears which notice; the timer is for an end of it that is never told."""

    notice: Notice
    seconds: float
    timer: Timer


class Notices:
    """The notices of the line, and who hears one now; the one writer calls it.

    `waiting()`: all calls that wait. `play(call, prompts, now)`: have them said to a waiting
    citizen, in place of what plays. `most`: so many hear a notice at a time. `lead_s`: how long
    "you are in line, do not hang up" takes, which is said before it. `current`: the notices, by
    their ids.
    """

    def __init__(
        self,
        journal: Journal,
        timers: Timers,
        *,
        waiting: Callable[[], Iterable[Call]],
        play: Callable[[Call, list[str], float], None],
        most: int,
        lead_s: float,
    ) -> None:
        self._journal, self._timers, self._most, self._lead_s = journal, timers, most, lead_s
        self._waiting, self._play = waiting, play
        self.current: dict[str, Notice] = {}
        self._hearing: dict[str, _Hearing] = {}  # by call
        self._in_turn: deque[Call] = deque()

    # --- what the supervisor does -------------------------------------------------------------

    def __iter__(self) -> Iterator[Notice]:
        """Iterate over the notices that are heard now, the oldest first."""
        return iter(list(self.current.values()))

    def set(self, notice: Notice, now: float) -> None:
        """Begin a notice, in place of one for the same category; those who wait hear it too."""
        for one in self:
            if one.category == notice.category:
                self.clear(one.id)
        self._know(notice)
        self._journal.keep(NOTICE + notice.id, msgspec.to_builtins(notice))
        for call in self._waiting():
            if self._for(call, now) is notice:
                self._in_turn.append(call)
        self._next(now)

    def clear(self, name: str) -> list[Notice]:
        """End the notice of this id or category (ALL: of all calls); NoSuchNotice if there is none.

        Who hears it at the moment hears it to its end.
        """
        found = [one for one in self if name in (one.id, one.category or ALL)]
        if not found:
            raise NoSuchNotice(f"There is no notice {name[:40]!r}; see `ngalam112 notice list`.")
        for notice in found:
            del self.current[notice.id]
            self._journal.keep(NOTICE + notice.id, None)
        return found

    def remember(self, facts: Mapping[str, Any], now: float) -> None:
        """Know the notices that an earlier engine had; one that is over by now is forgotten."""
        for key, value in facts.items():
            if not key.startswith(NOTICE):
                continue
            try:
                notice = msgspec.convert(value, Notice)
            except msgspec.ValidationError:
                notice = None
            if notice is None or notice.ends <= now or not notice.seconds:
                self._journal.keep(key, None)
            else:
                self._know(notice)

    def _know(self, notice: Notice) -> None:
        self.current[notice.id] = notice
        self._timers.at(notice.ends, lambda _: self._over(notice))

    def _over(self, notice: Notice) -> None:
        if self.current.get(notice.id) is notice:
            self.clear(notice.id)

    # --- what the citizen hears ---------------------------------------------------------------

    def _for(self, call: Call, now: float) -> Notice | None:
        """The notice that a waiting citizen shall hear: of the category, else one for all.

        None for who has heard it, for who waits after a talk, and for who is called back. Nor for
        who is silent: their keys mean something else, and who hangs up is owed a callback.
        """
        record = call.record
        if not self.current or record.operator_answered_at is not None or record.callback_of:
            return None
        if call.silent:
            return None
        found = None
        for notice in self.current.values():
            if notice.category in (None, call.record.category) and now < notice.ends:
                found = notice if found is None or found.category is None else found
        return None if found is None or found.id in call.notices else found

    def waits(self, call: Call, now: float) -> bool:
        """A call has begun to wait: have it hear the notice, if there is one; True if it does now.

        With too many who hear one, it has to wait for its turn.
        """
        if self._for(call, now) is None:
            return False
        if len(self._hearing) >= self._most:
            self._in_turn.append(call)
            return False
        return self._begin(call, now)

    def _begin(self, call: Call, now: float) -> bool:
        notice = self._for(call, now)
        if notice is None or call.stage not in _WAITS or call.id in self._hearing:
            return False
        call.notices = (*call.notices, notice.id)
        call.notice, call.notice_since = notice.id, now + self._lead_s
        self._hears(call, notice)
        self._play(call, [IN_LINE, notice.prompt(call.record.language), STAY], now)
        return True

    def _hears(self, call: Call, notice: Notice) -> None:
        seconds = notice.seconds[notice.language_for(call.record.language)]
        until = call.notice_since + seconds + END_IS_LOST_S
        timer = self._timers.at(until, lambda now: self.ended(call, now, whole=True))
        self._hearing[call.id] = _Hearing(notice, seconds, timer)

    def resumed(self, call: Call) -> None:
        """An engine after the one that began it goes on with a call that hears a notice."""
        notice = self.current.get(call.notice or "")
        if notice is None:
            call.notice = None
        elif call.id not in self._hearing:
            self._hears(call, notice)

    def forget(self, call: Call) -> None:
        """The call is taken up elsewhere, and nobody knows what was heard."""
        call.notice = None
        hearing = self._hearing.pop(call.id, None)
        if hearing is not None:
            hearing.timer.cancel()
            self._timers.at(call.notice_since, self._next)  # at once, but not in the middle of this

    def is_heard(self, call: Call) -> bool:
        """Whether the citizen hears a notice now, which nothing else is to cut off."""
        return call.id in self._hearing

    def ended(self, call: Call, now: float, *, whole: bool = False) -> None:
        """What was said to the citizen is over: to its end, or cut off."""
        hearing = self._hearing.pop(call.id, None)
        if hearing is None:
            return
        hearing.timer.cancel()
        seconds = hearing.seconds
        heard = seconds if whole else min(max(0.0, now - call.notice_since), seconds)
        call.notice, enough = None, heard >= ENOUGH * seconds
        if enough:
            call.notice_heard_at = now
        call.note(
            EventKind.NOTICE_HEARD,
            now,
            notice=hearing.notice.id,
            ms=round(heard * 1000),
            whole=heard >= seconds,
            enough=enough,
        )
        self._next(now)

    def digit(self, call: Call, digit: str, now: float) -> bool:
        """A waiting citizen presses a key; True if that asks for a call back, and is said so."""
        if digit != CALLBACK_KEY or not call.notices or call.stage not in _WAITS:
            return False
        if call.record.wants_callback:
            return False
        call.note(EventKind.CALLBACK_WANTED, now)
        self.ended(call, now)
        self._play(call, [CALLED_BACK], now)
        return True

    def _next(self, now: float) -> None:
        while self._in_turn and len(self._hearing) < self._most:
            self._begin(self._in_turn.popleft(), now)
