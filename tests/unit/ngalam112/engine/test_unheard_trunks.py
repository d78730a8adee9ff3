"""A trunk of which nobody is heard is named in the log, once an hour, with what to do."""

from __future__ import annotations

from structlog.testing import capture_logs

from ngalam112.engine.unheard_trunks import AGAIN_S, IN_A_ROW, UnheardTrunks


def test_three_silent_talks_in_a_row_are_told_and_one_that_was_heard_begins_anew() -> None:
    trunks = UnheardTrunks()
    with capture_logs() as told:
        trunks.not_heard("192.0.2.1", 4.9, 0.0)
        for at in range(IN_A_ROW - 1):
            trunks.not_heard("192.0.2.1", 30.0, float(at))
        trunks.not_heard("192.0.2.2", 30.0, 3.0)
        assert told == []
        trunks.not_heard("192.0.2.1", 30.0, 4.0)
        trunks.not_heard("192.0.2.1", 30.0, 5.0)
    ((trunk, talks),) = [(one["trunk"], one["talks_in_a_row"]) for one in told]
    assert (trunk, talks) == ("192.0.2.1", IN_A_ROW) and "NGALAM112_TRUNK_NAT" in told[0]["mend"]
    with capture_logs() as told:
        trunks.not_heard("192.0.2.1", 30.0, 4.0 + AGAIN_S)
        trunks.heard("192.0.2.1")
        for at in range(IN_A_ROW - 1):
            trunks.not_heard("192.0.2.1", 30.0, 2 * AGAIN_S + at)
    assert len(told) == 1


def test_addresses_are_not_remembered_without_end() -> None:
    trunks = UnheardTrunks()
    for number in range(1000):
        trunks.not_heard(f"192.0.2.{number}", 30.0, 0.0)
    assert len(trunks.in_a_row) <= 256
