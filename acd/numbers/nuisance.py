"""Which telephone numbers are a nuisance for a while: their calls are served behind the others.

Cities block such numbers for a day, and a child's game is then an adult's emergency that nobody
answers. Here no call is refused: a number that calls too often, hangs up too soon or is marked as
prank or ghost by operators counts as having arrived later, until that wears off or a call proves
real. Numbers are compared by `same_caller`; who withholds the number is nobody here. Pure but for
`keep`, which keeps a fact for the next engine of who calls again; who calls once costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from acd.numbers.caller import COUNTRY, digits_of, same_caller, tail_of

CALLER = "caller:"
"""The key of the fact about a number is this and the number (E.164)."""

CALLS, SHORT_CALLS, MARKS = "calls", "short_calls", "marks"
REASONS = (CALLS, SHORT_CALLS, MARKS)

MOST_NUMBERS = 10_000
_LONGEST_S = 86_400.0


class Nuisance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a number a nuisance, and what follows.

    More than `calls` calls, or `short_calls` calls that end within `short_s` of their arrival or of
    their answer, within `window_s`; or `marks` marks of operators within `wears_off_s`. It wears
    off `wears_off_s` after the last of that. A call counts as having arrived `behind_s` later. A
    talk of `real_s` that nobody marks proves it real. `never`: numbers that many people call from.
    """

    window_s: float = 600.0
    calls: int = 10
    short_s: float = 5.0
    short_calls: int = 5
    marks: int = 2
    wears_off_s: float = 3600.0
    behind_s: float = 300.0
    real_s: float = 60.0
    never: tuple[str, ...] = ()


def nuisance_problems(nuisance: Nuisance) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    for name in ("window_s", "short_s", "wears_off_s", "behind_s", "real_s"):
        if not 0 <= getattr(nuisance, name) <= _LONGEST_S:
            yield f"nuisance, {name}: seconds must be between 0 and {_LONGEST_S:g}"
    for name in ("calls", "short_calls", "marks"):
        if not 1 <= getattr(nuisance, name) <= 100:
            yield f"nuisance, {name} must be between 1 and 100"
    for number in nuisance.never:
        if not digits_of(number):
            yield f"nuisance, never: {number!r} is no telephone number"


class Caller(msgspec.Struct, array_like=True):
    """What is known of one number. Times are seconds since the epoch.

    `calls`, `shorts`: when the last ones came. `marks`: when which call was marked. `since`,
    `reason`: when it became a nuisance last, and by what. `real_at`, `real_call`: when a call
    proved real, after which nothing before it counts, and which one.
    """

    calls: list[float] = []
    shorts: list[float] = []
    marks: dict[str, float] = {}
    since: float = 0.0
    reason: str = ""
    real_at: float = 0.0
    real_call: str = ""

    @property
    def latest(self) -> float:
        """When it was heard of last."""
        return max(self.since, self.real_at, *self.calls, *self.shorts, *self.marks.values())


