"""The audio quality of a leg is read from what Asterisk writes, whatever that is."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from pbx.quality import LegQuality, leg_quality

QOS = (
    "ssrc=1043513384;themssrc=3735928559;lp=2;rxjitter=0.004500;rxcount=198;txjitter=0.000000;"
    "txcount=200;rlp=0;rtt=0.000000;rxmes=88.5;txmes=0.0"
)


def test_the_quality_of_a_leg_is_read_in_per_cent_and_milliseconds() -> None:
    assert leg_quality(QOS) == LegQuality(1.0, 4.5)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ssrc=1",
        QOS.replace("rxcount=198", "rxcount=0"),
        QOS.replace("rxcount=198", "rxcount=many"),
        QOS.replace("rxcount=198", "rxcount=-2"),
        QOS.replace("lp=2;", ""),
    ],
)
def test_a_quality_that_nobody_measured_is_unknown(value: str) -> None:
    assert leg_quality(value) == LegQuality(None, None)


@OFTEN
@given(
    st.dictionaries(
        st.sampled_from(["lp", "rxjitter", "rxcount"]),
        st.integers(-(2**40), 2**40) | st.floats() | st.text(";=x1-", max_size=4),
    )
)
def test_whatever_is_in_the_value_loss_is_a_percentage(values: dict[str, object]) -> None:
    quality = leg_quality(";".join(f"{name}={value}" for name, value in values.items()))
    assert quality.loss_percent is None or 0 <= quality.loss_percent <= 100
