"""Binds what `acd` and `ivr` want done (acd.ports.Switch) to ARI requests.

Requests per answered call: claim, answer, one for each prompt, music, ring, music off, bridge,
connect, remove the bridge, hang up the leg that is left.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog

from pbx.ari import AriClient
from pbx.ari_reply import Reply

log = structlog.get_logger("switch")


class SayFailed(msgspec.Struct, frozen=True):
    """A prompt could not be started."""

    playback: str


class RingFailed(msgspec.Struct, frozen=True):
    """A phone could not be rung at all."""

    leg: str


class Connected(msgspec.Struct, frozen=True):
    """Both legs are in the bridge."""

    bridge: str


class ConnectFailed(msgspec.Struct, frozen=True):
    """The legs could not be put into the bridge."""

    bridge: str
    why: str


Outcome = SayFailed | RingFailed | Connected | ConnectFailed


class AriSwitch:
    """acd.ports.Switch over ARI; outcomes go to `post` as events."""

    def __init__(self, ari: AriClient, sounds: str, post: Callable[[Outcome], None]) -> None:
        self._ari, self._sounds, self._post = ari, sounds, post

    def answer(self, channel: str) -> None:
        """Answer a leg that came in."""
        self._ari.send("POST", f"channels/{channel}/answer", then=_logged("answer", channel))

    def say(self, channel: str, playback: str, *prompts: str) -> None:
        """Play prompts from the folder of built sounds."""

        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("say_failed", channel=channel, prompts=prompts, reason=reply.reason)
                self._post(SayFailed(playback))

        self._ari.send(
            "POST",
            f"channels/{channel}/play/{playback}",
            {"media": ",".join(f"sound:{self._sounds}/{prompt}" for prompt in prompts)},
            then=then,
        )

    def stop(self, playback: str) -> None:
        """Cut a prompt off; one that has just ended is fine."""
        self._ari.send("DELETE", f"playbacks/{playback}")

    def music(self, channel: str, turn: int = 0) -> None:
        """Music and "stay on the line", from the music classes `queue` and `queue_1`, `queue_2`."""
        # two by turns: the same one would go on where it was, with its words at any time
        music_class = f"queue_{2 - turn % 2}" if turn else "queue"
        self._ari.send(
            "POST",
            f"channels/{channel}/moh",
            {"mohClass": music_class},
            then=_logged("music", channel),
        )

    def ring(self, leg: str, phone: str, display: tuple[str, str], citizen: str) -> None:
        """Originate the operator's leg; its answer comes back as StasisStart."""
        name, number = display

        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("ring_failed", phone=phone, status=reply.status, reason=reply.reason)
                self._post(RingFailed(leg))

        self._ari.send(
            "POST",
            "channels",
            {
                "endpoint": f"PJSIP/{phone}",
                "app": self._ari.app,
                "appArgs": "operator",
                "channelId": leg,
                "callerId": f'"{name}" <{number}>',
                "originator": citizen,
                "timeout": "120",
            },
            then=then,
        )

    def connect(self, bridge: str, citizen: str, leg: str) -> None:
        """Music off, bridge, both legs in: three requests, in this order on one socket."""

        def then(reply: Reply) -> None:
            self._post(Connected(bridge) if reply.ok else ConnectFailed(bridge, reply.reason))

        self._ari.send("DELETE", f"channels/{citizen}/moh")
        self._ari.send("POST", f"bridges/{bridge}", {"type": "mixing,dtmf_events"})
        self._ari.send(
            "POST", f"bridges/{bridge}/addChannel", {"channel": f"{citizen},{leg}"}, then=then
        )

    def disconnect(self, bridge: str) -> None:
        """Remove a bridge."""
        self._ari.send("DELETE", f"bridges/{bridge}", then=_logged("disconnect", bridge))

    def hang_up(self, channel: str, cause: int = 16) -> None:
        """End a leg."""
        self._ari.send(
            "DELETE",
            f"channels/{channel}",
            {"reason_code": str(cause)},
            then=_logged("hang_up", channel),
        )


def _logged(what: str, about: str) -> Callable[[Reply], None]:
    def then(reply: Reply) -> None:
        # gone already is what a hang-up wants, and for the rest its end is on its way as an event
        if not reply.ok and not reply.gone:
            log.warning("request_failed", what=what, id=about, reason=reply.reason)

    return then
