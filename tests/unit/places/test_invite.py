"""What an INVITE says of the place: by value, by reference, or nothing that can be used."""

from __future__ import annotations

import time

import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from pidf import circle, document, invite

from places.invite import NAMES_A_PLACE, Said, said

PIDF = document(circle(-7.9797, 112.6304))


def test_a_document_in_the_body_is_found_by_its_content_id() -> None:
    found = said(invite(geolocation="<cid:place@citizen>", pidf=PIDF))
    assert [one.strip() for one in found.documents] == [PIDF]


def test_a_content_id_may_be_written_as_a_url() -> None:
    packet = invite(geolocation="<cid:a%2Bb@c>", pidf=PIDF, cid="a+b@c")
    assert len(said(packet).documents) == 1


def test_the_only_document_is_meant_even_by_a_wrong_name() -> None:
    assert len(said(invite(geolocation="<cid:other@citizen>", pidf=PIDF)).documents) == 1


def test_a_body_that_is_nothing_but_a_document_counts() -> None:
    packet = invite(geolocation="<cid:x@y>", pidf=None).partition(b"Content-Type")[0]
    packet += b"Content-Type: application/pidf+xml\r\nContent-ID: <x@y>\r\n\r\n" + PIDF
    assert said(packet).documents == (PIDF,)


def test_references_are_https_only_in_their_order() -> None:
    values = "<https://a/1>;x=y, <http://b/2>, <sip:c@d>, <cid:place@citizen>, <HTTPS://e/3>"
    found = said(invite(geolocation=values, pidf=PIDF))
    assert found.references == ("https://a/1", "HTTPS://e/3")
    assert len(found.documents) == 1


def test_a_header_on_several_lines_and_several_headers_are_one_list() -> None:
    packet = invite(geolocation="<https://a/1>,\r\n  <https://b/2>", pidf=None)
    packet = packet.replace(b"Max-Forwards", b"geolocation : <https://c/3>\r\nMax-Forwards")
    assert set(said(packet).references) == {"https://a/1", "https://b/2", "https://c/3"}


def test_without_the_header_a_document_says_nothing() -> None:
    packet = invite(geolocation=None, pidf=PIDF)
    assert NAMES_A_PLACE.search(packet) is None
    assert said(packet) == Said()


def test_geolocation_routing_is_another_header() -> None:
    packet = invite(geolocation=None, pidf=PIDF)
    packet = packet.replace(b"Max-Forwards", b"Geolocation-Routing: yes\r\nMax-Forwards")
    assert not said(packet)


def test_many_values_and_parts_are_cut_off() -> None:
    values = ", ".join(f"<https://a/{n}>" for n in range(1000))
    assert len(said(invite(geolocation=values, pidf=None)).references) <= 6
    part = b"--part\r\nContent-Type: application/pidf+xml\r\n\r\n" + b"x\r\n"
    packet = invite(geolocation="<cid:place@citizen>", pidf=b"").replace(b"--part", part * 500, 1)
    assert len(said(packet).documents) <= 2


HEADER = st.sampled_from([b"\r\nGeolocation: <cid:", b"\r\nGeolocation: <https:"])


@settings(max_examples=examples.of(200))
@given(HEADER, st.binary(max_size=300), st.integers(0, 1200))
def test_whatever_a_packet_holds_it_is_read(header: bytes, noise: bytes, at: int) -> None:
    good = invite(geolocation="<cid:place@citizen>", pidf=PIDF)
    for packet in (header + noise, good[:at] + noise + good[at:], good[:at] + header + noise):
        found = said(packet)
        assert len(found.documents) <= 2 and len(found.references) <= 6


def test_a_packet_as_long_as_udp_allows_takes_milliseconds() -> None:
    begun = time.process_time()
    for filler in (b"<", b"\r\n ", b"--part", b": ", b'boundary="'):
        body = filler * (64_000 // len(filler))
        said(b"INVITE x\r\nGeolocation: <cid:a>\r\nContent-Type: multipart/mixed" + body)
        said(invite(geolocation="<cid:place@citizen>", pidf=body))
    assert time.process_time() - begun < 0.5
