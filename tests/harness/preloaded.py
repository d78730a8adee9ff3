"""What a forked `up`, play of chaos or storm starts is forked as well, if it has FORKS.

Each starts engines, or an `up` with three of them, and each of these would import for two seconds
of CPU. All else is as it is in production: every one is a process of its own in a session of its
own, has the command line and the environment that it is given, and ends as it would.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import fork_server
import preloaded_up
import serving_forks

_PLAYS = {"chaos": "lab.chaos.line", "storm": "lab.storm.run"}
"""The commands, and the module by whose `start` each starts what is to be forked."""


def begin(commands: Callable[..., Any]) -> None:
    """In a process that was just forked: have what it starts forked off, or be `up` at once."""
    command = sys.argv[1]
    if command == "up":
        preloaded_up.main(commands)
    if command not in _PLAYS:
        return
    # the process beside the play is forked as long as that has neither thread nor event loop
    ours, theirs = fork_server.sockets()
    if os.fork() == 0:
        ours.close()
        os.setsid()  # who ends the play ends this by that
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.argv = serving_forks.serve(theirs)
        if sys.argv[1] == "up":
            preloaded_up.main(commands)
        return
    theirs.close()
    fork_server.use(fork_server.Server(ours))
    sys.modules[_PLAYS[command]].start = fork_server.start  # type: ignore[attr-defined]
