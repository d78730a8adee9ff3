"""The lines of the local journal: a checksum, whether the write goes on, and a body. Pure.

A program that is killed can have written the first pages of a write only: Linux looks for a deadly
signal between two pages of a file (`generic_perform_write`). So each line but the last of a write
is marked, and a reader knows whether the write was finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

LEAD = 9  # bytes of a line before its body: the checksum and one of these two
_LAST, _MORE = b" ", b"+"
"""The line is the last one of its write, or more follow. A version that knows no mark reads it too.
"""


def sealed(body: bytes) -> bytes:
    """Return a line of a write of its own: the checksum and the body, with no line break in it."""
    return b"%08x%s%s\n" % (crc32(body), _LAST, body)


def in_one_write(lines: Sequence[bytes]) -> list[bytes]:
    """Return these lines as those of one write, whatever they were before; none changes in size."""
    last = len(lines) - 1
    return [
        line[: LEAD - 1] + (_LAST if place == last else _MORE) + line[LEAD:]
        for place, line in enumerate(lines)
    ]


def finished(content: bytes) -> int:
    """Return how many bytes of a segment belong to writes that were finished.

    What follows has no line break, or a line that was to be followed by more. Zeros are no write
    that was cut short but blocks that a disk has lost: they stay, to be told of as damage.
    """
    end = content.rfind(b"\n") + 1
    if b"\0" in content[end:]:
        return len(content)
    while end:
        begin = content.rfind(b"\n", 0, end - 1) + 1
        if content[begin + LEAD - 1 : begin + LEAD] != _MORE:
            break
        end = begin
    return end


def opened(line: bytes) -> bytes | None:
    """Return the body of a line; None if it is damaged or not whole."""
    body = line[LEAD:-1]
    if line[-1:] != b"\n" or line[: LEAD - 1] != b"%08x" % crc32(body):
        return None
    return body
