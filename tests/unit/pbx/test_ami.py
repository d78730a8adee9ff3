"""What Asterisk says over AMI is read whole, and a link that is lost or mute is made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st
from panoramisk.message import Message

from lab.machine.waiting import eventually
from pbx.ami import (
    AmiLink,
    AuthAttempt,
    DeviceState,
    _Manager,
    _Protocol,
    auth_attempt,
    device_state,
    headers_of,
    tells_of_a_phone,
)


def headers(text: str) -> Message:
    """A message as panoramisk reads it."""
    return Message.from_line(text.replace("\n", "\r\n"))


def test_the_state_of_a_phone_is_read_whatever_the_case_of_the_headers() -> None:
    text = "Event: DeviceStateChange\nPrivilege: call,all\nDevice: PJSIP/101\nState: NOT_INUSE"
    assert device_state(headers(text)) == DeviceState("101", "NOT_INUSE")
    assert device_state(headers(text.replace("Device:", "DEVICE:"))) is not None


@pytest.mark.parametrize(
    "device", ["PJSIP/trunk", "Queue:fire", "PJSIP/1", "PJSIP/1234567", "PJSIP/101-0001", ""]
)
def test_a_device_that_is_no_phone_is_nothing_to_us(device: str) -> None:
    assert device_state(headers(f"Event: DeviceStateChange\nDevice: {device}\nState: X")) is None


REFUSED = (
    "Event: ChallengeResponseFailed\r\nService: PJSIP\r\nAccountID: 101\r\n"
    "RemoteAddress: IPV4/UDP/198.51.100.7/48743"
)


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [
        ("", "", AuthAttempt("198.51.100.7", let_in=False)),
        ("ChallengeResponseFailed", "SuccessfulAuth", AuthAttempt("198.51.100.7", let_in=True)),
        ("IPV4/UDP/198.51.100.7", "IPV6/TCP/2001:db8::1", AuthAttempt("2001:db8::1", let_in=False)),
        ("PJSIP", "AMI", None),
        ("ChallengeResponseFailed", "ChallengeSent", None),
        ("RemoteAddress", "LocalAddress", None),
    ],
)
def test_who_is_refused_is_read_with_the_address(
    old: str, new: str, read: AuthAttempt | None
) -> None:
    assert auth_attempt(REFUSED.replace(old, new)) == read


@OFTEN
@given(st.data())
def test_a_character_split_between_two_packets_arrives_whole(data: st.DataObject) -> None:
    name = data.draw(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
    stream = f"Event: Hello\r\nCallerIDName: {name}\r\n\r\n".encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))
    heard: list[Message] = []
    protocol = _Protocol()
    protocol.connection_made(asyncio.Transport())
    protocol.encoding = "utf8"
    protocol.handle_message = heard.append
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        protocol.data_received(stream[first:last])
    assert [one["CallerIDName"] for one in heard] == [name]


def test_what_asterisk_tells_of_itself_is_read_here_and_answers_are_left_to_panoramisk() -> None:
    told = "Event: DeviceStateChange\r\nDevice: PJSIP/101\r\nState: INUSE"
    assert tells_of_a_phone(told)
    assert device_state(headers_of(told)) == DeviceState("101", "INUSE")
    assert not tells_of_a_phone("Event: FullyBooted\r\nStatus: Fully Booted")
    assert not tells_of_a_phone(told.replace("Device:", "ActionID: action/1\r\nDevice:"))


class AmiServer:
    """As much of Asterisk's AMI as the link needs; `pings`: whether it answers them."""

    def __init__(self) -> None:
        self.accepts, self.pings, self.logins, self.port = True, True, 0, 0
        self.changes_meanwhile = ""
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        while text := (await reader.read(4096)).decode():
            for part in filter(None, text.split("\r\n\r\n")):
                asked = dict(line.split(": ", 1) for line in part.split("\r\n") if ": " in line)
                self.answer(asked, writer)
        writer.close()

    def answer(self, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        reply = f"ActionID: {asked['ActionID']}\r\n"
        match asked["Action"].lower():
            case "login":
                self.logins, self.writer = self.logins + 1, writer
                said = "Success" if self.accepts else "Error"
                writer.write(f"Response: {said}\r\n{reply}Message: x\r\n\r\n".encode())
            case "ping" if self.pings:
                writer.write(f"Response: Success\r\n{reply}Ping: Pong\r\n\r\n".encode())
            case "devicestatelist":
                states = "".join(
                    f"Event: DeviceStateChange\r\n{reply}Device: {device}\r\nState: INUSE\r\n\r\n"
                    for device in ("PJSIP/101", "PJSIP/trunk", "PJSIP/102")
                )
                begin = f"Response: Success\r\n{reply}EventList: start\r\nMessage: x\r\n\r\n"
                end = f"Event: DeviceStateListComplete\r\n{reply}EventList: Complete\r\n\r\n"
                writer.write((begin + states + self.changes_meanwhile + end).encode())

    def tell(self, device: str, state: str) -> None:
        assert self.writer is not None
        self.writer.write(
            f"Event: DeviceStateChange\r\nDevice: {device}\r\nState: {state}\r\n\r\n".encode()
        )


@asynccontextmanager
async def linked(
    server: AmiServer, **limits: float
) -> AsyncIterator[tuple[AmiLink, list[DeviceState]]]:
    heard: list[DeviceState] = []
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    link = AmiLink(
        host="127.0.0.1",
        port=server.port,
        user="engine",
        password="secret",
        on_event=heard.append,
        **limits,
    )
    running = asyncio.create_task(link.run())
    try:
        yield link, heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        listening.close()


async def test_the_states_of_all_phones_are_read_first_and_then_each_change() -> None:
    server = AmiServer()
    async with linked(server) as (link, heard):
        await eventually(lambda: len(heard) == 2, what="the state of the phones")
        assert heard == [DeviceState("101", "INUSE"), DeviceState("102", "INUSE")]
        server.tell("PJSIP/101", "NOT_INUSE")
        await eventually(lambda: len(heard) == 3, what="a change")
        assert heard[2] == DeviceState("101", "NOT_INUSE")
        assert link.connected


async def test_a_change_while_the_states_are_listed_is_the_last_word() -> None:
    server = AmiServer()
    server.changes_meanwhile = (
        "Event: DeviceStateChange\r\nDevice: PJSIP/101\r\nState: NOT_INUSE\r\n\r\n"
    )
    async with linked(server) as (_, heard):
        await eventually(lambda: len(heard) == 3, what="the state of the phones")
        assert [one.state for one in heard if one.phone == "101"] == ["INUSE", "NOT_INUSE"]


async def test_a_link_that_is_lost_is_made_anew_and_the_states_are_read_again() -> None:
    server = AmiServer()
    async with linked(server) as (_, heard):
        await eventually(lambda: len(heard) == 2, what="the state of the phones")
        assert server.writer is not None
        server.writer.close()
        await eventually(lambda: len(heard) == 4, what="the state of the phones, again")


async def test_an_asterisk_that_does_not_answer_pings_is_left_and_called_again() -> None:
    server = AmiServer()
    server.pings = False
    async with linked(server, ping_interval=0.05, reply_timeout=0.2):
        await eventually(lambda: server.logins >= 2, what="a second login")


async def test_a_refused_password_is_tried_again_and_works_once_it_is_right() -> None:
    server = AmiServer()
    server.accepts = False
    async with linked(server) as (link, _):
        await eventually(lambda: server.logins >= 2, what="a second login")
        assert not link.connected
        server.accepts = True
        await eventually(lambda: link.connected, what="the link")


def test_one_connection_does_not_ping_or_reconnect_by_itself() -> None:
    manager = _Manager(lambda _: None, host="127.0.0.1", port=1)
    assert manager.ping_delay >= 10**6
    manager.connection_lost(None)
    assert manager.lost.is_set()
