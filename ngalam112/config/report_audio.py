"""Makes the audio of what is read out to an agency; in a thread, never in the loop.

What citizens and operators have written comes from outside. So it is bounded in length and in time,
goes to espeak-ng as a file without what that would take for anything but words
(`ngalam112.config.notice_audio`), and names no file.
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

from ngalam112.config.notice_audio import WITHIN_S, speakable
from ngalam112.config.settings import Settings
from ngalam112.config.sounds import VOICE, say_words, seconds_of
from pbx.programs import Programs

LONGEST_S = 75.0


def make_report_audio(settings: Settings, programs: Programs, name: str, words: str) -> float:
    """Speak the words into the file `name`.wav of the folder, and return how many seconds it takes.

    `name`: a word made by the line. Longer audio is cut. Raises NoticeError if there is nothing to
    speak, SoundError and OSError; the file is whole, or not there.
    """
    out = settings.report_audio
    out.mkdir(parents=True, exist_ok=True, mode=0o755)
    text = speakable(words)
    with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as folder:
        made = Path(folder) / "made.wav"
        say_words(programs, Path(folder), text, VOICE, "a report to an agency", WITHIN_S)
        if seconds_of(made) > LONGEST_S:
            _cut(made)
        seconds = seconds_of(made)
        made.replace(out / f"{name}.wav")
    return seconds


def remove_report_audio(settings: Settings, name: str = "*") -> None:
    """Remove one file, or all; harmless if there is none."""
    for path in settings.report_audio.glob(f"{name}.wav"):
        path.unlink(missing_ok=True)


def _cut(path: Path) -> None:
    with wave.open(str(path), "rb") as audio:
        form = audio.getparams()
        kept = audio.readframes(round(LONGEST_S * form.framerate))
    with wave.open(str(path), "wb") as audio:
        audio.setparams(form)
        audio.writeframes(kept)
