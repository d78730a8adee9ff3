"""Changes of agencies are made together or not at all, and nobody who is needed goes."""

from __future__ import annotations

from typing import Any

import pytest
from factories import an_agency

from acd.agencies.agency import Agency, Change, by_id
from acd.agencies.changes import MOST_AGENCIES, AgencyError, NoSuchAgency, Terms, changed

TERMS = Terms(
    dial=lambda number: number,
    taken={"92": "that of category police", "101": "that of phone 101"},
    named=frozenset({"62", "bpbd"}),
)


def there() -> dict[str, Agency]:
    return by_id(
        [
            an_agency("61", id="polresta", chain=("pmi",), changed_at=50.0),
            an_agency("62", id="damkar", mail="a@b", changed_at=50.0),
            an_agency("64", id="pmi", changed_at=50.0),
            an_agency("65", id="bpbd", changed_at=50.0),
            an_agency("66", id="old", changed_at=50.0, retired_at=40.0),
        ]
    )


def made(*changes: Change, now: float = 100.0) -> dict[str, Agency]:
    return by_id(changed(there(), changes, TERMS, now))


def refused(*changes: Change) -> list[tuple[int, str]]:
    with pytest.raises(AgencyError) as error:
        made(*changes)
    assert str(error.value).startswith("Nothing is changed: agency ")
    assert "\n" not in str(error.value)
    return [(one.at, one.what) for one in error.value.problems]


def test_only_what_is_set_changes_and_only_what_changes_is_returned() -> None:
    found = made(Change(id="damkar", voice=" 113 ", mail=""), Change(id="pmi", number="64"))
    assert list(found) == ["damkar"]
    assert (found["damkar"].voice, found["damkar"].mail) == ("113", "")
    assert (found["damkar"].name, found["damkar"].changed_at) == (there()["damkar"].name, 100.0)


def test_a_new_agency_needs_a_number_and_a_name() -> None:
    assert refused(Change(id="pdam", number="73")) == [(0, "a new agency needs a name")]
    assert refused(Change(id="pdam")) == [(0, "a new agency needs a number and a name")]
    found = made(Change(id="pdam", number="73", name="PDAM"))["pdam"]
    assert (found.acknowledge_s, found.report_s, found.kind) == (300.0, 1800.0, "other")


def test_one_wrong_change_of_several_is_named_and_none_is_made() -> None:
    found = refused(
        Change(id="pmi", voice="118"),
        Change(id="damkar", hours="7-9"),
        Change(id="Pmi"),
        Change(id="pmi", mail="c@d"),
    )
    assert [at for at, _ in found] == [1, 2, 3]
    assert found[2][1] == "it is there twice"


def test_numbers_are_unique_among_those_in_use_and_mean_nothing_else() -> None:
    assert refused(Change(id="pmi", number="61")) == [(0, "number 61 is that of agency polresta")]
    assert refused(Change(id="pmi", number="92")) == [(0, "number 92 is that of category police")]
    assert refused(Change(id="pmi", number="101"))[0][1].endswith("phone 101")
    assert made(Change(id="pmi", number="66"))["pmi"].number == "66", "the other one is retired"
    swapped = made(Change(id="pmi", number="61"), Change(id="polresta", number="64"))
    assert [swapped[id].number for id in ("pmi", "polresta")] == ["61", "64"]


def test_a_number_that_something_else_got_later_keeps_no_agency_from_changing() -> None:
    agencies = by_id([an_agency("101", id="pmi")])
    (found,) = changed(agencies, [Change(id="pmi", mail="a@b")], TERMS, 100.0)
    assert found.mail == "a@b"


def test_a_retired_agency_stays_and_can_be_brought_back() -> None:
    assert made(Change(id="polresta", retired=True))["polresta"].retired_at == 100.0
    (problem,) = refused(Change(id="old", mail="a@b"))
    assert "bring it back first" in problem[1]
    assert made(Change(id="old", retired=False, mail="a@b"))["old"].retired_at is None
    assert refused(Change(id="old", number="61", retired=False))[0][1].startswith("number 61")
    for retired in (True, False):
        with pytest.raises(NoSuchAgency, match="no agency 'nobody'"):
            made(Change(id="nobody", retired=retired))


def test_an_agency_is_retired_whatever_is_wrong_with_its_fields_by_now() -> None:
    agencies = by_id([an_agency("61", id="polresta", voice="x y")])
    (found,) = changed(agencies, [Change(id="polresta", retired=True)], TERMS, 100.0)
    assert found.retired_at == 100.0


def test_who_is_needed_by_a_chain_or_by_the_distribution_file_is_not_retired() -> None:
    assert "in the chain of polresta" in refused(Change(id="pmi", retired=True))[0][1]
    assert "names it as 62" in refused(Change(id="damkar", retired=True))[0][1]
    assert "names it as bpbd" in refused(Change(id="bpbd", retired=True))[0][1]
    assert "names it as 62" in refused(Change(id="damkar", number="68"))[0][1]
    assert made(Change(id="bpbd", number="68")), "it is named by its id"
    both = made(Change(id="polresta", chain=()), Change(id="pmi", retired=True))
    assert len(both) == 2


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (("nobody",), "there is no agency nobody"),
        (("old",), "agency old is retired"),
        (("pmi",), "comes back to the agency itself"),
        (("0341", "polresta"), "comes back to the agency itself"),
    ],
)
def test_a_chain_leads_to_agencies_in_use_and_never_back(chain: tuple[str, ...], said: str) -> None:
    assert said in refused(Change(id="pmi", chain=chain))[0][1]
    assert made(Change(id="pmi", chain=("damkar", "bpbd", "a@b")))


def test_a_circle_that_was_there_before_keeps_no_other_from_changing() -> None:
    agencies = there() | by_id([an_agency("71", id="a", chain=("b",))])
    agencies |= by_id([an_agency("72", id="b", chain=("a",))])
    change = Change(id="polresta", chain=("a",))
    assert [one.id for one in changed(agencies, [change], TERMS, 9.0)] == ["polresta"]


def test_a_clock_that_was_set_back_makes_no_older_row() -> None:
    assert made(Change(id="damkar", mail=""), now=3.0)["damkar"].changed_at == 50.0


def test_there_is_a_bound_to_the_number_of_agencies() -> None:
    many: list[Any] = [
        Change(id=f"a{one}", number=str(one), name="x") for one in range(1000, 1000 + MOST_AGENCIES)
    ]
    assert refused(*many)[-1][1] == f"more than {MOST_AGENCIES}"
