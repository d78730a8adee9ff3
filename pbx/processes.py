"""Ends processes that we started: asked first, by force if they do not go in time."""

from __future__ import annotations

import asyncio
import contextlib
import signal


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
