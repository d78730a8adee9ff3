"""Names, WAV and the chain of recordings, and where silence is put."""

from __future__ import annotations

import hashlib
import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.recordings.audio import BYTES_S, FRAME, RATE, Gap, wav_header, write_wav
from ngalam112.recordings.chain import BEGIN, link
from ngalam112.recordings.gaps import (
    LOOK_S,
    LOOKS,
    MOST_SILENCE_S,
    UNEXPLAINED_S,
    Growth,
    filled,
)
from ngalam112.recordings.names import Source, filed_name, source_of

NOON = 1_796_126_400.0  # 2026-12-01 12:00 UTC


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("1796126400.7_1796126400.123456.raw", Source("1796126400.7", 1796126400.123456)),
        ("pbx-1.2_5.raw", Source("pbx-1.2", 5.0)),
        ("1796126400.7_1796126400.123456.gaps", None),
        ("1796126400.7.raw", None),
        ("..raw", None),
        ("a_b.raw", None),
        ("../x_5.raw", None),
        (".probe", None),
    ],
)
def test_only_what_the_dialplan_named_is_a_recording(name: str, source: Source | None) -> None:
    assert source_of(name) == source


def test_a_recording_is_filed_by_its_day() -> None:
    assert filed_name(Source("a.7", NOON)) == "2026/12/01/20261201T120000Z-a.7.wav"


def test_each_link_depends_on_the_file_on_the_call_and_on_all_before() -> None:
    one, two = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
    links = {
        link(BEGIN, one, "a"),
        link(BEGIN, two, "a"),
        link(BEGIN, one, "b"),
        link(link(BEGIN, one, "a"), one, "a"),
    }
    assert len(links) == 4 and all(len(link) == 64 for link in links)


def written(data: bytes, gaps: list[Gap]) -> tuple[bytes, list[bytes]]:
    to = io.BytesIO()
    found = write_wav(io.BytesIO(data), len(data) // FRAME, gaps, to)
    whole = to.getvalue()
    assert (found.sha256, found.size) == (hashlib.sha256(whole).hexdigest(), len(whole))
    with wave.open(io.BytesIO(whole)) as audio:
        assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (2, 2, RATE)
        assert audio.getnframes() == found.frames
        sound = audio.readframes(found.frames)
    return whole, [sound[at : at + FRAME] for at in range(0, len(sound), FRAME)]


def test_silence_is_put_where_it_belongs() -> None:
    frames = [bytes([one] * FRAME) for one in (1, 2, 3)]
    _, found = written(b"".join(frames), [Gap(0, 1), Gap(2, 2), Gap(9, 1)])
    none = bytes(FRAME)
    assert found == [none, frames[0], frames[1], none, none, frames[2], none]


@given(st.binary(max_size=400), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 50))))
def test_nothing_that_was_heard_is_lost_or_turned_round(
    data: bytes, some: list[tuple[int, int]]
) -> None:
    heard = bytes(one or 1 for one in data[: len(data) // FRAME * FRAME])
    gaps = [Gap(*one) for one in sorted(some)]
    _, found = written(heard, gaps)
    assert b"".join(one for one in found if any(one)) == heard
    assert len(found) == len(heard) // FRAME + sum(gap.frames for gap in gaps)


def test_a_file_that_becomes_shorter_is_an_error_and_no_shorter_recording() -> None:
    with pytest.raises(OSError, match="shorter"):
        write_wav(io.BytesIO(b"1234"), 2, [], io.BytesIO())


def test_a_header_of_a_file_that_is_too_long_says_as_much_as_it_can() -> None:
    assert len(wav_header(2**40)) == 44


def grown(sizes: list[float], arrived_at: float = 0.0) -> Growth:
    """Looks at a file that had so many seconds at each."""
    growth = Growth(arrived_at)
    for turn, seconds in enumerate(sizes):
        growth.look(round(seconds * BYTES_S), arrived_at + turn * LOOK_S)
    return growth


def as_asterisk_writes(heard: float) -> float:
    return int(heard / 1.024) * 1.024


def test_a_file_that_grows_with_its_call_has_no_gap() -> None:
    assert grown([as_asterisk_writes(turn * LOOK_S) for turn in range(60)]).gaps == []


def test_a_file_that_stands_still_has_a_gap_there_as_long_as_it_stood() -> None:
    heard = [min(turn * LOOK_S, 10.0) for turn in range(40)]  # for 18 s nothing comes
    after = [10.0 + turn * LOOK_S for turn in range(1, 20)]
    growth = grown([as_asterisk_writes(one) for one in heard + after])
    assert {gap.at for gap in growth.gaps} <= set(range(9 * RATE, 12 * RATE))
    silent_s = 39 * LOOK_S - 10.0
    assert sum(gap.frames for gap in growth.gaps) / RATE == pytest.approx(silent_s, abs=1.0)


def test_one_look_that_comes_late_is_no_gap() -> None:
    growth = grown([0.0] * (LOOKS - 1) + [3.0])
    assert growth.gaps == []


@given(
    st.integers(0, 100 * RATE),
    st.floats(0, 200),
    st.lists(st.tuples(st.integers(0, 100 * RATE), st.integers(0, 20 * RATE)), max_size=5),
)
def test_a_recording_lasts_as_long_as_its_call(
    frames: int, total_s: float, known: list[tuple[int, int]]
) -> None:
    gaps = filled(frames, total_s, [Gap(*one) for one in sorted(known)])
    made = sum(gap.frames for gap in gaps)
    missing = round(total_s * RATE) - frames
    explained = sum(size for _, size in known)
    assert made == max(0, min(missing, explained + round(UNEXPLAINED_S * RATE)))
    assert [gap.at for gap in gaps] == sorted(gap.at for gap in gaps)


def test_what_nobody_saw_is_put_before_all_that_was_heard() -> None:
    assert filled(RATE, 1.5, []) == [Gap(0, RATE // 2)]
    assert filled(RATE, 0.9, [Gap(3, 4)]) == []


def test_a_clock_that_is_set_forward_fills_no_disk_with_silence() -> None:
    year_s = 365 * 86_400.0
    growth = Growth(0.0)
    for turn in range(LOOKS):
        growth.look(0, year_s + turn * LOOK_S)
    gaps = filled(0, year_s + LOOKS * LOOK_S, growth.gaps)
    assert sum(gap.frames for gap in gaps) == round(MOST_SILENCE_S * RATE)
