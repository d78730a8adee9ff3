"""The two files are checked against each other, the settings and the audio before anybody calls."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from acd.config_file import DistributionError
from ivr.menu import MenuError, load_menu
from ngalam112.config import sounds
from ngalam112.config.routing import (
    OWN_PROMPTS,
    audio_file,
    audio_of_languages,
    build_prompts,
    directory_of,
    load_checked_distribution,
    load_checked_menu,
    rules_of,
    spoken,
)
from ngalam112.config.settings import SHIPPED_PROMPTS, Settings, load_settings
from ngalam112.config.sounds import Sound
from pbx.programs import Programs


def a_line(home: Path, text: str = "", **changes: object) -> Settings:
    """Settings with all audio, and a distribution file of this text."""
    file = home / "distribution.toml"
    file.write_text(text, "utf-8")
    settings = load_settings(home=home, distribution_file=file, **changes)
    for name in spoken(settings, load_menu(settings.menu_file)):
        audio = audio_file(settings, name)
        audio.parent.mkdir(parents=True, exist_ok=True)
        audio.touch()
    return settings


def test_audio_that_is_missing_is_told_by_name(tmp_path: Path) -> None:
    settings = a_line(tmp_path, whisper=True)
    for name in ("menu", "whisper_fire", "transfer_busy"):
        (settings.sounds / f"{name}.wav").unlink()
    with pytest.raises(MenuError, match="There is no audio for menu, transfer_busy, whisper_fire"):
        load_checked_menu(settings)


@pytest.mark.parametrize(
    ("text", "carrier", "problem"),
    [
        ('[category_numbers]\n92 = "ufo"', "", "'ufo' is not one of the menu's categories"),
        ('[agencies.110]\nname = "P"\nnumber = "110"', "", "set NGALAM112_CARRIER"),
        ('[agencies.110]\nname = "P"\nnumber = "x y"', "", "neither 2 to 15 digits nor sip:"),
        ('[agencies.110]\nname = "P"\nnumber = "110"\nhours = "7-9"', "c", "like 07:00-15:30"),
        ('overflow = [{ after_s = 1, to = "PMI!" }]', "", "nor an agency's number or id"),
        ('[category_numbers]\n9x = "fire"', "", "1 to 10 digits for it, and it is no agency's"),
        (
            'overflow = [{ after_s = 9, to = "anybody" }, { after_s = 3, to = "all_phones" }]',
            "",
            "not below that of the step before",
        ),
        ("overflow_again_s = 0", "", "overflow_again_s must be between"),
        ("rings = []", "", "first of the rings"),
        ("ring_all_most = 0", "", "ring_all_most must be between"),
        ("[failures]\nsleepy = {}", "", "failures: 'sleepy' is none of"),
        ("[failures]\nbusy = { rest_s = -1 }", "", "rest_s must be between"),
        *(
            (
                f'[agencies.7]\nname = "P"\nnumber = "sip:a@b"\nfallback = "{number}"',
                "c",
                f"agency 7: {number} may not be dialled: {why}; [outbound] says what may",
            )
            for number, why in (
                ("08091234567", "it is a premium-rate number"),
                ("112", "it is the line's own number"),
                ("1177", "no such number is known to be in use"),
            )
        ),
        ('[outbound]\nkinds = ["premium"]', "", "outbound, kinds: 'premium' is none of"),
        ("[priority]\ncallback = 601", "", "priority, callback: seconds must be between"),
        ("[priority.resource]\nWPS = 1", "", "names are written small"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(
    tmp_path: Path, text: str, carrier: str, problem: str
) -> None:
    with pytest.raises(DistributionError) as error:
        load_checked_distribution(a_line(tmp_path, text, carrier=carrier))
    assert problem in str(error.value)
    assert str(error.value).count(". ") == 0, "one sentence"


def test_what_is_in_the_files_is_what_the_rules_say(tmp_path: Path) -> None:
    text = """
    ring_all_most = 3
    rings = [{ after_s = 0, min_level = 7 }, { after_s = 9, min_level = 0 }]
    overflow = [{ after_s = 4, to = "110" }]
    [failures]
    busy = { rest_s = 9, pauses = true }
    [priority]
    silent = 5
    [agencies.110]
    name = "Polresta"
    number = "0341366444"
    """
    settings = a_line(tmp_path, text, carrier="192.0.2.1")
    found = load_checked_distribution(settings)
    rules = rules_of(settings, load_menu(settings.menu_file), found)
    assert (rules.ring_all_most, rules.rings[0].min_level) == (3, 7)
    assert (rules.silent_head_start_s, rules.callback_head_start_s) == (5, -120)
    assert rules.failure("busy").pauses
    assert rules.failure("no_answer").counts, "what is not in the file stays as it was"
    assert not rules.failure("failed").counts
    assert [step.to for step in rules.overflow] == ["110"]
    directory = directory_of(settings, found)
    (polresta,) = [one for one in directory.agencies.by_id.values() if one.number == "110"]
    assert (polresta.id, directory.addresses(polresta, 0.0)) == ("polresta", ("tel:0341366444",))
    # 07:30 in Malang
    assert directory.local_minute(1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 1800) == 7 * 60 + 30


def test_what_a_folder_of_ones_own_lacks_of_the_lines_words_is_spoken_as_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken_from: dict[str, Path] = {}

    def speak(prompts: Path, name: str, out: Path, programs: Programs, language: str) -> Sound:
        assert (prompts / f"{name}.txt").is_file()
        spoken_from[name if language == "id" else f"{language}/{name}"] = prompts
        return Sound(name=name, path=out / name, seconds=1.0, source="text", built=True)

    monkeypatch.setattr(sounds, "_prompt", speak)
    own = tmp_path / "prompts"
    (own / "jv").mkdir(parents=True)
    for name in ("menu", "queue_wait", "jv/menu"):
        (own / f"{name}.txt").write_text("words")
    stale = tmp_path / "sounds" / "en" / "menu.wav"
    stale.parent.mkdir(parents=True)
    stale.touch()
    build_prompts(load_settings(home=tmp_path, prompts=own), Programs(root=None))
    assert spoken_from["menu"] == spoken_from["queue_wait"] == own
    assert spoken_from["connection_lost"] == SHIPPED_PROMPTS
    assert spoken_from["jv/menu"] == own / "jv"
    assert spoken_from["en/queue_wait"] == SHIPPED_PROMPTS.parent / "en"
    assert "en/menu" not in spoken_from, "it would say another menu's keys"
    assert not stale.exists()
    ours = {name for name in spoken_from if "/" not in name}
    assert ours == {"menu", "queue_wait"} | OWN_PROMPTS


def test_audio_of_a_language_is_used_once_asterisk_knows_it(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    for name in ("jv/queue_wait", "jv/menu", "en/queue_wait", "en/menu"):
        (tmp_path / "sounds" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sounds" / f"{name}.wav").touch()
    assert settings.built_languages() == ["en", "jv"]
    assert audio_of_languages(settings) == {}, "an Asterisk of before"
    etc = settings.asterisk_home / "etc"
    etc.mkdir(parents=True)
    (etc / "musiconhold.conf").write_text("[queue]\n[queue_jv]\n[queue_jv_1]\n")
    assert audio_of_languages(settings) == {"jv": {"queue_wait", "menu"}}


def test_a_menu_whose_words_outlast_its_time_is_told(tmp_path: Path) -> None:
    settings = a_line(tmp_path)
    for name in ("menu", "jv/choose_jv", "en/choose_en"):
        with wave.open(str(audio_file(settings, name)), "wb") as audio:
            audio.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
            audio.writeframes(bytes(2 * 8000 * 4))
    said = r"menu main takes 12\.0 s in id with its offers, longer than limit_s = 11\.5"
    with pytest.raises(MenuError, match=said):
        load_checked_menu(settings)
