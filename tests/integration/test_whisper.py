"""The whisper: an operator hears what a call is about, and the citizen's voice is not delayed."""

from __future__ import annotations

import shutil
from pathlib import Path

from lines import open_line

from pbx.programs import Programs

OPERATOR_HZ, CITIZEN_HZ = 700, 400


async def test_the_operator_hears_words_and_the_citizen_at_once_the_citizen_only_the_operator(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(tmp_path, programs, built_sounds, whisper=True) as line:
        # a long whisper, so that there is time to listen to it
        sounds = line.settings.sounds
        shutil.copy(sounds / "info_covid.wav", sounds / "whisper_police.wav")
        async with (
            line.operator_at("101", tone_hz=OPERATOR_HZ) as operator,
            line.softphone("0891", tone_hz=CITIZEN_HZ) as citizen,
        ):
            dialled = await citizen.dial("112")
            await citizen.established(dialled)
            await citizen.audio_flows(dialled)
            await citizen.send_digits("2", dialled)
            await operator.answer()
            both = await operator.hears(CITIZEN_HZ)
            # a tone alone is 0.999 of what comes in
            assert 0.5 < both < 0.98, "words, and the citizen's voice at the same time"
            assert await citizen.hears(OPERATOR_HZ) > 0.9, "the citizen hears no words"
            await operator.hang_up()
            await citizen.closed(dialled)
        assert (await line.ended(1, "0891"))[0].outcome == "answered"
        await line.is_empty()
