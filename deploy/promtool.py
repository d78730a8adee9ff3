"""The program that checks Prometheus' rules: the machine's own, or the one of Debian's package.

The package `prometheus` is never installed, for that would start a server: it is downloaded, and
only `promtool` is taken out of it, into the user's cache. Standard library only, as the set-up.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.steps import SetupError, run
from pbx import root

NAME = "promtool"
PACKAGE = "prometheus"


def find() -> Path | None:
    """Return where it is; None if it is nowhere."""
    on_path, in_cache = shutil.which(NAME), root.cache_folder() / NAME
    if on_path is not None:
        return Path(on_path)
    return in_cache if in_cache.exists() else None


def fetch() -> None:
    """Put it into the cache; the lists of packages have to be there. Raises SetupError."""
    missing = [one for one in ("apt-get", "dpkg-deb", "tar") if shutil.which(one) is None]
    if missing:
        raise SetupError(
            f"There is no {missing[0]} on this machine; install {NAME} (part of Prometheus) by its"
            " own means, then run `make setup` again."
        )
    with tempfile.TemporaryDirectory(prefix="promtool-", dir=root.cache_folder()) as name:
        folder = Path(name)
        # into the folder where it is started; as root apt says that it has not changed its user
        download = ["sh", "-c", 'cd "$0" && exec apt-get -q download "$1"', str(folder), PACKAGE]
        run(f"Downloading {PACKAGE}, of which only {NAME} is taken", download)
        package = next(folder.glob("*.deb"))
        _take_out(package, folder)
        (folder / "usr" / "bin" / NAME).replace(root.cache_folder() / NAME)


def _take_out(package: Path, folder: Path) -> None:
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
    ) as unpacked:
        take = ["tar", "-x", "-C", str(folder), f"./usr/bin/{NAME}"]
        taken = subprocess.run(take, stdin=unpacked.stdout, capture_output=True, text=True)
    if taken.returncode or unpacked.returncode:
        raise SetupError(
            f"{package.name} has no {NAME} ({taken.stderr.strip()}); tell the project."
        )
