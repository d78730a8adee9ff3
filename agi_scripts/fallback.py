#!/usr/bin/env -S python3 -IS
"""Serves a citizen whom no engine serves: all phones together, the agencies, words, and again.

An AGI script of the dialplan's context `fallback`. Standard library only, so that it works when all
else is broken. It leaves one JSON record a call in the spool folder for `ngalam112.spool`. Where it
fails it ends without hanging up (exit 1), and the dialplan serves the citizen without it. An engine
that comes back may take the citizen out of it, as long as nobody has answered.
Arguments: [--hung-up] spool phones_file sounds music why asterisk_id arrived_at. With --hung-up the
call is over and only its record is made good.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

RING_S = 20  # all phones together; then each agency's number
AT_ONCE = 400  # phones that are rung together; no more fit into one command
PAUSE_S = 1.0  # between two attempts, so that nothing that fails at once can make this spin

_PHONE = re.compile(r"[0-9]{2,6}")
_AGENCY = re.compile(
    r"([0-9]{1,10})\|(\*|([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9]))"
    r"\|(PJSIP/outside/sip:[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+(?::[0-9]{1,5})?)"
)
_REPLY = re.compile(r"(\d{3})(?!-)(?: result=(-?\d+))?(?: \((.*)\))?")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_anchor = {"boot": "", "offset": time.time() - time.monotonic()}
with contextlib.suppress(OSError):
    _anchor["boot"] = BOOT_ID.read_text().strip()


def clock() -> float:
    """Return seconds since the epoch that never step while this call lives."""
    return _anchor["offset"] + time.monotonic()


class Agi:
    """The talk with Asterisk on its two pipes; EOFError and OSError: Asterisk is gone."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self.said: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            self.said.setdefault(name, value)
        # A newline in a caller's number ends the above early and forges replies: skip whatever
        # follows until Asterisk repeats what no caller can know.
        secret = os.urandom(12).hex()
        self._send(f"GET FULL VARIABLE {secret}")
        while self._line() != f"200 result=1 ({secret})":
            continue

    def _line(self) -> str:
        line = self._source.readline()
        if not line:
            raise EOFError
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def _send(self, command: str) -> None:
        self._sink.write(command.encode() + b"\n")
        self._sink.flush()

    def ask(self, command: str) -> tuple[int, int, str]:
        """Have a command done; return the reply's code, its result (-1 if none) and its value."""
        self._send(command)
        while (reply := _REPLY.match(self._line())) is None:
            continue
        return int(reply[1]), int(reply[2] or -1), reply[3] or ""

    def value(self, expression: str) -> str:
        """Return what a dialplan expression is now; empty if it cannot be told."""
        return self.ask(f'GET FULL VARIABLE "{expression}"')[2]

    def citizen_there(self) -> bool:
        """Whether the citizen has not hung up (511: the channel is dead)."""
        code, result, _ = self.ask("WAIT FOR DIGIT 1")
        return code != 511 and not (code == 200 and result == -1)

    def caller(self) -> dict[str, str]:
        """Return who calls whom, as texts that are safe to keep."""
        keys = {"caller_number": "agi_callerid", "caller_name": "agi_calleridname"}
        texts = {field: self.said.get(name, "") for field, name in keys.items()}
        texts["called_number"] = self.value("${FILTER(0-9+*#,${CALLERID(dnid)})}")
        return {
            field: "" if text == "unknown" else "".join(filter(str.isprintable, text))[:64].strip()
            for field, text in texts.items()
        }


