"""What operators dial on their phones: *11 log in, *12 log out, *13 pause, *14 ready.

A code is answered in words: the call is answered, a prompt played, and hung up.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog

from acd.ids import new_id
from acd.operators import Operator
from acd.ports import Switch
from acd.roster import NotLoggedIn, Roster, RosterError

log = structlog.get_logger("acd")

PROMPTS = (
    "operator_logged_in",
    "operator_logged_out",
    "operator_paused",
    "operator_ready",
    "operator_unknown",
    "operator_not_logged_in",
    "code_unknown",
)

# *11<operator>*<PIN>, with or without a closing #
_LOGIN = re.compile(r"^\*11([0-9]{1,10})\*([0-9]{1,12})#?$")

WRONG_PINS = 3
PHONE_WAITS_S = 60.0

PinMatches = Callable[[Operator, str], bool]


class CodeCalls:
    """Calls from phones to a code, from answer to hang-up."""

    def __init__(self, switch: Switch, roster: Roster, pin_matches: PinMatches) -> None:
        self._switch, self._roster, self._pin_matches = switch, roster, pin_matches
        self._channels: dict[str, str] = {}  # playback -> channel
        self._wrong_pins: dict[
            str, tuple[int, float]
        ] = {}  # phone -> how many, the last one's time

    def dialled(self, channel: str, phone: str, code: str, now: float) -> None:
        """A phone dialled a code: do it and say what came of it."""
        try:
            prompt = self._do(phone, code.rstrip("#"), now)
        except NotLoggedIn:
            prompt = "operator_not_logged_in"
        except RosterError as error:
            log.warning("code_refused", phone=phone, error=str(error))
            prompt = "operator_unknown"
        self._switch.answer(channel)
        self.say(channel, prompt, now)

    def say(self, channel: str, prompt: str, now: float) -> None:
        """Say something to a channel, and hang it up then."""
        playback = new_id(now)
        self._channels[playback] = channel
        self._switch.say(channel, playback, prompt)

    def playback_ended(self, playback: str) -> bool:
        """The words have been said; False if they were none of ours."""
        channel = self._channels.pop(playback, None)
        if channel is None:
            return False
        self._switch.hang_up(channel)
        return True

    def _do(self, phone: str, code: str, now: float) -> str:
        if code == "*11":
            own = self._roster.at_phone(phone) or self._roster.at_home(phone)
            return self._login(own, phone, now)
        if login := _LOGIN.match(code):
            return self._login(self._proven(phone, login[1], login[2], now), phone, now)
        if code not in ("*12", "*13", "*14"):
            return "code_unknown"
        one = self._roster.at_phone(phone)
        if one is None:
            return "operator_not_logged_in"
        if code == "*12":
            self._roster.logout(one.id, now)
            return "operator_logged_out"
        if code == "*13":
            self._roster.pause(one.id, None, now)
            return "operator_paused"
        self._roster.ready(one.id, now)
        return "operator_ready"

    def _proven(self, phone: str, number: str, pin: str, now: float) -> Operator | None:
        """The operator, if the PIN is right and the phone has not guessed too often."""
        count, last = self._wrong_pins.get(phone, (0, 0.0))
        if count >= WRONG_PINS and now < last + PHONE_WAITS_S:
            log.warning("phone_waits", phone=phone, operator=number)
            return None
        one = self._roster.operators.get(number)
        if one is not None and self._pin_matches(one, pin):
            self._wrong_pins.pop(phone, None)
            return one
        self._wrong_pins[phone] = (count % WRONG_PINS + 1, now)
        log.warning("wrong_pin", phone=phone, operator=number)
        return None

    def _login(self, one: Operator | None, phone: str, now: float) -> str:
        if one is None:
            return "operator_unknown"
        self._roster.login(one.id, phone, now)
        return "operator_logged_in"
