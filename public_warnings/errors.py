"""The error of this package, and how texts of others are made fit to show."""

from __future__ import annotations


class WarningError(Exception):
    """A list or a warning cannot be used; the message is one sentence that says why."""


def readable(text: str, longest: int) -> str:
    """Text of somebody else on one line, without control signs, cut: safe to keep and to show."""
    cut = text[: 4 * longest]
    return " ".join("".join(one if one.isprintable() else " " for one in cut).split())[:longest]
