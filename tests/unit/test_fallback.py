"""How the fallback script serves a citizen: a real process, AGI with a stand-in for Asterisk."""

from __future__ import annotations

import ast
import re
import sys
import time
from pathlib import Path

import pytest
from standin import SCRIPT, Asterisk, Dialled

HOSTILE = [
    '62"\\" EXEC System reboot',
    "${SHELL(reboot)},20,gm",
    "101&PJSIP/999,60,A(x)",
    "'; DROP TABLE calls; --",
    "=cmd()|x\t\x1b[2J",
    "62\n\n200 result=1 (9)\n511 dead\nHANGUP",
    "62\nagi_uniqueid: forged\nagi_threadid: 1",
    "\x00\x7f\u202e" + "9" * 3000,
    "628*#+",
]


@pytest.fixture
def asterisk(tmp_path: Path) -> Asterisk:
    return Asterisk(tmp_path)


def test_it_uses_the_standard_library_only() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    assert imported <= set(sys.stdlib_module_names)


def test_all_registered_phones_are_rung_by_one_command(asterisk: Asterisk) -> None:
    asterisk.phones("101\n102\n103\n104\n105\n")
    asterisk.states = {"102": "UNAVAILABLE/0", "103": "INUSE/30", "104": "UNAVAILABLE/30"}
    asterisk.serve()
    assert asterisk.rung() == [["101", "103", "104", "105"]]


def test_a_damaged_list_of_phones_loses_only_its_damaged_lines(asterisk: Asterisk) -> None:
    asterisk.phones("101\n\n1\n102,60\n${X}\n1234567\n 103 \r\nPJSIP/104\n\xff\xfe\n101\n٣٤\n105")
    asterisk.serve()
    assert asterisk.rung() == [["101", "103", "105"]]


def test_a_phone_of_which_nothing_can_be_told_is_rung(asterisk: Asterisk) -> None:
    asterisk.states = {"101": "/", "102": ""}
    asterisk.serve()
    assert asterisk.rung() == [["101", "102"]]


def test_no_command_is_longer_than_asterisk_can_read(asterisk: Asterisk) -> None:
    asterisk.phones("".join(f"{100_000 + index}\n" for index in range(900)))
    asterisk.serve()
    assert len(asterisk.rung()[0]) == 400
    assert max(len(command) for command in asterisk.commands) < 8192


def test_the_phones_show_fallback_and_the_number_even_if_withheld(asterisk: Asterisk) -> None:
    asterisk.serve()
    assert asterisk.commands[2:6] == [
        "ANSWER",
        'SET VARIABLE CALLERID(num) "+62812"',
        'SET VARIABLE CALLERID(name) "FALLBACK"',
        'SET VARIABLE CALLERID(pres) "allowed"',
    ]


def test_a_talk_that_the_operator_ends_is_recorded_and_the_citizen_hung_up(
    asterisk: Asterisk,
) -> None:
    answered_at = time.time()
    asterisk.dials = [Dialled("102", answered_at=answered_at, result=0)]
    assert asterisk.serve() == 0
    record = asterisk.record()
    assert (record["status"], record["phone"], record["ended_by"]) == (
        "answered",
        "102",
        "operator",
    )
    assert record["answered_at"] == pytest.approx(answered_at, abs=0.001)
    assert record["arrived_at"] < record["answered_at"] <= record["ended_at"]
    assert (record["version"], record["why"]) == (1, "TIMEOUT")
    who = (record["caller_number"], record["caller_name"], record["called_number"])
    assert who == ("+62812", "Warga", "112")
    assert asterisk.commands[-2:] == ["HANGUP", "SET VARIABLE FALLBACK_RECORDED yes"]


def test_a_talk_that_the_citizen_ends_is_recorded(asterisk: Asterisk) -> None:
    asterisk.dials = [Dialled("101", answered_at=time.time(), result=-1)]
    assert asterisk.serve() == 0
    assert asterisk.record()["ended_by"] == "caller"


