"""Makes the audio of a notice, out of words or of a recording; in a thread, never in the loop.

What is to be spoken comes from outside, so it is bounded in length, in signs and in time: it goes
to espeak-ng as a file, without what that would take for anything but words (`[[phonemes]]`,
embedded commands behind a control character, markup).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from acd.languages import LANGUAGE
from ngalam112.config.settings import Settings
from ngalam112.config.sounds import VOICE, VOICES, even_out, say_words, seconds_of
from pbx.programs import Programs

MOST_SIGNS = 500
MOST_LANGUAGES = 8
LONGEST_S = 60.0
LARGEST_RECORDING = 20_000_000
"""Bytes: a minute and a half of a studio's stereo."""
WITHIN_S = 15.0
"""Seconds for each of the programs that make the audio."""

_SPEAKABLE = frozenset(" .,;:!?'()-/%+&")


class NoticeError(ValueError):
    """A notice cannot be used; the message says why and what may be given."""


def speakable(words: str) -> str:
    """Return the words as they can be spoken; raises NoticeError if they are none, or too many."""
    kept = "".join(one if one.isalnum() or one in _SPEAKABLE else " " for one in words)
    text = " ".join(kept.split())
    if not any(one.isalnum() for one in text):
        raise NoticeError("The text of a notice has no words; write what is to be heard.")
    if len(words) > MOST_SIGNS:
        raise NoticeError(
            f"The text of a notice has {len(words)} signs; {MOST_SIGNS} at most are spoken."
        )
    return text


def check_languages(languages: Collection[str]) -> None:
    """Raise NoticeError unless these are some languages, but not too many."""
    if not languages:
        raise NoticeError("Give the words of the notice, or a recording, in at least one language.")
    if len(languages) > MOST_LANGUAGES:
        raise NoticeError(f"A notice has {MOST_LANGUAGES} languages at most.")
    for one in languages:
        if not LANGUAGE.fullmatch(one):
            raise NoticeError(
                f"{one[:40]!r} is no language; give two or three small letters, like jv."
            )


def make_audio(
    settings: Settings,
    programs: Programs,
    notice_id: str,
    words: Mapping[str, str],
    recordings: Mapping[str, str],
    *,
    used: Collection[str] = (),
) -> dict[str, float]:
    """Make the audio of a notice in each language and return how long each takes, in seconds.

    `words`: by language, as `speakable` returned them. `recordings`: paths of WAV files, by
    language. Audio of notices whose ids are not `used` any more is removed. Raises NoticeError and
    SoundError, and leaves nothing then.
    """
    out = settings.notices
    out.mkdir(parents=True, exist_ok=True, mode=0o755)
    for old in out.glob("*.wav"):
        if old.stem.rpartition("_")[0] not in used:
            old.unlink(missing_ok=True)
    seconds = {}
    with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as folder:
        for language in sorted(words.keys() | recordings.keys()):
            work = Path(folder) / language
            work.mkdir()
            if language in recordings:
                _convert(programs, work, Path(recordings[language]))
            else:
                voice = VOICES.get(language, VOICE)
                what = f"the notice in {language}"
                say_words(programs, work, words[language], voice, what, WITHIN_S)
            seconds[language] = takes = seconds_of(work / "made.wav")
            if takes > LONGEST_S:
                raise NoticeError(
                    f"The notice takes {takes:.0f} s in {language}; {LONGEST_S:.0f} s at most are "
                    "heard."
                )
        for language in seconds:
            # only once all are there, so that none is left of a notice that cannot be used
            (Path(folder) / language / "made.wav").replace(out / f"{notice_id}_{language}.wav")
    return seconds


def _convert(programs: Programs, work: Path, recording: Path) -> None:
    name = str(recording)[:200]
    try:
        if not recording.is_file():
            raise NoticeError(f"The recording {name!r} is no file; give the path of a WAV file.")
        if recording.stat().st_size > LARGEST_RECORDING:
            most = LARGEST_RECORDING // 1_000_000
            raise NoticeError(f"The recording {name!r} is larger than {most} MB.")
        shutil.copyfile(recording, work / "raw.wav")
    except OSError as error:
        raise NoticeError(f"The recording {name!r} cannot be read: {error.strerror}.") from None
    # cut first: a header may say that each of its samples lasts a second
    cut = ("trim", "0", f"{LONGEST_S + 1:g}")
    even_out(programs, work, f"the recording {name!r}; save it as WAV", WITHIN_S, before=cut)
