"""A command that is forked off behaves as one that Python starts, and nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any

import fork_server
import pytest
from databases import with_tables
from lines import line_settings

from lab.machine.waiting import eventually_sync
from ngalam112.config.settings import PROJECT
from pbx import processes

STARTS = pytest.mark.parametrize("start", [fork_server.start, processes.start])

HARNESS = str(PROJECT / "tests" / "harness")


async def ran(start: Any, *args: str, **env: str) -> tuple[int, bytes, bytes]:
    process = await start(
        *(sys.executable, "-m", "ngalam112", *args),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={"PATH": os.environ["PATH"], "COLUMNS": "100", **env},
        cwd=PROJECT,
    )
    out, err = await process.communicate()
    return process.returncode, out, err


@STARTS
async def test_exit_codes_and_both_outputs_are_the_same(start: Any, tmp_path: Path) -> None:
    code, out, err = await ran(start, "--version")
    assert (code, out[:10], err) == (0, b"ngalam112 ", b"")
    code, out, err = await ran(start, "flood")
    assert (code, out) == (2, b"") and b"No such command 'flood'" in err
    code, out, err = await ran(start, "status", NGALAM112_HOME=str(tmp_path / "nowhere"))
    assert (code, out) == (1, b"") and err.startswith(b"ngalam112: ")


@STARTS
async def test_the_process_of_reports_answers_until_its_input_ends(
    start: Any, tmp_path: Path
) -> None:
    settings = line_settings(tmp_path / "home")
    await with_tables(settings.url)
    process = await start(
        *(sys.executable, "-m", "ngalam112.api.report_process"),
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 20,
        env=settings.environment(),
        cwd=PROJECT,
    )
    process.stdin.write(b'{"path":"/api/summary","params":{}}\n')
    await process.stdin.drain()
    assert await process.stdout.readline() == b"{}\n"
    assert b'"offered":0' in await process.stdout.readline()
    process.stdin.close()
    assert await process.wait() == 0


@STARTS
async def test_it_has_the_environment_that_was_given_and_no_other(start: Any) -> None:
    os.environ["NGALAM112_SIP_PORT"] = "no port"
    try:
        code, _, err = await ran(start, "sounds", "build", NGALAM112_MENU_FILE="x", TZ="UTC")
        assert "SIP_PORT" not in err.decode(), "of the test's own environment"
        code, _, err = await ran(start, "status", NGALAM112_API_PORT="no port")
        assert (code, b"NGALAM112_API_PORT" in err) == (1, True), err
    finally:
        del os.environ["NGALAM112_SIP_PORT"]


async def engine(start: Any, home: Path) -> Any:
    """An engine that waits for a database that is not there, in a session of its own."""
    return await start(
        *(sys.executable, "-m", "ngalam112", "rescue"),
        env={"PATH": os.environ["PATH"], "NGALAM112_HOME": str(home)},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )


async def test_it_shows_its_own_command_line_and_environment(tmp_path: Path) -> None:
    process = await fork_server.start(
        *(sys.executable, "-m", "ngalam112", "engine", "--name", "9"),
        env={"PATH": os.environ["PATH"], "NGALAM112_HOME": str(tmp_path)},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    shown = [Path(f"/proc/{process.pid}/{name}") for name in ("cmdline", "environ")]
    words, environment = (one.read_bytes().rstrip(b"\0").split(b"\0") for one in shown)
    process.kill()
    await process.wait()
    assert words == [os.fsencode(sys.executable), b"-m", b"ngalam112", b"engine", b"--name", b"9"]
    assert os.fsencode(f"NGALAM112_HOME={tmp_path}") in environment and len(environment) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_who_is_ended_by_a_signal_is_told_so_and_gone(tmp_path: Path, number: int) -> None:
    process = await engine(fork_server.start, tmp_path)
    assert os.getsid(process.pid) == process.pid
    process.send_signal(number)
    code = await asyncio.wait_for(process.wait(), 10)
    assert code in (-number, 0, 128 + number)
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(process.pid, 0)  # not even a zombie is left


def test_whatever_was_started_ends_with_the_tests(tmp_path: Path) -> None:
    program = f"""
        import asyncio, sys
        sys.path[:0] = [{str(PROJECT)!r}, {HARNESS!r}, {str(Path(__file__).parent)!r}]
        import fork_server
        from test_fork_server import engine
        from pathlib import Path
        async def main():
            one = await engine(fork_server.start, Path({str(tmp_path)!r}))
            print(one.pid, flush=True)
            await one.wait()
        asyncio.run(main())
    """
    tests = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert tests.stdout is not None
    pid = int(tests.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    tests.kill()
    tests.wait()
    tests.stdout.close()
    eventually_sync(lambda: not _lives(pid), what="it has ended as well")


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def descriptors(pid: int) -> list[str]:
    return sorted(str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir())


async def test_it_is_ready_and_has_no_descriptor_but_its_own(tmp_path: Path) -> None:
    process = await engine(fork_server.start, tmp_path)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        assert cpu_s(process.pid) < 0.5, "nothing is imported anew"
        assert not [one for one in descriptors(process.pid)[3:] if "socket" in one]
    finally:
        process.kill()
        await process.wait()


def cpu_s(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
