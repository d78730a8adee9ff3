"""Which place counts, what the map calls it, what may be fetched, what a city's list says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pidf import circle, document, point

from acd.calls.record import CallRecord
from acd.calls.shown_place import shown_place
from ngalam112.config.settings import PROJECT
from places.districts import Districts, load_districts
from places.finding import of_document, of_registered
from places.place import Place, PlaceError, PlaceSource, counts_more, is_precise, readable
from places.references import check_reference
from places.registered import Registered, Unusable, read_list

MAP = PROJECT / "places" / "malang.geojson"
V, R, G = PlaceSource.VALUE, PlaceSource.REFERENCE, PlaceSource.REGISTERED


@pytest.fixture(scope="module")
def city() -> Districts:
    return load_districts(MAP)


# --- the map ---------------------------------------------------------------------------------


def test_a_point_has_its_kelurahan_and_kecamatan(city: Districts) -> None:
    found = city.name(-7.9797, 112.6304)
    assert (found.kelurahan, found.kecamatan, found.far_m) == ("Kauman", "Klojen", 0.0)


def test_all_57_kelurahan_are_found_from_inside(city: Districts) -> None:
    import shapely

    found = set()
    for feature in json.loads(MAP.read_text())["features"]:
        inside = shapely.from_geojson(json.dumps(feature["geometry"])).representative_point()
        named = city.name(inside.y, inside.x)
        assert named.kelurahan == feature["properties"]["kelurahan"]
        found.add((named.kelurahan, named.kecamatan))
    assert len(found) == 57


def test_in_a_gap_between_two_the_nearest_counts(city: Districts) -> None:
    import shapely

    shapes = [
        shapely.make_valid(shapely.from_geojson(json.dumps(one["geometry"])))
        for one in json.loads(MAP.read_text())["features"]
    ]
    joined = shapely.union_all(shapes)
    holes = [
        shapely.Polygon(hole).representative_point()
        for part in shapely.get_parts(joined)
        for hole in part.interiors
    ]
    assert len(holes) > 100
    assert all(city.name(one.y, one.x).kelurahan for one in holes)


@pytest.mark.parametrize(
    ("lat", "lon", "text"),
    [
        (-8.1, 112.55, "11 km southwest of Malang"),
        (-7.88, 112.64, "4 km north of Malang"),
        (-7.98, 112.75, "6 km east of Malang"),
        (-7.87, 112.52, "9 km northwest of Malang"),
    ],
)
def test_outside_it_says_how_far_and_which_way(
    city: Districts, lat: float, lon: float, text: str
) -> None:
    found = city.name(lat, lon)
    assert (found.text, found.kelurahan) == (text, None)


def test_naming_takes_far_less_than_a_millisecond(city: Districts) -> None:
    begun = time.process_time()
    for step in range(1000):
        city.name(-8.0 + step * 1e-4, 112.6 + step * 1e-4)
    assert time.process_time() - begun < 0.5, "half a millisecond each"


def test_another_city_brings_its_own_map_and_its_own_words(tmp_path: Path) -> None:
    square = [[[10.0, 50.0], [10.1, 50.0], [10.1, 50.1], [10.0, 50.1], [10.0, 50.0]]]
    feature = {
        "properties": {"kelurahan": "Nord", "kecamatan": "Mitte"},
        "geometry": {"type": "Polygon", "coordinates": square},
    }
    directions = ["N", "NO", "O", "SO", "S", "SW", "W", "NW"]
    outside = "{km} km {direction} von {city} {0.x}"
    own = {"name": "Stadt", "outside": outside, "directions": directions, "features": [feature]}
    path = tmp_path / "map.geojson"
    path.write_text(json.dumps(own))
    stadt = load_districts(path)
    assert stadt.name(50.05, 10.05).text == "Nord, Mitte"
    assert stadt.name(50.05, 10.2).text == "7 km O von Stadt {0.x}"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{}",
        '{"name": "x", "features": []}',
        '{"name": "x", "features": [{"properties": {"kelurahan": "a", "kecamatan": "b"}, '
        '"geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
        '{"name": "x", "features": [{"properties": {"kelurahan": "a", "kecamatan": "b"}, '
        '"geometry": {"type": "Polygon", "coordinates": "x"}}]}',
    ],
)
def test_a_map_that_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "map.geojson"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PlaceError, match=r"The map .*map\.geojson"):
        load_districts(path)


# --- what a document makes --------------------------------------------------------------------


def test_a_swapped_point_counts_where_it_is_near_the_city(city: Districts) -> None:
    found = of_document(document(point(112.6304, -7.9797)), V, city)
    assert (found.lat, found.lon, found.kelurahan) == (-7.9797, 112.6304, "Kauman")


def test_a_swapped_point_far_off_is_no_place(city: Districts) -> None:
    with pytest.raises(PlaceError, match="far off"):
        of_document(document(point(151.2, -33.8)), V, city)


def test_without_a_map_a_place_has_no_names() -> None:
    found = of_document(document(circle(-7.9797, 112.6304)), V, None)
    assert (found.lat, found.text, found.kelurahan) == (-7.9797, "", None)


# --- which counts -----------------------------------------------------------------------------


def a_place(source: PlaceSource, lat: float | None = -7.9, radius_m: float | None = None) -> Place:
    return Place(source=source, lat=lat, lon=lat, radius_m=radius_m)


def test_what_the_network_says_comes_before_the_list_and_a_small_radius_before_a_large() -> None:
    assert counts_more(a_place(G), None)
    assert counts_more(a_place(V, radius_m=5000), a_place(G))
    assert not counts_more(a_place(G), a_place(V, radius_m=5000))
    assert counts_more(a_place(R, radius_m=20), a_place(V, radius_m=5000))
    assert not counts_more(a_place(R, radius_m=5000), a_place(V, radius_m=20))
    assert counts_more(a_place(R), a_place(V, lat=None))
    assert counts_more(a_place(V, radius_m=20), a_place(V, radius_m=20)), "the later"


def test_only_a_near_point_of_this_call_makes_a_reference_needless() -> None:
    assert is_precise(a_place(V, radius_m=100))
    for place in (None, a_place(G), a_place(V, lat=None), a_place(V, radius_m=101)):
        assert not is_precise(place)


# --- the display ------------------------------------------------------------------------------


def test_a_display_has_the_names_and_a_large_radius() -> None:
    record = CallRecord(call_id="1", kelurahan="Kauman", kecamatan="Klojen", radius_m=25.0)
    assert shown_place(record) == "Kauman, Klojen"
    record.radius_m = 1540.0
    assert shown_place(record) == "Kauman, Klojen +-1.5 km"
    record.kecamatan = "Kauman"
    assert shown_place(record).startswith("Kauman +-")


@given(st.text())
def test_no_address_breaks_out_of_a_quoted_name(text: str) -> None:
    found = shown_place(CallRecord(call_id="1", place=readable(text)))
    assert len(found) <= 36
    assert not set('"\\<>\r\n\0') & set(found)


# --- references -------------------------------------------------------------------------------

HOSTS = ("lis.carrier.example", ".net.example")


@pytest.mark.parametrize(
    "url",
    ["https://lis.carrier.example/x?y=1", "HTTPS://A.net.example:8443/", "https://b.c.net.example"],
)
def test_https_from_a_listed_host_may_be_fetched(url: str) -> None:
    assert check_reference(url, HOSTS) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://lis.carrier.example/",
        "ftp://lis.carrier.example/",
        "file:///etc/passwd",
        "https://evil.example/",
        "https://net.example/",
        "https://evilnet.example/",
        "https://lis.carrier.example.evil.example/",
        "https://lis.carrier.example@evil.example/",
        "https://a:b@lis.carrier.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://lis.carrier.example:99999/",
        "https://lis.carrier.example\\@evil.example/",
        "https://lis.carrier.example/\r\nHost: x",
        "https://",
        "https://" + "a" * 3000,
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    with pytest.raises(PlaceError):
        check_reference(url, HOSTS)


def test_an_address_instead_of_a_name_is_refused_even_where_it_is_listed() -> None:
    for host in ("127.0.0.1", "192.0.2.7"):
        with pytest.raises(PlaceError, match="names no host"):
            check_reference(f"https://{host}/", (host,))


# --- the city's list --------------------------------------------------------------------------


def test_a_list_is_read_by_its_columns_and_a_number_in_any_spelling_is_one() -> None:
    lines = [
        "\ufeffaddress, Number ,lat,lon,note\n",
        '"Balai Kota, Jalan Tugu 1",0341-366922,-7.9778,112.6340,x\n',
        "Balai Kota Malang,+62341366922,,,\n",
        "Rumah Sakit,0341 362101,-7.97,112.63,\n",
    ]
    found = read_list(lines, "ID")
    assert [(one.caller, one.address, one.lat) for one in found] == [
        ("+62341366922", "Balai Kota Malang", None),
        ("+62341362101", "Rumah Sakit", -7.97),
    ]


def test_each_wrong_line_is_named_and_nothing_is_taken_in() -> None:
    lines = [
        "number,address,lat,lon\n",
        "0341366922,Balai Kota,,\n",
        "anonymous,Somewhere,,\n",
        "0341366923,,,\n",
        "0341366924,A,-7.9,\n",
        "0341366925,A,nan,112\n",
        "0341366926,A,112.6,-7.9\n",
    ]
    with pytest.raises(Unusable) as error:
        read_list(lines, "ID")
    text = str(error.value)
    assert [f"line {n}:" in text for n in range(1, 8)] == [False, False, *[True] * 5]
    assert "lat '112.6' is not from -90 to 90" in text


@pytest.mark.parametrize("lines", [[], ["a,b\n", "1,2\n"], ["number\n"]])
def test_a_list_without_its_columns_is_refused(lines: list[str]) -> None:
    with pytest.raises(Unusable, match="first line must name"):
        read_list(lines, "ID")


@given(st.text(max_size=300))
def test_whatever_a_file_holds_it_is_read_or_refused(text: str) -> None:
    try:
        read_list(("number,address\n" + text).splitlines(keepends=True), "ID")
    except Unusable as error:
        assert len(str(error)) < 5000


def test_a_number_with_coordinates_gets_the_names_of_the_map(city: Districts) -> None:
    one = Registered(caller="+62341", number="0341", lat=-7.9797, lon=112.6304)
    found = of_registered(one, city)
    assert (found.source, found.text, found.kelurahan) == (G, "Kauman, Klojen", "Kauman")


# --- what it costs who does not use it --------------------------------------------------------


@pytest.mark.parametrize("module", ["ngalam112.process.service", "ngalam112.cli.app"])
def test_a_program_loads_neither_shapely_nor_lxml_before_the_first_place(module: str) -> None:
    heavy = {"shapely", "lxml", "numpy"}
    code = f"import sys, {module}; sys.exit(len({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
