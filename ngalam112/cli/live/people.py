"""What the board shows of the operators: who does what, since when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ngalam112.cli.live.view import Column, Row, Snapshot, Span, cells, clock, fitted
from ngalam112.cli.live.words import Words

_WIDE = 80
"""From so many cells on, also how many calls each has taken."""
_BUSY = {"offered": "cyan", "talking": "cyan", "holding": "cyan", "calling": "cyan"}


def people(snapshot: Snapshot, words: Words, width: int, rows: int, selected: str) -> list[Row]:
    """Return at most so many lines of so many cells: a head, and the operators around the selected.

    Whoever is selected is always among them.
    """
    found, counts = snapshot["people"], snapshot["operators"]["status"]
    head = "  ".join(
        [words("operators"), *(f"{counts.get(one, 0)} {words(one)}" for one in _STATUSES)]
    )
    lines: list[Row] = [[Span(fitted(head, width), "bold")]]
    if not found:
        lines.append([Span(fitted(words("no_operators"), width), "dim")])
    room = max(0, rows - 1)
    begin, shown = _window(found, selected, room)
    if len(found) > shown:
        shown -= 1
    for one in found[begin : begin + shown]:
        lines.append(_person(one, words, width, chosen=one["id"] == selected))
    if rest := len(found) - shown:
        lines.append([Span(fitted(words("more", n=rest), width), "dim")])
    return lines[:rows]


_STATUSES = ("ready", "paused", "logged_out")


def _window(found: Sequence[Mapping[str, Any]], selected: str, room: int) -> tuple[int, int]:
    """From which one on how many are shown; one line less where some are left out."""
    if len(found) <= room:
        return 0, len(found)
    at = next((n for n, one in enumerate(found) if one["id"] == selected), 0)
    most = max(1, room - 1)
    return max(0, min(at - most // 2, len(found) - most)), room


def _person(one: Mapping[str, Any], words: Words, width: int, *, chosen: bool) -> Row:
    wide = width >= _WIDE
    tail = (Column(12, right=True), Column(12)) if wide else ()
    fixed = 1 + 5 + 7 + 9 + 5 + sum(column.width + 1 for column in tail)
    rest = max(10, width - fixed)
    name = max(5, rest - 13) if rest < 30 else min(24, rest // 2)
    does = min(26, rest - name)
    columns = (
        *(Column(1), Column(5), Column(name), Column(does)),
        *(Column(7, right=True), Column(9), *tail),
    )
    texts = [
        *(">" if chosen else "", one["id"], one["name"], _does(one, words)),
        *(clock(one["for_s"]), _phone(one, words)),
    ]
    if wide:
        texts += [
            words("taken", n=one["calls_taken"]),
            words("writes") if one["text"] else "",
        ]
    style = _style(one)
    return [
        Span(fitted(cells(texts, columns), width), f"{style} reverse".strip() if chosen else style)
    ]


def _does(one: Mapping[str, Any], words: Words) -> str:
    status, state = one["status"], one["state"]
    if status == "logged_out" and state == "idle":
        return words("out")
    if status == "paused":
        if state != "idle":
            return words("then_pause", state=words(state))
        reason = one["pause_reason"]
        return words("pause_for", reason=reason) if reason else words("pause")
    return words(state)


def _phone(one: Mapping[str, Any], words: Words) -> str:
    phone = one["phone"]
    if phone is None:
        return "" if one["status"] == "logged_out" else words("no_phone")
    return words("unreachable", phone=phone) if one["device"] == "unreachable" else str(phone)


def _style(one: Mapping[str, Any]) -> str:
    if one["device"] == "unreachable" and one["status"] == "ready":
        return "bold red"
    if one["state"] in _BUSY:
        return _BUSY[one["state"]]
    if one["state"] == "wrap_up":
        return "magenta"
    return {"ready": "green", "paused": "yellow"}.get(one["status"], "dim")
