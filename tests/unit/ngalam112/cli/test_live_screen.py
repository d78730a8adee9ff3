"""The board on a screen of textual: what is seen, what its keys do, and its own return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from boards import a_snapshot, as_kept, keep_picture, text_of_svg
from lines import eventually

from ngalam112.alarms.rules import Limits
from ngalam112.cli.client import EngineRefused
from ngalam112.cli.live.screen import LiveBoard
from ngalam112.cli.live.view import Silent
from ngalam112.cli.live.watching import Watching
from ngalam112.cli.live.words import LANGUAGES, Words


class Desk:
    """A board with an engine of the test's own. `asked`: what it was to have done."""

    def __init__(self, language: str = "en", *first: Any) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        for one in first or (a_snapshot(),):
            self.queue.put_nowait(one)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuses = ""
        watching = Watching(Limits(), lambda at: "19:32:06")
        self.app = LiveBoard(self._looks(), watching, Words(language), self._post)

    async def _looks(self) -> AsyncIterator[Any]:
        while True:
            one = await self.queue.get()
            if isinstance(one, Exception):
                raise one
            yield one

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        self.asked.append((path, dict(body)))
        if self.refuses:
            raise EngineRefused(self.refuses, 409)

    def seen(self) -> str:
        return text_of_svg(self.app.export_screenshot())

    async def sees(self, words: str) -> None:
        await eventually(lambda: words in self.seen(), what=words)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("size", "people"), [((80, 24), 8), ((200, 60), 40)])
async def test_the_screen_looks_as_it_did(
    language: str, size: tuple[int, int], people: int
) -> None:
    desk = Desk(language, a_snapshot(people))
    async with desk.app.run_test(size=size):
        await desk.sees("1005")
        await desk.sees(Words(language)("key_quit"))
        picture = desk.app.export_screenshot(title="ngalam112 live")
    name, text = f"{size[0]}x{size[1]}_{language}", text_of_svg(picture)
    keep_picture(f"live_{name}", picture)
    assert as_kept(f"screen_{name}", text), text


async def test_an_operator_is_selected_paused_made_ready_and_logged_out() -> None:
    desk = Desk()
    async with desk.app.run_test(size=(80, 24), notifications=True) as pilot:
        await desk.sees("> 1001")
        await pilot.press("down")
        await desk.sees("> 1002")
        await pilot.press("p", *"meal", "enter")
        await desk.sees("1002 Budi Santoso is paused")
        await pilot.press("r")
        await desk.sees("is ready")
        await pilot.press("o", "escape", "o", "enter")
        await desk.sees("is logged out")
    paths = [path.removeprefix("/api/operators/") for path, _ in desk.asked]
    assert paths == ["1002/pause", "1002/ready", "1002/logout"]
    assert desk.asked[0][1] == {"reason": "meal"}


async def test_to_listen_a_phone_and_a_reason_are_asked_for() -> None:
    desk = Desk()
    async with desk.app.run_test(size=(80, 24), notifications=True) as pilot:
        await desk.sees("> 1001")
        await pilot.press("l", *"901", "enter", "enter")  # without a reason nothing is done
        await pilot.press("l", *"901", "enter", *"new", "enter")
        await desk.sees("Phone 901 rings.")
    body = {"operator": "1001", "phone": "901", "reason": "new"}
    assert desk.asked == [("/api/monitors", body)]


async def test_a_call_of_the_list_is_put_first_or_moved_by_its_number() -> None:
    desk = Desk()
    async with desk.app.run_test(size=(80, 24), notifications=True) as pilot:
        await desk.sees("> 1001")
        await pilot.press("f", "2", "enter")
        await desk.sees("is the next one")
        await pilot.press("m", "1", "enter", *"power", "enter")
        await desk.sees("is moved")
        await pilot.press("f", "4", "enter")  # which is a callback
        await desk.sees("There is no call 4")
    assert desk.asked == [
        ("/api/calls/c1/first", {}),
        ("/api/calls/c0/category", {"category": "power"}),
    ]


async def test_alarms_are_acknowledged_together_after_a_question() -> None:
    alarms = [
        {"id": "a1", "alarm": "wait", "text": "a long wait", "acknowledged_by": None},
        {"id": "a2", "alarm": "recordings", "text": "make room", "acknowledged_by": None},
        {"id": "a3", "alarm": "disk", "text": "3.0 % is free", "acknowledged_by": "2001"},
    ]
    desk = Desk("en", a_snapshot(alarms=alarms))
    async with desk.app.run_test(size=(80, 24), notifications=True) as pilot:
        await desk.sees("> 1001")
        await pilot.press("a")
        await desk.sees("Acknowledge 2: wait, recordings? Enter; Esc: no.")
        await pilot.press("escape")
        assert desk.asked == []
        await pilot.press("a", "enter")
        await desk.sees("recordings is acknowledged.")
        desk.queue.put_nowait(a_snapshot())
        await eventually(lambda: "make room" not in desk.seen(), what="no alarm is kept")
        await pilot.press("a")
        await desk.sees("No alarm to acknowledge.")
    assert desk.asked == [
        ("/api/alarms/a1/acknowledge", {}),
        ("/api/alarms/a2/acknowledge", {}),
    ]


async def test_what_the_engine_refuses_is_said_and_the_board_goes_on() -> None:
    desk = Desk()
    desk.refuses = "Operator 1001 is not logged in."
    async with desk.app.run_test(size=(80, 24), notifications=True) as pilot:
        await desk.sees("> 1001")
        await pilot.press("r")
        await desk.sees("is not logged in")
        desk.queue.put_nowait(a_snapshot(at="2026-11-30T19:40:00+07:00"))
        await desk.sees("19:40:00")


async def test_without_an_answer_it_says_since_when_and_comes_back_by_itself() -> None:
    desk = Desk()
    async with desk.app.run_test(size=(80, 24), notifications=True):
        await desk.sees("> 1001")
        desk.queue.put_nowait(Silent("nobody listens"))
        await desk.sees("No answer from the engine since 19:32:06; asking again.")
        desk.queue.put_nowait(a_snapshot(at="2026-11-30T19:40:00+07:00"))
        await desk.sees("19:40:00")
        assert "No answer" not in desk.seen()


async def test_another_size_is_filled_at_once() -> None:
    desk = Desk()
    async with desk.app.run_test(size=(80, 24), notifications=True) as pilot:
        await desk.sees("> 1001")
        await pilot.resize_terminal(200, 60)
        await desk.sees("17 taken")


async def test_an_engine_that_says_no_ends_the_board_with_its_sentence() -> None:
    desk = Desk("en", EngineRefused("16 watch the line already.", 409))
    async with desk.app.run_test(size=(80, 24), notifications=True):
        await eventually(lambda: desk.app.failed is not None)
    assert str(desk.app.failed) == "16 watch the line already."
