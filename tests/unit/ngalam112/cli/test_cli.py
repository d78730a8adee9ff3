"""What the command line understands, and that every error is one line and a non-zero exit."""

from __future__ import annotations

import csv
import functools
import io
import json
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab.actors.sipp import free_port
from ngalam112.cli.app import commands, main
from ngalam112.config.settings import PROJECT

ENGINE_DOWN = "ngalam112: engine is down: read from the database\n"
KEPT = "ngalam112: engine is down: kept in the database, takes effect when the line starts\n"
_SARI = ("operator", "add", "1", "--name", "Sari", "--pin-file", "-")
PIN = "654321"
COMMANDS = {
    (): "up engine asterisk rescue demo doctor status phone operator calls callbacks notice menu "
    "report export db sounds",
    ("engine",): "restart",
    ("phone",): "add list",
    ("operator",): "add list login logout pause ready wrap-up skills",
    ("calls",): "list show",
    ("callbacks",): "list",
    ("notice",): "set list clear",
    ("menu",): "check",
    ("report",): "summary",
    ("export",): "queue_log",
    ("db",): "upgrade",
    ("sounds",): "build",
}


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


all_commands = functools.cache(commands)  # a third of a second of CPU each time


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a line of its own that has never run."""
    monkeypatch.setenv("NGALAM112_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NGALAM112_API_PORT", str(free_port()))
    monkeypatch.setenv("NGALAM112_DATABASE_URL", "")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NGALAM112_LOG_LEVEL", raising=False)
    return monkeypatch


@pytest.fixture
def run(line: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*args: str, stdin: str = PIN) -> Ran:
        line.setattr(sys, "argv", ["ngalam112", *args])
        line.setattr(sys, "stdin", io.StringIO(f"{stdin}\n"))
        with pytest.raises(SystemExit) as ended:
            main(all_commands())
        return Ran(int(ended.value.code or 0), *capsys.readouterr())

    return ran


def one_line(ran: Ran, words: str) -> None:
    """The command failed, printed nothing else, and said why in one line that has `words`."""
    assert ran.code == 1 and ran.out == ""
    assert ran.err.startswith("ngalam112: ") and ran.err.count("\n") == 1, ran.err
    assert words in ran.err


@pytest.mark.parametrize("group", COMMANDS)
def test_help_names_every_command(run: Run, group: tuple[str, ...]) -> None:
    ran = run(*group, "--help")
    assert ran.code == 0
    assert all(f" {name} " in ran.out for name in COMMANDS[group].split())


@pytest.mark.parametrize("name", ["menu", "menu_malang"])
def test_the_menus_that_we_ship_are_right(run: Run, line: pytest.MonkeyPatch, name: str) -> None:
    distribution = PROJECT / "acd" / f"{name.replace('menu', 'distribution')}.toml"
    line.setenv("NGALAM112_DISTRIBUTION_FILE", str(distribution))
    menu = PROJECT / "ivr" / f"{name}.toml"
    assert run("menu", "check", str(menu)) == (0, f"{menu} is right.\n", "")


def test_all_that_is_wrong_with_a_menu_is_listed_a_line_each(run: Run, tmp_path: Path) -> None:
    menu, shipped = tmp_path / "menu.toml", (PROJECT / "ivr" / "menu.toml").read_text("utf-8")
    menu.write_text(shipped.replace("limit_s = 11.5", "limit_s = 13").replace('"fire" }', '"f" }'))
    ran = run("menu", "check", str(menu))
    assert (ran.code, ran.err, len(ran.out.splitlines())) == (1, "", 2)
    assert "limit_s = 13.0 must be" in ran.out and "main, key 3: 'f' is not one" in ran.out
    menu.write_text(shipped.replace('prompt = "menu"', 'prompt = "own"').replace("police", "guard"))
    ran = run("menu", "check", str(menu))
    assert (ran.code, len(ran.out.splitlines())) == (1, 2)
    assert "id/own.txt; write what" in ran.out and "'police' is not one of the menu's" in ran.out


@pytest.mark.parametrize("given", [["Kami tahu"], ["id=a", "id=b"]])
def test_a_notice_wants_its_languages_named_once(run: Run, given: list[str]) -> None:
    texts = [word for one in given for word in ("--text", one)]
    ran = run("notice", "set", "--minutes", "5", *texts)
    assert ran.code == 2 and "each language once" in " ".join(ran.err.split())


def test_a_notice_needs_an_engine(run: Run) -> None:
    for command in (("list",), ("clear", "fire"), ("set", "--minutes", "5", "--text", "id=a")):
        one_line(run("notice", *command), "The engine is down")


def test_the_version_is_told(run: Run) -> None:
    assert run("--version") == (0, "ngalam112 0.1.0\n", "")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("NGALAM112_API_PORT", "eighty", "NGALAM112_API_PORT='eighty' cannot be used"),
        ("NGALAM112_TIMEZONE", "Malang", "no such time zone"),
        ("NGALAM112_DATABASE_URL", "mysql://root:secret@host/x", "sqlite:///FILE"),
        ("NGALAM112_DATABASE_URL", "nonsense", "cannot be understood"),
        ("NGALAM112_DATABASE_URL", "sqlite:////nowhere/at/all.db", "does not exist yet"),
    ],
)
def test_a_wrong_setting_is_one_line(
    run: Run, line: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    line.setenv(name, value)
    ran = run("calls", "list")
    assert "secret" not in ran.err and "Traceback" not in ran.err
    one_line(ran._replace(err=ran.err.removeprefix(ENGINE_DOWN)), words)


def test_a_database_that_nobody_serves_is_one_line(run: Run, line: pytest.MonkeyPatch) -> None:
    port = free_port()
    line.setenv("NGALAM112_DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{port}/calls")
    ran = run("db", "upgrade")
    one_line(ran, "cannot be used")
    assert "secret" not in ran.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("report", "summary", "--from", "now"), "give today, yesterday"),
        (("report", "summary", "--to", "2026-13-01"), "'2026-13-01' is no time"),
        (("report", "summary", "--by", "colour"), "There is no grouping by 'colour'"),
        (("calls", "list", "--outcome", "won"), "There is no outcome 'won'"),
        (("calls", "show", "x/../y%\x1b[2J"), "There is no call"),
        (("phone", "add", "1"), "2 to 6 digits"),
        (("phone", "add", "101", "--password-file", "-"), "8 to 64"),
        (("phone", "add", "101", "--contact", "here"), "must look like sip:"),
        (("operator", "add", "Sari", "--name", "Sari", "--pin-file", "-"), "1 to 10 digits"),
        (("operator", "add", "1", "--name", "\x1b[2J", "--pin-file", "-"), "readable"),
        ((*_SARI, "--skill", "police"), "'police' must look like police=9"),
        ((*_SARI, "--skill", "police=99"), "level of skill police must be from 1 to 9"),
        ((*_SARI, "--skill", "dance=5"), "no skill 'dance'"),
        ((*_SARI, "--weight", "0"), "weight must be from 1 to 100"),
        (("operator", "skills", "7", "police=9"), "There is no operator 7"),
        (
            ("operator", "add", "1", "--name", "Sari", "--pin-file", "-", "--phone", "9"),
            "There is no phone '9'",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, args: tuple[str, ...], words: str) -> None:
    assert run("db", "upgrade").code == 0
    ran = run(*args)
    assert ran.err.isprintable() or ran.err.replace("\n", "").isprintable()
    one_line(ran._replace(err=ran.err.removeprefix(ENGINE_DOWN)), words)


@pytest.mark.parametrize("action", ["login", "logout", "pause", "ready", "wrap-up"])
def test_what_only_an_engine_can_do_fails_without_one(run: Run, action: str) -> None:
    more = ("--end",) if action == "wrap-up" else ()
    one_line(run("operator", action, "1001", *more), "start the line")


def test_without_a_database_it_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    ran = run("operator", "list")
    assert ran.code == 1
    assert ran.err.startswith(ENGINE_DOWN) and "run `ngalam112 db upgrade`" in ran.err
    assert not (tmp_path / "home").exists(), "reading makes nothing"


def test_a_command_that_does_not_exist_is_told(run: Run) -> None:
    for args in (
        ("dance",),
        ("calls", "list", "--format", "xml"),
        ("calls", "list", "--limit", "0"),
        ("operator", "wrap-up", "1001"),
        ("operator", "wrap-up", "1001", "--end", "--extend", "30"),
        ("operator", "skills", "1001"),
        ("operator", "skills", "1001", "police=9", "--none"),
    ):
        ran = run(*args)
        assert ran.code == 2 and ran.out == "" and "Error" in ran.err


def test_a_fault_of_ours_is_one_line_unless_debugging(run: Run, line: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise KeyError("a\nb")

    line.setattr("ngalam112.cli.app.read", lambda *_: fail(None))
    one_line(run("status"), "KeyError")
    line.setenv("NGALAM112_LOG_LEVEL", "debug")
    with pytest.raises(KeyError):
        main()


def test_phones_and_operators_are_kept_while_the_engine_is_down(run: Run, tmp_path: Path) -> None:
    ran = run("phone", "add", "101", "--format", "json")
    assert (ran.code, ran.err) == (0, KEPT)
    made = json.loads(ran.out)
    assert made["number"] == "101" and len(made["password"]) >= 12 and not made["in_effect"]
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    ran = run("operator", "add", "1001", "--name", "=Sari", "--pin-file", "-", "--phone", "101")
    assert ran == (0, "Operator 1001 (=Sari) is added.\n", KEPT)
    one_line(run("phone", "add", "101"), "--replace")
    ran = run("phone", "add", "101", "--replace", "--password-file", "-", stdin="another-one")
    assert (ran.code, ran.out) == (0, "Phone 101 is added.\n"), "what is given is not repeated"
    ran = run("phone", "list", "--format", "json")
    assert ran.err == ENGINE_DOWN
    assert json.loads(ran.out) == [
        {"number": "101", "contact": None, "device": None, "operator": None}
    ]
    (operator,) = csv.DictReader(io.StringIO(run("operator", "list", "--format", "csv").out))
    assert (operator["name"], operator["status"]) == ("'=Sari", "logged_out")
    assert "another-one" not in run("phone", "list").out


def test_skills_are_kept_while_the_engine_is_down(run: Run) -> None:
    assert run(*_SARI, "--skill", "police=9", "--skill", "lang:jv=5", "--weight", "2").code == 0
    ran = run("operator", "skills", "1", "fire=3", "--weight", "5", "--format", "json")
    assert (ran.code, ran.err) == (0, KEPT)
    (one,) = json.loads(run("operator", "list", "--format", "json").out)
    assert (one["skills"], one["weight"]) == ({"fire": 3}, 5)
    assert "fire=3" in run("operator", "list").out
    assert run("operator", "skills", "1", "--none").code == 0
    (one,) = json.loads(run("operator", "list", "--format", "json").out)
    assert (one["skills"], one["weight"]) == ({}, 5)


def test_a_report_of_no_calls_adds_up(run: Run) -> None:
    assert run("db", "upgrade").code == 0
    ran = run("report", "summary")
    assert ran.code == 0 and ran.err == ENGINE_DOWN
    rows = [row.split() for row in ran.out.splitlines()]
    assert ["adds", "up", "yes"] in [row[:3] for row in rows]
    total: dict[str, Any] = json.loads(run("report", "summary", "--format", "json").out)
    assert (total["offered"], total["adds_up"]) == (0, True)
    assert run("calls", "list").out == "There are no such calls.\n"


def test_the_status_tells_that_the_engine_is_down(run: Run) -> None:
    assert run("db", "upgrade").code == 0
    ran = run("status")
    assert (ran.code, ran.err) == (0, ENGINE_DOWN)
    assert ["engine", "down"] in [row.split() for row in ran.out.splitlines()]
    assert json.loads(run("status", "--format", "json").out)["engine"] is None
    assert "engine,\n" in run("status", "--format", "csv").out


def test_the_doctor_finds_what_is_missing_and_makes_nothing(run: Run, tmp_path: Path) -> None:
    ran = run("doctor", "--format", "json")
    assert ran.code == 1
    found = {one["what"]: one for one in json.loads(ran.out)}
    for what in ("state folder", "secrets", "sounds", "database", "ARI", "AMI", "engine"):
        assert found[what]["state"] == "wrong" and found[what]["mend"], what
    for what in ("settings", "menu and prompts"):
        assert found[what]["state"] == "ok"
    assert not (tmp_path / "home").exists()


def test_the_doctor_names_a_wrong_distribution_file(
    run: Run, line: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for text, words in (
        ("[pause_reason]", "is wrong"),
        ('[pause_reasons]\n1 = { name = "nap", prompt = "operator_naps" }', "no text for"),
    ):
        (tmp_path / "distribution.toml").write_text(text)
        line.setenv("NGALAM112_DISTRIBUTION_FILE", str(tmp_path / "distribution.toml"))
        found = {one["what"]: one for one in json.loads(run("doctor", "--format", "json").out)}
        menu = found["menu and prompts"]
        assert menu["state"] == "wrong" and words in menu["found"], menu


def test_the_doctor_names_a_wrong_setting(run: Run, line: pytest.MonkeyPatch) -> None:
    line.setenv("NGALAM112_BIND", "everywhere")
    ran = run("doctor")
    assert ran.code == 1 and "NGALAM112_BIND" in ran.out


def test_a_command_that_cannot_be_loaded_is_left_out_and_the_others_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = EntryPoint("broken", "no.such.module:command", "ngalam112.commands")
    monkeypatch.setattr("ngalam112.cli.app.entry_points", lambda group: [broken])
    monkeypatch.setattr(sys, "argv", ["ngalam112", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out.startswith("ngalam112 ")) == (0, True)
    assert "The command broken is left out" in err and "make setup" in err


def test_a_pin_comes_from_a_file_or_standard_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("192837\nnot this\n")
    given = ("operator", "add", "2", "--name", "Dewi", "--pin-file", str(tmp_path / "pin"))
    assert run("db", "upgrade").code == run(*_SARI).code == run(*given).code == 0
    lines = (("", "is empty"), ("1\n", "12 digits"), ("\udce4", "digits"))
    for stdin, words in lines:
        ran = run(*_SARI, "--replace", stdin=stdin)
        one_line(ran._replace(err=ran.err.removeprefix(ENGINE_DOWN)), words)
    one_line(run(*_SARI[:-1], str(tmp_path / "none")), "cannot be read")


def test_a_secret_on_the_command_line_is_warned_of_and_nobody_to_ask_is_told(run: Run) -> None:
    assert run("db", "upgrade").code == 0
    ran = run(*_SARI[:-2], "--pin", PIN)
    assert ran.code == 0 and "--pin-file" in ran.err and PIN not in ran.err + ran.out
    ran = run("phone", "add", "101", "--password", "another-one")
    assert ran.code == 0 and "--password-file" in ran.err and "another-one" not in ran.out
    one_line(run(*_SARI[:-2]), "nobody to ask for the PIN")
    one_line(run(*_SARI, "--pin", PIN), "--pin-file alone")
