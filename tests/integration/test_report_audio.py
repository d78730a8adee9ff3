"""What is read out to agencies, spoken for real: bounded, and no more than words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from lines import eventually, line_settings

from deliveries.attempt import Attempt, Failed, Reason
from incidents.dispatch import Channel, Delivery, Dispatch
from incidents.incident import Incident
from incidents.report import report_of
from ivr.agency_calls import SpokenReport
from ngalam112.config.notice_audio import MOST_SIGNS, NoticeError
from ngalam112.config.report_audio import LONGEST_S, make_report_audio, remove_report_audio
from ngalam112.config.settings import Settings
from ngalam112.config.sounds import seconds_of
from ngalam112.engine.voice_sender import VoiceSender
from pbx.programs import Programs

PLAIN = "Kejadian nomor 17. Kebakaran."


def make(settings: Settings, programs: Programs, name: str, words: str) -> bytes:
    seconds = make_report_audio(settings, programs, name, words)
    path = settings.report_audio / f"{name}.wav"
    assert 0.5 < seconds == pytest.approx(seconds_of(path))
    return path.read_bytes()


@pytest.mark.parametrize(
    "hostile",
    [
        "Kejadian nomor 17. [[ ]] Kebakaran.",
        "Kejadian nomor 17. <break/> Kebakaran.",
        "Kejadian nomor 17. \x01 Kebakaran.",
    ],
)
def test_commands_to_the_voice_are_read_as_words_or_left_out(
    programs: Programs, tmp_path: Path, hostile: str
) -> None:
    settings = line_settings(tmp_path)
    plain = make(settings, programs, "plain", PLAIN.replace("17. ", "17. break / "))
    if "break" not in hostile:
        plain = make(settings, programs, "plain", PLAIN)
    assert make(settings, programs, "hostile", hostile) == plain


def test_a_text_takes_no_longer_than_anybody_listens(programs: Programs, tmp_path: Path) -> None:
    settings = line_settings(tmp_path)
    make(settings, programs, "long", "9" * MOST_SIGNS)
    assert seconds_of(settings.report_audio / "long.wav") <= LONGEST_S
    with pytest.raises(NoticeError, match="no words"):
        make_report_audio(settings, programs, "none", "<<<>>>")
    assert [one.name for one in settings.report_audio.iterdir()] == ["long.wav"]


def test_removing_takes_one_file_or_all(programs: Programs, tmp_path: Path) -> None:
    settings = line_settings(tmp_path)
    for name in ("a", "b", "c"):
        make(settings, programs, name, PLAIN)
    remove_report_audio(settings, "a")
    remove_report_audio(settings, "a")
    assert {one.stem for one in settings.report_audio.iterdir()} == {"b", "c"}
    remove_report_audio(settings)
    assert list(settings.report_audio.iterdir()) == []


# --- the sender -------------------------------------------------------------------------------


class Sending:
    """A sender, and what it has told."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rung: list[SpokenReport] = []
        self.stopped: list[str] = []
        self.failed: list[Attempt] = []
        self.sender = VoiceSender(
            settings,
            ring=self.rung.append,
            stop=self.stopped.append,
            attempted=lambda dispatch, index, attempt: self.failed.append(attempt),
        )

    def send(self, dispatch: str = "../../d", description: str = "Asap") -> None:
        delivery = Delivery(channel=Channel.VOICE, address="sip:a@192.0.2.1")
        one = Dispatch(id=dispatch, incident_id="i", agency="damkar", deliveries=[delivery])
        incident = Incident(id="i", number="2026-000017", description=description, call_ids=["c"])
        report = report_of(incident, one.id, one.agency, "Kebakaran", "")
        self.sender.send(one, 0, incident, report)

    async def rings(self, count: int) -> None:
        await eventually(lambda: len(self.rung) == count, 20, f"{count} are rung")

    def files(self) -> set[str]:
        return {one.stem for one in self.settings.report_audio.glob("*.wav")}


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Callable[[], Sending]]:
    running: list[asyncio.Task[None]] = []

    def begin() -> Sending:
        made = Sending(line_settings(tmp_path))
        running.append(asyncio.create_task(made.sender.run()))
        return made

    yield begin
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_report_is_spoken_once_and_anew_when_it_has_changed(
    sending: Callable[[], Sending],
) -> None:
    one = sending()
    one.send()
    one.send()
    one.send(description="Api")
    await one.rings(3)
    first, again, changed = (report.prompt for report in one.rung)
    assert first == again != changed
    kept = {one.removeprefix("reports/") for one in (first, changed)}
    assert one.files() == kept, "somebody may be about to hear the first"
    one.sender.stop("../../d", settled=True)
    await eventually(lambda: not one.files(), what="removed")
    assert one.rung[0].call_ids == ("c",) and one.rung[0].seconds > 1.0


async def test_the_file_goes_when_the_dispatch_is_settled_and_not_before(
    sending: Callable[[], Sending],
) -> None:
    one = sending()
    one.send()
    await one.rings(1)
    one.sender.stop("../../d", settled=False)
    one.sender.stop("another", settled=True)
    assert one.stopped == ["../../d"] and len(one.files()) == 1
    one.sender.stop("../../d", settled=True)
    await eventually(lambda: not one.files(), what="removed")
    one.send()
    one.sender.stop("../../d", settled=True)
    one.send("other")
    await one.rings(2)
    assert one.rung[1].dispatch == "other", "what is settled is not rung"


async def test_what_an_earlier_engine_has_left_is_removed(
    sending: Callable[[], Sending], programs: Programs, tmp_path: Path
) -> None:
    make(line_settings(tmp_path), programs, "left", PLAIN)
    one = sending()
    await eventually(lambda: not one.files(), what="removed")


async def test_what_cannot_be_spoken_is_told_and_the_next_one_is_spoken(
    sending: Callable[[], Sending], tmp_path: Path
) -> None:
    one = sending()
    one.settings.report_audio.parent.mkdir(parents=True, exist_ok=True)
    one.settings.report_audio.write_text("in the way")
    one.send()
    await eventually(lambda: bool(one.failed), what="told")
    (failed,) = one.failed
    assert isinstance(failed, Failed) and (failed.reason, failed.retry) == (
        Reason.NOT_SENDABLE,
        True,
    )
    one.settings.report_audio.unlink()
    one.send("next")
    await one.rings(1)
