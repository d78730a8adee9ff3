"""An authority's feed of warnings, from a real https server: what is fetched, kept, shown."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from authority_server import LIST, Authority, authority_server, serving
from cap import JAKARTA, KLOJEN, MALANG, alert, area, info, rss
from lines import eventually
from served import ServedEngine, a_record, an_engine
from test_commands import run

from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from lab.actors.certificates import ca_file
from ngalam112.api.metrics import CountingJournal
from ngalam112.config.settings import load_settings
from ngalam112.engine import warning_feed, warning_fetch
from ngalam112.engine.warning_feed import FAILURES_IN_A_ROW, WARNINGS, WarningFeed
from ngalam112.wiring import build
from public_warnings.link_list import LARGEST_LIST, MOST_LINKS
from public_warnings.pauses import MOST_REQUESTS

CREDIT = "Sumber: BMKG (Badan Meteorologi, Klimatologi, dan Geofisika)"
SENDER = "signature.bmkg.go.id"


class Kept:
    """The part of a journal that keeps facts, as JSON."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.times = 0

    def keep(self, key: str, value: Any | None) -> None:
        self.times += 1
        self.facts[key] = json.loads(json.dumps(value))


@pytest.fixture
async def bmkg() -> AsyncIterator[Authority]:
    async with authority_server() as one:
        yield one


def settings_of(bmkg: Authority) -> dict[str, Any]:
    return {
        "warning_url": bmkg.url,
        "warning_hosts": ["localhost"],
        "warning_ca_file": ca_file(),
    }


def feed(bmkg: Authority, tmp_path: Path, kept: Kept | None = None, **changes: Any) -> WarningFeed:
    settings = load_settings(home=tmp_path, **{**settings_of(bmkg), **changes})
    found = WarningFeed(settings, kept or Kept(), time.time)  # type: ignore[arg-type]
    if kept is not None:
        found.remember(kept.facts)
    return found


def warns(identifier: str, polygon: str = MALANG, **changes: str | None) -> bytes:
    now = time.time()
    return alert(
        info(area("Jawa Timur", polygon), now=now), now=now, identifier=identifier, **changes
    )


def cancels(identifier: str, of: str) -> bytes:
    reference = f"{SENDER},{of},2026-11-30T00:00:00+00:00"
    now = time.time()
    return alert(
        now=now, identifier=identifier, sender=SENDER, msgType="Cancel", references=reference
    )


def ids(one: WarningFeed) -> list[str]:
    return sorted(warning.identifier for warning in one.warnings())


