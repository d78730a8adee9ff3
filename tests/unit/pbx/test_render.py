"""The configuration is rendered whole and safe, or not at all."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from factories import OFTEN, a_phone, an_agency
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.register import Register
from acd.config_file import Distribution
from ngalam112.config.agencies import provision_agencies
from ngalam112.config.provision import (
    TEMPLATES,
    asterisk_values,
    phones_read,
    phones_unread,
    provision,
    provision_phones,
)
from ngalam112.config.settings import Settings, load_settings
from ngalam112.process.running_line import line_asterisk
from pbx.programs import Programs
from pbx.render import RenderError, check_phone, password_digest, render, render_phones

NAMES = sorted(path.name for path in TEMPLATES.glob("*.conf"))


def a_line(home: Path, **changes: Any) -> Settings:
    return load_settings(**({"home": home / "line", "bind": "127.0.0.1"} | changes))


def test_phones_are_unread_only_after_a_change(tmp_path: Path) -> None:
    settings = a_line(tmp_path)
    provision_phones(settings, [a_phone("101")])
    assert phones_unread(settings)
    phones_read(settings)
    provision_phones(settings, [a_phone("101")])
    assert not phones_unread(settings)
    provision_phones(settings, [a_phone("101"), a_phone("102")])
    assert phones_unread(settings)


def test_a_start_of_asterisk_reads_the_phones_so_nobody_has_to_have_them_read_again(
    tmp_path: Path,
) -> None:
    settings = a_line(tmp_path)
    provision_phones(settings, [a_phone("101")])
    line_asterisk(settings, Programs.find()).command(die_with_parent=True)
    assert not phones_unread(settings)


def test_every_template_renders_with_the_values_of_a_line(tmp_path: Path) -> None:
    settings = a_line(tmp_path)
    provision(settings, (22, 10, 1))
    provision_phones(settings, [a_phone("102"), a_phone("101", contact="sip:101@10.0.0.7:5080")])
    etc = settings.asterisk_home / "etc"
    assert sorted(path.name for path in etc.iterdir()) == sorted(
        [*NAMES, "phones.list", "queue_phones.conf"]
    )
    for path in etc.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "{{" not in path.read_text()
        assert "{%" not in path.read_text()
    assert stat.S_IMODE(etc.stat().st_mode) == 0o700


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "0.0.0.0", "::"])  # noqa: S104
def test_the_address_to_listen_on_is_written_as_asterisk_reads_it(
    tmp_path: Path, bind: str
) -> None:
    settings = a_line(tmp_path, bind=bind, sip_port=15060)
    provision(settings, (22, 10, 1))
    pjsip = (settings.asterisk_home / "etc" / "pjsip.conf").read_text()
    written = f"[{bind}]" if ":" in bind else bind
    assert f"bind = {written}:15060\n" in pjsip
    assert ("media_address" in pjsip) is (bind in ("127.0.0.1", "::1"))


def test_every_value_is_used_by_a_template(tmp_path: Path) -> None:
    text = "".join((TEMPLATES / name).read_text() for name in NAMES)
    for name in asterisk_values(a_line(tmp_path), (22, 10, 1)):
        assert re.search(rf"{{[{{%][^}}]*\b{name}\b", text), name


def test_a_name_that_nobody_gave_is_an_error_that_names_the_template(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("port = {{ port }}\n")
    with pytest.raises(RenderError, match=r"asterisk_conf/a\.conf cannot be rendered: 'port'"):
        render(tmp_path, tmp_path / "out", {"ports": 1})
    assert not (tmp_path / "out" / "a.conf").exists()


def test_a_template_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("{% for %}\n")
    with pytest.raises(RenderError, match=r"asterisk_conf/a\.conf cannot be rendered"):
        render(tmp_path, tmp_path / "out", {})


@pytest.mark.parametrize(
    "value",
    ["a\nexten = _X.,1,System(id)", "a\rb", "a;b", "a,b", "${SHELL(id)}", 'a"b', "a\x00b", "a\\b"],
)
@pytest.mark.parametrize("place", ["alone", "in a list"])
def test_a_value_that_asterisk_would_read_as_something_else_is_refused(
    tmp_path: Path, value: str, place: str
) -> None:
    (tmp_path / "a.conf").write_text("sounds = {{ sounds }}\n")
    given_value = value if place == "alone" else ["fine", value]
    with pytest.raises(RenderError, match="sounds") as error:
        render(tmp_path, tmp_path / "out", {"sounds": given_value})
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out" / "a.conf").exists()


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        ({"number": "1"}, "Phone number '1' must be 2 to 6 digits"),
        ({"number": "101\n"}, "must be 2 to 6 digits"),
        ({"number": "１０１"}, "must be 2 to 6 digits"),
        ({"number": "101](!)"}, "must be 2 to 6 digits"),
        ({"password": "short"}, "password of phone 101 must be"),
        ({"password": "a-phone-password\n"}, "password of phone 101 must be"),
        ({"password": "a-phone;password"}, "password of phone 101 must be"),
        ({"password": "a" * 65}, "password of phone 101 must be"),
        ({"contact": ""}, "of phone 101 must look like"),
        ({"contact": "101@host"}, "of phone 101 must look like"),
        ({"contact": "sip:101@host:5060\n"}, "of phone 101 must look like"),
        ({"contact": "sip:101@host;x=y"}, "of phone 101 must look like"),
        ({"contact": "sip:101@host,sip:102@host"}, "of phone 101 must look like"),
    ],
    ids=str,
)
def test_a_hostile_phone_is_refused_and_nothing_is_written(
    tmp_path: Path, hostile: dict[str, str], said: str
) -> None:
    number = hostile.pop("number", "101")
    with pytest.raises(RenderError, match=re.escape(said)) as error:
        render_phones(TEMPLATES, tmp_path, [a_phone("100"), a_phone(number, **hostile)])
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_does_not_tell_the_password() -> None:
    with pytest.raises(RenderError) as error:
        check_phone(a_phone(password="secret;secret"))
    assert "secret;secret" not in str(error.value)


@OFTEN
@given(st.text(max_size=70), st.text(max_size=70), st.text(max_size=70))
def test_a_phone_that_passes_cannot_begin_a_line_of_its_own(
    number: str, password: str, contact: str
) -> None:
    phone = a_phone(number, password=password, contact=contact)
    try:
        check_phone(phone)
    except RenderError:
        return
    for value in (number, password, contact):
        assert value.isascii()
        assert not set(value) & set("\n\r[](){}\"' \t")


def test_phones_are_written_in_order_and_their_numbers_beside_them(tmp_path: Path) -> None:
    render_phones(TEMPLATES, tmp_path, [a_phone("103"), a_phone("101", contact="sip:101@h")])
    assert (tmp_path / "phones.list").read_text() == "101\n103\n"
    members = (tmp_path / "queue_phones.conf").read_text().splitlines()
    assert members == ["[fallback](+)", "member = PJSIP/101", "member = PJSIP/103"]
    text = (tmp_path / "phones.conf").read_text()
    assert text.index("[101]") < text.index("[103]")
    assert text.count("contact = ") == 1
    assert "a-phone-password" not in text
    digest = password_digest("101", "a-phone-password")
    assert text.count(f"password_digest = {digest}\n") == 1


def test_a_digest_is_of_number_realm_and_password_and_its_own_digest() -> None:
    # echo -n 101:ngalam112:a-phone-password | md5sum
    digest = password_digest("101", "a-phone-password")
    assert digest == "MD5:46ae95f96869ff817b0e750baba31b82"
    assert password_digest("101", digest) == digest
    assert password_digest("102", "a-phone-password") != digest
    check_phone(a_phone("101", password=digest))


def test_phones_of_an_earlier_version_become_members_of_the_fallbacks_queue(tmp_path: Path) -> None:
    settings = a_line(tmp_path)
    provision_phones(settings, [a_phone("101")])
    members = settings.asterisk_home / "etc" / "queue_phones.conf"
    members.unlink()
    provision(settings, (22, 10, 1))
    assert "member = PJSIP/101\n" in members.read_text()


def test_no_phones_are_phones_too(tmp_path: Path) -> None:
    render_phones(TEMPLATES, tmp_path, [])
    assert (tmp_path / "phones.list").read_text() == ""
    assert "[" not in (tmp_path / "phones.conf").read_text().partition("\n")[2]


def test_a_file_is_replaced_in_one_step_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    render_phones(TEMPLATES, tmp_path, [a_phone("101")])
    before = (tmp_path / "phones.conf").stat().st_ino
    render_phones(TEMPLATES, tmp_path, [a_phone("102")])
    assert (tmp_path / "phones.conf").stat().st_ino != before
    names = ["phones.conf", "phones.list", "queue_phones.conf"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_whoever_holds_the_others_hear_music_of_a_class_that_is_there(tmp_path: Path) -> None:
    settings = a_line(tmp_path)
    provision(settings, (22, 10, 1))
    etc = settings.asterisk_home / "etc"
    sections = re.split(r"^(?=\[)", (etc / "pjsip.conf").read_text(), flags=re.M)
    endpoints = [one for one in sections if "\ntype = endpoint\n" in one]
    assert [one for one in endpoints if one.startswith("[nobody]\n")], "who never gets in"
    endpoints = [one for one in endpoints if not one.startswith("[nobody]\n")]
    classes = re.findall(r"^\[(\w+)\]", (etc / "musiconhold.conf").read_text(), flags=re.M)
    assert len(endpoints) == 4, "citizens, probe, outside, phones"
    for endpoint in endpoints:
        suggested = re.search(r"^moh_suggest = (\w+)$", endpoint, flags=re.M)
        assert suggested and suggested[1] in classes, endpoint[:30]


@pytest.mark.parametrize(
    ("carrier", "rows"),
    [
        ("", ["113|*|PJSIP/outside/sip:desk@10.0.0.2:5080"]),
        (
            "sip.carrier.example:5060",
            [
                "113|*|PJSIP/outside/sip:desk@10.0.0.2:5080",
                "110|00:00-15:00|PJSIP/outside/sip:0341366444@sip.carrier.example:5060",
                "110|*|PJSIP/outside/sip:110@sip.carrier.example:5060",
            ],
        ),
    ],
)
def test_whom_the_fallback_rings_outside_is_written_down_as_far_as_it_can_be_dialled(
    tmp_path: Path, carrier: str, rows: list[str]
) -> None:
    settings = a_line(tmp_path, carrier=carrier)
    agencies = [
        an_agency("110", fallback="110", hours="07:00-22:00"),
        an_agency("112", voice="0341"),
        an_agency("113", id="damkar", voice="sip:desk@10.0.0.2:5080"),
        an_agency("119", voice="sip:gone@10.0.0.2", retired_at=5.0),
    ]
    plan = Distribution(fallback=("damkar", "119", "nobody", "110"))
    provision_agencies(settings, plan, Register(agencies))
    listed = settings.asterisk_home / "etc" / "agencies.list"
    assert listed.read_text().splitlines() == rows
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600


def test_a_peer_has_the_lines_modules_and_app_queue_and_nothing_of_an_engine(
    tmp_path: Path,
) -> None:
    values = {"peer": "app_queue", "operators": [1, 2], "phones": ["201", "202"]}
    filled = {**asterisk_values(load_settings(home=tmp_path), (22, 10, 1)), **values}
    render(TEMPLATES, tmp_path / "ours", filled)
    render(TEMPLATES, tmp_path / "peer", filled, folder="peers")
    modules = (tmp_path / "peer" / "modules.conf").read_text().splitlines()
    ours = set((tmp_path / "ours" / "modules.conf").read_text().splitlines())
    loaded = {line for line in modules if line.startswith("load = ")}
    left_out = {line.removeprefix("no") for line in modules if line.startswith("noload = ")}
    assert loaded <= ours and "load = app_queue.so" in loaded
    assert left_out <= ours and all("app_dial" not in one for one in left_out)
    queues = (tmp_path / "peer" / "queues.conf").read_text()
    assert queues.count("member = PJSIP/201") == 2 and queues.count("member = PJSIP/202") == 1
    assert not (tmp_path / "peer" / "pjsip.conf").exists()
    assert "PJSIP/" not in (tmp_path / "ours" / "queues.conf").read_text()
