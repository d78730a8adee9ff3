"""Makes the state folder of a line ready for Asterisk: folders and rendered configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import structlog

from ivr.line_tests import LONGEST_TEST_S
from journal.disk_thread import DiskThread
from ngalam112.config.settings import PROJECT, Settings
from pbx.render import (
    REALM,
    PhoneAccount,
    render,
    render_missing_members,
    render_phones,
)

log = structlog.get_logger("recordings")

APP = "ngalam112"
ARI_USER = "engine"
AMI_USER = "engine"
TEMPLATES = PROJECT / "asterisk_conf"
BOUND_CAUSE = 42
"""The Q.850 cause of calls beyond the bound of their address, and of no others."""
DISK_ANSWERS_S = 5.0
"""So long a start waits for the disk of the recordings."""
BEAT_TOO_OLD_S = 4
"""So old is the beat of an engine that does not come back; as in `agi_scripts/rescue.py`."""

# Before it, one REFER with `Refer-Sub: false` ends Asterisk with all its calls (asterisk#2021).
SAFE_REFER = (22, 11)


def takes_refer(settings: Settings, asterisk: tuple[int, ...]) -> bool:
    """Whether phones may hand over by REFER, on this version of Asterisk."""
    return settings.refer == "on" or (settings.refer == "auto" and asterisk >= SAFE_REFER)


def asterisk_values(settings: Settings, asterisk: tuple[int, ...]) -> dict[str, object]:
    """Every name that a template in `asterisk_conf/` may use; `asterisk` is the version."""
    home = settings.asterisk_home
    first, last = settings.rtp_range
    return {
        "etc": home / "etc",
        "lib": home / "lib",
        "asterisk_spool": home / "spool",
        "run": home / "run",
        "asterisk_log": home / "log",
        "bind": f"[{settings.bind}]" if ":" in settings.bind else settings.bind,
        "media_address": "" if settings.bind in ("0.0.0.0", "::") else settings.bind,  # noqa: S104
        "sip_port": settings.sip_port,
        "ari_port": settings.ari_port,
        "ami_port": settings.ami_port,
        "rtp_start": first,
        "rtp_end": last,
        "trunk_match": settings.trunk_match,
        "trunk_probe": settings.trunk_probe,
        "trunk_probe_s": settings.trunk_probe_s,
        "untrusted_match": settings.untrusted_match,
        "withheld_numbers": settings.withheld_numbers,
        "trunk_nat": settings.trunk_nat,
        "phone_nat": settings.phone_nat,
        "qualify_s": settings.qualify_s,
        "phone_silence_s": settings.phone_silence_s,
        "number": settings.number,
        "most_per_address": settings.calls_per_address,
        "bound_cause": BOUND_CAUSE,
        "test_number": settings.test_number,
        "test_s": round(LONGEST_TEST_S + settings.test_echo_s),
        "realm": REALM,
        "refer": takes_refer(settings, asterisk),
        "claim_ms": settings.claim_ms,
        "place": settings.place,
        "hep_port": settings.api_port,
        "hep_password": settings.hep_password,
        "app": APP,
        "ari_user": ARI_USER,
        "ari_password": settings.secrets.ari_password,
        "ami_user": AMI_USER,
        "ami_password": settings.secrets.ami_password,
        "rescue_password": settings.rescue_secret,
        "sounds": settings.sounds,
        "sounds_in": settings.sounds.parent,
        "languages": settings.built_languages(),
        "music": settings.music,
        "music_class": "fallback",
        "spool": settings.spool,
        "texts": settings.texts_file,
        "beat": settings.beat,
        "beat_too_old_s": BEAT_TOO_OLD_S,
        "door_file": settings.door_file,
        "recordings": settings.recordings != "off",
        "growing_recordings": settings.growing_recordings,
        "no_recordings": settings.no_recordings,
        "most_recordings": settings.recordings_most,
        "phones_file": home / "etc" / "phones.list",
        "agencies_file": home / "etc" / "agencies.list",
    }


def provision(settings: Settings, asterisk: tuple[int, ...]) -> None:
    """Make the folders and render everything but the phones, for this version of Asterisk."""
    logs = settings.log_file.parent
    for folder in (settings.home, settings.asterisk_home, settings.spool, settings.run, logs):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    render(TEMPLATES, settings.asterisk_home / "etc", asterisk_values(settings, asterisk))
    render_missing_members(settings.asterisk_home / "etc")


def recording_folders(settings: Settings, within_s: float = DISK_ANSWERS_S) -> list[Path]:
    """Make the folder in which Asterisk writes recordings, and the link by which it gets there.

    Returns what Asterisk must be able to write; nothing where calls are not recorded. A disk that
    fails or does not answer is no reason not to start: then nothing is recorded, and who looks
    after recordings raises the alarm. `within_s`: so long the disk may take.
    """
    link = settings.growing_recordings
    if settings.recordings == "off":
        return []
    folder = settings.recordings_home / link.name
    try:
        # the link first: where there is none, Asterisk makes a folder of its own in its place, on
        # the disk of the state folder, in which nobody looks for recordings
        link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (link.is_symlink() and link.readlink() == folder):
            fresh = link.with_name(f".{link.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(folder)
            fresh.replace(link)
        DiskThread("recordings", within_s).do(lambda: _make_private(folder))
    except OSError as error:
        log.error("calls_not_recorded", folder=str(folder), error=str(error))
        return []
    return [folder]


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.parent.chmod(0o700)


def provision_phones(settings: Settings, phones: Iterable[PhoneAccount]) -> None:
    """Render the phones; Asterisk reads them at its start or when res_pjsip is reloaded."""
    unread = unread_file(settings)
    unread.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # before the change: who dies in between has them read once too often, never too seldom
    render_phones(
        TEMPLATES, settings.asterisk_home / "etc", phones, changing=partial(unread.touch, 0o600)
    )


def phones_unread(settings: Settings) -> bool:
    """Whether the phones were rendered anew since Asterisk was last made to read them."""
    return unread_file(settings).exists()


def phones_read(settings: Settings) -> None:
    """Note that Asterisk has read the phones as they are."""
    unread_file(settings).unlink(missing_ok=True)


def unread_file(settings: Settings) -> Path:
    """Is there while Asterisk has not read the phones as they are; a start reads them."""
    return settings.asterisk_home / "phones.unread"


def phones_are_rendered(settings: Settings) -> bool:
    """Whether this line has had phones before."""
    listed = settings.asterisk_home / "etc" / "phones.list"
    return listed.exists() and bool(listed.read_text().split())
