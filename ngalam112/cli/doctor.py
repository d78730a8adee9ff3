"""Looks at all that a line needs; says what is missing, wrong or unreachable, and the fix.

Changes nothing: no file, no database and no secret comes to be by being looked for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime

from acd.config_file import DistributionError, load_distribution
from incidents.categories_file import CategoriesError, load_categories
from incidents.working_calendar import CalendarError
from incidents.working_days_file import load_working_days
from ivr.menu import MenuError, load_menu
from models.database import Database, DatabaseError
from ngalam112.cli.doctor_agencies import check_agencies
from ngalam112.cli.doctor_limits import check_limits
from ngalam112.cli.doctor_links import (
    START,
    Check,
    check_ami,
    check_ari,
    check_engine,
    check_ports_of_line,
    ok,
    warning,
    wrong,
)
from ngalam112.cli.doctor_nat import check_nat
from ngalam112.cli.doctor_privacy import check_privacy
from ngalam112.cli.doctor_refused import check_refused
from ngalam112.config.routing import (
    OWN_PROMPTS,
    load_checked_distribution,
    load_checked_menu,
)
from ngalam112.config.settings import Settings, SettingsError, load_secrets, load_settings
from pbx.known_holes import load_known_holes
from pbx.programs import ProgramMissing, Programs
from pbx.root import OLDEST_ASTERISK
from pbx.small_answers import told_of_long_frames
from places.place import PlaceError

SETUP = "run make setup"
LEAST_FREE = 500_000_000
"""Bytes; an hour without the database at five calls a second takes about 300 MB."""


async def examine() -> list[Check]:
    """Look at everything; what cannot be known because of something else is `unknown`."""
    checks = await asyncio.to_thread(lambda: list(_programs()))
    try:
        settings = load_settings()
    except SettingsError as error:
        return [*checks, wrong("settings", error, "set it anew, or unset it for the default")]
    checks.append(ok("settings", f"number {settings.number}, SIP on {settings.bind}"))
    checks += [
        _folder(settings),
        _journal(settings),
        _disk(settings),
        _secrets(settings),
        _menu(settings),
        _incidents(settings),
        _working_days(settings),
        _sounds(settings),
        _place(settings),
        *check_limits(settings),
        *check_nat(settings),
    ]
    checks.append(await _database(settings))
    checks += await check_agencies(settings)
    checks += await check_privacy(settings)
    ari, ami = await check_ari(settings), await check_ami(settings)
    ours, engine, phones = await asyncio.to_thread(check_engine, settings)
    checks += check_ports_of_line(settings, ari.state == "ok", ami.state == "ok", ours)
    refused = await asyncio.to_thread(check_refused, settings)
    return [*checks, ari, ami, engine, phones, *refused]


def _programs() -> Iterator[Check]:
    try:
        programs = Programs.find()
    except ProgramMissing as error:
        yield wrong("programs", error, SETUP)
        return
    yield ok("programs", f"out of {programs.root or 'this machine'}")
    for name in ("asterisk", "sipp", "espeak-ng", "sox"):
        try:
            version = programs.version(name)
        except ProgramMissing as error:
            yield wrong(name, error, SETUP)
            continue
        found = ".".join(str(part) for part in version)
        if name == "asterisk" and version < OLDEST_ASTERISK:
            oldest = ".".join(str(part) for part in OLDEST_ASTERISK)
            yield wrong(name, f"{found} is older than {oldest}", SETUP)
        elif name == "asterisk":
            yield ok(name, f"Asterisk {found} {told_of_long_frames(version)}")
            yield known_holes(version)
        else:
            yield ok(name, found)
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None and programs.root is not None:
        yield wrong("bubblewrap", "not there", SETUP)
    else:
        yield ok("bubblewrap", bubblewrap or "not needed")


def known_holes(version: tuple[int, ...]) -> Check:
    """Say which published holes this version of Asterisk has that a line is open to."""
    what, known = "holes of Asterisk", load_known_holes()
    newer = "install a newer Asterisk, or renew pbx/known_holes.toml: git pull"
    if not known.knows(version):
        return warning(what, f"nothing is known of branch {version[0]}", newer)
    found = known.open_in(version)
    if found:
        return warning(what, "; ".join(f"{one.id}: {one.what}" for one in found), newer)
    return ok(what, f"none is known as of {known.as_of}")


def _folder(settings: Settings) -> Check:
    what, home = "state folder", settings.home
    if not home.is_dir():
        return wrong(what, f"there is no folder {home}", START)
    if not os.access(home, os.W_OK | os.X_OK):
        return wrong(what, f"{home} cannot be written", "give it to the line's user: chown")
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o077:
        return wrong(what, f"{home} is open to others (mode {mode:o})", f"chmod 700 {home}")
    return ok(what, str(home))


def _journal(settings: Settings) -> Check:
    what, folder = "journal", settings.journal
    if not folder.exists():
        return ok(what, "none yet; the engine makes it")
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return wrong(what, f"{folder} cannot be written", "give it to the line's user: chown")
    return ok(what, str(folder))


def _disk(settings: Settings) -> Check:
    what, home = "disk", settings.home
    if not home.is_dir():
        return wrong(what, f"there is no folder {home}", START)
    free = shutil.disk_usage(home).free
    found = f"{free / 1e9:.1f} GB free at {home}"
    return wrong(what, found, "make room") if free < LEAST_FREE else ok(what, found)


def _secrets(settings: Settings) -> Check:
    what, path = "secrets", settings.home / "secrets.json"
    if not path.exists():
        return wrong(what, f"there is no {path.name} yet", START)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return wrong(what, f"{path} is open to others (mode {mode:o})", f"chmod 600 {path}")
    try:
        load_secrets(settings.home)
    except SettingsError as error:
        return wrong(what, error, "restore it, or remove it and start the line anew")
    return ok(what, f"mode {mode:o}")


def _menu(settings: Settings) -> Check:
    what = "menu and prompts"
    try:
        tree = load_menu(settings.menu_file)
    except MenuError as error:
        return wrong(what, error, "fix the file, or set NGALAM112_MENU_FILE")
    try:
        distribution = load_distribution(settings.distribution_file)
    except DistributionError as error:
        return wrong(what, error, "fix the file, or set NGALAM112_DISTRIBUTION_FILE")
    texts = {path.stem for path in settings.prompts.glob("*.txt")}
    missing = sorted((tree.prompts() | distribution.prompts()) - texts - OWN_PROMPTS)
    if missing:
        found = f"no text for {', '.join(missing)} in {settings.prompts}"
        return wrong(what, found, "write NAME.txt, or set NGALAM112_PROMPTS")
    return ok(what, f"{len(tree.menus)} menus, {len(texts)} prompts")


def _incidents(settings: Settings) -> Check:
    what = "file of categories"
    try:
        found = load_categories(settings.categories_file)
    except CategoriesError as error:
        return wrong(what, error, "fix the file, or set NGALAM112_CATEGORIES_FILE")
    said = f"{len(found.rows)} categories; the first start reads them, then the database has them"
    return ok(what, said)


def _working_days(settings: Settings) -> Check:
    what, now = "working days", datetime.now(UTC)
    try:
        found = load_working_days(settings.working_days_file)
    except CalendarError as error:
        return wrong(what, error, "fix the file, or set NGALAM112_WORKING_DAYS_FILE")
    if not found.knows(year := found.day_of(now).year):
        told = f"no holiday of {year} is known but those of each year"
        return warning(what, told, f"enter those of {year} in {settings.working_days_file}")
    return ok(what, f"complaints are counted by {settings.working_days_file}")


def _sounds(settings: Settings) -> Check:
    try:
        load_checked_menu(settings)
        load_checked_distribution(settings)
    except (MenuError, DistributionError) as error:
        return wrong("sounds", error, "run ngalam112 sounds build")
    return ok("sounds", f"{len(list(settings.sounds.glob('*.wav')))} files")


def _place(settings: Settings) -> Check:
    from places.districts import load_districts

    what = "places"
    if not settings.place:
        return ok(what, "INVITEs are not read for a place (NGALAM112_PLACE)")
    try:
        load_districts(settings.districts_file)
    except PlaceError as error:
        return wrong(what, error, "fix the file, or set NGALAM112_DISTRICTS_FILE")
    hosts = ", ".join(settings.place_hosts) or "no host"
    return ok(what, f"named by {settings.districts_file}; references to {hosts} are fetched")


async def _database(settings: Settings) -> Check:
    what, mend = "database", "check NGALAM112_DATABASE_URL, then run ngalam112 db upgrade"
    try:
        database = Database(settings.url)
        if database.file is not None and not database.file.exists():
            return wrong(what, f"there is no {database.name} yet", "run ngalam112 db upgrade")
        async with database:
            await database.check_schema()
    except DatabaseError as error:
        return wrong(what, error, mend)
    return ok(what, database.name)


def healthy(checks: list[Check]) -> bool:
    """Whether nothing is wrong."""
    return not any(check.state == "wrong" for check in checks)
