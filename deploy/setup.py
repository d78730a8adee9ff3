"""Prepares this machine for Ngalam 112; run it by `make setup`, as often and as many as you like.

Decides what is missing and installs that alone: packages by apt, the Asterisk root in the user's
cache (unless the host has an Asterisk that is new enough), and the Python packages in .venv.
Standard library only, for it runs before there is anything else.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from deploy import promtool
from deploy.steps import SetupError, as_root, only_one, run, say, trusting_old_lists
from pbx import root
from pbx.programs import FOLDERS, ProgramMissing, Programs, faketime

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
STAMP = VENV / "ngalam112-setup"
REQUIREMENTS = PROJECT / "requirements-dev.txt"
OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 1_500_000_000
# the builder's mounts and processes go when it goes, even if we are killed
APART = ["setpriv", "--pdeathsig", "KILL", "--"]
APART += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
HOST_PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "espeak-ng": "espeak-ng",
    "sox": "sox",
    "python3": "python3",
} | dict.fromkeys(("initdb", "postgres", "pg_ctl", "psql"), "postgresql")

TOOLS = {"nft": "nftables", "ip": "iproute2", "openssl": "openssl"}


def main() -> int:
    """Set up what is missing; the exit code is 0 if everything is there afterwards."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        need_python()
        if not ready():
            with only_one():
                if not ready():
                    set_up()
            say("Set-up is complete.")
        elif "--quiet" not in sys.argv:
            print("Set-up is complete.")
    except (SetupError, ProgramMissing) as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up was interrupted; nothing half-built is left.", file=sys.stderr)
        return 130
    return 0


def need_python() -> None:
    """Raise SetupError if this Python is too old for the project."""
    if sys.version_info < OLDEST_PYTHON:
        wanted, has = (".".join(map(str, v[:2])) for v in (OLDEST_PYTHON, sys.version_info))
        raise SetupError(
            f"Python {wanted} is needed and {sys.executable} is {has}; install a newer one and run "
            "`make setup PYTHON=python3.12`, or whatever its name is."
        )


def ready() -> bool:
    """Whether all programs and all Python packages are there."""
    try:
        Programs.find()
        faketime()
        has_tools = not _missing_tools() and promtool.find() is not None
        return has_tools and STAMP.read_text() == venv_key()
    except (ProgramMissing, OSError):
        return False


def set_up() -> None:
    """Install and build what is missing, step by step."""
    host = root.host_serves()
    if not host and not root.root_path().exists():
        need_space(root.cache_folder())
    if packages := missing_packages(host):
        install(packages)
    if promtool.find() is None:
        bring_promtool()
    if not host:
        need_sandbox()
        if not root.root_path().exists():
            build_root(root.root_path())
    for other in root.other_roots():
        say(f"{other} is of another version of the project; remove it if no clone needs it.")
    version = Programs.find().version("asterisk")
    asterisk = ".".join(str(part) for part in version)
    if version < root.OLDEST_ASTERISK:
        raise SetupError(
            f"The root {root.root_path()} has Asterisk {asterisk}, which is too old; remove it "
            "(as root) and run `make setup` again."
        )
    say(f"Asterisk {asterisk} out of {'this machine' if host else root.root_path()}.")
    make_venv()


def missing_packages(host: bool) -> list[str]:
    """Return the Debian packages that are to be installed on this machine."""
    wanted = [] if importlib.util.find_spec("ensurepip") else ["python3-venv"]
    try:
        faketime()
    except ProgramMissing:
        wanted.append("libfaketime")  # the engine runs on this machine, wherever Asterisk does
    wanted += _missing_tools()
    if host:
        programs = Programs(root=None)
        for name in FOLDERS:
            with contextlib.suppress(ProgramMissing):
                programs.path(name)
                continue
            wanted.append(HOST_PACKAGES[name])
        return sorted(set(wanted))
    wanted += [] if shutil.which("bwrap") else ["bubblewrap"]
    if not root.root_path().exists():
        wanted += [] if shutil.which("mmdebstrap") else ["mmdebstrap"]
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        wanted += [] if keyring.exists() else ["debian-archive-keyring"]
    return wanted


