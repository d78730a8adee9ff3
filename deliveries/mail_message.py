"""Writes the mail that brings a report to an agency, or to supervisors (RFC 5322). Pure.

Texts come from citizens and operators: nothing in them becomes a header, and none is without end.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

import msgspec

from deliveries.attempt import shown

LONGEST_SUBJECT = 150  # characters
LONGEST_TEXT = 20_000
MOST_RECIPIENTS = 20
_CUT = "\n[...]\n"
_JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*")
# quoted-printable and ASCII headers: every server takes them
_POLICY = policy.SMTP.clone(cte_type="7bit")


class MailError(ValueError):
    """A mail cannot be written; the message says why."""


class Attachment(msgspec.Struct, frozen=True):
    """A page of HTML beside the text. `name`: of the file: letters, digits, `.`, `_` and `-`."""

    name: str
    html: str


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One job's mail. All of it stays the same at every attempt.

    `job`: its id, 1 to 64 letters, digits, `-` or `_`; the Message-ID is made of it. `recipients`:
    addresses, all of whom see each other. `at`: when it was written, in seconds since 1970.
    """

    job: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    at: float
    attachments: tuple[Attachment, ...] = ()


def check_address(address: str) -> str:
    """Return a mail address of plain form, `name@host` in ASCII; raises MailError for any other."""
    if len(address) > 254 or not _ADDRESS.fullmatch(address) or address.find("@") > 64:
        raise MailError(f"{shown(address, 60)!r} is no mail address of the form name@host.")
    return address


def compose(mail: Mail, sender: str, sender_name: str) -> bytes:
    """Return the message as it is sent, in ASCII with CRLF; raises MailError.

    Subject and text are cut at their limits, and lose their control characters.
    """
    if not _JOB.fullmatch(mail.job):
        raise MailError("A mail's job has an id of 1 to 64 letters, digits, - or _.")
    if not 1 <= len(mail.recipients) <= MOST_RECIPIENTS:
        raise MailError(f"A mail has 1 to {MOST_RECIPIENTS} recipients.")
    message = EmailMessage(policy=_POLICY)
    name = shown(sender_name, 60)
    message["From"] = Address(display_name=name, addr_spec=check_address(sender))
    message["To"] = [Address(addr_spec=check_address(one)) for one in mail.recipients]
    message["Subject"] = shown(mail.subject, LONGEST_SUBJECT)
    message["Date"] = datetime.fromtimestamp(mail.at, UTC)
    message["Message-ID"] = f"<job-{mail.job}@{sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence note comes back
    message.set_content(_plain(mail.text), cte="quoted-printable")
    for one in mail.attachments:
        if not _FILE.fullmatch(one.name):
            raise MailError("An attached file is named by letters, digits, '.', '_' and '-'.")
        content = one.html.encode("utf-8", "replace")
        message.add_attachment(content, "text", "html", filename=one.name, cte="base64")
    if mail.attachments:
        message.set_boundary(f"=_job-{mail.job}")  # not a random one: a retry is the same mail
    return message.as_bytes()


def _plain(text: str) -> str:
    """Text in lines, without control characters and halves of characters."""
    cut = text[:LONGEST_TEXT] + (_CUT if len(text) > LONGEST_TEXT else "")
    lines = cut.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("".join(_sign(one) for one in line) for line in lines)


def _sign(one: str) -> str:
    if one == "\t" or one.isprintable():
        return one
    # what joins signs (Cf) is needed for some scripts; what turns their direction is not
    return one if one in "\u200c\u200d" else " "