class Record:
    """The record of one call: one file, whole at any moment, locked while this process lives."""

    def __init__(self, spool: str, asterisk_id: str, arrived_at: float, why: str) -> None:
        self.fields: dict[str, Any] = {"version": 1, "asterisk_id": asterisk_id, "why": why}
        self.fields |= {"caller_number": "", "caller_name": "", "called_number": ""}
        self.fields |= {"arrived_at": arrived_at, "answered_at": None, "ended_at": None}
        self.fields |= {"phone": None, "status": "started", "ended_by": None}
        # an engine, whose clock may be anchored elsewhere, tells the times by its own
        self.fields |= _anchor
        # which step of the ladder answered: phone or agency. A call may be served twice
        self.fields |= {"step": None, "run": os.urandom(8).hex(), "began_at": clock()}
        safe = re.sub(r"[^A-Za-z0-9.-]", lambda sign: f"_{ord(sign[0]):x}", asterisk_id)[:150]
        name = safe or f"{arrived_at:.6f}-{os.getpid()}"
        self.path = Path(spool) / f"call-{name}.json"
        self._first = threading.Thread(target=self._write, daemon=True)

    def begin(self) -> None:
        """Write the first state beside the call: no citizen waits for a slow disk."""
        self._first.start()

    def end(self, status: str, ended_by: str) -> bool:
        """Write the last state; False if it could not be kept."""
        self.fields.update(status=status, ended_by=ended_by)
        self.fields["ended_at"] = self.fields["ended_at"] or clock()
        if self._first.ident is not None:
            self._first.join()
        return self._write()

    def _write(self) -> bool:
        text = json.dumps(self.fields)
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            if not self.path.is_absolute():
                raise OSError("no spool folder was given")
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # never closed: a record without an end that nobody holds was left by a dead process
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.write(file, text.encode()) < len(text):
                raise OSError("no space left")
            os.fsync(file)
            new.replace(self.path)
        except OSError as error:
            tell(f"The record of a call cannot be kept as {self.path}: {error}. It is {text}")
            return False
        return True


