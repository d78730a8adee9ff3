"""What tests begin with; every default can be overridden."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any
from zoneinfo import ZoneInfo

import examples
import msgspec
from fakes import FakeJournal, FakeSwitch, FakeTextSender
from hypothesis import settings

from acd.agencies.agency import Agency
from acd.calls.call import Call
from acd.calls.checkpoint import call_checkpoints, claim_checkpoints, to_hang_up
from acd.calls.journal import Journal
from acd.calls.owners import Owners
from acd.calls.record import CallRecord, EventKind
from acd.config_file import load_distribution
from acd.dispatcher import Dispatcher
from acd.feature_codes.code_calls import CodeCalls
from acd.monitors import Monitors
from acd.operator_calls import OperatorCalls
from acd.operators.operator import Device, Operator, Phone, Status
from acd.operators.roster import Roster
from acd.recovery.reconcile import LiveLeg
from acd.rules.complaints import ComplaintRules
from acd.rules.rules import Rules
from acd.text_offers import TextOffers
from acd.texts.intake import Intake
from acd.texts.texts import Texts
from acd.timers import Timers
from acd.work_items.item import TABLE, WorkItem
from acd.work_offers import WorkOffers
from incidents.agreed_times import AgreedTimes
from incidents.book import IncidentBook
from incidents.incident import INCIDENTS
from incidents.numbers import LAST_NUMBER, Numbers
from incidents.working_days_file import load_working_days
from ivr.agency_calls import AgencyCalls
from ivr.line_tests import LineTests
from ivr.menu import MenuTree, load_menu
from ivr.reception import Reception
from ngalam112.config.settings import PROJECT
from ngalam112.engine.ari_switch import Connected
from ngalam112.engine.event_router import Do, EventRouter, Whereabouts
from ngalam112.recovery.restore_calls import Restoration, restore_calls
from ngalam112.recovery.snapshot import Snapshot
from pbx import ari_types as ari

# without a deadline: how busy the machine is tells nothing of the code
OFTEN = settings(max_examples=examples.of(50), deadline=None)
THE_MENU = load_menu(PROJECT / "ivr" / "menu.toml")
AGREED_TIMES = AgreedTimes(ComplaintRules(), load_working_days())
"""What is shipped: of SP4N-LAPOR, in the working days of Malang."""

THE_DISTRIBUTION = load_distribution(PROJECT / "acd" / "distribution.toml")


def an_operator(number: str = "1001", **changes: Any) -> Operator:
    """An operator who is ready at phone 101, idle since the second 10."""
    values: dict[str, Any] = {
        "name": "Sari",
        "phone": "101",
        "status": Status.READY,
        "idle_since": 10.0,
    }
    return Operator(number, **(values | changes))


def a_phone(number: str = "101", **changes: Any) -> Phone:
    """A phone that is free."""
    return Phone(number, **({"password": "a-phone-password", "device": Device.FREE} | changes))


def an_agency(number: str = "110", **changes: Any) -> Agency:
    """An agency that operators dial by this number."""
    values: dict[str, Any] = {"id": f"agency-{number}", "name": "Polisi", "voice": "0341366444"}
    return Agency(number=number, **(values | changes))


def a_call(
    channel: str = "c1",
    journal: Journal | None = None,
    *,
    at: float = 100.0,
    category: str | None = "police",
    number: str = "08123",
) -> Call:
    """A call that has arrived and has been through the menu, unless `category` is None."""
    record = CallRecord(call_id=f"call-{channel}", arrived_at=at)
    call = Call(channel=channel, record=record, journal=journal or FakeJournal())
    call.note(EventKind.ARRIVED, at, asterisk_id=channel, caller_number=number)
    if category is not None:
        call.note(EventKind.MENU_DONE, at, category=category, category_source="menu")
    return call


def a_record(asterisk_id: str = "c1", **changes: Any) -> CallRecord:
    """A stored record that has no end: a call that was up when the last engine stopped."""
    values: dict[str, Any] = {"call_id": f"call-{asterisk_id}", "arrived_at": 100.0, "events": 1}
    return CallRecord(asterisk_id=asterisk_id, **(values | changes))


class SettlingTimers(Timers):
    """Deadlines after which the line is settled, as the engine's writer does."""

    def __init__(self) -> None:
        super().__init__()
        self.settle: Callable[[float], None] = lambda _: None
        self.fired_at = 0.0

    def fire(self, now: float) -> bool:
        """Call what is due, then settle."""
        self.fired_at = now
        fired = super().fire(now)
        if fired:
            self.settle(now)
        return fired


