"""What a waiting citizen hears and is told: music, the place in line, or how long it takes yet.

"You are in line, do not hang up" is said by the music itself when it begins (see
asterisk_conf/musiconhold.conf), so it needs no engine. This adds the figure soon after, and from
then on says both, once in each period: two requests a caller, however long the queue is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from acd.calls.call import Call
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.owners import Playbacks
from acd.calls.states import Stage
from acd.languages import OWN_LANGUAGE, in_language
from acd.queueing.music import STAY, Music
from acd.queueing.notices import IN_LINE, Notices
from acd.rules.load_shedding import Shed
from acd.rules.rules import Announce, Mode
from acd.switch import Switch
from acd.timers import Timer, Timers

INTERRUPTED = "connection_lost"
SILENT = "silent_caller"
FURTHEST = 20  # a place behind this one would only dishearten
LONGEST_MIN = 10
PROMPTS = (
    IN_LINE,
    INTERRUPTED,
    SILENT,
    STAY,
    *(f"queue_position_{place}" for place in range(1, FURTHEST + 1)),
    # 0 is "less than a minute", the last one "more than ten minutes"
    *(f"queue_minutes_{minutes}" for minutes in range(LONGEST_MIN + 2)),
)

_HANDLED = 50  # calls that the average is taken of
_TEXT_TO_FIGURE_S = 0.2
LEAST_NOTICES = 10
"""So many hear a notice at a time where nobody is to hear music, or hardly anybody."""


def expected_wait_s(position: int, operators: int, handle_s: float | None) -> float | None:
    """About how long until the call at `position` is served; None if that is not known.

    `operators` are on duty for it and each is done with a call every `handle_s` on average, so
    together they take one out of the line every `handle_s / operators`.
    """
    if operators < 1 or handle_s is None:
        return None
    return position * handle_s / operators


def figure(position: int | None, expected_s: float | None, mode: Mode) -> int | None:
    """What is to be said of the wait: a place, or minutes (0: under one, 11: over ten).

    None if there is nothing to say, because it is not wanted, not known, or too far down the line.
    """
    if mode == "position":
        return position if position is not None and position <= FURTHEST else None
    if mode == "off" or position is None or expected_s is None:
        return None
    if expected_s < 60:
        return 0
    return LONGEST_MIN + 1 if expected_s > LONGEST_MIN * 60 else int(expected_s / 60 + 0.5)


def words(said: int | None, mode: Mode) -> list[str]:
    """The prompt for a figure, or none."""
    what = "position" if mode == "position" else "minutes"
    return [] if said is None else [f"queue_{what}_{said}"]


@dataclass(slots=True, eq=False)
class _Caller:
    """What one waiting citizen has been told."""

    call: Call
    next_at: float
    timer: Timer | None = None
    told: bool = False  # the first figure's time has come


class Announcements:
    """Tells every waiting citizen, each in their own rhythm; the one writer calls it.

    `position` and `operators` look up where a call is in the queue and how many are on duty for it.
    `sheds` tells whether the line is too busy for this, `late` whether it is so even for a word.
    `calls` returns all that wait.
    """

    def __init__(
        self,
        switch: Switch,
        timers: Timers,
        how: Announce,
        *,
        playbacks: Playbacks,
        position: Callable[[Call], int | None],
        operators: Callable[[Call, float], int],
        sheds: Callable[[Shed], bool],
        late: Callable[[], bool],
        most_music: int,
        journal: Journal,
        calls: Callable[[], Iterable[Call]],
    ) -> None:
        self._late = late
        self.notices = Notices(
            journal,
            timers,
            waiting=calls,
            play=self._say_notice,
            most=max(LEAST_NOTICES, most_music),
            lead_s=how.text_s,
        )
        self.music = Music(switch, timers, most_music, self._stay)
        self._switch, self._timers, self._sheds = switch, timers, sheds
        self._position, self._operators = position, operators
        self._mode, self._every_s = how.mode, how.every_s
        self._silent = how.silent
        self._first_s = max(how.first_s, how.text_s + _TEXT_TO_FIGURE_S)
        self._callers: dict[str, _Caller] = {}  # by call
        self._playbacks = playbacks
        self._handled: deque[float] = deque(maxlen=_HANDLED)

    @property
    def handle_s(self) -> float | None:
        """How long a call keeps an operator on average, wrap-up included; None if not known yet."""
        return sum(self._handled) / len(self._handled) if self._handled else None

    def handled(self, seconds: float) -> None:
        """An operator has been kept so long by a call, wrap-up included."""
        self._handled.append(seconds)

    def waiting(self, call: Call, now: float) -> None:
        """The call has joined the queue: the music begins with the words.

        Whose operator was lost in the talk is told so first; who is silent is asked to press a key.
        """
        heard = self.music.is_heard(call)
        if not heard:
            self.forget(call)
        call.said, call.turns = None, 0
        if call.interrupted or call.ask_for_key:
            self._say_first(call, now)
            return
        if self.notices.current and self.notices.waits(call, now):
            self._follow(call, now, self._every_s)
            return
        if not heard:
            self.music.begin(call, now)
        self._follow(call, now, self._first_s)

    def _say_notice(self, call: Call, prompts: list[str], now: float) -> None:
        call.turns += 1
        self._words(call, prompts, now)
        self.music.behind_words(call, now)

    def _say_first(self, call: Call, now: float) -> None:
        prompts = [INTERRUPTED]
        if not call.interrupted:  # of whose language nothing is known, each may be understood
            known = call.record.language != OWN_LANGUAGE
            prompts = list(self._silent[:1] if known else self._silent)
        call.interrupted = call.ask_for_key = False
        self._words(call, prompts, now)
        self.music.behind_words(call, now)
        self._follow(call, now, self._every_s)

    def resume(self, call: Call, now: float, *, told: bool = True) -> None:
        """The call has waited for a while, and goes on; it is told no longer a wait than before.

        `told`: while no engine watched, and was told to be in line before that.
        """
        if call.interrupted or call.ask_for_key:
            self._say_first(call, now)
            return
        if told:
            if call.notice is not None:
                self.notices.resumed(call)
            self.music.restored(call, now)
        else:
            self.music.begin(call, now)
        if self.notices.current:
            self.notices.waits(call, now)  # whose turn had not come when the engine died
        self._follow(call, now, self._first_s)

    def _follow(self, call: Call, now: float, first_s: float) -> None:
        before = self._callers.pop(call.id, None)
        if before is not None and before.timer is not None:
            before.timer.cancel()
        if call.words is not None:
            # begun by an engine before this one
            self._switch.belongs(call.words, call.channel)
            self._expect(call, call.words)
        if self._mode != "off":
            self._callers[call.id] = _Caller(call, next_at=now)
            self._arm(self._callers[call.id], now + first_s)

    def again(self, call: Call, now: float) -> None:
        """Connecting the call came to nothing: its music begins anew, and so does the rhythm."""
        call.turns = 0
        self.music.begin(call, now)
        caller = self._callers.get(call.id)
        if caller is not None:
            caller.told, caller.next_at = False, now
            self._arm(caller, now + self._first_s)

    def stop(self, call: Call) -> None:
        """An operator has answered: cut off what plays, and say no more.

        Has to come before the request that connects, which Asterisk would keep waiting, and all
        requests of the line behind it, until a prompt has come to its end.
        """
        caller = self._callers.get(call.id)
        if caller is not None and caller.timer is not None:
            caller.timer.cancel()
            caller.timer = None
        self.music.end(call)
        self._cut_off(call)
        if call.notice is not None:
            self.notices.forget(call)

    def forget(self, call: Call) -> None:
        """The call has ended, or waits anew."""
        self.stop(call)
        self._callers.pop(call.id, None)

    def _cut_off(self, call: Call) -> None:
        if call.words is not None:
            self._playbacks.forget(call.words)
            if call.stage is not Stage.ENDED:
                self._switch.stop(call.words)
            call.words = None

    def _expect(self, call: Call, playback: str) -> None:
        def said(failed: bool, now: float) -> None:
            call.words = None
            # of who hangs up, what plays is told to be over, as if it had come to its end
            if call.notice is not None:
                self.notices.ended(call, now, whole=not failed and call.hung_up_by is None)

        self._playbacks.add(playback, said)

    def _arm(self, caller: _Caller, at: float) -> None:
        if caller.timer is not None:
            caller.timer.cancel()
        caller.timer = self._timers.at(at, lambda now: self._due(caller, now))

    def _due(self, caller: _Caller, now: float) -> None:
        while caller.next_at <= now:  # what was missed while the machine stood still is not made up
            caller.next_at += self._every_s
        self._arm(caller, caller.next_at)
        first, caller.told = not caller.told, True
        if not self.music.is_heard(caller.call):
            return  # is told often enough that the call is in line
        if self.notices.is_heard(caller.call):
            return
        if self._sheds(Shed.ANNOUNCEMENTS):
            return  # the music goes on, and the next period has its own chance
        said = self._news(caller, now)
        prompts = [IN_LINE] * (not first) + words(said, self._mode)
        if prompts:
            self._say(caller, prompts, now)

    def _news(self, caller: _Caller, now: float) -> int | None:
        position = self._position(caller.call)
        expected = None
        if self._mode == "wait" and position is not None:
            expected = expected_wait_s(position, self._operators(caller.call, now), self.handle_s)
        said = figure(position, expected, self._mode)
        # with priorities, or fewer operators, a wait may grow: nobody is told so
        call = caller.call
        if said is None or (call.said is not None and said > call.said):
            return None
        call.said = said
        return said

    def _stay(self, call: Call, now: float) -> None:
        """Tell one who hears no music that the call is in line, if there is time for it."""
        if not self._late() and not self.notices.is_heard(call):
            self._words(call, [STAY], now)

    def _words(self, call: Call, prompts: list[str], now: float) -> None:
        self._cut_off(call)  # its end was lost with a connection, or it is longer than the period
        call.words = new_id(now)
        self._expect(call, call.words)
        call.keep()
        if (language := call.record.language) != OWN_LANGUAGE:
            prompts = [in_language(one, language) for one in prompts]
        self._switch.say(call.channel, call.words, *prompts)

    def _say(self, caller: _Caller, prompts: list[str], now: float) -> None:
        call = caller.call
        call.turns += 1
        self._words(call, prompts, now)
        # waits in Asterisk for the end of the words, so it comes even if the engine dies meanwhile
        self._switch.music(call.channel, call.turns, call.record.language)
