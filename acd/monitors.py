"""Lets supervisors hear an operator's talk: rings the supervisor's phone, then has it listened to.

Asterisk hears the operator's leg through a snoop channel (ARI, POST /channels/{id}/snoop), so the
talk itself is not touched: nobody in it is put into another bridge or hears a tone. A monitor ends
when the operator has no citizen's call any more, or when the supervisor hangs up. A change of
engines does not end it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial

import msgspec
import structlog

from acd.calls.call import Leg
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.monitor import (
    MODE_OF_KEY,
    MONITOR,
    Monitor,
    MonitorRefused,
    NoSuchMonitor,
    monitors_of,
)
from acd.calls.owners import Owner, Owners
from acd.calls.states import LegStage
from acd.dispatcher import Dispatcher
from acd.feature_codes.code_calls import NO_TALK
from acd.legs import NO_ANSWER, NORMAL
from acd.operators.operator import Device, Phone
from acd.operators.roster import NoSuchPhone
from acd.switch import MonitorMode
from acd.timers import Timer

log = structlog.get_logger("acd")

MOST = 20
"""At once: each costs Asterisk two channels and the mixing of a bridge."""


class Monitors(Owner):
    """All monitors, by the supervisor's phone.

    `on_heard(monitor, now)`: a phone hears a talk from now on, or in another mode; set by whoever
    keeps the trail of who has listened.
    """

    def __init__(self, dispatcher: Dispatcher, owners: Owners, journal: Journal) -> None:
        self._dispatcher, self._owners, self._journal = dispatcher, owners, journal
        self._by_phone: dict[str, Monitor] = {}
        self._of: dict[str, Monitor] = {}  # by the phone's channel, and by the snoop channel
        self._timers: dict[str, Timer] = {}
        self._mine: set[str] = set()  # snoop channels that this engine has asked for or joined
        self._answered_meanwhile: set[str] = set()  # while it is not known which talks live
        self.on_heard: Callable[[Monitor, float], None] = lambda monitor, now: None

    def all(self) -> list[Monitor]:
        """All of them, in the order of the phones' numbers."""
        return [self._by_phone[phone] for phone in sorted(self._by_phone)]

    def channels(self) -> set[str]:
        """The channels of the phones, and those that the talks are heard through."""
        return set(self._of)

    def bridges(self) -> set[str]:
        """Where the two of each meet."""
        return {one.bridge for one in self._by_phone.values() if one.bridge}

    # --- what supervisors want ----------------------------------------------------------------

    def begin(
        self, operator: str, phone: str, mode: MonitorMode, by: str, reason: str, now: float
    ) -> Monitor:
        """Ring a phone that is to hear an operator's talk; one that hears it changes its mode.

        `by`, `reason`: for the trail. Raises NoSuchOperator, NoSuchPhone or MonitorRefused.
        """
        roster = self._dispatcher.roster
        one = roster.operator(operator)
        rung = roster.phones.get(phone)
        if rung is None:
            raise NoSuchPhone.of(phone)
        monitor = self._by_phone.get(phone)
        leg = self._talk_of(operator)
        if monitor is not None and leg is not None and monitor.leg == leg.id:
            if (monitor.by, monitor.reason) != (by, reason):
                # from now on it is somebody else's, or for another reason
                monitor.by, monitor.reason, monitor.noted = by, reason, ""
            if mode is monitor.mode:
                self._note(monitor, now)
            else:
                self._change(monitor, mode, now)
            return monitor
        if monitor is not None:
            raise MonitorRefused(
                f"Phone {phone} listens to operator {monitor.operator} already; stop that first."
            )
        if leg is None:
            raise MonitorRefused(
                f"Operator {operator} talks with no citizen now; ask again during a talk."
            )
        if len(self._by_phone) >= MOST:
            raise MonitorRefused(f"{MOST} talks are listened to already; end one of them first.")
        self._check(rung, leg)
        channel = new_id(now)
        until = now + self._dispatcher.rules.ring_timeout_s
        monitor = Monitor(
            channel=channel,
            phone=phone,
            operator=operator,
            leg=leg.id,
            call_id=leg.call.id,
            mode=mode,
            by=by,
            reason=reason,
            rings_until=until,
        )
        self._know(monitor)
        self._keep(monitor)
        rung.device = Device.IN_USE
        self._dispatcher.switch.ring(channel, phone, (f"{mode} {one.name}", operator), channel)
        log.info("monitor_rings", call_id=leg.call.id, operator=operator, phone=phone, mode=mode)
        return monitor

    def from_phone(self, channel: str, phone: str, operator: str, by: str, now: float) -> str:
        """Let the channel of a phone that has dialled for it hear a talk; "" or why not, a prompt.

        `by`: the supervisor, who has shown the PIN.
        """
        leg = self._talk_of(operator)
        busy = phone in self._by_phone or len(self._by_phone) >= MOST
        if leg is None or busy or leg.phone == phone:
            log.warning("monitor_refused", operator=operator, phone=phone, talks=leg is not None)
            return NO_TALK
        monitor = Monitor(
            channel=channel,
            phone=phone,
            operator=operator,
            leg=leg.id,
            call_id=leg.call.id,
            mode=MonitorMode.LISTEN,
            by=by,
            reason=f"*19 at phone {phone}",
            rings_until=now,
        )
        self._know(monitor)
        self._keep(monitor)
        self.answered(channel, now)
        return ""

    def end(self, phone: str, now: float) -> Monitor:
        """Hang up on a phone that hears a talk; raises NoSuchMonitor."""
        monitor = self._by_phone.get(phone)
        if monitor is None:
            raise NoSuchMonitor(f"Phone {phone} listens to nobody.")
        self._over(monitor)
        return monitor

    def _talk_of(self, operator: str) -> Leg | None:
        legs = self._dispatcher.operator_legs.legs.values()
        talks = (LegStage.TALKING, LegStage.CONSULTING)
        return next((one for one in legs if one.operator == operator and one.stage in talks), None)

    def _check(self, phone: Phone, leg: Leg) -> None:
        if phone.number == leg.phone:
            raise MonitorRefused(f"Phone {phone.number} is in that talk itself; name another one.")
        if phone.device not in (Device.FREE, Device.UNKNOWN):
            said = "in use" if phone.device is Device.IN_USE else "not reachable"
            raise MonitorRefused(f"Phone {phone.number} is {said}; name one that can be rung.")

    # --- what happens -------------------------------------------------------------------------

    def answered(self, channel: str, now: float) -> None:
        """The supervisor is there: have the talk listened to, if it goes on."""
        monitor = self._of.get(channel)
        if monitor is None or monitor.snoop:
            return
        if self._dispatcher.away and not self._goes_on(monitor):
            self._answered_meanwhile.add(channel)  # the calls are being restored
            return
        self._rearm(monitor, None)
        if self._goes_on(monitor):
            self._snoop(monitor, now)
        else:
            self._over(monitor)

    def _goes_on(self, monitor: Monitor) -> bool:
        return monitor.leg in self._dispatcher.operator_legs.legs

    def entered(self, snoop: str, now: float) -> None:
        """Asterisk hears the leg through this channel: bring it together with the phone."""
        monitor = self._of.get(snoop)
        switch = self._dispatcher.switch
        if monitor is None or monitor.snoop != snoop:
            switch.hang_up(snoop)  # the supervisor has hung up, or wants another mode by now
            return
        self._mine.add(snoop)
        # asked for on the lane of the talk, which is another one: the bridge has to be there
        switch.belongs(snoop, monitor.channel)
        if not monitor.bridge:
            monitor.bridge = new_id(now)
            switch.open(monitor.bridge, monitor.channel)
            switch.join(monitor.bridge, monitor.channel)
        switch.join(monitor.bridge, snoop)
        log.info("monitor_hears", call_id=monitor.call_id, phone=monitor.phone, mode=monitor.mode)
        self._note(monitor, now)

    def _note(self, monitor: Monitor, now: float) -> None:
        """Let the trail know, once for each person, reason and mode, that a phone hears."""
        hears = monitor.bridge != "" and monitor.snoop != ""
        if hears and monitor.noted != monitor.snoop:
            monitor.noted = monitor.snoop
            self.on_heard(monitor, now)
        self._keep(monitor)

    def join_failed(self, bridge: str, now: float) -> None:
        """The phone and what it is to hear could not be brought together: nobody hears anything."""
        for monitor in [one for one in self._by_phone.values() if one.bridge == bridge]:
            log.warning("monitor_not_joined", call_id=monitor.call_id, phone=monitor.phone)
            self._over(monitor)

    def back(self, channel: str) -> None:
        """Put a phone back whose place somebody else had taken."""
        monitor = self._of.get(channel)
        if monitor is not None and monitor.bridge and channel == monitor.channel:
            self._dispatcher.switch.join(monitor.bridge, channel)

    def left(self, leg: str) -> None:
        """The operator of this leg goes on without the citizen, which nobody may hear."""
        for monitor in [one for one in self._by_phone.values() if one.leg == leg]:
            self._over(monitor)

    def stop_all(self) -> None:
        """The whole line stops."""
        for monitor in self.all():
            self._over(monitor)

    def digit(self, channel: str, digit: str, now: float) -> None:
        """4, 5 and 6: listen, whisper, barge in."""
        monitor, mode = self._of.get(channel), MODE_OF_KEY.get(digit)
        if monitor is not None and mode is not None and monitor.channel == channel:
            self._change(monitor, mode, now)

    def ring_failed(self, channel: str, now: float) -> None:
        """The phone cannot be rung, or the leg is not heard any more."""
        self.gone(channel, NORMAL, now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The supervisor has hung up, or what was listened to has ended: so does the other."""
        self._dispatcher.operator_legs.free_phone(channel)
        monitor = self._of.get(channel)
        if monitor is None:
            self._owners.remove(channel, self)
        elif channel == monitor.snoop and self._dispatcher.away:
            # an engine may have died before Asterisk was asked for it; the restore asks again
            self._forget_snoop(monitor)
            self._owners.remove(channel, self)
        else:
            if channel == monitor.channel and monitor.snoop:
                self._dispatcher.phone_lost(monitor.phone, cause, now)
            self._over(monitor, but=channel)

    def _rang_out(self, channel: str, now: float) -> None:
        monitor = self._of.get(channel)
        if monitor is not None and not monitor.snoop:
            self._over(monitor, cause=NO_ANSWER)

    def _change(self, monitor: Monitor, mode: MonitorMode, now: float) -> None:
        if mode is monitor.mode:
            return
        monitor.mode = mode
        if monitor.snoop:
            # what a snoop channel lets through is fixed when it is made
            self._dispatcher.switch.hang_up(monitor.snoop)
            self._forget_snoop(monitor)
            self._snoop(monitor, now)
        else:
            self._keep(monitor)

    def _forget_snoop(self, monitor: Monitor) -> None:
        self._of.pop(monitor.snoop, None)
        self._mine.discard(monitor.snoop)
        monitor.snoop = ""

    def _snoop(self, monitor: Monitor, now: float) -> None:
        monitor.snoop = new_id(now)
        self._mine.add(monitor.snoop)
        self._of[monitor.snoop] = monitor
        self._owners.add(monitor.snoop, self)
        # before it is asked for: the next engine has to know whose it is
        self._keep(monitor)
        self._dispatcher.switch.snoop(monitor.leg, monitor.snoop, monitor.mode)

    # --- over a change of engines -------------------------------------------------------------

    def remember(self, facts: dict[str, object]) -> None:
        """Know the monitors of an earlier engine, until Asterisk has been asked."""
        for monitor in monitors_of(facts):
            self._know(monitor)
            phone = self._dispatcher.roster.phones.get(monitor.phone)
            if phone is not None:
                phone.device = Device.IN_USE
            for one in filter(None, (monitor.bridge, monitor.snoop)):
                self._dispatcher.switch.belongs(one, monitor.channel)

    def restored(
        self, up: Container[str], bridges: Mapping[str, Container[str]], now: float
    ) -> None:
        """Go on where the earlier engine was; who has hung up meanwhile was told of before.

        `up`: the channels that Asterisk has up. `bridges`: those that it has, with who is in them.
        """
        answered, self._answered_meanwhile = self._answered_meanwhile, set()
        for monitor in self.all():
            if not self._goes_on(monitor):
                self._over(monitor)
            elif not monitor.snoop:
                if monitor.channel in up or monitor.channel in answered:
                    self.answered(monitor.channel, now)
            elif monitor.snoop in up and monitor.snoop not in self._mine:
                self._rejoin(monitor, bridges.get(monitor.bridge), now)

    def _rejoin(self, monitor: Monitor, inside: Container[str] | None, now: float) -> None:
        """Bring together whom an earlier engine has not; `inside`: who is in their bridge."""
        if inside is None:
            monitor.bridge = ""  # it was not made, or is gone
            self.entered(monitor.snoop, now)
            return
        for channel in (monitor.channel, monitor.snoop):
            if channel not in inside:
                self._dispatcher.switch.join(monitor.bridge, channel)
        self._note(monitor, now)

    # --- taking apart -------------------------------------------------------------------------

    def _know(self, monitor: Monitor) -> None:
        self._by_phone[monitor.phone] = monitor
        for channel in filter(None, (monitor.channel, monitor.snoop)):
            self._of[channel] = monitor
            self._owners.add(channel, self)
        self._dispatcher.operator_legs.occupy(monitor.phone, monitor.channel)
        if not monitor.snoop:
            rang_out = partial(self._rang_out, monitor.channel)
            self._rearm(monitor, self._dispatcher.timers.at(monitor.rings_until, rang_out))

    def _keep(self, monitor: Monitor) -> None:
        self._journal.keep(MONITOR + monitor.channel, msgspec.to_builtins(monitor))

    def _rearm(self, monitor: Monitor, timer: Timer | None) -> None:
        if (before := self._timers.pop(monitor.channel, None)) is not None:
            before.cancel()
        if timer is not None:
            self._timers[monitor.channel] = timer

    def _over(self, monitor: Monitor, *, but: str = "", cause: int = NORMAL) -> None:
        """End a monitor; `but`: the channel that is gone already."""
        self._rearm(monitor, None)
        self._by_phone.pop(monitor.phone, None)
        self._answered_meanwhile.discard(monitor.channel)
        self._mine.discard(monitor.snoop)
        for channel in filter(None, (monitor.channel, monitor.snoop)):
            self._of.pop(channel, None)
            if channel == but:
                self._owners.remove(channel, self)
            else:
                # ours until it is gone, which frees the phone
                self._dispatcher.switch.hang_up(channel, cause)
        if monitor.bridge:
            self._dispatcher.switch.disconnect(monitor.bridge)
        self._journal.keep(MONITOR + monitor.channel, None)
        log.info("monitor_over", call_id=monitor.call_id, phone=monitor.phone)
