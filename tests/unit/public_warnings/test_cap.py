"""CAP documents: what is read of them, and that no hostile one does more than be refused."""

from __future__ import annotations

import time

import pytest
from cap import KLOJEN, MALANG, alert, area, atom, info, rss
from hypothesis import given
from hypothesis import strategies as st

from public_warnings import cap
from public_warnings.cap import LARGEST_DOCUMENT, MOST_CORNERS, read_cap
from public_warnings.errors import WarningError
from public_warnings.link_list import LARGEST_LIST, MOST_LINKS, read_list
from public_warnings.message import Kind

NOW = 1_796_000_000.0
BASE = "https://www.bmkg.example/alerts/nowcast/id"


def test_a_warning_is_read_with_its_times_texts_and_areas() -> None:
    geocode = "<geocode><valueName>kode</valueName><value>35.73</value></geocode>"
    circle = "<circle>-7.98,112.63 5.5</circle>"
    found = read_cap(
        alert(
            info(area("Jawa Timur", MALANG, KLOJEN, more=circle + geocode), now=NOW),
            now=NOW,
            references="signature.bmkg.go.id,2.49.0.0.360.0,2026-11-30T00:00:00+00:00 nonsense",
        )
    )
    assert (found.identifier, found.sender, found.sent) == (
        *("2.49.0.0.360.1", "signature.bmkg.go.id"),
        NOW,
    )
    assert (found.kind, found.actual) == (Kind.ALERT, True)
    assert found.references == (("signature.bmkg.go.id", "2.49.0.0.360.0"),)
    (one,) = found.infos
    assert (one.begins, one.expires, one.severity) == (NOW, NOW + 7200, "Moderate")
    assert (one.urgency, one.certainty, one.event) == (
        *("Immediate", "Observed"),
        "Hujan Lebat dan Petir",
    )
    (where,) = one.areas
    assert (len(where.polygons), where.polygons[0][0]) == (2, (-7.9, 112.5))
    assert where.circles == ((-7.98, 112.63, 5.5),) and where.geocodes == (("kode", "35.73"),)


def test_indonesian_comes_before_english_and_english_before_others() -> None:
    def languages(*given: str) -> list[str]:
        infos = "".join(info(area(), now=NOW, language=one) for one in given)
        return [one.language for one in read_cap(alert(infos, now=NOW)).infos]

    assert languages("en", "id", "jv") == ["id"]
    assert languages("jv", "en-US", "en-US") == ["en-us", "en-us"]
    assert languages("jv", "su") == ["jv"]
    unsaid = alert(
        info(area(), now=NOW, language="xx").replace("<language>xx</language>", ""), now=NOW
    )
    assert read_cap(unsaid).infos[0].language == "en-us"


def test_an_open_polygon_is_closed_and_the_onset_counts_as_the_begin() -> None:
    onset = "<onset>2026-12-01T00:00:00+07:00</onset>"
    (one,) = read_cap(
        alert(info(area("x", "-7,112 -7,113 -8,113"), now=NOW, more=onset), now=NOW)
    ).infos
    assert one.areas[0].polygons[0][0] == one.areas[0].polygons[0][-1]
    assert one.begins == 1_796_058_000.0


@pytest.mark.parametrize("missing", ["identifier", "sender", "sent", "status", "msgType"])
def test_a_document_that_misses_what_cap_requires_is_refused(missing: str) -> None:
    with pytest.raises(WarningError, match=f"no (time )?{missing}|There is no {missing}|has no"):
        read_cap(alert(now=NOW, **{missing: None}))


