"""A state folder for an engine without an Asterisk: phones, operators who are ready, prompts."""

from __future__ import annotations

from pathlib import Path

from acd.config_file import load_distribution
from acd.operators.operator import Operator, Status
from ivr.menu import load_menu
from lab.actors.sipp import free_port
from models.database import Database, upgrade
from models.tables import OperatorRow, PhoneRow
from models.writing import upsert
from ngalam112.config.provision import provision
from ngalam112.config.routing import audio_file, spoken
from ngalam112.config.settings import Settings, load_settings

_ASTERISK = (22, 10, 1)  # the configuration is rendered, and read by nobody
_NO_LIMIT = 1_000_000


def alone_settings(home: Path, database_url: str) -> Settings:
    """Return settings of a line of its own, without wrap-up and without a limit of calls."""
    return load_settings(
        home=home,
        sip_port=free_port(),
        ari_port=free_port(),
        ami_port=free_port(),
        api_port=free_port(),
        wrap_up_s=0,
        bind="127.0.0.1",
        database_url=database_url,
        # everything on, however busy
        capacity_cps=_NO_LIMIT,
        capacity_channels=_NO_LIMIT,
        most_cps=_NO_LIMIT,
        most_channels=_NO_LIMIT,
        most_music=_NO_LIMIT,
        most_backlog=_NO_LIMIT,
    )


async def make_ready(settings: Settings, phones: list[str]) -> None:
    """A state folder with these phones, at each an operator who is ready."""
    names = spoken(settings, load_menu(settings.menu_file))
    for name in names | load_distribution(settings.distribution_file).prompts():
        audio = audio_file(settings, name)
        audio.parent.mkdir(parents=True, exist_ok=True)
        audio.touch()  # nobody will hear them
    provision(settings, _ASTERISK)
    await upgrade(settings.url)
    operators = [Operator(f"5{one}", f"Petugas {one}", "", one) for one in phones]
    for one in operators:
        one.status, one.phone = Status.READY, one.home_phone
    async with Database(settings.url) as database, database.session() as session:
        rows = [{"number": one, "password": "a-phone-password", "contact": None} for one in phones]
        await upsert(session, PhoneRow, rows)
        await upsert(session, OperatorRow, [one.row() for one in operators])
        await session.commit()
