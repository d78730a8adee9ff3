"""How to start asterisk, sipp, baresip, sox, PostgreSQL and the like, wherever they come from.

Out of the root of `pbx.root` a program runs by bubblewrap: it sees the root's own files read-only,
the host's network and processes, and only those host folders that it was given, at their own paths.
It has no capabilities and runs under a user id of the root that is ours outside.

A command built here behaves like the program itself towards whoever starts it: TERM, INT, HUP,
QUIT, USR1 and USR2 sent to the started pid reach the program, KILL ends it, and the exit code is
the program's (128 + n if signal n ended it). bubblewrap forwards nothing, so a small shell loop
around it does; so signal the pid, not its process group. With `die_with_parent` the program is
killed when the thread that started it ends. One limit: with `raw_sockets`, not as root, KILL
leaves the program running; send TERM.

Standard library only: deploy/setup.py checks a new root with this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from pbx.root import OLDEST_ASTERISK, host_asterisk, host_serves, parse_version, root_path

FOLDERS = {
    "asterisk": "usr/sbin",
    "sipp": "usr/bin",
    "baresip": "usr/bin",
    "espeak-ng": "usr/bin",
    "sox": "usr/bin",
    "python3": "usr/bin",
    "initdb": "usr/lib/postgresql/*/bin",
    "postgres": "usr/lib/postgresql/*/bin",
    "pg_ctl": "usr/lib/postgresql/*/bin",
    "psql": "usr/lib/postgresql/*/bin",
}
"""Our programs, and where Debian puts them."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_FORWARD = """
send() {
    pid=$child
    [ -n "$pid" ] || { early=$1; return; }
    # a copy of this shell that is about to become the program would lose the signal
    tries=200
    while [ "$tries" -gt 0 ] && read -r name <"/proc/$pid/comm" && [ "$name" = sh ]; do
        sleep 0.01
        tries=$((tries - 1))
    done
    while read -r name <"/proc/$pid/comm" && { [ "$name" = bwrap ] || [ "$name" = sudo ]; }; do
        read -r next _ <"/proc/$pid/task/$pid/children"
        [ -n "$next" ] || break
        pid=$next
    done
    kill -s "$1" "$pid"
} 2>/dev/null
child= early=
for signal in TERM INT HUP QUIT USR1 USR2; do trap "send $signal" "$signal"; done
exec 3<&0
"$@" <&3 3<&- &
child=$!
[ -z "$early" ] || send "$early"
wait "$child"
code=$?
# a signal that is passed on ends a wait as well
while kill -0 "$child" 2>/dev/null || [ -d "/proc/$child" ]; do wait "$child"; code=$?; done
exit "$code"
"""

# the shell starts what it starts in the background with these ignored
_HEEDING_KEYS = ["env", "--default-signal=INT,QUIT"]


_FAKETIME = ("usr/lib/*/faketime", "usr/lib64/faketime", "usr/lib/faketime")


class ProgramMissing(Exception):
    """A program is not there; the message names it and says what to do."""


@dataclass(frozen=True)
class Programs:
    """The programs of one machine; `root` is None where the host's own are used."""

    root: Path | None

    @classmethod
    def find(cls) -> Programs:
        """Find all programs; raise ProgramMissing with one sentence for the first that is not."""
        host = host_serves()
        programs = cls(root=None if host else root_path())
        if not host:
            _check_root(root_path())
        for name in FOLDERS:
            programs.path(name)
        return programs

    def path(self, name: str) -> str:
        """Return the path of a program as it is where the program runs (in the root, or here)."""
        base = self.root or Path("/")
        found = sorted(base.glob(f"{FOLDERS[name]}/{name}"), key=_newest_last)
        if found:
            return "/" + str(found[-1].relative_to(base))
        on_path = None if self.root else shutil.which(name)
        if on_path is None:
            where = f"the root {self.root}" if self.root else "this machine"
            raise ProgramMissing(f"There is no {name} in {where}; run `make setup`.")
        return on_path

    def host_path(self, path: str) -> Path:
        """Return where we can read a file that the programs see at the absolute `path`."""
        return (self.root or Path("/")) / path.lstrip("/")

    def command(
        self,
        name: str,
        *args: str,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        user: str | None = None,
        raw_sockets: bool = False,
        die_with_parent: bool = True,
        cwd: Path | None = None,
    ) -> list[str]:
        """Return the argv that starts the program `name` with `args`.

        `writable`, `readable`: existing host folders or files it may use. `user`: the name of the
        account it thinks it is (PostgreSQL refuses to be root); files it makes outside are ours.
        `raw_sockets`: with the right to them, which SIPp needs to send digits and audio. `cwd`: the
        folder it starts in; must lie in one that it can see.
        """
        if raw_sockets and user is not None:
            raise ValueError(
                "raw sockets need our own user: give `user` or `raw_sockets`, not both"
            )
        program = [self.path(name), *args]
        if self.root is None:
            argv = _on_host(program, user, raw_sockets, cwd)
        else:
            binds = _binds(writable, readable) + ([] if cwd is None else ["--chdir", str(cwd)])
            argv = _in_root(self.root, binds, program, user, raw_sockets)
        return [*(["setpriv", "--pdeathsig", "KILL", "--"] if die_with_parent else []), *argv]

    def version(self, name: str) -> tuple[int, ...]:
        """Ask a program for its version; raise ProgramMissing if it cannot be started."""
        flag = {"asterisk": "-V", "sipp": "-v", "baresip": "-h"}.get(name, "--version")
        argv = self.command(name, flag)
        try:
            said = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProgramMissing(f"{name} cannot be started: {error}; run `make setup`.") from None
        version = parse_version(said.stdout)
        if version is None:
            why = said.stderr.strip().splitlines()[-1:] or [f"exit {said.returncode}"]
            raise ProgramMissing(f"{name} cannot be started: {why[0]}; run `make setup`.")
        return version


