"""Signs and verifies webhooks as Standard Webhooks say (symmetric, `v1`). Pure.

https://www.standardwebhooks.com: HMAC-SHA256 over `id.timestamp.body`, sent as `v1,<base64>`.

Own code, although the package `standardwebhooks` is alive (1.1.0, July 2026): its `verify` reads
the clock and allows for no other, raises other errors than its own for hostile headers (no comma,
broken base64, a body that is no UTF-8), and takes a signature in several spellings. The tests hold
this code against the package and against the specification's example.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
TOLERANCE_S = 300
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
MOST_SIGNATURES = 8
_FEWEST, _MOST = 24, 64  # bytes of a secret, by the specification
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # no full stop: it would move the border to the next part
_TIMESTAMP = re.compile(r"[0-9]{1,11}")


class SecretError(ValueError):
    """A secret is not used; the message says why, and has nothing of the secret in it."""


class SignatureError(Exception):
    """A message is not from whoever has the secret, or not of now; the message says why."""


class Secret:
    """The key between the line and one agency. Shows itself nowhere."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        """Read "whsec_..."; raises SecretError."""
        if not text.startswith(PREFIX):
            raise SecretError(f"A webhook's secret begins with {PREFIX}.")
        try:
            self._key = base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise SecretError(f"A webhook's secret is {PREFIX} and base64.") from None
        if not _FEWEST <= len(self._key) <= _MOST:
            raise SecretError(f"A webhook's secret has {_FEWEST} to {_MOST} bytes.")

    def sign(self, message_id: str, timestamp: str, body: bytes) -> str:
        """Return one signature, "v1,<base64>"."""
        signed = b".".join((message_id.encode("ascii"), timestamp.encode("ascii"), body))
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        return "v1," + base64.b64encode(digest).decode("ascii")


def new_secret() -> str:
    """Return a fresh secret to give to an agency."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def sign(keys: Sequence[Secret], message_id: str, body: bytes, now: float) -> dict[str, str]:
    """Return the three headers of a message that is sent now (seconds since 1970).

    `message_id`: the same at every attempt of one job; 1 to 64 letters, digits, `-` or `_`. `keys`:
    two while a secret is changed, and then there are two signatures. Raises ValueError.
    """
    if not 1 <= len(keys) <= MOST_SIGNATURES:
        raise ValueError(f"A webhook is signed by 1 to {MOST_SIGNATURES} secrets.")
    if not _ID.fullmatch(message_id):
        raise ValueError("A webhook's id has 1 to 64 letters, digits, - or _.")
    timestamp = str(int(now))
    signatures = " ".join(key.sign(message_id, timestamp, body) for key in keys)
    return {ID: message_id, TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[Secret], now: float) -> str:
    """Return the id of a message that one of these secrets has signed within TOLERANCE_S of now.

    `headers`: by names in any case. `body`: the very bytes that came. Raises SignatureError. The
    comparison takes the same time wherever a signature differs. A message that comes twice in that
    time is the caller's to know by its id.
    """
    message_id, timestamp = _only(headers, ID), _only(headers, TIMESTAMP)
    given = _only(headers, SIGNATURE).split(" ")
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError(f"{ID} or {TIMESTAMP} is malformed.")
    if len(given) > MOST_SIGNATURES:
        raise SignatureError(f"{SIGNATURE} has more than {MOST_SIGNATURES} signatures.")
    if abs(now - int(timestamp)) > TOLERANCE_S:
        raise SignatureError(f"{TIMESTAMP} is more than {TOLERANCE_S} s from now.")
    right = [key.sign(message_id, timestamp, body).encode("ascii") for key in keys]
    # as texts: base64 has several spellings of one signature, and only one of them was sent
    found = [hmac.compare_digest(ours, one.encode("ascii")) for ours in right for one in given]
    if not any(found):
        raise SignatureError(f"{SIGNATURE} has no signature by the agreed secret.")
    return message_id


def _only(headers: Mapping[str, str], name: str) -> str:
    found = [value for key, value in headers.items() if key.lower() == name]
    if len(found) != 1 or len(found[0]) > 1000 or not found[0].isascii():
        raise SignatureError(f"{name} is wanted once, in ASCII, and short.")
    return found[0]
