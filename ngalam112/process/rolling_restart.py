"""Hands a line over to a fresh engine for maintenance, without a call noticing.

Works on any line that somebody keeps, `ngalam112 up` or systemd: whoever keeps it starts again
what ends. First it is tried whether a fresh engine could start. Then the engines that wait are
ended, so that fresh ones wait in their place; only when one does, the one that serves is told to
stop, and the fresh one has its turn.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import msgspec

from ngalam112.config.settings import Settings
from ngalam112.process import pidfiles, start_check
from ngalam112.process.pidfiles import Process

FRESH_WITHIN_S = 60.0
SERVES_WITHIN_S = 30.0
_LOOK_S = 0.005


class HandOverFailed(Exception):
    """The line was not handed over; the message says who serves, and what to do."""


class HandedOver(msgspec.Struct, frozen=True):
    """The pids of who served and who serves, and for how long nobody did."""

    served: int
    serves: int
    away_ms: int


def hand_over(settings: Settings) -> HandedOver:
    """Replace all engines of the line by fresh ones; raises HandOverFailed."""
    old = list(pidfiles.engines(settings.run).values())
    serving = _in_state(old, "serving")
    if serving is None:
        raise HandOverFailed(
            f"No engine serves the line in {settings.home}; start the line: ngalam112 up"
        )
    if len(old) < 2:
        raise HandOverFailed(
            f"No other engine waits beside the one that serves (pid {serving.pid}), so nobody "
            "could take over; `ngalam112 up` or systemd keeps some."
        )
    _check_that_a_fresh_one_can_start(settings)
    known = {one.pid for one in old}
    for one in old:
        if one is not serving:
            _end(one)
    fresh = _awaited(settings, "waiting", lambda one: one.pid not in known, FRESH_WITHIN_S)
    if fresh is None:
        raise HandOverFailed(
            f"No fresh engine waits after {FRESH_WITHIN_S:.0f} s (see {settings.log_file}); "
            f"the one that serves (pid {serving.pid}) goes on."
        )
    began = time.monotonic()
    _end(serving)
    now = _awaited(settings, "serving", lambda one: one.pid != serving.pid, SERVES_WITHIN_S)
    if now is None:
        raise HandOverFailed(
            f"No engine serves {SERVES_WITHIN_S:.0f} s after the old one was told to stop; "
            f"see {settings.log_file}."
        )
    return HandedOver(serving.pid, now.pid, round((time.monotonic() - began) * 1000))


def _check_that_a_fresh_one_can_start(settings: Settings) -> None:
    """Raise HandOverFailed if an engine of this version would end before it waits.

    So it would after half an upgrade, and with a menu, a distribution file or audio that it does
    not take.
    """
    argv = [sys.executable, "-m", start_check.__name__]
    try:
        tried = subprocess.run(
            argv,
            cwd="/",
            env=settings.environment(),
            capture_output=True,
            text=True,
            timeout=FRESH_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        raise HandOverFailed(
            f"A fresh engine is not ready to start within {FRESH_WITHIN_S:.0f} s; no engine was "
            "ended. Try again when the machine has less to do."
        ) from None
    why = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    if tried.returncode == start_check.REFUSED:
        raise HandOverFailed(f"A fresh engine would not start, so none was ended. {why}")
    if tried.returncode:
        raise HandOverFailed(
            f"A fresh engine cannot start ({why}); nothing was changed. Run `make setup` first."
        )


def _end(process: Process) -> None:
    try:
        os.kill(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has ended by itself: the same to us
    except PermissionError:
        raise HandOverFailed(
            f"The engine (pid {process.pid}) is another user's; run this as that user."
        ) from None


def _in_state(engines: Iterable[Process], state: str) -> Process | None:
    return next((one for one in engines if one.state == state), None)


def _awaited(
    settings: Settings, state: str, wanted: Callable[[Process], bool], within: float
) -> Process | None:
    """Wait for an engine in this state that is wanted; None if there is none in time."""
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        found = [one for one in pidfiles.engines(settings.run).values() if wanted(one)]
        if (one := _in_state(found, state)) is not None:
            return one
        time.sleep(_LOOK_S)
    return None
