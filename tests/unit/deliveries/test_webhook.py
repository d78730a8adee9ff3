"""Webhooks to real servers: what is sent, what each answer means, and how long it may take."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from agency_server import AgencyServer, agency_server, dripping, odd_server
from standardwebhooks import Webhook as TheirWebhook

from deliveries.attempt import LONGEST_DETAIL, Attempt, Delivered, Failed, Reason
from deliveries.signatures import Secret, new_secret, verify
from deliveries.webhook import (
    LARGEST_BODY,
    RECEIPT_WITHIN_S,
    Hook,
    WebhookSender,
    event,
    retry_after_s,
)
from guarded_net.names import Addresses, Names
from lab.actors.certificates import ca_file
from lab.actors.sipp import free_port
from lab.machine.waiting import eventually

NOW = 1_790_000_000.0
WITHIN_S = 1.0
SLACK_S = 0.5
KEY = new_secret()
PATH_SECRET = "token-in-the-path"
BODY = event("dispatch.created", NOW - 5, {"incident": "2026-17", "text": "Kebakaran di Klojen"})
NAMED = ("localhost", "127.0.0.1")


@pytest_asyncio.fixture
async def agency() -> AsyncIterator[AgencyServer]:
    async with agency_server() as found:
        yield found


async def send(url: str, named: tuple[str, ...] = NAMED, **options: Any) -> Attempt:
    """Make one attempt; it has to be in time, and to tell nothing that is secret."""
    made: dict[str, Any] = {"ca_file": ca_file(), "within_s": WITHIN_S} | options
    begun = time.monotonic()
    hook = Hook(f"{url}?{PATH_SECRET}", (Secret(KEY),))
    found = await WebhookSender(named, **made).send(hook, "job-1", BODY, NOW)
    assert time.monotonic() - begun < WITHIN_S + RECEIPT_WITHIN_S + SLACK_S
    said = found.detail if isinstance(found, Failed) else found.receipt
    assert len(said) <= LONGEST_DETAIL and said.isprintable()
    assert PATH_SECRET not in said and "Klojen" not in said and KEY[6:] not in said
    return found


async def failed(url: str, **options: Any) -> Failed:
    found = await send(url, **options)
    assert isinstance(found, Failed), found
    return found


# --- what is sent -----------------------------------------------------------------------------


async def test_a_receiver_can_verify_what_it_gets_by_the_usual_package(
    agency: AgencyServer,
) -> None:
    sender = WebhookSender(NAMED, ca_file())
    hook = Hook(f"{agency.base}/taken", (Secret(KEY),))
    assert await sender.send(hook, "job-1", BODY, time.time()) == Delivered("HTTP 200, A-17")
    (taken,) = agency.taken
    assert taken.body == BODY
    assert TheirWebhook(KEY).verify(taken.body, taken.headers)["type"] == "dispatch.created"
    assert taken.headers["Content-Type"] == "application/json"


async def test_the_id_stays_and_the_timestamp_changes_from_attempt_to_attempt(
    agency: AgencyServer,
) -> None:
    sender = WebhookSender(NAMED, ca_file())
    hook = Hook(f"{agency.base}/taken", (Secret(KEY),))
    for now in (NOW, NOW + 60):
        await sender.send(hook, "job-1", BODY, now)
        taken = agency.taken[-1]
        assert verify(taken.headers, taken.body, hook.secrets, now) == "job-1"
    first, second = (one.headers["webhook-timestamp"] for one in agency.taken)
    assert int(second) - int(first) == 60


async def test_a_receiver_with_the_old_secret_can_verify_while_it_is_changed(
    agency: AgencyServer,
) -> None:
    old, new = new_secret(), new_secret()
    hook = Hook(f"{agency.base}/taken", (Secret(new), Secret(old)))
    await WebhookSender(NAMED, ca_file()).send(hook, "job-1", BODY, time.time())
    for key in (old, new):
        assert TheirWebhook(key).verify(agency.taken[0].body, agency.taken[0].headers)


def test_an_event_has_type_time_and_data() -> None:
    written = event("dispatch.created", 1_790_000_000.25, {"a": 1})
    expected = b'{"type":"dispatch.created","timestamp":"2026-09-21T14:13:20.250Z","data":{"a":1}}'
    assert written == expected


# --- what answers mean ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (301, Reason.REDIRECTED, True),
        (307, Reason.REDIRECTED, True),
        (400, Reason.REFUSED, True),
        (404, Reason.REFUSED, True),
        (410, Reason.GONE, False),
        (429, Reason.TRY_LATER, True),
        (500, Reason.SERVER_ERROR, True),
        (502, Reason.SERVER_ERROR, True),
        (503, Reason.TRY_LATER, True),
        (999, Reason.BAD_ANSWER, True),
    ],
)
async def test_only_gone_ends_the_attempts(
    agency: AgencyServer, status: int, reason: Reason, retry: bool
) -> None:
    agency.status = status
    detail = f"localhost answers {status}."
    assert await send(f"{agency.base}/status") == Failed(reason, retry, detail=detail)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_all_of_2xx_is_delivered(agency: AgencyServer, status: int) -> None:
    agency.status = status
    assert await send(f"{agency.base}/status") == Delivered(f"HTTP {status}")


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_a_receiver_says_how_long_it_is_to_be_left_alone(
    agency: AgencyServer, status: int
) -> None:
    agency.status, agency.extra = status, {"Retry-After": "120"}
    assert (await failed(f"{agency.base}/status")).not_before_s == 120.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60.0),
        ("Mon, 21 Sep 2026 14:14:20 -0000", 60.0),
        ("Mon, 21 Sep 2020 14:14:20 GMT", 0.0),
        ("0", 0.0),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("nan", None),
        ("9" * 50, None),
        ("soon", None),
        ("Mon, 99 Sep 99999 14:14:20 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s(text, NOW) == seconds


async def test_a_redirect_is_not_followed(agency: AgencyServer) -> None:
    agency.status = 302
    agency.extra = {"Location": f"{agency.base}/taken"}
    assert (await failed(f"{agency.base}/status")).reason is Reason.REDIRECTED
    assert [one.path for one in agency.taken] == ["/status"]


async def test_an_error_page_that_repeats_the_message_is_not_kept(agency: AgencyServer) -> None:
    assert (await failed(f"{agency.base}/echo")).detail == "localhost answers 400."


@pytest.mark.parametrize("path", ["/large", "/hundred_megabytes", "/dripping", "/held"])
async def test_a_body_that_is_too_large_or_has_no_end_is_delivered_without_receipt(
    agency: AgencyServer, path: str
) -> None:
    assert await send(agency.base + path) == Delivered("HTTP 200")


@pytest.mark.parametrize(
    "body",
    [
        b'{"receipt": "\\u001b[31mred"}',
        b'{"receipt": "' + b"x" * 65 + b'"}',
        b'{"receipt": 17}',
        b'{"receipt": "\\ud800"}',
        b'{"a":' + b"[" * 3000,
        b"\xff\xfe",
        b"",
    ],
)
async def test_a_receipt_that_is_none_is_left_out(body: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await reader.read()

    async with odd_server(talk, tls=True) as port:
        assert await send(f"https://127.0.0.1:{port}/") == Delivered("HTTP 200")


async def test_a_server_that_still_sends_is_let_go_at_once() -> None:
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        finally:
            over.set()

    async with odd_server(talk, tls=True) as port:
        assert await send(f"https://127.0.0.1:{port}/") == Delivered("HTTP 200")
        assert await eventually(over.is_set, within=2.0)


# --- servers that do not answer as they should ------------------------------------------------


async def test_a_server_that_never_answers_ends_with_the_limit(agency: AgencyServer) -> None:
    found = await failed(f"{agency.base}/never")
    assert found == Failed(
        Reason.TIMED_OUT, retry=True, detail="localhost has not answered within 1 s."
    )


@pytest.mark.parametrize(
    "parts", [b"H", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 90, b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_a_server_that_trickles_bytes_ends_with_the_limit(parts: bytes) -> None:
    async with odd_server(partial(dripping, parts=parts), tls=True) as port:
        found = await failed(f"https://127.0.0.1:{port}/")
    assert found.reason in (Reason.TIMED_OUT, Reason.BAD_ANSWER) and found.retry
    if parts != b"H":
        assert found.reason is Reason.TIMED_OUT


async def test_headers_without_end_are_not_read_to_the_end() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with odd_server(talk, tls=True) as port:
        assert (await failed(f"https://127.0.0.1:{port}/")).reason is Reason.BAD_ANSWER


async def test_a_server_that_is_silent_before_tls_ends_with_the_limit() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with odd_server(talk) as port:
        found = await failed(f"https://127.0.0.1:{port}/")
    assert found.reason is Reason.TIMED_OUT


async def test_a_connection_that_is_reset_may_have_brought_the_message() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with odd_server(talk, tls=True) as port:
        found = await failed(f"https://127.0.0.1:{port}/")
    assert found.reason is Reason.CONNECTION_LOST and found.retry


async def test_a_server_that_speaks_something_else_is_tried_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    async with odd_server(talk, tls=True) as port:
        found = await failed(f"https://127.0.0.1:{port}/")
    assert found.reason is Reason.BAD_ANSWER and found.retry
    async with odd_server(partial(dripping, parts=b"plain text")) as port:
        found = await failed(f"https://127.0.0.1:{port}/")
    assert found.reason is Reason.TLS and found.retry


async def test_a_header_of_twenty_thousand_characters_is_no_answer(agency: AgencyServer) -> None:
    assert (await failed(f"{agency.base}/header")).reason is Reason.BAD_ANSWER


async def test_a_port_on_which_nobody_listens_is_tried_again() -> None:
    found = await failed(f"https://127.0.0.1:{free_port()}/")
    assert found.reason is Reason.UNREACHABLE and found.retry


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(agency: AgencyServer) -> None:
    found = await failed(f"{agency.base}/taken", ca_file=None)
    assert found.reason is Reason.TLS and found.retry and "self-signed" in found.detail
    assert agency.taken == []


async def test_certificates_that_cannot_be_read_are_told_and_tried_again(
    agency: AgencyServer, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    found = await failed(f"{agency.base}/taken", ca_file=tmp_path / "ca.pem")
    assert found.reason is Reason.NOT_SENDABLE and found.retry and "ca.pem" in found.detail


# --- where it may go --------------------------------------------------------------------------


async def test_a_host_inside_that_is_not_named_is_not_connected_to(agency: AgencyServer) -> None:
    found = await failed(f"{agency.base}/taken", named=())
    assert found.reason is Reason.ADDRESS_REFUSED and found.retry
    assert agency.taken == []


async def test_the_name_is_asked_for_once_and_the_address_that_was_checked_is_used() -> None:
    asked: list[str] = []

    def ask(host: str, port: int) -> Addresses:
        asked.append(host)
        # the second time it would mean an address inside
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    url = f"https://receiver.example:{free_port()}/"
    assert (await failed(url, names=Names(ask))).reason is Reason.ADDRESS_REFUSED
    assert asked == ["receiver.example"]


async def test_a_named_host_is_connected_to_where_the_dns_says(agency: AgencyServer) -> None:
    def ask(host: str, port: int) -> Addresses:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    url = f"https://pmi.example:{agency.port}/taken"
    found = await failed(url, names=Names(ask), named=(".example",))
    assert found.reason is Reason.TLS  # it got there, and the certificate is localhost's


async def test_http_is_for_named_hosts_alone() -> None:
    async with agency_server(tls=False) as agency:
        assert await send(f"{agency.base}/taken") == Delivered("HTTP 200, A-17")
        found = await failed(f"{agency.base}/taken", named=())
        assert found.reason is Reason.NOT_SENDABLE and not found.retry
        assert len(agency.taken) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://8.8.8.8/",
        "https://[::1]/",
        "https://a:b@pmi.example/",
        "https://pmi.example\\@evil.example/",
        "https://pmi.example/\r\nHost: x",
        "ftp://pmi.example/",
        "file:///etc/passwd",
        "https://",
        "https://" + "a" * 3000,
        "",
    ],
)
async def test_a_url_that_is_not_used_is_told_and_not_tried_again(url: str) -> None:
    found = await failed(url, named=())
    assert found.reason is Reason.NOT_SENDABLE and not found.retry


async def test_what_cannot_be_sent_is_told_and_not_tried_again(agency: AgencyServer) -> None:
    sender, url = WebhookSender(NAMED, ca_file()), f"{agency.base}/taken"
    hook = Hook(url, (Secret(KEY),))
    for attempt in (
        await sender.send(hook, "job.1", BODY, NOW),
        await sender.send(hook, "", BODY, NOW),
        await sender.send(Hook(url, ()), "job-1", BODY, NOW),
        await sender.send(hook, "job-1", b"x" * (LARGEST_BODY + 1), NOW),
    ):
        assert isinstance(attempt, Failed)
        assert attempt.reason is Reason.NOT_SENDABLE and not attempt.retry
    assert agency.taken == []


# --- the DNS ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["receiver.example", "a." * 120 + "example"])
async def test_a_name_that_there_is_not_is_tried_again(host: str) -> None:
    def ask(host: str, port: int) -> Addresses:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = await failed(f"https://{host}/", names=Names(ask), named=())
    assert found.reason is Reason.NAME_UNKNOWN and found.retry


async def test_a_dns_that_never_answers_ends_with_the_limit() -> None:
    answers = threading.Event()

    def ask(host: str, port: int) -> Addresses:
        answers.wait(30)
        return []

    try:
        found = await failed(f"https://{'a.' * 120}example/", names=Names(ask), named=())
    finally:
        answers.set()
    assert found.reason is Reason.TIMED_OUT and found.retry
