"""Turns the prompts (text, or a studio recording of the same name) and the music into audio files.

Decides what has to be made anew, by a hash of the source and the recipe kept beside each file. What
was spoken once on this machine is kept in the user's cache by the same hash, so that a further line
only copies it. Files appear whole or not at all, so a running Asterisk never plays half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import shutil
import subprocess
import tempfile
import wave
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from acd.languages import OWN_LANGUAGE
from pbx.programs import Programs
from pbx.root import cache_folder

Source = Literal["text", "studio", "tones"]

VOICE = ("-v", "id", "-s", "184", "-p", "45")
"""Indonesian, 184 words a minute (an unhurried 5 syllables a second), a little lower than usual."""

VOICES = {"en": ("-v", "en-gb", "-s", "170", "-p", "45")}
"""Other languages with a voice of their own. espeak-ng has none for Javanese, for one: `VOICE`
reads what is not here, until there are recordings."""

_TRIM = ("silence", "1", "0.02", "0.3%", "reverse") * 2
_TELEPHONE = ("-r", "8000", "-c", "1", "-b", "16")
_WORD_S, _LOUDEST_DB = 0.5, -17.5
_EVEN = ("remix", "-", "rate", "-h", "8000", *_TRIM, "norm", "-3")

CHORDS = (
    ("220.00", "261.63", "329.63", "392.00"),
    ("174.61", "261.63", "329.63", "440.00"),
    ("196.00", "293.66", "349.23", "493.88"),
    ("196.00", "261.63", "329.63", "392.00"),
)
"""Am7, Fmaj7, G7, C: the notes in Hz of what waiting citizens hear, over and over."""
_CHORD_S = "7"
_MELLOW = ("fade", "h", "2", _CHORD_S, "2.5", "norm", "-18")

_SHORTEST_S = 0.2
_LIMIT_S = 60.0
_AT_ONCE = max(2, os.cpu_count() or 2)


class SoundError(Exception):
    """A prompt cannot be turned into audio; the message names the file and says what to do."""


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """One audio file. `built` is False where the file from before was still right."""

    name: str
    path: Path
    seconds: float
    source: Source
    built: bool


def build_sounds(
    prompts: Path | None,
    out: Path,
    programs: Programs,
    report: Callable[[Sound], object] = lambda sound: None,
    *,
    shipped: Path | None = None,
    needed: Iterable[str] = (),
    language: str = OWN_LANGUAGE,
) -> list[Sound]:
    """Make `out`/NAME.wav for every NAME.txt in `prompts`, and tell each to `report`.

    A NAME.wav beside NAME.txt is a studio recording and wins. What is `needed` and not in `prompts`
    (None: there is no such folder) comes from `shipped`. Raises SoundError for the first source
    that cannot be used; the files from before stay.
    """
    folders = {name: folder for name in needed if (folder := shipped or prompts) is not None}
    if prompts is not None:
        folders |= dict.fromkeys(_names(prompts), prompts)
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as some:
        found = some.map(
            lambda name: _prompt(folders[name], name, out, programs, language), sorted(folders)
        )
        return [_told(sound, report) for sound in found]


def build_music(
    out: Path, programs: Programs, report: Callable[[Sound], object] = lambda sound: None
) -> Sound:
    """Make `out`/queue.wav, 28 s of quiet chords without an end that one could hear."""
    out.mkdir(parents=True, exist_ok=True)

    def make(work: Path) -> None:
        parts = [work / f"chord{number}.wav" for number in range(len(CHORDS))]
        for part, notes in zip(parts, CHORDS, strict=True):
            tones = [word for note in notes for word in ("sine", note)]
            shape = ["synth", _CHORD_S, *tones, "remix", "-", *_MELLOW]
            silent = ["-r", "8000", "-c", str(len(notes)), "-n"]
            _sox(programs, work, [*silent, *_TELEPHONE, str(part), *shape], "the music")
        _sox(programs, work, [*map(str, parts), str(work / "made.wav")], "the music")

    source = repr((CHORDS, _CHORD_S, _MELLOW)).encode()
    return _told(_kept_or_made("queue", out, "tones", source, make), report)


def reuse_sounds(source: Path, home: Path) -> None:
    """Copy what the line with the folder `source` has into `home`; nothing where it has none."""
    for name in ("sounds", "music"):
        if (source / name).is_dir():
            shutil.copytree(source / name, home / name, dirs_exist_ok=True)


def _told(sound: Sound, report: Callable[[Sound], object]) -> Sound:
    report(sound)
    return sound


def _names(prompts: Path) -> list[str]:
    texts = {path.stem for path in prompts.glob("*.txt")}
    if not texts:
        raise SoundError(f"There are no prompts (NAME.txt) in {prompts}.")
    for path in sorted(prompts.glob("*.wav")):
        if path.stem not in texts:
            raise SoundError(
                f"The recording {path} has no {path.stem}.txt beside it; write down what it says."
            )
    for name in sorted(texts):
        if re.fullmatch("[a-z0-9_]+", name) is None:
            raise SoundError(
                f"The name of {prompts / name}.txt cannot be used; take a-z, 0-9 and _ only."
            )
    return sorted(texts)


def _prompt(prompts: Path, name: str, out: Path, programs: Programs, language: str) -> Sound:
    text, recording = prompts / f"{name}.txt", prompts / f"{name}.wav"
    words = _read_text(text)
    if recording.exists():
        audio = _read(recording)

        def convert(work: Path) -> None:
            (work / "raw.wav").write_bytes(audio)
            even_out(programs, work, f"the recording {recording}; save it as WAV or remove it")

        return _kept_or_made(name, out, "studio", repr(_EVEN).encode() + audio, convert)

    voice = VOICES.get(language, VOICE)

    def speak(work: Path) -> None:
        say_words(programs, work, words, voice, f"the text {text}")

    recipe = repr((voice, _EVEN, _LOUDEST_DB, words)).encode()
    return _kept_or_made(name, out, "text", recipe, lambda work: _cached(recipe, work, speak))


def say_words(
    programs: Programs,
    work: Path,
    words: str,
    voice: Sequence[str],
    what: str,
    limit_s: float = _LIMIT_S,
) -> None:
    """Speak words into `work`/made.wav; raises SoundError, which names `what`.

    They go through a file: in an argument they could be taken for an option.
    """
    (work / "text").write_text(words, "utf-8")
    raw, said = str(work / "raw.wav"), str(work / "text")
    _run(programs, work, "espeak-ng", [*voice, "-f", said, "-w", raw], what, limit_s)
    even_out(programs, work, f"{what}; write words that can be spoken", limit_s)


def _cached(recipe: bytes, work: Path, make: Callable[[Path], None]) -> None:
    """Copy what was made on this machine before; make it, and keep it for the next, if it was not.

    A cache that cannot be read or written is as if there were none.
    """
    folder = cache_folder() / "sounds"
    kept, made = folder / f"{hashlib.sha256(recipe).hexdigest()}.wav", work / "made.wav"
    if seconds_of(kept) >= _SHORTEST_S:
        with contextlib.suppress(OSError):
            shutil.copyfile(kept, made)
            return
    make(work)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as fresh:
            fresh.write(made.read_bytes())
        Path(fresh.name).replace(kept)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SoundError(f"{path} cannot be read: {error.strerror}.") from None


def _read_text(path: Path) -> str:
    try:
        words = " ".join(_read(path).decode("utf-8").split())
    except UnicodeDecodeError:
        raise SoundError(f"The text {path} is not UTF-8; save it as UTF-8.") from None
    if not any(char.isalnum() for char in words):
        raise SoundError(f"The text {path} has no words; write what is to be heard.")
    return words


def _kept_or_made(
    name: str, out: Path, source: Source, content: bytes, make: Callable[[Path], None]
) -> Sound:
    path, mark = out / f"{name}.wav", out / f".{name}.made-from"
    wanted = hashlib.sha256(content).hexdigest()
    seconds = seconds_of(path)
    if seconds and mark.is_file() and mark.read_text("ascii", "replace") == wanted:
        return Sound(name=name, path=path, seconds=seconds, source=source, built=False)
    with tempfile.TemporaryDirectory(dir=out, prefix=f".{name}-") as folder:
        work = Path(folder)
        make(work)
        (work / "mark").write_text(wanted, "ascii")
        # in this order: cut short in between, the file is made once more
        (work / "made.wav").replace(path)
        (work / "mark").replace(mark)
    return Sound(name=name, path=path, seconds=seconds_of(path), source=source, built=True)


def seconds_of(path: Path) -> float:
    """How long a WAV file plays; 0 if it is missing or broken."""
    try:
        with wave.open(str(path), "rb") as audio:
            # counted, because the header of an empty or torn file may promise anything
            audible = len(audio.readframes(audio.getnframes()))
            return audible / audio.getsampwidth() / audio.getnchannels() / audio.getframerate()
    except (OSError, EOFError, wave.Error):
        return 0.0


def even_out(
    programs: Programs,
    work: Path,
    what: str,
    limit_s: float = _LIMIT_S,
    *,
    before: Sequence[str] = (),
) -> None:
    """Make `work`/made.wav of raw.wav: for the telephone, no silence at the ends, as loud as all.

    `before`: effects of sox that come first. Raises SoundError, which names `what`.
    """
    made = work / "made.wav"
    args = [str(work / "raw.wav"), *_TELEPHONE, str(made), *before, *_EVEN]
    _sox(programs, work, args, what, limit_s)
    seconds = seconds_of(made)
    if seconds < _SHORTEST_S:
        raise SoundError(f"There is nothing to hear in {what}.")
    louder = _loudness_db(made) - _LOUDEST_DB
    if seconds < _WORD_S and louder > 0:
        # a single word without a pause is all as loud as the loudest sound of a sentence
        made.replace(work / "word.wav")
        args = [str(work / "word.wav"), *_TELEPHONE, str(made), "gain", f"{-louder:.2f}"]
        _sox(programs, work, args, what, limit_s)


def _loudness_db(path: Path) -> float:
    """The mean power of a file as it is made here, in dB of full scale."""
    with wave.open(str(path), "rb") as audio:
        found = array("h", audio.readframes(audio.getnframes()))
    return 10 * math.log10(max(1.0, sum(one * one for one in found) / len(found)) / 32768**2)


def _sox(
    programs: Programs, work: Path, args: Sequence[str], what: str, limit_s: float = _LIMIT_S
) -> None:
    # -D: the same source gives the same file, bit by bit; -V1: errors only
    _run(programs, work, "sox", ["-V1", "-D", *args], what, limit_s)


def _run(
    programs: Programs, work: Path, name: str, args: Sequence[str], what: str, limit_s: float
) -> None:
    argv = programs.command(name, *args, writable=[work])
    try:
        done = subprocess.run(argv, capture_output=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise SoundError(f"{name} took longer than {limit_s:.0f} s for {what}.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").replace(f"{work}/", "").strip().splitlines()
        why = said[-1] if said else f"exit {done.returncode}"
        raise SoundError(f"{name} cannot use {what} ({why}).")
