"""A wall clock that can be set while programs look at it: libfaketime, loaded before them.

Only the wall clock is set; the monotonic one, and with it every timer of the engine, goes on as it
does when somebody sets the clock of a real machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pbx.programs import faketime


class WallClock:
    """The machine's wall clock for whatever is started `with clock.seen():`, and its children.

    `folder`: where the clock lies. A program in the sandbox of `pbx.programs` has to see it: for
    Asterisk, a folder in `Settings.asterisk_home`.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._library = folder / "libfaketime.so"
        self._ahead = folder / "ahead"
        shutil.copy(faketime(), self._library)
        self.set_ahead(0.0)

    def set_ahead(self, seconds: float) -> None:
        """Set the clock to so much more, or less, than the machine's own; at once, for all."""
        new = self._ahead.with_suffix(".new")
        new.write_text(f"{seconds:+.3f}")
        new.replace(self._ahead)

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Programs that are started within have this clock for their whole life."""
        wanted = {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._ahead),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # its remedy for an old glibc makes threads that wait for each other slow
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