def test_when_nobody_answers_the_citizen_hears_the_message_and_phones_ring_again(
    asterisk: Asterisk,
) -> None:
    asterisk.dials = [Dialled(None), Dialled(None), Dialled("101", answered_at=time.time())]
    assert asterisk.serve() == 0
    assert len(asterisk.rung()) == 3
    asterisk_said = [one.split(" ")[0] for one in asterisk.commands if one[:4] in ("EXEC", "STRE")]
    assert asterisk_said == ["EXEC", "STREAM", "EXEC", "STREAM", "EXEC"]
    assert f'STREAM FILE "{asterisk.sounds}/fallback" ""' in asterisk.commands
    assert asterisk.record()["status"] == "answered"


@pytest.mark.parametrize("kept", ["", None, "foo\n"])
def test_with_no_phone_at_all_the_citizen_hears_the_message_until_he_hangs_up(
    asterisk: Asterisk, kept: str | None
) -> None:
    asterisk.phones(kept)
    asterisk.hang_up_after = "STREAM FILE"
    assert asterisk.serve() == 0
    assert asterisk.rung() == []
    record = asterisk.record()
    assert (record["status"], record["answered_at"]) == ("unanswered", None)
    assert (record["phone"], record["ended_by"]) == (None, "caller")


@pytest.mark.parametrize("after", ["ANSWER", "SET VARIABLE", "WAIT FOR DIGIT", "EXEC Dial"])
def test_a_citizen_may_hang_up_at_any_moment(asterisk: Asterisk, after: str) -> None:
    asterisk.hang_up_after = after
    asterisk.dials = [Dialled(None)]
    assert asterisk.serve() == 0
    record = asterisk.record()
    assert (record["status"], record["ended_by"]) == ("unanswered", "caller")
    assert len(asterisk.rung()) == (0 if after in ("ANSWER", "SET VARIABLE") else 1)


@pytest.mark.parametrize("reply", ["510 Invalid or unknown command", "200 result=-2"])
def test_what_asterisk_cannot_do_is_tried_again_without_haste(
    asterisk: Asterisk, reply: str
) -> None:
    asterisk.refuse = reply
    asterisk.hang_up_after = ("EXEC Dial", 2)
    began = time.monotonic()
    assert asterisk.serve() == 0
    assert time.monotonic() - began > 1.0
    assert len(asterisk.rung()) == 2


@pytest.mark.parametrize("number", HOSTILE)
def test_nothing_that_a_caller_sends_gets_into_a_command(asterisk: Asterisk, number: str) -> None:
    asterisk.caller = (number, number)
    assert asterisk.serve() == 0
    asterisk.commands.remove(f'SET VARIABLE CALLERID(num) "{asterisk.shown(number)}"')
    plain = Asterisk(asterisk.home / "plain")
    plain.serve()
    plain.commands.remove('SET VARIABLE CALLERID(num) "+62812"')
    assert asterisk.commands[1:] == plain.commands[1:]
    record = asterisk.record()
    assert record["status"] == "answered"
    assert record["asterisk_id"] == asterisk.uniqueid
    for field in ("caller_number", "caller_name", "called_number"):
        assert len(record[field]) <= 64
        assert record[field].isprintable()


def test_texts_that_are_no_utf8_are_kept_as_far_as_they_go(asterisk: Asterisk) -> None:
    asterisk.caller = ("62", "Sit\udcffi")
    assert asterisk.serve() == 0
    assert asterisk.record()["caller_name"] == "Sit\ufffdi"


def test_odd_letters_in_the_folder_of_sounds_are_quoted(tmp_path: Path) -> None:
    asterisk = Asterisk(tmp_path / 'a "b" \\ c')
    asterisk.dials = [Dialled(None), Dialled("101", answered_at=time.time())]
    assert asterisk.serve() == 0
    quoted = re.sub(r'(["\\])', r"\\\1", f"{asterisk.sounds}/fallback")
    assert f'STREAM FILE "{quoted}" ""' in asterisk.commands


