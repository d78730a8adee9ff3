"""Programs out of the root behave, towards whoever starts them, as if they were the host's own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.setup import HOST_PACKAGES
from lab.machine.waiting import eventually_sync
from pbx import programs as programs_module
from pbx.programs import FOLDERS, ProgramMissing, Programs
from pbx.root import PACKAGES

# says that it lives by writing its pid, then ends with 7 when it is told to
OBEDIENT = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
place = pathlib.Path(sys.argv[1])
(place / "new").write_text(str(os.getpid()))
(place / "new").rename(place / "pid")
time.sleep(60)
"""
PARENT = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(60)"
STATUS = "print(open('/proc/self/status').read())"
RAW = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)"


@pytest.fixture(scope="module")
def programs() -> Programs:
    return Programs.find()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder for an OBEDIENT program, which is gone afterwards."""
    yield tmp_path
    if (tmp_path / "pid").exists() and alive(pid_in(tmp_path)):
        os.kill(pid_in(tmp_path), signal.SIGKILL)


@contextlib.contextmanager
def running(argv: list[str], **options: int) -> Iterator[subprocess.Popen[bytes]]:
    """A started program, which is ended whatever the test says."""
    with subprocess.Popen(argv, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def run(argv: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, **options)  # type: ignore[call-overload,no-any-return]


def pid_in(place: Path) -> int:
    eventually_sync((place / "pid").exists)
    return int((place / "pid").read_text())


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_every_program_tells_its_version(programs: Programs) -> None:
    versions = {name: programs.version(name) for name in FOLDERS}
    assert versions["asterisk"] >= (22, 10, 1)
    assert versions["sipp"] >= (3, 7)
    assert versions["baresip"] >= (1, 1)
    assert versions["psql"] == versions["initdb"] == versions["postgres"]


def test_a_host_with_its_own_asterisk_gets_the_other_programs_from_the_roots_packages() -> None:
    assert set(HOST_PACKAGES) == set(FOLDERS) - {"asterisk"}
    assert set(HOST_PACKAGES.values()) | {"asterisk"} == set(PACKAGES)


def test_without_a_root_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(programs_module, "host_serves", lambda: False)
    with pytest.raises(ProgramMissing, match=r"no root in .*; run `make setup`\."):
        Programs.find()


def test_a_root_without_one_program_is_named_with_it(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match=r"no sipp in the root .*; run `make setup`\."):
        Programs(root=tmp_path).path("sipp")


def test_output_input_and_exit_code_are_the_programs(programs: Programs) -> None:
    code = "import sys; print(sys.stdin.read() + sys.argv[1]); sys.exit(3)"
    done = run(programs.command("python3", "-c", code, "a 'b' \"$c\""), input="hello ")
    assert (done.returncode, done.stdout) == (3, "hello a 'b' \"$c\"\n")


def test_a_program_that_ends_at_once_has_its_exit_code_too() -> None:
    for _ in range(100):
        argv = ["sh", "-c", programs_module._FORWARD, "program", "sh", "-c", "exit 7"]
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (7, b"")


def test_a_signal_reaches_the_program_and_its_exit_code_comes_back(
    programs: Programs, place: Path
) -> None:
    argv = programs.command("python3", "-c", OBEDIENT, str(place), writable=[place])
    with running(argv) as started:
        pid = pid_in(place)
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 7
    assert not alive(pid)


def test_a_program_told_to_stop_at_any_moment_of_its_start_stops(programs: Programs) -> None:
    for delay_ms in range(0, 40, 2):
        with running(programs.command("python3", "-c", "input()"), stdin=-1) as started:
            time.sleep(delay_ms / 1000)  # the moment is what is tested
            started.terminate()
            assert started.wait(10) != 0


def test_keyboard_interrupts_are_not_ignored(programs: Programs) -> None:
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert run(programs.command("python3", "-c", code)).stdout == "True\n"


@pytest.mark.parametrize("die_with_parent", [True, False])
def test_killing_what_was_started_ends_the_program(
    programs: Programs, place: Path, die_with_parent: bool
) -> None:
    argv = programs.command(
        "python3", "-c", OBEDIENT, str(place), writable=[place], die_with_parent=die_with_parent
    )
    with running(argv) as started:
        pid = pid_in(place)
        started.kill()
    eventually_sync(lambda: not alive(pid))


def test_the_program_dies_with_the_process_that_started_it(programs: Programs, place: Path) -> None:
    argv = programs.command("python3", "-c", OBEDIENT, str(place), writable=[place])
    with running([sys.executable, "-c", PARENT, *argv]) as parent:
        pid = pid_in(place)
        parent.kill()
    eventually_sync(lambda: not alive(pid))


def test_the_program_outlives_the_process_that_started_it_if_told_so(
    programs: Programs, place: Path
) -> None:
    argv = programs.command(
        "python3", "-c", OBEDIENT, str(place), writable=[place], die_with_parent=False
    )
    with running([sys.executable, "-c", PARENT, *argv]) as parent:
        pid = pid_in(place)
        parent.kill()
    assert alive(pid)
    os.kill(pid, signal.SIGTERM)
    eventually_sync(lambda: not alive(pid))


def test_files_that_a_program_makes_are_ours(programs: Programs, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'made')!r}, 'w').write('x')"
    done = run(programs.command("python3", "-c", code, writable=[tmp_path]))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made").stat().st_uid == os.geteuid()


@pytest.mark.parametrize("outside", ["tmp", "var/tmp"])
def test_a_program_from_the_root_sees_only_the_folders_that_it_was_given(
    programs: Programs, tmp_path: Path, outside: str
) -> None:
    if programs.root is None:
        return  # the host's own programs see what every program sees
    folder = Path("/", outside, f"ngalam112-test-{os.getpid()}")
    folder.mkdir()
    try:
        (folder / "word").write_text("seen")
        (tmp_path / "hidden").write_text("x")
        code = f"import os; print(open('{folder}/word').read(), os.path.exists('{tmp_path}'))"
        done = run(programs.command("python3", "-c", code, readable=[folder]))
        assert done.stdout == "seen False\n", done.stderr
        write = ["python3", "-c", f"open('{folder}/word', 'w')"]
        done = run(programs.command(*write, readable=[folder]))
        assert "Read-only file system" in done.stderr
    finally:
        (folder / "word").unlink()
        folder.rmdir()


def test_a_folder_named_twice_is_writable(programs: Programs, tmp_path: Path) -> None:
    write = ["python3", "-c", f"open({str(tmp_path / 'made')!r}, 'w')"]
    argv = programs.command(*write, readable=[tmp_path], writable=[tmp_path])
    assert run(argv).returncode == 0


def test_a_program_starts_in_the_folder_that_it_is_given(
    programs: Programs, tmp_path: Path
) -> None:
    tell = ["python3", "-c", "import os; print(os.getcwd())"]
    argv = programs.command(*tell, readable=[tmp_path], cwd=tmp_path)
    assert run(argv).stdout.strip() == str(tmp_path)


def test_a_program_from_the_root_has_no_capabilities(programs: Programs) -> None:
    if programs.root is not None:
        assert "CapEff:\t0000000000000000" in run(programs.command("python3", "-c", STATUS)).stdout


def test_raw_sockets_are_had_on_demand_only_and_nothing_else_is(programs: Programs) -> None:
    done = run(programs.command("python3", "-c", RAW, raw_sockets=True))
    assert done.returncode == 0, f"needs root or sudo without a password: {done.stderr}"
    if programs.root is not None:
        done = run(programs.command("python3", "-c", STATUS, raw_sockets=True))
        assert "CapEff:\t0000000000002000" in done.stdout
        assert run(programs.command("python3", "-c", RAW)).returncode != 0


def test_a_program_with_raw_sockets_obeys_signals_too(programs: Programs, place: Path) -> None:
    obedient = ["python3", "-c", OBEDIENT, str(place)]
    argv = programs.command(*obedient, writable=[place], raw_sockets=True)
    with running(argv) as started:
        pid_in(place)
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 7
    assert (place / "pid").stat().st_uid == os.geteuid()


def test_postgresql_runs_as_its_own_user_and_its_files_are_ours(
    programs: Programs, tmp_path: Path
) -> None:
    data = tmp_path / "data"

    initdb = ["initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync"]
    done = run(programs.command(*initdb, writable=[tmp_path], user="postgres"))
    assert done.returncode == 0, done.stderr
    assert (data / "PG_VERSION").stat().st_uid == os.geteuid()
    postgres = ["postgres", "-D", str(data), "-k", str(tmp_path), "-c", "listen_addresses="]
    argv = programs.command(*postgres, writable=[tmp_path], user="postgres")
    with running(argv, stderr=subprocess.DEVNULL) as server:
        ask = ["psql", "-h", str(tmp_path), "-U", "postgres", "-Atc", "select 6 * 7"]
        psql = programs.command(*ask, writable=[tmp_path], user="postgres")
        eventually_sync(lambda: run(psql).stdout == "42\n", 20)
        server.terminate()
        assert server.wait(20) == 0
