"""What a storm reads out of the logs: complaints, and nothing that belongs to a storm."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.storm.logs import complaints, late_answers
from ngalam112.config.settings import Settings, load_settings


@pytest.fixture
def line(tmp_path: Path) -> Settings:
    settings = load_settings(home=tmp_path)
    for folder in (settings.home / "log", settings.asterisk_home / "log"):
        folder.mkdir(parents=True)
    return settings


def engine_says(line: Settings, text: str) -> list[str]:
    (line.home / "log" / "engine.jsonl").write_text(text + "\n")
    return complaints(line)


def test_a_line_without_logs_complains_of_nothing(tmp_path: Path) -> None:
    assert complaints(load_settings(home=tmp_path)) == []


@pytest.mark.parametrize(
    "said",
    [
        '{"event": "event_failed", "level": "error"}',
        '{"event": "odd", "level": "warning", "exception": "Traceback"}',
        "Traceback (most recent call last):",
    ],
)
def test_errors_and_tracebacks_of_the_engine_are_complaints(line: Settings, said: str) -> None:
    assert [one.endswith(said) for one in engine_says(line, said)] == [True]


def test_a_database_that_was_late_is_told_apart_from_one_that_fails(line: Settings) -> None:
    late = '{"error": "it does not answer in time", "event": "recording_fails", "level": "error"}'
    fails = '{"error": "disk I/O error", "event": "recording_fails", "level": "error"}'
    assert [one.endswith(fails) for one in engine_says(line, f"{late}\n{fails}")] == [True]
    assert [one.endswith(late) for one in late_answers(line)] == [True]


def test_what_the_engine_merely_tells_or_warns_of_is_none(line: Settings) -> None:
    said = '{"event": "wrong_pin", "level": "warning"}\n{"event": "serving", "level": "info"}'
    assert engine_says(line, said) == []


def test_a_class_of_music_that_is_not_there_is_a_complaint_of_asterisk(line: Settings) -> None:
    (line.asterisk_home / "log" / "messages").write_text(
        "[x] WARNING res_pjsip_refer.c: Endpoint trunk transfer attempt blocked\n"
        "[x] WARNING res_musiconhold.c: Music on Hold class 'default' not found in memory.\n"
    )
    (found,) = complaints(line)
    assert "'default' not found" in found
