"""The journal of the tests keeps each record as it was told, whatever is done to it later."""

from __future__ import annotations

from copy import deepcopy

from fakes import as_it_is_now

from acd.calls.record import CallRecord, LegRecord


def test_a_kept_record_does_not_follow_the_call() -> None:
    record = CallRecord(call_id="call-1", arrived_at=100.0, legs=[LegRecord(leg="l1")])
    kept, before = as_it_is_now(record), deepcopy(record)
    assert kept == before
    record.legs[0].left_at = 120.0
    record.legs.append(LegRecord(leg="l2"))
    record.holds, record.ended_at = 2, 121.0
    assert kept == before