def tell(sentence: str) -> None:
    """Say on Asterisk's own console what went wrong."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"fallback: {sentence}\n")


def known_phones(path: str) -> list[str]:
    """Return the numbers in the list of phones; a line that is none is left out."""
    try:
        lines = Path(path).read_bytes().decode("ascii", "replace").splitlines()
    except OSError as error:
        tell(f"The list of phones {path} cannot be read: {error}. A start of the engine mends it.")
        return []
    return list(dict.fromkeys(line.strip() for line in lines if _PHONE.fullmatch(line.strip())))


def registered_phones(agi: Agi, path: str) -> list[str]:
    """Return the phones that can ring; one of which nothing can be told is tried."""
    ask = "${{DEVICE_STATE(PJSIP/{0})}}/${{LEN(${{PJSIP_DIAL_CONTACTS({0})}})}}"
    states = {phone: agi.value(ask.format(phone)) for phone in known_phones(path)}
    away = re.compile("(UNAVAILABLE|INVALID)/0?")
    return [phone for phone, state in states.items() if not away.fullmatch(state)][:AT_ONCE]


def open_agencies(path: str) -> list[tuple[str, str]]:
    """Return number and dial string of the agencies that are open (hours are UTC), in their order.

    The list lies beside that of the phones; a line that makes no sense is left out.
    """
    try:
        lines = Path(path).with_name("agencies.list").read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    minute = int(clock() // 60) % 1440
    found = []
    for one in filter(None, map(_AGENCY.fullmatch, lines)):
        if one[2] != "*":
            first, last = (int(one[at]) * 60 + int(one[at + 1]) for at in (3, 5))
            within = first <= minute < last
            if not (within if first < last else minute >= first or minute < last):
                continue
        found.append((one[1], one[7]))
    return found


def ring(agi: Agi, record: Record, targets: str, music: str, agency: str = "") -> str | None:
    """Ring all targets together; return who ended the talk once it is over, None without one."""
    # for who makes the record good if this process is killed
    agi.ask(f'SET VARIABLE FALLBACK_AGENCY "{agency}"')
    # g: when the operator hangs up the citizen is still there, so we know who hung up
    options = f"gm({music})U(fallback-answered)"
    _, result, _ = agi.ask(f'EXEC Dial "{targets},{RING_S},{options}"')
    if not note_talk(agi, record):
        return None
    return "operator" if result == 0 else "caller"


def note_talk(agi: Agi, record: Record) -> bool:
    """Take over who answered, and when, of a talk that ends now; False if nobody did."""
    now = clock()
    if agi.value("${DIALSTATUS}") != "ANSWER":
        return False
    agency, phone = agi.value("${FALLBACK_AGENCY}"), agi.value("${DIALEDPEERNUMBER}")
    record.fields["step"] = "agency" if agency else "phone"
    record.fields["phone"] = agency or (phone if _PHONE.fullmatch(phone) else None)
    record.fields["answered_at"] = moment(
        agi.value("${ANSWERED_AT}"), now, since=record.fields["arrived_at"]
    )
    record.fields["ended_at"] = now
    return True


def ladder(agi: Agi, phones_file: str) -> Iterator[tuple[str, str]]:
    """Yield what to ring, step by step, and whose it is: "" for the phones."""
    if phones := registered_phones(agi, phones_file):
        yield "&".join(f"PJSIP/{phone}" for phone in phones), ""
    for agency, target in open_agencies(phones_file):
        yield target, agency


def serve(agi: Agi, record: Record, phones_file: str, sounds: str, music: str) -> tuple[str, str]:
    """Serve until a talk is over, or the citizen hangs up or is taken; return status, ended_by."""
    agi.ask("ANSWER")
    digits = re.sub(r"[^0-9+*#]", "", record.fields["caller_number"])[:32]
    # the phones show FALLBACK and the number, even one that is withheld from people
    for name, shown in (("num", digits), ("name", "FALLBACK"), ("pres", "allowed")):
        agi.ask(f'SET VARIABLE CALLERID({name}) "{shown}"')
    message = re.sub(r'(["\\])', r"\\\1", f"{sounds}/fallback")
    while agi.citizen_there():
        for targets, agency in ladder(agi, phones_file):
            # the music begins with the message, so the phones ring from the first second on
            ended_by = ring(agi, record, targets, music, agency)
            if taken_back(agi):
                break
            if ended_by is not None:
                return "answered", ended_by
            if not agi.citizen_there():
                break
        if agi.citizen_there():
            agi.ask(f'STREAM FILE "{message}" ""')
            time.sleep(PAUSE_S)
    return ("taken_back", "engine") if taken_back(agi) else ("unanswered", "caller")


def taken_back(agi: Agi) -> bool:
    """Whether an engine has taken the citizen to another place of the dialplan."""
    return agi.value("${CONTEXT}") not in ("fallback", "")


def make_good(agi: Agi, record: Record) -> None:
    """The call is over: leave its record, unless it is there and whole."""
    found = {}
    with contextlib.suppress(OSError, ValueError):
        found = dict(json.loads(record.path.read_bytes()))
    whole = found.get("ended_at") is not None and found.get("ended_by") != "asterisk"
    if whole and found.get("status") != "taken_back":
        return
    if "" != _anchor["boot"] == found.get("boot") and isinstance(found.get("offset"), float):
        # by the clock of the process that was killed; somebody may have set the machine's since
        record.fields |= {name: found[name] for name in ("arrived_at", "began_at") if name in found}
        _anchor["offset"] = record.fields["offset"] = found["offset"]
    record.fields["run"] = found.get("run", record.fields["run"])
    if note_talk(agi, record):
        record.end("answered", "caller")
    else:
        record.end("unanswered" if found or agi.value("${FALLBACK}") else "hung_up", "caller")


def moment(text: str, otherwise: float, since: float | None = None) -> float:
    """Return the time that the dialplan wrote down, or `otherwise` where it makes no sense.

    If the machine's clock was set during this call, the time may be by the new one.
    """
    now = clock()
    since = now - 86_400 if since is None else since
    with contextlib.suppress(ValueError):
        for at in (float(text), float(text) - (time.time() - now)):
            if since < at <= now:
                return at
    return otherwise


def main() -> int:
    """Serve one call; 0 if its record is whole, 1 if the dialplan must go on with the citizen."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # Asterisk's word for: the citizen hung up
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Asterisk's service is stopped
    given = [argument for argument in sys.argv[1:] if argument != "--hung-up"] + [""] * 7
    spool, phones_file, sounds, music, why, asterisk_id, arrived = given[:7]
    second = asterisk_id.rpartition("-")[2].partition(".")[0]  # an id is [name-]second.counter
    record = Record(spool, asterisk_id, moment(arrived, moment(second, clock())), why)
    try:
        agi = Agi(sys.stdin.buffer, sys.stdout.buffer)
        record.fields.update(agi.caller())
        if "--hung-up" in sys.argv:
            make_good(agi, record)
            return 0
        record.begin()
        status, ended_by = serve(agi, record, phones_file, sounds, music)
        if status != "taken_back":
            agi.ask("HANGUP")
        if record.end(status, ended_by) and status != "taken_back":
            agi.ask("SET VARIABLE FALLBACK_RECORDED yes")
    except (EOFError, OSError, AttributeError, KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        record.end(record.fields["status"], "asterisk")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
