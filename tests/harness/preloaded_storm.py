"""`ngalam112 storm` whose engines are forked off a process that has imported everything.

An engine that is killed has another one beside it, as in production; on a busy machine the
interpreter takes many seconds to start the next one, and until then nobody stands by.
"""

from __future__ import annotations

import sys

import fork_server

import lab.storm.run
from ngalam112.cli import app

if __name__ == "__main__":
    lab.storm.run.start = fork_server.start
    sys.argv[0] = "ngalam112"
    app.main()
