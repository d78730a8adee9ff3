"""What is told of places finds its call, in either order, and over the death of an engine."""

from __future__ import annotations

from typing import Any

from factories import LineDesk, a_channel
from msgspec.structs import replace

from acd.calls.call import Call
from acd.calls.record import EventKind
from ngalam112.engine.claims import Claimed
from ngalam112.engine.locations import MOST_WAITING, PLACE, WAITS_S, Told
from pbx import ari_types as ari
from places.place import Place, PlaceSource

V, R, G = PlaceSource.VALUE, PlaceSource.REFERENCE, PlaceSource.REGISTERED


def at(source: PlaceSource = V, **changes: Any) -> Place:
    values: dict[str, Any] = {"lat": -7.98, "lon": 112.63, "radius_m": 25.0}
    names = {"text": "Kauman, Klojen", "kelurahan": "Kauman", "kecamatan": "Klojen"}
    return Place(source=source, **(values | names | changes))


class Here(LineDesk):
    """A line whose fetches are written down."""

    def __init__(self, operators: int = 1) -> None:
        super().__init__(operators)
        self.fetches: list[tuple[str, tuple[str, ...]]] = []
        self.locations = self.router.locations
        self.locations._fetch = lambda *one: self.fetches.append(one)

    def comes(self, channel: str = "c1", **caller: Any) -> Call:
        one = replace(a_channel(channel, **caller), protocol_id=f"sip-{channel}")
        self.handle(ari.StasisStart(["citizen"], one))
        return self.router.calls[channel]

    def told(self, channel: str = "c1", place: Place | None = None, *references: str) -> None:
        told = Told(sip_id=f"sip-{channel}", place=place, references=list(references))
        self.locations.told(told, 100.0)


def kinds(desk: LineDesk, call: Call) -> list[EventKind]:
    return [one.kind for one in desk.journal.events[call.id]]


def test_a_place_that_is_told_before_the_call_is_in_its_record() -> None:
    desk = Here()
    desk.told("c1", at())
    call = desk.comes()
    record = call.record
    assert (record.place_source, record.lat, record.kelurahan) == ("value", -7.98, "Kauman")
    assert kinds(desk, call)[:2] == [EventKind.ARRIVED, EventKind.LOCATED]
    assert PLACE + "sip-c1" not in desk.journal.facts


def test_a_place_that_is_told_after_the_call_is_in_its_record() -> None:
    desk = Here()
    call = desk.comes()
    desk.told("c1", at())
    assert call.record.kecamatan == "Klojen"


def test_the_operators_phone_shows_it() -> None:
    desk = Here()
    desk.told("c1", at())
    desk.comes()
    desk.press("2")
    (rung,) = [one for one in desk.switch.did if one.what == "ring"]
    name, _ = rung.more[1]
    assert name.endswith(", Kauman, Klojen")


def test_a_call_without_a_place_is_as_it_was() -> None:
    with_places, plain = Here(), LineDesk()
    with_places.told("other", at())
    with_places.locations.registered = {"+62341": at(G)}
    one, two = with_places.comes(), plain.citizen()
    assert kinds(with_places, one) == kinds(plain, two)
    assert one.checkpoint is not None and one.checkpoint.references == []
    assert with_places.fetches == []
    assert with_places.journal.facts.keys() - {PLACE + "sip-other"} == {f"call:{one.id}"}


def test_the_same_place_told_again_is_no_event_and_a_better_one_is() -> None:
    desk = Here()
    call = desk.comes()
    desk.told("c1", at())
    desk.told("c1", at())
    assert kinds(desk, call).count(EventKind.LOCATED) == 1
    desk.told("c1", at(radius_m=5000.0, kelurahan="Other"))
    assert call.record.kelurahan == "Kauman"
    desk.told("c1", at(radius_m=10.0, kelurahan="Third"))
    assert call.record.kelurahan == "Third"


