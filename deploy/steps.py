"""How a step of the set-up is run: alone, with signs of life, and with one sentence if it fails."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pbx import root

LIFE_SIGN_S = 5.0
GRACE_S = 5.0

# what to say when a log says this
HINTS = {
    "No space left": "the disk is full",
    "Could not resolve": "there is no network",
    "Temporary failure": "there is no network",
    "Failed to establish a new connection": "there is no network",
    "Network is unreachable": "there is no network",
    "CERTIFICATE_VERIFY_FAILED": "the certificate of the package index is not trusted here",
    "do not match the hashes": "a package is not the one that it should be",
}

started = time.monotonic()


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


class Expired(SetupError):
    """Only the date in a mirror's Release file stopped a step."""


def say(text: str) -> None:
    """Print one line with the seconds since the start."""
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)  # noqa: T201 (no logging yet)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Wait until no other set-up of this user runs, and keep others waiting."""
    folder = root.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({error.strerror}); "
            "set XDG_CACHE_HOME to a folder of yours."
        ) from None
    with file:
        told = 0.0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - told > LIFE_SIGN_S * 2:
                    told = time.monotonic()
                    say("Another set-up is running; waiting for it.")
                time.sleep(0.2)
        yield


def run(what: str, argv: list[str]) -> None:
    """Run one step, saying every few seconds how far it is; raise SetupError if it fails."""
    say(what)
    log = root.cache_folder() / "setup.log"
    begun = told = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, stdin=None)
        try:
            while process.poll() is None:
                time.sleep(0.1)
                if time.monotonic() - told > LIFE_SIGN_S:
                    told = time.monotonic()
                    say(f"  ... for {told - begun:.0f} s: {last_line(log)}")
        except BaseException:
            # under sudo it is not ours to end; the terminal's Ctrl-C has reached it as well
            with contextlib.suppress(PermissionError):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE_S)
                process.kill()
            process.wait()
            raise
    if process.returncode != 0:
        text = log.read_text("utf-8", "replace")
        hint = next((hint for sign, hint in HINTS.items() if sign in text), last_line(log))
        failed = Expired if "is expired" in text else SetupError
        raise failed(f"{what} failed: {hint}. See {log}; fix it and run `make setup` again.")


def last_line(log: Path) -> str:
    """Return what a step said last, cut to the width of a terminal."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    told = [line[:100] for line in lines if line and not line.startswith(("WARNING", "W:"))]
    return told[-1] if told else "nothing said yet"


def trusting_old_lists(step: Callable[..., None], option: str) -> None:
    """Run a step; if apt finds its lists expired, once more without that check, and say so."""
    try:
        step()
    except Expired:
        say("apt calls the mirror's Release file expired: once more without that check.")
        say("(Signatures are still checked. If the clock of this machine is wrong, set it.)")
        step(option)


def as_root(why: str) -> list[str]:
    """Return what goes in front of a command that must be run by root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise SetupError(f"Root is needed to {why}; run `make setup` as root or install sudo.")
    return ["sudo"]
