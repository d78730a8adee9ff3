"""Which root is used, where it lies, and when the host's own Asterisk takes its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx import root


def host_with_asterisk(folder: Path, says: str) -> str:
    """A PATH whose asterisk answers `-V` with `says`."""
    program = folder / "asterisk"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = -V ] && echo '{says}'\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_the_key_stays_while_the_content_stays() -> None:
    assert root.key() == root.key()
    assert len(root.key()) == 12


@pytest.mark.parametrize(
    ("name", "value"),
    [("SUITE", "duke"), ("PACKAGES", (*root.PACKAGES, "tcpdump")), ("FORMAT", root.FORMAT + 1)],
)
def test_the_key_changes_with_the_content(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    before = root.key()
    monkeypatch.setattr(root, name, value)
    assert root.key() != before


def test_the_order_of_the_packages_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    before = root.key()
    monkeypatch.setattr(root, "PACKAGES", tuple(reversed(root.PACKAGES)))
    assert root.key() == before


def test_the_root_lies_in_the_cache_folder_that_the_user_chose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert root.root_path() == tmp_path / "ngalam112" / f"root-{root.key()}"


@pytest.mark.parametrize("value", [None, "", "a/relative/folder"])
def test_the_root_lies_in_the_home_folder_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert root.cache_folder() == tmp_path / ".cache" / "ngalam112"


def test_roots_of_other_versions_are_named_and_half_built_ones_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in (root.root_path().name, "root-0123456789ab", "building-0123456789ab"):
        (tmp_path / "ngalam112" / name).mkdir(parents=True)
    assert [path.name for path in root.other_roots()] == ["root-0123456789ab"]


@pytest.mark.parametrize(
    ("says", "version", "serves"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", (22, 10, 1), True),
        ("Asterisk 22.10.0", (22, 10, 0), False),
        ("Asterisk 22.10.0+dfsg-1", (22, 10, 0), False),
        ("Asterisk 20.15.2~dfsg", (20, 15, 2), False),
        ("Asterisk 23.1.0", (23, 1, 0), True),
        ("Asterisk certified/22.8-cert1", (22, 8), False),
        ("Asterisk GIT-master-abc", None, False),
    ],
)
def test_the_hosts_asterisk_serves_from_22_10_1_on(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    says: str,
    version: tuple[int, ...] | None,
    serves: bool,
) -> None:
    monkeypatch.setenv("PATH", host_with_asterisk(tmp_path, says))
    assert root.host_asterisk() == version
    assert root.host_serves() is serves


def test_an_asterisk_that_does_not_run_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = host_with_asterisk(tmp_path, "Asterisk 22.10.1")
    (tmp_path / "asterisk").write_text("\x7fELF broken")
    monkeypatch.setenv("PATH", path)
    assert root.host_asterisk() is None
