"""A call to 112 while it lives: its stage, its legs, how it is handed over, how it changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from acd.calls.checkpoint import CALL, CallCheckpoint, OfferCheckpoint
from acd.calls.journal import Journal
from acd.calls.record import CallEvent, CallRecord, EventKind, apply
from acd.calls.states import CALL_MOVES, LEG_MOVES, TRANSFER_MOVES, LegStage, Stage, Step, check
from acd.calls.target import Target
from acd.languages import OWN_LANGUAGE
from acd.timers import Timer


@dataclass(slots=True, eq=False)
class Call:
    """One citizen's call. `channel` is the citizen's leg."""

    channel: str
    record: CallRecord
    journal: Journal
    id: str = field(init=False)  # of the call and of its record
    # what the queue and the choice of an operator read at each look (`acd.queueing.waiting`)
    category: str | None = field(init=False)
    waits_from: float = field(init=False)
    stage: Stage = Stage.CLAIMED
    legs: dict[str, Leg] = field(default_factory=dict)  # operators' and agencies', by their ids
    bridge: str | None = None  # where the citizen talks
    transfer: Transfer | None = None  # a handing over that is under way
    timer: Timer | None = None
    widening: Timer | None = None
    overflowing: Timer | None = None
    overflow: int = 0  # the step of the overflow plan that comes next
    playback: str | None = None
    head_start_s: float = 0.0  # served as if it had arrived so much earlier
    resource_priority: str = ""  # of the headers Resource-Priority: `esnet.1`, or `wps.4/esnet.4`
    # if not since the arrival: from a call before this one, or from being handed to a category
    waits_since: float | None = None
    category_before: str | None = None  # of the call that the citizen gave up a moment before
    silent: bool = False  # a citizen who says nothing, and may not be able to
    ask_for_key: bool = False  # ... and is to be asked to press a key, if that is so
    keys: int = 0  # how many were noted since the menu, by this engine
    aged: bool = False  # has waited beyond the cap: before all others, to anybody
    behind: bool = False  # beyond a limit of its number or address (`acd.queueing.calls_at_once`)
    address: str = ""  # where its SIP comes from, if there is a limit of that
    any_language: bool = False  # nobody on duty has its language as a skill
    preferred: str | None = None  # the operator who spoke with this caller last
    hung_up_by: str | None = None  # who was first to hang up, once somebody has
    cause: int | None = None  # the Q.850 cause that came with it
    dialogue: Any = None  # where the citizen is in the menu; for `ivr` and the next engine
    interrupted: bool = False  # the operator was lost in the talk, which is to be told
    said: int | None = None  # the last figure that the waiting citizen was told
    turns: int = 0  # how often the music of the waiting citizen has begun again
    words: str | None = None  # the playback that tells the waiting citizen so
    notices: tuple[str, ...] = ()  # those that the waiting citizen has heard, or hears
    notice: str | None = None  # the one that plays, since when
    notice_since: float = 0.0
    notice_heard_at: float | None = None  # when enough of one was heard
    hanging_up: bool = False  # ended, and the citizen's leg was told to go
    cap_s: float | None = None  # so long the citizen waits at most for a turn: as the category says
    rings_several: bool = True  # at once, if its category says so
    is_text: bool = False
    up_since: float | None = None  # when this engine has seen that the citizen was answered
    sip_id: str = ""  # the Call-ID of the citizen's INVITE; not of a call of an earlier engine
    references: tuple[str, ...] = ()  # where the place of the citizen is being fetched
    checkpoint: CallCheckpoint | None = None  # what was kept last for the next engine

    def __post_init__(self) -> None:
        self.id = self.record.call_id
        self._follow_the_record()

    @property
    def language(self) -> str:
        """Whose speaker is wanted: of the citizen's language, if anybody on duty is one."""
        return OWN_LANGUAGE if self.any_language else self.record.language

    @property
    def offers(self) -> int:
        """How often the call was offered."""
        return self.record.offers

    def wait_since(self, at: float | None) -> None:
        """Let the waiting count from another moment than the arrival; None: from the arrival."""
        self.waits_since = at
        self._follow_the_record()

    def _follow_the_record(self) -> None:
        record = self.record
        self.category, self.waits_from = record.category, self.waits_since or record.arrived_at

    def move(self, stage: Stage) -> None:
        """Go on to another stage; raises IllegalMove, and changes nothing, if it is not legal."""
        check(CALL_MOVES, self.stage, stage)
        self.stage = stage

    @property
    def leg(self) -> str | None:
        """The first of the legs that ring or talk for the call."""
        return next(iter(self.legs), None)

    @property
    def operator(self) -> str | None:
        """The operator of that leg."""
        return next((leg.operator for leg in self.legs.values()), None)

    def note(self, kind: EventKind, now: float, /, **data: Any) -> None:
        """Let an event happen to the call: into its record and into the journal."""
        event = CallEvent(call_id=self.id, seq=self.record.events + 1, at=now, kind=kind, data=data)
        record = self.record
        apply(record, event)
        # as `_follow_the_record`, without the cost of a further call at each event
        self.category, self.waits_from = record.category, self.waits_since or record.arrived_at
        self.journal.call_event(event, self.record)
        self.keep()

    def keep(self) -> None:
        """Let the next engine know what is under way, if that has changed."""
        key = CALL + self.id
        if self.record.ended_at is not None:
            # the order to hang up may get lost with this engine
            last = CallCheckpoint(hang_up=self.channel) if self.hanging_up else None
            if last != self.checkpoint:
                self.checkpoint = last
                self.journal.keep(key, last)
            return
        offers: list[OfferCheckpoint] = []
        held: dict[str, float] = {}
        if self.legs:
            legs = self.legs.values()
            offers = [leg.checkpoint() for leg in legs if not leg.talks_since]
            held = {leg.id: leg.held_since for leg in legs if leg.held_since}
        under_way = CallCheckpoint(
            offers=offers,
            held=held,
            refers=self._refers(),
            dialogue=self.dialogue,
            playback=self.playback,
            resource_priority=self.resource_priority,
            waits_since=self.waits_since,
            silent=self.silent,
            ask_for_key=self.ask_for_key,
            preferred=self.preferred,
            aged=self.aged,
            interrupted=self.interrupted,
            said=self.said,
            turns=self.turns,
            words=self.words,
            notices=self.notices,
            notice=self.notice,
            notice_since=self.notice_since if self.notice else 0.0,
            notice_heard_at=self.notice_heard_at,
            references=list(self.references),
            behind=self.behind,
            address=self.address,
        )
        if under_way != self.checkpoint:
            self.checkpoint = under_way
            self.journal.keep(key, under_way)

    def _refers(self) -> list[str]:
        early = [leg.id for leg in self.legs.values() if leg.declines]
        underway = self.transfer.refers if self.transfer is not None else None
        return early if underway is None else [*early, underway]

    def remember(self, kept: CallCheckpoint) -> None:
        """Know what an earlier engine had under way; its legs come back once Asterisk tells."""
        self.checkpoint = kept
        self.dialogue, self.playback = kept.dialogue, kept.playback
        self.resource_priority, self.waits_since = kept.resource_priority, kept.waits_since
        self.silent, self.preferred = kept.silent, kept.preferred
        self.aged, self.interrupted = kept.aged, kept.interrupted
        self.ask_for_key = kept.ask_for_key
        self.said, self.turns, self.words = kept.said, kept.turns, kept.words
        self.notices, self.notice, self.notice_since = kept.notices, kept.notice, kept.notice_since
        self.notice_heard_at = kept.notice_heard_at
        self.behind, self.address = kept.behind, kept.address
        self._follow_the_record()
        self.references = tuple(kept.references)

    def talkers(self, but: Leg | None = None) -> list[Leg]:
        """The legs that the citizen talks with."""
        return [leg for leg in self.legs.values() if leg.stage.hears_citizen and leg is not but]

    def watch(self, timer: Timer) -> None:
        """Replace the time at which more operators may have the call."""
        if self.widening is not None:
            self.widening.cancel()
        self.widening = timer

    def overflow_at(self, timer: Timer) -> None:
        """Replace the time at which the overflow plan goes on."""
        if self.overflowing is not None:
            self.overflowing.cancel()
        self.overflowing = timer

    def unwatch(self) -> None:
        """The call waits no more."""
        for timer in (self.widening, self.overflowing):
            if timer is not None:
                timer.cancel()
        self.widening = self.overflowing = None

    def rearm(self, timer: Timer | None) -> None:
        """Replace the call's deadline by another one, or by none."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer


@dataclass(slots=True, eq=False)
class Leg:
    """One leg. `operator`: None for an agency, and for a phone that nobody sits at.

    `phone`: the number of the phone, or the agency's address. `transfer`: the handing over that it
    is rung for, if it is not an offer out of the queue. `declines`: its phone has sent REFER before
    the leg was ours, and is to be told that nothing comes of it. `refused_at`: when its phone was
    told last that its REFER has failed. `target`: what was dialled to have it in the talk, if that
    is known.
    """

    id: str
    call: Call
    phone: str
    operator: str | None = None
    stage: LegStage = LegStage.RINGING
    transfer: Transfer | None = None
    rings_since: float = 0.0
    rings_until: float = 0.0
    talks_since: float = 0.0
    held_since: float | None = None
    declines: bool = False
    refused_at: float | None = None
    target: Target | None = None
    timer: Timer | None = None

    def rearm(self, timer: Timer | None) -> None:
        """Replace the leg's deadline by another one, or by none."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer

    def move(self, stage: LegStage) -> None:
        """Go on to another stage; raises IllegalMove, and changes nothing, if it is not legal."""
        check(LEG_MOVES, self.stage, stage)
        self.stage = stage

    def about(self) -> dict[str, str | None]:
        """What an event tells of the leg."""
        return {"operator": self.operator, "phone": self.phone, "leg": self.id}

    def checkpoint(self) -> OfferCheckpoint:
        """What the next engine has to know of a leg that rings."""
        return OfferCheckpoint(
            leg=self.id, phone=self.phone, operator=self.operator, since=self.rings_since
        )


