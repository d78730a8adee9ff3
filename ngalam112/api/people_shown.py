"""People and tokens as JSON has them: nothing by which anybody could become somebody."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from ngalam112.accounts.people import Person, Token
from ngalam112.api.queries import Answer, with_times


def shown_people(people: Iterable[Person], zone: ZoneInfo) -> list[Answer]:
    """Return people by their ids; `has_pin`: whether they can listen by `*19`."""
    rows = []
    for one in sorted(people, key=lambda one: one.id):
        row = with_times(msgspec.to_builtins(one), zone)
        row["has_pin"] = row.pop("pin_hash") is not None
        rows.append(row)
    return rows


def shown_tokens(tokens: Iterable[Token], zone: ZoneInfo, now: float) -> list[Answer]:
    """Return tokens by whose they are, the newest first, each with its state."""
    rows = []
    for one in sorted(tokens, key=lambda one: (one.person, -one.made_at, one.id)):
        row = with_times(msgspec.to_builtins(one), zone) | {"state": one.state(now)}
        del row["digest"]
        rows.append(row)
    return rows
