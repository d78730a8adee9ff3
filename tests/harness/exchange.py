"""A pretended Asterisk: which channels live, who is in which bridge, who hears music.

It obeys what the fake switch is told, at once and in order; the answers to requests wait in
`answers` until the test lets them come.
"""

from __future__ import annotations

from dataclasses import dataclass

from fakes import Did

from ngalam112.engine.ari_switch import Connected, ConnectFailed, Joined, JoinFailed, RingFailed
from pbx import ari_types as ari

FINAL = ("answered", "unavailable", "declined")


@dataclass
class Wire:
    """A channel. `dying`: it was told to hang up, and its end has not been told yet."""

    id: str
    kind: str  # citizen, leg (we rang it), dial (a phone dialled)
    phone: str = ""
    up: bool = True
    bridge: str | None = None
    music: bool = False
    dying: bool = False


class Exchange:
    """`fails`: so many of the next joins fail. `referred`: a channel for each REFER it sent."""

    def __init__(self) -> None:
        self.channels: dict[str, Wire] = {}
        self.bridges: set[str] = set()
        self.answers: list[object] = []
        self.fails = 0
        self.referred: list[str] = []
        self._told: list[str] = []

    def arrives(self, channel: str, kind: str, phone: str) -> ari.Channel:
        """A channel comes in."""
        self.channels[channel] = Wire(channel, kind, phone)
        return ari.Channel(id=channel, state="Up", dialplan=ari.DialplanPlace("citizens", "112"))

    def drop(self, channel: str) -> Wire:
        """A channel is gone."""
        return self.channels.pop(channel)

    def dying(self) -> list[str]:
        """Channels whose end has not been told yet."""
        return [one.id for one in self.channels.values() if one.dying]

    def ring_failed(self, channel: str) -> RingFailed:
        """The answer to a request to ring in vain."""
        return RingFailed(channel)

    def hears(self, channel: str) -> set[str]:
        """What a channel hears: music, or the others in its bridge."""
        one = self.channels[channel]
        if one.music:
            return {"music"}
        others = [other for other in self.channels.values() if other.bridge == one.bridge]
        return {other.id for other in others if other is not one and one.bridge}

    def expects_failure(self, bridge: str | None) -> bool:
        """Whether the line does not know yet that a join to this bridge has failed."""
        return any(
            isinstance(one, ConnectFailed | JoinFailed) and one.bridge == bridge
            for one in self.answers
        )

    def unanswered(self) -> list[str]:
        """The channels whose REFER never had a final answer; one that is gone needs none."""
        return [one for one in self.referred if one in self.channels and one not in self._told]

    def obey(self, did: Did) -> None:
        """Do what the switch was told."""
        act = getattr(self, f"_{did.what}", None)
        if act is not None:
            act(did.to, *did.more)

    def _ring(self, leg: str, phone: str, *_: object) -> None:
        self.channels[leg] = Wire(leg, "leg", phone, up=False)

    def _music(self, channel: str, *_: object) -> None:
        if channel in self.channels:
            self.channels[channel].music = True

    _hold = _music

    def _unhold(self, channel: str) -> None:
        if channel in self.channels:
            self.channels[channel].music = False

    def _open(self, bridge: str, _channel: str) -> None:
        self.bridges.add(bridge)

    def _disconnect(self, bridge: str) -> None:
        self.bridges.discard(bridge)
        for one in self.channels.values():
            if one.bridge == bridge:
                one.bridge = None

    def _hang_up(self, channel: str, _cause: int) -> None:
        if channel in self.channels:
            one = self.channels[channel]
            one.dying, one.bridge = True, None

    def _join(self, bridge: str, leg: str) -> None:
        if self._put(bridge, leg):
            self.answers.append(Joined(bridge, leg))
        else:
            self.answers.append(JoinFailed(bridge, leg, "Channel not found"))

    def _connect(self, bridge: str, citizen: str, leg: str) -> None:
        self._unhold(citizen)
        self._open(bridge, citizen)
        self._put(bridge, citizen, may_fail=False)
        works = self._put(bridge, leg)
        self.answers.append(Connected(bridge) if works else ConnectFailed(bridge, "gone"))

    def _pair(self, bridge: str, channel: str, leg: str) -> None:
        self._open(bridge, channel)
        for one in (channel, leg):
            self._put(bridge, one, may_fail=False)
        if channel in self.channels:
            self.channels[channel].up = True

    def _put(self, bridge: str, channel: str, may_fail: bool = True) -> bool:
        one = self.channels.get(channel)
        if may_fail and self.fails:
            self.fails -= 1
            return False
        if one is None or one.dying or bridge not in self.bridges:
            return False
        one.bridge = bridge
        return True

    def _progress(self, leg: str, outcome: str) -> None:
        if outcome in FINAL:
            self._told.append(leg)
            by = ari.ReferredBy(ari.Channel(id=leg))
            self.answers.append(ari.ChannelTransfer(ari.ReferTo(), by, state=f"channel_{outcome}"))
