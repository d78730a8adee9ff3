"""Runs one Asterisk for one line: checks its ports, starts it, waits until it serves, stops it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pbx.module_folder import fill_module_folder
from pbx.processes import end, start
from pbx.programs import Programs


class AsteriskError(Exception):
    """Asterisk could not be started; the message says why and what to do."""


def check_ports(bind: str, udp: Mapping[str, int], tcp: Mapping[str, int]) -> None:
    """Raise AsteriskError naming the first port that is taken, and its setting."""
    for kind, ports in ((socket.SOCK_DGRAM, udp), (socket.SOCK_STREAM, tcp)):
        for setting, port in ports.items():
            family = socket.AF_INET6 if ":" in bind else socket.AF_INET
            with socket.socket(family, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((bind, port))
                except OSError as error:
                    raise AsteriskError(
                        f"Port {port} cannot be used ({error.strerror}); is another line running? "
                        f"Set {setting} to another one."
                    ) from None


class Asterisk:
    """One Asterisk process; its whole state lies in `home`.

    `unread`: a file that is there while Asterisk has not read its configuration since it was
    changed. A start reads all of it, so the file goes before.
    """

    def __init__(
        self,
        programs: Programs,
        home: Path,
        *,
        writable: Sequence[Path],
        readable: Sequence[Path],
        unread: Path | None = None,
        more_writable: Callable[[], Sequence[Path]] = tuple,
    ) -> None:
        self.home = home
        self._more_writable = more_writable
        self._unread = unread
        self._programs = programs
        self._writable, self._readable = list(writable), list(readable)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that holds Asterisk, while it runs."""
        return None if self._process is None else self._process.pid

    def command(self, *, die_with_parent: bool) -> list[str]:
        """Make its folders ready and return what starts it; `console_file` gets what it prints."""
        for folder in ("lib", "spool", "run", "log"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        for left in (self.home / "run" / "asterisk.ctl", self.console_file, self._unread):
            if left is not None:
                left.unlink(missing_ok=True)
        if (self.home / "etc" / "modules.conf").exists():
            fill_module_folder(self._programs, self.home)
        return self._programs.command(
            "asterisk",
            "-f",
            "-C",
            str(self.home / "etc" / "asterisk.conf"),
            writable=[self.home, *self._writable, *self._more_writable()],
            readable=self._readable,
            die_with_parent=die_with_parent,
        )

    @property
    def console_file(self) -> Path:
        """What Asterisk has printed since its start."""
        return self.home / "log" / "console"

    async def start(self, *, within: float = 30.0) -> None:
        """Start it and wait until its modules are loaded; it dies with whoever started it."""
        command = self.command(die_with_parent=True)
        with self.console_file.open("wb") as output:
            self._process = process = await start(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            await self.booted(lambda: process.returncode is None, within=within)
        except AsteriskError:
            await self.stop()
            raise

    async def booted(self, lives: Callable[[], bool], *, within: float = 30.0) -> None:
        """Wait until its modules are loaded and it answers on its console socket.

        Raises AsteriskError if it is not in time, or if it does not live any more.
        """
        try:
            async with asyncio.timeout(within):
                while "fully booted" not in await self.console("core waitfullybooted"):
                    if not lives():
                        raise AsteriskError(
                            f"Asterisk ended at once: {self._last_words()} See {self.home / 'log'}."
                        )
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AsteriskError(
                f"Asterisk was not ready in {within:.0f} s; see {self.home / 'log'}."
            ) from None

    def _last_words(self) -> str:
        text = self.console_file.read_text("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if "ERROR" in line]
        return lines[-1][:300] if lines else "no error on its console."

    async def console(self, command: str, within: float = 10.0) -> str:
        """Run one CLI command and return what it prints; empty if nobody answers.

        By the control socket, as `asterisk -rx` does (main/asterisk.c, ast_remotecontrol): that
        program is a whole Asterisk to load, and who waits for one to boot would start dozens.
        """
        writer = None
        try:
            async with asyncio.timeout(within):
                socket_file = self.home / "run" / "asterisk.ctl"
                reader, writer = await asyncio.open_unix_connection(socket_file)
                writer.write(b"cli quit after " + command.encode() + b"\0")
                said = await reader.read()
        except (OSError, TimeoutError):
            return ""
        finally:
            if writer is not None:
                writer.close()
        # its first line tells the host, the pid and the version
        return said.partition(b"\n")[2].decode("utf-8", "replace").strip("\0")

    async def ended(self) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, within: float = 10.0) -> None:
        """Stop it, by force if it does not go in time."""
        await end(self._process, within=within)
