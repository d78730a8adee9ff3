"""What Asterisk says over ARI, as typed values: only the events and fields that the line uses.

Source: the Swagger files that Asterisk ships (`rest-api/events.json`, `channels.json`); a test
holds every name here against them. Fields that are not listed are skipped while decoding.
"""

from __future__ import annotations

import msgspec

_LONGEST_ADDRESS = 64


class CallerId(msgspec.Struct, frozen=True):
    """A party's name and number as the network gave them: hostile text."""

    name: str = ""
    number: str = ""


class DialplanPlace(msgspec.Struct, frozen=True):
    """Where in the dialplan a channel is; `exten` is what was dialled."""

    context: str = ""
    exten: str = ""


class ChannelVars(msgspec.Struct, frozen=True):
    """The variables that `ari.conf` names in `channelvars`; empty before they are set.

    `withheld`: not empty if the citizen asked that the number be shown to nobody. `trunk`: the
    address and port from which a citizen's INVITE came, as Asterisk writes it.
    """

    audio_quality: str = msgspec.field(default="", name="RTPAUDIOQOS")
    withheld: str = msgspec.field(default="", name="WITHHELD")
    trunk: str = msgspec.field(default="", name="TRUNK")


class Channel(msgspec.Struct, frozen=True):
    """One leg of a call. `state` is Down, Ring, Ringing or Up (and rarer ones).

    `protocol_id`: the Call-ID of its SIP, cut to 255 signs.
    """

    id: str
    name: str = ""
    state: str = ""
    caller: CallerId = CallerId()
    dialplan: DialplanPlace = DialplanPlace()
    language: str = ""
    creationtime: str = ""
    channelvars: ChannelVars = ChannelVars()
    protocol_id: str = ""


def address_of(peer: str) -> str:
    """Return the address of an address and port as Asterisk writes them; "" if none is known."""
    return peer.rpartition(":")[0].strip("[]").removeprefix("::ffff:")[:_LONGEST_ADDRESS]


class Playback(msgspec.Struct, frozen=True):
    """A prompt being played; `state` is done or failed when it has finished."""

    id: str
    state: str = ""
    target_uri: str = ""


class Event(msgspec.Struct, frozen=True, tag_field="type"):
    """What all events share."""


class CallBroadcast(Event, frozen=True, tag="CallBroadcast"):
    """A call waits to be claimed (dialplan application StasisBroadcast)."""

    channel: Channel


class StasisStart(Event, frozen=True, tag="StasisStart"):
    """A channel is ours now; `args` come from the dialplan or from our own originate."""

    args: list[str]
    channel: Channel
    replace_channel: Channel | None = None


class StasisEnd(Event, frozen=True, tag="StasisEnd"):
    """A channel has left us: it hung up, or goes on in the dialplan."""

    channel: Channel


class ChannelDestroyed(Event, frozen=True, tag="ChannelDestroyed"):
    """A leg is gone; `cause` is the Q.850 cause."""

    channel: Channel
    cause: int = 0
    cause_txt: str = ""


class ChannelHangupRequest(Event, frozen=True, tag="ChannelHangupRequest"):
    """A leg is about to go; StasisEnd and ChannelDestroyed follow.

    `soft`: Asterisk or one of us ends it, and `cause` is no Q.850 cause but Asterisk's own flags;
    else the far end has hung up, with cause 0 if it named none, or its dialog broke.
    """

    channel: Channel
    cause: int = 0
    soft: bool = False


class ChannelStateChange(Event, frozen=True, tag="ChannelStateChange"):
    """A leg began to ring, or was answered."""

    channel: Channel


class ChannelDtmfReceived(Event, frozen=True, tag="ChannelDtmfReceived"):
    """A digit, when its key was let go."""

    digit: str
    channel: Channel
    duration_ms: int = 0


class ChannelTalkingStarted(Event, frozen=True, tag="ChannelTalkingStarted"):
    """Somebody can be heard on a leg on which TALK_DETECT is set."""

    channel: Channel


