"""Who calls: whether two calls come from the same telephone number, however it is written.

A carrier writes one number as +62812..., 62812..., 0062812... or 0812... by turns, and `anonymous`,
`unknown`, nothing or zeros for each caller who withholds it. So numbers are compared here and
nowhere else, by libphonenumber. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

COUNTRY = "ID"
"""Where a number without a country code is from, unless a line says otherwise (ISO 3166)."""

# RFC 3966 visual separators, and blanks
_SEPARATORS = str.maketrans("", "", "-.() ")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_REMEMBERED = 4096
_TAIL = 7  # digits that all spellings of a number end with


def known_country(code: str) -> bool:
    """Whether libphonenumber knows the numbers of this country (ISO 3166, such as ID)."""
    return code in phonenumbers.SUPPORTED_REGIONS


def without_separators(text: str) -> str:
    """Return a number without visual separators and parameters (`;cpc=ordinary`, RFC 3966)."""
    return text.partition(";")[0].translate(_SEPARATORS)


def tail_of(number: str) -> str:
    """Return the last signs of a number, which all its spellings share: to find, and no proof.

    Other numbers may end so as well; `same_caller` tells them apart, and costs far more.
    """
    tail = number[-_TAIL:]
    if tail.isdigit() and ";" not in number:
        return tail  # as of nearly all
    return without_separators(number)[-_TAIL:]


def digits_of(text: str) -> str:
    """Return a telephone number `without_separators`: digits, perhaps after a +.

    What is no telephone number as a whole, such as `anonymous`, `warga110` or `*16`, gives "", and
    so do numbers of zeros only.
    """
    found = without_separators(text)
    return found if _NUMBER.fullmatch(found) and found.strip("+0") else ""


def parsed(number: str, country: str) -> PhoneNumber | None:
    """Return what libphonenumber makes of a number as `digits_of` gives it; None: nothing."""
    if number.startswith("00"):
        # the + of ITU-T E.123, written as digits; no number of a country begins so
        number = "+" + number[2:]
    try:
        return phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None


def in_all_spellings(number: str, country: str = COUNTRY) -> str:
    """Return the digits that all spellings of a whole telephone number hold; "" if it is no whole.

    Such as 81234567890, which is in 081234567890 and in +6281234567890.
    """
    digits = digits_of(number)
    found = parsed(digits, country) if digits else None
    if found is None or not phonenumbers.is_valid_number(found):
        return ""
    return phonenumbers.national_significant_number(found)


@lru_cache(_REMEMBERED)
def same_caller(number: str, country: str = COUNTRY) -> str | None:
    """Return a key that all spellings of one telephone number share, and no other number has.

    None: nobody can tell who that is (withheld, or no telephone number), so it is the same caller
    as no other call. `number` as a call record has it; `country` as in `COUNTRY`.
    """
    digits = digits_of(number)
    if not digits:
        return None
    found = parsed(digits, country)
    return digits if found is None else phonenumbers.format_number(found, PhoneNumberFormat.E164)