async def test_the_first_poll_fetches_all_and_the_second_nothing_but_that_nothing_is_new(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"), B=warns("b", KLOJEN), C=warns("c", JAKARTA))
    kept = Kept()
    one = feed(bmkg, tmp_path, kept)
    await one.poll()
    assert ids(one) == ["a", "b"] and one.health.broken == "" and one.failures == 0
    assert [warning.kecamatan for warning in one.warnings() if not warning.whole_city] == [
        ["Klojen"]
    ]
    assert len(bmkg.asked) == one.requests == 4
    for _ in range(2):
        await one.poll()
    assert bmkg.asked[4:] == [LIST, LIST] and bmkg.not_modified == 2
    assert kept.times == 1, "what has not changed is not kept anew"


async def test_a_changed_list_has_only_its_new_documents_fetched(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"))
    one = feed(bmkg, tmp_path)
    await one.poll()
    update = warns("b", KLOJEN, msgType="Update", references=f"{SENDER},a,x")
    bmkg.says(B=update)
    await one.poll()
    assert ids(one) == ["b"] and bmkg.asked[2:] == [LIST, f"{LIST}/B_alert.xml"]
    bmkg.says(C=cancels("c", "b"))
    await one.poll()
    assert ids(one) == []
    bmkg.says(A=warns("a2"))
    await one.poll()
    assert ids(one) == ["a2"], "a document of a new edition is fetched again"


async def test_the_next_engine_shows_the_same_at_once_and_fetches_no_document_again(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"), B=b"no xml")
    kept = Kept()
    before = feed(bmkg, tmp_path, kept)
    await before.poll()
    after = feed(bmkg, tmp_path, kept)
    assert after.warnings() == before.warnings() and ids(after) == ["a"]
    assert after.health.good_at == before.health.good_at
    await after.poll()
    assert bmkg.asked[3:] == [LIST, f"{LIST}/B_alert.xml"], "but one that it could not read"
    elsewhere = feed(bmkg, tmp_path, kept, warning_url=bmkg.base + "/another")
    assert ids(elsewhere) == []


async def test_a_fact_that_makes_no_sense_is_left_out(bmkg: Authority, tmp_path: Path) -> None:
    kept = Kept()
    kept.facts[WARNINGS] = {"url": bmkg.url, "in_force": {"warnings": [{"sender": 1}]}}
    assert ids(feed(bmkg, tmp_path, kept)) == []
    kept.facts[WARNINGS] = ["nonsense"]
    assert ids(feed(bmkg, tmp_path, kept)) == []


async def test_a_feed_that_goes_away_is_said_and_what_was_known_stays(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"))
    one = feed(bmkg, tmp_path)
    bmkg.odd[LIST] = "status 503"
    begun = time.time()
    await one.poll()
    assert one.health.good_at is None
    assert one.health.away_since is not None and one.health.away_since >= begun
    assert one.health.why == f"{bmkg.url} answers 503."
    since = one.health.away_since
    await one.poll()
    assert one.failures == 2 and one.health.away_since == since
    del bmkg.odd[LIST]
    await one.poll()
    assert (one.failures, one.health.away_since, one.health.why) == (0, None, "")
    bmkg.odd[LIST] = "status 500"
    await one.poll()
    assert ids(one) == ["a"] and one.health.away_since is not None


async def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    async with authority_server() as bmkg:
        one = feed(bmkg, tmp_path)
    await one.poll()
    assert "cannot be fetched" in one.health.why and one.failures == 1
    async with serving(bmkg):
        await one.poll()
    assert one.health.away_since is None


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("to https://example.org/list", "another host"),
        ("to http://localhost/list", "not https"),
        ("to /alerts/nowcast/id", "more than 2 redirects"),
        ("endless", f"more than {LARGEST_LIST} bytes"),
        ("compressed", "compressed"),
        ("never", "has not answered within 1 s"),
    ],
)
async def test_what_is_beyond_a_limit_is_away_and_why(
    bmkg: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str, why: str
) -> None:
    if odd == "never":
        monkeypatch.setattr(warning_fetch, "WITHIN_S", 1.0)
    bmkg.odd[LIST] = odd
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert why in one.health.why and len(one.health.why) < 400
    assert len(bmkg.asked) <= 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"warning_ca_file": None}, "cannot be fetched"),
        ({"warning_hosts": []}, "no address that may be connected to"),
    ],
)
async def test_nobody_else_is_asked_than_a_trusted_server_that_is_no_address_inside(
    bmkg: Authority, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    one = feed(bmkg, tmp_path, **changes)
    await one.poll()
    assert why in one.health.why and bmkg.asked == []


async def test_certificates_that_cannot_be_read_are_told(bmkg: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    one = feed(bmkg, tmp_path, warning_ca_file=tmp_path / "ca.pem")
    await one.poll()
    assert "NGALAM112_WARNING_CA_FILE" in one.health.why


async def test_a_list_that_is_none_is_broken_and_not_away(bmkg: Authority, tmp_path: Path) -> None:
    bmkg.list_body = b"<html>Under construction</html>"
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert one.health.away_since is None and one.health.good_at is None and one.failures == 1
    assert one.health.broken.startswith("The list cannot be used: The document is neither")
    bmkg.list_body = None
    await one.poll()
    assert one.health.broken == "" and one.health.good_at is not None


async def test_a_broken_document_beside_good_ones_is_named_and_not_fetched_again(
    bmkg: Authority, tmp_path: Path
) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "x">]><alert>&b;</alert>'
    large = b"x" * (1 << 20) + b"x"
    bmkg.says(A=warns("a"), B=bomb, C=warns("c"), D=large)
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert ids(one) == ["a", "c"]
    assert one.health.broken.startswith("2 of 4 warnings in the list cannot be used; one is ")
    await one.poll()
    assert bmkg.asked.count(f"{LIST}/B_alert.xml") == 1
    assert one.health.broken.startswith("2 of 4 ")
    bmkg.says(B=warns("b"), D=warns("d"))
    await one.poll()
    assert ids(one) == ["a", "b", "c", "d"] and one.health.broken == ""


async def test_a_document_that_cannot_be_fetched_is_tried_again_with_the_next_poll(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"), B=warns("b"))
    bmkg.odd[f"{LIST}/A_alert.xml"] = "status 500"
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert ids(one) == ["b"] and "answers 500" in one.health.broken
    bmkg.odd.clear()
    await one.poll()
    assert ids(one) == ["a", "b"] and one.health.broken == ""


async def test_links_to_other_hosts_are_not_followed(bmkg: Authority, tmp_path: Path) -> None:
    bmkg.list_body = rss(
        ("https://127.0.0.1/a", ""), ("http://localhost/b", ""), ("file:///etc/passwd", "")
    )
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert bmkg.asked == [LIST] and one.health.broken.startswith("3 of 3 ")


async def test_a_list_of_ten_thousand_stays_within_the_requests_of_a_minute(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.list_body = rss(*((f"id/{n}", "") for n in range(10_000)))
    bmkg.documents = {str(n): warns(f"w{n}") for n in range(MOST_LINKS)}
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert len(bmkg.asked) == one.requests == MOST_REQUESTS
    assert one.unfinished and len(one.warnings()) == MOST_REQUESTS - 1
    for _ in range(3):
        await one.poll()
    assert len(bmkg.asked) == MOST_REQUESTS and one.health.away_since is None


async def test_when_documents_fail_in_a_row_the_others_wait_for_the_next_poll(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.list_body = rss(*((f"id/{n}", "") for n in range(50)))
    one = feed(bmkg, tmp_path)
    await one.poll()
    assert len(bmkg.asked) == 1 + FAILURES_IN_A_ROW


async def test_without_a_map_the_warning_cannot_be_used(bmkg: Authority, tmp_path: Path) -> None:
    bmkg.says(A=warns("a"))
    one = feed(bmkg, tmp_path, districts_file=tmp_path / "none.geojson")
    await one.poll()
    assert ids(one) == [] and "NGALAM112_DISTRICTS_FILE" in one.health.broken


# --- what people see ------------------------------------------------------------------------------


@asynccontextmanager
async def engine(bmkg: Authority | None, home: Path) -> AsyncIterator[ServedEngine]:
    """An engine that asks the feed at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warning_feed, "FIRST_AFTER_S", 0.0)
        async with an_engine(home, **({} if bmkg is None else settings_of(bmkg))) as one:
            yield one


async def asked_once(served: ServedEngine) -> None:
    health = served.engine.warning_feed.health
    await eventually(
        lambda: health.good_at is not None or health.away_since is not None or health.broken != "",
        what="the feed is asked",
    )


async def incident_in(served: ServedEngine, call: str, kecamatan: str | None) -> str:
    record = a_record(call, time.time(), caller_number="08123456789", operator="1001")
    record.operator_answered_at, record.kecamatan = record.arrived_at, kecamatan
    book = served.engine.router.incidents
    await served.engine.do(lambda now: book.call_answered(record, record.arrived_at))
    opened = book.of_call(call)
    assert opened is not None
    if kecamatan is not None:
        ran = await run(served.settings, "incident", "set", opened.number, "--kecamatan", kecamatan)
        assert ran.code == 0, ran
    return opened.number


async def test_warnings_are_shown_with_their_credit_where_they_hold(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a", KLOJEN))
    async with engine(bmkg, tmp_path / "home") as served:
        await eventually(lambda: served.engine.warning_feed.warnings(), what="the warning is known")
        listed = await run(served.settings, "warning", "list")
        assert (listed.code, listed.err) == (0, "")
        assert "Hujan Lebat" in listed.out and "Klojen" in listed.out and CREDIT in listed.out
        (row,) = json.loads((await run(served.settings, "warning", "list", "-f", "json")).out)
        assert row["credit"] == CREDIT
        assert datetime.fromisoformat(row["expires"]).timestamp() > time.time()
        nowhere = await run(served.settings, "warning", "list", "--kecamatan", "Sukun")
        assert nowhere.out == "There is no warning for the city.\n"
        status = await run(served.settings, "status")
        assert "warnings" in status.out and "Klojen" in status.out and "BMKG" in status.out
        here, there = (
            await incident_in(served, "c1", "Klojen"),
            await incident_in(served, "c2", "Sukun"),
        )
        shown = (await run(served.settings, "incident", "show", here)).out
        assert "WARNING Hujan Lebat disertai Petir di Jawa Timur (Moderate; Klojen;" in shown
        assert CREDIT in shown
        assert "WARNING" not in (await run(served.settings, "incident", "show", there)).out
        _, body = await served.raw("GET", "/metrics", token=served.settings.secrets.api_token)
        figures = dict(
            line.rsplit(" ", 1) for line in body.decode().splitlines() if line[:1] not in "#"
        )
        assert 0 <= float(figures["ngalam112_warning_feed_age_seconds"]) < 60
        assert float(figures["ngalam112_warnings"]) == 1
        assert float(figures["ngalam112_warning_requests_total"]) == 2


async def test_a_warning_for_the_whole_city_is_shown_where_the_place_is_not_known(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"), B=warns("b", KLOJEN))
    async with engine(bmkg, tmp_path / "home") as served:
        await eventually(lambda: len(served.engine.warning_feed.warnings()) == 2, what="both known")
        number = await incident_in(served, "c1", None)
        shown = (await run(served.settings, "incident", "show", number)).out
        assert shown.count("WARNING") == 1 and "the whole city" in shown
        answer = await served.get("/api/warnings", kecamatan="klojen")
        assert len(answer["warnings"]) == 2 and answer["feed"]["feed"] == "up"
        assert (await served.refusal("get", "/api/warnings", other="x"))[0] == 400


async def test_a_feed_that_is_away_is_one_line_and_nothing_else_changes(tmp_path: Path) -> None:
    async with authority_server() as bmkg:
        pass
    async with engine(bmkg, tmp_path / "home") as served:
        await asked_once(served)
        number = await incident_in(served, "c1", "Klojen")
        shown = await run(served.settings, "incident", "show", number)
        assert shown.code == 0 and shown.out.count("The feed of warnings is away since") == 1
        assert "is away since" in (await run(served.settings, "status")).out
        listed = await run(served.settings, "warning", "list")
        assert listed.code == 0 and listed.err.count("\n") == 1 and "is away since" in listed.err
        _, body = await served.raw("GET", "/metrics", token=served.settings.secrets.api_token)
        assert b"ngalam112_warning_feed_age_seconds +Inf" in body


async def test_hostile_texts_reach_the_terminal_harmless(bmkg: Authority, tmp_path: Path) -> None:
    now = time.time()
    evil = "=cmd[bold]\u202e\u2028x"
    bmkg.says(A=alert(info(area(evil, MALANG), now=now, headline=evil, event=evil), now=now))
    async with engine(bmkg, tmp_path / "home") as served:
        await eventually(lambda: served.engine.warning_feed.warnings(), what="the warning is known")
        for args in (("warning", "list"), ("status",), ("warning", "list", "-f", "csv")):
            ran = await run(served.settings, *args)
            assert ran.code == 0 and "\u202e" not in ran.out and "\n=cmd" not in ran.out


async def test_without_a_feed_nothing_is_asked_and_nothing_said(tmp_path: Path) -> None:
    async with engine(None, tmp_path / "home") as served:
        listed = await run(served.settings, "warning", "list")
        assert listed.code == 0 and "NGALAM112_WARNING_URL" in listed.err
        number = await incident_in(served, "c1", "Klojen")
        assert "warning" not in (await run(served.settings, "incident", "show", number)).out.lower()
        assert "warnings" not in (await run(served.settings, "status")).out
        _, body = await served.raw("GET", "/metrics", token=served.settings.secrets.api_token)
        assert b"ngalam112_warning" not in body


async def test_the_engine_after_knows_the_warnings_from_the_journal(
    bmkg: Authority, tmp_path: Path
) -> None:
    bmkg.says(A=warns("a"))
    async with engine(bmkg, tmp_path / "home") as served:
        await asked_once(served)
        await eventually(lambda: served.engine.warning_feed.warnings(), what="the warning is known")
        known = served.engine.warning_feed.warnings()
    local = WriteAheadLog(served.settings.journal)
    try:
        journal = CountingJournal(DatabaseWriter(served.database, local))
        after = build(served.settings, journal)
        after.reconnect.remember([], local.kept.facts)
        assert after.engine.warning_feed.warnings() == known
        assert after.engine.warning_feed.requests == 0
    finally:
        local.close()
