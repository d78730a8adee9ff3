"""What a play, a storm or a bench does when somebody ends it: it tidies up, and says so."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def unless_ended(work: Awaitable[T], interrupted: Exception) -> T:
    """Do the work to its end; SIGTERM ends it in order, as Ctrl-C does anyway.

    Raises `interrupted` if it was ended.
    """
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise interrupted from None
