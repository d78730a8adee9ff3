"""Renders the templates in `asterisk_conf/` into the configuration folder of one line.

Decides nothing: every value comes from the caller, a name that a template uses and nobody gave is
an error. Files are readable by their owner only (they hold passwords) and change atomically, so
Asterisk never reads half of one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import jinja2


class RenderError(Exception):
    """A template or a value for it cannot be used; the message says which."""


class PhoneAccount(Protocol):
    """What a phone's section needs: number, password, and a fixed contact if it never registers."""

    @property
    def number(self) -> str:
        """Digits; also the SIP user name."""

    @property
    def password(self) -> str:
        """The password, or its digest as `password_digest` makes it."""

    @property
    def contact(self) -> str | None:
        """A SIP URI, or None for a phone that registers."""


NUMBER = re.compile(r"^[0-9]{2,6}\Z")
MEMBERS = "queue_phones.conf"
PASSWORD = re.compile(r"^[A-Za-z0-9_.~+=-]{8,64}\Z")
REALM = "ngalam112"
"""Of all that is asked of whoever speaks SIP to the line; a digest is good for this one only."""
DIGEST = re.compile(r"^MD5:[0-9a-f]{32}\Z")
CONTACT = re.compile(r"^sip:[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?(;transport=(udp|tcp))?\Z")
# ends a line, begins a comment, parts arguments, or stands for something else in Asterisk's files
MEANT_OTHERWISE = re.compile(r"[\x00-\x1f\x7f;,\"\\${}]")


def check_phone(phone: PhoneAccount) -> None:
    """Raise RenderError unless the phone's values are safe in a configuration file and in SIP."""
    if not NUMBER.match(phone.number):
        raise RenderError(f"Phone number {phone.number!r} must be 2 to 6 digits.")
    if not (PASSWORD.match(phone.password) or DIGEST.match(phone.password)):
        raise RenderError(
            f"The password of phone {phone.number} must be 8 to 64 letters, digits or _.~+=- ."
        )
    if phone.contact is not None and not CONTACT.match(phone.contact):
        raise RenderError(
            f"Contact {phone.contact!r} of phone {phone.number} must look like sip:101@host:5060."
        )


def password_digest(number: str, password: str) -> str:
    """Return what is kept instead of a phone's password (RFC 8760, H(A1)); of a digest, itself.

    Whoever reads it can speak for that phone to a line with our realm, but does not learn a
    password that somebody chose and uses elsewhere too.
    """
    if DIGEST.match(password):
        return password
    text = f"{number}:{REALM}:{password}"
    return f"MD5:{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"


@functools.cache  # it keeps what templates were compiled to, and sees when one has changed
def _environment(templates: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML; values are checked instead
    )


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def render(templates: Path, out: Path, values: Mapping[str, object], *, folder: str = "") -> None:
    """Render every template but phones.conf from `templates` into the folder `out`.

    `folder`: those of this folder of `templates` instead, which may include the outer ones.
    """
    for name, value in values.items():
        _check(name, value)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = _environment(templates)
    for template in sorted((templates / folder).glob("*.conf")):
        if template.name != "phones.conf":
            name = str(template.relative_to(templates))
            _write(out / template.name, _filled(environment, name, values))


def render_phones(
    templates: Path,
    out: Path,
    phones: Iterable[PhoneAccount],
    *,
    changing: Callable[[], None] = lambda: None,
) -> None:
    """Render phones.conf, and the phones that the fallback rings: a queue's members, and a list.

    `changing` is called before anything is written, unless all is there already as it should be.
    """
    known = sorted(phones, key=lambda phone: phone.number)
    for phone in known:
        check_phone(phone)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    sections = [
        {
            "number": one.number,
            "digest": password_digest(one.number, one.password),
            "contact": one.contact,
        }
        for one in known
    ]
    texts = {
        out / "phones.conf": _filled(_environment(templates), "phones.conf", {"phones": sections}),
        out / "phones.list": "".join(f"{phone.number}\n" for phone in known),
        out / MEMBERS: _members(phone.number for phone in known),
    }
    if all(path.exists() and path.read_text() == text for path, text in texts.items()):
        return
    changing()
    for path, text in texts.items():
        _write(path, text)


def render_missing_members(out: Path) -> None:
    """Make the phones that were rendered by an earlier version members of the fallback's queue."""
    listed = out / "phones.list"
    if listed.exists() and not (out / MEMBERS).exists():
        _write(out / MEMBERS, _members(listed.read_text().split()))


def _members(numbers: Iterable[str]) -> str:
    return "[fallback](+)\n" + "".join(f"member = PJSIP/{number}\n" for number in numbers)


def render_agencies(out: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Write agencies.list, which the fallback rings: rows of number, hours (UTC), dial string."""
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, text = out / "agencies.list", "".join("|".join(row) + "\n" for row in rows)
    if not path.exists() or path.read_text() != text:
        _write(path, text)


def render_banned(out: Path, addresses: Iterable[str]) -> bool:
    """Write banned.conf, whose addresses Asterisk serves nothing; returns whether it changed."""
    rows = [f"deny = {address}\n" for address in addresses]
    text = "".join(["[banned]\ntype = acl\n", *rows]) if rows else ""
    path = out / "banned.conf"
    if (path.read_text() if path.exists() else "") == text:
        return False
    _write(path, text)
    return True


def _check(name: str, value: object) -> None:
    for one in value if isinstance(value, list) else [value]:
        if sign := MEANT_OTHERWISE.search(str(one)):
            raise RenderError(
                f"{name} = {one!r} cannot be told to Asterisk: it must not contain {sign[0]!r}."
            )


def _filled(environment: jinja2.Environment, name: str, values: Mapping[str, object]) -> str:
    try:
        return environment.get_template(name).render(values)
    except jinja2.TemplateError as error:
        raise RenderError(f"asterisk_conf/{name} cannot be rendered: {error}.") from None
