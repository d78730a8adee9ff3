"""What Asterisk counts of a leg is read in per cent and milliseconds."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.switch import LegQuality, leg_quality
from pbx.ari_types import RtpStatistics


def test_loss_is_a_share_of_what_was_sent_and_jitter_is_in_milliseconds() -> None:
    assert leg_quality("c1", RtpStatistics(198, 2, 0.0045)) == LegQuality("c1", 1.0, 4.5)


@pytest.mark.parametrize("received", [0, -2])
def test_of_a_leg_that_has_sent_nothing_no_quality_is_known(received: int) -> None:
    assert leg_quality("c1", RtpStatistics(received, 2, 0.1)) == LegQuality("c1", None, None)


@OFTEN
@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_whatever_was_counted_loss_is_a_percentage(received: int, lost: int) -> None:
    quality = leg_quality("c1", RtpStatistics(received, lost))
    assert quality.loss_percent is None or 0 <= quality.loss_percent <= 100
