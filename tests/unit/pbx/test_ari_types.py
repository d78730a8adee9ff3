"""Asterisk's events are read as typed values; what we do not know is skipped, not stumbled over."""

from __future__ import annotations

import typing

import msgspec
import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from pbx.ari_types import (
    EVENT_NAMES,
    EVENT_TYPES,
    AnyEvent,
    ApplicationReplaced,
    CallBroadcast,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelStateChange,
    Event,
    PlaybackFinished,
    RestRequest,
    RestResponse,
    StasisEnd,
    StasisStart,
)

DECODER = msgspec.json.Decoder(AnyEvent)
CHANNEL = {
    "id": "1606140000.1",
    "name": "PJSIP/trunk-00000000",
    "state": "Ring",
    "protocol_id": "abc@127.0.0.1",
    "caller": {"name": "Budi", "number": "08123"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "citizens",
        "exten": "112",
        "priority": 2,
        "app_name": "StasisBroadcast",
        "app_data": "1000",
    },
    "creationtime": "2026-11-23T21:00:00.000+0000",
    "language": "en",
    "channelvars": {"X": "1"},
}
COMMON = {
    "timestamp": "2026-11-23T21:00:00.123+0000",
    "asterisk_id": "52:54:00:12:34:56",
    "application": "ngalam112",
}


def read(kind: str, **fields: object) -> Event:
    """An event as it comes over the socket, with more fields than we use."""
    event: Event = DECODER.decode(msgspec.json.encode({"type": kind, **COMMON, **fields}))
    return event


@pytest.mark.parametrize(
    ("kind", "fields", "type_"),
    [
        ("CallBroadcast", {"channel": CHANNEL, "caller": "08123"}, CallBroadcast),
        ("StasisStart", {"channel": CHANNEL, "args": ["citizen"]}, StasisStart),
        ("StasisEnd", {"channel": CHANNEL}, StasisEnd),
        ("ChannelDestroyed", {"channel": CHANNEL, "cause": 16, "cause_txt": "x"}, ChannelDestroyed),
        ("ChannelHangupRequest", {"channel": CHANNEL, "soft": True}, ChannelHangupRequest),
        ("ChannelStateChange", {"channel": CHANNEL}, ChannelStateChange),
        ("ChannelDtmfReceived", {"channel": CHANNEL, "digit": "3"}, ChannelDtmfReceived),
        ("PlaybackFinished", {"playback": {"id": "p", "state": "done"}}, PlaybackFinished),
        ("ApplicationReplaced", {}, ApplicationReplaced),
        ("RESTResponse", {"request_id": "1", "status_code": 204}, RestResponse),
    ],
)
def test_every_event_that_we_listen_to_is_read(
    kind: str, fields: dict[str, object], type_: type[Event]
) -> None:
    event = read(kind, **fields)
    assert type(event) is type_
    assert kind in EVENT_NAMES


def test_what_an_event_says_is_kept() -> None:
    event = read("StasisStart", channel=CHANNEL, args=["code", "101", "*11"])
    assert isinstance(event, StasisStart)
    assert event.args == ["code", "101", "*11"]
    assert (event.channel.id, event.channel.state) == ("1606140000.1", "Ring")
    assert (event.channel.caller.name, event.channel.caller.number) == ("Budi", "08123")
    assert (event.channel.dialplan.context, event.channel.dialplan.exten) == ("citizens", "112")
    destroyed = read("ChannelDestroyed", channel=CHANNEL, cause=21)
    assert isinstance(destroyed, ChannelDestroyed)
    assert destroyed.cause == 21


def test_the_list_of_events_the_union_and_the_names_for_the_filter_agree() -> None:
    assert set(EVENT_TYPES) == set(typing.get_args(AnyEvent)) == set(Event.__subclasses__())
    assert len(set(EVENT_NAMES)) == len(EVENT_TYPES)
    assert "RESTResponse" in EVENT_NAMES  # else answers stop coming


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"ChannelVarset","channel":{"id":"1"}}',
        '{"type":"StasisStart","channel":{"id":"1"}}',
        '{"type":"StasisStart","args":[],"channel":{}}',
        '{"type":"ChannelDestroyed","channel":{"id":"1"},"cause":"16"}',
        '{"channel":{"id":"1"}}',
        "[]",
        "",
        "null",
        '{"type":"StasisEnd"',
    ],
    ids=str,
)
def test_an_unknown_or_broken_event_is_a_decoding_error_and_nothing_else(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        DECODER.decode(text)


@OFTEN
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_a_caller_can_be_called_anything(name: str) -> None:
    channel = CHANNEL | {"caller": {"name": name, "number": name}}
    event = read("CallBroadcast", channel=channel)
    assert isinstance(event, CallBroadcast)
    assert (event.channel.caller.name, event.channel.caller.number) == (name, name)


def test_a_request_is_written_as_asterisk_reads_it() -> None:
    request = RestRequest(
        request_id="7",
        method="POST",
        uri="channels/1/play/p",
        query_strings=[{"name": "media", "value": "sound:a b&c"}],
    )
    assert msgspec.json.decode(msgspec.json.encode(request)) == {
        "type": "RESTRequest",
        "request_id": "7",
        "method": "POST",
        "uri": "channels/1/play/p",
        "query_strings": [{"name": "media", "value": "sound:a b&c"}],
        "content_type": "application/json",
        "message_body": "",
    }
