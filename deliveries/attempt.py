"""What one attempt to deliver has come to, and when the next one is made. Pure.

The caller keeps a row per job: it stores `next_try`'s time, and puts the job on the dead-letter
list where there is none.
"""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

LONGEST_DETAIL = 200  # characters


class Reason(StrEnum):
    """Why nothing has been delivered; what is stored and counted."""

    NOT_SENDABLE = "not_sendable"  # an address, secret or setting is wrong: nothing was sent
    NAME_UNKNOWN = "name_unknown"  # the DNS has no address, or does not answer
    ADDRESS_REFUSED = "address_refused"  # the name means an address inside, and is not named
    UNREACHABLE = "unreachable"  # no connection
    TLS = "tls"  # a certificate that is not trusted, or no TLS where it is required
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"  # it may have arrived
    BAD_ANSWER = "bad_answer"  # neither HTTP nor SMTP
    TRY_LATER = "try_later"  # HTTP 429 and 503, SMTP 4xx
    SERVER_ERROR = "server_error"  # HTTP 5xx
    REDIRECTED = "redirected"  # HTTP 3xx; none is followed
    REFUSED = "refused"  # HTTP 4xx, SMTP 5xx
    LOGIN_REFUSED = "login_refused"  # SMTP 5xx to the login
    GONE = "gone"  # HTTP 410
    NO_ANSWER = "no_answer"  # a telephone that has rung in vain
    BUSY = "busy"
    REJECTED = "rejected"  # who was rung does not want the call
    HUNG_UP = "hung_up"  # before the report was heard to its end
    NOT_ACCEPTED = "not_accepted"  # it was heard, and nobody has accepted it


class Failed(msgspec.Struct, frozen=True, tag="failed", omit_defaults=True):
    """Not delivered.

    `retry`: whether a later attempt may do better. `not_before_s`: so many seconds the receiver
    asks to be left alone. `detail`: one line of at most LONGEST_DETAIL characters, safe to show: no
    control characters, no path of a URL, no secret, nothing of what was sent.
    """

    reason: Reason
    retry: bool
    not_before_s: float | None = None
    detail: str = ""


class Refused(msgspec.Struct, frozen=True):
    """A recipient of several to whom a delivered mail has not gone."""

    recipient: str
    failed: Failed


class Delivered(msgspec.Struct, frozen=True, tag="delivered", omit_defaults=True):
    """The receiver has taken it over.

    `receipt`: what it said, such as "HTTP 200, A-17"; bounded and safe to show. `refused`: the
    recipients who have nothing; a retry of the whole would reach the others twice, so whoever
    wants one makes a job for each of these.
    """

    receipt: str
    refused: tuple[Refused, ...] = ()


Attempt = Delivered | Failed


class RetryRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a failed delivery is tried again, as data of the city.

    `gaps_s`: seconds from each failed attempt to the next, none shorter than the one before; after
    the last there is no further attempt. The default takes nearly 17 hours. `longest_after_s`: at
    most so long is a receiver's Retry-After honoured.
    """

    gaps_s: tuple[float, ...] = (5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 32_400)
    longest_after_s: float = 3600.0

    def __post_init__(self) -> None:
        """Raise ValueError if the gaps shrink, or a time is no time."""
        times = (*self.gaps_s, self.longest_after_s)
        if not all(math.isfinite(one) and one > 0 for one in times):
            raise ValueError("retries, gaps_s and longest_after_s must be seconds above 0")
        if list(self.gaps_s) != sorted(self.gaps_s):
            raise ValueError("retries, gaps_s must not shrink from one attempt to the next")


def next_try(attempts: int, failed: Failed, now: float, rules: RetryRules) -> float | None:
    """Return when the next attempt is made; None: never, the job belongs on the dead-letter list.

    `attempts`: how many there were, the failed one included. `now`: when it failed, in seconds of
    any clock; the result is of the same.
    """
    if not failed.retry or attempts > len(rules.gaps_s):
        return None
    gap = rules.gaps_s[max(attempts, 1) - 1]
    asked = failed.not_before_s or 0.0
    return now + max(gap, min(asked, rules.longest_after_s))


def shown(text: str, longest: int = LONGEST_DETAIL) -> str:
    """Return text of somebody else on one line, without control characters, cut: safe to show."""
    cut = text[: 4 * longest]
    return " ".join("".join(one if one.isprintable() else " " for one in cut).split())[:longest]
