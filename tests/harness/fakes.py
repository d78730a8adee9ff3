"""Fakes that record: what a switch was told to do, what a journal was given to keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy, deepcopy
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from acd.calls.journal import Journal, OfCall, OfEnd
from acd.calls.record import CallEvent, CallRecord, EventKind
from acd.switch import MonitorMode, Switch
from acd.texts.conversation import TextMessage
from acd.texts.ports import TextSender
from incidents.numbers import LAST_NUMBER
from journal.row_kinds import BY_TABLE
from ngalam112.engine.call_lanes import CallLanes

_MAY_CHANGE = tuple(
    field.name
    for field in msgspec.structs.fields(CallRecord)
    if any(get_origin(one) not in (None, UnionType) for one in (field.type, *get_args(field.type)))
)
"""The fields of a record that hold more than one plain value: lists, and whatever may come."""


def as_it_is_now(record: CallRecord) -> CallRecord:
    """What `deepcopy` gives, at a tenth of its cost: most values of a record cannot change."""
    copied = copy(record)
    for name in _MAY_CHANGE:
        setattr(copied, name, deepcopy(getattr(record, name)))
    return copied


class Did(NamedTuple):
    """One thing that the switch was told to do, and to what."""

    what: str
    to: str
    more: tuple[Any, ...] = ()


class FakeSwitch:
    """A `Switch` that keeps every order, in order. `whose`: what belongs to which citizen.

    `lanes`: on which an order goes to Asterisk, found as `AriSwitch` does. `addresses`: of calls,
    by the legs that are rung with one.
    """

    def __init__(self) -> None:
        self.lanes = CallLanes(5)
        self.whose: dict[str, str] = {}
        self.did: list[Did] = []
        self.addresses: dict[str, str] = {}
        self.hears: Callable[[Did], None] = lambda _: None

    def _do(self, what: str, to: str, *more: Any) -> None:
        did = Did(what, to, more)
        self.did.append(did)
        self.hears(did)

    def answer(self, channel: str) -> None:
        self._do("answer", channel)

    def say(self, channel: str, playback: str, *prompts: str) -> None:
        self.lanes.add(playback, channel)
        self._do("say", channel, playback, *prompts)

    def stop(self, playback: str) -> None:
        self._do("stop", playback)

    def music(self, channel: str, turn: int = 0, language: str = "id") -> None:
        self._do("music", channel, *([turn] if turn else []), *([language][language == "id" :]))

    def ring(
        self, leg: str, phone: str, display: tuple[str, str], citizen: str, address: str = ""
    ) -> None:
        self.lanes.add(leg, citizen)
        if address:
            self.addresses[leg] = address
        self._do("ring", leg, phone, display, citizen)

    def connect(self, bridge: str, citizen: str, leg: str) -> None:
        self.lanes.add(bridge, citizen)
        self._do("connect", bridge, citizen, leg)

    def open(self, bridge: str, channel: str) -> None:
        self.lanes.add(bridge, channel)
        self._do("open", bridge, channel)

    def stop_ringing(self, channel: str) -> None:
        self._do("stop_ringing", channel)

    def belongs(self, one: str, channel: str) -> None:
        self.whose[one] = channel
        self.lanes.add(one, channel)

    def join(self, bridge: str, leg: str) -> None:
        self.lanes.move(leg, bridge)
        self._do("join", bridge, leg)

    def pair(self, bridge: str, channel: str, leg: str) -> None:
        self.lanes.add(bridge, channel)
        self._do("pair", bridge, channel, leg)

    def hold(self, channel: str) -> None:
        self._do("hold", channel)

    def unhold(self, channel: str) -> None:
        self._do("unhold", channel)

    def ringing(self, channel: str) -> None:
        self._do("ringing", channel)

    def tell(self, leg: str, *prompts: str) -> None:
        self._do("tell", leg, *prompts)

    def snoop(self, leg: str, snoop: str, mode: MonitorMode) -> None:
        self.lanes.add(snoop, leg)
        self._do("snoop", leg, snoop, mode)

    def listen(self, channel: str) -> None:
        self._do("listen", channel)

    def unlisten(self, channel: str) -> None:
        self._do("unlisten", channel)

    def progress(self, leg: str, outcome: str) -> None:
        self._do("progress", leg, outcome)

    def disconnect(self, bridge: str) -> None:
        self._do("disconnect", bridge)

    def hang_up(self, channel: str, cause: int = 16) -> None:
        self._do("hang_up", channel, cause)

    def all(self, what: str) -> list[Did]:
        """All orders of one kind."""
        return [did for did in self.did if did.what == what]

    def last(self, what: str) -> Did:
        """The newest order of one kind; there must be one."""
        assert self.all(what), f"the switch was never told to {what}: {self.did}"
        return self.all(what)[-1]

    def told(self, what: str) -> list[str]:
        """To what an order of one kind was given, in order."""
        return [did.to for did in self.all(what)]

    def playing(self) -> tuple[str, str]:
        """The playback and its first prompt that were begun last."""
        playback, prompt, *_ = self.last("say").more
        return playback, prompt


class FakeJournal:
    """acd.calls.journal.Journal in memory. `records`: each call's record as it was last told."""

    def __init__(self) -> None:
        self.events: dict[str, list[CallEvent]] = {}
        self.records: dict[str, CallRecord] = {}
        self.operator_events: list[tuple[str, float, str, str | None, str | None]] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {}
        self.on_arrived: OfCall = lambda record, at: None
        self.on_answered: OfCall = lambda record, at: None
        self.on_ended: OfEnd = lambda record, at, again: None
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}

    def row(self, table: str, values: dict[str, Any]) -> None:
        self.rows_together((table, values))

    def rows_together(self, *rows: tuple[str, dict[str, Any]]) -> None:
        for table, values in rows:
            kind = BY_TABLE[table]
            keys = [column.name for column in kind.model.__table__.primary_key]
            name = "/".join(str(values[key]) for key in keys)
            self.tables.setdefault(table, {})[name] = deepcopy(values)

    def keep(self, key: str, value: Any | None) -> None:
        # as it comes back from a file
        self.facts[key] = msgspec.json.decode(msgspec.json.encode(value))
        if value is None:
            del self.facts[key]

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        self.events.setdefault(event.call_id, []).append(event)
        self.records[event.call_id] = as_it_is_now(record)
        if event.kind is EventKind.ARRIVED:
            self.on_arrived(record, event.at)
        elif event.kind is EventKind.ANSWERED:
            self.on_answered(record, event.at)
        elif event.kind is EventKind.ENDED:
            self.on_ended(record, event.at, bool(event.data.get("again")))

    def operator_event(
        self, operator: str, at: float, kind: str, phone: str | None, reason: str | None
    ) -> None:
        self.operator_events.append((operator, at, kind, phone, reason))

    def operator_state(self, row: dict[str, Any], *changes: tuple[str, dict[str, Any]]) -> None:
        self.rows[row["id"]] = row
        self.rows_together(*changes)

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    @property
    def facts_of_calls(self) -> dict[str, Any]:
        """The facts beside the number of the last incident, which stays for good."""
        return {key: value for key, value in self.facts.items() if key != LAST_NUMBER}

    def kinds(self, call_id: str) -> list[str]:
        """What happened to a call, in order."""
        return [event.kind.value for event in self.events[call_id]]

    def only(self) -> CallRecord:
        """The record of the only call that there was."""
        (record,) = self.records.values()
        return record


class FakeTextSender:
    """acd.texts.outbox.TextSender in memory: what was sent to citizens, and shown on phones."""

    def __init__(self) -> None:
        self.sent: list[TextMessage] = []
        self.shown: list[tuple[str, str, str]] = []

    def to_citizen(self, message: TextMessage) -> None:
        self.sent.append(message)

    def to_phone(self, phone: str, shown_as: str, text: str, message_id: str = "") -> None:
        self.shown.append((phone, shown_as, text))


def _fit(
    switch: FakeSwitch, journal: FakeJournal, sender: FakeTextSender
) -> tuple[Switch, Journal, TextSender]:
    return switch, journal, sender  # mypy holds the fakes against the ports here
