"""The reception: walks each citizen through the menu and hands the call to the dispatcher."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.ids import new_id
from acd.calls.record import CategorySource, EventKind
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.languages import OWN_LANGUAGE, accepted
from acd.rules.load_shedding import Level
from acd.switch import Switch
from acd.timers import Timers
from ivr.menu import MenuTree
from ivr.session import (
    Action,
    Audible,
    Back,
    Digit,
    Done,
    Event,
    Heard,
    Inform,
    Listen,
    Phase,
    Piece,
    Play,
    PromptEnded,
    Session,
    Speak,
    Started,
    Tick,
    begin,
    fits,
    left,
    step,
)
from ivr.status_dialogue import Found, Hush, LookUp

log = structlog.get_logger("ivr")

LOOK_AGAIN_S = 2.0


class Reception:
    """Owns the sessions of all citizens in the menu; the pure `step` decides, this one acts."""

    def __init__(
        self, switch: Switch, dispatcher: Dispatcher, timers: Timers, tree: MenuTree
    ) -> None:
        self._switch, self._dispatcher, self._timers, self._tree = switch, dispatcher, timers, tree
        self._sessions: dict[str, Session] = {}
        self._playbacks = dispatcher.playbacks
        self._languages = tree.languages()
        # (call, digits): how it stands with this number; `found` is told. Set by who can look
        self.look_up: Callable[[Call, str], None] = self._nobody_can_look
        # whether nobody has acknowledged the answer to a call yet; set by who can know
        self.unacknowledged: Callable[[Call], bool] = lambda call: False

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def default_category(self) -> str:
        """The category of a call that has said nothing."""
        return self._tree.menus[self._tree.start].category

    def language_of(self, said: str) -> str:
        """The language of a call by its Accept-Language header, hostile text; else the line's."""
        return accepted(said, self._languages) or OWN_LANGUAGE

    def welcome(self, call: Call, now: float, *, answered: bool = False) -> None:
        """Answer the call and begin the menu; who has just been through it need not again."""
        if not answered:
            self._switch.answer(call.channel)
            call.up_since = now
        if call.category_before is None:
            self.begin(call, now)
            return
        source = CategorySource.REDIAL.value
        call.note(EventKind.MENU_DONE, now, category=call.category_before, category_source=source)
        self._dispatcher.enqueue(call, now)

    def begin(self, call: Call, now: float) -> None:
        """Begin the menu of a call that is answered; its time counts from the call's arrival."""
        call.move(Stage.MENU)
        record = call.record
        self._sessions[call.id] = begin(self._tree, record.arrived_at, record.language)
        self._step(call, Started(), now)

    def skip(self, call: Call, now: float) -> None:
        """Nobody knows what the call is about, and there is no time to ask; unless it is known."""
        if call.record.category is None:
            source = CategorySource.NONE.value
            call.note(
                EventKind.MENU_DONE, now, category=self.default_category, category_source=source
            )

    def resume(self, call: Call, playing: bool, now: float) -> bool:
        """The citizen was in the menu while no engine watched: go on where that was.

        `playing`: the prompt still plays. False if it is not known where in the menu that was.
        """
        session = self._sessions.get(call.id) or self._of_an_earlier_engine(call)
        if session is None:
            return False
        self._sessions[call.id] = session
        information = session.phase in (Phase.INFORMATION, Phase.CLOSING, Phase.ASKING)
        call.move(Stage.INFORMATION if information else Stage.MENU)
        call.rearm(self._timers.at(session.due, lambda at: self._step(call, Tick(), at)))
        if call.playback is not None:
            self._switch.belongs(call.playback, call.channel)
        if playing and call.playback is not None:
            self._expect(call, call.playback)
        elif session.phase is Phase.SILENCE:
            if session.listens:  # what was heard while no engine watched is told again this way
                self._switch.unlisten(call.channel)
                self._switch.listen(call.channel)
            self._step(call, Tick(), now)
        else:
            self._playbacks.forget(call.playback)
            call.playback = None
            self._step(call, PromptEnded(), now)
        return True

    def _of_an_earlier_engine(self, call: Call) -> Session | None:
        try:
            session = msgspec.convert(call.dialogue, Session)
        except msgspec.ValidationError:
            return None
        # the menu may have been changed since
        return session if fits(self._tree, session) else None

    def digit(self, call: Call, digit: str, now: float) -> bool:
        """The citizen pressed a key; False if that has nothing to do with the menu."""
        session = self._sessions.get(call.id)
        if session is None:
            return False
        if call.stage is not Stage.ENDED:
            call.note(EventKind.DIGIT, now, digit=digit, menu=session.menu)
            self._step(call, Digit(digit), now)
        return True

    def heard(self, call: Call, now: float) -> None:
        """The citizen can be heard."""
        self._step(call, Audible(), now)

    def found(self, call: Call, found: Found, now: float) -> None:
        """Somebody has looked up the number that the citizen has typed."""
        self._step(call, found, now)

    def _nobody_can_look(self, call: Call, _: str) -> None:
        self._timers.at(0.0, lambda now: self._step(call, Found(failed=True), now))

    def _expect(self, call: Call, playback: str) -> None:
        def ended(failed: bool, now: float) -> None:
            call.playback = None
            if failed and call.hung_up_by is None:
                self._trouble(call, f"prompt {playback} could not be played", now)
            self._step(call, PromptEnded(failed), now)

        self._playbacks.add(playback, ended)

    def gone(self, call: Call, now: float | None = None) -> None:
        """The call has left the menu; forget its session.

        `now`: the citizen has hung up, or gone to the fallback: note what was heard till then.
        """
        session = self._sessions.pop(call.id, None)
        self._playbacks.forget(call.playback)
        call.dialogue = None
        if session is not None and now is not None and call.stage is not Stage.ENDED:
            heard = left(self._tree, session, now)
            if heard is not None:
                self._act(call, heard, now)

    def _trouble(self, call: Call, what: str, now: float) -> None:
        log.warning("menu_trouble", call_id=call.id, what=what)
        call.note(EventKind.TROUBLE, now, what=what)

    def _step(self, call: Call, event: Event, now: float) -> None:
        session = self._sessions.get(call.id)
        if session is None or call.hung_up_by is not None or call.stage is Stage.ENDED:
            # who hung up in the middle of a prompt has not asked for an operator by its end
            return
        after, actions = step(self._tree, session, event, now)
        if event.__class__ is Tick and self._waits_for_ack(call, session, actions, now):
            return  # only a time that is over makes a silent caller
        if session.listens and not after.listens:
            self._switch.unlisten(call.channel)
        if after != session:
            self._sessions[call.id] = after
            call.rearm(self._timers.at(after.due, lambda at: self._step(call, Tick(), at)))
        for action in actions:
            self._act(call, action, now)
        if (now_in := self._sessions.get(call.id)) is not None:
            call.dialogue = msgspec.to_builtins(now_in)
            call.keep()

    def _waits_for_ack(
        self, call: Call, session: Session, actions: list[Action], now: float
    ) -> bool:
        """Let who says nothing wait in the menu until the answer is acknowledged.

        It may be no phone at all, and an operator's would ring for nothing. A key or a voice counts
        meanwhile as before; who waits is owed a callback as anybody.
        """
        silent = any(isinstance(one, Done) and one.silent for one in actions)
        # a line that is late may have lost the ACK, and a silent caller is not to pay for it
        is_late = self._dispatcher.load.level is not Level.NORMAL
        if not silent or is_late or not self.unacknowledged(call):
            return False
        if now < session.due + LOOK_AGAIN_S:  # the first time
            log.info("call_not_acknowledged", call_id=call.id)
        call.rearm(self._timers.at(now + LOOK_AGAIN_S, lambda at: self._step(call, Tick(), at)))
        return True

    def _act(self, call: Call, action: Action, now: float) -> None:
        match action:
            case Play(prompt, more):
                self._play(call, (prompt, *more), now)
            case Speak(language):
                call.note(EventKind.LANGUAGE, now, language=language)
            case Inform(information, category, source):
                call.move(Stage.INFORMATION)
                call.note(EventKind.MENU_DONE, now, category=category, category_source=source.value)
                call.note(EventKind.INFORMATION_STARTED, now, information=information)
            case Piece(_, prompt):
                self._play(call, (prompt,), now)
            case Heard(information, prompt, seconds, whole):
                about = {"information": information, "prompt": prompt, "whole": whole}
                call.note(EventKind.INFORMATION_HEARD, now, **about, ms=round(seconds * 1000))
            case Back():
                call.move(Stage.MENU)
            case Listen():
                self._switch.listen(call.channel)
            case Hush():
                self._silence(call)
            case LookUp(digits):
                self.look_up(call, digits)
            case Done(category, source, silent):
                self._silence(call)
                self.gone(call)
                if call.stage is Stage.MENU:
                    self._is_done(call, category, source, silent, now)
                self._dispatcher.enqueue(call, now)

    def _is_done(
        self, call: Call, category: str, source: CategorySource, silent: bool, now: float
    ) -> None:
        more = {}
        if silent:
            call.silent, more["silent"] = True, True
            call.ask_for_key = bool(self._dispatcher.rules.announce.silent)
        call.note(EventKind.MENU_DONE, now, category=category, category_source=source.value, **more)

    def _play(self, call: Call, prompts: tuple[str, ...], now: float) -> None:
        self._silence(call)
        call.playback = new_id(now)
        self._expect(call, call.playback)
        self._switch.say(call.channel, call.playback, *prompts)

    def _silence(self, call: Call) -> None:
        if call.playback is not None:
            self._switch.stop(call.playback)
            self._playbacks.forget(call.playback)
            call.playback = None
