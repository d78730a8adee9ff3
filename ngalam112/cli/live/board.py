"""What the board shows of a view, line by line, at any size of a screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len

from ngalam112.cli.live.people import people
from ngalam112.cli.live.view import (
    Column,
    Row,
    Snapshot,
    Span,
    View,
    cells,
    clock,
    fitted,
    time_of_day,
)
from ngalam112.cli.live.words import Words

WALL = 40
"""From so many lines on there is room for more than what matters most."""
NUMBERED = 9
"""So many calls of the queue have a number, by which a supervisor names them."""
_GAP = 2
_ALARM, _SILENT = "bold white on red", "bold black on yellow"
_ACKNOWLEDGED = "red"


def board(view: View, words: Words, width: int, height: int) -> list[Row]:
    """Return exactly `height` lines, each of exactly `width` cells."""
    lines = list(_top(view, words, width, height))
    if view.snapshot is not None:
        bottom = list(_bottom(view.snapshot, words, height))
        rows = max(0, height - len(lines) - len(bottom) - 1)
        lines += [[], *_middle(view, view.snapshot, words, width, rows), *bottom]
    lines = lines[:height] + [[] for _ in range(height - len(lines))]
    return [_filled(one, width) for one in lines]


def _filled(row: Row, width: int) -> Row:
    filled: Row = []
    for text, style in row:
        took = min(cell_len(text), width)
        filled.append(Span(fitted(text, took), style))
        width -= took
    if width:
        filled.append(Span(" " * width, row[0].style if len(row) == 1 else ""))
    return filled


def _top(view: View, words: Words, width: int, height: int) -> Iterator[Row]:
    snapshot = view.snapshot
    yield [Span(_title(view, words, width), "reverse")]
    if view.silent_since:
        said = words("no_answer", at=view.silent_since)
        if snapshot is not None:
            said += " " + words("old", at=time_of_day(snapshot["at"]))
        yield [Span(said, _SILENT)]
    elif snapshot is None:
        yield [Span(words("connecting"))]
    if view.replay is not None:
        return
    alarms = list(_alarms(view, words))
    most = 8 if height >= WALL else 3
    if len(alarms) > most:
        more = words("more_alarms", n=len(alarms) - most + 1)
        alarms[most - 1 :] = [Span(more, alarms[most - 1].style)]
    for one in alarms:
        yield [one]
    if not alarms and snapshot is not None and not view.silent_since:
        yield [Span(words("no_alarm"), "green")]


def _alarms(view: View, words: Words) -> Iterator[Span]:
    """Those that nobody has acknowledged first."""
    shown = [key for key in view.alarms if key != "engine" or not view.silent_since]
    for key in sorted(shown, key=lambda key: key in view.acknowledged):
        said = f"{words('alarm')} {words.alarm(key, view.alarms[key])}"
        if key in view.acknowledged:
            by = words("acknowledged", by=view.acknowledged[key])
            yield Span(f"{said} ({by})", _ACKNOWLEDGED)
        else:
            yield Span(said, _ALARM)


def _title(view: View, words: Words, width: int) -> str:
    """The parts of the first line, as many as there is room for."""
    snapshot, replay = view.snapshot, view.replay
    if replay is not None:
        at = replay.at
        said = (
            words("replay_over", at=at)
            if replay.over
            else words("replay", at=at, speed=replay.speed)
        )
        return f" {words('line')}  {said}"
    if snapshot is None:
        return f" {words('line')}"
    engine, load = snapshot["engine"], snapshot["load"]
    links = [
        f"{name} {words('up' if engine[key] else 'down')}"
        for key, name in (("ari", "ARI"), ("ami", "AMI"), ("database", words("database")))
    ]
    level = load["level"]
    last = snapshot["last_call_s"]
    parts = [
        f" {words('line')}  {time_of_day(snapshot['at'])}",
        words("engine", up=clock(engine["uptime_s"])),
        ", ".join(links),
        words("no_call") if last is None else words("last_call", ago=clock(last)),
        words("load_normal") if level == "normal" else words("load", level=level),
        words("traffic", cps=load["cps"], channels=load["channels"], door=load["at_door"]),
    ]
    if engine["backlog"] and not engine["database"]:
        parts.append(words("behind", n=engine["backlog"]))
    while len(parts) > 1 and cell_len("  ".join(parts)) > width:
        parts.pop()
    return "  ".join(parts)


def _middle(view: View, snapshot: Snapshot, words: Words, width: int, rows: int) -> Iterator[Row]:
    """The queue on the left, the operators on the right."""
    left_width = min(70, max(30, width * 2 // 5 if width >= 100 else 30))
    right_width = max(0, width - left_width - _GAP)
    left = list(_queue(snapshot, words, left_width, rows))
    right = people(snapshot, words, right_width, rows, view.selected)
    for n in range(rows):
        begin = left[n] if n < len(left) else []
        end = right[n] if n < len(right) else []
        yield [*_filled(begin, left_width), Span(" " * _GAP), *end]


def _queue(snapshot: Snapshot, words: Words, width: int, rows: int) -> Iterator[Row]:
    queue = snapshot["queue"]
    name, count, longest = (
        words("queue"),
        f"{queue['length']} {words('waiting')}",
        clock(queue["longest_wait_s"]) if queue["length"] else "",
    )
    columns = (Column(width - 20), Column(11, right=True), Column(7, right=True))
    yield [Span(cells((name, count, longest), columns), "bold")]
    found = snapshot["categories"]
    if not found:
        yield [Span(words("nobody_waits"), "dim")]
    most = max(2, rows // 2 - 1)
    for one in found[:most]:
        shown = (
            one["category"] or words("no_category"),
            str(one["waiting"]),
            clock(one["longest_wait_s"]),
        )
        yield [Span(cells(shown, columns), _of_wait(one["longest_wait_s"]))]
    if len(found) > most:
        yield [Span(words("more", n=len(found) - most), "dim")]
    yield from _next(snapshot, words, width)


def _next(snapshot: Snapshot, words: Words, width: int) -> Iterator[Row]:
    """The first of the queue, in the order of service; calls with their numbers."""
    if snapshot["waiting"]:
        yield []
        yield [Span(words("next"), "bold")]
    caller = 13 if width < 50 else 30
    columns = (Column(1), Column(width - caller - 10), Column(caller), Column(6, right=True))
    for n, one in enumerate(snapshot["waiting"], 1):
        is_call = one["kind"] == "call"
        number = str(n) if n <= NUMBERED and is_call else ""
        who = one["caller"] if is_call else _kind(one, words)
        shown = (number, one["category"] or words("no_category"), who, clock(one["wait_s"]))
        yield [Span(cells(shown, columns), _of_wait(one["wait_s"]) if is_call else "")]


def _kind(one: dict[str, Any], words: Words) -> str:
    said = (
        words(f"kind_{one['kind']}")
        if one["kind"] in ("callback", "verification", "text")
        else one["kind"]
    )
    return f"{said} {one['caller']}".strip()


def _of_wait(seconds: float) -> str:
    if seconds > 20:
        return "bold red"
    return "yellow" if seconds > 10 else ""


def totals_in_words(snapshot: Snapshot, words: Words) -> list[str]:
    """Return the totals of a replay; the parts of those offered add up to them."""
    totals = snapshot["totals"]
    lost = sum(count for name, count in totals.items() if name.startswith("lost_"))
    first, _, second = words("totals", lost=lost, **totals).partition(" | ")
    return [first, second, words("within", **snapshot["within"])]


def _bottom(snapshot: Snapshot, words: Words, height: int) -> Iterator[Row]:
    yield []
    if "totals" in snapshot:
        for one in totals_in_words(snapshot, words):
            yield [Span(one)]
        return
    if refused := snapshot["trunk_refused"]:
        yield [Span(words("refused", n=refused), "yellow")]
    jobs = snapshot["callbacks"]
    age = clock(jobs["oldest_s"])
    said = words("callbacks", n=jobs["open"], age=age) if jobs["open"] else words("no_callbacks")
    yield [Span(said, "yellow" if jobs["open"] else "")]
    yield from _untold(snapshot, words, height)
    warnings = snapshot["warnings"]
    feed = {"away": "feed_away", "off": "feed_off"}.get(warnings["feed"])
    said = warnings["said"] if warnings["known"] else words(feed or "none")
    yield [Span(words("warnings", said=said), "bold yellow" if warnings["known"] else "")]


def _untold(snapshot: Snapshot, words: Words, height: int) -> Iterator[Row]:
    """The reports that have reached nobody, and on a wall which they are."""
    counts = snapshot["dispatches"]
    sending, overdue = counts.get("sending", 0), counts.get("overdue", 0)
    if not sending and not overdue:
        yield [Span(words("no_dispatches"))]
        return
    said = words("dispatches", sending=sending, overdue=overdue)
    yield [Span(said, "bold red" if overdue else "yellow")]
    columns = (Column(4), Column(24), Column(20), Column(9, right=True), Column(32))
    for one in snapshot["untold"][: 6 if height >= WALL else 0]:
        shown = ("", one["agency"], words(one["state"]), clock(one["for_s"]), one["incident_id"])
        yield [Span(cells(shown, columns))]
