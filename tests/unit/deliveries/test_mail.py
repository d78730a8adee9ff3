"""Mails by a real SMTP server: what is sent, what each answer means, and how long it may take."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from agency_server import dripping, odd_server
from mail_server import PASSWORD, USER, MailServerOfTest, mail_server

from deliveries.attempt import LONGEST_DETAIL, Attempt, Delivered, Failed, Reason, Refused
from deliveries.mail import QUIT_WITHIN_S, MailSender, MailServer, Tls
from deliveries.mail_message import Mail
from guarded_net.names import Addresses, Names
from lab.actors.certificates import ca_file
from lab.actors.sipp import free_port
from lab.machine.waiting import eventually

WITHIN_S = 1.0
SLACK_S = 0.5
SENDER = "lapor@112.example"
MAIL = Mail(
    job="17-a",
    recipients=("piket@damkar.example",),
    subject="Kebakaran di Klojen",
    text="Rumah terbakar.\n.\nJalan Ijen 1\n",
    at=1_790_000_000.0,
)
TWO = Mail(
    job="18",
    recipients=("piket@damkar.example", "kepala@damkar.example"),
    subject="Kebakaran",
    text="Rumah terbakar.",
    at=1_790_000_000.0,
)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServerOfTest]:
    async with mail_server() as found:
        yield found


async def send(
    port: int, mail: Mail = MAIL, names: Names | None = None, **settings: Any
) -> Attempt:
    """Make one attempt; it has to be in time, and to tell no secret."""
    given: dict[str, Any] = {"host": "127.0.0.1", "tls": Tls.OFF, "ca_file": ca_file()}
    sender = MailSender(
        MailServer(sender=SENDER, port=port, within_s=WITHIN_S, **(given | settings)), names
    )
    begun = time.monotonic()
    found = await sender.send(mail)
    assert time.monotonic() - begun < WITHIN_S + QUIT_WITHIN_S + SLACK_S
    said = found.detail if isinstance(found, Failed) else found.receipt
    assert len(said) <= LONGEST_DETAIL and said.isprintable() and PASSWORD not in said
    return found


async def failed(port: int, mail: Mail = MAIL, **settings: Any) -> Failed:
    found = await send(port, mail, **settings)
    assert isinstance(found, Failed), found
    return found


# --- what is sent -----------------------------------------------------------------------------


async def test_a_mail_is_brought_with_the_servers_receipt(server: MailServerOfTest) -> None:
    assert await send(server.port) == Delivered("250 2.0.0 queued as 4F3")
    (envelope,) = server.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["piket@damkar.example"])
    assert server.message()["Subject"] == MAIL.subject
    assert server.message().get_content().splitlines() == MAIL.text.splitlines()


async def test_a_retry_is_the_same_mail_byte_for_byte(server: MailServerOfTest) -> None:
    await send(server.port)
    await send(server.port)
    first, second = server.taken
    assert first.content == second.content
    assert server.message()["Message-ID"] == "<job-17-a@112.example>"


# --- what answers mean ------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "reason", "retry"),
    [
        ("450 4.7.1 greylisted", Reason.TRY_LATER, True),
        ("452 4.3.1 disk full", Reason.TRY_LATER, True),
        ("421 4.3.2 shutting down", Reason.TRY_LATER, True),
        ("550 5.1.1 no such user", Reason.REFUSED, False),
        ("554 5.7.1 spam", Reason.REFUSED, False),
        ("299 what", Reason.BAD_ANSWER, True),
    ],
)
async def test_4xx_is_tried_again_and_5xx_is_not(
    server: MailServerOfTest, command: str, answer: str, reason: Reason, retry: bool
) -> None:
    server.answers[command] = answer
    assert await send(server.port) == Failed(reason, retry, detail=answer)
    assert server.taken == []


async def test_one_refused_recipient_of_several_is_told(server: MailServerOfTest) -> None:
    server.answers["RCPT kepala@damkar.example"] = "550 5.1.1 no such user"
    why = Failed(Reason.REFUSED, retry=False, detail="550 5.1.1 no such user")
    refused = (Refused("kepala@damkar.example", why),)
    assert await send(server.port, TWO) == Delivered("250 2.0.0 queued as 4F3", refused)
    assert server.taken[0].rcpt_tos == ["piket@damkar.example"]


async def test_while_one_of_all_refused_recipients_may_yet_take_it_it_is_tried_again(
    server: MailServerOfTest,
) -> None:
    server.answers["RCPT piket@damkar.example"] = "550 5.1.1 no such user"
    server.answers["RCPT kepala@damkar.example"] = "450 4.2.1 mailbox busy"
    found = await failed(server.port, TWO)
    assert found == Failed(Reason.TRY_LATER, retry=True, detail="450 4.2.1 mailbox busy")
    server.answers["RCPT kepala@damkar.example"] = "550 5.1.1 no such user"
    assert not (await failed(server.port, TWO)).retry


async def test_a_greeting_of_4xx_is_tried_again_and_one_of_5xx_is_not() -> None:
    async def talk(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytes
    ) -> None:
        writer.write(greeting)
        await reader.read()

    for greeting, retry in ((b"421 busy\r\n", True), (b"554 no\r\n", False), (b"?\r\n", True)):
        async with odd_server(partial(talk, greeting=greeting)) as port:
            assert (await failed(port)).retry is retry


async def test_control_characters_of_a_server_are_not_shown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 \x1b[31m\xff" + b"x" * 5000 + b"\r\n")
        await reader.read()

    async with odd_server(talk) as port:
        assert (await failed(port)).reason is Reason.REFUSED


# --- servers that do not answer as they should ------------------------------------------------


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_ends_with_the_limit(
    server: MailServerOfTest, command: str
) -> None:
    server.hangs = command
    detail = "127.0.0.1 has not taken the mail within 1 s."
    assert await send(server.port) == Failed(Reason.TIMED_OUT, retry=True, detail=detail)


async def test_a_mail_that_was_taken_is_delivered_though_the_goodbye_hangs(
    server: MailServerOfTest,
) -> None:
    server.hangs = "QUIT"
    assert isinstance(await send(server.port), Delivered)


@pytest.mark.parametrize("parts", [b"2", b"220-wait\r\n", b"220 mail.example\r\n"])
async def test_a_server_that_trickles_bytes_ends_with_the_limit(parts: bytes) -> None:
    async with odd_server(partial(dripping, parts=parts)) as port:
        assert (await failed(port)).reason in (Reason.TIMED_OUT, Reason.BAD_ANSWER)


async def test_a_greeting_without_end_is_not_read_to_the_end() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"220-" + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with odd_server(talk) as port:
        found = await failed(port)
    assert found.reason in (Reason.BAD_ANSWER, Reason.CONNECTION_LOST) and found.retry


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.IMPLICIT])
async def test_a_server_that_is_silent_ends_with_the_limit(tls: Tls) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with odd_server(talk) as port:
        assert (await failed(port, tls=tls)).reason is Reason.TIMED_OUT


async def test_a_handshake_that_hangs_ends_with_the_limit() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        await reader.readline()
        writer.write(b"250-mail.example\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go on\r\n")
        await asyncio.sleep(60)

    async with odd_server(talk) as port:
        assert (await failed(port, tls=Tls.REQUIRED)).reason is Reason.TIMED_OUT


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.IMPLICIT])
async def test_a_server_that_hangs_is_let_go_with_the_limit(tls: Tls) -> None:
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        try:
            await reader.read()
        finally:
            over.set()

    async with odd_server(talk, tls=tls is Tls.IMPLICIT) as port:
        assert (await failed(port, tls=tls)).reason is Reason.TIMED_OUT
        assert await eventually(over.is_set, within=2.0)


@pytest.mark.parametrize("greeting", [b"", b"220 mail.example\r\n"])
async def test_a_connection_that_is_reset_is_tried_again(greeting: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        if greeting:
            await reader.readline()
        writer.transport.abort()

    async with odd_server(talk) as port:
        found = await failed(port)
    assert found.reason is Reason.CONNECTION_LOST and found.retry


async def test_a_server_that_is_down_is_tried_again() -> None:
    found = await failed(free_port())
    assert found.reason is Reason.UNREACHABLE and found.retry


async def test_the_next_address_is_tried_where_one_takes_no_connection(
    server: MailServerOfTest,
) -> None:
    def ask(host: str, port: int) -> Addresses:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.2", free_port())), (*kind, ("127.0.0.1", port))]

    assert isinstance(await send(server.port, names=Names(ask), host="mail.example"), Delivered)


async def test_a_name_without_address_is_tried_again() -> None:
    def ask(host: str, port: int) -> Addresses:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    found = await failed(25, names=Names(ask), host="mail.example")
    assert found.reason is Reason.NAME_UNKNOWN and found.retry


# --- encryption and login ---------------------------------------------------------------------


@pytest.mark.parametrize("tls", [Tls.WANTED, Tls.REQUIRED])
async def test_starttls_is_used_where_it_is_offered(tls: Tls) -> None:
    async with mail_server(tls=True) as server:
        assert isinstance(await send(server.port, tls=tls), Delivered)
        assert server.tls == [True]


async def test_starttls_is_not_used_where_it_is_off() -> None:
    async with mail_server(tls=True) as server:
        assert isinstance(await send(server.port, tls=Tls.OFF), Delivered)
        assert server.tls == [False]


async def test_without_an_offer_wanted_goes_plain_and_required_goes_nowhere(
    server: MailServerOfTest,
) -> None:
    assert isinstance(await send(server.port, tls=Tls.WANTED), Delivered)
    found = await failed(server.port, tls=Tls.REQUIRED)
    assert found == Failed(Reason.TLS, retry=True, detail="127.0.0.1 offers no STARTTLS.")
    assert len(server.taken) == 1


async def test_a_certificate_that_nobody_vouches_for_is_enough_for_wanted_alone() -> None:
    async with mail_server(tls=True) as server:
        assert isinstance(await send(server.port, tls=Tls.WANTED, ca_file=None), Delivered)
        found = await failed(server.port, tls=Tls.REQUIRED, ca_file=None)
        assert found.reason is Reason.TLS and found.retry and "self-signed" in found.detail
        assert len(server.taken) == 1


async def test_a_certificate_of_another_host_is_not_trusted() -> None:
    def ask(host: str, port: int) -> Addresses:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    for tls, implicit in ((Tls.REQUIRED, False), (Tls.IMPLICIT, True)):
        async with mail_server(tls=not implicit, implicit=implicit) as server:
            found = await failed(server.port, tls=tls, names=Names(ask), host="mail.example")
            assert found.reason is Reason.TLS and "mail.example" in found.detail
            assert server.taken == []


async def test_tls_from_the_first_byte_brings_mail_and_login() -> None:
    async with mail_server(implicit=True) as server:
        found = await send(server.port, tls=Tls.IMPLICIT, user=USER, password=PASSWORD)
        assert isinstance(found, Delivered) and server.logins


async def test_a_login_is_made_behind_starttls() -> None:
    async with mail_server(tls=True) as server:
        found = await send(server.port, tls=Tls.REQUIRED, user=USER, password=PASSWORD)
        assert isinstance(found, Delivered) and server.logins


async def test_a_refused_login_is_told_and_not_tried_again() -> None:
    async with mail_server(tls=True) as server:
        found = await failed(server.port, tls=Tls.REQUIRED, user=USER, password="wrong")
        assert found.reason is Reason.LOGIN_REFUSED and not found.retry
        assert server.taken == []


async def test_a_server_without_login_is_told() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        await reader.readline()
        writer.write(b"250 mail.example\r\n")
        await reader.read()

    async with odd_server(talk, tls=True) as port:
        found = await failed(port, tls=Tls.IMPLICIT, user=USER, password=PASSWORD)
    assert found == Failed(Reason.LOGIN_REFUSED, True, detail="127.0.0.1 offers no login.")


async def test_certificates_that_cannot_be_read_are_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    found = await failed(25, tls=Tls.REQUIRED, ca_file=tmp_path / "ca.pem")
    assert found.reason is Reason.NOT_SENDABLE and found.retry and "ca.pem" in found.detail


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.WANTED])
def test_a_password_is_not_set_for_a_connection_that_others_may_read(tls: Tls) -> None:
    with pytest.raises(ValueError, match="login"):
        MailServer(host="mail.example", sender=SENDER, tls=tls, user=USER, password=PASSWORD)


@pytest.mark.parametrize(
    "wrong", [{"host": ""}, {"host": "é"}, {"port": 0}, {"port": 70_000}, {"sender": "nobody"}]
)
def test_settings_that_can_send_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mail (server|address)"):
        MailServer(**({"host": "mail.example", "sender": SENDER} | wrong))


def test_a_password_is_not_shown() -> None:
    server = MailServer(host="mail.example", sender=SENDER, user=USER, password=PASSWORD)
    assert PASSWORD not in repr(server)


async def test_a_mail_that_cannot_be_written_is_told_and_not_tried_again(
    server: MailServerOfTest,
) -> None:
    mail = Mail(job="17", recipients=("no address",), subject="", text="", at=0.0)
    found = await failed(server.port, mail)
    assert found.reason is Reason.NOT_SENDABLE and not found.retry and "no address" in found.detail
