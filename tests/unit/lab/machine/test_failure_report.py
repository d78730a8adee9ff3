"""What tells the cause of a failure is kept, and no secret is."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machine.failure_report import keep_failure, keep_newest, named_by_time
from lab.machine.stalls import watched

SECRETS = {"ari_password": "secret-of-ari", "ami_password": "secret-of-ami", "api_token": "tok-en"}


@pytest.fixture
def home() -> Iterator[Path]:
    """The state folder of a play; its line lies a folder deeper.

    Not in `tmp_path`, for a socket's path may have 107 characters only.
    """
    with tempfile.TemporaryDirectory(prefix="play-") as folder:
        yield _filled(Path(folder))


def _filled(home: Path) -> Path:
    line = home / "line"
    texts = {
        "secrets.json": json.dumps(SECRETS),
        "rescue.secret": "secret-of-rescue\n",
        "up.txt": "user 201  password phone-secret  1001 Petugas\n  operator 1001, PIN 987654.\n",
        "row.json": '{"held": false}',
        "ngalam112.db": "secret-of-db",
        "log/engine.jsonl": '{"event": "served", "level": "info"}\n'
        + "".join(f'{{"event": "late {n}", "level": "warning"}}\n' for n in range(40))
        + '{"event": "refused", "password": "secret-of-ari", "level": "error"}\nTraceback\n',
        "log/engine-1.out": "engine said this\n",
        "log/rescue.log": "rescuer said this\n",
        "journal/0000000006.log": "secret-of-journal",
        "asterisk/log/messages": "WARNING secret-of-rescue\n",
        "asterisk/log/console": "Asterisk said this\n",
        "asterisk/etc/phones.conf": "[201]\npassword = phone-secret\n",
        "sipp/phone-5.rows": "201;[authentication username=201 password=phone-secret]\n",
        "sipp/phone-5.errors": "The following events occurred:\n"
        "2026-11-28\t19:26:10.5\t1795893970.5: Aborting call\nSIP/2.0 500 for 201\n",
        "sipp/phone-5.log": "SIPp said phone-secret\n",
        "sipp/phone-5.notes": "2026 rings\n",
        "sipp/phone-5.csv": "counts",
    }
    for name, text in texts.items():
        (line / name).parent.mkdir(parents=True, exist_ok=True)
        (line / name).write_text(text)
    return home


def kept_in(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def test_a_living_asterisk_is_asked_what_it_has(home: Path, tmp_path: Path) -> None:
    run = home / "line" / "asterisk" / "run"
    run.mkdir()
    asked = []

    def answers(console: socket.socket) -> None:
        while True:
            one, _ = console.accept()
            with one:
                asked.append(one.recv(1000))
                if b"bridge" in asked[-1]:
                    return
                one.sendall(b"host/1/22\nPJSIP/101-1 secret-of-ami\n\0")

    with socket.socket(socket.AF_UNIX) as console:
        console.bind(str(run / "asterisk.ctl"))
        console.listen()
        console_thread = threading.Thread(target=answers, args=(console,))
        console_thread.start()
        kept = keep_failure(home, tmp_path / "failures" / "chaos", {})
        console_thread.join(5)
    told = (kept / "line" / "asterisk" / "asterisk_now.txt").read_text()
    assert asked[0] == b"cli quit after core show channels verbose\0"
    assert "PJSIP/101-1 (secret)" in told


def test_an_asterisk_that_has_gone_is_said_to_give_no_answer(home: Path, tmp_path: Path) -> None:
    control = home / "line" / "asterisk" / "run" / "asterisk.ctl"
    control.parent.mkdir()
    control.touch()
    kept = keep_failure(home, tmp_path / "failures" / "chaos", {})
    assert "no answer: " in (kept / "line" / "asterisk" / "asterisk_now.txt").read_text()


def test_the_logs_are_kept_and_nothing_else(home: Path, tmp_path: Path) -> None:
    kept = keep_failure(home, tmp_path / "failures" / "chaos", {})
    assert kept == tmp_path / "failures" / "chaos"
    assert set(kept_in(kept)) == {
        "what_happened.txt",
        "stalls.txt",
        "line/up.txt",
        "line/row.json",
        "line/log/engine.jsonl",
        "line/log/engine-1.out",
        "line/log/rescue.log",
        "line/asterisk/log/messages",
        "line/asterisk/log/console",
        "line/sipp/phone-5.errors",
        "line/sipp/phone-5.log",
        "line/sipp/phone-5.notes",
    }
    assert kept.stat().st_mode & 0o077 == 0


def test_no_secret_is_kept(home: Path, tmp_path: Path) -> None:
    kept = keep_failure(home, tmp_path / "kept", {"said": "the token is tok-en"})
    text = "".join(kept_in(kept).values())
    for secret in (*SECRETS.values(), "secret-of-rescue", "phone-secret", "987654"):
        assert secret not in text
    up = (kept / "line" / "up.txt").read_text()
    assert up.splitlines()[0] == "user 201  password (secret)  1001 Petugas"


def test_what_happened_is_told_on_one_page(home: Path, tmp_path: Path) -> None:
    facts = {"seed": "112", "scenario": "engine_killed", "wrong": "0801 was lost"}
    with watched(tmp_path / "stalls"):
        kept = keep_failure(home, tmp_path / "kept", facts)
    told = (kept / "what_happened.txt").read_text()
    assert told.startswith("seed: 112\nscenario: engine_killed\nwrong: 0801 was lost\n")
    for line in ('"late 39"', "refused", "Traceback", "phone-5.errors: 2026-11-28", "engine said"):
        assert line in told
    # of warnings the last 30 only
    assert '"late 11"' not in told and '"late 12"' in told
    assert '"served"' not in told and "SIP/2.0 500" not in told


def test_of_a_long_log_both_ends_are_kept(home: Path, tmp_path: Path) -> None:
    long = home / "line" / "log" / "rescue.log"
    long.write_text("begins\n" + "x" * (5 << 20) + "\nends\n")
    text = (keep_failure(home, tmp_path / "kept", {}) / "line/log/rescue.log").read_text()
    assert text.startswith("begins") and text.endswith("ends\n") and len(text) < 4.1 * (1 << 20)


def test_two_failures_of_one_name_have_two_folders(home: Path, tmp_path: Path) -> None:
    found = [keep_failure(home, tmp_path / "kept" / "chaos", {}) for _ in range(3)]
    assert [one.name for one in found] == ["chaos", "chaos-2", "chaos-3"]


def test_only_the_newest_stay(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    for number in range(4):
        kept = keep_failure(home, named_by_time(folder, "chaos"), {})
        os.utime(kept / "what_happened.txt", (number, number))
        kept.rename(folder / f"old-{number}")
    (folder / "of somebody else").mkdir()
    keep_newest(folder, 2)
    assert {one.name for one in folder.iterdir()} == {"of somebody else", "old-2", "old-3"}
    keep_newest(tmp_path / "nowhere")


def test_a_play_that_has_written_nothing_is_told_all_the_same(tmp_path: Path) -> None:
    kept = keep_failure(tmp_path / "nowhere", tmp_path / "kept", {"error": "no Asterisk"})
    assert (kept / "what_happened.txt").read_text().startswith("error: no Asterisk\n")
