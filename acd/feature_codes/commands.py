"""What a dialled code does, and which prompt tells the operator what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import structlog

from acd.config_file import PauseReason
from acd.feature_codes.login_dialogue import UNKNOWN
from acd.feature_codes.pin_throttle import Answer, PinThrottle
from acd.operators.operator import Operator
from acd.operators.roster import NoMoreWrapUp, NotInWrapUp, NotLoggedIn, Roster, RosterError
from acd.operators.wrap_up import WrapUps

log = structlog.get_logger("acd")

WAITS = "code_waits"

PROMPTS = (
    "operator_logged_in",
    "operator_logged_out",
    "operator_paused",
    "operator_ready",
    "operator_not_logged_in",
    "operator_wrap_up_longer",
    "operator_wrap_up_longest",
    "operator_no_wrap_up",
    "code_unknown",
    "code_reason_unknown",
    WAITS,
)

_LOGIN = re.compile(r"\*11([0-9]{1,10})\*([0-9]{1,12})")
_PAUSE = re.compile(r"\*13([0-9]*)")

# what is said of a wish that cannot be met; kinds come before their base
_REFUSALS: tuple[tuple[type[RosterError], str], ...] = (
    (NotLoggedIn, "operator_not_logged_in"),
    (NotInWrapUp, "operator_no_wrap_up"),
    (NoMoreWrapUp, "operator_wrap_up_longest"),
    (RosterError, UNKNOWN),
)


class Commands:
    """Carries out what is dialled; every answer is the name of a prompt."""

    def __init__(
        self,
        roster: Roster,
        throttle: PinThrottle,
        wrap_ups: WrapUps,
        reasons: Mapping[str, PauseReason],
        extension_s: float,
    ) -> None:
        self._roster, self._throttle, self._wrap_ups = roster, throttle, wrap_ups
        self._reasons, self._extension_s = reasons, extension_s

    def do(self, phone: str, code: str, now: float) -> str | None:
        """Do what the code wants; None if the operator has to be asked who it is."""
        if code == "*11":
            own = self._roster.at_home(phone)
            if own is None:
                return WAITS if self._throttle.waits(phone, now) else None
            return self.login(own.id, phone, now)
        if login := _LOGIN.fullmatch(code):
            return self._prove(phone, login[1], login[2], now)
        pause = _PAUSE.fullmatch(code)
        if pause is None and code not in ("*12", "*14", "*15"):
            return "code_unknown"
        one = self._roster.at_phone(phone)
        if one is None:
            return "operator_not_logged_in"
        if pause is not None:
            return self._pause(one, pause[1], now)
        return _said(lambda: self._change(one, code, now), phone)

    def login(self, number: str, phone: str, now: float) -> str:
        """Log in who has been proven to be this operator."""

        def login() -> str:
            self._roster.login(number, phone, now)
            return "operator_logged_in"

        return _said(login, phone)

    def _prove(self, phone: str, number: str, pin: str, now: float) -> str:
        match self._throttle.prove(phone, number, pin, now):
            case Answer.RIGHT:
                return self.login(number, phone, now)
            case Answer.WAITS:
                return WAITS
            case _:
                return UNKNOWN

    def _pause(self, one: Operator, digit: str, now: float) -> str:
        if not digit:
            self._roster.pause(one.id, None, now)
            return "operator_paused"
        reason = self._reasons.get(digit)
        if reason is None:
            return "code_reason_unknown"
        self._roster.pause(one.id, reason.name, now)
        return reason.prompt

    def _change(self, one: Operator, code: str, now: float) -> str:
        match code:
            case "*12":
                self._roster.logout(one.id, now)
                return "operator_logged_out"
            case "*14":
                self._roster.ready(one.id, now)
                return "operator_ready"
            case _:
                self._wrap_ups.extend(one.id, self._extension_s, now)
                return "operator_wrap_up_longer"


def _said(act: Callable[[], str], phone: str) -> str:
    try:
        return act()
    except RosterError as error:
        log.warning("code_refused", phone=phone, error=str(error))
        return next(prompt for kind, prompt in _REFUSALS if isinstance(error, kind))
