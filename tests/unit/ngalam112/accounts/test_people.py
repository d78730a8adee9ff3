"""People and tokens: what may be changed, and whose a secret is."""

from __future__ import annotations

import hmac
from typing import Any

import msgspec
import pytest

from ngalam112.accounts import known_people
from ngalam112.accounts.known_people import Kept, People, of_facts
from ngalam112.accounts.people import (
    FORGOTTEN_S,
    MOST_PEOPLE,
    MOST_TOKENS,
    NoSuchPerson,
    Person,
    PersonChange,
    PersonThere,
    Role,
    Token,
    WrongPerson,
    changed_person,
    is_another_day,
    is_forgotten,
    new_person,
    new_token,
    revoked,
)

NOON, DAY = 1_776_056_400.0, 86_400.0
SARI = new_person({}, "sari", " Sari ", Role.SUPERVISOR, NOON)
THERE = {"sari": SARI}


def a_token(days: int = 90, **changes: Any) -> tuple[Token, str]:
    token, secret = new_token(THERE, {}, "sari", days, "", NOON)
    return msgspec.structs.replace(token, **changes), secret


def knowing(token: Token, person: Person = SARI) -> People:
    people = People(lambda key, value: None)
    people.know(Kept(people=[person], tokens=[token]), stored=False)
    return people


def test_each_role_may_do_what_those_before_may() -> None:
    roles = [one for one in Role if one is not Role.AGENCY]
    for at, role in enumerate(roles):
        assert [role.may(one) for one in roles] == [index <= at for index in range(len(roles))]


def test_who_is_of_an_agency_may_what_is_an_agencys_and_nobody_else_may() -> None:
    assert [one for one in Role if one.may(Role.AGENCY)] == [Role.AGENCY]
    assert [one for one in Role if Role.AGENCY.may(one)] == [Role.AGENCY]


def test_who_is_of_an_agency_says_of_which_and_nobody_else_does() -> None:
    budi = new_person({}, "budi", "Budi", Role.AGENCY, NOON, "damkar")
    assert (budi.role, budi.agency, SARI.agency) == (Role.AGENCY, "damkar", None)
    there = {"budi": budi, "sari": SARI}
    moved = changed_person(there, "budi", PersonChange(agency="pmi"), NOON + 1)
    assert moved.agency == "pmi"
    left = changed_person(there, "budi", PersonChange(role=Role.OPERATOR), NOON + 1)
    assert (left.role, left.agency) == (Role.OPERATOR, None)
    for change in (PersonChange(agency=None), PersonChange(agency=""), PersonChange(agency="a b")):
        with pytest.raises(WrongPerson):
            changed_person(there, "budi", change, NOON)
    for id, change in (
        ("sari", PersonChange(role=Role.AGENCY)),
        ("sari", PersonChange(agency="x")),
    ):
        with pytest.raises(WrongPerson):
            changed_person(there, id, change, NOON)
    for role, agency in ((Role.AGENCY, None), (Role.OPERATOR, "damkar"), (Role.AGENCY, "../a")):
        with pytest.raises(WrongPerson):
            new_person({}, "x", "X", role, NOON, agency)


def test_a_person_is_added_changed_ended_and_brought_back() -> None:
    assert (SARI.name, SARI.ended_at) == ("Sari", None)
    one = changed_person(THERE, "sari", PersonChange(role=Role.OPERATOR), NOON + 1)
    assert (one.name, one.role, one.changed_at) == ("Sari", Role.OPERATOR, NOON + 1)
    ended = changed_person(THERE, "sari", PersonChange(ended=True), NOON + 2)
    again = changed_person({"sari": ended}, "sari", PersonChange(ended=True), NOON + 3)
    assert ended.ended_at == again.ended_at == NOON + 2
    back = changed_person({"sari": ended}, "sari", PersonChange(ended=False), NOON + 4)
    assert back.ended_at is None


def test_what_is_no_person_is_refused_in_a_sentence() -> None:
    for id in ("", "Sari", "a b", "-x", "a" * 33, "sari\n", "é"):
        with pytest.raises(WrongPerson, match="1 to 32"):
            new_person({}, id, "Sari", Role.OPERATOR, NOON)
    for name in ("", " ", "a\x1b[2J", "a" * 65):
        with pytest.raises(WrongPerson, match="readable"):
            new_person({}, "x", name, Role.OPERATOR, NOON)
    with pytest.raises(PersonThere, match="sari exists"):
        new_person(THERE, "sari", "Sari", Role.OPERATOR, NOON)
    ended = {"sari": msgspec.structs.replace(SARI, ended_at=NOON)}
    with pytest.raises(PersonThere, match="--back"):
        new_person(ended, "sari", "Sari", Role.OPERATOR, NOON)
    with pytest.raises(NoSuchPerson, match="person list"):
        changed_person(THERE, "dewi", PersonChange(ended=True), NOON)
    with pytest.raises(WrongPerson, match="most that the line knows"):
        new_person({str(one): SARI for one in range(MOST_PEOPLE)}, "x", "X", Role.OPERATOR, NOON)


def test_a_token_is_a_secret_of_256_bits_of_which_a_digest_is_kept() -> None:
    (token, secret), (other, another) = a_token(), a_token()
    assert secret.startswith("n112_") and len(secret) >= 5 + 43
    assert secret != another and token.id != other.id
    assert secret not in repr(token) and len(token.digest) == 64
    assert token.expires_at == NOON + 90 * DAY


