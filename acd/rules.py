"""The rules of distribution as data: times, and what a category means for its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a category means for a call.

    `label` is for the operator's display. `head_start_s` is the priority: a call is served as if it
    had arrived so many seconds earlier, so it passes others but never one that has waited that much
    longer. `strategy` names who gets the call (`acd.strategies`). `wrap_up_s`: work after the call,
    if other than the line's.
    """

    label: str
    head_start_s: float = 0.0
    strategy: str = "longest-idle"
    wrap_up_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The rules of one line; times in seconds.

    `preferred_s`: for how long a caller who calls again gets the operator of the last talk, if that
    one is free.
    """

    ring_timeout_s: float = 12.0
    wrap_up_s: float = 10.0
    preferred_s: float = 0.0
    categories: Mapping[str, Category] = field(default_factory=dict)

    def category(self, name: str | None) -> Category:
        """What a category means; one that is not in the data has its name as label."""
        return self.categories.get(name or "") or Category((name or "112").upper())

    def wrap_up(self, category: str | None) -> float:
        """How long the work after a call of this category takes."""
        own = self.category(category).wrap_up_s
        return self.wrap_up_s if own is None else own