class Form(StrEnum):
    """How the handing over was asked for."""

    KEYS = "keys"
    REFER = "refer"  # blind
    REPLACES = "replaces"  # REFER with Replaces: the phone has consulted already


@dataclass(slots=True, eq=False)
class Transfer:
    """One handing over. `by` hands over, `other` is the other side's leg.

    `at_once`: do not consult, join when answered. `stays`: who hands over stays (three talk).
    `left`: who hands over has hung up. `bridge`: where the two consult. `second`: the phone's own
    second channel, if it has consulted by itself.
    """

    call: Call
    by: Leg
    target: Target
    form: Form
    step: Step = Step.RINGING
    other: Leg | None = None
    at_once: bool = False
    stays: bool = False
    left: bool = False
    bridge: str | None = None
    second: str | None = None
    tried: int = 0
    # `waits_since` and `aged` of the call before it came to wait for a category
    place: tuple[float | None, bool] | None = None

    @property
    def refers(self) -> str | None:
        """The leg whose phone waits to be told what becomes of its REFER, if one does."""
        return None if self.form is Form.KEYS or self.left else self.by.id

    def has(self, leg: Leg) -> bool:
        """Whether the leg is one of the two sides."""
        return leg is self.by or leg is self.other

    def move(self, step: Step) -> None:
        """Go on to another step; raises IllegalMove, and changes nothing, if it is not legal."""
        check(TRANSFER_MOVES, self.step, step)
        self.step = step