def _missing_tools() -> list[str]:
    """Return the packages of the programs by which a play cuts links in a network of its own."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return [package for name, package in TOOLS.items() if shutil.which(name, path=path) is None]


def need_space(folder: Path) -> None:
    """Raise SetupError if the root and its building do not fit."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise SetupError(
            f"{folder} has {free / 1e9:.1f} GB free and {NEEDED_BYTES / 1e9:.1f} GB are needed; "
            "make room, or set XDG_CACHE_HOME to a folder with more."
        )


def need_sandbox() -> None:
    """Raise SetupError if this machine does not let bubblewrap work."""
    probe = [
        "bwrap",
        "--unshare-user",
        "--uid",
        "102",
        "--gid",
        "102",
        "--ro-bind",
        "/",
        "/",
        "true",
    ]
    done = subprocess.run(probe, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(
            f"bubblewrap cannot work here ({done.stderr.strip()}); let users make namespaces: "
            "sysctl kernel.unprivileged_userns_clone=1 (Debian), "
            "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), or a --privileged container."
        )


def install(packages: list[str]) -> None:
    """Install Debian packages by apt."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"There is no apt-get on this machine; install {names} by its own means, then run "
            "`make setup` again."
        )
    update_lists()
    run(f"Installing {names}", [*_apt(), "install", "-y", "--no-install-recommends", *packages])


def update_lists() -> None:
    """Have apt read anew which packages there are."""

    def update(*options: str) -> None:
        run("Reading the lists of packages", [*_apt(), *options, "update"])

    try:
        trusting_old_lists(update, "-oAcquire::Check-Valid-Until=false")
    except SetupError as error:
        # one bad source among good ones need not matter
        say(f"{error} Going on with the lists that there are.")


def _apt() -> list[str]:
    apt = [*as_root("use apt"), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    return [*apt, "-q", "-o", "DPkg::Lock::Timeout=300"]


def bring_promtool() -> None:
    """Bring promtool into the cache; where apt does not know the package, with new lists."""
    try:
        promtool.fetch()
    except SetupError:
        update_lists()
        promtool.fetch()


def build_root(path: Path) -> None:
    """Build the Debian root with Asterisk beside `path` and put it there when it is whole."""
    sudo = as_root("build the Asterisk root")
    building = path.with_name(f"building-{root.key()}")
    remove = [*sudo, "rm", "-rf", "--one-file-system", str(building)]
    content = [f"--include={','.join(root.PACKAGES)}", root.SUITE, str(building)]
    what = f"Building a Debian {root.SUITE} with {', '.join(root.PACKAGES)} (once, about a minute)"

    def build(*options: str) -> None:
        # what is left of an earlier try, or of a set-up that was killed: nobody builds now but us
        subprocess.run(remove, check=True)
        run(what, [*sudo, *APART, "mmdebstrap", "--variant=minbase", *options, *content])

    os.umask(0o022)
    try:
        trusting_old_lists(build, '--aptopt=Acquire::Check-Valid-Until "false"')
        Programs(root=building).version("asterisk")
        building.rename(path)
    finally:
        subprocess.run(remove, check=False)


def venv_key() -> str:
    """Return what .venv must have been made from to be right."""
    parts = [REQUIREMENTS.read_bytes(), (PROJECT / "pyproject.toml").read_bytes()]
    parts += [sys.version.encode(), str(PROJECT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_venv() -> None:
    """Make .venv with the pinned packages and the project itself, if it is not right already."""
    key = venv_key()
    if STAMP.exists() and STAMP.read_text() == key:
        return
    STAMP.unlink(missing_ok=True)
    python = VENV / "bin" / "python"
    version = "import sys; print(sys.version, end='')"
    try:
        same = subprocess.check_output([python, "-c", version], text=True) == sys.version
    except (OSError, subprocess.CalledProcessError):
        same = False
    if not same:
        run("Making .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--progress-bar", "off"]
    run("Installing the Python packages", [*pip, "--require-hashes", "-r", str(REQUIREMENTS)])
    own = ["--no-deps", "--no-build-isolation", "--editable", str(PROJECT)]
    run("Installing the project into .venv", [*pip, *own])
    STAMP.write_text(key)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
