"""Who guesses passwords is banned for a while; nobody from whom calls come ever is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import OFTEN
from fakes import FakeJournal
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.engine.ban_keeper import BANS, BanKeeper
from ngalam112.engine.bans import MOST_BANNED, MOST_KNOWN, REFUSALS, Bans
from pbx.ami import AuthAttempt
from pbx.ari_reply import AriError

TRUNK = "192.0.2.0/24"
GUESSER, CITIZENS = "198.51.100.7", "192.0.2.9"


def guess(bans: Bans, address: str, now: float, times: int = REFUSALS) -> bool:
    """So many refusals in one second; whether the last one banned the address."""
    return [bans.refuse(address, now + turn / times) for turn in range(times)][-1]


def test_twenty_refusals_in_a_minute_ban_an_address_each_time_for_longer() -> None:
    bans = Bans([TRUNK])
    assert not guess(bans, GUESSER, 1000.0, REFUSALS - 1) and bans.banned(1001.0) == []
    assert bans.refuse(GUESSER, 1002.0)
    assert bans.banned(1061.9) == [GUESSER] and bans.next_end(1002.0) == 1062.0
    assert bans.banned(1062.1) == [] and bans.next_end(1063.0) is None
    assert guess(bans, GUESSER, 1100.0) and bans.banned(1219.0) == [GUESSER]


def test_a_phone_with_an_old_password_that_tries_now_and_then_is_not_banned() -> None:
    bans = Bans([TRUNK])
    assert not any(bans.refuse(GUESSER, 1000.0 + 10.0 * turn) for turn in range(500))


@pytest.mark.parametrize("address", [CITIZENS, "", "here", "1.2.3.4\ndeny = 0.0.0.0/0"])
def test_the_trunk_and_what_is_no_address_is_never_banned(address: str) -> None:
    bans = Bans([TRUNK])
    assert not guess(bans, address, 1000.0, 5 * REFUSALS)
    assert bans.refused == 5 * REFUSALS and bans.worth_keeping() == {}


def test_an_address_of_phones_is_told_of_and_not_banned_for_a_day() -> None:
    bans = Bans([TRUNK])
    assert bans.let_in(GUESSER, 1000.0) and not bans.let_in(GUESSER, 1001.0)
    assert not guess(bans, GUESSER, 1002.0)
    assert guess(bans, GUESSER, 1000.0 + 86_401.0)


def test_an_address_of_phones_that_log_in_often_is_kept_anew_every_half_day() -> None:
    bans = Bans([TRUNK])
    hours = [hour for hour in range(48) if bans.let_in(GUESSER, 1000.0 + hour * 3600.0)]
    assert hours == [0, 13, 26, 39]
    assert bans.let_in(GUESSER, 500.0), "the clock was set back"


def test_forged_addresses_push_out_nobody_who_is_trusted_or_banned() -> None:
    bans = Bans([TRUNK])
    bans.let_in("203.0.113.5", 1000.0)
    assert guess(bans, GUESSER, 1000.0)
    for index in range(3 * MOST_KNOWN):
        bans.refuse(f"10.{index >> 8}.{index & 255}.1", 1002.0)
    assert bans.banned(1003.0) == [GUESSER]
    assert not guess(bans, "203.0.113.5", 1003.0)
    assert len(bans._sources) <= MOST_KNOWN


def test_forged_addresses_fill_neither_the_memory_nor_the_list() -> None:
    bans = Bans([TRUNK])
    for index in range(MOST_KNOWN + 100):
        guess(bans, f"10.{index >> 8}.{index & 255}.1", 1000.0)
    assert len(bans.banned(1001.0)) == MOST_BANNED
    assert len(bans._sources) <= MOST_KNOWN


class FakeAri:
    """Whether it is connected, what was asked of it."""

    def __init__(self) -> None:
        self.connected, self.fails = True, False
        self.asked: list[str] = []

    async def call(self, method: str, uri: str, **_: Any) -> None:
        self.asked.append(f"{method} {uri}")
        if self.fails:
            raise AriError("no")


@pytest.fixture
def keeper(tmp_path: Path) -> BanKeeper:
    return BanKeeper(Bans([TRUNK]), tmp_path, FakeAri(), FakeJournal(), lambda: 1000.0)  # type: ignore[arg-type]


async def test_asterisk_is_told_of_a_ban_until_it_has_heard(keeper: BanKeeper) -> None:
    ari: Any = keeper._ari
    await keeper._tell_asterisk()
    assert ari.asked == [], "no ban, no reading"
    for _ in range(REFUSALS):
        keeper.attempt(AuthAttempt(GUESSER, let_in=False))
    ari.fails = True
    await keeper._tell_asterisk()
    ari.fails = False
    await keeper._tell_asterisk()
    await keeper._tell_asterisk()
    assert ari.asked == ["PUT asterisk/modules/res_pjsip.so"] * 2
    assert f"deny = {GUESSER}\n" in (keeper._etc / "banned.conf").read_text()


async def test_the_next_engine_knows_the_bans_and_the_phones_addresses(keeper: BanKeeper) -> None:
    journal: Any = keeper._journal
    for _ in range(REFUSALS):
        keeper.attempt(AuthAttempt(GUESSER, let_in=False))
    keeper.attempt(AuthAttempt("203.0.113.5", let_in=True))
    again = BanKeeper(Bans([TRUNK]), keeper._etc, keeper._ari, journal, lambda: 1001.0)
    again.remember(journal.facts)
    assert again.bans.banned(1001.0) == [GUESSER]
    assert not guess(again.bans, "203.0.113.5", 1001.0)


@OFTEN
@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists))
def test_whatever_an_earlier_engine_left_is_no_reason_to_fail(fact: Any) -> None:
    keeper = BanKeeper(Bans([TRUNK]), Path("nowhere"), FakeAri(), FakeJournal(), lambda: 1.0)  # type: ignore[arg-type]
    keeper.remember({BANS: fact})
    keeper.remember({BANS: {"x": fact, "198.51.100.7": {"until": fact}}})
    assert not guess(keeper.bans, GUESSER, 1.0, 1)
