"""The alarms that are kept: each is one row, from its begin to its end, over changes of engines.

What begins and ends follows from looks (`ngalam112.alarms.rules.found`). An alarm begins with the
first of two looks in a row that find it, so that a moment between two engines is none. It ends with
the first look that does not find it, once none has found it for a while: a phone that comes and
goes makes one row, not one each time. Only the writer calls this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import structlog

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from ngalam112.alarms.alarm import ALARMS, Alarm, AlreadyAcknowledged

log = structlog.get_logger("alarms")

HOLD_S = 60.0
"""So long nothing may have found an alarm before it is over."""
MOST_OVER = 100
"""So many alarms that are over are still known, beside the database, to be acknowledged."""


class AlarmBook:
    """All that are on, and the last ones that are over.

    `on`: by their keys, in the order in which they began.
    """

    def __init__(self, journal: Journal, hold_s: float = HOLD_S) -> None:
        self._journal, self._hold_s = journal, hold_s
        self.on: dict[str, Alarm] = {}
        self.begun = 0
        self._over: OrderedDict[str, Alarm] = OrderedDict()
        self._found_once: dict[str, float] = {}
        self._away_since: dict[str, float] = {}

    def remember(self, rows: Iterable[Mapping[str, Any]], now: float) -> None:
        """Know what is on since an earlier engine; one that began here as well ends there now."""
        for row in rows:
            try:
                alarm = msgspec.convert(row, Alarm)
            except msgspec.ValidationError as error:
                log.error("alarm_not_understood", id=str(row.get("id")), error=str(error))
                continue
            known = self.on.get(alarm.key)
            if alarm.id in self._over:
                continue
            if known is None:
                self.on[alarm.key] = alarm
            elif known.id != alarm.id:
                self._end(alarm, max(now, alarm.began_at))

    def look(self, found: Mapping[str, str], now: float) -> None:
        """Take in what one look has found: a sentence for each alarm, by its key."""
        with self._journal.together():
            for key in [key for key in self._found_once if key not in found]:
                del self._found_once[key]
            for key, text in found.items():
                self._away_since.pop(key, None)
                if key not in self.on:
                    self._found(key, text, now)
            for key in [key for key in self.on if key not in found]:
                since = self._away_since.setdefault(key, now)
                if now - since >= self._hold_s:
                    del self._away_since[key]
                    alarm = self.on.pop(key)
                    self._end(alarm, max(since, alarm.began_at))

    def was_on(self, key: str, text: str, began_at: float, ended_at: float) -> None:
        """Keep an alarm that is known only now that it is over."""
        self._end(self._began(key, text, began_at), ended_at)

    def found_now(self) -> list[Alarm]:
        """Return those that the last look has found, the first begun first."""
        return [alarm for key, alarm in self.on.items() if key not in self._away_since]

    def known(self, id: str) -> Alarm | None:
        """Return the alarm of this id, or that is on by this key, as far as it is known here."""
        found = (one for one in self.on.values() if id in (one.id, one.key))
        return next(found, None) or self._over.get(id)

    def acknowledge(self, alarm: Alarm, by: str, now: float) -> Alarm:
        """Note that somebody knows of it; raises AlreadyAcknowledged.

        `alarm`: of this book, or one of the database that is over.
        """
        alarm = self.known(alarm.id) or alarm
        if alarm.acknowledged_at is not None:
            raise AlreadyAcknowledged(
                f"{alarm.acknowledged_by} has acknowledged the alarm {alarm.key} before."
            )
        alarm.acknowledged_at, alarm.acknowledged_by = now, by
        self._keep(alarm)
        if alarm.ended_at is not None:
            self._is_over(alarm)
        log.info("alarm_acknowledged", id=alarm.id, alarm=alarm.key, by=by)
        return alarm

    def _found(self, key: str, text: str, now: float) -> None:
        first = self._found_once.pop(key, None)
        if first is None:
            self._found_once[key] = now
        else:
            self.on[key] = self._began(key, text, first)

    def _began(self, key: str, text: str, at: float) -> Alarm:
        kind, _, about = key.partition(" ")
        alarm = Alarm(id=new_id(at), kind=kind, about=about, text=text, began_at=at)
        self.begun += 1
        self._keep(alarm)
        log.warning("alarm_began", id=alarm.id, alarm=key, text=text)
        return alarm

    def _end(self, alarm: Alarm, at: float) -> None:
        alarm.ended_at = at
        self._keep(alarm)
        self._is_over(alarm)
        log.info("alarm_ended", id=alarm.id, alarm=alarm.key, seconds=round(at - alarm.began_at, 1))

    def _is_over(self, alarm: Alarm) -> None:
        self._over[alarm.id] = alarm
        if len(self._over) > MOST_OVER:
            self._over.popitem(last=False)

    def _keep(self, alarm: Alarm) -> None:
        alarm.changes += 1
        self._journal.row(ALARMS, alarm.row())
