"""What happens to the channels of operators' and agencies' legs, and what phones ask for by SIP."""

from __future__ import annotations

import structlog

from acd.calls.live_calls import LiveCalls
from acd.calls.owners import Owner
from acd.dispatcher import Dispatcher
from acd.legs import LOST, NORMAL, dialable
from acd.operator_calls import OperatorCalls
from pbx.ari_types import ChannelTransfer, StasisStart

log = structlog.get_logger("router")


class PhoneChannels(Owner):
    """Legs rung for citizens, and channels that nobody knows; what a phone dials has other owners.

    `answered_meanwhile`: legs answered while the calls were being restored, in this order.
    """

    def __init__(
        self, live: LiveCalls, dispatcher: Dispatcher, operator_calls: OperatorCalls
    ) -> None:
        self._live, self._dispatcher, self._operator_calls = live, dispatcher, operator_calls
        self.answered_meanwhile: list[str] = []

    def answered(self, channel: str, now: float) -> None:
        """Connect who has answered; later, if it is not known yet for whom it was rung."""
        if self._dispatcher.away and channel not in self._dispatcher.operator_legs.legs:
            self.answered_meanwhile.append(channel)  # rung by an earlier engine, as it seems
        else:
            self._dispatcher.leg_answered(channel, now)

    def digit(self, channel: str, digit: str, now: float) -> None:
        """An operator pressed a key in a talk."""
        self._dispatcher.transfers.pressed(channel, digit, now)

    def ring_failed(self, channel: str, now: float) -> None:
        """The phone could not be rung."""
        self._dispatcher.ring_failed(channel, now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The offer failed, or who talked has hung up."""
        self._dispatcher.leg_gone(channel, cause, now)

    def hanging_up(self, channel: str, cause: int) -> int | None:
        """A phone has hung up, or was lost. `cause`: Q.850, or 0.

        Returns the cause with which the leg is gone already, or None if that has time: while
        somebody else talks with the citizen, or is to, the call goes on.
        """
        leg = self._dispatcher.operator_legs.legs.get(channel)
        if leg is None:
            return None
        if cause in LOST:
            return cause
        if leg.call.talkers() != [leg] or leg.call.transfer is not None:
            return None
        if leg.call.hung_up_by is None:
            leg.call.hung_up_by, leg.call.cause = "operator", cause or NORMAL
        return cause or NORMAL

    def referred(self, event: ChannelTransfer, now: float) -> None:
        """A phone has sent REFER, without or with Replaces (RFC 3515, RFC 3891)."""
        source, refer_to = event.referred_by.source_channel, event.refer_to
        transfers, number = self._dispatcher.transfers, refer_to.requested_destination.destination
        if source is None:
            return
        leg = self._dispatcher.operator_legs.legs.get(source.id)
        if leg is None:
            # a call among colleagues; or a leg that has just gone: Asterisk tells that so too
            log.warning("refer_refused", channel=source.id)
            transfers.decline(source.id)
            return
        second = refer_to.destination_channel
        if second is None and not refer_to.requested_destination.protocol_id:
            transfers.referred(leg.id, dialable(number), now)
            return
        consulted = None
        if second is not None and transfers.may_hand_over(leg):
            consulted = self._operator_calls.hand_over(second.id, leg, now)
        if consulted is None:
            transfers.refuse(leg, now)
        else:
            transfers.replaced(leg, consulted, now)

    def took_the_place(self, event: StasisStart) -> None:
        """Someone came in by INVITE with Replaces: out again, and the one whose place it was back.

        Asterisk serves such a call whoever sends it; only who knows a dialog's tags can.
        """
        replaced = event.replace_channel
        assert replaced is not None
        log.warning("replaces_refused", channel=event.channel.id, instead_of=replaced.id)
        self._dispatcher.switch.hang_up(event.channel.id)
        leg = self._dispatcher.operator_legs.legs.get(replaced.id)
        call = self._live.calls.get(replaced.id)
        here = call.bridge if call is not None else None
        bridge = self._dispatcher.transfers.bridge_of(leg) if leg is not None else here
        if bridge is not None:
            self._dispatcher.switch.join(bridge, replaced.id)