class Desk:
    """A roster with phones 101, 102... and operators 1001, 1002... logged in, and a dispatcher."""

    def __init__(self, operators: int = 1, **rules: Any) -> None:
        self.switch, self.journal, self.timers = FakeSwitch(), FakeJournal(), SettlingTimers()
        self.roster = Roster(self.journal)
        for one in range(1, operators + 1):
            self.roster.add_phone(a_phone(f"{100 + one}"))
            self.roster.add_operator(
                an_operator(f"{1000 + one}", phone=f"{100 + one}", idle_since=float(one))
            )
        self.rules = Rules(**rules)
        self.dispatcher = Dispatcher(self.switch, self.roster, self.timers, self.rules)
        self.timers.settle = self.dispatcher.settle

    def operator(self, number: str = "1001") -> Operator:
        """One of the operators."""
        return self.roster.operators[number]

    def phone(self, number: str = "101") -> Phone:
        """One of the phones."""
        return self.roster.phones[number]

    def queued(self, channel: str = "c1", now: float = 100.0, **changes: Any) -> Call:
        """A call that has just joined the queue, and may ring a phone by now."""
        call = a_call(channel, self.journal, at=now, **changes)
        self.dispatcher.enqueue(call, now)
        self.dispatcher.settle(now)
        return call

    def talking(self, channel: str = "c1", now: float = 100.0) -> Call:
        """A call that an operator has just answered."""
        call = self.queued(channel, now)
        assert call.leg is not None
        self.dispatcher.leg_answered(call.leg, now)
        assert call.bridge is not None
        self.dispatcher.connected(call.bridge, now)
        return call


