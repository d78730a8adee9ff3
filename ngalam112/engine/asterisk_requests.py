"""What the event router asks Asterisk for beside the legs of calls; answers come as events."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

import structlog

from journal.disk_thread import DiskThread
from ngalam112.engine.claims import Claimed
from ngalam112.engine.event_router import Whereabouts
from ngalam112.engine.fallback_calls import lives_on
from ngalam112.engine.inbox import Inbox
from pbx.ari import AriClient
from pbx.ari_reply import LOST, Reply, Then

log = structlog.get_logger("engine")


class AsteriskRequests:
    """`full_file`: exists while citizens wait for admission, so that the dialplan does not ask."""

    def __init__(self, ari: AriClient, inbox: Inbox, full_file: Path) -> None:
        self._ari, self._inbox, self._full_file = ari, inbox, full_file
        self._disk = DiskThread("admission file")

    def ask_where(self, channel: str) -> None:
        """Ask whether a citizen who has left us lives on in the dialplan."""

        def then(reply: Reply) -> None:
            # where the connection is lost, the next one takes the line up
            if reply is not LOST:
                self._inbox.post(Whereabouts(channel, lives_on(reply)))

        self._ari.send("GET", f"channels/{channel}", then=then)

    def ask_for_audio(self, channel: str, then: Then) -> None:
        """Ask how many packets of audio have come from a channel's other end."""
        question = {"variable": "CHANNEL(rtcp,rxcount,audio)"}
        self._ari.send("GET", f"channels/{channel}/variable", question, then=then)

    def tell_full(self, full: bool) -> None:
        """Tell the dialplan whether to ask for claims: while others wait, who comes waits too."""
        # without the file it asks, which costs no more than time
        with contextlib.suppress(OSError):
            if full:
                self._disk.do(partial(self._full_file.touch, 0o600))
            else:
                self._disk.do(partial(self._full_file.unlink, missing_ok=True))

    def claim(self, channel: str) -> None:
        """Claim a call; whether it is ours comes back as `Claimed`."""

        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("claim_refused", channel=channel, status=reply.status)
            self._inbox.post(Claimed(channel, reply.ok))

        self._ari.claim(channel, then)
