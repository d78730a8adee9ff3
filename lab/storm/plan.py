"""The plan of a storm: who does what and when. Pure: the same seed gives the same plan.

Times are seconds from the storm's beginning. What a phone does is planned by its turns: it takes
its first call as its first turn says, and so on; after the last comes the first again.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import msgspec

from lab.storm.kinds import (
    AGENCIES,
    ANY_KEY,
    CITIZENS,
    DUTIES,
    FATES,
    FRAIL,
    MOBILES,
    NUMBERS,
    PHONES,
    THEN,
    CitizenKind,
    Desk,
    Duty,
    Fate,
    MobileKind,
    PhoneKind,
    Range,
)

DESKS = 20
CALLS_A_SECOND = 5.0
DUTY_EVERY_S = 20.0  # on average, for one operator
_SHORTEST_S = 12.0
_CALLS_AGAIN = 0.04  # so many of the citizens use a number that has called before
_REDIALS = 0.08  # so many more use one whose citizen has hung up a moment before
_RECENT = 200  # citizens: those of the last 40 s
_KILLS_EVERY_S = 40.0  # at random moments, on average

_FRAIL_RING_MS, _FRAIL_TALK_MS = (0, 700), (300, 3500)

K = TypeVar("K", CitizenKind, PhoneKind, Duty, MobileKind, Fate)


class CitizenCall(msgspec.Struct, frozen=True, kw_only=True):
    """One citizen's call."""

    at: float
    kind: CitizenKind
    number: str
    first_ms: int
    keys: str
    stay_ms: int
    last_keys: str

    def row(self) -> tuple[str, ...]:
        """The row of the scenario's injection file."""
        delay = f"{self.at * 1000:.0f}"
        return (
            self.number,
            delay,
            str(self.first_ms),
            self.keys,
            str(self.stay_ms),
            self.last_keys,
        )


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """How a phone takes one call."""

    kind: PhoneKind
    ring_ms: int
    talk_ms: int
    keys: str
    wait_ms: int
    then: str

    def row(self) -> tuple[str, ...]:
        """The row of the joined scenario's injection file."""
        index = str(PHONES.index(self.kind))
        numbers = (str(self.ring_ms), str(self.talk_ms))
        return (index, *numbers, self.keys, str(self.wait_ms), self.then)


class FrailTurn(msgspec.Struct, frozen=True, kw_only=True):
    """How a frail phone takes one call, and what happens to it meanwhile."""

    fate: Fate
    ring_ms: int
    talk_ms: int
    away_ms: int


class FrailPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one frail phone."""

    transport: str
    turns: list[FrailTurn]


class Dial(msgspec.Struct, frozen=True, kw_only=True):
    """A code that is dialled at a phone."""

    at: float
    phone: str
    code: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the supervisor does for an operator by the API: login, logout..."""

    at: float
    operator: str
    does: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that will be done to the line.

    `desks`: all operators; the phones of `turns` are played by SIPp, those of `frail` may die.
    `kills`: the random moments at which its engine is killed; the other ones are no part of the
    plan, for they are those of what happens (`lab.storm.kills`).
    """

    seed: int
    seconds: float
    desks: list[Desk]
    citizens: list[CitizenCall]
    turns: dict[str, list[Turn]]
    frail: dict[str, FrailPlan]
    agency_turns: list[Turn]
    dials: list[Dial]
    asks: list[Ask]
    kills: list[float]


def make_plan(seed: int, calls: int, desks: int = DESKS) -> Plan:
    """Plan a storm of so many calls. Every kind comes at least once where the calls suffice."""
    seconds = max(_SHORTEST_S, calls / CALLS_A_SECOND)
    # the phones are not 101 to 120: whoever dials 112 is a citizen
    people = [
        Desk(operator=str(1001 + index), phone=str(201 + index), pin=str(400_000 + index))
        for index in range(desks + len(FRAIL))
    ]
    # nothing is dialled at a phone that may be gone: to the line, a phone that dials is there
    dials, asks = _duties(Random(f"{seed} duties"), people[:desks], seconds)  # noqa: S311
    return Plan(
        seed=seed,
        seconds=seconds,
        desks=people,
        citizens=_citizens(Random(f"{seed} citizens"), calls, seconds),  # noqa: S311
        turns=_turns(Random(f"{seed} phones"), people[:desks], people, calls),  # noqa: S311
        frail=_frail(Random(f"{seed} frail"), people[desks:], calls),  # noqa: S311
        agency_turns=_agency_turns(Random(f"{seed} agencies"), people, calls),  # noqa: S311
        dials=dials,
        asks=asks,
        kills=_kills(Random(f"{seed} kills"), seconds),  # noqa: S311
    )


def _deal(random: Random, kinds: Sequence[K], count: int) -> list[K]:
    """Draw `count` kinds by weight, but each of them once before that; in random order."""
    dealt: list[K] = list(kinds)[:count]
    weights = [kind.weight for kind in kinds]
    dealt += random.choices(kinds, weights, k=count - len(dealt))
    random.shuffle(dealt)
    return dealt


def _within(random: Random, bounds: Range) -> int:
    return random.randint(*bounds)


def _press(random: Random, count: int, keys: str) -> str:
    return "".join(random.choice(keys) for _ in range(count))


def _citizens(random: Random, calls: int, seconds: float) -> list[CitizenCall]:
    result: list[CitizenCall] = []
    times = sorted(random.uniform(0.0, seconds) for _ in range(calls))
    mobiles = _deal(random, MOBILES, calls)
    for index, (at, kind) in enumerate(zip(times, _deal(random, CITIZENS, calls), strict=True)):
        number = f"{mobiles[index].prefix}{index:06d}"
        again = random.random()
        gone = [one for one in result[-_RECENT:] if one.kind.hangs_up]
        if gone and again < _REDIALS:
            number = random.choice(gone).number
        elif result and again > 1 - _CALLS_AGAIN:
            number = random.choice(result).number
        result.append(
            CitizenCall(
                at=at,
                kind=kind,
                number=number,
                first_ms=_within(random, kind.first_ms),
                keys=_press(random, _within(random, kind.keys), kind.pressed),
                stay_ms=_within(random, kind.stay_ms),
                last_keys=_press(random, random.randint(1, 5), ANY_KEY),
            )
        )
    return result


def _kills(random: Random, seconds: float) -> list[float]:
    count = max(1, round(seconds / _KILLS_EVERY_S))
    return sorted(random.uniform(0.1, 0.9) * seconds for _ in range(count))


def _turns(
    random: Random, desks: Sequence[Desk], colleagues: Sequence[Desk], calls: int
) -> dict[str, list[Turn]]:
    """Plan twice as many turns as calls; the phones' first turns are all kinds, dealt out."""
    many = max(1, -(-2 * calls // len(desks)))
    firsts = _deal(random, PHONES, len(desks))
    weights = [kind.weight for kind in PHONES]
    result = {}
    for desk, first in zip(desks, firsts, strict=True):
        kinds = [first, *random.choices(PHONES, weights, k=many - 1)]
        result[desk.phone] = [_turn(random, kind, desk, colleagues) for kind in kinds]
    return result


def _frail(random: Random, desks: Sequence[Desk], calls: int) -> dict[str, FrailPlan]:
    """Plan what becomes of frail phones; each fate comes first, at one phone of its transport."""
    result = {}
    for transport in dict.fromkeys(FRAIL):
        mine = [desk for desk, one in zip(desks, FRAIL, strict=True) if one == transport]
        fates = [one for one in FATES if one.transport in ("", transport)]
        # what happens of itself comes first, for a small storm has few calls for each phone
        dealt = _deal(random, fates[1:], len(fates) - 1) + _deal(random, fates, 2 * calls)
        for index, desk in enumerate(mine):
            turns = [_frail_turn(random, fate) for fate in dealt[index :: len(mine)]]
            result[desk.phone] = FrailPlan(transport=transport, turns=turns)
    return result


def _frail_turn(random: Random, fate: Fate) -> FrailTurn:
    return FrailTurn(
        fate=fate,
        ring_ms=_within(random, _FRAIL_RING_MS),
        talk_ms=_within(random, _FRAIL_TALK_MS),
        away_ms=_within(random, fate.away_ms),
    )


def _agency_turns(random: Random, desks: Sequence[Desk], calls: int) -> list[Turn]:
    kinds = [kind for name in AGENCIES for kind in PHONES if kind.scenario == name]
    return [_turn(random, random.choice(kinds), desks[0], desks) for _ in range(calls)]


def _turn(random: Random, kind: PhoneKind, desk: Desk, desks: Sequence[Desk]) -> Turn:
    colleague = random.choice(desks)
    number = random.choice(NUMBERS).format(
        oneself=desk.operator, colleague=colleague.operator, colleague_phone=colleague.phone
    )
    return Turn(
        kind=kind,
        ring_ms=_within(random, kind.ring_ms),
        talk_ms=_within(random, kind.talk_ms),
        keys=kind.keys.format(number=number),
        wait_ms=_within(random, kind.wait_ms),
        then=random.choice(THEN),
    )


def _duties(random: Random, desks: Sequence[Desk], seconds: float) -> tuple[list[Dial], list[Ask]]:
    """Let operators do their duties at random; who goes away is back before the end."""
    dials, asks = [], []
    count = round(len(desks) * seconds / DUTY_EVERY_S)
    for duty in _deal(random, DUTIES, count):
        at = random.uniform(0.0, seconds)
        desk, other = random.sample(list(desks), 2)
        for act in duty.acts(random, desk, other):
            when = at + act.after_s
            if act.phone is None:
                asks.append(Ask(at=when, operator=act.operator, does=act.does))
            else:
                dials.append(Dial(at=when, phone=act.phone, code=act.does))
    return sorted(dials, key=lambda one: one.at), sorted(asks, key=lambda one: one.at)
