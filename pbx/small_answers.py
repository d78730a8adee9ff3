"""Which requests may be written to a WebSocket: those whose answer does not grow with the line.

Asterisk builds each frame that it sends over a WebSocket on the stack of the thread that sends it
(`ast_websocket_write` in res_http_websocket.c), and a stack has 496 KB: a longer answer ends
Asterisk, and all calls with it. So each request here has an answer about one channel, bridge or
prompt, or none; lists are read over HTTP, where Asterisk builds answers on the heap.
"""

from __future__ import annotations

import re

LONGEST_FRAME = 64 * 1024
"""What is longer is worth a warning: no answer comes near it, and 490,000 bytes end Asterisk."""

_ALLOWED = (
    "GET asterisk/ping",
    "PUT asterisk/modules/ID",
    "POST channels",  # originates one
    "GET channels/ID",
    "DELETE channels/ID",
    "GET channels/ID/variable",  # Asterisk cuts a value at 4,095 bytes
    "POST channels/ID/variable",
    "POST channels/ID/answer",
    "POST channels/ID/moh",
    "DELETE channels/ID/moh",
    "POST channels/ID/play/ID",
    "POST channels/ID/ring",
    "DELETE channels/ID/ring",
    "POST channels/ID/snoop",
    "POST channels/ID/snoop/ID",
    "POST channels/ID/transfer_progress",
    "GET playbacks/ID",
    "DELETE playbacks/ID",
    # the answer to the first lists who is in the bridge: no more than one call has legs
    "POST bridges/ID",
    "POST bridges/ID/addChannel",
    "DELETE bridges/ID",
)
_PATTERN = re.compile("|".join(_ALLOWED).replace("ID", "[^/?]+"))

# Read in the source of these, and in each release before them that OLDEST_ASTERISK allows.
_SEEN_IN = ((22, 11), (23, 5))


def told_of_long_frames(version: tuple[int, ...]) -> str:
    """Say in one sentence whether this Asterisk ends at a long answer over a WebSocket."""
    rest = "this line reads lists over HTTP, so it is not affected"
    if any(version[:1] == seen[:1] and version[:2] <= seen for seen in _SEEN_IN):
        return f"ends with all its calls at a WebSocket answer of 490 kB; {rest}"
    return f"may end with all its calls at a WebSocket answer of 490 kB, as 22.11 does; {rest}"


def check_answer_is_small(method: str, uri: str) -> None:
    """Raise ValueError for a request whose answer may be too long for a WebSocket."""
    if _PATTERN.fullmatch(f"{method} {uri}") is None:
        raise ValueError(
            f"{method} {uri} must not be sent over the WebSocket: it is not among the requests "
            "whose answers are known to be small, and a long answer ends Asterisk; use HTTP."
        )
