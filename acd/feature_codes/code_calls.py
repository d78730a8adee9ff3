"""What operators dial on their phones: *11 log in, *12 log out, *13 pause, *14 ready, *15 longer
wrap-up, *4 what the last call was, *5 which agency is told of it; *19 and an operator's number, for
supervisors: hear that operator's talk. A code is answered in words: the call is answered, a prompt
played, and hung up.

*11 alone logs in the one operator whose own phone it is; at any other phone it begins a dialogue.
`login_dialogue` decides how it continues, `commands` what a code does; this module acts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.owners import Owner, Owners, Playbacks
from acd.config_file import Distribution
from acd.feature_codes import (
    commands,
    dispatch_codes,
    dispositions,
    login_dialogue,
    recording_codes,
)
from acd.feature_codes.commands import WAITS, Commands
from acd.feature_codes.dispatch_codes import DispatchCodes
from acd.feature_codes.dispositions import Dispositions
from acd.feature_codes.login_dialogue import (
    LONGEST_PROMPT_S,
    Dialogue,
    Digit,
    End,
    Event,
    Hush,
    PromptEnded,
    Prove,
    Refused,
    Say,
    Started,
    Tick,
    begin,
    step,
)
from acd.feature_codes.pin_throttle import Answer, PinMatches, PinThrottle
from acd.operators.roster import Roster
from acd.operators.wrap_up import WrapUps
from acd.switch import Switch
from acd.timers import Timer, Timers

PROMPTS = (
    *login_dialogue.PROMPTS,
    *commands.PROMPTS,
    *dispositions.PROMPTS,
    *dispatch_codes.PROMPTS,
    *recording_codes.PROMPTS,
    "monitor_no_talk",
    "callback_nobody",
    "callback_no_carrier",
    "callback_forbidden",
    "callback_limit",
    "verification_asked",
    "verification_no_incident",
    "verification_on_the_line",
    "verification_open",
)


NO_TALK = "monitor_no_talk"
OnListen = Callable[[str, str, str, str, float], str]
"""(channel, phone, operator, supervisor, now): let the channel hear the operator's talk; else says
which prompt tells why not.
"""

LONGEST_PIECE_S = 2.0
"""Of several prompts each further one takes so long at most, as a digit does."""

_LISTEN = re.compile(r"\*19([0-9]{1,10})#?")
_DISPOSE, _TELL_AGENCY = re.compile(r"\*4([0-9]{1,8})#?"), re.compile(r"\*5([0-9]{1,10})#?")


@dataclass(slots=True, eq=False)
class _CodeCall:
    """One call to a code, while its leg lives."""

    channel: str
    phone: str
    dialogue: Dialogue | None = None
    listens_to: str = ""
    playback: str | None = None
    timer: Timer | None = None


class CodeCalls(Owner):
    """Calls from phones to a code, from answer to hang-up.

    `free_phone(channel)`: the phone whose channel this was may be rung again.
    """

    def __init__(
        self,
        switch: Switch,
        roster: Roster,
        timers: Timers,
        wrap_ups: WrapUps,
        *,
        owners: Owners,
        playbacks: Playbacks,
        free_phone: Callable[[str], None],
        pin_matches: PinMatches,
        journal: Journal,
        distribution: Distribution,
        extension_s: float,
    ) -> None:
        self._switch, self._timers, self._roster = switch, timers, roster
        self._owners, self._playbacks, self._free_phone = owners, playbacks, free_phone
        self.throttle = PinThrottle(roster, pin_matches, journal)
        reasons = distribution.pause_reasons
        # set by whoever routes events
        self.dispositions: Dispositions | None = None
        self.dispatch_codes: DispatchCodes | None = None
        self.on_listen: OnListen = lambda channel, phone, operator, by, now: NO_TALK
        self._commands = Commands(roster, self.throttle, wrap_ups, reasons, extension_s)
        self._calls: dict[str, _CodeCall] = {}  # by channel

    def __len__(self) -> int:
        return len(self._calls)

    def channels(self) -> set[str]:
        """The channels of all phones that dialled a code or hear why they called in vain."""
        return set(self._calls)

    # --- what happens to a call ---------------------------------------------------------------

    def dialled(self, channel: str, phone: str, code: str, now: float) -> None:
        """A phone dialled a code: do it and say what came of it, or begin the dialogue."""
        call = self._begin(channel, phone)
        self._switch.answer(channel)
        if listens := _LISTEN.fullmatch(code):
            call.listens_to = listens[1]
        prompt = self._of_a_call(phone, code, now)
        if prompt is None and listens:
            prompt = WAITS if self.throttle.waits(phone, now) else ""
        if prompt is None:
            prompt = self._commands.do(phone, code.rstrip("#"), now)
        if not prompt:
            call.dialogue = begin(now)
            self._step(call, Started(), now)
        else:
            self._last_words(call, prompt, now)

    def _of_a_call(self, phone: str, code: str, now: float) -> str | None:
        """Do what `*4` and a code, or `*5` and a number, want; None if neither was dialled."""
        said, told = _DISPOSE.fullmatch(code), _TELL_AGENCY.fullmatch(code)
        one = self._roster.at_phone(phone)
        if one is None:
            return "operator_not_logged_in" if said or told else None
        if said is not None and self.dispositions is not None:
            return self.dispositions.dialled(one.id, said[1], now)
        if told is not None and self.dispatch_codes is not None:
            return self.dispatch_codes.dialled(one.id, told[1], now)
        return None

    def say(self, channel: str, prompt: str, now: float, *more: str) -> None:
        """Say something to a channel that is answered already, and hang it up then."""
        self._last_words(self._begin(channel, ""), prompt, now, *more)

    def _begin(self, channel: str, phone: str) -> _CodeCall:
        self._forget(channel)
        call = self._calls[channel] = _CodeCall(channel, phone)
        self._owners.add(channel, self)
        return call

    def digit(self, channel: str, digit: str, now: float) -> None:
        """A key was pressed in a call; after the last words: nothing."""
        self._step(self._calls[channel], Digit(digit), now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The leg is gone, and with it all that was known of the call."""
        self._forget(channel)
        self._free_phone(channel)  # it may have called in vain, and hear so in words

    def _forget(self, channel: str) -> bool:
        call = self._calls.pop(channel, None)
        if call is None:
            return False
        self._owners.remove(channel, self)
        self._playbacks.forget(call.playback)
        self._rearm(call, None)
        return True

    # --- the dialogue -------------------------------------------------------------------------

    def _step(self, call: _CodeCall, event: Event, now: float) -> None:
        if call.dialogue is None:
            return
        before = call.dialogue
        call.dialogue, actions = step(before, event, now)
        if call.dialogue != before:
            self._rearm(call, self._timers.at(call.dialogue.due, lambda at: self._tick(call, at)))
        for action in actions:
            match action:
                case Say(prompt):
                    self._say(call, prompt, now)
                case Hush():
                    self._hush(call)
                case Prove(operator, pin):
                    self._prove(call, operator, pin, now)
                case End(prompt):
                    self._last_words(call, prompt, now)

    def _tick(self, call: _CodeCall, now: float) -> None:
        self._step(call, Tick(), now)

    def _prove(self, call: _CodeCall, operator: str, pin: str, now: float) -> None:
        listens = call.listens_to
        prove = self.throttle.prove_supervisor if listens else self.throttle.prove
        answer = prove(call.phone, operator, pin, now)
        if answer is Answer.WRONG:
            self._step(call, Refused(), now)
            return
        right = answer is Answer.RIGHT
        if right and listens:
            self._listen(call, operator, now)
            return
        prompt = self._commands.login(operator, call.phone, now) if right else WAITS
        self._last_words(call, prompt, now)

    def _listen(self, call: _CodeCall, supervisor: str, now: float) -> None:
        """Give the call to what it is to hear; or say that there is nothing."""
        self._hush(call)
        self._forget(call.channel)
        refused = self.on_listen(call.channel, call.phone, call.listens_to, supervisor, now)
        if refused:
            self.say(call.channel, refused, now)

    # --- what is heard ------------------------------------------------------------------------

    def _last_words(self, call: _CodeCall, prompt: str, now: float, *more: str) -> None:
        call.dialogue = None
        self._say(call, prompt, now, *more)
        # if their end is never told, the leg must not stay for ever
        latest = now + LONGEST_PROMPT_S + LONGEST_PIECE_S * len(more)
        self._rearm(call, self._timers.at(latest, lambda _: self._hang_up(call)))

    def _say(self, call: _CodeCall, prompt: str, now: float, *more: str) -> None:
        self._hush(call)
        call.playback = new_id(now)
        self._playbacks.add(call.playback, lambda _, at: self._said(call, at))
        self._switch.say(call.channel, call.playback, prompt, *more)

    def _said(self, call: _CodeCall, now: float) -> None:
        """The words have been said, or cannot be."""
        call.playback = None
        if call.dialogue is None:
            self._hang_up(call)
        else:
            self._step(call, PromptEnded(), now)

    def _hush(self, call: _CodeCall) -> None:
        if call.playback is not None:
            self._playbacks.forget(call.playback)
            self._switch.stop(call.playback)
            call.playback = None

    def _hang_up(self, call: _CodeCall) -> None:
        if self._forget(call.channel):
            self._switch.hang_up(call.channel)

    @staticmethod
    def _rearm(call: _CodeCall, timer: Timer | None) -> None:
        if call.timer is not None:
            call.timer.cancel()
        call.timer = timer
