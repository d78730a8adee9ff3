"""Mails as they are written: whatever is in the texts, only the known headers are there."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.mail_message import (
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    MOST_RECIPIENTS,
    Attachment,
    Mail,
    MailError,
    check_address,
    compose,
)

SENDER = "lapor@112.example"
HEADERS = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
}


def mail(subject: str = "Kebakaran", text: str = "Rumah terbakar.", job: str = "17") -> Mail:
    return Mail(
        job=job, recipients=("a@pmi.example",), subject=subject, text=text, at=1_790_000_000
    )


def read(written: bytes) -> EmailMessage:
    found = message_from_bytes(written, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_the_headers_say_who_whom_when_and_that_a_machine_wrote() -> None:
    found = read(compose(mail(), SENDER, "Ngalam 112"))
    assert {name.lower() for name in found} == HEADERS
    assert found["From"] == "Ngalam 112 <lapor@112.example>"
    assert found["To"] == "a@pmi.example"
    assert found["Date"] == "Mon, 21 Sep 2026 14:13:20 +0000"
    assert found["Message-ID"] == "<job-17@112.example>"
    assert found["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "text", ["x\r\nBcc: all@evil.example", "x\nBcc: y", "x\rBcc: y", "x\u2028Bcc: y", "x\x0bBcc: y"]
)
def test_a_line_end_in_a_subject_or_name_makes_no_header(text: str) -> None:
    found = read(compose(mail(subject=text), SENDER, text))
    assert {name.lower() for name in found} == HEADERS
    assert "Bcc" in found["Subject"]


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=100))
def test_any_text_arrives_in_ascii_lines_and_changes_no_header(
    subject: str, text: str, name: str
) -> None:
    written = compose(mail(subject=subject, text=text), SENDER, name)
    assert written.isascii() and b"\0" not in written
    lines = written.split(b"\r\n")
    assert all(len(line) <= 998 and not set(line) & set(b"\r\n") for line in lines)
    found = read(written)
    assert {header.lower() for header in found} == HEADERS
    assert found["To"] == "a@pmi.example" and found["From"].addresses[0].addr_spec == SENDER
    assert len(found["Subject"]) <= LONGEST_SUBJECT


@pytest.mark.parametrize("text", ["Kebakaran di Klojen", "ꦩꦭꦁ 火事 🔥", "x" * LONGEST_SUBJECT])
def test_a_subject_and_a_text_arrive_as_they_were_written(text: str) -> None:
    found = read(compose(mail(subject=text, text=f"{text}\n.\n\tFrom {text}"), SENDER, ""))
    assert found["Subject"] == text
    assert found.get_content().splitlines() == [text, ".", f"\tFrom {text}"]


def test_what_turns_the_direction_of_a_text_does_not_arrive() -> None:
    found = read(compose(mail(subject="a\u202eb", text="a\u202eb\x1b[31m\ud800"), SENDER, ""))
    assert found["Subject"] == "a b" and found.get_content().splitlines() == ["a b [31m "]


def test_a_text_without_end_is_cut_and_says_so() -> None:
    found = read(compose(mail(subject="s" * 9999, text="t" * 999_999), SENDER, "n" * 9999))
    assert found["Subject"] == "s" * LONGEST_SUBJECT
    assert found.get_content().splitlines() == ["t" * LONGEST_TEXT, "[...]"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b.example",
        "a@b@c.example",
        "a b@c.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example, x@y.example",
        "<a@b.example>",
        '"a b"@c.example',
        "a@-b.example",
        "a@b..example",
        ".a@b.example",
        "é@b.example",
        "a@é.example",
        "a" * 65 + "@b.example",
        "a@" + "b." * 200 + "example",
    ],
)
def test_an_address_of_no_plain_form_is_refused(address: str) -> None:
    with pytest.raises(MailError, match="no mail address"):
        check_address(address)


@pytest.mark.parametrize("address", ["a@b.example", "a.b+c@d-e.example", "x@localhost"])
def test_a_plain_address_is_taken(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize("job", ["", "a b", "17>", "17\r\n", "x" * 65, "é"])
def test_a_job_that_makes_no_message_id_is_refused(job: str) -> None:
    with pytest.raises(MailError, match="job"):
        compose(mail(job=job), SENDER, "")


@pytest.mark.parametrize("count", [0, MOST_RECIPIENTS + 1])
def test_nobody_and_too_many_are_refused(count: int) -> None:
    many = Mail(job="17", recipients=("a@b.example",) * count, subject="", text="", at=0.0)
    with pytest.raises(MailError, match="recipients"):
        compose(many, SENDER, "")


def test_a_page_goes_along_as_a_file_and_a_retry_is_the_same_mail() -> None:
    page = Attachment("summary_2026-11-23.html", "<!doctype html><p>é</p>")
    one = msgspec.structs.replace(mail(), attachments=(page,))
    assert compose(one, SENDER, "112") == compose(one, SENDER, "112")
    found = read(compose(one, SENDER, "112"))
    (attached,) = found.iter_attachments()
    assert attached.get_content_type() == "text/html"
    assert attached.get_filename() == "summary_2026-11-23.html"
    assert attached.get_payload(decode=True) == page.html.encode()
    body = found.get_body()
    assert body is not None and "Rumah terbakar." in body.get_content()


@pytest.mark.parametrize("name", ["", "../a.html", "a b.html", "a\n.html", ".a", "a" * 200])
def test_a_file_of_another_name_is_refused(name: str) -> None:
    one = msgspec.structs.replace(mail(), attachments=(Attachment(name, "x"),))
    with pytest.raises(MailError):
        compose(one, SENDER, "112")
