"""Starts processes, and ends those that we started: asked first, by force if they do not go."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

END_S = 5.0


async def start(*argv: str, **options: Any) -> asyncio.subprocess.Process:
    """Start a program; the options are those of asyncio.create_subprocess_exec.

    Who is cancelled while it starts has no process to end, so it is ended here.
    """
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*argv, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await end(await starting, within=END_S)
        raise


async def end(
    process: asyncio.subprocess.Process | None,
    number: signal.Signals = signal.SIGTERM,
    *,
    within: float,
) -> None:
    """Send `number`, wait `within` seconds, then SIGKILL; harmless if it has ended."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
        try:
            async with asyncio.timeout(within):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