def test_a_fixed_number_has_its_registered_place_until_the_network_says_another() -> None:
    desk = Here()
    desk.locations.registered = {"+62341366922": at(G, text="Balai Kota")}
    call = desk.comes(number="0341366922")
    assert (call.record.place_source, call.record.place) == ("registered", "Balai Kota")
    desk.told("c1", at(radius_m=3000.0))
    assert call.record.place_source == "value"


def test_a_reference_is_fetched_beside_and_comes_into_the_record() -> None:
    desk = Here()
    call = desk.comes()
    desk.told("c1", None, "https://lis/1")
    assert desk.fetches == [("c1", ("https://lis/1",))]
    desk.locations.fetched("c1", at(R), 101.0)
    assert (call.record.place_source, call.references) == ("reference", ())


def test_with_a_precise_value_nothing_is_fetched_and_with_a_coarse_one_it_is() -> None:
    desk = Here()
    desk.comes("c1")
    desk.comes("c2")
    desk.told("c1", at(radius_m=50.0), "https://lis/1")
    desk.told("c2", at(radius_m=5000.0), "https://lis/2")
    assert [one[0] for one in desk.fetches] == ["c2"]


def test_a_fetch_that_fails_is_over_and_the_call_goes_on() -> None:
    desk = Here()
    call = desk.comes()
    desk.told("c1", None, "https://lis/1")
    desk.locations.fetched("c1", None, 101.0)
    assert (call.record.place_source, call.references) == (None, ())
    desk.locations.fetched("nobody", at(R), 101.0)


def test_a_place_that_comes_just_after_the_end_is_in_the_record_for_who_calls_back() -> None:
    desk = Here()
    call = desk.comes()
    desk.told("c1", None, "https://lis/1")
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    assert call.record.ended_at is not None
    desk.locations.fetched("c1", at(R), 101.5)
    assert desk.journal.records[call.id].kelurahan == "Kauman"


def test_the_next_engine_knows_what_was_told_of_a_call_that_is_still_to_come() -> None:
    desk, after = Here(), Here()
    desk.told("c1", at(), "https://lis/1")
    after.locations.remember(dict(desk.journal.facts))
    assert after.comes().record.kelurahan == "Kauman"


def test_the_next_engine_goes_on_fetching() -> None:
    desk, after = Here(), Here()
    call = desk.comes()
    desk.told("c1", None, "https://lis/1")
    after.router.live.remember(call.record, call.checkpoint)
    after.locations.restored()
    assert after.fetches == [("c1", ("https://lis/1",))]


def test_who_hangs_up_before_the_call_is_handed_over_has_a_place_too() -> None:
    desk = Here()
    one = replace(a_channel("c1"), protocol_id="sip-c1")
    desk.handle(ari.CallBroadcast(one), Claimed("c1", ours=True))
    desk.told("c1", at())
    call = desk.router.calls["c1"]
    desk.handle(ari.ChannelDestroyed(one, cause=16), now=101.0)
    assert (call.record.kelurahan, desk.locations.calls) == ("Kauman", {})
    assert kinds(desk, call) == [EventKind.ARRIVED, EventKind.LOCATED, EventKind.ENDED]


def test_what_no_engine_understands_is_forgotten() -> None:
    desk = Here()
    desk.locations.remember({PLACE + "x": {"sip_id": 7}, PLACE + "y": None, "other": 1})
    assert desk.comes().record.place_source is None


def test_places_of_calls_that_never_come_are_few_and_not_for_ever() -> None:
    desk = Here()
    for number in range(MOST_WAITING + 50):
        desk.told(f"n{number}", at())
    assert len(desk.locations.waiting) == MOST_WAITING
    desk.locations.told(Told(sip_id="late", place=at()), 101.0 + WAITS_S)
    assert list(desk.locations.waiting) == ["late"]
    facts = [key for key in desk.journal.facts if key.startswith(PLACE)]
    assert facts == [PLACE + "late"]


def test_a_call_that_is_over_is_not_found_any_more() -> None:
    desk = Here()
    desk.comes()
    desk.told("c1", at())
    assert len(desk.locations.calls) == 1
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    assert desk.locations.calls == {}
