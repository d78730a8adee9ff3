"""What each field of an agency may be: bounded lengths, forms that can be dialled or sent to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from acd.agencies.agency import Agency
from acd.agencies.hours import are_hours
from acd.numbers.outbound import Barred

Dial = Callable[[str], str | Barred]
"""What to dial for a number, or why it is not dialled."""

LONGEST_NAME = 64
LONGEST_ADDRESS = 128  # of a SIP address
LONGEST_MAIL = 254  # RFC 5321
LONGEST_WEBHOOK = 255
MOST_SERVED = 50  # categories, kecamatan
LONGEST_CHAIN = 10
LONGEST_DEADLINE_S = 30 * 86_400.0
RESERVED = ("anybody", "all_phones")
"""What a step of the overflow plan may name beside an agency (`acd.rules.rules`)."""

ID = re.compile(r"[a-z][a-z0-9_-]{0,19}")
NUMBER = re.compile(r"[0-9]{1,10}")
_DIGITS = re.compile(r"[0-9]{2,15}")
_SIP = re.compile(r"sip:[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def is_address(text: str) -> bool:
    """Whether a text is digits to be dialled, or a SIP address."""
    if len(text) > LONGEST_ADDRESS:
        return False
    return _DIGITS.fullmatch(text) is not None or _SIP.fullmatch(text) is not None


def id_problem(id: str) -> str | None:
    """What is wrong with an id, as a clause; None if nothing is."""
    if not ID.fullmatch(id):
        return "its id must be 1 to 20 small letters, digits, _ or -, beginning with a letter"
    return f"no agency can be called {id}, the overflow plan does" if id in RESERVED else None


def field_problems(one: Agency, dial: Dial) -> Iterator[str]:
    """What is wrong with an agency by itself, one clause each."""
    if not NUMBER.fullmatch(one.number):
        yield f"number {_cut(one.number)} must be 1 to 10 digits, which operators dial for it"
    if not one.name or len(one.name) > LONGEST_NAME or not one.name.isprintable():
        yield f"name must be 1 to {LONGEST_NAME} readable characters"
    yield from _voice_problems("voice", one.voice, dial)
    yield from _voice_problems("fallback", one.fallback, dial)
    if one.mail and not _is_mail(one.mail):
        yield f"mail {_cut(one.mail)} must look like desk@city.go.id"
    if one.webhook and (problem := _webhook_problem(one.webhook)):
        yield f"webhook {_cut(one.webhook)} {problem}"
    if one.hours and not are_hours(one.hours):
        yield f"hours {_cut(one.hours)} are written like 07:00-15:30"
    yield from _served_problems(one)
    if len(one.chain) > LONGEST_CHAIN:
        yield f"chain has more than {LONGEST_CHAIN} contacts"
    for contact in one.chain[:LONGEST_CHAIN]:
        yield from _contact_problems(contact, dial)
    for name, seconds in (("acknowledge_s", one.acknowledge_s), ("report_s", one.report_s)):
        if not 1 <= seconds <= LONGEST_DEADLINE_S:
            yield f"{name} must be between 1 and {LONGEST_DEADLINE_S:.0f} seconds"


def _voice_problems(name: str, address: str, dial: Dial) -> Iterator[str]:
    if not address:
        return
    if not is_address(address):
        yield f"{name} {_cut(address)} is neither 2 to 15 digits nor sip:a@b:5060"
    elif address.isdigit() and isinstance(barred := dial(address), Barred):
        yield (
            f"{name} {address} may not be dialled: {barred.words}; [outbound] of the distribution "
            "file says what may, and numbers = [...] in it lists more"
        )


def _contact_problems(contact: str, dial: Dial) -> Iterator[str]:
    if ID.fullmatch(contact) or _is_mail(contact):
        return  # whether there is such an agency is looked at where all are known
    if is_address(contact):
        yield from _voice_problems("chain:", contact, dial)
    else:
        yield (
            f"chain: {_cut(contact)} is neither an agency's id, a telephone number, a SIP address "
            "nor a mail address"
        )


def _served_problems(one: Agency) -> Iterator[str]:
    for name, served in (("categories", one.categories), ("kecamatan", one.kecamatan)):
        if len(served) > MOST_SERVED:
            yield f"{name} are more than {MOST_SERVED}"
        elif len(set(served)) < len(served):
            yield f"{name} name one twice"
    for category in one.categories[:MOST_SERVED]:
        if not _WORD.fullmatch(category):
            yield f"categories: {_cut(category)} must be 1 to 32 small letters, digits, _ or -"
    for name in one.kecamatan[:MOST_SERVED]:
        if not (name.strip() == name and 0 < len(name) <= LONGEST_NAME and name.isprintable()):
            yield f"kecamatan: {_cut(name)} must be 1 to {LONGEST_NAME} readable characters"
        elif set(name) & {";", ","}:
            yield f"kecamatan: {_cut(name)} must be without ; and ,"


def _is_mail(text: str) -> bool:
    return len(text) <= LONGEST_MAIL and _MAIL.fullmatch(text) is not None and ".." not in text


def _webhook_problem(url: str) -> str | None:
    if len(url) > LONGEST_WEBHOOK:
        return f"is longer than {LONGEST_WEBHOOK}"
    if not (url.isascii() and url.isprintable()) or set(url) & set(' "<>\\^`{|}'):
        return "has signs in it that no address has"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is none
    except ValueError:
        return "is no address"
    if parts.scheme != "https" or not parts.hostname:
        return "must begin with https:// and a host"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "must be without a user, a password and a # part"
    return None


def _cut(text: str) -> str:
    return repr(text[:40])
