"""Numbers for Prometheus, read from the engine when they are asked for; the calls pay nothing."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import accumulate
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from acd.calls.journal import OfCall, OfEnd
from acd.calls.record import COUNTED, CallEvent, CallRecord, EventKind, Outcome
from acd.rules.load_shedding import Level
from incidents.dispatches import Dispatches
from journal.database_writer import DatabaseWriter
from ngalam112 import __version__
from ngalam112.alarms.rules import KINDS
from ngalam112.api.state import LoadState, dispatches_by_state, line_state
from ngalam112.engine.engine import Engine
from ngalam112.engine.refusal_counts import TRUNK, RefusalCounts
from ngalam112.engine.warning_feed import WarningFeed
from reports.refused import REASONS

log = structlog.get_logger("journal")

ANSWER_S = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""The upper limits of the classes of answer times; the first four are those of the reports."""
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class AnswerTimes:
    """Counts answer times in classes, as Prometheus has histograms. `sum_s`: of all of them."""

    def __init__(self) -> None:
        self.counts = [0] * (len(ANSWER_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(ANSWER_S, seconds)] += 1
        self.sum_s += seconds

    def metric(self) -> Metric:
        """All of them, each class with those below it."""
        limits = [*(f"{one:.1f}" for one in ANSWER_S), "+Inf"]
        buckets = list(zip(limits, accumulate(self.counts), strict=True))
        text = "From a citizen's arrival to the operator's answer, since the start"
        return HistogramMetricFamily(
            "ngalam112_answer_seconds", text, buckets=buckets, sum_value=self.sum_s
        )


class CountingJournal:
    """The journal of the line: counts calls as they arrive and end, and hands all to the recorder.

    `offered`, `outcomes`: calls since the start of this engine. A call that an earlier engine took
    counts here when it ends. `answers`: how long citizens waited from their arrival on, whom an
    operator of this line has answered.
    """

    def __init__(self, recorder: DatabaseWriter) -> None:
        self.recorder = recorder
        self.offered = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.answers = AnswerTimes()
        self.on_arrived: OfCall = lambda record, at: None
        self.on_answered: OfCall = lambda record, at: None
        self.on_ended: OfEnd = lambda record, at, again: None

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        """Count the call if it has arrived or ended, unless it is a test call; keep the event."""
        if record.outcome is Outcome.TEST:
            self.recorder.call_event(event, record)
            return
        if event.kind is EventKind.ARRIVED:
            self.offered += record.callback_of is None
        elif event.kind is EventKind.ENDED and record.outcome is not None:
            self.outcomes[record.outcome] += 1
        elif event.kind is not EventKind.ANSWERED:
            self.recorder.call_event(event, record)
            return
        # an engine that dies here has kept both the event and what follows from it, or neither
        with self.recorder.together():
            self.recorder.call_event(event, record)
            try:
                self._follow(event, record)
            except Exception:
                # the call itself goes on, or ends, as it should
                log.exception("call_not_followed", call_id=record.call_id, kind=event.kind)

    def _follow(self, event: CallEvent, record: CallRecord) -> None:
        if event.kind is EventKind.ARRIVED:
            self.on_arrived(record, event.at)
        elif event.kind is EventKind.ANSWERED:
            if record.operator_answered_at == event.at and record.callback_of is None:
                self.answers.add(event.at - record.arrived_at)
            self.on_answered(record, event.at)
        else:
            self.on_ended(record, event.at, bool(event.data.get("again")))

    def operator_event(
        self, operator: str, at: float, kind: str, phone: str | None, reason: str | None
    ) -> None:
        """Keep what an operator did."""
        self.recorder.operator_event(operator, at, kind, phone, reason)

    def operator_state(self, row: dict[str, Any], *changes: tuple[str, dict[str, Any]]) -> None:
        """Keep the operator's status and fairness."""
        self.recorder.operator_state(row, *changes)

    def row(self, table: str, values: dict[str, Any]) -> None:
        """Keep a row of a table."""
        self.recorder.row(table, values)

    def rows_together(self, *rows: tuple[str, dict[str, Any]]) -> None:
        """Keep rows of several tables together."""
        self.recorder.rows_together(*rows)

    def keep(self, key: str, value: Any | None) -> None:
        """Keep a fact for the next engine."""
        self.recorder.keep(key, value)

    def together(self) -> AbstractContextManager[None]:
        """Keep all that happens in the block by one write."""
        return self.recorder.together()


class EngineCollector(Collector):
    """Reads an engine whenever Prometheus asks; to be called in the event loop's thread.

    `more`: what others tell beside the engine.
    """

    def __init__(
        self, engine: Engine, journal: CountingJournal, more: Iterable[Metric] = ()
    ) -> None:
        self._engine, self._journal, self._more = engine, journal, list(more)

    def collect(self) -> Iterator[Metric]:
        """Yield all numbers as they are now."""
        yield InfoMetricFamily("ngalam112_build", "This version", {"version": __version__})
        yield from self._line()
        yield from self._links()
        yield from _alarms(self._engine)
        yield from _dispatches(self._engine.dispatches)
        yield from _warnings(self._engine.warning_feed, self._engine.clock.now())
        yield from _kept(self._journal)
        yield from self._more

    def _line(self) -> Iterator[Metric]:
        state = line_state(self._engine)
        yield _gauge("queue_length", "Calls in the queue", state.queue_length)
        yield _gauge("longest_wait_seconds", "Longest wait of a citizen now", state.longest_wait_s)
        yield _by("calls", "Living calls", "stage", state.calls)
        yield _by("operators", "Operators by what they chose", "status", state.operators_by_status)
        yield _by(
            "operators_on_duty",
            "Operators who are logged in, by what they do",
            "state",
            state.operators_by_state,
        )
        yield _by("phones", "Phones by Asterisk's word on them", "device", state.phones)

        yield from _load(state.load)
        throttle, now = self._engine.router.codes.throttle, self._engine.clock.now()
        yield _counter("wrong_pins", "Wrong PINs since the start", throttle.wrong)
        wrong_tokens = self._engine.people.wrong_tokens
        yield _counter(
            "wrong_tokens", "Wrong tokens shown to the API since the start", wrong_tokens
        )
        waiting = throttle.waiting(now)
        tests = self._engine.router.line_tests
        yield _gauge("test_calls", "Test calls now", len(tests))
        yield _counter("test_calls_taken", "Test calls since the start", tests.taken)
        texts, intake = self._engine.router.texts, self._engine.text_service.intake
        yield _gauge(
            "texts_open", "Conversations in the queue or with an operator", texts.places.open
        )
        yield _gauge("texts_talking", "... that an operator has", texts.places.talking)
        yield _gauge("texts_held", "... that wait for room", texts.places.held)
        yield _counter("text_messages", "Citizens' messages since the start", intake.taken_in)
        yield _counter("text_messages_dropped", "... that were too many", intake.dropped)
        yield _gauge("text_answers_pending", "Messages on their way", len(texts.outbox.pending))
        yield _counter("text_answers_failed", "... given up", texts.outbox.failed)
        yield _counter("test_calls_refused", "... that were one too many", tests.refused)
        bans = self._engine.ban_keeper.bans
        yield _counter("sip_refused", "SIP requests with a wrong name or password", bans.refused)
        yield _refused_before(self._engine.refusals)
        yield _gauge("banned_addresses", "Addresses that may send no SIP", len(bans.banned(now)))
        yield _gauge("pin_waits", "Phones and operators that wait after wrong PINs", waiting)

    def _links(self) -> Iterator[Metric]:
        engine, ari = self._engine, self._engine.ari
        yield _gauge("ari_connected", "1 while there is an event socket", ari.connected)
        yield _gauge("ari_waiting", "Requests without an answer yet", ari.waiting)
        yield _counter("ari_requests", "Requests sent to Asterisk", ari.requests_sent)
        yield _counter("ari_events", "Events from Asterisk", ari.events_received)
        yield _counter("ari_undecodable", "Events that made no sense", ari.undecodable)
        yield _gauge("ami_connected", "1 while the AMI link is up", engine.ami.connected)
        text = "Calls ended because nobody acknowledged their answer, since the start"
        yield _counter("calls_never_acknowledged", text, engine.unacknowledged.ended)
        yield _gauge("inbox_depth", "Events that wait for the writer", len(engine.inbox))
        yield _counter("event_errors", "Events that failed in the engine", engine.event_errors)
        text = "Seconds that the machine's clock is ahead of the engine's"
        yield _gauge("clock_ahead_seconds", text, engine.clock.ahead())
        yield _gauge("tasks", "Tasks of the engine's event loop", len(asyncio.all_tasks()))


def _alarms(engine: Engine) -> Iterator[Metric]:
    kinds = Counter(one.kind for one in engine.alarms.on.values())
    counts = {kind: kinds[kind] for kind in KINDS}
    yield _by("alarms", "Alarms that are on", "kind", counts)
    yield _counter("alarms_begun", "Alarms that began since the start", engine.alarms.begun)
    up = {host: int(is_up) for host, is_up in engine.trunk_probe.up.items()}
    yield _by("trunk_up", "1 if a host of the trunk answers OPTIONS", "host", up)


def _dispatches(dispatches: Dispatches) -> Iterator[Metric]:
    states = dispatches_by_state(dispatches)
    yield _by("dispatches", "Reports to agencies from which something follows", "state", states)
    late = "Reports to agencies that nobody accepted in the agreed time, since the start"
    yield _counter("dispatches_overdue", late, dispatches.overdue)
    left = "... for which nobody was left to be told: they are on `ngalam112 incident alarms`"
    yield _counter("dispatches_left_to_supervisor", left, dispatches.left_to_supervisor)


def _warnings(feed: WarningFeed, now: float) -> Iterator[Metric]:
    if not feed.is_on:
        return
    good_at = feed.health.good_at
    age = math.inf if good_at is None else max(0.0, now - good_at)
    text = "Seconds since the feed of warnings last gave a good answer; +Inf if it never has"
    yield _gauge("warning_feed_age_seconds", text, age)
    yield _gauge("warnings", "Warnings for the city that are not over", len(feed.warnings()))
    yield _counter("warning_requests", "Requests to the feed since the start", feed.requests)


def _refused_before(counts: RefusalCounts) -> Metric:
    family = CounterMetricFamily(
        "ngalam112_calls_refused_before",
        "Calls that Asterisk refused before the line heard of them, since the start",
        labels=["source", "status"],
    )
    # a series that begins with its first call never increases for Prometheus
    known = {(TRUNK, status): 0 for status in REASONS}
    for (source, status), count in (known | counts.totals).items():
        family.add_metric([source, str(status)], count)
    return family


def _load(load: LoadState) -> Iterator[Metric]:
    levels = {level.value: int(level is load.level) for level in Level}
    yield _by("load", "1 for how busy the line is", "level", levels)
    yield _gauge("load_calls_per_second", "Calls that came in the last second", load.cps)
    yield _gauge("load_channels", "Legs of citizens and operators", load.channels)
    shed = CounterMetricFamily(
        "ngalam112_shed", "Work left undone above capacity, since the start", labels=["work"]
    )
    for work, count in load.shed.items():
        shed.add_metric([work], count)
    yield shed
    text = "Calls that came when there was no room, since the start: they waited for admission"
    yield _counter("calls_held_back", text, load.held_back)
    yield _gauge("calls_at_door", "Citizens who wait to be taken in", load.at_door)
    text = "... behind these, for their number or address has too many calls at once"
    yield _gauge("calls_behind_limit", text, load.behind)
    beyond = CounterMetricFamily(
        "ngalam112_calls_beyond_limit", "Calls beyond a limit, since the start", labels=["limit"]
    )
    for limit, count in load.beyond_limit.items():
        beyond.add_metric([limit], count)
    yield beyond


def _kept(journal: CountingJournal) -> Iterator[Metric]:
    recorder = journal.recorder
    local = recorder.local
    yield _gauge("recorder_backlog", "Entries that are not in the database yet", recorder.backlog)
    yield _counter("recorder_written", "Entries that the database took", recorder.written)
    yield _counter("recorder_refused", "Entries that it will never take", recorder.refused)
    for name, text, since in (
        ("recorder_failing", "1 while the database takes nothing", recorder.failing_since),
        ("journal_failing", "1 while the local journal cannot be written", local.failing_since),
    ):
        yield _gauge(name, text, since is not None)
        what = "Since when that is so, seconds since the epoch; 0 while all is well"
        yield _gauge(f"{name}_since_seconds", what, since or 0)
    yield _counter("entries_lost", "Entries that could be kept nowhere", local.lost)
    yield _counter("calls_offered", "Calls that arrived since the start", journal.offered)
    ended = CounterMetricFamily(
        "ngalam112_calls_ended", "Calls that ended since the start", labels=["outcome"]
    )
    for outcome in COUNTED:
        ended.add_metric([outcome.value], journal.outcomes[outcome])
    yield ended
    yield journal.answers.metric()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ngalam112_{name}", text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"ngalam112_{name}", text, value=value)


def _by(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"ngalam112_{name}", text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def metrics_text(engine: Engine, journal: CountingJournal, more: Iterable[Metric] = ()) -> bytes:
    """Return all numbers as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine, journal, more))
    return generate_latest(registry)
