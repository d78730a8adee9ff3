"""The languages of citizens: which one is wanted, and how a prompt in it is named.

A language is two or three small letters (ISO 639). Nothing here raises: what a caller or a trunk
says of languages is hostile text.
"""

from __future__ import annotations

import re
from collections.abc import Collection

OWN_LANGUAGE = "id"
"""The line's own language, in which all operators work; a call has it until another is known."""

LANGUAGE = re.compile(r"[a-z]{2,3}")
MOST_RANGES = 20
"""So many language ranges of a header are read, and no more."""

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")
_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def primary(tag: str) -> str:
    """Return the language of a tag: en-GB and en_US are en, for who speaks one understands both."""
    return tag.lower().replace("_", "-").partition("-")[0]


def accepted(said: str, spoken: Collection[str]) -> str | None:
    """Return which of the languages `spoken` an Accept-Language header wants most; None for none.

    `said`: the header's language ranges (RFC 3261, 20.3; RFC 9110, 12.5.4), with `/` or `,` between
    them, as the dialplan hands them over. What is no range is passed over; of two that are wanted
    alike, the first counts.
    """
    best, wanted = None, 0.0
    for one in said.replace("/", ",").split(",", MOST_RANGES)[:MOST_RANGES]:
        tag, _, parameter = one.replace(" ", "").partition(";")
        found = _TAG.fullmatch(tag)
        quality = _QUALITY.fullmatch(parameter.lower()) if parameter else None
        if found is None or (parameter and quality is None):
            continue
        language = found[1].lower()
        weight = 1.0 if quality is None else float(quality[1])
        if language in spoken and weight > wanted:
            best, wanted = language, weight
    return best


def in_language(prompt: str, language: str) -> str:
    """Return the name by which the switch knows a prompt in a language: `en/menu`, or `menu`.

    One that has its folder already stays what it is.
    """
    return prompt if language == OWN_LANGUAGE or "/" in prompt else f"{language}/{prompt}"
