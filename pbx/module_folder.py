"""The folder from which Asterisk loads modules: it has those that modules.conf names, and no other.

Who has the password of ARI may have any module of that folder loaded, and some run commands
(func_shell, app_system) or read files. So the folder is put right at each start, with links.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from pbx.programs import Programs

log = structlog.get_logger("asterisk")

_LOAD = re.compile(r"^\s*(?:pre)?load\s*=>?\s*([a-z0-9_]+\.so)\s*$", re.MULTILINE)
_PLACES = ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules")
_NAMED = re.compile(r"^\s*astmoddir\s*=>?\s*(/[^\s;]+)", re.MULTILINE)


def installed_modules(programs: Programs) -> Path | None:
    """Return the folder of all modules, as Asterisk sees it; None if it is not found."""
    base = programs.root or Path("/")
    found = [Path("/") / one.relative_to(base) for place in _PLACES for one in base.glob(place)]
    conf = programs.host_path("/etc/asterisk/asterisk.conf")
    if conf.is_file() and (named := _NAMED.search(conf.read_text("utf-8", "replace"))):
        found.insert(0, Path(named[1]))
    has = (one for one in found if programs.host_path(str(one / "res_pjsip.so")).exists())
    return next(has, None)


def fill_module_folder(programs: Programs, home: Path) -> bool:
    """Put `home`/modules right and name it to Asterisk; False if all stay loadable.

    That is so where nobody knows where Asterisk has its modules, and where the disk does not let
    us: it must start all the same. What is right already is not touched.
    """
    etc, folder = home / "etc", home / "modules"
    includes, installed = etc / "module_folder.conf", installed_modules(programs)
    wanted = _LOAD.findall((etc / "modules.conf").read_text("utf-8"))
    if installed is None:
        includes.unlink(missing_ok=True)
        return False
    try:
        _put_right(folder, {name: installed / name for name in wanted})
        _write(includes, f"astmoddir => {folder}\n")
    except OSError as error:
        log.error("module_folder_not_made", error=str(error), what="all modules can be loaded")
        with suppress(OSError):
            includes.unlink(missing_ok=True)
        return False
    return True


def _put_right(folder: Path, links: Mapping[str, Path]) -> None:
    folder.mkdir(exist_ok=True, mode=0o700)
    right = {one.name for one in folder.iterdir() if _leads_to(one, links.get(one.name))}
    for one in [one for one in folder.iterdir() if one.name not in right]:
        one.unlink()
    for name in links.keys() - right:
        (folder / name).symlink_to(links[name])


def _leads_to(link: Path, target: Path | None) -> bool:
    return target is not None and link.is_symlink() and link.readlink() == target


def _write(file: Path, text: str) -> None:
    if not file.is_file() or file.read_text("utf-8", "replace") != text:
        file.write_text(text, "utf-8")
        file.chmod(0o600)
