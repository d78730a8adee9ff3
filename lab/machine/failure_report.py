"""Keeps what tells the cause of a failure before the state folder of a play or a test is removed.

Copied are the logs, never a file that holds secrets; secrets of the line that stand in a log all
the same, such as the passwords that `ngalam112 up` prints, are taken out of the copy.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import socket
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from lab.machine.stalls import stalls

WHAT_HAPPENED = "what_happened.txt"
STALLS = "stalls.txt"
ASTERISK_NOW = "asterisk_now.txt"
MOST_KEPT = 10

# what tells a cause, by its path in the state folder, wherever in it the line lies; the last ones
# are SIPp's (`lab/actors/sipp.py`)
_TELLS = re.compile(
    r"(^|/)(log/engine\.jsonl|log/engine-[^/]*\.out|log/rescue\.log|up\.txt|row\.json"
    r"|asterisk/log/(console|messages)|softphones/[^/]+/log|[^/]+-\d+\.(errors|log|notes))$"
)
# what a living Asterisk is asked: whose call stands where
_QUESTIONS = (
    "core show channels verbose",
    "bridge show all",
    "pjsip show contacts",
    "ari show apps",
)
_ANSWERS_WITHIN_S = 2.0
_MOST_BYTES = 4 << 20
_LEFT_OUT = "(secret)"
_WARNINGS, _FIRST_ERRORS, _LINE = 30, 10, 500
_SPOKEN = re.compile(r"(?i)\b(password|pin(?=[\W]+\d))(\"?[ =:]+\"?)[^\s,;\"]+")
_RENDERED = re.compile(r"(?m)^\s*(?:password|password_digest|secret)\s*=>?\s*(\S+)")


def keep_failure(home: Path, into: Path, facts: Mapping[str, str]) -> Path:
    """Copy what tells the cause out of the state folder `home` into a new folder; return that.

    It is `into`, or that name with a number behind if there is such a folder. `facts`: what is
    known of the failure, by name, such as seed and scenario; it begins the file
    `what_happened.txt`. A line that still runs may go on writing.
    """
    into = _made(into)
    secrets = _secrets(home)
    for file in _telling(home):
        to = into / file.relative_to(home)
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):
            to.write_text(_without(secrets, _read(file)), "utf-8")
    for console in home.rglob("asterisk/run/asterisk.ctl"):
        to = into / console.relative_to(home).parents[1] / ASTERISK_NOW
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        to.write_text(_without(secrets, _said_by(console)), "utf-8")
    stood_still = "".join(f"{line}\n" for line in _stalls())
    (into / STALLS).write_text(stood_still or "none\n", "utf-8")
    (into / WHAT_HAPPENED).write_text(_without(secrets, _told(into, facts)), "utf-8")
    return into


def keep_newest(folder: Path, most: int = MOST_KEPT) -> None:
    """Remove the oldest folders of failures in `folder`, so that no more than `most` stay."""
    kept = sorted(folder.glob(f"*/{WHAT_HAPPENED}"), key=lambda file: file.stat().st_mtime)
    for file in kept[: max(0, len(kept) - most)]:
        shutil.rmtree(file.parent, ignore_errors=True)


def keep_and_say(
    home: Path, folder: Path, name: str, facts: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Keep a failure of a play in a folder of `folder` that has its name and the time; name it."""
    try:
        kept = keep_failure(home, named_by_time(folder, name), facts)
        keep_newest(folder)
    except OSError as error:
        say(f"what tells the cause could not be kept: {error}")
    else:
        say(f"what tells the cause is kept in {kept}")


@contextlib.contextmanager
def kept_if_it_breaks(
    home: Path,
    folder: Path,
    name: str,
    facts: Mapping[str, str],
    say: Callable[[str], None],
    *,
    but: type[Exception],
) -> Iterator[None]:
    """Keep what tells the cause if the block ends by an error, other than that it was ended."""
    try:
        yield
    except but:
        raise
    except Exception as error:
        told = "".join(traceback.format_exception(error))
        keep_and_say(home, folder, name, {**facts, "error": told}, say)
        raise


def named_by_time(folder: Path, name: str) -> Path:
    """The path of a folder for a failure of `name` that happens now."""
    return folder / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _made(into: Path) -> Path:
    names = (into, *(into.with_name(f"{into.name}-{number}") for number in range(2, 1000)))
    for one in names:
        with contextlib.suppress(FileExistsError):
            one.mkdir(parents=True, mode=0o700)
            return one
    raise FileExistsError(f"{into} and all names with a number behind it are taken")


