"""Asterisk finds the modules that modules.conf names, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbx.module_folder import fill_module_folder, installed_modules
from pbx.programs import Programs


def a_root(folder: Path, place: str = "usr/lib/x86_64-linux-gnu/asterisk/modules") -> Programs:
    modules = folder / "root" / place
    modules.mkdir(parents=True)
    for name in ("res_pjsip", "func_shell"):
        (modules / f"{name}.so").touch()
    return Programs(root=folder / "root")


def a_home(folder: Path) -> Path:
    etc = folder / "asterisk" / "etc"
    etc.mkdir(parents=True)
    (etc / "modules.conf").write_text("autoload = no\n; load = a.so\nload = res_pjsip.so\n")
    return folder / "asterisk"


def test_only_what_is_loaded_is_there_and_a_start_makes_it_anew(tmp_path: Path) -> None:
    programs, home = a_root(tmp_path), a_home(tmp_path)
    for _ in range(2):
        assert fill_module_folder(programs, home)
        (link,) = (home / "modules").iterdir()
        assert link.name == "res_pjsip.so"
        assert str(link.readlink()) == "/usr/lib/x86_64-linux-gnu/asterisk/modules/res_pjsip.so"
        (home / "modules" / "func_shell.so").touch()
    named = (home / "etc" / "module_folder.conf").read_text()
    assert named == f"astmoddir => {home}/modules\n"


def test_the_folder_that_the_machines_asterisk_names_counts_first(tmp_path: Path) -> None:
    programs = a_root(tmp_path, "opt/modules")
    assert installed_modules(programs) is None
    conf = tmp_path / "root" / "etc" / "asterisk" / "asterisk.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("[directories]\nastmoddir => /opt/modules ; here\n")
    assert installed_modules(programs) == Path("/opt/modules")


def test_where_nobody_knows_the_modules_asterisk_starts_all_the_same(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    (home / "etc" / "module_folder.conf").write_text("astmoddir => /old\n")
    assert not fill_module_folder(Programs(root=tmp_path / "nothing"), home)
    assert not (home / "etc" / "module_folder.conf").exists()


def test_on_a_full_disk_asterisk_starts_with_what_is_right_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, home = a_root(tmp_path), a_home(tmp_path)
    assert fill_module_folder(programs, home)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("symlink_to", "write_text"):
        monkeypatch.setattr(Path, name, full)
    assert fill_module_folder(programs, home)
    assert (home / "modules" / "res_pjsip.so").is_symlink()

    (home / "modules" / "res_pjsip.so").unlink()
    with capture_logs() as logs:
        assert not fill_module_folder(programs, home)
    assert not (home / "etc" / "module_folder.conf").exists()
    assert [one["event"] for one in logs] == ["module_folder_not_made"]
