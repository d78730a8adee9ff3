"""The line of a storm: its settings, its agency, its phones and operators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab.actors.sipp import free_port
from lab.storm.plan import Plan
from models.database import Database
from ngalam112.accounts.admin import add_operator, add_phone, load_roster, new_password
from ngalam112.config.provision import provision_phones
from ngalam112.config.settings import Settings, load_settings

WRAP_UP_S = 1.0
RING_TIMEOUT_S = 3.0
AGENCY_RING_S = 6.0  # some agencies of a storm never answer
CALLBACK_RING_S = 1.0
SILENCE_S = 3
"""A frail phone that sends no audio for so long in a talk is dead."""
DISTRIBUTION = Path(__file__).with_name("distribution.toml")


def storm_settings(settings: Settings, home: Path) -> Settings:
    """A line of its own beside any other: own folder, free ports, short wrap-up and ringing."""
    tcp = [free_port() for _ in range(3)]
    return load_settings(
        home=home,
        sip_port=free_port(),
        ari_port=tcp[0],
        ami_port=tcp[1],
        api_port=tcp[2],
        rtp_ports="20000-29999",
        bind="127.0.0.1",
        trunk_match=["127.0.0.0/8"],
        # never the city's own
        database_url="",
        wrap_up_s=WRAP_UP_S,
        phone_silence_s=SILENCE_S,
        ring_timeout_s=RING_TIMEOUT_S,
        agency_ring_s=AGENCY_RING_S,
        callback_ring_s=CALLBACK_RING_S,
        # SIPp's, which plays the citizens' telephones
        carrier=f"127.0.0.1:{free_port()}",
        distribution_file=home / "distribution.toml",
        # no phone of the storm sends the kind of REFER that ends Asterisk before 22.11
        refer="on",
        timezone=settings.timezone,
    )


def make_distribution(settings: Settings) -> int:
    """Write the storm's own distribution file; return the port where its agency answers."""
    answers, dead = free_port(), free_port()
    text = DISTRIBUTION.read_text("utf-8")
    text = text.replace("10001", str(answers)).replace("10002", str(dead))
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.distribution_file.write_text(text, "utf-8")
    return answers


async def make_accounts(settings: Settings, plan: Plan) -> dict[str, str]:
    """Make the phones and operators of a plan; return the passwords by phone."""
    passwords = {desk.phone: new_password() for desk in plan.desks}
    async with Database(settings.url) as database:
        for desk in plan.desks:
            await add_phone(database, desk.phone, passwords[desk.phone], None)
            await add_operator(
                database, desk.operator, f"Petugas {desk.operator}", desk.pin, desk.phone
            )
        _, phones = await load_roster(database)
    provision_phones(settings, phones)
    _let_be_silent(settings, plan.turns)
    return passwords


def _let_be_silent(settings: Settings, phones: Iterable[str]) -> None:
    """Let the phones that SIPp plays be silent in a talk: they send no audio."""
    # not phones.conf, which each engine writes anew
    with (settings.asterisk_home / "etc" / "pjsip.conf").open("a") as file:
        file.writelines(f"\n[{phone}](+)\nrtp_timeout = 0\n" for phone in phones)
