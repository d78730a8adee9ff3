"""The file of the messages that come in: each is read once, whatever it is, whoever reads."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.texts.ports import Received
from ngalam112.engine import text_spool
from ngalam112.engine.text_spool import Place, TextSpool, peer_check, received

IS_PEER = peer_check(["192.0.2.0/24", "2001:db8::/32"])


def line(body: str = "halo", by: str = "citizen", **more: str) -> bytes:
    told = {
        "from": '"Budi" <sip:0812@carrier.example>',
        "to": "<pjsip:112@line>",
        "peer": "192.0.2.1:5060",
        "size": str(len(body)),
        "body": body,
    } | {name: value for name, value in more.items() if name != "at"}
    told = {name: base64.b64encode(one.encode()).decode() for name, one in told.items()}
    return json.dumps({"by": by, "at": more.get("at", "1795968360.25"), **told}).encode()


def test_a_line_tells_who_has_written_what_and_from_where() -> None:
    one = received(line(), IS_PEER)
    assert one is not None
    assert (one.number, one.name, one.body, one.at) == ("0812", "Budi", "halo", 1795968360.25)
    assert (one.address, one.peer) == ("0812@carrier.example", "192.0.2.1:5060")
    assert one.phone == ""


def test_the_carriers_word_on_who_writes_counts_more() -> None:
    sender = "<sip:anonymous@anonymous.invalid>"
    identity = "<sip:+62812345@carrier>, <tel:+62812345>"
    one = received(line(**{"from": sender, "identity": identity}), IS_PEER)
    assert one is not None
    assert (one.number, one.address) == ("+62812345", "+62812345@anonymous.invalid")


def test_of_a_phone_its_own_account_counts() -> None:
    sender = {"from": "<sip:101@line>", "to": "<pjsip:0812@line>", "identity": "<sip:1@x>"}
    one = received(line(by="phone", **sender), IS_PEER)
    assert one is not None
    assert (one.phone, one.to) == ("101", "0812")


@pytest.mark.parametrize("peer", ["198.51.100.1:5060", "192.0.2.1", "evil:5060", "", "[::1]:5060"])
def test_answers_go_to_no_address_outside_the_trunk(peer: str) -> None:
    one = received(line(peer=peer), IS_PEER)
    assert one is not None
    assert one.peer == ""


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_sender_can_write_into_a_request_of_ours(sender: str, body: str) -> None:
    one = received(line(body, **{"from": f"<sip:{sender}"}), IS_PEER)
    assert one is not None
    assert not set(one.address) & set(' \r\n<>";')
    assert one.body == body.encode("utf-8", "replace").decode()


@given(st.binary(max_size=300))
def test_what_is_no_line_is_passed_over(text: bytes) -> None:
    received(text, IS_PEER)


async def read_all(spool: TextSpool, until: int) -> list[Received]:
    found: list[Received] = []

    async def take(some: list[Received], place: Place) -> None:
        found.extend(some)

    following = asyncio.create_task(spool.follow(take))
    async with asyncio.timeout(5):
        while len(found) < until:
            await asyncio.sleep(0.005)
    following.cancel()
    return found


async def test_lines_are_read_once_and_a_half_one_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_spool, "LOOK_S", 0.005)
    path = tmp_path / "texts.jsonl"
    spool = TextSpool(path, IS_PEER)
    path.write_bytes(line("satu") + b"\nrubbish\n" + line("dua")[:20])
    assert [one.body for one in await read_all(spool, 1)] == ["satu"]
    assert spool.not_understood == 1
    with path.open("ab") as file:
        file.write(line("dua")[20:] + b"\n" + line("tiga") + b"\n")
    assert [one.body for one in await read_all(spool, 2)] == ["dua", "tiga"]
    after = TextSpool(path, IS_PEER)
    after.remember({"offset": spool.place.offset, "aside": False})
    assert after.place == spool.place
    assert after._has_more() is False


async def test_a_large_file_is_put_aside_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_spool, "LOOK_S", 0.005)
    monkeypatch.setattr(text_spool, "_LARGE", 1000)
    path = tmp_path / "texts.jsonl"
    spool = TextSpool(path, IS_PEER)
    path.write_bytes(b"".join(line(f"{number}") + b"\n" for number in range(20)))
    assert len(await read_all(spool, 20)) == 20
    # written by a dialplan that had the file open, then by one that has begun another
    aside = path.with_suffix(".old")
    assert aside.exists()
    with aside.open("ab") as file:
        file.write(line("late") + b"\n")
    path.write_bytes(line("new") + b"\n")
    assert [one.body for one in await read_all(spool, 2)] == ["late", "new"]
    assert not aside.exists()


async def test_an_engine_that_died_between_has_lost_nothing_and_reads_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_spool, "LOOK_S", 0.005)
    path = tmp_path / "texts.jsonl"
    first = line("satu") + b"\n"
    path.with_suffix(".old").write_bytes(first + line("dua") + b"\n")
    path.write_bytes(line("tiga") + b"\n")
    spool = TextSpool(path, IS_PEER)
    spool.remember({"offset": len(first)})  # put aside, and not kept that it is
    assert [one.body for one in await read_all(spool, 2)] == ["dua", "tiga"]
