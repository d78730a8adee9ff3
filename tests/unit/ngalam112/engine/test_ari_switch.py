"""What the switch asks of Asterisk, where the order is what counts."""

from __future__ import annotations

from typing import Any, cast

from ngalam112.engine.ari_switch import AriSwitch
from pbx.ari import AriClient


class Asked:
    """Notes the requests in the order in which they are sent."""

    app = "ngalam112"
    lanes = 5

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.took: list[int] = []
        self.bodies: list[Any] = []

    def send(
        self, method: str, uri: str, *_: Any, lane: int = 0, body: Any = None, **__: Any
    ) -> None:
        self.requests.append((method, uri))
        self.bodies.append(body)
        self.took.append(lane)


def test_a_refer_is_answered_only_behind_a_question_in_the_turn_of_the_phones_sip() -> None:
    """Asterisk ends if its answer comes before it is done with the REFER itself."""
    asked = Asked()
    AriSwitch(cast(AriClient, asked), "sounds", lambda _: None).progress("o1", "trying")
    assert asked.requests == [
        ("GET", "channels/o1/variable"),
        ("POST", "channels/o1/transfer_progress"),
    ]


def test_a_colleague_is_taken_out_of_a_phones_own_call_behind_who_is_being_put_into_it() -> None:
    """Else Asterisk may put them back there, and the citizen hears nobody."""
    asked = Asked()
    switch = AriSwitch(cast(AriClient, asked), "sounds", lambda _: None)
    switch.open("b1", "a citizen")
    switch.ring("o2", "102", ("", ""), "own")
    switch.pair("b2", "own", "o2")
    switch.join("b1", "o2")
    assert asked.requests[-2:] == [
        ("POST", "bridges/b2/addChannel"),
        ("POST", "bridges/b1/addChannel"),
    ]
    assert asked.took[-1] == asked.took[-2] != asked.took[0]


def test_what_another_engine_made_has_the_turn_of_its_citizen() -> None:
    """Else who consults may be asked into a bridge that is not there yet, and is thrown out."""
    asked = Asked()
    switch = AriSwitch(cast(AriClient, asked), "sounds", lambda _: None)
    for one in ("o1", "b1"):
        switch.belongs(one, "a citizen")
    switch.tell("o1", "transfer_rings")
    switch.open("b2", "a citizen")
    switch.join("b2", "o1")
    switch.join("b1", "o1")
    switch.disconnect("b1")
    assert len(set(asked.took)) == 1, dict(zip(asked.requests, asked.took, strict=True))


def test_an_address_goes_out_with_the_ring_itself_and_without_one_nothing_does() -> None:
    asked = Asked()
    switch = AriSwitch(cast(AriClient, asked), "sounds", lambda _: None)
    switch.ring("o1", "101", ("POLISI", "08123"), "c1", "https://desk.example/1")
    switch.ring("o2", "102", ("POLISI", "08123"), "c1")
    assert asked.requests == [("POST", "channels")] * 2
    header = {"PJSIP_HEADER(add,Call-Info)": "<https://desk.example/1>;purpose=info"}
    assert asked.bodies == [{"variables": header}, None]
