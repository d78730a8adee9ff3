"""What can happen in a storm, as tables: a new kind of behaviour is a new row.

Ranges are milliseconds, drawn evenly; weights say how often a kind comes beside the others.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

Range = tuple[int, int]
ANY_KEY = "0123456789*#"
CATEGORY_KEYS = "0234"
WRONG_PIN = "999999"


class CitizenKind(msgspec.Struct, frozen=True, kw_only=True):
    """Citizens who play the same scenario in the same way.

    `first_ms`: from the answer to the first keys. `stay_ms`: from then to the next thing that the
    scenario does: hang up, send REFER... `keys`: how many keys, out of `pressed`. `hangs_up`: of
    their own accord, mostly before anybody has answered.
    """

    name: str
    scenario: str
    weight: int
    first_ms: Range = (300, 3000)
    stay_ms: Range = (0, 0)
    keys: Range = (1, 1)
    pressed: str = CATEGORY_KEYS
    hangs_up: bool = False


CITIZENS = (
    CitizenKind(name="talk", scenario="citizen_some_key_talk_until_bye", weight=30),
    CitizenKind(name="odd_uri", scenario="citizen_odd_uri_some_key_talk_until_bye", weight=4),
    CitizenKind(name="withheld", scenario="citizen_withheld_some_key_talk_until_bye", weight=4),
    CitizenKind(name="silent", scenario="citizen_silent_some_time_until_bye", weight=5),
    CitizenKind(
        name="random_keys",
        scenario="citizen_some_keys_all_the_time_until_bye",
        weight=10,
        first_ms=(100, 6000),
        stay_ms=(1500, 5000),
        keys=(1, 4),
        pressed=ANY_KEY,
    ),
    CitizenKind(
        name="bye_in_menu",
        scenario="citizen_bye_some_time",
        weight=8,
        stay_ms=(0, 4000),
        hangs_up=True,
    ),
    CitizenKind(
        name="bye_at_random",
        scenario="citizen_some_key_bye_some_time",
        weight=14,
        stay_ms=(0, 6000),
        hangs_up=True,
    ),
    # SIPp sends a key's sound 0.4 s after the order; a phone answers a few hundred ms later
    CitizenKind(
        name="bye_at_answer",
        scenario="citizen_some_key_bye_some_time",
        weight=10,
        first_ms=(300, 1000),
        stay_ms=(480, 1000),
        hangs_up=True,
    ),
    CitizenKind(name="cancel_at_once", scenario="citizen_cancel_at_once", weight=4, hangs_up=True),
    # the line answers some milliseconds after the INVITE
    CitizenKind(
        name="cancel",
        scenario="citizen_cancel_some_time",
        weight=4,
        stay_ms=(0, 20),
        hangs_up=True,
    ),
    CitizenKind(
        name="no_ack",
        scenario="citizen_no_ack_bye_some_time",
        weight=3,
        stay_ms=(500, 36_000),
    ),
    CitizenKind(name="late_ack", scenario="citizen_late_ack_until_bye", weight=4),
    CitizenKind(
        name="hold_storm",
        scenario="citizen_hold_storm_until_bye",
        weight=5,
        stay_ms=(0, 3000),
    ),
    CitizenKind(
        name="refer", scenario="citizen_refer_refused_until_bye", weight=5, stay_ms=(0, 3000)
    ),
)
"""Who calls."""
REFERS = "refer"
"""The kind whose SIPp calls fail if the line does not refuse them."""


class MobileKind(msgspec.Struct, frozen=True, kw_only=True):
    """How the telephones of numbers that begin with `prefix` take the call of the line."""

    name: str
    prefix: str
    weight: int


MOBILES = (
    MobileKind(name="answers", prefix="0812", weight=12),
    MobileKind(name="away", prefix="0813", weight=3),
    MobileKind(name="busy", prefix="0815", weight=2),
    MobileKind(name="off", prefix="0817", weight=1),
)
"""How citizens are found when they are called back: two of three answer. The scenario
`carrier_by_number_noted` goes by the same prefixes."""
ANSWERS = "answers"


NUMBERS = (
    "{colleague}",
    "{colleague}",
    "{colleague}",
    "{colleague_phone}",
    "{oneself}",
    "92",  # a category
    "92",
    "90",
    "908",  # an agency
    "908",
    "908",
    "909",  # one whose fallback answers
    "555",  # nowhere
    "0341366444",  # outside, and no agency
)
"""To whom citizens are handed over. A colleague may well be busy, paused or gone."""
THEN = ("*2", "*2", "*3", "*3", "*0", "*29#", "7")
"""What is pressed once a handing over has been begun."""
AGENCY, SHUT_AGENCY = "908", "909"


class PhoneKind(msgspec.Struct, frozen=True, kw_only=True):
    """How a phone takes one call. The scenario's own name is the kind's.

    `keys`: what is pressed or asked for in the talk, `{number}` being one of NUMBERS; after
    `wait_ms` something of THEN is pressed.
    """

    scenario: str
    weight: int
    ring_ms: Range = (0, 700)
    talk_ms: Range = (300, 3500)
    keys: str = ""
    wait_ms: Range = (0, 0)


PHONES = (
    PhoneKind(scenario="phone_answer_some_talk_bye", weight=60),
    PhoneKind(scenario="phone_answer_digits_talk_bye", weight=5, talk_ms=(800, 3500)),
    PhoneKind(scenario="phone_answer_bye_at_once", weight=5),
    PhoneKind(scenario="phone_answer_twice_talk_bye", weight=4),
    PhoneKind(scenario="phone_answer_as_two_talk_bye", weight=3),
    PhoneKind(scenario="phone_hold_storm_talk_bye", weight=5),
    PhoneKind(scenario="phone_ring_some_time_busy", weight=4),
    PhoneKind(scenario="phone_ring_some_time_decline", weight=4),
    PhoneKind(scenario="phone_ring_forever_until_cancel", weight=4),
    PhoneKind(scenario="phone_not_available", weight=3),
    PhoneKind(scenario="phone_out_of_service", weight=3),
    PhoneKind(scenario="phone_moved", weight=3),
    PhoneKind(scenario="phone_silent", weight=2),
    PhoneKind(
        scenario="phone_answer_keys_talk_bye",
        weight=14,
        talk_ms=(0, 3500),
        keys="*2{number}#",
        wait_ms=(800, 5000),
    ),
    PhoneKind(scenario="phone_answer_hold_talk_bye", weight=4, wait_ms=(100, 1500)),
    PhoneKind(scenario="phone_answer_hold_bye", weight=3, talk_ms=(100, 1500)),
    PhoneKind(
        scenario="phone_answer_refer_talk_bye",
        weight=8,
        talk_ms=(0, 5000),
        keys="{number}",
        wait_ms=(0, 1500),
    ),
)
"""How phones take calls."""
AGENCIES = (
    "phone_answer_some_talk_bye",
    "phone_answer_some_talk_bye",
    "phone_answer_bye_at_once",
    "phone_answer_hold_bye",
    "phone_ring_some_time_busy",
    "phone_ring_some_time_decline",
    "phone_ring_forever_until_cancel",
    "phone_out_of_service",
    "phone_silent",
)
"""How agencies take calls: by the scenarios of phones."""


UDP, TCP = "udp", "tcp"
FRAIL = (UDP, UDP, TCP, TCP)
"""The phones that may die, reboot or lose their connection: the transport of each."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a frail phone with one call: it is gone for a while, and says nothing of it.

    `when`: while it rings, in the talk, after the call, or "" for never. `transport`: of the phones
    to which it happens; "" for all. `forgets`: it comes back without its calls and answers 481 to
    what belongs to them; else the calls go on, and its audio does not stop.
    """

    name: str
    weight: int
    when: str = ""
    transport: str = ""
    away_ms: Range = (0, 0)
    forgets: bool = False


FATES = (
    Fate(name="lives", weight=5),
    Fate(
        name="dies_ringing",
        weight=1,
        when="ringing",
        transport=UDP,
        away_ms=(2000, 6000),
        forgets=True,
    ),
    Fate(
        name="dies_talking",
        weight=2,
        when="talking",
        transport=UDP,
        away_ms=(6000, 10_000),
        forgets=True,
    ),
    # back before its silence can be noticed
    Fate(
        name="reboots_talking",
        weight=2,
        when="talking",
        transport=UDP,
        away_ms=(300, 1500),
        forgets=True,
    ),
    Fate(name="reconnects", weight=1, when="after", transport=TCP, away_ms=(200, 1500)),
    Fate(name="reconnects_ringing", weight=2, when="ringing", transport=TCP, away_ms=(200, 1500)),
    Fate(name="reconnects_talking", weight=3, when="talking", transport=TCP, away_ms=(200, 1500)),
)
"""What becomes of frail phones."""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """An operator and the phone that is theirs."""

    operator: str
    phone: str
    pin: str


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator does of their own accord: `after_s` from the beginning of the duty.

    With `phone`, `does` is dialled there; without, it is asked of the API for `operator`.
    """

    after_s: float
    operator: str
    does: str
    phone: str | None = None


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Something that operators do now and then; whoever goes away comes back by the same duty."""

    name: str
    weight: int
    acts: Callable[[Random, Desk, Desk], list[Act]]


def _dials(*codes: str) -> Callable[[Random, Desk, Desk], list[Act]]:
    """Dial the codes at one's own phone, one to six seconds between them."""

    def acts(random: Random, desk: Desk, other: Desk) -> list[Act]:
        after, result = 0.0, []
        for code in codes:
            does = code.format(
                operator=desk.operator,
                pin=desk.pin,
                wrong=WRONG_PIN,
                colleague=other.operator,
                colleague_phone=other.phone,
            )
            result.append(Act(after_s=after, operator=desk.operator, does=does, phone=desk.phone))
            after += random.uniform(1.0, 6.0)
        return result

    return acts


