"""The board on a full screen, and its keys; the only module that imports textual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from time import time
from typing import Any, ClassVar
from urllib.parse import quote

from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Footer, Input, Label

from ngalam112.cli.client import ClientError
from ngalam112.cli.live.board import board
from ngalam112.cli.live.view import Replay, Row, Silent, Snapshot
from ngalam112.cli.live.watching import Watching
from ngalam112.cli.live.words import Words

Looks = AsyncIterator[Snapshot | Silent | tuple[Snapshot, Replay]]
"""What comes: of the engine, or of a replay."""
Post = Callable[[str, Mapping[str, Any]], Any]
"""Has something done by the engine; raises a ClientError."""


class BoardArea(Widget):
    """The lines of the board."""

    def __init__(self, make: Callable[[int, int], list[Row]]) -> None:
        super().__init__()
        self._make_lines = make
        self._rows: list[Row] = []

    def again(self) -> None:
        """Show what is known now."""
        self._rows = self._make_lines(self.size.width, self.size.height)
        self.refresh()

    def on_resize(self) -> None:
        """Fit the board to another size."""
        self.again()

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        row = self._rows[y] if y < len(self._rows) else []
        return Strip([Segment(text, Style.parse(style or "none")) for text, style in row])


class Asked(ModalScreen[str | None]):
    """One question; what is typed is returned, None after Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss_none", "")]
    DEFAULT_CSS = """
    Asked { align: center middle; }
    Asked Vertical { width: 64; height: auto; border: round $primary; padding: 0 1; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the question over an empty line."""
        with Vertical():
            yield Label(self._question, markup=False)
            yield Input()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return what was typed."""
        self.dismiss(event.value.strip())

    def action_dismiss_none(self) -> None:
        """Return nothing."""
        self.dismiss(None)


class LiveBoard(App[None]):
    """The board. `post`: None where nothing can be done, as in a replay."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "BoardArea { height: 1fr; background: black; color: white; }"

    def __init__(self, looks: Looks, watching: Watching, words: Words, post: Post | None) -> None:
        super().__init__()
        self._looks, self._watching, self._words, self._post = looks, watching, words, post
        self.failed: Exception | None = None
        self._area = BoardArea(
            lambda width, height: board(self._watching.view(), words, width, height)
        )
        self.bind("up", "select(-1)", show=False)
        self.bind("down", "select(1)", show=False)
        self.bind("pageup", "select(-10)", show=False)
        self.bind("pagedown", "select(10)", show=False)
        if post is not None:
            self.bind("p", "pause", description=words("key_pause"))
            self.bind("r", "ready", description=words("key_ready"))
            self.bind("o", "log_out", description=words("key_log_out"))
            self.bind("l", "listen", description=words("key_listen"))
            self.bind("f", "first", description=words("key_first"))
            self.bind("m", "move", description=words("key_move"))
            self.bind("a", "acknowledge", description=words("key_acknowledge"))
        self.bind("q", "quit", description=words("key_quit"))

    def compose(self) -> ComposeResult:
        """The board, and its keys below."""
        yield self._area
        yield Footer()

    def on_mount(self) -> None:
        """Begin to follow the line."""
        self.run_worker(self._follow(), exit_on_error=False)

    async def _follow(self) -> None:
        watching = self._watching
        try:
            async for one in self._looks:
                if isinstance(one, Silent):
                    watching.silent(one.why, time())
                elif isinstance(one, tuple):
                    snapshot, watching.replay = one
                    watching.came(snapshot, time())
                else:
                    watching.came(one, time())
                self._area.again()
        except Exception as error:
            self.failed = error
            self.exit()

    def action_select(self, step: int) -> None:
        """Select another operator."""
        self._watching.select(step)
        self._area.again()

    @work
    async def action_pause(self) -> None:
        """Pause the operator who is selected."""
        await self._choose("pause", "ask_pause", "did_pause")

    @work
    async def action_ready(self) -> None:
        """Make the operator ready who is selected."""
        await self._choose("ready", None, "did_ready")

    @work
    async def action_log_out(self) -> None:
        """Log the operator out who is selected."""
        await self._choose("logout", "ask_log_out", "did_logout")

    async def _choose(self, action: str, question: str | None, did: str) -> None:
        one, words = self._watching.chosen(), self._words
        if one is None:
            return
        who = f"{one['id']} {one['name']}".strip()
        body: dict[str, Any] = {}
        if question is not None:
            given = await self.push_screen_wait(Asked(words(question, who=who)))
            if given is None:
                return
            if action == "pause":
                body["reason"] = given or None
        path = f"/api/operators/{quote(one['id'], safe='')}/{action}"
        await self._done(path, body, words(did, who=who))

    @work
    async def action_listen(self) -> None:
        """Ring a phone that is to hear the talk of the operator who is selected."""
        one, words = self._watching.chosen(), self._words
        if one is None:
            return
        who = f"{one['id']} {one['name']}".strip()
        phone = await self.push_screen_wait(Asked(words("ask_listen", who=who)))
        reason = await self.push_screen_wait(Asked(words("ask_why"))) if phone else None
        if phone and reason:
            body = {"operator": one["id"], "phone": phone, "reason": reason}
            await self._done("/api/monitors", body, words("did_listen", phone=phone))

    @work
    async def action_first(self) -> None:
        """Serve a waiting call before all others."""
        if (one := await self._which()) is not None:
            await self._of_call(one, "first", {})

    @work
    async def action_move(self) -> None:
        """Let a call wait for another category."""
        if (one := await self._which()) is None:
            return
        if category := await self.push_screen_wait(Asked(self._words("ask_where"))):
            await self._of_call(one, "category", {"category": category})

    @work
    async def action_acknowledge(self) -> None:
        """Say that the alarms are known which nobody has acknowledged."""
        some, words = self._watching.not_acknowledged(), self._words
        if not some:
            self.notify(words("none_to_acknowledge"), markup=False)
            return
        asked = words("ask_acknowledge", n=len(some), names=", ".join(some.values()))
        if await self.push_screen_wait(Asked(asked)) is None:
            return
        for id, name in some.items():
            path = f"/api/alarms/{quote(id, safe='')}/acknowledge"
            await self._done(path, {}, words("did_acknowledge", name=name))

    async def _which(self) -> Mapping[str, Any] | None:
        """Ask for a call by its number, as the list was when the key was pressed."""
        numbered = self._watching.numbered()
        given = await self.push_screen_wait(Asked(self._words("ask_which")))
        if given and given not in numbered:
            self.notify(self._words("no_such", n=given), severity="error", markup=False)
        return numbered.get(given or "")

    async def _of_call(self, one: Mapping[str, Any], action: str, body: Mapping[str, Any]) -> None:
        who = one["caller"] or one["id"]
        path = f"/api/calls/{quote(one['id'], safe='')}/{action}"
        await self._done(path, body, self._words(f"did_{action}", who=who))

    async def _done(self, path: str, body: Mapping[str, Any], did: str) -> None:
        assert self._post is not None
        try:
            await asyncio.to_thread(self._post, path, body)
        except ClientError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(did, markup=False)