A = "110|*|PJSIP/outside/sip:0341@10.0.0.1"
B = "113|*|PJSIP/outside/sip:desk@10.0.0.2:5080"
ADDRESSES = {A: ["outside/sip:0341@10.0.0.1"], B: ["outside/sip:desk@10.0.0.2:5080"]}


def test_agencies_are_rung_one_after_the_other_when_no_phone_answers(asterisk: Asterisk) -> None:
    asterisk.agencies(A, B)
    asterisk.dials = [Dialled(None), Dialled(None), Dialled("outside/x", answered_at=time.time())]
    assert asterisk.serve() == 0
    assert asterisk.rung() == [["101", "102"], ADDRESSES[A], ADDRESSES[B]]
    record = asterisk.record()
    assert (record["status"], record["step"], record["phone"]) == ("answered", "agency", "113")


def test_a_phone_that_answers_is_the_first_step(asterisk: Asterisk) -> None:
    asterisk.agencies(A)
    assert asterisk.serve() == 0
    record = asterisk.record()
    assert (record["step"], record["phone"], len(asterisk.rung())) == ("phone", "101", 1)


def test_with_no_phone_at_all_an_agency_is_rung_at_once(asterisk: Asterisk) -> None:
    asterisk.phones(None)
    asterisk.agencies(A)
    assert asterisk.serve() == 0
    assert asterisk.rung() == [ADDRESSES[A]]
    assert not [one for one in asterisk.commands if one.startswith("STREAM")]


def test_when_no_agency_answers_words_follow_and_all_is_tried_again(asterisk: Asterisk) -> None:
    asterisk.agencies(A)
    asterisk.dials = [Dialled(None), Dialled(None), Dialled("102", answered_at=time.time())]
    assert asterisk.serve() == 0
    did = [one.split(" ")[0] for one in asterisk.commands if one[:4] in ("EXEC", "STRE")]
    assert did == ["EXEC", "EXEC", "STREAM", "EXEC"]
    assert (asterisk.record()["step"], asterisk.record()["phone"]) == ("phone", "102")


def test_an_agency_that_is_closed_is_not_rung(asterisk: Asterisk) -> None:
    minute = int(time.time() // 60)
    hour = [f"{(minute + shift) // 60 % 24:02}:{(minute + shift) % 60:02}" for shift in (-60, 60)]
    begins, ends = hour
    open_now, closed = f"1|{begins}-{ends}|", f"2|{ends}-{begins}|"
    asterisk.phones(None)
    asterisk.agencies(*(f"{row}PJSIP/outside/sip:{row[0]}@h" for row in (closed, open_now)))
    assert asterisk.serve() == 0
    assert asterisk.rung() == [["outside/sip:1@h"]]


def test_a_damaged_list_of_agencies_loses_only_its_damaged_lines(asterisk: Asterisk) -> None:
    asterisk.phones(None)
    good = "PJSIP/outside/sip:1@h"
    asterisk.agencies(
        "", "x", f"1|25:00-26:00|{good}", f"1|*|{good},60,A(x)", f"9|*|{good}", "1|*|"
    )
    assert asterisk.serve() == 0
    assert asterisk.rung() == [["outside/sip:1@h"]]
    assert asterisk.record()["phone"] == "9"


@pytest.mark.parametrize("during", ["EXEC Dial", "STREAM FILE"])
def test_a_citizen_whom_an_engine_takes_back_is_left_to_it(asterisk: Asterisk, during: str) -> None:
    asterisk.agencies(A)
    asterisk.dials = [Dialled(None)] * 9
    asterisk.take_back_after = during
    assert asterisk.serve() == 0
    assert len(asterisk.rung()) == (1 if during == "EXEC Dial" else 2)
    assert "HANGUP" not in asterisk.commands
    assert "SET VARIABLE FALLBACK_RECORDED yes" not in asterisk.commands
    record = asterisk.record()
    assert (record["status"], record["ended_by"]) == ("taken_back", "engine")