@pytest.mark.parametrize(
    ("infos", "why"),
    [
        (info(area("x", "1,2 3"), now=NOW), "is no point"),
        (info(area("x", "1,2 1,2 1,2"), now=NOW), "fewer than three corners"),
        (info(area("x", ""), now=NOW), "fewer than three corners"),
        (info(area("x", "112.6,-7.9 112.7,-7.9 112.7,-8"), now=NOW), "no point on the earth"),
        (info(area("x", "nan,1 2,2 3,3"), now=NOW), "is no point"),
        (info(area("x", more="<circle>1,2 -5</circle>"), now=NOW), "radius of -5"),
        (info(area("x", more="<circle>1,2 999999</circle>"), now=NOW), "radius of 999999"),
        (info(area("x", more="<circle>1,2</circle>"), now=NOW), "not a point and a radius"),
        (info("<area/>", now=NOW), "no areaDesc"),
        (info(area(), now=NOW, expires="tomorrow"), "expires 'tomorrow' cannot be read"),
        (info(area(), now=NOW, expires="2026-13-01T00:00:00+07:00"), "cannot be read"),
        (info(area(), now=NOW, expires="0001-01-01T00:00:00+14:00"), "cannot be read|before 1970"),
        (info(area(), now=NOW) * 17, "more than 16 infos"),
        (info(area() * 201, now=NOW), "more than 200 areas"),
        (info(area("x", *["1,2 3,4 5,6"] * 1500) * 2, now=NOW), "polygons or"),
        (info(area("x", "1,2 3,4 5,6 " * (MOST_CORNERS // 3 + 1)), now=NOW), "polygons or"),
        (info(area("x") + "<" + "a>" * 3, now=NOW), "is no XML"),
    ],
)
def test_what_is_beyond_a_bound_or_no_shape_is_refused_in_one_sentence(
    infos: str, why: str
) -> None:
    with pytest.raises(WarningError, match=why) as error:
        read_cap(alert(infos, now=NOW))
    assert len(str(error.value)) < 250 and "\n" not in str(error.value)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "'
    + b"x" * 1000
    + b'">'
    + b"".join(b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 100) for n in range(1, 10))
    + b"]><alert>&b9;</alert>"
)
EXTERNAL = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><alert>&e;</alert>'
GOOD = alert(info(area("Jawa Timur", MALANG), now=NOW), now=NOW)
HOSTILE = {
    "entity bomb": BOMB,
    "external entity": EXTERNAL,
    "entity without a DTD": GOOD.replace(b"Berpotensi", b"&secret;"),
    "ten megabytes": GOOD.replace(b"Berpotensi", b"x" * 10 * 1024 * 1024),
    "deep": b"<a>" * 100_000 + b"</a>" * 100_000,
    "deep inside": GOOD.replace(b"<area>", b"<area>" + b"<a>" * 300 + b"</a>" * 300),
    "utf-16": GOOD.decode().encode("utf-16"),
    "utf-32": GOOD.decode().encode("utf-32"),
    "latin-1": GOOD.replace(b"Hujan", "Hüjan".encode("latin-1")),
    "cut": GOOD[:-20],
    "nothing": b"",
    "html": b"<html><body>Not found</body></html>",
    "another version": alert(now=NOW, namespace="urn:oasis:names:tc:emergency:cap:1.1"),
    "NUL": GOOD.replace(b"Berpotensi", b"\0"),
    "a blank in the identifier": alert(now=NOW, identifier="a b"),
    "a comma in the sender": alert(now=NOW, sender="a,b"),
    "a long identifier": alert(now=NOW, identifier="x" * 1000),
    "two roots": GOOD + GOOD,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_at_once(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(WarningError) as error:
        read_cap(HOSTILE[name])
    assert time.process_time() - begun < 1.0
    assert len(str(error.value)) < 250 and str(error.value).isprintable()
    with pytest.raises(WarningError):
        read_list(HOSTILE[name], BASE)


@pytest.mark.parametrize("entity", ['"x"', 'SYSTEM "file:///etc/passwd"', 'SYSTEM "http://a/"'])
def test_a_good_warning_with_a_dtd_is_refused_for_that(entity: str) -> None:
    declared = f"<!DOCTYPE alert [<!ENTITY e {entity}>]><alert".encode()
    document = GOOD.replace(b"<alert", declared, 1).replace(b"Berpotensi", b"&e;")
    with pytest.raises(WarningError, match="has a DTD"):
        read_cap(document)


def test_a_byte_order_mark_of_utf_8_does_no_harm() -> None:
    assert read_cap(b"\xef\xbb\xbf" + GOOD) == read_cap(GOOD)


def test_the_largest_document_that_is_allowed_is_read_quickly() -> None:
    pairs = " ".join(f"-7.{n:05d},112.5" for n in range(MOST_CORNERS))
    document = alert(info(area("x", pairs), now=NOW), now=NOW)
    assert len(document) < LARGEST_DOCUMENT
    begun = time.process_time()
    read_cap(document)
    assert time.process_time() - begun < 2.0


def test_hostile_texts_are_cut_and_made_readable() -> None:
    evil = "a\u202eb&#10;c" + "x" * 5000
    (one,) = read_cap(
        alert(info(area(evil), now=NOW, headline=evil, description=evil, event=evil), now=NOW)
    ).infos
    for text in (one.headline, one.description, one.event, one.areas[0].text):
        assert text.isprintable() and len(text) <= 600 and text.startswith("a b c")


PIECES = st.lists(
    st.sampled_from(
        [
            *(b"<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>", b"</alert>", b"<info>"),
            *(b"<area>", b"<polygon>", b"1,2 3,4", b"&x;", b"<!DOCTYPE", b"]]>", b"\xff", b"\0"),
            *(b"<rss><channel><item><link>", b"</polygon></area></info>", GOOD[:300], GOOD[300:]),
        ]
    ),
    max_size=12,
).map(b"".join)


@given(st.one_of(st.binary(max_size=300), PIECES, st.text(max_size=100).map(str.encode)))
def test_no_bytes_raise_anything_but_the_error_of_this_package(document: bytes) -> None:
    for read in (read_cap, lambda one: read_list(one, BASE)):
        try:
            read(document)
        except WarningError as error:
            assert str(error)


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=5))
def test_a_damaged_document_is_read_or_refused(at: int, instead: bytes) -> None:
    try:
        read_cap(GOOD[:at] + instead + GOOD[at + len(instead) :])
    except WarningError as error:
        assert "\n" not in str(error)


def test_lists_of_both_kinds_give_links_without_doubles() -> None:
    links = (("id/A_alert.xml", "1"), (f"{BASE}/B_alert.xml", "2"), ("id/A_alert.xml", "3"))
    for document in (rss(*links), atom(*links)):
        found = read_list(document, BASE)
        assert [one.url for one in found] == [f"{BASE}/A_alert.xml", f"{BASE}/B_alert.xml"]
        assert len({one.version for one in found}) == 2
    changed = read_list(rss(("id/A_alert.xml", "9")), BASE)[0]
    assert changed.version != read_list(rss(links[0]), BASE)[0].version


def test_of_a_long_list_the_first_hundred_are_taken_and_a_longer_one_is_refused() -> None:
    many = rss(*((f"/{n}", "") for n in range(10_000)))
    assert len(many) < LARGEST_LIST
    found = read_list(many, BASE)
    assert len(found) == MOST_LINKS == 100 and found[0].url == "https://www.bmkg.example/0"
    with pytest.raises(WarningError, match="bytes"):
        read_list(many * 2, BASE)


def test_an_entry_without_a_link_or_with_one_that_is_none_is_passed_over() -> None:
    document = (
        b"<rss><channel><item/><item><link>http://[</link></item>"
        b"<item><link>" + b"x" * 600 + b"</link></item><item><link>a</link></item></channel></rss>"
    )
    assert [one.url for one in read_list(document, BASE)] == [f"{BASE[:-2]}a"]
    with pytest.raises(WarningError, match="neither"):
        read_list(b"<rss/>", BASE)


def test_the_bounds_are_those_of_the_documentation() -> None:
    assert (cap.MOST_POLYGONS, cap.MOST_CORNERS, cap.LARGEST_DOCUMENT) == (2_000, 50_000, 1 << 20)
