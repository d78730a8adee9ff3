"""Who owns what Asterisk tells of: a channel's part, and what follows from a playback's end.

An event is routed by looking its id up here. No part is asked whether an id is its own.
"""

from __future__ import annotations

from collections.abc import Callable

Ended = Callable[[bool, float], None]
"""Called once with whether the playback failed, and the time."""


class Owner:
    """What can happen to a channel of a phone; where a part does nothing, nothing follows."""

    def answered(self, channel: str, now: float) -> None:
        """The channel that we rang has been answered."""

    def digit(self, channel: str, digit: str, now: float) -> None:
        """A key was pressed: one of `0123456789*#ABCD`."""

    def ring_failed(self, channel: str, now: float) -> None:
        """The channel could not be rung at all."""

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The channel is gone. `cause`: Q.850."""


class Owners:
    """The parts that own the channels of phones, by channel.

    A citizen's channel is found in `LiveCalls`. `others` owns the rest: all legs that were rung for
    citizens, and whatever is not known, as a leg that was forgotten and is not gone yet.
    """

    def __init__(self) -> None:
        self.others = Owner()
        self._of: dict[str, Owner] = {}

    def add(self, channel: str, owner: Owner) -> None:
        """A channel belongs to this part from now on, whoever had it."""
        self._of[channel] = owner

    def remove(self, channel: str, owner: Owner) -> None:
        """A channel belongs to this part no more; nothing happens if it has another owner."""
        if self._of.get(channel) is owner:
            del self._of[channel]

    def of(self, channel: str) -> Owner:
        """The part that a phone's channel belongs to."""
        return self._of.get(channel, self.others)


class Playbacks:
    """What follows from the end of each playback, by its id."""

    def __init__(self) -> None:
        self._ended: dict[str, Ended] = {}

    def __len__(self) -> int:
        return len(self._ended)

    def add(self, playback: str, ended: Ended) -> None:
        """Have `ended(failed, now)` called when this playback is over."""
        self._ended[playback] = ended

    def forget(self, playback: str | None) -> None:
        """Nothing follows any more from the end of this playback."""
        self._ended.pop(playback or "", None)

    def ended(self, playback: str, failed: bool, now: float) -> bool:
        """A playback is over. False if nothing follows: it was cut off, or its channel is gone."""
        follows = self._ended.pop(playback, None)
        if follows is None:
            return False
        follows(failed, now)
        return True
