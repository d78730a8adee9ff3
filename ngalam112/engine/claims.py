"""Claims: who has dialled 112 and is claimed, until the citizen's leg arrives and has a record.

Asterisk asks every engine at once (StasisBroadcast); the first whose claim it takes gets the call.
Whom nobody claims in time the dialplan hands over unclaimed, to wait until there is room
(`ngalam112.engine.admission`); the fallback serves them only if no engine beats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from acd.calls.call import Call
from acd.calls.checkpoint import CLAIM, ClaimCheckpoint
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.record import CallRecord, EventKind
from acd.calls.states import Stage
from acd.languages import OWN_LANGUAGE
from acd.numbers.caller import COUNTRY
from acd.numbers.nuisance import NuisanceNumbers
from acd.queueing.calls_at_once import CallsAtOnce
from acd.queueing.redials import Redials
from acd.timers import Timers
from ivr.line_tests import Caller
from pbx.ari_types import Channel, address_of

# a claimed call whose leg never comes has hung up in that very moment
HANDOVER_S = 5.0


class Claimed(msgspec.Struct, frozen=True):
    """Whether a claimed call is ours."""

    channel: str
    ours: bool


def readable(text: str, longest: int = 64) -> str:
    """A caller's text without control characters, cut to `longest`: safe to keep and to show."""
    if not text.isprintable():
        text = "".join(sign for sign in text if sign.isprintable())
    return text[:longest].strip()


def caller_of(channel: Channel) -> Caller:
    """Who calls, in text that is safe to keep and to show."""
    return Caller(
        number=readable(channel.caller.number, 32),
        name=readable(channel.caller.name),
        called=readable(channel.dialplan.exten, 32),
    )


