"""Binds what `acd` and `ivr` want done (acd.switch.Switch) to ARI requests.

Requests per answered call: claim, answer, one for each prompt, music, ring, music off, bridge,
two to connect, remove the bridge, hang up the leg that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec
import structlog

from acd.languages import OWN_LANGUAGE
from acd.queueing.notices import NOTICES
from acd.switch import MonitorMode
from ivr.agency_calls import REPORTS
from ngalam112.engine.call_lanes import CallLanes
from pbx.ari import AriClient
from pbx.ari_reply import LOST, Reply
from pbx.endpoints import endpoint

log = structlog.get_logger("switch")


class MusicLost(msgspec.Struct, frozen=True):
    """The connection was lost before Asterisk said that the music has begun."""

    channel: str


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


class Joined(msgspec.Struct, frozen=True):
    """A leg is in the bridge where it was wanted."""

    bridge: str
    leg: str


class JoinFailed(msgspec.Struct, frozen=True):
    """A leg could not be put into the bridge."""

    bridge: str
    leg: str
    why: str


Outcome = MusicLost | SayFailed | RingFailed | Connected | ConnectFailed | Joined | JoinFailed

# ms until who spoke counts as silent, of which nothing follows; a sample's mean magnitude, of 32768
_HEARD = "1000,256"

# set before Asterisk writes the INVITE
_CALL_INFO = "PJSIP_HEADER(add,Call-Info)"

# `acd`'s words for the states of POST channels/{id}/transfer_progress
_PROGRESS = {
    "trying": "channel_progress",
    "answered": "channel_answered",
    "unavailable": "channel_unavailable",
    "declined": "channel_declined",
}


# into which of the leg's two ways what is said on the snoop channel is mixed
_WHISPER = {MonitorMode.LISTEN: "none", MonitorMode.WHISPER: "out", MonitorMode.BARGE: "both"}


class AriSwitch:
    """acd.switch.Switch over ARI; outcomes go to `post` as events.

    `carrier`: the host (and port) through which numbers outside are dialled; "" if there is none.
    `languages`: of each language beside the line's own, the prompts whose audio Asterisk has.
    """

    def __init__(
        self,
        ari: AriClient,
        sounds: str,
        post: Callable[[Outcome], None],
        carrier: str = "",
        languages: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._ari, self._sounds, self._post, self._carrier = ari, sounds, post, carrier
        self._languages = languages or {}
        self._lanes = CallLanes(ari.lanes)

    def answer(self, channel: str) -> None:
        """Answer a leg that came in."""
        self._do("answer", channel, "POST", f"channels/{channel}/answer")

    def say(self, channel: str, playback: str, *prompts: str) -> None:
        """Play prompts from the folder of built sounds."""

        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("say_failed", channel=channel, prompts=prompts, reason=reply.reason)
                self._post(SayFailed(playback))

        self._ari.send(
            "POST",
            f"channels/{channel}/play/{playback}",
            {"media": ",".join(f"sound:{self._audio(prompt)}" for prompt in prompts)},
            then=then,
            lane=self._lanes.add(playback, channel),
        )

    def _audio(self, prompt: str) -> str:
        """Where the audio of a prompt is: in its language (`en/menu`), or else in the own one."""
        language, _, name = prompt.rpartition("/")
        if not language:
            return f"{self._sounds}/{name}"
        if language in (NOTICES, REPORTS) or name in self._languages.get(language, ()):
            return f"{self._sounds.rpartition('/')[0]}/{language}/{name}"
        return f"{self._sounds}/{name}"

    def stop(self, playback: str) -> None:
        """Cut a prompt off; one that has just ended is fine."""
        self._ari.send("DELETE", f"playbacks/{playback}", lane=self._lanes.of(playback))

    def music(self, channel: str, turn: int = 0, language: str = OWN_LANGUAGE) -> None:
        """Music and "stay on the line", from the music classes `queue` and `queue_1`, `queue_2`.

        Those of another language are `queue_en`, `queue_en_1` and `queue_en_2`.
        """
        queue = f"queue_{language}" if language in self._languages else "queue"
        # two by turns: the same one would go on where it was, with its words at any time
        music_class = f"{queue}_{2 - turn % 2}" if turn else queue
        query = {"mohClass": music_class}
        lost = MusicLost(channel)
        self._do("music", channel, "POST", f"channels/{channel}/moh", query, if_lost=lost)

    def ring(
        self, leg: str, phone: str, display: tuple[str, str], citizen: str, address: str = ""
    ) -> None:
        """Originate the operator's leg; its answer comes back as StasisStart.

        An `address` goes out in its INVITE as Call-Info (RFC 3261, 20.9).
        """
        name, number = display

        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("ring_failed", phone=phone, status=reply.status, reason=reply.reason)
                self._post(RingFailed(leg))

        query = {
            "endpoint": endpoint(phone, self._carrier),
            "app": self._ari.app,
            "appArgs": "operator",
            "channelId": leg,
            "callerId": f'"{name}" <{number}>',
            "timeout": "120",  # the engine's own deadline comes first
        }
        if citizen != leg:
            query["originator"] = citizen
        lane, body = self._lanes.add(leg, citizen), None
        if address:
            body = {"variables": {_CALL_INFO: f"<{address}>;purpose=info"}}
        self._ari.send("POST", "channels", query, body=body, then=then, lane=lane)

    def connect(self, bridge: str, citizen: str, leg: str) -> None:
        """Music off, bridge, both legs in: four requests, in this order on one lane.

        The operator's keys are commands and do not reach the citizen's ear (absorbDTMF); the
        citizen's keys do reach the operator's: who cannot speak can press.
        """

        def then(reply: Reply) -> None:
            self._post(Connected(bridge) if reply.ok else ConnectFailed(bridge, reply.reason))

        lane = self._lanes.of(citizen)
        self._ari.send("DELETE", f"channels/{citizen}/moh", lane=lane)
        self.open(bridge, citizen)
        self._ari.send("POST", f"bridges/{bridge}/addChannel", {"channel": citizen}, lane=lane)
        self._ari.send(
            "POST",
            f"bridges/{bridge}/addChannel",
            {"channel": leg, "absorbDTMF": "true"},
            then=then,
            lane=lane,
        )

    def open(self, bridge: str, channel: str) -> None:
        """Make a bridge that tells of the keys pressed in it."""
        self._bridge(bridge, channel, "mixing,dtmf_events")

    def _bridge(self, bridge: str, channel: str, kind: str) -> None:
        # by its name the next engine knows whose it is when nobody is in it any more
        self._ari.send(
            "POST",
            f"bridges/{bridge}",
            {"type": kind, "name": self._ari.app},
            lane=self._lanes.add(bridge, channel),
        )

    def belongs(self, one: str, channel: str) -> None:
        """Ask for what concerns it on the lane of the citizen."""
        self._lanes.add(one, channel)

    def join(self, bridge: str, leg: str) -> None:
        """Put a leg into a bridge; Asterisk takes it straight out of the one that it is in."""

        def then(reply: Reply) -> None:
            ok = Joined(bridge, leg) if reply.ok else JoinFailed(bridge, leg, reply.reason)
            self._post(ok)

        self._ari.send(
            "POST",
            f"bridges/{bridge}/addChannel",
            {"channel": leg, "absorbDTMF": "true"},
            then=then,
            lane=self._lanes.move(leg, bridge),
        )

    def pair(self, bridge: str, channel: str, leg: str) -> None:
        """Answer a phone that called, and put it together with whom it called."""
        self.answer(channel)
        self._bridge(bridge, channel, "mixing")
        both = {"channel": f"{channel},{leg}"}
        self._do("pair", channel, "POST", f"bridges/{bridge}/addChannel", both)

    def hold(self, channel: str) -> None:
        """Music of the class `hold`, in the bridge where the channel is."""
        self._do("hold", channel, "POST", f"channels/{channel}/moh", {"mohClass": "hold"})

    def unhold(self, channel: str) -> None:
        """End the music: joining a bridge does not do that by itself."""
        self._ari.send("DELETE", f"channels/{channel}/moh", lane=self._lanes.of(channel))

    def ringing(self, channel: str) -> None:
        """180 Ringing to a phone that called."""
        self._do("ringing", channel, "POST", f"channels/{channel}/ring")

    def stop_ringing(self, channel: str) -> None:
        """No tone any more; one that was answered hears it in the place of audio."""
        self._do("stop_ringing", channel, "DELETE", f"channels/{channel}/ring")

    def tell(self, leg: str, *prompts: str) -> None:
        """Whisper through a snoop channel: a prompt played on the leg itself would cut its talk.

        The snoop channel comes as StasisStart with the prompts' names; the line plays them there.
        """
        whisper = {"whisper": "out", "spy": "none", "appArgs": ",".join(("whisper", *prompts))}
        self._do("tell", leg, "POST", f"channels/{leg}/snoop", {"app": self._ari.app, **whisper})

    def snoop(self, leg: str, snoop: str, mode: MonitorMode) -> None:
        """Hear a leg, both ways; the snoop channel comes as StasisStart with the word `monitor`."""

        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("snoop_failed", leg=leg, reason=reply.reason)
                self._post(RingFailed(snoop))

        self._ari.send(
            "POST",
            f"channels/{leg}/snoop/{snoop}",
            {"app": self._ari.app, "appArgs": "monitor", "spy": "both", "whisper": _WHISPER[mode]},
            then=then,
            lane=self._lanes.add(snoop, leg),
        )

    def listen(self, channel: str) -> None:
        """Tell by ChannelTalkingStarted once the leg's audio is louder than noise.

        Each frame is decoded and summed up for it, so it is taken away as soon as nobody asks.
        """
        self._detect(channel, {"variable": "TALK_DETECT(set)", "value": _HEARD})

    def unlisten(self, channel: str) -> None:
        """Take the detector away again."""
        self._detect(channel, {"variable": "TALK_DETECT(remove)", "value": ""})

    def _detect(self, channel: str, variable: Mapping[str, str]) -> None:
        self._do("listen", channel, "POST", f"channels/{channel}/variable", variable)

    def progress(self, leg: str, outcome: str) -> None:
        """NOTIFY the phone of what became of its REFER.

        First a question that Asterisk answers in the turn of this phone's SIP, so after it is done
        with the REFER itself. Asterisk 22.10 and 22.11 tell us of it before they have put down what
        is to be notified (`ari_notify` in res_pjsip_refer.c), and end with all calls when our
        answer is quicker than that.
        """
        question = {"variable": "CHANNEL(pjsip,call-id)"}
        states = {"states": _PROGRESS[outcome]}
        self._do("progress", leg, "GET", f"channels/{leg}/variable", question)
        self._do("progress", leg, "POST", f"channels/{leg}/transfer_progress", states)

    def disconnect(self, bridge: str) -> None:
        """Remove a bridge."""
        self._do("disconnect", bridge, "DELETE", f"bridges/{bridge}")

    def hang_up(self, channel: str, cause: int = 16) -> None:
        """End a leg."""
        self._do("hang_up", channel, "DELETE", f"channels/{channel}", {"reason_code": str(cause)})

    def _do(
        self,
        what: str,
        about: str,
        method: str,
        uri: str,
        query: Mapping[str, str] | None = None,
        *,
        if_lost: MusicLost | None = None,
    ) -> None:
        """Ask for what nobody waits for, on the lane of what it is about; a failure is logged.

        `if_lost`: the event that tells that the connection was lost before the answer.
        """

        def then(reply: Reply) -> None:
            if reply is LOST and if_lost is not None:
                self._post(if_lost)
            # gone already is what a hang-up wants, and for the rest its end is on its way
            if not reply.ok and not reply.gone:
                log.warning("request_failed", what=what, id=about, reason=reply.reason)

        self._ari.send(method, uri, query, then=then, lane=self._lanes.of(about))
