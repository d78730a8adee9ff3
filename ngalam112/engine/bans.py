"""Decides which addresses may send no SIP for a while: those that guess passwords. Pure.

An address may be forged in UDP, so nothing here may cost a call: the networks of the trunk are
never banned, nor is an address at which a phone has shown the right password within a day.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

import msgspec
import structlog

log = structlog.get_logger("bans")

REFUSALS, WITHIN_S = 20, 60.0
"""So many refused requests within so many seconds are too many."""
FIRST_BAN_S, LONGEST_BAN_S = 60.0, 3600.0
TRUSTED_S = 86_400.0
MOST_BANNED, MOST_KNOWN = 500, 4096
"""Asterisk compares every request with each banned address; a forger can name any number."""


class Source(msgspec.Struct):
    """What is known of an address: refusals since `since`, how often it was banned, until when."""

    since: float = 0.0
    refused: int = 0
    bans: int = 0
    until: float = 0.0
    trusted: float = 0.0  # when a phone last showed the right password there; 0: never
    kept_at: float = 0.0  # when that was last told to be kept for the next engine


def _lasts(source: Source, now: float) -> bool:
    # what ends later still was kept before the clock was set back
    return now < source.until <= now + LONGEST_BAN_S


def _is_trusted(source: Source, now: float) -> bool:
    return source.trusted > 0 and now < source.trusted + TRUSTED_S


class Bans:
    """The addresses that were refused lately. `refused`: requests since the start."""

    def __init__(self, never: Iterable[str]) -> None:
        self._never = [ipaddress.ip_network(one) for one in never]
        self._sources: dict[str, Source] = {}
        self.refused = 0

    def remember(self, known: Mapping[str, Source]) -> None:
        """Know what an earlier engine kept."""
        for address, source in known.items():
            if self._may_be_banned(address):
                self._sources[address] = source

    def worth_keeping(self) -> dict[str, Source]:
        """The addresses that the next engine has to know: banned ones, and those of phones."""
        return {at: one for at, one in self._sources.items() if one.bans or one.trusted}

    def let_in(self, address: str, now: float) -> bool:
        """A phone showed the right password; True if the next engine has to be told of it now.

        That is so at first, and then every half of the time for which the address is trusted.
        """
        if not self._may_be_banned(address):
            return False
        source = self._source(address, now)
        source.trusted, source.refused = now, 0
        # what was kept later than now was kept before the clock was set back
        if source.kept_at and source.kept_at <= now <= source.kept_at + TRUSTED_S / 2:
            return False
        source.kept_at = now
        return True

    def refuse(self, address: str, now: float) -> bool:
        """A request was refused; True if the address is banned for it now."""
        self.refused += 1
        if not self._may_be_banned(address):
            return False
        source = self._source(address, now)
        if _lasts(source, now):
            return False
        if now > source.since + WITHIN_S:
            source.since, source.refused = now, 0
        source.refused += 1
        if source.refused < REFUSALS:
            return False
        source.refused = 0
        if _is_trusted(source, now):
            log.error("phone_passwords_are_guessed", address=address, banned=False)
            return False
        if len(self.banned(now)) >= MOST_BANNED:
            log.error("too_many_banned", address=address, most=MOST_BANNED)
            return False
        seconds = min(LONGEST_BAN_S, FIRST_BAN_S * 2.0 ** min(source.bans, 16))
        source.bans, source.until = source.bans + 1, now + seconds
        log.error("address_banned", address=address, seconds=seconds)
        return True

    def banned(self, now: float) -> list[str]:
        """The addresses that are banned at this moment."""
        return sorted(at for at, one in self._sources.items() if _lasts(one, now))

    def next_end(self, now: float) -> float | None:
        """When the next ban ends."""
        return min((one.until for one in self._sources.values() if _lasts(one, now)), default=None)

    def _may_be_banned(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return not any(found in network for network in self._never)

    def _source(self, address: str, now: float) -> Source:
        source = self._sources.get(address)
        if source is None:
            if len(self._sources) >= MOST_KNOWN:
                self._forget(now)
            source = self._sources[address] = Source()
        return source

    def _forget(self, now: float) -> None:
        """Forget whom nothing is to be known of; if that is nobody, the older half.

        Who is trusted or banned now stays while there are others: a forger can name any number.
        """
        oldest_first = sorted(self._sources, key=lambda at: self._last(self._sources[at]))
        dull = [at for at in oldest_first if now > self._last(self._sources[at]) + TRUSTED_S]
        others = [at for at in oldest_first if not self._counts(self._sources[at], now)]
        for address in dull or (others or oldest_first)[: MOST_KNOWN // 2]:
            del self._sources[address]

    @staticmethod
    def _counts(source: Source, now: float) -> bool:
        return _is_trusted(source, now) or _lasts(source, now)

    @staticmethod
    def _last(source: Source) -> float:
        return max(source.since, source.until, source.trusted)
