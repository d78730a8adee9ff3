"""Who of those who wait hears music, and what the others hear instead: a few words now and then.

A listener costs Asterisk 2.7 ms of CPU a second (50 packets), so 750 of them fill two cores and
nobody is served; words cost as much while they are said, and a request. Only so many hear music at
a time, those who came first; the others are told every ten seconds that they are in line, and get
music as soon as there is room. The words are bounded as well: with very many who wait they come
more rarely. With 150 and 100 words a second on two cores a surge of 100 calls a second took all of
the processor (docs/surge.md).
"""

from __future__ import annotations

from collections.abc import Callable

from acd.calls.call import Call
from acd.switch import Switch
from acd.timers import Timer, Timers

STAY = "queue_stay"
"""The prompt: a second and a half, for each second costs what music costs."""
EVERY_S = 10.0
WORDS_OF_MUSIC = 0.5  # so many are told words each second at most, for one who may hear music


class Music:
    """The music of all waiting citizens; `say` has the words said to one of them."""

    def __init__(
        self, switch: Switch, timers: Timers, most: int, say: Callable[[Call, float], None]
    ) -> None:
        self._switch, self._timers, self._most, self._say = switch, timers, most, say
        self._listening: set[str] = set()
        self._told: dict[str, Timer] = {}

    @property
    def listeners(self) -> int:
        """How many hear music."""
        return len(self._listening)

    @property
    def without(self) -> int:
        """How many are told words instead."""
        return len(self._told)

    def is_heard(self, call: Call) -> bool:
        """Whether this citizen hears music."""
        return call.id in self._listening

    def begin(self, call: Call, now: float) -> None:
        """The citizen waits, and hears nothing yet."""
        if self._has_room(call):
            self._switch.music(call.channel, call.turns, call.record.language)
        else:
            self._words(call, now)

    def goes_on(self, call: Call, now: float) -> None:
        """The citizen waits, and hears the dialplan's music, which ends if there is no room."""
        if not self._has_room(call):
            self._switch.unhold(call.channel)
            self._words(call, now)

    def restored(self, call: Call, now: float) -> None:
        """The citizen has waited while no engine watched, and may hear something still.

        Words are said to one after the other, as fast as words may be said at all: said to
        thousands at once they would take all of the processor when the line is taken up.
        """
        self._forget_words(call)
        if self._has_room(call):
            self._switch.music(call.channel, call.turns, call.record.language)
        else:
            self._in_turn(call, now + len(self._told) / self._words_a_second)

    def behind_words(self, call: Call, now: float) -> None:
        """The citizen is told something first, which neither music nor words cut off."""
        if self._has_room(call):
            self._switch.music(call.channel, call.turns, call.record.language)
        else:
            self._in_turn(call, now + max(EVERY_S, len(self._told) / self._words_a_second))

    def again(self, call: Call) -> None:
        """Begin the music again of who is to hear it."""
        if call.id in self._listening:
            self._switch.music(call.channel, call.turns, call.record.language)

    def end(self, call: Call) -> None:
        """The citizen does not wait any more; what plays ends by itself, or with the next words."""
        self._listening.discard(call.id)
        self._forget_words(call)

    def _has_room(self, call: Call) -> bool:
        room = call.id in self._listening or len(self._listening) < self._most
        if room:
            self._forget_words(call)
            self._listening.add(call.id)
        return room

    def _forget_words(self, call: Call) -> None:
        timer = self._told.pop(call.id, None)
        if timer is not None:
            timer.cancel()

    def _words(self, call: Call, now: float) -> None:
        self._forget_words(call)
        self._say(call, now)
        self._in_turn(call, now + max(EVERY_S, (len(self._told) + 1) / self._words_a_second))

    def _in_turn(self, call: Call, at: float) -> None:
        self._told[call.id] = self._timers.at(at, lambda now: self.begin(call, now))

    @property
    def _words_a_second(self) -> float:
        return max(1.0, WORDS_OF_MUSIC * self._most)
