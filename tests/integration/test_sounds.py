"""Prompts and music made for real by espeak-ng and sox: how long, how loud, and when made anew."""

from __future__ import annotations

import array
import math
import os
import shutil
import wave
from pathlib import Path

import pytest

from acd.agencies.agency import AgencyKind
from acd.queueing.announcements import PROMPTS as ANNOUNCED
from acd.queueing.notices import PROMPTS as NOTICE_PROMPTS
from incidents.states import IncidentState
from ivr.information import PROMPTS as INFORMATION_PROMPTS
from ivr.menu import LONGEST_MENU_S, load_menu
from ngalam112.config.routing import seconds_of_menu
from ngalam112.config.settings import PROJECT, load_settings
from ngalam112.config.sounds import Sound, SoundError, build_music, build_sounds, seconds_of
from pbx.programs import Programs

PROMPTS = PROJECT / "ivr" / "prompts" / "id"
CATEGORIES = (
    *("general", "covid", "police", "fire", "power"),
    *("accident", "ambulance", "animal"),
)
LONGEST_S = {
    "menu": 6.5,
    "menu_retry": 2.5,
    "menu_covid": 3.5,
    "menu_malang": 8.5,
    "menu_malang_retry": 2.5,
    "menu_animal": 4.0,
    "choose_id": 1.5,
    "info_covid": 25.0,
    "info_snake": 12.0,
    "info_bite": 12.0,
    "information_keys": 5.0,
    "information_end": 4.0,
    "notice_stay": 5.5,
    "notice_callback": 2.5,
    "queue_stay": 1.8,
    "connection_lost": 6.0,
    "silent_caller": 5.0,
    "queue_wait": 3.0,
    **{f"queue_position_{place}": 2.5 for place in range(1, 21)},
    **{f"queue_minutes_{minutes}": 3.0 for minutes in range(12)},
    "fallback": 5.0,
    "operator_logged_in": 2.5,
    "operator_logged_out": 2.5,
    "operator_paused": 2.5,
    "operator_ready": 2.5,
    "operator_unknown": 2.5,
    "monitor_no_talk": 3.5,
    "recording_paused": 2.5,
    "recording_goes_on": 2.5,
    "recording_failed": 3.0,
    "operator_not_logged_in": 2.5,
    "code_unknown": 2.5,
    "callback_nobody": 4.0,
    "callback_no_carrier": 3.0,
    "callback_forbidden": 4.0,
    "callback_limit": 4.0,
    "dispatch_sent": 2.5,
    "dispatch_ring_it": 4.0,
    "dispatch_no_agency": 3.5,
    "dispatch_has_it": 3.0,
    "dispatch_no_call": 3.5,
    "dispatch_over": 3.0,
    "dispatch_not_by_phone": 4.0,
    "disposition_prank": 2.5,
    "disposition_ghost": 2.5,
    "disposition_real": 2.5,
    "disposition_category": 2.5,
    "disposition_undone": 2.5,
    "disposition_unknown": 2.5,
    "disposition_nobody": 3.5,
    "code_again": 6.0,
    "code_operator": 4.0,
    "code_pin": 4.0,
    "code_reason_unknown": 4.0,
    "code_silence": 5.5,
    "code_waits": 4.0,
    "operator_no_wrap_up": 4.0,
    "operator_paused_break": 4.0,
    "operator_paused_meal": 4.0,
    "operator_paused_prayer": 4.0,
    "operator_paused_technical": 4.0,
    "operator_paused_training": 4.0,
    "operator_wrap_up_longer": 4.0,
    "operator_wrap_up_longest": 4.0,
    "talk_citizen_left": 3.5,
    "talk_not_answered": 4.0,
    "verification_asked": 6.0,
    "verification_no_incident": 5.0,
    "verification_on_the_line": 6.0,
    "verification_open": 5.0,
    "transfer_away": 3.5,
    "transfer_busy": 3.5,
    "transfer_failed": 3.5,
    "transfer_forbidden": 3.5,
    "transfer_nowhere": 3.5,
    "transfer_oneself": 3.5,
    "transfer_paused": 3.5,
    "transfer_rings": 3.5,
    "transfer_underway": 3.5,
    **{f"digit_{digit}": 1.0 for digit in range(10)},
    "incident_number": 3.0,
    "incident_running": 1.0,
    "incident_again": 2.5,
    "incident_no_number": 3.0,
    "status_ask": 6.0,
    "status_unknown": 2.5,
    "status_end": 5.5,
    "status_by": 3.5,
    **{f"status_{state}": 3.5 for state in IncidentState},
    **{f"status_agency_{kind}": 3.5 for kind in AgencyKind},
    **{f"day_{day}": 2.0 for day in range(1, 32)},
    **{f"month_{month}": 1.5 for month in range(1, 13)},
    "test_plus": 1.0,
    "test_codec_alaw": 2.0,
    "test_codec_g722": 2.5,
    "test_codec_other": 2.0,
    "test_codec_ulaw": 2.0,
    "test_echo": 5.0,
    "test_intro": 7.0,
    "test_number": 1.5,
    "test_number_unknown": 2.5,
    "test_place_known": 2.5,
    "test_place_unknown": 2.5,
    "agency_intro": 5.5,
    "agency_keys": 5.5,
    "agency_accepted": 3.5,
    "agency_too_late": 4.5,
    "agency_no_operator": 2.5,
    "agency_again_later": 5.0,
    "text_closed": 2.5,
    "text_none": 3.5,
    "text_taken": 3.5,
    # over the first words of a talk, so as short as can be
    **{f"whisper_{category}": 1.2 for category in CATEGORIES},
    "engine_away": 6.0,
}


