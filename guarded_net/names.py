"""Asks the system for the addresses of a name, in threads of its own and a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any

Addresses = list[tuple[Any, ...]]
"""As socket.getaddrinfo returns them: family, type, protocol, canonical name, address."""

AT_ONCE = 8


class Names:
    """A DNS that does not answer must not hold up what others do in the loop's own threads.

    `ask(host, port)`: for tests; as a rule the system is asked.
    """

    def __init__(self, ask: Callable[[str, int], Addresses] | None = None) -> None:
        self._ask = ask or _ask_system
        self._asking = threading.BoundedSemaphore(AT_ONCE)

    async def addresses(self, host: str, port: int) -> Addresses:
        """Return the addresses; raises OSError. Who waits no longer may just be cancelled."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Addresses] = loop.create_future()
        if not self._asking.acquire(blocking=False):
            raise OSError(errno.EAGAIN, f"{AT_ONCE} questions wait for the DNS")

        def tell(found: Addresses, error: OSError | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(found)

        def ask() -> None:
            found: Addresses = []
            failed: OSError | None = None
            try:
                found = self._ask(host, port)
            except (OSError, UnicodeError) as error:
                failed = error if isinstance(error, OSError) else OSError(str(error))
            finally:
                self._asking.release()
            with contextlib.suppress(RuntimeError):  # the engine ends, and nobody waits any more
                loop.call_soon_threadsafe(tell, found, failed)

        threading.Thread(target=ask, name="dns", daemon=True).start()
        return await answer


def _ask_system(host: str, port: int) -> Addresses:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
