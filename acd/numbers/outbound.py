"""Which numbers the line may dial: one policy, as data, for callbacks and for agencies' numbers.

Whoever forges the number of a call to 112 would else choose what an operator's *16 dials, at the
city's cost: premium services, satellites, or an order to the network (*21*...#). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec
import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from acd.numbers.caller import COUNTRY, digits_of, known_country, parsed, without_separators

MOST_A_DAY = 100_000

_EMERGENCY = "emergency"
_KINDS: Mapping[str, tuple[int, ...]] = {
    "fixed": (PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    "mobile": (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    "toll_free": (PhoneNumberType.TOLL_FREE,),
    _EMERGENCY: (),
    "company": (PhoneNumberType.UAN,),
    "shared_cost": (PhoneNumberType.SHARED_COST,),
    "voip": (PhoneNumberType.VOIP,),
    "personal": (PhoneNumberType.PERSONAL_NUMBER,),
}
# ITU-T E.164: Inmarsat, global mobile satellites, and two codes of networks that satellites share
_SATELLITES = (870, 881, 882, 883)
_EXCLUDED = re.compile(r"\+[0-9]{1,15}")
_LISTED = re.compile(r"\+?[0-9]{3,15}")
_CODE = re.compile(r"[0-9+]*[*#][0-9+*#]*")


class Barred(StrEnum):
    """Why a number is not dialled; the log has the value, people get the words."""

    NO_NUMBER = "no_number"
    CODE = "code"
    OWN = "own"
    UNKNOWN = "unknown"
    PREMIUM = "premium"
    SATELLITE = "satellite"
    EXCLUDED = "excluded"
    COUNTRY = "country"
    KIND = "kind"
    NUMBER_OFTEN = "number_often"
    OPERATOR_OFTEN = "operator_often"
    LINE_OFTEN = "line_often"

    @property
    def words(self) -> str:
        """A clause that continues "it may not be dialled:"."""
        return _WORDS[self]

    @property
    def is_limit(self) -> bool:
        """Whether the number as such may be dialled, but has been, or others have, too often."""
        return self in (Barred.NUMBER_OFTEN, Barred.OPERATOR_OFTEN, Barred.LINE_OFTEN)


_WORDS = {
    Barred.NO_NUMBER: "it is no telephone number",
    Barred.CODE: "it holds * or #, an order to the network",
    Barred.OWN: "it is the line's own number",
    Barred.UNKNOWN: "no such number is known to be in use",
    Barred.PREMIUM: "it is a premium-rate number",
    Barred.SATELLITE: "it is a satellite number",
    Barred.EXCLUDED: "it is excluded by [outbound] never",
    Barred.COUNTRY: "it is a number of another country",
    Barred.KIND: "its kind is not in [outbound] kinds",
    Barred.NUMBER_OFTEN: "it was called back too often within a day",
    Barred.OPERATOR_OFTEN: "the operator has called back too often within a day",
    Barred.LINE_OFTEN: "the line has called back too often within a day",
}


class Outbound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy. A number is dialled if its kind is one of `kinds` and its country is the line's
    or one of `countries` (ISO 3166), or if it is one of `numbers`.

    `never`: begins of international numbers (such as +62868) that are dialled in no case, and so
    are `*`, `#`, premium-rate and satellite numbers, and the line's own. Limits within any 24
    hours, of callbacks only, for an agency is always called: `a_day_number` to one number,
    `a_day_operator` of one operator, `a_day` of the line.
    """

    kinds: tuple[str, ...] = ("fixed", "mobile", "toll_free", _EMERGENCY)
    countries: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    never: tuple[str, ...] = ("+62868",)
    a_day_number: int = 10
    a_day_operator: int = 300
    a_day: int = 3000

    def dial_string(self, number: str, country: str = COUNTRY, own: str = "") -> str | Barred:
        """Return what to dial for a number, digits perhaps after a +, or why it is not dialled.

        `country`: the line's (ISO 3166). `own`: the number that citizens dial.
        """
        digits = digits_of(number)
        if not digits:
            is_code = _CODE.fullmatch(without_separators(number))
            return Barred.CODE if is_code else Barred.NO_NUMBER
        telephone = parsed(digits, country)
        if (barred := self._in_no_case(digits, telephone, own)) is not None:
            return barred
        if digits in self.numbers:
            return digits
        if shortnumberinfo.is_emergency_number(digits, country):
            return digits if _EMERGENCY in self.kinds else Barred.KIND
        if telephone is None or not phonenumbers.is_valid_number(telephone):
            return Barred.UNKNOWN
        region = phonenumbers.region_code_for_number(telephone)
        if region != country and region not in self.countries:
            return Barred.COUNTRY
        kind = phonenumbers.number_type(telephone)
        if not any(kind in _KINDS[one] for one in self.kinds):
            return Barred.KIND
        if digits.startswith("0") and not digits.startswith("00"):
            return digits  # as carriers of the country write it
        # what is dialled must be what was judged: 0062... and 62... mean it only to some
        return phonenumbers.format_number(telephone, PhoneNumberFormat.E164)

    def _in_no_case(self, digits: str, telephone: PhoneNumber | None, own: str) -> Barred | None:
        if own and digits.lstrip("+") == own:
            return Barred.OWN
        if telephone is None:
            return None
        if telephone.country_code in _SATELLITES:
            return Barred.SATELLITE
        if phonenumbers.number_type(telephone) == PhoneNumberType.PREMIUM_RATE:
            return Barred.PREMIUM
        whole = phonenumbers.format_number(telephone, PhoneNumberFormat.E164)
        return Barred.EXCLUDED if whole.startswith(self.never) else None


def outbound_problems(outbound: Outbound) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    for kind in outbound.kinds:
        if kind not in _KINDS:
            yield f"outbound, kinds: {kind!r} is none of {', '.join(_KINDS)}"
    for country in outbound.countries:
        if not known_country(country):
            yield f"outbound, countries: {country!r} is no country (ISO 3166), such as ID"
    for number in outbound.numbers:
        if not _LISTED.fullmatch(number):
            yield f"outbound, numbers: {number!r} must be 3 to 15 digits, perhaps after a +"
    for begin in outbound.never:
        if not _EXCLUDED.fullmatch(begin):
            yield f"outbound, never: {begin!r} must be the begin of a number such as +62868"
    limits = {
        "a_day_number": outbound.a_day_number,
        "a_day_operator": outbound.a_day_operator,
        "a_day": outbound.a_day,
    }
    for name, limit in limits.items():
        if not 1 <= limit <= MOST_A_DAY:
            yield f"outbound, {name} must be between 1 and {MOST_A_DAY}"
