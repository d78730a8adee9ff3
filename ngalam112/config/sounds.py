"""Turns the prompts (text, or a studio recording of the same name) and the music into audio files.

Decides what has to be made anew, by a hash of the source and the recipe kept beside each file.
Files appear whole or not at all, so a running Asterisk never plays half of one.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from pbx.programs import Programs

Source = Literal["text", "studio", "tones"]

VOICE = ("-v", "id", "-s", "184", "-p", "45")
"""Indonesian, 184 words a minute (an unhurried 5 syllables a second), a little lower than usual."""

_TRIM = ("silence", "1", "0.02", "0.3%", "reverse") * 2
_TELEPHONE = ("-r", "8000", "-c", "1", "-b", "16")
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
    prompts: Path,
    out: Path,
    programs: Programs,
    report: Callable[[Sound], object] = lambda sound: None,
    *,
    shipped: Path | None = None,
    needed: Iterable[str] = (),
) -> list[Sound]:
    """Make `out`/NAME.wav for every NAME.txt in `prompts`, and tell each to `report`.

    A NAME.wav beside NAME.txt is a studio recording and wins. What is `needed` and not in `prompts`
    comes from `shipped`. Raises SoundError for the first source that cannot be used; the files from
    before stay.
    """
    folders = dict.fromkeys(needed, shipped or prompts) | dict.fromkeys(_names(prompts), prompts)
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as two:
        found = two.map(lambda name: _prompt(folders[name], name, out, programs), sorted(folders))
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


def _prompt(prompts: Path, name: str, out: Path, programs: Programs) -> Sound:
    text, recording = prompts / f"{name}.txt", prompts / f"{name}.wav"
    words = _read_text(text)
    if recording.exists():
        audio = _read(recording)

        def convert(work: Path) -> None:
            (work / "raw.wav").write_bytes(audio)
            _even(programs, work, f"the recording {recording}; save it as WAV or remove it")

        return _kept_or_made(name, out, "studio", repr(_EVEN).encode() + audio, convert)

    def speak(work: Path) -> None:
        (work / "text").write_text(words, "utf-8")
        raw, said = str(work / "raw.wav"), str(work / "text")
        _run(programs, work, "espeak-ng", [*VOICE, "-f", said, "-w", raw], f"the text {text}")
        _even(programs, work, f"the text {text}; write words that can be spoken")

    return _kept_or_made(name, out, "text", repr((VOICE, _EVEN, words)).encode(), speak)


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


def _even(programs: Programs, work: Path, what: str) -> None:
    made = work / "made.wav"
    _sox(programs, work, [str(work / "raw.wav"), *_TELEPHONE, str(made), *_EVEN], what)
    if seconds_of(made) < _SHORTEST_S:
        raise SoundError(f"There is nothing to hear in {what}.")


def _sox(programs: Programs, work: Path, args: Sequence[str], what: str) -> None:
    # -D: the same source gives the same file, bit by bit; -V1: errors only
    _run(programs, work, "sox", ["-V1", "-D", *args], what)


def _run(programs: Programs, work: Path, name: str, args: Sequence[str], what: str) -> None:
    argv = programs.command(name, *args, writable=[work])
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise SoundError(f"{name} took longer than {_LIMIT_S:.0f} s for {what}.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").replace(f"{work}/", "").strip().splitlines()
        why = said[-1] if said else f"exit {done.returncode}"
        raise SoundError(f"{name} cannot use {what} ({why}).")
