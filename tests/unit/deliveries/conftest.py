"""These tests run on the engine's loop: what ends a connection there is not asyncio's own code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the loop; pytest-asyncio asks for it."""
    return {"uvloop": uvloop.new_event_loop}