class ChannelHold(Event, frozen=True, tag="ChannelHold"):
    """A phone has put the others on hold (re-INVITE: sendonly, inactive or c=0.0.0.0)."""

    channel: Channel


class ChannelUnhold(Event, frozen=True, tag="ChannelUnhold"):
    """... and talks again."""

    channel: Channel


class RequestedDestination(msgspec.Struct, frozen=True):
    """The user part of a Refer-To; `protocol_id` is the Call-ID of its Replaces, if it has one."""

    destination: str = ""
    protocol_id: str = ""


class ReferTo(msgspec.Struct, frozen=True):
    """Where a REFER points to.

    With Replaces of a dialog that lives: `destination_channel` is the phone's own second channel,
    `connected_channel` the one that it talks with.
    """

    requested_destination: RequestedDestination = RequestedDestination()
    destination_channel: Channel | None = None
    connected_channel: Channel | None = None


class ReferredBy(msgspec.Struct, frozen=True):
    """Who sent a REFER."""

    source_channel: Channel | None = None


class ChannelTransfer(Event, frozen=True, tag="ChannelTransfer"):
    """A phone sent REFER (PJSIP_TRANSFER_HANDLING is ari-only); we decide and tell the progress.

    With `state` it is the echo of what we told. Another one without `state` comes when the leg of
    an open REFER goes.
    """

    refer_to: ReferTo
    referred_by: ReferredBy
    state: str | None = None


class PlaybackFinished(Event, frozen=True, tag="PlaybackFinished"):
    """A prompt came to its end, was stopped, or failed."""

    playback: Playback


class ApplicationReplaced(Event, frozen=True, tag="ApplicationReplaced"):
    """Another engine has taken our application name over; we get no more events."""


class RestResponse(Event, frozen=True, tag="RESTResponse"):
    """The answer to a request that we sent over the event socket."""

    request_id: str
    status_code: int
    reason_phrase: str = ""
    message_body: str = ""


AnyEvent = (
    CallBroadcast
    | StasisStart
    | StasisEnd
    | ChannelDestroyed
    | ChannelHangupRequest
    | ChannelStateChange
    | ChannelDtmfReceived
    | ChannelTalkingStarted
    | PlaybackFinished
    | ChannelHold
    | ChannelUnhold
    | ChannelTransfer
    | ApplicationReplaced
    | RestResponse
)

EVENT_TYPES: tuple[type[Event], ...] = (
    CallBroadcast,
    StasisStart,
    StasisEnd,
    ChannelDestroyed,
    ChannelHangupRequest,
    ChannelStateChange,
    ChannelDtmfReceived,
    ChannelTalkingStarted,
    PlaybackFinished,
    ChannelHold,
    ChannelUnhold,
    ChannelTransfer,
    ApplicationReplaced,
    RestResponse,
)

EVENT_NAMES = [str(kind.__struct_config__.tag) for kind in EVENT_TYPES]


class Application(msgspec.Struct, frozen=True):
    """What an application is subscribed to (GET applications/{name})."""

    name: str
    channel_ids: list[str] = []


class Bridge(msgspec.Struct, frozen=True):
    """A bridge and the channels in it (GET bridges); `name` as who made it has chosen."""

    id: str
    channels: list[str] = []
    name: str = ""


class InfoStatus(msgspec.Struct, frozen=True):
    """When Asterisk was started, in its own words."""

    startup_time: str = ""


class Info(msgspec.Struct, frozen=True):
    """Who Asterisk is (GET asterisk/info)."""

    status: InfoStatus = InfoStatus()


class RestRequest(msgspec.Struct, frozen=True, tag_field="type", tag="RESTRequest"):
    """A request sent over the event socket (docs.asterisk.org: ARI REST over WebSocket)."""

    request_id: str
    method: str
    uri: str
    query_strings: list[dict[str, str]]
    content_type: str = "application/json"
    message_body: str = ""