class LineDesk(Desk):
    """A desk with everything in front of it: a whole line, but for Asterisk."""

    def __init__(self, operators: int = 1, tree: MenuTree = THE_MENU, **rules: Any) -> None:
        super().__init__(operators, **({"categories": tree.categories} | rules))
        self.claims: list[str] = []
        self.door_told: list[bool] = []  # whether citizens wait there
        self.elsewhere: set[str] = set()  # channels that live on in the dialplan
        self._now = 0.0
        self.reception = Reception(self.switch, self.dispatcher, self.timers, tree)
        self.owners = owners = Owners()
        self.codes = CodeCalls(
            self.switch,
            self.roster,
            self.timers,
            self.dispatcher.wrap_ups,
            owners=owners,
            playbacks=self.dispatcher.playbacks,
            free_phone=self.dispatcher.operator_legs.free_phone,
            journal=self.journal,
            pin_matches=lambda one, pin: one.pin_hash == pin,
            distribution=THE_DISTRIBUTION,
            extension_s=30.0,
        )
        self.text_sender = FakeTextSender()
        self.offers = WorkOffers(self.dispatcher, owners)
        self.text_offers = TextOffers(self.offers, self.dispatcher, self.journal, self.codes.say)
        self.text_offers.texts = self.texts = Texts(
            self.text_sender,
            self.text_offers,
            self.roster,
            self.timers,
            self.dispatcher.rules,
            self.journal,
            category="general",
        )
        self.intake = Intake(self.texts, self.text_sender, self.journal)
        self.incidents = IncidentBook(
            self.journal,
            self.timers,
            self.dispatcher.rules.incidents,
            Numbers(self.journal.keep, ZoneInfo("Asia/Jakarta")),
            country="ID",
            due=AGREED_TIMES.due,
        )
        operator_calls = OperatorCalls(self.dispatcher, owners, self.journal, self.codes.say)
        self.router = EventRouter(
            switch=self.switch,
            journal=self.journal,
            timers=self.timers,
            dispatcher=self.dispatcher,
            reception=self.reception,
            owners=owners,
            codes=self.codes,
            operator_calls=operator_calls,
            offers=self.offers,
            line_tests=LineTests(
                self.dispatcher, owners, self.journal, echo="echo:", most=2, echo_s=5.0
            ),
            agency_calls=AgencyCalls(self.dispatcher, owners, operator_calls, self.codes.say),
            monitors=Monitors(self.dispatcher, owners, self.journal),
            texts=self.texts,
            text_offers=self.text_offers,
            incidents=self.incidents,
            claim=self.claims.append,
            ask_where=self._found,
            tell_full=self.door_told.append,
        )

    def handle(self, *events: object, now: float = 100.0) -> None:
        """Let events happen, all at `now`."""
        self._now = now
        for event in events:
            self.router.handle(event, now)

    def _found(self, channel: str) -> None:
        now = max(self._now, self.timers.fired_at)
        self.router.handle(Whereabouts(channel, channel in self.elsewhere), now)

    def citizen(self, channel: str = "c1", now: float = 100.0, **changes: Any) -> Call:
        """A citizen's call that hears the menu."""
        self.handle(ari.StasisStart(["citizen"], a_channel(channel, **changes)), now=now)
        return self.router.calls[channel]

    def press(self, digit: str, channel: str = "c1", now: float = 101.0) -> None:
        """The citizen presses a key."""
        self.handle(ari.ChannelDtmfReceived(digit, a_channel(channel)), now=now)

    def citizen_talks(self, channel: str = "c1", now: float = 110.0) -> Call:
        """A citizen's call that went through the menu and was answered, in the talk since `now`."""
        call = self.citizen(channel)
        self.press("2", channel)
        self.handle(ari.StasisStart(["operator"], a_channel(call.leg or "")))
        self.handle(Connected(call.bridge or ""), now=now)
        return call

    def restore_calls(
        self,
        *legs: LiveLeg,
        bridges: Mapping[str, list[str]] | None = None,
        playing: Collection[str] = (),
        elsewhere: Collection[str] = (),
        now: float = 200.0,
        **found: Any,
    ) -> None:
        """The engine is connected again, and this is what Asterisk holds."""
        live = Snapshot(
            {leg.id: leg for leg in legs},
            dict(bridges or {}),
            playing=frozenset(playing),
            elsewhere=frozenset(elsewhere),
        )
        found.setdefault("calls", frozenset(self.router.calls))
        found.setdefault("legs", frozenset(self.dispatcher.operator_legs.legs))
        found.setdefault("phones", frozenset(self.router.channels_of_phones()))
        # a test that looks before it restores tells what was known by then
        found.setdefault("occupying", frozenset())
        restoration = Restoration(live=live, **found)
        self.handle(Do(lambda at: restore_calls(self.router, restoration, at)), now=now)

    def next_engine(self, now: float = 200.0) -> LineDesk:
        """The engine dies; the next one knows what this one has kept, and nothing else."""
        after = type(self)(operators=0)
        after.journal.facts = dict(self.journal.facts)
        for number, phone in self.roster.phones.items():
            after.roster.phones[number] = Phone(number, phone.password, device=phone.device)
        for one in self.roster.operators.values():
            row = one.row() | {"status": Status(one.status)}
            for name in ("offered_at", "wrap_up_until"):
                row[name] = row[name] or 0.0
            after.roster.operators[one.id] = Operator(**row)
        after.dispatcher.wrap_ups.restore(now)
        calls = call_checkpoints(after.journal.facts)
        for record in self.journal.records.values():
            if record.ended_at is None:
                after.router.live.remember(deepcopy(record), calls.pop(record.call_id, None))
        after.router.claims.at_once.restored(after.router.calls.values())
        after.router.live.to_hang_up.update(to_hang_up(calls))
        after.router.claims.pending.update(claim_checkpoints(after.journal.facts))
        after.router.operator_calls.remember(dict(after.journal.facts), now)
        after.router.monitors.remember(dict(after.journal.facts))
        after.router.nuisance.remember(dict(after.journal.facts), now)
        rows = self.journal.tables.get(TABLE, {}).values()
        items = [msgspec.convert(row, WorkItem) for row in rows if row["ended_at"] is None]
        after.router.claims.redials.remember(items, now)
        after.router.callbacks.remember(items, now)
        after.router.verifications.remember(items, now)
        after.incidents.remember(self.journal.tables.get(INCIDENTS, {}).values(), now)
        after.incidents.numbers.know(after.journal.facts.get(LAST_NUMBER))
        return after


AUDIO = "ssrc=1043513384;lp=1;rxjitter=0.003000;rxcount=199;rtt=0.000000"
"""What Asterisk says of the audio of a leg that has ended: 0.5 % lost, a jitter of 3 ms."""


def a_channel(
    channel: str = "c1",
    *,
    number: str = "08123",
    name: str = "Budi",
    exten: str = "112",
    state: str = "Up",
    audio: str = "",
    withheld: str = "",
    created: str = "",
) -> ari.Channel:
    """A channel as Asterisk tells of it; `audio`: its quality, told when it ends."""
    return ari.Channel(
        id=channel,
        state=state,
        caller=ari.CallerId(name, number),
        dialplan=ari.DialplanPlace("citizens", exten),
        channelvars=ari.ChannelVars(audio, withheld),
        creationtime=created,
    )


def a_leg(channel: str = "c1", **changes: Any) -> LiveLeg:
    """A citizen's leg that Asterisk holds; `citizen=False` for an operator's."""
    return LiveLeg(id=channel, **({"citizen": True} | changes))