class NuisanceNumbers:
    """The numbers that called more than once, or were marked; no more than `MOST_NUMBERS`.

    `keep(key, value)` keeps a fact for the next engine; None forgets it.
    """

    def __init__(
        self, rules: Nuisance, keep: Callable[[str, Any], None], country: str = COUNTRY
    ) -> None:
        self._rules, self._keep, self._country = rules, keep, country
        self._never = {same_caller(one, country) for one in rules.never}
        # by the last digits, oldest first: who called last, when, and whether that was a short call
        self._last: dict[str, tuple[str, float, bool]] = {}
        self._callers: dict[str, Caller] = {}  # by number (E.164), whose word is the oldest first
        self._tails: dict[str, int] = {}  # of the callers

    def __len__(self) -> int:
        return len(self._callers)

    def arrived(self, number: str, at: float) -> str | None:
        """A call has come; return why it is a nuisance, one of `REASONS`, or None."""
        tail = tail_of(number)
        before = self._last.pop(tail, None)
        self._last[tail] = (number, at, False)
        if before is None and tail not in self._tails:  # as nearly all
            if len(self._last) > MOST_NUMBERS:
                del self._last[next(iter(self._last))]
            return None
        key = self._key(number)
        caller = self._callers.get(key or "")
        if key is None or (caller is None and not self._is_again(key, before, at)):
            return None
        caller = caller or _begun(before)
        caller.calls = self._within([*caller.calls, at], at)[-self._rules.calls - 1 :]
        if _since(caller.real_at, caller.calls) > self._rules.calls:
            caller.since, caller.reason = at, CALLS
        self._know(key, caller, at)
        return self._reason(caller, at)

    def ended(self, call_id: str, number: str, seconds: float, talked: bool, at: float) -> None:
        """A call is over that the caller could have made longer.

        `seconds`: how long somebody `talked` with the caller, or else how long it lasted.
        """
        short = seconds < self._rules.short_s
        if not short and not self._callers:
            return
        tail = tail_of(number)
        if short and tail in self._last:
            last, then, _ = self._last[tail]
            self._last[tail] = (last, then, True)
        key = self._key(number) if tail in self._tails else None
        caller = self._callers.get(key or "")
        if key is None or caller is None:
            return
        if short:
            caller.shorts = self._within([*caller.shorts, at], at)[-self._rules.short_calls :]
            if _since(caller.real_at, caller.shorts) >= self._rules.short_calls:
                caller.since, caller.reason = at, SHORT_CALLS
        elif talked and seconds >= self._rules.real_s and call_id not in caller.marks:
            caller.real_at, caller.real_call = at, call_id
        else:
            return
        self._know(key, caller, at)

    def mark(self, call_id: str, number: str, at: float, ended_at: float | None = None) -> None:
        """An operator says that a call was a prank or that nobody was there.

        `ended_at`: of a call of so long ago that it has worn off, nothing follows.
        """
        key = self._key(number)
        if key is None or (ended_at is not None and at - ended_at > self._rules.wears_off_s):
            return
        rules, last = self._rules, self._last.get(tail_of(number))
        caller = self._callers.get(key) or _begun(last if self._is_again(key, last, at) else None)
        if caller.real_call == call_id:
            caller.real_at, caller.real_call = 0.0, ""  # the long talk was no proof
        marks = {one: when for one, when in caller.marks.items() if at - when <= rules.wears_off_s}
        marks.pop(call_id, None)
        caller.marks = dict([*marks.items(), (call_id, at)][-rules.marks :])
        if _since(caller.real_at, caller.marks.values()) >= rules.marks:
            caller.since, caller.reason = at, MARKS
        self._know(key, caller, at)

    def unmark(self, call_id: str, number: str, at: float) -> None:
        """... takes that back."""
        key = self._key(number)
        caller = self._callers.get(key or "")
        if key is None or caller is None or caller.marks.pop(call_id, None) is None:
            return
        if caller.reason == MARKS and len(caller.marks) < self._rules.marks:
            caller.since, caller.reason = 0.0, ""
        self._know(key, caller, at)

    def is_real(self, call_id: str, number: str, at: float) -> None:
        """An operator says that a call was real: nothing before it counts any more."""
        self.unmark(call_id, number, at)
        key = self._key(number)
        if key is not None and (caller := self._callers.get(key)) is not None:
            caller.real_at, caller.real_call = at, call_id
            self._know(key, caller, at)

    def remember(self, facts: Mapping[str, Any], now: float) -> None:
        """Know what an earlier engine has kept; what makes no sense is left out."""
        found = {}
        for key, value in facts.items():
            if key.startswith(CALLER):
                try:
                    found[key.removeprefix(CALLER)] = msgspec.convert(value, Caller)
                except msgspec.ValidationError:
                    self._keep(key, None)
        for key, caller in sorted(found.items(), key=lambda one: one[1].latest):
            self._callers[key] = caller
            self._tails[tail_of(key)] = self._tails.get(tail_of(key), 0) + 1
        self._forget_old(now)

    # --- what is known ------------------------------------------------------------------------

    def _key(self, number: str) -> str | None:
        key = same_caller(number, self._country)
        return None if key in self._never else key

    def _is_again(self, key: str, before: tuple[str, float, bool] | None, at: float) -> bool:
        """Whether who ended in the same digits was the same number, and that was lately."""
        if before is None or at - before[1] > self._rules.window_s:
            return False
        return self._key(before[0]) == key

    def _within(self, times: list[float], now: float) -> list[float]:
        return [one for one in times if now - one <= self._rules.window_s]

    def _reason(self, caller: Caller, now: float) -> str | None:
        holds = caller.since > caller.real_at and now - caller.since <= self._rules.wears_off_s
        return caller.reason if holds else None

    def _know(self, key: str, caller: Caller, now: float) -> None:
        if self._callers.pop(key, None) is None:
            self._tails[tail_of(key)] = self._tails.get(tail_of(key), 0) + 1
        self._callers[key] = caller
        self._keep(CALLER + key, caller)
        self._forget_old(now)

    def _forget_old(self, now: float) -> None:
        longest = max(self._rules.window_s, self._rules.wears_off_s)
        while self._callers:
            key, caller = next(iter(self._callers.items()))
            if now - caller.latest <= longest and len(self._callers) <= MOST_NUMBERS:
                return
            del self._callers[key]
            tail = tail_of(key)
            self._tails[tail] -= 1
            if not self._tails[tail]:
                del self._tails[tail]
            self._keep(CALLER + key, None)


def _begun(last: tuple[str, float, bool] | None) -> Caller:
    """Return what is known of a number by its last call, if that is known."""
    return Caller() if last is None else Caller([last[1]], [last[1]] if last[2] else [])


def _since(moment: float, times: Iterable[float]) -> int:
    """How many of the times are after this moment."""
    return sum(one > moment for one in times)
