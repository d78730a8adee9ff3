"""The doctor's look at phones that are behind a NAT, and are not heard unless the line knows of it.

Asterisk keeps registrations in its own database (res_sorcery_astdb). It writes the address that a
REGISTER came from into the Contact, and leaves the one that the phone has given beside it, as
`x-ast-orig-host` (res_pjsip_nat). Where the two differ, so do, as a rule, those of its audio.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from ngalam112.cli.doctor_links import Check, ok, warning
from ngalam112.config.settings import Settings

_WHAT, _SHOWN = "audio of phones", 5
_CONTACTS = "SELECT value FROM astdb WHERE key LIKE '/registrar/contact/%' LIMIT 10000"
_ADDRESS = re.compile(r"^sips?:([^@;?]*)@(\[[^]]*\]|[^:;?]*).*;x-ast-orig-host=(\[[^]]*\]|[^:;?]*)")


def check_nat(settings: Settings) -> list[Check]:
    """Name the registered phones that give another address than theirs; nothing without a line."""
    file = settings.asterisk_home / "lib" / "astdb.sqlite3"
    if settings.phone_nat or settings.trunk_nat or not file.exists():
        return []
    found = sorted(set(_behind_nat(_contacts(file))))
    if not found:
        return [ok(_WHAT, "no phone has registered from behind a NAT")]
    shown = ", ".join(f"{phone} (says {said}, comes from {true})" for phone, true, said in found)
    if len(found) > _SHOWN:
        shown = ", ".join(one[0] for one in found[:_SHOWN]) + f" and {len(found) - _SHOWN} more"
    return [
        warning(
            _WHAT,
            f"behind a NAT, so nobody hears them: {shown}",
            "set NGALAM112_PHONE_NAT=true and start Asterisk again, or give the phones an address"
            " that the line can reach",
        )
    ]


def _contacts(file: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1.0)) as astdb:
            return [value for (value,) in astdb.execute(_CONTACTS)]
    except sqlite3.Error:
        return []  # Asterisk's own file: what is wrong with it, Asterisk tells


def _behind_nat(contacts: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield phone, its address, and the one that it gives; what is no contact is left out."""
    for text in contacts:
        try:
            contact = json.loads(text)
            given = _ADDRESS.match(str(contact["uri"]))
            phone = str(contact["endpoint"])
        except (ValueError, TypeError, KeyError):
            continue
        if given is not None and given[2] != given[3]:
            yield phone, given[2], given[3]
