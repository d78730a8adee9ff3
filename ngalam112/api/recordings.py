"""What the engine tells of recordings: as whoever looks after them has told it last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.engine.recording_pauses import NotRecorded
from ngalam112.recordings.standing import Standing, Stop, read_standing
from pbx.ami import AmiError


async def standing_of(settings: Settings) -> Standing | None:
    """How it stands with the recordings; None where calls are not recorded. Never waits long."""
    if settings.recordings == "off":
        return None
    return await asyncio.to_thread(read_standing, settings.recordings_standing)


def recording_summary(standing: Standing | None) -> dict[str, Any] | None:
    """What the status tells of it, with what is wrong in words."""
    if standing is None:
        return None
    told: dict[str, Any] = msgspec.to_builtins(standing)
    return told | {"alarms": standing.alarms(time.time())}


def recording_metrics(standing: Standing | None) -> Iterator[Metric]:
    """The same for Prometheus."""
    if standing is None:
        return
    age = max(0.0, time.time() - standing.at)
    is_stopped = standing.stop is not Stop.NO
    for name, text, value in (
        ("growing", "Calls that are recorded now", standing.growing),
        ("stalled", "... of which nothing is written", standing.stalled),
        ("waiting", "Recordings that have ended and are not filed yet", standing.waiting),
        ("stopped", "1 while further calls are not recorded", is_stopped),
        ("unbound", "1 while Asterisk cannot write any, since its start", standing.unbound),
        ("failing", "1 while a recording cannot be filed", bool(standing.failing)),
        ("age_seconds", "Since whoever files recordings was heard of", age),
    ):
        yield GaugeMetricFamily(f"ngalam112_recordings_{name}", text, value=float(value))
    for name, text, count in (
        ("filed", "Recordings filed since that began", standing.filed),
        ("incomplete", "... of which seconds are missing", standing.incomplete),
    ):
        yield CounterMetricFamily(f"ngalam112_recordings_{name}", text, value=count)


class RecordOperator(msgspec.Struct, forbid_unknown_fields=True):
    """`on`: whether what is said in the operator's talk is recorded. `by`: who says so."""

    on: bool
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "supervisor"


class RecordingRoutes:
    """The handlers; they raise what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def record(self, id: str, body: RecordOperator) -> Answer:
        """Pause the recording of the talk that an operator has now, or let it go on."""
        legs = self._engine.dispatcher.operator_legs.legs.values()
        talks = (one for one in legs if one.operator == id and one.talks_since)
        if (leg := next(talks, None)) is None:
            raise NotRecorded(f"Operator {id[:32]} has no talk; see `ngalam112 status`.")
        call = leg.call
        try:
            await self._engine.recording_pauses.change(call.channel, call.id, body.on, body.by)
        except AmiError as error:
            raise NotRecorded(f"Nothing was changed: {error}.") from None
        return {"operator": id, "call": call.id, "recorded": body.on}
