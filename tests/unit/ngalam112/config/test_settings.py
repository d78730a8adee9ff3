"""Settings are right or refused by name in one sentence; secrets are made once, for one owner."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ngalam112.config.settings import (
    PROJECT,
    Secrets,
    Settings,
    SettingsError,
    load_secrets,
    load_settings,
)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NGALAM112_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIP_PORT", "0"),
        ("SIP_PORT", "65536"),
        ("ARI_PORT", "many"),
        ("AMI_PORT", ""),
        ("API_PORT", "80.5"),
        ("BIND", "localhost"),
        ("BIND", ""),
        ("BIND", "127.0.0.1\n"),
        ("LINK_BIND", "everywhere"),
        ("DESK_URL", "desk.example/{call_id}"),
        ("DESK_URL", "https://desk.example/incidents"),
        ("DESK_URL", "https://desk.example/{call_id}/{call_id}"),
        ("DESK_URL", "https://desk.example/{number}"),
        ("DESK_URL", "https://desk.example/{call_id}>\r\nX-Evil: 1"),
        ("DESK_URL", "https://desk.example/{call_id}\n"),
        ("DESK_URL", "https://desk.example/ {call_id}"),
        ("DESK_URL", "https://desk.example/${SECRET}{call_id}"),
        ("DESK_URL", "https://desk.example/{call_id};purpose=icon"),
        ("DESK_URL", "https://{call_id}.example/"),
        ("DESK_URL", "javascript:alert({call_id})"),
        ("DESK_URL", "https://desk.example/" + "a" * 200 + "{call_id}"),
        ("LINK_PORT", "65536"),
        ("LINK_URL", "https://112.kota.example"),  # and no port where the pages are served
        ("BIND", "::1%lo\npermit=0.0.0.0/0"),
        ("RTP_PORTS", "10000"),
        ("RTP_PORTS", "20000-10000"),
        ("RTP_PORTS", "10000-10000"),
        ("RTP_PORTS", "80-90"),
        ("RTP_PORTS", "10000-70000"),
        ("RTP_PORTS", "²0000-²0001"),
        ("RTP_PORTS", "-"),
        ("TRUNK_MATCH", ""),
        ("TRUNK_MATCH", "10.0.0.0/8,"),
        ("TRUNK_MATCH", "10.0.0.0/33"),
        ("TRUNK_MATCH", "trunk.example"),
        ("NUMBER", "1"),
        ("NUMBER", "1122334"),
        ("NUMBER", "11a"),
        ("NUMBER", "112\n"),
        ("NUMBER", "١١٢"),
        ("HOME", "~nobody-of-that-name/line"),
        ("DISTRIBUTION_FILE", "~nobody-of-that-name/distribution.toml"),
        ("PLACE", "perhaps"),
        ("PLACE_HOSTS", "lis.carrier.example/path"),
        ("PLACE_HOSTS", "https://lis.carrier.example"),
        ("PLACE_HOSTS", "*.example"),
        ("PLACE_NETWORKS", "everything"),
        ("PLACE_CA_FILE", "~nobody-of-that-name/ca.pem"),
        ("WRAP_UP_EXTENSION_S", "0"),
        ("TIMEZONE", "Malang"),
        ("TIMEZONE", "../etc/passwd"),
        ("TIMEZONE", ""),
        ("LOG_LEVEL", "loud"),
        ("CAPACITY_CPS", "0"),
        ("MOST_CPS", "14"),
        ("MOST_CHANNELS", "299"),
        ("CLAIM_MS", "10"),
        ("CLAIM_MS", "60000"),
        ("RING_TIMEOUT_S", "0"),
        ("RING_TIMEOUT_S", "nan"),
        ("WRAP_UP_S", "-1"),
        ("WRAP_UP_S", "inf"),
        ("QUALIFY_S", "-1"),
        ("HEARTBEAT_S", "soon"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"NGALAM112_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    said = str(error.value)
    assert said.startswith(f"NGALAM112_{name}=")
    assert said.endswith(".")
    assert "\n" not in said


def test_without_any_setting_the_line_is_the_one_of_the_readme() -> None:
    settings = load_settings()
    assert (settings.home, settings.bind) == (PROJECT / "var", "127.0.0.1")
    ports = settings.sip_port, settings.ari_port, settings.ami_port, settings.api_port
    assert ports == (5060, 8088, 5038, 8112)
    assert settings.rtp_range == (10000, 19999)
    assert settings.trunk_match == ["127.0.0.0/8"]
    assert settings.url == f"sqlite:///{PROJECT}/var/ngalam112.db"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGALAM112_TRUNK_MATCH", "10.1.2.3, 192.168.7.9/24,fd00::/8")
    monkeypatch.setenv("NGALAM112_HOME", "~/line")
    monkeypatch.setenv("NGALAM112_RTP_PORTS", "20000-20100")
    monkeypatch.setenv("NGALAM112_BIND", "::1")
    settings = load_settings()
    assert settings.trunk_match == ["10.1.2.3/32", "192.168.7.0/24", "fd00::/8"]
    assert settings.home == Path.home() / "line"
    assert settings.rtp_range == (20000, 20100)


def test_a_child_process_reads_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load_settings(
        home=tmp_path, sip_port=15060, trunk_match=["10.0.0.0/8", "fd00::/8"], wrap_up_s=0.5
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings().model_dump() == settings.model_dump()
    assert settings.environment().keys() >= {
        f"NGALAM112_{name.upper()}" for name in Settings.model_fields
    }


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "a" / "line"
    made = load_secrets(home)
    path = home / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_secrets(home) == made
    assert [one.name for one in home.iterdir()] == ["secrets.json"]
    values = {made.ari_password, made.ami_password, made.api_token}
    assert len(values) == 3
    assert all(len(one) >= 32 and one.isascii() and one.isprintable() for one in values)
    assert load_secrets(tmp_path / "another") != made


def test_even_a_loose_umask_leaves_the_secrets_to_their_owner(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_secrets(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_two_who_start_at_once_end_up_with_the_same_secrets(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ngalam112.config.settings import load_secrets;"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(*(load_secrets(Path(sys.argv[1], str(n))).api_token for n in range(50)))"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = {child.communicate(timeout=60)[0] for child in children}
    assert said == {" ".join(load_secrets(tmp_path / str(n)).api_token for n in range(50)) + "\n"}


@pytest.mark.parametrize("text", ["", "{}", '{"ari_password": 1}', "[]", "\xff"])
def test_secrets_that_cannot_be_read_are_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"secrets\.json cannot be read .*; fix it or remove"):
        load_secrets(tmp_path)
    assert path.read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("where", ["file/line", "file"])
def test_a_state_folder_that_cannot_be_is_refused_in_words(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="file"):
        load_secrets(tmp_path / where)
    with pytest.raises(SettingsError, match="proc"):
        load_secrets(Path("/proc/no-such-folder"))


def test_secrets_hold_what_the_line_needs() -> None:
    assert Secrets.__struct_fields__ == ("ari_password", "ami_password", "api_token")


def test_the_rescuers_password_is_a_file_of_its_own_that_only_its_owner_reads(
    tmp_path: Path,
) -> None:
    settings = load_settings(home=tmp_path / "line")
    secret = settings.rescue_secret
    assert settings.rescue_secret_file.read_text() == secret + "\n"
    assert stat.S_IMODE(settings.rescue_secret_file.stat().st_mode) == 0o600
    assert load_settings(home=tmp_path / "line").rescue_secret == secret


def test_the_settings_of_places_are_the_same_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    for ca_file in (None, Path("/etc/ca.pem")):
        given = load_settings(
            place=False,
            place_hosts=" LIS.carrier.example , .net.example",
            place_networks="10.1.2.3/8",
            place_ca_file=ca_file,
        )
        for name, value in given.environment().items():
            if name.startswith("NGALAM112_PLACE"):
                monkeypatch.setenv(name, value)
        child = load_settings()
        assert child.place_hosts == ["lis.carrier.example", ".net.example"]
        assert child.place_networks == ["10.0.0.0/8"]
        assert (child.place, child.place_ca_file) == (False, ca_file)


def test_the_feed_of_warnings_is_off_and_asked_each_five_minutes_if_it_is_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (load_settings().warning_url, load_settings().warning_every_s) == ("", 300.0)
    given = load_settings(
        warning_url="https://www.bmkg.example/alerts/nowcast/id",
        warning_hosts="CAP.bmkg.example",
        warning_ca_file=Path("/etc/ca.pem"),
    )
    for name, value in given.environment().items():
        if name.startswith("NGALAM112_WARNING"):
            monkeypatch.setenv(name, value)
    child = load_settings()
    assert child.warning_url == given.warning_url and child.warning_hosts == ["cap.bmkg.example"]
    assert child.warning_ca_file == Path("/etc/ca.pem") and "BMKG" in child.warning_credit


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warning_url", "http://www.bmkg.example/"),
        ("warning_url", "https://user:secret@www.bmkg.example/"),
        ("warning_url", "no url"),
        ("warning_every_s", 59),
        ("warning_hosts", "not a host"),
    ],
)
def test_a_feed_that_cannot_be_asked_so_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"NGALAM112_{name.upper()}"):
        load_settings(**{name: value})


def test_copies_of_invites_have_a_password_of_the_line(tmp_path: Path) -> None:
    one, other = (load_settings(home=tmp_path / name) for name in ("one", "other"))
    assert len(one.hep_password) == 32
    assert one.hep_password == load_settings(home=tmp_path / "one").hep_password
    assert one.hep_password not in (other.hep_password, one.secrets.ari_password)


@pytest.mark.parametrize(
    "url",
    [
        "http://112.kota.example/a",
        "112.kota.example",
        "https://112.kota.example/a?x=1",
        "https://112.kota.example/a b",
        "https://user@112.kota.example",
        "https://112.kota.example/" + "a" * 100,
        "https://112.kota.example/\n",
    ],
)
def test_an_address_for_links_is_https_and_plain(url: str) -> None:
    with pytest.raises(SettingsError, match="NGALAM112_LINK_URL"):
        load_settings(link_port=8113, link_url=url)


def test_an_address_for_links_loses_what_stands_between_it_and_a_token() -> None:
    found = load_settings(link_port=8113, link_url="https://112.kota.example:8443/a/")
    assert found.link_url == "https://112.kota.example:8443/a"


def test_keys_of_links_are_made_once_and_an_old_one_can_stay(tmp_path: Path) -> None:
    first = load_settings(home=tmp_path).link_keys
    assert load_settings(home=tmp_path).link_keys == first and len(first) == 1
    file = tmp_path / "link.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("n" * 40 + "\n" + first[0].decode() + "\n")
    assert load_settings(home=tmp_path).link_keys == (b"n" * 40, *first)


@pytest.mark.parametrize("held", ["", "\n", "short", "n" * 40 + "\nshort"])
def test_a_file_of_keys_that_is_no_good_is_told_by_its_name(tmp_path: Path, held: str) -> None:
    (tmp_path / "link.key").write_text(held)
    with pytest.raises(SettingsError, match="must have a key a line"):
        load_settings(home=tmp_path).link_keys  # noqa: B018
