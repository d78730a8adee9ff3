"""PIDF-LO documents and INVITEs that name a place, for tests."""

from __future__ import annotations

import uuid

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8\r\n"
)
CRS = "urn:ogc:def:crs:EPSG::4326"
_NAMES = (
    'xmlns="urn:ietf:params:xml:ns:pidf" '
    'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" '
    'xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:gs="http://www.opengis.net/pidflo/1.0" '
    'xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"'
)


def document(*infos: str, dtd: str = "") -> bytes:
    """A PIDF-LO with these contents of its location-info."""
    inside = "".join(infos)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{dtd}<presence {_NAMES} entity="pres:a@b">'
        f'<dm:device id="d"><gp:geopriv><gp:location-info>{inside}</gp:location-info>'
        "<gp:usage-rules/><gp:method>GPS</gp:method></gp:geopriv></dm:device></presence>"
    ).encode()


def circle(lat: object, lon: object, radius: object = 25, crs: str = CRS) -> str:
    """A circle."""
    return (
        f'<gs:Circle srsName="{crs}"><gml:pos>{lat} {lon}</gml:pos>'
        f'<gs:radius uom="urn:ogc:def:uom:EPSG::9001">{radius}</gs:radius></gs:Circle>'
    )


def point(lat: object, lon: object, crs: str = CRS) -> str:
    """A point."""
    return f'<gml:Point srsName="{crs}"><gml:pos>{lat} {lon}</gml:pos></gml:Point>'


def invite(
    *,
    geolocation: str | None,
    pidf: bytes | None,
    here: str = "127.0.0.1:7000",
    port: int = 5060,
    caller: str = "0812345",
    call_id: str = "",
    cid: str = "place@citizen",
) -> bytes:
    """An INVITE to 112 with SDP, and a document beside it."""
    call_id = call_id or uuid.uuid4().hex
    kind, body = "application/sdp", SDP.encode()
    if pidf is not None:
        kind = 'multipart/mixed; boundary="part"'
        about = f"Content-Type: application/pidf+xml\r\nContent-ID: <{cid}>\r\n\r\n".encode()
        body = b"--part\r\nContent-Type: application/sdp\r\n\r\n" + body
        body += b"\r\n--part\r\n" + about + pidf + b"\r\n--part--\r\n"
    lines = [
        f"INVITE sip:112@127.0.0.1:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{call_id}",
        f"From: <sip:{caller}@127.0.0.1>;tag={call_id[:8]}",
        "To: <sip:112@127.0.0.1>",
        f"Call-ID: {call_id}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:citizen@{here}>",
        "Max-Forwards: 70",
        *([] if geolocation is None else [f"Geolocation: {geolocation}"]),
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