class Claims:
    """Claims calls for a line, and begins their records.

    `claim(channel)` asks for a call, `may_claim(channel, now)` tells whether there is room for it,
    `ask_where(channel)` asks Asterisk whether its channel lives.
    `country`: where numbers without a country code are from (ISO 3166).
    `pending`: asked for, and not here yet; by the citizens' channels, with what is known of them.
    `redials`: who has hung up while waiting, and may dial again. `nuisance`: who is served behind
    the others. `at_once`: how many calls each caller has; `address_of(Call-ID)`: where the SIP of a
    call comes from, "" if that is not known, or there is no limit of it.
    """

    def __init__(
        self,
        live: LiveCalls,
        journal: Journal,
        timers: Timers,
        *,
        claim: Callable[[str], None],
        may_claim: Callable[[str, float], bool],
        ask_where: Callable[[str], None],
        nuisance: NuisanceNumbers,
        at_once: CallsAtOnce,
        country: str = COUNTRY,
    ) -> None:
        self.pending: dict[str, ClaimCheckpoint] = {}
        self.redials, self.nuisance, self.at_once = Redials(country), nuisance, at_once
        self.address_of: Callable[[str], str] | None = None
        self._live, self._journal, self._timers = live, journal, timers
        self._claim, self._may_claim, self._ask_where = claim, may_claim, ask_where
        self._open: Counter[str] = Counter()

    def arrived(self, channel: Channel, now: float) -> None:
        """Somebody has dialled 112: claim the call, unless there are too many."""
        call = self._live.calls.get(channel.id)
        if call is None:
            address = self.address_of(channel.protocol_id) if self.address_of is not None else ""
            if self.at_once.arrives(channel.id, channel.caller.number, address) is not None:
                return  # comes unclaimed, and waits behind the others
            if not self._may_claim(channel.id, now):
                return  # comes unclaimed, and waits
            # if the leg never comes, these are all that is left to call the citizen back by
            call = self._live.new(channel.id, now)
            call.record.caller_number = channel.caller.number
            call.record.caller_name = channel.caller.name
            call.record.called_number = channel.dialplan.exten
            call.sip_id, call.address = channel.protocol_id, address
            call.record.withheld = channel.channelvars.withheld != ""
            call.record.trunk = address_of(channel.channelvars.trunk) or None
            self._keep(call.record, channel.id)
        # the dialplan broadcasts a call again until it is claimed; each time needs a claim
        if call.stage is Stage.CLAIMED and call.timer is None and not call.record.events:
            self._open[channel.id] += 1
            self._claim(channel.id)

    def claimed(self, channel: str, ours: bool, now: float) -> None:
        """A claim has its answer; of several for one call the last refusal counts."""
        self._open[channel] -= 1
        last = self._open[channel] <= 0
        if last:
            del self._open[channel]
        call = self._live.calls.get(channel)
        if call is None or call.stage is not Stage.CLAIMED or call.record.events:
            return
        if ours:
            self.waits_for(call, now)
        elif last and call.timer is None:
            # too late, or another engine's: whoever serves it keeps its record
            del self._live.calls[channel]
            self.forget(channel)

    def waits_for(self, call: Call, now: float) -> None:
        """A claimed call is on its way to us; if it takes long, ask whether it still lives."""
        call.rearm(self._timers.at(now + HANDOVER_S, lambda _: self._ask_where(call.channel)))

    def never_came(self, call: Call, now: float) -> None:
        """A claimed call has hung up before it was handed over: nobody else keeps its record."""
        if call.stage is Stage.CLAIMED:
            seen = call.record
            caller = seen.caller_number, seen.caller_name, seen.called_number
            self.note_arrival(call, *caller, withheld=seen.withheld, trunk=seen.trunk or "")
            self._live.over(call, 0, now)

    def note_arrival(
        self,
        call: Call,
        number: str,
        name: str,
        called: str,
        *,
        language: str = OWN_LANGUAGE,
        withheld: bool = False,
        trunk: str = "",
    ) -> None:
        """Begin the call's record with who calls; hostile text is made harmless here.

        `language`: one of those that the line speaks. `trunk`: the address from which it came. Who
        has hung up just now and dials again keeps the place in line, the category and the language
        (`acd.queueing.redials`).
        """
        number, at = readable(number, 32), call.record.arrived_at
        if call.channel not in self.pending:
            self._count(call, number)
        before = self.redials.before(number, at)
        more: dict[str, Any] = {}
        nuisance = self.nuisance.arrived(number, at)
        if nuisance is not None:
            more["nuisance"] = nuisance
        if before is not None:
            call.category_before, language = before.category, before.language
            more["redial_of"] = before.call_id
            if nuisance is None:  # who is one has no place before others to keep
                call.waits_since = before.since
        if withheld:
            more["withheld"] = True
        if trunk:
            more["trunk"] = trunk
        call.note(
            EventKind.ARRIVED,
            at,
            asterisk_id=call.channel,
            caller_number=number,
            caller_name=readable(name),
            called_number=readable(called, 32),
            language=language,
            **more,
        )
        self.forget(call.channel)

    def _count(self, call: Call, number: str) -> None:
        """A call has come that this engine has not asked for, or could not ask for in its turn."""
        if self.address_of is not None:
            call.address = self.address_of(call.sip_id)
        beyond = self.at_once.arrives(call.channel, number, call.address)
        if beyond is not None and not call.aged:
            call.behind = True
            self.at_once.is_behind(beyond, call.address, call.record.arrived_at)

    def forget(self, channel: str) -> None:
        """The call has a record of its own by now, or is another's."""
        if self.pending.pop(channel, None) is not None:
            self._journal.keep(CLAIM + channel, None)

    def _keep(self, seen: CallRecord, channel: str) -> None:
        # before the request: an engine that dies after it must not take the call along
        self.pending[channel] = ClaimCheckpoint(
            number=readable(seen.caller_number, 32),
            name=readable(seen.caller_name),
            called=readable(seen.called_number, 32),
            withheld=seen.withheld,
            at=seen.arrived_at,
            trunk=seen.trunk or "",
        )
        self._journal.keep(CLAIM + channel, self.pending[channel])
