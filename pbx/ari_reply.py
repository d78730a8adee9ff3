"""What comes of a request to ARI: the reply, or the error that it is raised as."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class AriError(Exception):
    """Asterisk did not do as asked. Kinds: ChannelGone, AriUnreachable, AriRefused."""


class ChannelGone(AriError):
    """The channel, bridge or playback no longer exists (HTTP 404)."""


class AriUnreachable(AriError):
    """No connection to Asterisk, or no answer in time; trying again may help."""


class AriRefused(AriError):
    """Asterisk does not know our user or password (HTTP 401 or 403); trying again does not help."""


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request: HTTP status (0: none came), reason, body text."""

    status: int
    reason: str = ""
    body: str = ""

    @property
    def ok(self) -> bool:
        """Asterisk did it."""
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """What the request was about no longer exists."""
        return self.status == 404


LOST = Reply(0, "connection to Asterisk lost")
LATE = Reply(0, "no answer from Asterisk in time")

Then = Callable[[Reply], None]
