"""What the process of `fork_server.py` does: it forks, and each child becomes what is wanted."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import sys
from pathlib import Path
from typing import Any

LONGEST = 200_000  # bytes of a request: arguments and environment
_MOST_DESCRIPTORS = 4096  # the server has a dozen
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(asked: socket.socket, *, ends_children: bool = True) -> list[str]:
    """Answer requests; returns in each child, with its arguments. Ends when nobody asks."""
    children: set[int] = set()
    while True:
        data, descriptors, _, _ = socket.recv_fds(asked, LONGEST, 3)
        if not data:
            break
        request = json.loads(data)
        if "reap" in request:
            pid = request["reap"]
            _, status = os.waitpid(pid, 0)
            children.discard(pid)
            answer = os.waitstatus_to_exitcode(status)
        else:
            became, becomes = os.pipe()
            answer = os.fork()
            if answer == 0:
                return _become(request, descriptors)
            if not request.get("dies_with_parent"):  # it is told, and ends in order
                children.add(answer)
            os.close(becomes)
            os.read(became, 1)  # until it has closed all that it does not need
            os.close(became)
        for one in descriptors:
            os.close(one)
        try:
            asked.send(b"%d" % answer)
        except BrokenPipeError:  # who asked is dead, and has started nobody
            if "reap" not in request:
                os.kill(answer, signal.SIGKILL)
            break
    for pid in children if ends_children else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _become(request: dict[str, Any], descriptors: list[int]) -> list[str]:
    """Be what `python -m ngalam112` would be: its streams, environment, folder and session."""
    if request["new_session"]:
        os.setsid()
    if request.get("dies_with_parent"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    for own, given in enumerate(descriptors):
        os.dup2(given, own)
    # those of the server remember what kind of file they had
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(request["env"])
    _show(48, [sys.executable, "-m", *request["argv"]])
    _show(50, [f"{name}={value}" for name, value in sorted(request["env"].items())])
    os.chdir(request["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    os.closerange(3, _MOST_DESCRIPTORS)
    return list(request["argv"])


def _show(field: int, words: list[str]) -> None:
    """Have the kernel show these words: where field 48 of stat begins arguments, 50 environment.

    proc(5). The environment that it showed before is used by nobody once it was cleared.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[field - 3]), int(fields[field - 2])
    text = b"\0".join(os.fsencode(word) for word in words) + b"\0"
    ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)