def faketime() -> Path:
    """Return the library that shows a process another wall clock; raise ProgramMissing."""
    for folder in _FAKETIME:
        for found in Path("/").glob(f"{folder}/libfaketimeMT.so.1"):
            return found
    raise ProgramMissing("There is no libfaketime on this machine; run `make setup`.")


def _check_root(root: Path) -> None:
    if not root.is_dir():
        oldest = ".".join(str(part) for part in OLDEST_ASTERISK)
        has = host_asterisk()
        here = "no Asterisk" if has is None else f"Asterisk {'.'.join(str(part) for part in has)}"
        raise ProgramMissing(
            f"This machine has {here} (needed: {oldest}) and no root in {root}; run `make setup`."
        )
    for program in ("bwrap", "setpriv"):
        if shutil.which(program) is None:
            raise ProgramMissing(f"There is no {program} on this machine; run `make setup`.")


def _newest_last(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parts if part.isdigit())


def _binds(writable: Sequence[Path], readable: Sequence[Path]) -> list[str]:
    # outer folders before inner ones, readable before writable: the later one counts
    wanted = [(path.absolute(), "--ro-bind") for path in readable]
    wanted += [(path.absolute(), "--bind") for path in writable]
    binds: list[str] = []
    for path, how in sorted(wanted, key=itemgetter(0)):
        # left to bubblewrap, the way to a private folder would be root's and private
        for parent in list(reversed(path.parents))[1:]:
            binds += ["--dir", str(parent)]
        binds += [how, str(path), str(path)]
    return binds


def _in_root(
    root: Path, binds: list[str], program: list[str], user: str | None, raw_sockets: bool
) -> list[str]:
    argv = ["sh", "-c", _FORWARD, program[0]]
    if raw_sockets and os.geteuid() != 0:
        argv += ["sudo", "-n"]
    argv += ["bwrap", "--die-with-parent", "--tmpfs", "/", "--ro-bind", f"{root}/usr", "/usr"]
    argv += ["--ro-bind", f"{root}/etc", "/etc", "--dev", "/dev", "--proc", "/proc"]
    for folder in ("bin", "sbin", "lib", "lib64"):
        argv += ["--symlink", f"usr/{folder}", f"/{folder}"]
    # fresh in the sandbox: the host's own folders may well lie in these, and a read-only one
    # takes no new mount points
    for folder in ("/tmp", "/run", "/var", "/usr/local", "/usr/src"):  # noqa: S108
        argv += ["--perms", "1777", "--tmpfs", folder]
    argv += ["--ro-bind-try", f"{root}/var/lib/asterisk", "/var/lib/asterisk"]
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        argv += ["--ro-bind-try", name, name]
    argv += ["--setenv", "PATH", SEARCH_PATH, "--setenv", "LC_ALL", "C.UTF-8"]
    argv += ["--setenv", "HOME", "/run", "--unsetenv", "PYTHONPATH", "--unsetenv", "PYTHONHOME"]
    argv += binds
    if raw_sockets:
        argv += ["--cap-drop", "ALL"]
        for capability in ("NET_RAW", "SETUID", "SETGID", "SETPCAP"):
            argv += ["--cap-add", f"CAP_{capability}"]
        return [*argv, "--", *_only_raw_sockets(), *_HEEDING_KEYS, *program]
    uid, gid = _ids(root / "etc" / "passwd", user or "asterisk")
    argv += ["--unshare-user", "--uid", str(uid), "--gid", str(gid), "--"]
    return [*argv, *_HEEDING_KEYS, *program]


def _on_host(
    program: list[str], user: str | None, raw_sockets: bool, cwd: Path | None
) -> list[str]:
    argv = ["env", *([] if cwd is None else [f"--chdir={cwd}"]), "LC_ALL=C.UTF-8"]
    if os.geteuid() == 0 and user is not None:
        uid, gid = _ids(Path("/etc/passwd"), user)
        ids = [f"--map-user={uid}", f"--map-group={gid}"]
        return [*argv, "unshare", "--user", *ids, "--", *program]
    if os.geteuid() != 0 and raw_sockets:
        argv += [*_only_raw_sockets(), *_HEEDING_KEYS]
        return ["sh", "-c", _FORWARD, program[0], "sudo", "-n", *argv, *program]
    return [*argv, *program]


def _only_raw_sockets() -> list[str]:
    ids = ["--reuid", str(os.geteuid()), "--regid", str(os.getegid()), "--clear-groups"]
    kept = [f"--{kind}=-all,+net_raw" for kind in ("bounding-set", "inh-caps", "ambient-caps")]
    return ["setpriv", *ids, *kept, "--"]


def _ids(passwd: Path, user: str) -> tuple[int, int]:
    for line in passwd.read_text("utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise ProgramMissing(f"There is no user {user} in {passwd}; run `make setup`.")
