#!/usr/bin/env -S python3 -IS
"""Takes citizens whose engine is gone out of Stasis, into the fallback.

A process of its own that works while the engine, its socket, the database and the supervisor are
gone: standard library only, imports nothing of ours, talks AMI over a plain socket. An engine that
serves writes its time (CLOCK_MONOTONIC) into the beat file twice a second; once that is too old,
dead, frozen or cut off from Asterisk, every citizen who is in Stasis and talks with nobody is
redirected, again and again until an engine beats.
Arguments: ami_port secret_file beat_file [after_s]. Stops at SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

AFTER_S = 4.0  # so old is the beat of an engine that does not come back by itself
LOOK_S = 0.25  # how often we look at the beat, and while it is old, at the channels
HELD_UP_S = 1.0  # if we come so late, the whole machine stood still, and the engine with us
REPLY_S = 3.0
CITIZENS, IN_STASIS, TO = "citizens", ("Stasis", "StasisBroadcast"), "orphaned"

Block = list[tuple[str, str]]

_CHANNEL = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.:@-]+")
_EXTEN = re.compile(r"[0-9]{1,16}")


class AmiError(Exception):
    """Asterisk does not do what is asked over AMI; the message says what."""


class Ami:
    """One connection; every wait has a limit. Raises OSError, EOFError and AmiError."""

    def __init__(self, port: int, user: str, secret: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_S)
        self._lines = self._socket.makefile("rb")
        try:
            self._lines.readline(200)  # what it calls itself
            self.ask("Login", Username=user, Secret=secret, Events="off")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        self._lines.close()
        self._socket.close()

    def ask(self, action: str, **fields: str) -> list[Block]:
        """Have an action done; return the blocks that answer it, all of a list."""
        # callers' texts stand in what Asterisk says; none can know this
        tag = ("ActionID", os.urandom(12).hex())
        wanted = [("Action", action), tag, *fields.items()]
        text = "".join(f"{name}: {value}\r\n" for name, value in wanted)
        self._socket.sendall(f"{text}\r\n".encode())
        blocks: list[Block] = []
        until = time.monotonic() + REPLY_S
        while time.monotonic() < until:
            block = self._block()
            if tag not in block:
                continue
            said = dict(reversed(block))
            if said.get("Response") == "Error":
                raise AmiError(f"{action}: {said.get('Message', 'refused')}")
            blocks.append(block)
            is_list = ("EventList", "start") in blocks[0]
            if not is_list or ("EventList", "Complete") in block:
                return blocks
        raise AmiError(f"{action}: no answer within {REPLY_S:g} s")

    def _block(self) -> Block:
        block: Block = []
        while True:
            line = self._lines.readline(65_536)
            if not line:
                raise EOFError("Asterisk has closed the connection")
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if not text:
                return block
            name, _, value = text.partition(": ")
            block.append((name, value))


def stranded(blocks: Iterable[Block]) -> list[tuple[str, str]]:
    """Return channel and extension of the citizens in Stasis who talk with nobody.

    `blocks`: what Status tells. Where two blocks tell of one channel, the doubt is in favour of a
    talk: nobody is taken out of one.
    """
    states = [dict(reversed(block)) for block in blocks]  # what is said first counts
    together: dict[str, set[str]] = {}
    for one in states:
        together.setdefault(one.get("BridgeID", ""), set()).add(one.get("Channel", ""))
    found, others = {}, set()
    for one in states:
        name, bridge = one.get("Channel", ""), one.get("BridgeID", "")
        citizen = one.get("Context") == CITIZENS and one.get("Application") in IN_STASIS
        if not citizen or (bridge and len(together[bridge]) > 1):
            others.add(name)
        elif _CHANNEL.fullmatch(name):
            exten = one.get("Exten", "")
            found[name] = exten if _EXTEN.fullmatch(exten) else "112"
    return [(name, exten) for name, exten in found.items() if name not in others]


def last_beat(path: Path) -> float:
    """Return when the engine beat last, by time.monotonic(); never, if that cannot be told."""
    try:
        beat = float(path.read_text("ascii"))
    except (OSError, ValueError):
        return float("-inf")
    # a time to come was written before the machine was started anew
    return beat if beat <= time.monotonic() + LOOK_S else float("-inf")


def tell(sentence: str) -> None:
    """Write to the log; no caller's number, no name."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{time.strftime('%FT%TZ', time.gmtime())} rescue: {sentence}\n")
        sys.stdout.flush()


class Rescuer:
    """Looks after the citizens while no engine does."""

    def __init__(self, port: int, secret_file: Path, beat_file: Path, after_s: float) -> None:
        self._port, self._secret_file, self._beat_file = port, secret_file, beat_file
        self._after_s = after_s
        self._ami: Ami | None = None
        self._watched_since = self._looked_at = time.monotonic()
        self._said = ""

    def look(self) -> None:
        """Look once; whatever fails is said, and tried again at the next look."""
        now = time.monotonic()
        if now - self._looked_at > HELD_UP_S:
            self._watched_since = now
        self._looked_at = now
        if self._beats():
            self._close("")
            return
        try:
            self._rescue()
        except (OSError, EOFError, AmiError, ValueError) as error:
            self._close(f"Asterisk cannot be asked over AMI: {error or type(error).__name__}.")
        self._looked_at = time.monotonic()  # waiting for Asterisk is no standstill

    def _beats(self) -> bool:
        """Whether an engine has beaten lately, or may have."""
        beat = max(last_beat(self._beat_file), self._watched_since)
        return time.monotonic() - beat <= self._after_s

    def _rescue(self) -> None:
        if self._ami is None:
            self._ami = Ami(self._port, "rescue", self._secret_file.read_text("ascii").strip())
            tell(f"No engine has beaten for {self._after_s:g} s; looking for its citizens.")
        for channel, exten in stranded(self._ami.ask("Status")):
            if self._beats():
                return  # an engine has come meanwhile, and serves whoever is left
            where = {"Context": TO, "Exten": exten, "Priority": "1"}
            try:
                self._ami.ask("Redirect", Channel=channel, **where)
            except AmiError as error:
                tell(f"{channel} cannot be taken to the fallback: {error}.")
            else:
                tell(f"{channel} is taken to the fallback.")

    def _close(self, why: str) -> None:
        if why and why != self._said:
            tell(why)
        if self._ami is not None and not why:
            tell("An engine beats again.")
        self._said = why
        if self._ami is not None:
            self._ami.close()
            self._ami = None


def main() -> int:
    """Look until stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    port, secret_file, beat_file, *after_s = sys.argv[1:]
    rescuer = Rescuer(
        int(port), Path(secret_file), Path(beat_file), float(after_s[0]) if after_s else AFTER_S
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            rescuer.look()
            time.sleep(LOOK_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
