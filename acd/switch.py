"""What call distribution needs of the switch: the one port through which it acts on legs."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from acd.languages import OWN_LANGUAGE


class MonitorMode(StrEnum):
    """Who hears a supervisor that hears a talk. The words are those of call centres."""

    LISTEN = "listen"  # nobody
    WHISPER = "whisper"  # the operator
    BARGE = "barge"  # the operator and the citizen


class Switch(Protocol):
    """Acts on legs. Every method returns at once; a failure comes back as an event.

    A leg that is gone is no failure: its end is on its way as an event of its own.
    """

    def answer(self, channel: str) -> None:
        """Answer a leg that came in."""

    def say(self, channel: str, playback: str, *prompts: str) -> None:
        """Play prompts, one behind the other; their end comes back with the id `playback`.

        One in a language other than the line's own is named like en/menu; where there is none in
        it, the line's own is played.
        """

    def stop(self, playback: str) -> None:
        """Cut a prompt off at once."""

    def music(self, channel: str, turn: int = 0, language: str = OWN_LANGUAGE) -> None:
        """Let a waiting citizen hear music and, now and then, "stay on the line".

        Begins with these words, but not at a further `turn` (1, 2...), when they have just been
        said; it begins after what plays has come to its end.
        """

    def ring(
        self, leg: str, phone: str, display: tuple[str, str], citizen: str, address: str = ""
    ) -> None:
        """Ring `phone` as the new leg `leg`, showing `display` (name, number).

        `phone`: the number of a phone of the line, or an address outside: digits with "tel:"
        before them, or a SIP address with "sip:". `citizen`: the channel that it is rung for, by
        whose side it is asked for in order; the leg itself if it is rung for nobody yet.
        `address`: a URL about the call, for phones that open one; "" is none.
        """

    def connect(self, bridge: str, citizen: str, leg: str) -> None:
        """End the citizen's music and let the two legs talk in the new bridge `bridge`."""

    def open(self, bridge: str, channel: str) -> None:
        """Make a further bridge for the call of this citizen, for two who consult apart."""

    def belongs(self, one: str, channel: str) -> None:
        """Know a leg or a bridge, made by an earlier engine, as one of this citizen's call.

        What is asked for is done in its order among all that belong to one call.
        """

    def join(self, bridge: str, leg: str) -> None:
        """Put a leg into a bridge, out of another one if it is in one."""

    def pair(self, bridge: str, channel: str, leg: str) -> None:
        """Answer the channel and let the two talk in the new bridge `bridge`."""

    def hold(self, channel: str) -> None:
        """Let the citizen, who stays in the bridge, hear music without words."""

    def unhold(self, channel: str) -> None:
        """End that music; harmless if there is none."""

    def ringing(self, channel: str) -> None:
        """Let who called, or was called, hear that somebody else's phone rings."""

    def stop_ringing(self, channel: str) -> None:
        """End that; harmless if nothing is heard."""

    def tell(self, leg: str, *prompts: str) -> None:
        """Whisper prompts to one leg, while it goes on hearing the others and being heard."""

    def snoop(self, leg: str, snoop: str, mode: MonitorMode) -> None:
        """Make the channel `snoop`, which hears what a leg hears and says.

        By its mode what is said on it is heard by nobody, on this leg only, or by all who hear it.
        """

    def listen(self, channel: str) -> None:
        """Tell once somebody can be heard on this leg, until `unlisten`."""

    def unlisten(self, channel: str) -> None:
        """Listen to a leg no more."""

    def progress(self, leg: str, outcome: str) -> None:
        """Tell a phone that sent REFER: trying, answered, unavailable or declined."""

    def disconnect(self, bridge: str) -> None:
        """Remove a bridge."""

    def hang_up(self, channel: str, cause: int = 16) -> None:
        """End a leg with a Q.850 cause."""
