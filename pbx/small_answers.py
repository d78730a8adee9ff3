"""Which requests may be written to a WebSocket: those whose answer does not grow with the line.

Asterisk builds each frame that it sends over a WebSocket on the stack of the thread that sends it
(`ast_websocket_write` in res_http_websocket.c), and a stack has 496 KB: a longer answer ends
Asterisk, and all calls with it. So each request here has an answer about one channel, bridge or
prompt, or none; lists are read over HTTP, where Asterisk builds answers on the heap.
"""

from __future__ import annotations

import re

_ALLOWED = (
    "GET asterisk/ping",
    "PUT asterisk/modules/ID",
    "POST channels",  # originates one
    "GET channels/ID",
    "DELETE channels/ID",
    "GET channels/ID/variable",
    "POST channels/ID/answer",
    "POST channels/ID/moh",
    "DELETE channels/ID/moh",
    "POST channels/ID/play/ID",
    "POST channels/ID/ring",
    "POST channels/ID/snoop",
    "POST channels/ID/transfer_progress",
    "GET playbacks/ID",
    "DELETE playbacks/ID",
    # the answer to the first lists who is in the bridge: no more than one call has legs
    "POST bridges/ID",
    "POST bridges/ID/addChannel",
    "DELETE bridges/ID",
)
_PATTERN = re.compile("|".join(_ALLOWED).replace("ID", "[^/?]+"))


def check_answer_is_small(method: str, uri: str) -> None:
    """Raise ValueError for a request whose answer may be too long for a WebSocket."""
    if _PATTERN.fullmatch(f"{method} {uri}") is None:
        raise ValueError(
            f"{method} {uri} must not be sent over the WebSocket: it is not among the requests "
            "whose answers are known to be small, and a long answer ends Asterisk; use HTTP."
        )
