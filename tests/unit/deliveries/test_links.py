"""One-time links: what a token says is what was said when it was made, or nothing."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.links import LONGEST_TOKEN, Action, Claim, LinkError, check, make

NOW = 1_790_000_000.0
KEY, OLD, OTHER = b"k" * 32, b"o" * 32, b"x" * 32
CLAIM = Claim(
    job="2026-000017",
    agency="damkar",
    actions=frozenset({Action.ACCEPT, Action.ON_SCENE, Action.RESOLVE}),
    expires_at=int(NOW) + 3600,
)
TOKEN = make(CLAIM, [KEY])

claims = st.builds(
    Claim,
    job=st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True),
    agency=st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
    actions=st.sets(st.sampled_from(list(Action)), min_size=1).map(frozenset),
    expires_at=st.integers(int(NOW) + 1, 10**11 - 1),
)


@given(claims)
def test_a_token_says_what_was_said_when_it_was_made(claim: Claim) -> None:
    assert check(make(claim, [KEY]), [KEY], NOW) == claim


@given(claims)
def test_a_token_fits_into_an_sms_and_needs_no_escape(claim: Claim) -> None:
    token = make(claim, [KEY])
    assert len(token) <= LONGEST_TOKEN
    assert quote(token, safe="") == token
    assert re.fullmatch(r"[a-z0-9]", token[-1])  # else programs leave the end out of the link


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_any_change_of_a_byte_is_refused(place: int, bits: int) -> None:
    changed = bytearray(TOKEN.encode())
    changed[place] ^= bits
    with pytest.raises(LinkError, match="not valid"):
        check(changed.decode("latin-1"), [KEY], NOW)


@given(st.integers(0, len(TOKEN)))
def test_a_part_of_a_token_is_none(length: int) -> None:
    for part in (TOKEN[:length], TOKEN[length:], TOKEN + TOKEN[:length]):
        if part != TOKEN:
            with pytest.raises(LinkError, match="not valid"):
                check(part, [KEY], NOW)


@given(st.text())
def test_any_other_text_is_refused_by_the_one_error(text: str) -> None:
    with pytest.raises(LinkError, match="not valid"):
        check(text, [KEY, OLD], NOW)


def test_a_link_is_good_until_its_time_and_not_longer() -> None:
    assert check(TOKEN, [KEY], CLAIM.expires_at - 0.01) == CLAIM
    for late in (CLAIM.expires_at, CLAIM.expires_at + 1e9, float("nan")):
        with pytest.raises(LinkError, match="time is over"):
            check(TOKEN, [KEY], late)


def test_whoever_forges_an_expiry_learns_nothing_of_it() -> None:
    forged = TOKEN.replace(str(CLAIM.expires_at), "1000000000")
    with pytest.raises(LinkError, match="not valid"):
        check(forged, [KEY], NOW)


def test_links_by_an_old_key_hold_while_it_is_listed() -> None:
    old = make(CLAIM, [OLD])
    assert check(old, [KEY, OLD], NOW) == CLAIM
    assert make(CLAIM, [KEY, OLD]) == TOKEN
    with pytest.raises(LinkError, match="not valid"):
        check(old, [KEY, OTHER], NOW)


@pytest.mark.parametrize("keys", [[], [b""], [b"k" * 31], [KEY, b"short"]])
def test_a_key_that_is_too_short_makes_and_checks_nothing(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make(CLAIM, keys)
    with pytest.raises(ValueError, match="32 bytes"):
        check(TOKEN, keys, NOW)


@pytest.mark.parametrize(
    ("job", "agency", "actions", "expires_at"),
    [
        ("", "damkar", {Action.ACCEPT}, 1),
        ("17.x", "damkar", {Action.ACCEPT}, 1),
        ("17", "", {Action.ACCEPT}, 1),
        ("17", "dam.kar", {Action.ACCEPT}, 1),
        ("17", "damkar\n", {Action.ACCEPT}, 1),
        ("é", "damkar", {Action.ACCEPT}, 1),
        ("x" * 33, "damkar", {Action.ACCEPT}, 1),
        ("17", "x" * 21, {Action.ACCEPT}, 1),
        ("17", "damkar", set(), 1),
        ("17", "damkar", {Action.ACCEPT}, 0),
        ("17", "damkar", {Action.ACCEPT}, -5),
        ("17", "damkar", {Action.ACCEPT}, 10**11),
        ("17", "damkar", {Action.ACCEPT}, 1.5),
    ],
)
def test_what_a_token_cannot_say_is_refused_when_it_is_made(
    job: str, agency: str, actions: set[Action], expires_at: int
) -> None:
    with pytest.raises(ValueError, match="A link needs"):
        make(Claim(job, agency, frozenset(actions), expires_at), [KEY])


def test_a_link_that_is_used_twice_is_the_rows_to_know() -> None:
    assert check(TOKEN, [KEY], NOW) == check(TOKEN, [KEY], NOW)
