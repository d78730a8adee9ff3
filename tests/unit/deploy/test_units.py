"""The systemd units: what they promise, and that what they start exists."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ngalam112.cli.app import app
from ngalam112.config.settings import PROJECT
from ngalam112.process.parts import ENGINES

UNITS = sorted((PROJECT / "deploy").glob("*.service"))
ENGINE = PROJECT / "deploy" / "ngalam112-engine@.service"
RECORDINGS = PROJECT / "deploy" / "ngalam112-recordings.service"


def values(unit: Path) -> dict[str, list[str]]:
    """Every `Section.Name` of a unit, with all its values in their order."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            name, equals, value = line.partition("=")
            assert equals, f"{unit.name}: {line!r} is no setting"
            found.setdefault(f"{section}.{name}", []).append(value)
    return found


def test_the_engine_is_watched_and_started_again_at_once_however_often() -> None:
    unit = values(ENGINE)
    promised = {
        "Service.Type": "notify",
        "Service.WatchdogSec": "3",
        # the only one that ends a process that is stopped
        "Service.WatchdogSignal": "SIGKILL",
        "Service.Restart": "always",
        "Service.RestartSec": "0",
        "Unit.StartLimitIntervalSec": "0",
    }
    assert {name: unit[name] for name in promised} == {k: [v] for k, v in promised.items()}


def test_an_engine_begins_when_the_time_is_known_and_asterisk_at_once() -> None:
    assert "time-sync.target" in values(ENGINE)["Unit.After"][0].split()
    for unit in set(UNITS) - {ENGINE}:
        assert "time-sync.target" not in values(unit)["Unit.After"][0]


def test_every_unit_may_open_many_files() -> None:
    assert all(values(unit)["Service.LimitNOFILE"] == ["65536"] for unit in UNITS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_is_started_again_at_once_and_may_write_its_state_only(unit: Path) -> None:
    found = values(unit)
    assert (found["Service.Restart"], found["Service.RestartSec"]) == (["always"], ["0"])
    assert found["Unit.StartLimitIntervalSec"] == ["0"]
    if unit == RECORDINGS:  # no call waits for it
        assert int(found["Service.CPUWeight"][0]) < 100 and "Service.Nice" not in found
    else:
        assert (found["Service.CPUWeight"], found["Service.Nice"]) == (["1000"], ["-10"])
    assert found["Service.NoNewPrivileges"] == ["yes"]
    assert found["Service.ProtectSystem"] == ["strict"]
    assert found["Service.ReadWritePaths"] == ["%S/ngalam112"]
    assert found["Service.StateDirectory"] == ["ngalam112"]
    assert found["Service.Environment"] == ["NGALAM112_HOME=%S/ngalam112"]
    assert found["Service.User"] == ["ngalam112"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_a_unit_starts_is_a_command_with_these_options(unit: Path) -> None:
    (started,) = values(unit)["Service.ExecStart"]
    program, name, *options = shlex.split(started.replace("%i", "1"))
    assert program == "/opt/ngalam112/.venv/bin/ngalam112"
    group: Any = typer.main.get_command(app)
    command = group.commands[name]
    known = {option for one in command.params for option in one.opts}
    assert {option for option in options if option.startswith("-")} <= known


def test_no_part_is_bound_to_another_one() -> None:
    for unit in UNITS:
        bound = {"Unit.Requires", "Unit.BindsTo", "Unit.Requisite", "Unit.PropagatesStopTo"}
        assert bound.isdisjoint(values(unit)), unit.name


def test_the_target_wants_all_engines_and_every_unit() -> None:
    target = values(PROJECT / "deploy" / "ngalam112.target")
    wanted = " ".join(target["Unit.Wants"]).split()
    engines = [f"ngalam112-engine@{number}.service" for number in ENGINES]
    others = [unit.name for unit in UNITS if unit != ENGINE]
    assert sorted(wanted) == sorted([*engines, *others])


NIGHTLY = PROJECT / "deploy" / "nightly"


def test_the_purge_is_no_part_of_the_line_and_has_less_weight_than_calls() -> None:
    (unit,) = NIGHTLY.glob("*.service")
    found = values(unit)
    assert found["Service.Type"] == ["oneshot"] and "Service.Restart" not in found
    assert int(found["Service.CPUWeight"][0]) < 100 and int(found["Service.Nice"][0]) > 0
    assert found["Service.ProtectSystem"] == ["strict"]
    assert found["Service.ReadWritePaths"] == ["%S/ngalam112"]
    assert found["Service.User"] == values(ENGINE)["Service.User"]
    assert found["Service.Environment"] == values(ENGINE)["Service.Environment"]
    program, *given = shlex.split(found["Service.ExecStart"][0])
    assert (program, given) == (
        "/opt/ngalam112/.venv/bin/ngalam112",
        ["privacy", "purge", "--apply"],
    )
    (timer,) = NIGHTLY.glob("*.timer")
    assert timer.stem == unit.stem and values(timer)["Timer.Persistent"] == ["true"]
