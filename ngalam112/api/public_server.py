"""What the servers for anybody share: few connections, none that is silent, a port tried again.

They stand beside the API, each on a port of its own, and no call depends on them.
"""

from __future__ import annotations

import asyncio
import logging

import structlog
from aiohttp import web

from ngalam112.api.connection_limit import SILENCE_S, ConnectionLimit, body_in_time

MOST_CONNECTIONS = 32
LARGEST_BODY = 1024
LISTEN_EVERY_S = 5.0


class PublicServer:
    """One of them. `port`: where it serves, None while it does not.

    `name`: of its lines in the log, such as `links`. `setting`: with what the names of the settings
    that say where begin, such as `NGALAM112_LINK`.
    """

    def __init__(self, name: str, bind: str, port: int, setting: str) -> None:
        self._name, self._bind, self._wanted, self._setting = name, bind, port, setting
        self._log = structlog.get_logger(name)
        self._limit: ConnectionLimit | None = None
        self.port: int | None = None

    async def read(self, request: web.Request) -> None:
        """Read a request whole, before anything is done for it; TimeoutError if that takes long."""
        if self._limit is not None:
            self._limit.has_asked(request)
        await body_in_time(request)

    async def serve(self, application: web.Application) -> None:
        """Serve until cancelled; a port that is taken is tried again."""
        runner = web.AppRunner(
            application,
            access_log=None,
            logger=_SILENT,
            shutdown_timeout=1.0,
            keepalive_timeout=SILENCE_S,
            lingering_time=SILENCE_S,
        )
        await runner.setup()
        assert runner.server is not None
        self._limit = ConnectionLimit(runner.server, most=MOST_CONNECTIONS, name=self._name)
        listener = None
        try:
            listener = await self._listen(self._limit)
            self.port = self._wanted
            self._log.info(f"{self._name}_up", port=self.port)
            await asyncio.Event().wait()
        finally:
            self.port = None
            if listener is not None:
                listener.close()
            await runner.cleanup()

    async def _listen(self, limit: ConnectionLimit) -> asyncio.Server:
        loop, told, port = asyncio.get_running_loop(), False, self._wanted
        while True:
            try:
                return await loop.create_server(limit, self._bind, port, backlog=MOST_CONNECTIONS)
            except OSError as error:
                if not told:
                    what = f"set {self._setting}_PORT or {self._setting}_BIND to another one"
                    self._log.error(
                        f"{self._name}_down", port=port, error=error.strerror, what=what
                    )
                told = True
                await asyncio.sleep(LISTEN_EVERY_S)


def _silent() -> logging.Logger:
    """Where aiohttp's own lines go: anybody can write such by sending what is no HTTP."""
    logger = logging.getLogger("ngalam112.public_server.silent")
    logger.disabled = True
    return logger


_SILENT = _silent()
