"""The settings of one line, from NGALAM112_* variables, and the folders and secrets they imply."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import secrets as random_secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from acd.languages import OWN_LANGUAGE
from deliveries.links import SHORTEST_KEY
from guarded_net.urls import UrlError, read_url
from pbx.hep import PASSWORD_LENGTH

_LINK_URL = re.compile(
    r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
)
LONGEST_LINK_URL = 100
# an address of a call: nothing that could end the header, or that Asterisk's dialplan would read
_URL_SIGNS = r"[A-Za-z0-9._~/?=&:@+%!-]*"
_DESK_URL = re.compile(
    rf"https?://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?/{_URL_SIGNS}\{{call_id\}}{_URL_SIGNS}"
)
LONGEST_DESK_URL = 200
_HOST = re.compile(r"\.?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PEER = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_MOST_PEERS = 10
PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_PROMPTS = PROJECT / "ivr" / "prompts" / "id"
SHIPPED_CATEGORIES = PROJECT / "incidents" / "categories.toml"


class SettingsError(Exception):
    """A setting or a secret of this line cannot be used; the message says which and what to do."""


class Secrets(msgspec.Struct, frozen=True):
    """Passwords and tokens of one line; made at first start, kept in its state folder (0600)."""

    ari_password: str
    ami_password: str
    api_token: str


class Settings(BaseSettings):
    """All that can be set from outside. Seconds end in `_s`, milliseconds in `_ms`."""

    model_config = SettingsConfigDict(env_prefix="NGALAM112_", extra="ignore")

    home: Path = PROJECT / "var"
    bind: str = "127.0.0.1"
    sip_port: int = Field(default=5060, ge=1, le=65535)
    ari_port: int = Field(default=8088, ge=1, le=65535)
    ami_port: int = Field(default=5038, ge=1, le=65535)
    api_port: int = Field(default=8112, ge=1, le=65535)
    rtp_ports: str = "10000-19999"
    trunk_match: Annotated[list[str], NoDecode] = ["127.0.0.0/8"]
    # from where 112 may be dialled too, but nobody is believed who somebody is said to be
    untrusted_match: Annotated[list[str], NoDecode] = []
    # what people see of a number that its caller withholds (`acd.numbers.withheld`)
    withheld_numbers: Literal["shown", "masked", "hidden"] = "shown"
    # whether audio comes from another address than the carrier's SDP says
    trunk_nat: bool = False
    # whether audio of phones comes from another address than their SDP says
    phone_nat: bool = False
    never_ban: Annotated[list[str], NoDecode] = []
    database_url: str = ""
    # whether the INVITEs of citizens are read for a place (RFC 6442)
    place: bool = True
    # hosts that a place by reference may be fetched from; one that begins with a dot is a domain
    place_hosts: Annotated[list[str], NoDecode] = []
    # private networks in which such hosts may be; public ones always may
    place_networks: Annotated[list[str], NoDecode] = []
    # certificates that are trusted there instead of the system's
    place_ca_file: Path | None = None
    districts_file: Path = PROJECT / "places" / "malang.geojson"
    # an authority's list of warnings (RSS or Atom, with links to CAP 1.2 documents); "" for none
    warning_url: str = ""
    warning_every_s: float = Field(default=300.0, ge=60, le=86_400)
    # hosts that its documents may be on too, and that may be inside
    warning_hosts: Annotated[list[str], NoDecode] = []
    warning_ca_file: Path | None = None
    # shown with each warning, as the authority asks for it
    warning_credit: str = Field(
        default="Sumber: BMKG (Badan Meteorologi, Klimatologi, dan Geofisika)", max_length=200
    )
    # the address of a call for phones that open one, with {call_id}; "" for none
    desk_url: str = ""
    number: str = Field(default="112", pattern=r"^[0-9]{2,6}$")
    # dialled to try the line: a machine answers; "" for none, the header form is there anyhow
    test_number: str = Field(default="", pattern=r"^([0-9]{2,6})?$")
    test_most: int = Field(default=2, ge=0, le=100)
    test_echo_s: float = Field(default=5.0, ge=1, le=60)
    # where telephone numbers without a country code are from
    country: str = "ID"
    menu_file: Path = PROJECT / "ivr" / "menu.toml"
    distribution_file: Path = PROJECT / "acd" / "distribution.toml"
    categories_file: Path = SHIPPED_CATEGORIES
    working_days_file: Path = PROJECT / "incidents" / "working_days.toml"
    prompts: Path = SHIPPED_PROMPTS
    timezone: str = "Asia/Jakarta"
    # a call that was lost within so many seconds is left out of the second service level
    short_abandon_s: float = Field(default=5.0, ge=0, le=60)
    # the shifts of the room, by the clock; each time of a day is in one of them
    shifts: Annotated[list[str], NoDecode] = ["05-13", "13-21", "21-05"]
    # in which language people read reports, unless --lang says another
    report_language: Literal["en", "id"] = "en"
    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")

    claim_ms: int = Field(default=1000, ge=50, le=10_000)
    ring_timeout_s: float = Field(default=12.0, ge=1, le=120)
    callback_ring_s: float = Field(default=45.0, ge=1, le=120)
    agency_ring_s: float = Field(default=30.0, ge=1, le=120)
    wrap_up_s: float = Field(default=10.0, ge=0, le=3600)
    wrap_up_extension_s: float = Field(default=30.0, ge=1, le=3600)
    preferred_s: float = Field(default=900.0, ge=0, le=86_400)
    announce: Literal["off", "position", "wait"] = "wait"
    announce_first_s: float = Field(default=3.0, ge=0, le=5)
    announce_every_s: float = Field(default=30.0, ge=5, le=600)
    # of a new PIN, at least; those that are kept already stay as they are
    pin_digits: int = Field(default=6, ge=4, le=12)
    misses_to_pause: int = Field(default=3, ge=0, le=100)
    # off, because a phone that does not answer OPTIONS would count as gone
    qualify_s: int = Field(default=0, ge=0, le=3600)
    # a phone that sends no audio for so long in a talk is dead; 0 where phones suppress silence
    phone_silence_s: int = Field(default=20, ge=0, le=600)
    # whisper to the operator what the call is about
    whisper: bool = False
    # where digits of agencies are dialled, such as sip.carrier.example:5060
    carrier: str = Field(default="", pattern=r"^([A-Za-z0-9.-]+(:[0-9]{1,5})?)?$")
    refer: Literal["auto", "on", "off"] = "auto"
    # calls a second and channels: above capacity work is shed, beyond the most who calls waits
    capacity_cps: int = Field(default=15, ge=1)
    capacity_channels: int = Field(default=300, ge=1)
    most_cps: int = Field(default=40, ge=1, validate_default=True)
    most_channels: int = Field(default=600, ge=2, validate_default=True)
    # calls at once from one address, beyond which the next one is refused: as many as no carrier
    # has. 0: no bound; if it is not set, for four fifths of the audio ports
    most_per_address: int | None = Field(default=None, ge=0, le=1_000_000)
    # so many of those who wait hear music, which costs Asterisk most of all; the others some words
    most_music: int = Field(default=60, ge=0)
    # requests and events that wait; while there are more, who calls waits to be taken in
    most_backlog: int = Field(default=200, ge=2)
    # UDP port from which answers to citizens' messages leave; 0: any
    text_port: int = Field(default=0, ge=0, le=65535)
    # conversations in the queue and with operators; and of one sender, messages at once, a minute
    text_most_open: int = Field(default=200, ge=1, le=10_000)
    text_burst: int = Field(default=10, ge=1, le=1000)
    text_per_minute: float = Field(default=20.0, ge=0, le=10_000)
    text_citizen_silent_s: float = Field(default=600.0, ge=1, le=86_400)
    text_operator_silent_s: float = Field(default=120.0, ge=1, le=86_400)
    # by which mails go to agencies; "" for none
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["off", "wanted", "required", "implicit"] = "required"
    smtp_sender: str = ""
    smtp_sender_name: str = "112"
    smtp_user: str = ""
    # the file that has the password, and nothing else
    smtp_password_file: Path | None = None
    # certificates that are trusted there and at webhooks instead of the system's
    agency_ca_file: Path | None = None
    # hosts of webhooks that may be inside, and http; one that begins with a dot is a domain
    webhook_hosts: Annotated[list[str], NoDecode] = []
    # where the pages are served by which agencies accept and report; 0: nowhere
    link_port: int = Field(default=0, ge=0, le=65535)
    link_bind: str = "127.0.0.1"
    # as agencies open them, such as https://112.kota.example/a: what brings that to the port above
    # cuts its path off; without it no link is sent
    link_url: str = Field(default="", validate_default=True)
    # where published complaints are served to anybody (Open311 GeoReport v2); 0: nowhere
    open311_port: int = Field(default=0, ge=0, le=65535)
    open311_bind: str = "127.0.0.1"
    open311_jurisdiction: str = Field(default="", pattern=r"^[a-z0-9.-]{0,100}$")
    heartbeat_s: float = Field(default=3.0, ge=1, le=60)
    # from when on there is an alarm: a citizen has waited longer; less of the disk is free
    alarm_wait_s: float = Field(default=20.0, ge=1, le=86_400)
    alarm_disk_percent: float = Field(default=5.0, ge=0, le=100)
    # no call has come for so long; 0: never
    alarm_no_call_min: float = Field(default=0.0, ge=0, le=100_000)
    # hosts of the trunk that are asked by OPTIONS whether they are there: host or host:port
    trunk_probe: Annotated[list[str], NoDecode] = []
    trunk_probe_s: int = Field(default=10, ge=1, le=3600)
    # whether calls are recorded, and as what (`ngalam112.recordings`)
    recordings: Literal["off", "wav"] = "off"
    # where recordings are; a disk of their own is best
    recordings_folder: Path | None = None
    # calls that are recorded at once, and what has to stay free on that disk
    recordings_most: int = Field(default=500, ge=1, le=100_000)
    recordings_free_mb: int = Field(default=1024, ge=1)

    @field_validator(
        "home",
        "menu_file",
        "distribution_file",
        "categories_file",
        "working_days_file",
        "prompts",
        "districts_file",
        "place_ca_file",
        "warning_ca_file",
        "smtp_password_file",
        "agency_ca_file",
        "recordings_folder",
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        try:
            return None if value is None else value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no such user's home") from None

    @field_validator("bind", "link_bind", "open311_bind")
    @classmethod
    def _address(cls, value: str) -> str:
        ipaddress.ip_address(value)
        return value

    @field_validator("trunk_match", mode="before")
    @classmethod
    def _networks(cls, value: object) -> list[str]:
        parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        return [str(ipaddress.ip_network(str(part).strip(), strict=False)) for part in parts]

    @field_validator("trunk_probe", mode="before")
    @classmethod
    def _peers(cls, value: object) -> list[str]:
        parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        found = [str(part).strip().lower() for part in parts if str(part).strip()]
        for one in found:
            if not _PEER.fullmatch(one):
                raise ValueError(f"{one!r} is no host; give such as sip.carrier.example:5060")
        if len(found) > _MOST_PEERS:
            raise ValueError(f"give {_MOST_PEERS} hosts at most")
        return found

    @field_validator("country")
    @classmethod
    def _country(cls, value: str) -> str:
        # here, for most commands need no telephone numbers, and their rules take 30 ms to load
        from acd.numbers.caller import known_country

        if not known_country(value):
            raise ValueError("give the two capital letters of a country (ISO 3166) such as ID")
        return value

    @field_validator("place_hosts", "warning_hosts", "webhook_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> list[str]:
        parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        found = [str(part).strip().lower() for part in parts if str(part).strip()]
        for one in found:
            if not _HOST.fullmatch(one):
                raise ValueError(f"{one!r} is no name of a host; give such as lis.carrier.example")
        return found

    @field_validator("shifts", mode="before")
    @classmethod
    def _times_of_a_day(cls, value: object) -> list[str]:
        # here, for most commands need none
        from reports.figures_groups import shifts_of

        parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        return [one.name for one in shifts_of([str(part).strip() for part in parts])]

    @field_validator("warning_url")
    @classmethod
    def _https(cls, value: str) -> str:
        try:
            if value and read_url(value).scheme != "https":
                raise UrlError("is not https")
        except UrlError as error:
            raise ValueError(f"it {error}; give such as https://www.bmkg.example/list") from None
        return value

    @field_validator("desk_url")
    @classmethod
    def _address_of_a_call(cls, value: str) -> str:
        # it stands in a header of SIP, between < and >
        if value and (len(value) > LONGEST_DESK_URL or not _DESK_URL.fullmatch(value)):
            raise ValueError(
                "give an address with {call_id} once, such as https://desk.example/incidents/{call_id}"
            )
        return value

    @field_validator("test_number")
    @classmethod
    def _another_number(cls, value: str, info: ValidationInfo) -> str:
        if value and value == info.data.get("number"):
            raise ValueError("it must not be NGALAM112_NUMBER, which citizens dial")
        return value

    @field_validator("never_ban", "untrusted_match", "place_networks", mode="before")
    @classmethod
    def _networks_if_any(cls, value: object) -> list[str]:
        return cls._networks(value) if value else []

    @field_validator("rtp_ports")
    @classmethod
    def _range(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
            raise ValueError("give two ports from 1024 to 65535 like 10000-19999")
        return value

    @field_validator("most_cps", "most_channels")
    @classmethod
    def _not_below_capacity(cls, value: int, info: ValidationInfo) -> int:
        capacity = f"capacity_{str(info.field_name).removeprefix('most_')}"
        if value < info.data.get(capacity, value):
            raise ValueError(f"it must not be below NGALAM112_{capacity.upper()}")
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("no such time zone; give a name like Asia/Jakarta") from None
        return value

    @field_validator(
        "place_ca_file",
        "warning_ca_file",
        "smtp_password_file",
        "agency_ca_file",
        "recordings_folder",
        mode="before",
    )
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return value or None

    @field_validator("most_per_address", mode="before")
    @classmethod
    def _by_the_audio_ports(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("link_url")
    @classmethod
    def _link_base(cls, value: str, info: ValidationInfo) -> str:
        value = value.rstrip("/")
        if value and (len(value) > LONGEST_LINK_URL or not _LINK_URL.fullmatch(value)):
            raise ValueError("give an https address such as https://112.kota.example/a")
        if value and not info.data.get("link_port"):
            raise ValueError("set NGALAM112_LINK_PORT too, where the pages are to be served")
        return value

    @property
    def hep_password(self) -> str:
        """What Asterisk's copies of INVITEs are told from others' by (`pbx.hep`)."""
        made = f"copies of INVITEs\n{self.secrets.ari_password}"
        return hashlib.sha256(made.encode()).hexdigest()[:PASSWORD_LENGTH]

    @field_validator("smtp_sender")
    @classmethod
    def _mail_address(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("smtp_host") and "@" not in value:
            raise ValueError(
                "give the address from which the line writes mails, such as 112@kota.id"
            )
        return value

    @property
    def webhook_key(self) -> str:
        """What the secrets of the agencies' webhooks are made from; made once, kept for good."""
        return _kept_once(self.home / "webhook.key", random_secrets.token_urlsafe(48)).strip()

    @property
    def link_keys(self) -> tuple[bytes, ...]:
        """What links are signed by, today's key first; made once. An old one stays in the file, a
        line below, until its last link has expired.
        """
        path = self.home / "link.key"
        keys = tuple(_kept_once(path, random_secrets.token_urlsafe(48)).encode().split())
        if not keys or min(len(key) for key in keys) < SHORTEST_KEY:
            raise SettingsError(
                f"{path} must have a key a line, of at least {SHORTEST_KEY} signs; without the "
                "file a new one is made, and links that were sent are not valid any more."
            )
        return keys

    @property
    def rtp_range(self) -> tuple[int, int]:
        """First and last UDP port for audio."""
        first, _, last = self.rtp_ports.partition("-")
        return int(first), int(last)

    @property
    def calls_per_address(self) -> int:
        """Calls at once from one address, at most; 0: any number. Each call takes two audio ports.

        What is left is for operators, agencies and other carriers.
        """
        if self.most_per_address is not None:
            return self.most_per_address
        first, last = self.rtp_range
        return max(1, (last - first + 1) // 2 * 4 // 5)

    @property
    def has_categories_file(self) -> bool:
        """Whether the city has a file of categories of its own."""
        return self.categories_file != SHIPPED_CATEGORIES

    @property
    def url(self) -> str:
        """The database's URL; SQLite in the state folder unless another is set."""
        return self.database_url or f"sqlite:///{self.home / 'ngalam112.db'}"

    @property
    def asterisk_home(self) -> Path:
        """Where Asterisk keeps its configuration, its run files and its own logs."""
        return self.home / "asterisk"

    @property
    def sounds(self) -> Path:
        """The built prompts."""
        return self.home / "sounds" / "id"

    def sounds_of(self, language: str) -> Path:
        """The built prompts in one language."""
        return self.sounds.with_name(language)

    def built_languages(self) -> list[str]:
        """The languages beside the line's own in which the waiting are told so."""
        found = self.sounds.parent.glob("*/queue_wait.wav")
        return sorted({one.parent.name for one in found} - {OWN_LANGUAGE})

    def prompts_of(self, language: str) -> Path:
        """The texts and recordings in one language: of a folder of one's own, in a folder below."""
        if language == OWN_LANGUAGE:
            return self.prompts
        return (
            SHIPPED_PROMPTS.parent if self.prompts == SHIPPED_PROMPTS else self.prompts
        ) / language

    @property
    def notices(self) -> Path:
        """The audio of notices."""
        return self.sounds.with_name("notices")

    @property
    def report_audio(self) -> Path:
        """The audio of what is read out to agencies."""
        return self.sounds.with_name("reports")

    @property
    def music(self) -> Path:
        """What waiting citizens hear."""
        return self.home / "music"

    @property
    def spool(self) -> Path:
        """Where the fallback leaves its records."""
        return self.home / "spool"

    @property
    def texts_file(self) -> Path:
        """Where the dialplan leaves the messages that come in (`ngalam112.engine.text_spool`)."""
        return self.spool / "texts.jsonl"

    @property
    def journal(self) -> Path:
        """What is kept beside the database."""
        return self.home / "journal"

    @property
    def run(self) -> Path:
        """Pid files and notify sockets of the parts of the line (`ngalam112.process.pidfiles`)."""
        return self.home / "run"

    @property
    def beat(self) -> Path:
        """When Asterisk last answered the serving engine (`ngalam112.process.heartbeat`)."""
        return self.run / "engine.beat"

    @property
    def door_file(self) -> Path:
        """Exists while citizens wait for admission (`ngalam112.engine.admission`)."""
        return self.run / "door.waits"

    @property
    def recordings_home(self) -> Path:
        """Where the recordings of calls are."""
        return self.recordings_folder or self.home / "recordings"

    @property
    def growing_recordings(self) -> Path:
        """What Asterisk writes while calls are up: a link to a folder in `recordings_home`."""
        return self.asterisk_home / "growing"

    @property
    def no_recordings(self) -> Path:
        """Exists while no further call is to be recorded (`ngalam112.recordings.keeper`)."""
        return self.run / "recordings.stop"

    @property
    def recordings_standing(self) -> Path:
        """How it stands with the recordings (`ngalam112.recordings.standing`)."""
        return self.run / "recordings.json"

    @property
    def recordings_unbound(self) -> Path:
        """Exists while Asterisk cannot write recordings, since its start."""
        return self.run / "recordings.unbound"

    @property
    def log_file(self) -> Path:
        """The engine's log, one JSON object a line."""
        return self.home / "log" / "engine.jsonl"

    def environment(self) -> dict[str, str]:
        """The environment in which a child process reads these same settings."""
        values = dict(os.environ)
        for name, value in self:
            text = ",".join(value) if isinstance(value, list) else str(value)
            values[f"NGALAM112_{name.upper()}"] = "" if value is None else text
        return values

    @property
    def rescue_secret_file(self) -> Path:
        """The rescuer's AMI password, the only secret that it may read."""
        return self.home / "rescue.secret"

    @cached_property
    def rescue_secret(self) -> str:
        """The rescuer's AMI password; made here at the first use."""
        return _kept_once(self.rescue_secret_file, random_secrets.token_urlsafe(24) + "\n").strip()

    @cached_property
    def secrets(self) -> Secrets:
        """The line's secrets; made here at the first use."""
        return load_secrets(self.home)


def load_settings(**changes: object) -> Settings:
    """Read the settings; raise SettingsError with one sentence for the first that is wrong."""
    try:
        return Settings(**changes)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "NGALAM112_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}={first['input']!r} cannot be used: {first['msg']}.") from None


def load_secrets(home: Path) -> Secrets:
    """Read `home`/secrets.json, or make it with fresh secrets, readable by its owner only."""
    path = home / "secrets.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); fix it or remove it.") from None
    made = {name: random_secrets.token_urlsafe(24) for name in Secrets.__struct_fields__}
    return msgspec.json.decode(_kept_once(path, json.dumps(made, indent=1)), type=Secrets)


def _kept_once(path: Path, text: str) -> str:
    """Write the file, readable by its owner only, unless it is there; returns what it holds."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"The state folder {path.parent} cannot be made ({error.strerror}); set NGALAM112_HOME."
        ) from None
    fresh = path.with_suffix(f".{os.getpid()}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        # the first of two that start at once wins; link never overwrites
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text()
