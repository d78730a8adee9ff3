"""The folder from which Asterisk loads modules: it has those that modules.conf names, and no other.

Who has the password of ARI may have any module of that folder loaded, and some run commands
(func_shell, app_system) or read files. So the folder is made anew at each start, with links.
"""

from __future__ import annotations

import re
from pathlib import Path

from pbx.programs import Programs

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
    """Make `home`/modules anew and name it to Asterisk; False if all stay loadable.

    That is so where nobody knows where Asterisk has its modules: it must start all the same.
    """
    etc, folder = home / "etc", home / "modules"
    includes, installed = etc / "module_folder.conf", installed_modules(programs)
    wanted = _LOAD.findall((etc / "modules.conf").read_text("utf-8"))
    if installed is None:
        includes.unlink(missing_ok=True)
        return False
    folder.mkdir(exist_ok=True, mode=0o700)
    for left in folder.iterdir():
        left.unlink()
    for name in wanted:
        (folder / name).symlink_to(installed / name)
    includes.write_text(f"astmoddir => {folder}\n", "utf-8")
    includes.chmod(0o600)
    return True
