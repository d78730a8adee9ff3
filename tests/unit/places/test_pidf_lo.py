"""What a PIDF-LO says is read, whatever the network has made of it."""

from __future__ import annotations

import time

import examples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pidf import CRS, circle, document, point

from places.pidf_lo import LARGEST, parse
from places.place import PlaceError


def ring(*corners: str) -> str:
    inside = "".join(f"<gml:pos>{one}</gml:pos>" for one in corners)
    return (
        f'<gml:Polygon srsName="{CRS}"><gml:exterior><gml:LinearRing>{inside}'
        "</gml:LinearRing></gml:exterior></gml:Polygon>"
    )


def test_a_circle_has_its_middle_and_its_radius() -> None:
    found = parse(document(circle(-7.9797, 112.6304, 25)))
    assert (found.lat, found.lon, found.radius_m) == (-7.9797, 112.6304, 25.0)


def test_a_point_has_no_radius() -> None:
    found = parse(document(point(-7.9797, 112.6304)))
    assert (found.lat, found.lon, found.radius_m) == (-7.9797, 112.6304, None)


def test_a_polygon_is_known_by_its_middle_and_by_its_farthest_corner() -> None:
    corners = ("-7.98 112.62", "-7.98 112.64", "-7.96 112.64", "-7.96 112.62", "-7.98 112.62")
    found = parse(document(ring(*corners)))
    assert (found.lat, found.lon) == pytest.approx((-7.97, 112.63))
    assert found.radius_m == pytest.approx(1566, abs=5)


def test_a_polygon_may_be_one_list_of_numbers() -> None:
    listed = (
        f'<gml:Polygon srsName="{CRS}"><gml:exterior><gml:LinearRing>'
        "<gml:posList>-7.98 112.62 -7.98 112.64 -7.96 112.64 -7.98 112.62</gml:posList>"
        "</gml:LinearRing></gml:exterior></gml:Polygon>"
    )
    found = parse(document(listed))
    assert (found.lat, found.lon) == pytest.approx((-7.9733, 112.6333), abs=1e-4)


def test_an_ellipse_reaches_as_far_as_its_longer_half() -> None:
    ellipse = (
        f'<gs:Ellipse srsName="{CRS}"><gml:pos>-7.9 112.6</gml:pos>'
        "<gs:semiMajorAxis>70</gs:semiMajorAxis><gs:semiMinorAxis>30</gs:semiMinorAxis>"
        '<gs:orientation uom="urn:ogc:def:uom:EPSG::9102">20</gs:orientation></gs:Ellipse>'
    )
    assert parse(document(ellipse)).radius_m == 70.0


def test_an_altitude_is_passed_over() -> None:
    sphere = (
        '<gs:Sphere srsName="urn:ogc:def:crs:EPSG::4979"><gml:pos>-7.9 112.6 450</gml:pos>'
        "<gs:radius>12</gs:radius></gs:Sphere>"
    )
    found = parse(document(sphere))
    assert (found.lat, found.lon, found.radius_m) == (-7.9, 112.6, 12.0)


def test_a_civic_address_becomes_one_line_in_the_order_of_indonesia() -> None:
    civic = (
        '<ca:civicAddress xml:lang="id"><ca:country>ID</ca:country><ca:A1>Jawa Timur</ca:A1>'
        "<ca:A3>Malang</ca:A3><ca:A4>Klojen</ca:A4><ca:RD>Jalan Ijen</ca:RD><ca:HNO>25</ca:HNO>"
        "<ca:NAM>Museum\nBrawijaya</ca:NAM><ca:PC>65115</ca:PC></ca:civicAddress>"
    )
    found = parse(document(civic))
    assert found.lat is None
    assert found.address == ("Museum Brawijaya, Jalan Ijen 25, Klojen, Malang, Jawa Timur, 65115")


def test_address_and_point_together_are_both_read() -> None:
    civic = "<ca:civicAddress><ca:RD>Jalan Ijen</ca:RD></ca:civicAddress>"
    found = parse(document(civic, circle(-7.97, 112.62)))
    assert (found.address, found.lat) == ("Jalan Ijen", -7.97)


