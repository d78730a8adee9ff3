"""When a part counts as dead, and how soon it is started again."""

from __future__ import annotations

from ngalam112.process.watchdog import START_S, STEADY_S, STOP_S, TICK_S, Watchdog, next_pause

LIMIT_S = 3.0


def asked(pulse: Watchdog, begin: float, end: float) -> bool:
    """Ask every TICK_S from `begin` to `end`, as a supervisor does; whether it ever was dead."""
    now, dead = begin, False
    while now < end:
        dead = pulse.stopped(now) or dead
        now += TICK_S
    return dead


def beating(now: float = 0.0) -> Watchdog:
    pulse = Watchdog(LIMIT_S, now)
    pulse.heard("WATCHDOG=1", now)
    return pulse


def test_a_part_that_beats_lives() -> None:
    pulse = beating()
    for second in range(1, 20):
        assert not asked(pulse, second - 1, second)
        pulse.heard("WATCHDOG=1", float(second))


def test_a_part_that_is_silent_for_longer_than_its_limit_is_dead() -> None:
    pulse = beating()
    assert not asked(pulse, 0.0, LIMIT_S)
    assert asked(pulse, LIMIT_S, LIMIT_S + 2 * TICK_S)


def test_a_part_has_time_until_its_first_beat() -> None:
    pulse = Watchdog(LIMIT_S, 0.0)
    assert not asked(pulse, 0.0, START_S)
    assert asked(pulse, START_S, START_S + 2 * TICK_S)


def test_a_part_that_was_found_running_owes_a_beat_at_once() -> None:
    pulse = Watchdog(LIMIT_S, 0.0, beats=True)
    assert asked(pulse, 0.0, LIMIT_S + 2 * TICK_S)


def test_being_ready_is_no_beat() -> None:
    pulse = Watchdog(LIMIT_S, 0.0)
    pulse.heard("READY=1\nSTATUS=waiting", 1.0)
    assert not asked(pulse, 1.0, START_S)


def test_a_part_that_ends_has_time_for_it_whatever_it_says_meanwhile() -> None:
    pulse = beating()
    pulse.heard("STOPPING=1\nSTATUS=stopping", 1.0)
    pulse.heard("WATCHDOG=1", 1.0)
    assert not asked(pulse, 1.0, STOP_S)
    assert asked(pulse, STOP_S, STOP_S + 1.0 + 2 * TICK_S)


def test_time_in_which_the_supervisor_was_held_up_itself_does_not_count() -> None:
    pulse = beating()
    assert not asked(pulse, 0.0, 1.0)
    assert not pulse.stopped(600.0), "the machine slept"
    assert not asked(pulse, 600.0, 601.0)
    assert asked(pulse, 601.0, 604.0), "but then the part must beat again"


def test_the_time_between_the_start_and_the_first_look_counts() -> None:
    pulse = Watchdog(LIMIT_S, 0.0, beats=True)
    assert pulse.stopped(LIMIT_S + TICK_S)


def test_what_dies_after_a_steady_life_is_started_again_at_once() -> None:
    assert next_pause(STEADY_S, 0.0) == next_pause(3600.0, 8.0) == 0.0


def test_what_dies_at_once_again_and_again_waits_longer_each_time_up_to_a_bound() -> None:
    pauses, pause = [], 0.0
    for _ in range(8):
        pause = next_pause(0.1, pause)
        pauses.append(pause)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
