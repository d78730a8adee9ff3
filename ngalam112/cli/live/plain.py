"""The board as lines for a log: one where something has changed, one a minute where not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ngalam112.cli.live.board import totals_in_words
from ngalam112.cli.live.view import Snapshot, clock, time_of_day
from ngalam112.cli.live.words import Words

EVERY_S = 60.0
"""So long nothing is said where nothing changes, but for how long somebody has waited."""


class PlainLines:
    """Makes the lines. `line` returns None where there is nothing new."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._said, self._at = "", -EVERY_S

    def line(self, snapshot: Snapshot, alarms: Mapping[str, str], now: float) -> str | None:
        """Return the line for a snapshot; `now`: in seconds, of a clock that is never set."""
        what = self._what(snapshot, alarms)
        if what == self._said and now - self._at < EVERY_S:
            return None
        self._said, self._at = what, now
        waits = clock(snapshot["queue"]["longest_wait_s"])
        return f"{time_of_day(snapshot['at'])}  {what}  {self._words('longest')} {waits}"

    def silent(self, since: str) -> str | None:
        """Return the line for no answer; None if it was said already."""
        said = self._words("no_answer", at=since)
        if said == self._said:
            return None
        self._said = said
        return said

    def totals(self, snapshot: Snapshot) -> list[str]:
        """Return the totals of a replay, as the board has them."""
        return totals_in_words(snapshot, self._words)

    def _what(self, snapshot: Snapshot, alarms: Mapping[str, str]) -> str:
        words, counts = self._words, snapshot["operators"]
        status, state = counts["status"], counts["state"]
        parts = [f"{words('queue')} {snapshot['queue']['length']}"]
        parts += [
            f"{one['category'] or words('no_category')} {one['waiting']}"
            for one in snapshot["categories"]
        ]
        parts += [f"{words(one)} {status.get(one, 0)}" for one in ("ready", "paused")]
        parts.append(f"{words('talking')} {state.get('talking', 0) + state.get('holding', 0)}")
        if "callbacks" in snapshot:
            parts.append(words("callbacks_open", n=snapshot["callbacks"]["open"]))
        parts += [f"{words('alarm')} {key}" for key in alarms]
        return "  ".join(parts)