def _telling(home: Path) -> Iterator[Path]:
    for file in sorted(home.rglob("*")):
        if _TELLS.search(file.relative_to(home).as_posix()) and file.is_file():
            yield file


def _read(file: Path) -> str:
    """The text of a file; of a long one its beginning and its end."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        if size <= _MOST_BYTES:
            data = opened.read()
        else:
            data = opened.read(_MOST_BYTES // 4)
            opened.seek(size - _MOST_BYTES * 3 // 4)
            data += b"\n(%d bytes are left out here)\n" % (size - _MOST_BYTES) + opened.read()
    return data.decode("utf-8", "replace")


def _secrets(home: Path) -> list[str]:
    """Every secret that the state folder holds, the longest first."""
    found: set[str] = set()
    for file in home.rglob("secrets.json"):
        with contextlib.suppress(OSError, ValueError):
            found |= {str(value) for value in json.loads(file.read_text()).values()}
    for file in home.rglob("rescue.secret"):
        with contextlib.suppress(OSError):
            found.add(file.read_text().strip())
    for file in home.rglob("asterisk/etc/*.conf"):
        with contextlib.suppress(OSError):
            found |= set(_RENDERED.findall(file.read_text("utf-8", "replace")))
    return sorted((one for one in found if len(one) > 3), key=len, reverse=True)


def _without(secrets: Iterable[str], text: str) -> str:
    for one in secrets:
        text = text.replace(one, _LEFT_OUT)
    return _SPOKEN.sub(rf"\1\2{_LEFT_OUT}", text)


def _said_by(console: Path) -> str:
    """What the Asterisk of a line says now of its channels, as far as it answers in time."""
    said = ""
    for question in _QUESTIONS:
        answer, error = _answer(console, question)
        said += f"{question}:\n{answer}\n"
        if error:
            return f"{said}no answer: {error}\n"
    return said


def _answer(console: Path, question: str) -> tuple[str, str]:
    """What came in time, and what went wrong."""
    answer, error = b"", ""
    until = time.monotonic() + _ANSWERS_WITHIN_S
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(_ANSWERS_WITHIN_S)
            asked.connect(str(console))
            asked.sendall(b"cli quit after " + question.encode() + b"\0")
            while part := asked.recv(1 << 16):
                answer += part
                asked.settimeout(max(0.01, until - time.monotonic()))
    except OSError as broken:
        error = str(broken)
    return answer.decode("utf-8", "replace").replace("\0", ""), error


def _stalls() -> Iterator[str]:
    ahead = time.time() - time.monotonic()
    for begin, end in stalls(0.0):
        at = datetime.fromtimestamp(begin + ahead, UTC).isoformat(timespec="milliseconds")
        yield f"{at}  for {end - begin:.2f} s"


# --- what_happened.txt ------------------------------------------------------------------------


def _told(kept: Path, facts: Mapping[str, str]) -> str:
    parts = [f"{name}: {value}" for name, value in facts.items()]
    parts.append(_part("When the machine stood still (UTC)", _lines(kept / STALLS)))
    for file in sorted(kept.rglob("engine.jsonl")):
        warnings = [line for line in _lines(file) if _is_warning(line)]
        where = file.relative_to(kept)
        parts.append(_part(f"The last warnings and errors in {where}", warnings[-_WARNINGS:]))
    errors = [
        f"{file.name}: {line}"
        for file in sorted(kept.rglob("*.errors"))
        for line in itertools.islice(filter(_begins_entry, _lines(file)), 3)
    ]
    parts.append(_part("SIPp's first errors", errors[:_FIRST_ERRORS]))
    for name, pattern in (("The engines' output", "engine-*.out"), ("up said last", "up.txt")):
        said = [line for file in sorted(kept.rglob(pattern)) for line in _lines(file)[-5:]]
        parts.append(_part(name, said))
    return "\n".join(parts) + "\n"


def _part(title: str, lines: Iterable[str]) -> str:
    return "\n".join((f"\n{title}:", *(f"  {line[:_LINE]}" for line in list(lines) or ["none"])))


def _lines(file: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return [line for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    return []


def _is_warning(line: str) -> bool:
    try:
        return json.loads(line).get("level") not in ("debug", "info")
    except (ValueError, AttributeError):
        return True  # a traceback that nobody caught is no JSON


def _begins_entry(line: str) -> bool:
    """Whether the line begins with a moment, as an error of SIPp does; the message follows it."""
    return re.match(r"\d{4}-\d\d-\d\d\s", line) is not None