@pytest.fixture(scope="module")
def built(programs: Programs, built_sounds: Path) -> dict[str, Sound]:
    out = load_settings(home=built_sounds).sounds
    return {sound.name: sound for sound in build_sounds(PROMPTS, out, programs)}


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """A folder with two short prompts."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "one.txt").write_text("Satu.")
    (folder / "two.txt").write_text("Dua.")
    return folder


def samples(path: Path) -> array.array[int]:
    with wave.open(str(path), "rb") as audio:
        shape = (audio.getframerate(), audio.getnchannels(), audio.getsampwidth())
        assert shape == (8000, 1, 2), f"{path.name} is not 8 kHz mono 16 bit"
        return array.array("h", audio.readframes(audio.getnframes()))


def loudness_db(path: Path) -> float:
    found = samples(path)
    mean = sum(sample * sample for sample in found) / len(found)
    return 10 * math.log10(mean / 32768**2)


def record(path: Path, *, rate: int = 44100, level: int = 9000, seconds: float = 1.0) -> None:
    """Write a stereo recording as a studio would: a tone between half seconds of silence."""
    silence = [0] * rate  # half a second of two channels
    tone = [
        int(level * math.sin(i * math.tau * 440 / rate))
        for i in range(int(rate * seconds))
        for _ in "lr"
    ]
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(2)
        audio.setsampwidth(2)
        audio.setframerate(rate)
        audio.writeframes(array.array("h", silence + tone + silence).tobytes())


def test_every_prompt_is_there_and_no_other(built: dict[str, Sound]) -> None:
    assert built.keys() == LONGEST_S.keys()


@pytest.mark.parametrize("name", LONGEST_S)
def test_a_prompt_is_no_longer_than_it_may_be(built: dict[str, Sound], name: str) -> None:
    seconds = len(samples(built[name].path)) / 8000
    assert built[name].seconds == pytest.approx(seconds)
    # a sentence, one word, or a syllable or two
    words = ("digit_", "day_", "month_", "test_plus", "incident_running")
    shortest = 0.25 if name.startswith(words) else 0.8
    if name.startswith(("whisper_", "test_number")):
        shortest = 0.4
    assert shortest <= seconds <= LONGEST_S[name]


MENUS = sorted((PROJECT / "ivr").glob("menu*.toml"))


@pytest.mark.parametrize("menu", MENUS, ids=lambda path: path.stem)
def test_who_says_nothing_has_an_operator_rung_within_twelve_seconds(
    built_sounds: Path, menu: Path
) -> None:
    settings = load_settings(home=built_sounds, menu_file=menu)
    tree = load_menu(menu)
    for language in tree.languages():
        words_s = seconds_of_menu(tree, tree.start, language, settings)
        asked_s = words_s + tree.menus[tree.start].silence_s
        assert asked_s <= tree.limit_s < LONGEST_MENU_S, f"{language}: {asked_s:.1f} s"


@pytest.mark.parametrize("language", ["jv", "en"])
def test_other_languages_have_all_that_citizens_hear_about_as_long(
    built_sounds: Path, language: str
) -> None:
    settings = load_settings(home=built_sounds)
    heard = {*ANNOUNCED, *NOTICE_PROMPTS, *INFORMATION_PROMPTS}
    heard |= {name for menu in MENUS for name in load_menu(menu).prompts()}
    for name in sorted(heard):
        ours = seconds_of(settings.sounds / f"{name}.wav")
        theirs = seconds_of(settings.sounds_of(language) / f"{name}.wav")
        assert 0.4 * ours <= theirs <= 1.6 * ours, name


def test_what_was_spoken_on_this_machine_before_is_copied(
    programs: Programs, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = build_sounds(prompts, tmp_path / "out", programs)
    cannot_speak = Programs(root=tmp_path / "nowhere")
    again = build_sounds(prompts, tmp_path / "other", cannot_speak)
    assert [one.path.read_bytes() for one in again] == [one.path.read_bytes() for one in first]
    for kept in (tmp_path / "cache").rglob("*.wav"):
        kept.write_bytes(b"torn")
    third = build_sounds(prompts, tmp_path / "third", programs)
    assert [one.path.read_bytes() for one in third] == [one.path.read_bytes() for one in first]


def test_a_voice_is_the_languages_own_where_there_is_one(
    programs: Programs, prompts: Path, tmp_path: Path
) -> None:
    made = {
        language: build_sounds(prompts, tmp_path / language, programs, language=language)[0]
        for language in ("id", "jv", "en")
    }
    audio = {language: one.path.read_bytes() for language, one in made.items()}
    assert audio["id"] == audio["jv"] != audio["en"]


def test_the_information_takes_its_time(built: dict[str, Sound]) -> None:
    assert built["info_covid"].seconds >= 15


def test_prompts_start_and_end_without_silence(built: dict[str, Sound]) -> None:
    for sound in built.values():
        found = samples(sound.path)
        tenth = 800
        for end in (found[:tenth], found[-tenth:]):
            assert max(map(abs, end)) > 150, f"{sound.name} has silence at an end"


def test_prompts_are_about_as_loud_as_each_other(built: dict[str, Sound]) -> None:
    found = {name: loudness_db(sound.path) for name, sound in built.items()}
    assert max(found.values()) - min(found.values()) < 6, found


def test_music_is_quiet_long_and_has_no_jump_where_it_starts_again(
    programs: Programs, tmp_path: Path
) -> None:
    told: list[Sound] = []
    music = build_music(tmp_path / "music", programs, told.append)
    found = samples(music.path)
    assert music.path == tmp_path / "music" / "queue.wav"
    assert 27 <= music.seconds <= 29
    assert -40 < loudness_db(music.path) < -25
    assert abs(found[0] - found[-1]) < 50
    assert (told, music.built) == ([music], True)
    assert not build_music(tmp_path / "music", programs).built


def test_only_what_has_changed_is_made_anew(
    programs: Programs, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told: list[Sound] = []
    first = build_sounds(prompts, out, programs, told.append)
    assert [(sound.name, sound.source, sound.built) for sound in first] == [
        ("one", "text", True),
        ("two", "text", True),
    ]
    assert told == first
    (prompts / "two.txt").write_text("Dua puluh dua.")
    (prompts / "one.txt").write_text("  Satu.\n")  # only the layout
    again = build_sounds(prompts, out, programs)
    assert [sound.built for sound in again] == [False, True]
    assert again[1].seconds > first[1].seconds
    assert not any(sound.built for sound in build_sounds(prompts, out, programs))


def test_a_lost_or_broken_file_is_made_anew(
    programs: Programs, prompts: Path, tmp_path: Path
) -> None:
    first = build_sounds(prompts, tmp_path / "out", programs)
    before = first[1].path.read_bytes()
    first[0].path.unlink()
    first[1].path.write_bytes(b"RIFF")
    again = build_sounds(prompts, tmp_path / "out", programs)
    assert [sound.built for sound in again] == [True, True]
    assert again[1].path.read_bytes() == before


def test_nothing_but_the_audio_and_its_mark_is_left(
    programs: Programs, prompts: Path, tmp_path: Path
) -> None:
    build_sounds(prompts, tmp_path / "out", programs)
    assert sorted(os.listdir(tmp_path / "out")) == [  # noqa: PTH208
        ".one.made-from",
        ".two.made-from",
        "one.wav",
        "two.wav",
    ]


def test_a_studio_recording_wins_and_is_fitted_to_the_telephone(
    programs: Programs, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    spoken = build_sounds(prompts, out, programs)[1]
    record(prompts / "two.wav")
    studio = build_sounds(prompts, out, programs)[1]
    assert (studio.source, studio.built) == ("studio", True)
    assert studio.seconds == pytest.approx(1.0, abs=0.05)
    assert max(map(abs, samples(studio.path))) == pytest.approx(32768 * 10 ** (-3 / 20), rel=0.02)
    (prompts / "two.wav").unlink()
    assert build_sounds(prompts, out, programs)[1] == spoken


def test_bad_sources_are_named_in_one_sentence_and_the_old_audio_stays(
    programs: Programs, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    build_sounds(prompts, out, programs)
    before = (out / "two.wav").read_bytes()
    text, recording = prompts / "two.txt", prompts / "two.wav"

    def error() -> str:
        with pytest.raises(SoundError) as caught:
            build_sounds(prompts, out, programs)
        assert "\n" not in str(caught.value)
        assert (out / "two.wav").read_bytes() == before
        return str(caught.value)

    text.write_bytes(b"\xff\xfe\x00D")
    assert str(text) in error()
    text.write_text(" \n")
    assert f"{text} has no words" in error()
    text.write_text("... !")
    assert f"{text} has no words" in error()
    text.unlink()
    text.mkdir()
    assert f"{text} cannot be read" in error()
    text.rmdir()
    text.write_text("Dua.")
    recording.write_bytes(b"this is no audio")
    assert f"cannot use the recording {recording}" in error()
    record(recording, level=0)
    assert f"nothing to hear in the recording {recording}" in error()
    recording.rename(prompts / "three.wav")
    assert "has no three.txt beside it" in error()
    shutil.move(prompts / "three.wav", tmp_path / "three.wav")
    (prompts / "Salah nama.txt").write_text("Dua.")
    assert "Salah nama.txt cannot be used" in error()


def test_a_folder_without_prompts_is_named(programs: Programs, tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="no prompts"):
        build_sounds(tmp_path / "nowhere", tmp_path / "out", programs)
