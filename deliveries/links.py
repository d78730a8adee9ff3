"""One-time links by which an agency accepts a job and reports on it. Pure.

A token says job, agency, what may be done and until when, and is authenticated by HMAC-SHA256; it
needs no row to be checked. That it is used once is decided by the caller's rows: here a token is as
good the second time as the first. Whoever has the link can use it, so it names the agency that it
was given to, and not who clicked.

A token: `<job>.<agency>.<actions>.<expiry>.<mac>`, of letters, digits, `-`, `_` and `.` alone; it
ends in a letter or digit, for programs that make links out of texts cut other signs off.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

LONGEST_TOKEN = 100
SHORTEST_KEY = 32  # bytes
_MAC_BYTES = 16  # half of the hash, the least by RFC 2104
_DOMAIN = b"ngalam112 link 1\0"  # a key that also signs something else vouches for no link
_JOB, _AGENCY = re.compile(r"[A-Za-z0-9_-]{1,32}"), re.compile(r"[A-Za-z0-9_-]{1,20}")
_EXPIRY = re.compile(r"[1-9][0-9]{0,10}")


class LinkError(Exception):
    """A link is not valid; the message is for whoever opened it, and says no more than that."""


class LinkExpired(LinkError):
    """... any more: it was, until its time was over."""


class Action(StrEnum):
    """What a link lets an agency do."""

    ACCEPT = "accept"
    DECLINE = "decline"
    ON_SCENE = "on_scene"
    RESOLVE = "resolve"


_LETTERS = {
    Action.ACCEPT: "a",
    Action.DECLINE: "d",
    Action.ON_SCENE: "s",
    Action.RESOLVE: "r",
}


class Claim(msgspec.Struct, frozen=True):
    """What a token says. `job`, `agency`: ids. `expires_at`: whole seconds since 1970."""

    job: str
    agency: str
    actions: frozenset[Action]
    expires_at: int


def make(claim: Claim, keys: Sequence[bytes]) -> str:
    """Return the token of a claim, by the first of the keys.

    Raises ValueError for what cannot be said in one: a job of 1 to 32 or an agency of 1 to 20
    letters, digits, `-` or `_`, at least one action, and an expiry after 1970.
    """
    letters = "".join(_LETTERS[one] for one in Action if one in claim.actions)
    said = f"{claim.job}.{claim.agency}.{letters}.{claim.expires_at}"
    if _read(said.split(".")) != claim:
        raise ValueError("A link needs ids of letters, digits, - and _, an action and an expiry.")
    return f"{said}.{_mac(said, _checked(keys)[0])}"


def check(token: str, keys: Sequence[bytes], now: float) -> Claim:
    """Return what a token says that one of the keys has made; raises LinkError.

    The first key is today's; those behind it are old ones whose links have not yet expired. The
    time that it takes says nothing of the right token.
    """
    _checked(keys)
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise LinkError("This link is not valid.")
    said, _, mac = token.rpartition(".")
    found = [hmac.compare_digest(_mac(said, key), mac) for key in keys]
    claim = _read(said.split("."))
    if not any(found) or claim is None:
        raise LinkError("This link is not valid.")
    if not now < claim.expires_at:
        raise LinkExpired("This link is no longer valid: its time is over.")
    return claim


def _read(parts: list[str]) -> Claim | None:
    if len(parts) != 4:
        return None
    job, agency, letters, expiry = parts
    actions = frozenset(action for action, one in _LETTERS.items() if one in letters)
    if not actions or letters != "".join(_LETTERS[one] for one in Action if one in actions):
        return None
    if not (_JOB.fullmatch(job) and _AGENCY.fullmatch(agency) and _EXPIRY.fullmatch(expiry)):
        return None
    return Claim(job, agency, actions, int(expiry))


def _mac(said: str, key: bytes) -> str:
    digest = hmac.new(key, _DOMAIN + said.encode("ascii"), hashlib.sha256).digest()
    return base64.b32encode(digest[:_MAC_BYTES]).decode("ascii").rstrip("=").lower()


def _checked(keys: Sequence[bytes]) -> Sequence[bytes]:
    if not keys or any(len(one) < SHORTEST_KEY for one in keys):
        raise ValueError(f"Links need at least one key, and {SHORTEST_KEY} bytes in each.")
    return keys
