"""What the switch asks of Asterisk, where the order is what counts."""

from __future__ import annotations

from typing import Any, cast

from ngalam112.switch import AriSwitch
from pbx.ari import AriClient


class Asked:
    """Notes the requests in the order in which they are sent."""

    app = "ngalam112"
    lanes = 5

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []

    def send(self, method: str, uri: str, *_: Any, **__: Any) -> None:
        self.requests.append((method, uri))


def test_a_refer_is_answered_only_behind_a_question_in_the_turn_of_the_phones_sip() -> None:
    """Asterisk ends if its answer comes before it is done with the REFER itself."""
    asked = Asked()
    AriSwitch(cast(AriClient, asked), "sounds", lambda _: None).progress("o1", "trying")
    assert asked.requests == [
        ("GET", "channels/o1/variable"),
        ("POST", "channels/o1/transfer_progress"),
    ]
