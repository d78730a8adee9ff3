"""What of a text is kept, and how many of one sender: pure.

What comes from the network is hostile. The first message of each sender always counts; what is too
much after it is counted and not kept.
"""

from __future__ import annotations

import unicodedata

import msgspec

LONGEST_TEXT = 1000
"""Signs of one message that are kept and shown."""

_KEPT_CONTROLS = "\n\t"
_MOST_LINES = 40


class TextLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a line.

    `most_open`: conversations in the queue or with an operator; others are held until there is
    room. `burst`, `per_minute`: messages of one sender at once, and then in a minute.
    `most_messages`: of one conversation. `citizen_silent_s`, `operator_silent_s`: after so long
    without a word of the citizen a conversation is closed; without a word of the operator whose
    turn it is, it goes to another one.
    """

    most_open: int = 200
    burst: int = 10
    per_minute: float = 20.0
    most_messages: int = 500
    citizen_silent_s: float = 600.0
    operator_silent_s: float = 120.0


class Allowance(msgspec.Struct, kw_only=True):
    """How many more messages of one sender are taken: a token bucket."""

    left: float
    at: float

    def takes(self, now: float, limits: TextLimits) -> bool:
        """Whether one more is taken at `now`; counted if so."""
        grown = max(0.0, now - self.at) * limits.per_minute / 60
        self.left, self.at = min(float(limits.burst), self.left + grown), max(self.at, now)
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


def readable_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """A citizen's text as it can be kept and shown: without control signs and hidden directions.

    Cut to `longest` signs and 40 lines. Signs that turn the direction of writing (U+202E and its
    like) are left out: they would show something else than what is written.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(sign for sign in text[: 4 * longest] if _is_shown(sign))
    lines = shown.strip().split("\n")
    return "\n".join(lines[:_MOST_LINES])[:longest].rstrip()


def _is_shown(sign: str) -> bool:
    # control signs, unassigned ones, halves of pairs, private ones; joiners of emoji are of Cf
    kind = unicodedata.category(sign)
    if kind == "Cf":
        return sign in "\u200d\u200c"
    return sign in _KEPT_CONTROLS or kind not in ("Cc", "Cs", "Co", "Cn")
