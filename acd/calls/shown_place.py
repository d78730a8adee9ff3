"""The place of a citizen in a few words, as a telephone's display has room for. Pure."""

from __future__ import annotations

from acd.calls.record import CallRecord

_LONGEST = 36
_WORTH_TELLING_M = 100.0


def shown_place(record: CallRecord) -> str:
    """Return where the citizen is; "" if that is not known.

    Without the signs that end a quoted name in SIP, whoever wrote the address.
    """
    words = record.place or ""
    if record.kelurahan:
        names = dict.fromkeys(filter(None, (record.kelurahan, record.kecamatan)))
        words = ", ".join(names)
    kept = "".join(one for one in words if one.isprintable() and one not in '"\\<>')
    kept = kept[:_LONGEST].strip()
    if kept and record.radius_m is not None and record.radius_m >= _WORTH_TELLING_M:
        kept += f" +-{record.radius_m / 1000:.1f} km"
    return kept