def test_what_is_no_token_is_refused_in_a_sentence() -> None:
    ended = {"sari": msgspec.structs.replace(SARI, ended_at=NOON)}
    tokens = {str(one): a_token()[0] for one in range(MOST_TOKENS)}
    for words, people, there, person, days, note in (
        ("no person 'x'", THERE, {}, "x", 90, ""),
        ("has ended", ended, {}, "sari", 90, ""),
        ("1 to 366 days", THERE, {}, "sari", 0, ""),
        ("1 to 366 days", THERE, {}, "sari", 367, ""),
        ("one line", THERE, {}, "sari", 90, "a\nb"),
        ("one line", THERE, {}, "sari", 90, "a" * 101),
        (f"{MOST_TOKENS} tokens", THERE, tokens, "sari", 90, ""),
    ):
        with pytest.raises((WrongPerson, NoSuchPerson), match=words):
            new_token(people, there, person, days, note, NOON)
    with pytest.raises(NoSuchPerson, match="token list"):
        revoked({}, "x", NOON)


def test_a_secret_is_somebodys_until_it_ends() -> None:
    token, secret = a_token(days=1)
    people = knowing(token)
    assert people.whose(secret, NOON) == (SARI, token)
    assert people.whose(secret, NOON + DAY - 1) == (SARI, token)
    assert people.whose(secret, NOON + DAY) == "expired"
    assert people.whose(secret + "x", NOON) == people.whose("", NOON) == "unknown"
    assert people.whose(token.digest, NOON) == "unknown", "the digest opens nothing"
    assert knowing(revoked({token.id: token}, token.id, NOON)).whose(secret, NOON) == "revoked"
    ended = msgspec.structs.replace(SARI, ended_at=NOON)
    assert knowing(token, ended).whose(secret, NOON) == "ended"


def test_every_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    token, secret = a_token()
    people, compared, really = knowing(token), [], hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return really(one, other)

    monkeypatch.setattr(known_people.hmac, "compare_digest", compare)
    for one in (secret, "x", "", "\udcff", "a" * 10_000):
        people.whose(one, NOON)
    assert compared == [(64, 64)] * 5


def test_the_next_engine_knows_them_and_leaves_out_what_makes_no_sense() -> None:
    facts: dict[str, Any] = {}
    token, secret = a_token()
    people = People(facts.__setitem__)
    people.know(Kept(people=[SARI], tokens=[token]), stored=False)
    assert facts == {} and not people.stored
    people.know(Kept(people=[SARI], tokens=[token]), stored=True)
    assert people.stored and secret not in repr(facts)
    facts["people"]["people"].append({"id": "x", "role": "of a later version"})
    facts["people"]["tokens"].append("nonsense")
    assert of_facts(facts) == Kept(people=[SARI], tokens=[token])
    for nonsense in ({}, {"people": None}, {"people": [1]}, {"people": {"people": 1}}):
        assert of_facts(nonsense) == Kept()


def test_a_use_is_noted_once_a_day_and_an_ended_token_forgotten_after_a_month() -> None:
    assert is_another_day(None, NOON) and not is_another_day(NOON, NOON + 60)
    assert is_another_day(NOON, NOON + DAY)
    token, _ = a_token(days=1)
    assert not is_forgotten(token, NOON + DAY + FORGOTTEN_S - 1)
    assert is_forgotten(token, NOON + DAY + FORGOTTEN_S)
    early = msgspec.structs.replace(token, revoked_at=NOON)
    assert is_forgotten(early, NOON + FORGOTTEN_S)


def test_a_supervisors_pin_is_kept_as_argon2_and_opens_nothing_for_others() -> None:
    def with_pin(**changes: Any) -> People:
        one = new_person({}, "2001", "Rini", Role.SUPERVISOR, NOON)
        one = changed_person({"2001": one}, "2001", PersonChange(pin="864213"), NOON)
        assert one.pin_hash is not None and one.pin_hash.startswith("$argon2id$")
        assert "864213" not in repr(one)
        people = People(lambda key, value: None)
        people.know(Kept(people=[msgspec.structs.replace(one, **changes)]), stored=False)
        return people

    people = with_pin()
    assert people.supervisor_pin("2001", "864213") is True
    assert people.supervisor_pin("2001", "864214") is False
    assert people.supervisor_pin("2002", "864213") is None
    assert with_pin(ended_at=NOON).supervisor_pin("2001", "864213") is None
    assert with_pin(pin_hash=None).supervisor_pin("2001", "864213") is None
    assert with_pin(role=Role.OPERATOR).supervisor_pin("2001", "864213") is False
    assert with_pin(pin_hash="nonsense").supervisor_pin("2001", "864213") is False


def test_what_is_no_pin_is_refused_and_one_is_taken_away() -> None:
    one = new_person({}, "2001", "Rini", Role.SUPERVISOR, NOON)
    for pin, digits in (("12345", 6), ("abcdef", 6), ("1" * 13, 6), ("864213", 8)):
        with pytest.raises(WrongPerson, match=f"A PIN is {digits} to 12 digits"):
            changed_person({"2001": one}, "2001", PersonChange(pin=pin), NOON, digits)
    with pytest.raises(WrongPerson, match="has a number for an id"):
        changed_person(THERE, "sari", PersonChange(pin="864213"), NOON)
    has = changed_person({"2001": one}, "2001", PersonChange(pin="864213"), NOON)
    kept = changed_person({"2001": has}, "2001", PersonChange(name="Rini"), NOON)
    assert kept.pin_hash == has.pin_hash
    assert changed_person({"2001": has}, "2001", PersonChange(pin=None), NOON).pin_hash is None