def _asks(*wishes: str) -> Callable[[Random, Desk, Desk], list[Act]]:
    """Have the supervisor do it by the API."""

    def acts(random: Random, desk: Desk, _: Desk) -> list[Act]:
        pauses = [0.0, *(random.uniform(0.5, 5.0) for _ in wishes[1:])]
        return [
            Act(after_s=sum(pauses[: index + 1]), operator=desk.operator, does=wish)
            for index, wish in enumerate(wishes)
        ]

    return acts


def _swaps(random: Random, desk: Desk, other: Desk) -> list[Act]:
    """Sit down at a colleague's phone, which logs the colleague out; later all go home."""
    back = random.uniform(2.0, 6.0)
    code = f"*11{desk.operator}*{desk.pin}"
    return [
        Act(after_s=0.0, operator=desk.operator, does=code, phone=other.phone),
        Act(after_s=back, operator=desk.operator, does="*11", phone=desk.phone),
        Act(
            after_s=back + 0.5,
            operator=other.operator,
            does=f"*11{other.operator}*{other.pin}",
            phone=other.phone,
        ),
    ]


DUTIES = (
    Duty(name="pause", weight=10, acts=_dials("*13", "*14")),
    Duty(name="log_out", weight=6, acts=_dials("*12", "*11{operator}*{pin}")),
    Duty(name="ready", weight=8, acts=_dials("*14")),
    Duty(name="wrong_pin", weight=2, acts=_dials("*11{operator}*{wrong}", "*14")),
    Duty(name="unknown_code", weight=2, acts=_dials("*99", "*1#")),
    Duty(name="swap", weight=2, acts=_swaps),
    Duty(name="call_colleague", weight=6, acts=_dials("{colleague}", "{colleague_phone}")),
    Duty(name="call_oneself", weight=1, acts=_dials("{operator}")),
    Duty(name="call_nowhere", weight=1, acts=_dials("555", "92")),
    Duty(name="call_agency", weight=2, acts=_dials("908", "0341366444")),
    Duty(name="pause_by_api", weight=4, acts=_asks("pause", "ready")),
    Duty(name="log_out_by_api", weight=3, acts=_asks("logout", "login")),
)
"""What operators do besides answering."""