def test_of_several_shapes_the_first_usable_one_counts() -> None:
    found = parse(document(circle("nan", 1), point(-7.9, 112.6), point(1, 1)))
    assert (found.lat, found.lon) == (-7.9, 112.6)


def test_longitude_before_latitude_is_noticed_where_it_cannot_be_otherwise() -> None:
    found = parse(document(point(112.63, -7.98)))
    assert (found.lat, found.lon, found.swapped) == (-7.98, 112.63, True)


LAUGHS = '<!DOCTYPE presence [<!ENTITY l0 "lol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
)
HOSTILE = {
    "nothing": b"",
    "garbage": b"\x00\xff\xfe",
    "half a document": document(circle(-7, 112))[:200],
    "a bomb": document(circle(-7, 112, "&l9;"), dtd=LAUGHS + "]>"),
    "an entity of a file": document(
        circle("&f;", 112), dtd='<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    ),
    "an entity of the network": document(
        circle("&f;", 112), dtd='<!DOCTYPE a [<!ENTITY f SYSTEM "http://127.0.0.1:9/">]>'
    ),
    "an entity without a DTD": document(circle("&f;", 112)),
    "another encoding": document(circle(-7, 112)).decode().encode("utf-16"),
    "a declared encoding": b'<?xml version="1.0" encoding="UTF-7"?><presence/>',
    "no number": document(circle("nan", 112)),
    "infinity": document(circle("-7", "inf")),
    "an exponent": document(circle("-7e400", "112")),
    "underscores": document(circle("-7_0", "112")),
    "many digits": document(circle("-7." + "9" * 5000, "112")),
    "nowhere": document(circle(-95, 212)),
    "both no latitude": document(point(120, 112)),
    "another CRS": document(circle(9117000, 679000, crs="urn:ogc:def:crs:EPSG::32749")),
    "three numbers too few": document(point(-7, "")),
    "two positions of a point": document(
        f'<gml:Point srsName="{CRS}"><gml:pos>1 2</gml:pos><gml:pos>1 3</gml:pos></gml:Point>'
    ),
    "too many corners": document(ring(*(f"-7.{n:04} 112.6" for n in range(1, 600)))),
    "too large": document("<a/>" * LARGEST),
    "deep": document("<gs:a>" * 5000 + "</gs:a>" * 5000),
    "an unknown shape": document('<gs:Star srsName="x"><gml:pos>1 2</gml:pos></gs:Star>'),
    "no place": document(""),
    "another document": b"<html><body>-7.9 112.6</body></html>",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_place_is_refused_in_one_sentence_and_at_once(what: str) -> None:
    begun = time.process_time()
    with pytest.raises(PlaceError) as error:
        parse(HOSTILE[what])
    assert time.process_time() - begun < 0.5
    assert len(str(error.value)) < 250 and "\n" not in str(error.value)


def test_a_radius_that_makes_no_sense_leaves_the_point() -> None:
    for radius in ("nan", -5, "inf", "999999999", "", "<x/>"):
        found = parse(document(circle(-7.9, 112.6, radius)))
        assert (found.lat, found.radius_m) == (-7.9, None)


@settings(max_examples=examples.of(200))
@given(st.binary(max_size=400), st.integers(0, 900))
def test_whatever_bytes_stand_in_a_document_it_is_read_or_refused(noise: bytes, at: int) -> None:
    good = document(circle(-7.9, 112.6))
    for text in (noise, good[:at] + noise + good[at:], good[:at] + noise):
        try:
            found = parse(text)
        except PlaceError:
            continue
        assert found.lat is None or -90 <= found.lat <= 90
        assert found.lon is None or -180 <= found.lon <= 180


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_for_coordinates_only_those_of_the_earth_are_kept(a: str, b: str) -> None:
    shown = [one.replace("&", "&amp;").replace("<", "&lt;") for one in (a, b)]
    try:
        found = parse(document(point(*shown)))
    except PlaceError:
        return
    assert found.lat is not None and -90 <= found.lat <= 90
