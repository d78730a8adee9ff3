"""Reads the file in which the dialplan leaves the messages that come in, and forgets what is read.

Asterisk answers 202 to a MESSAGE whether an engine lives or not, and nobody sends it again. So the
dialplan writes each one into a file, one line of JSON, and the serving engine reads on where the
engines before it have read to: that place is kept in the journal together with what was read.

A file that is read to its end and has grown large is put aside, read to its end once more, and
removed; the dialplan begins a new one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from acd.numbers.caller import digits_of
from acd.texts.ports import Received
from ngalam112.engine.claims import readable

log = structlog.get_logger("texts")

PLACE = "texts_read"
"""The key of the fact up to where the file is read."""

LOOK_S = 0.2
_MOST_BYTES = 32 * 1024  # read at once: some fifty messages, for which calls wait 10 ms
_LEFT_S = 0.5
_LARGE = 4 * 1024 * 1024
# Asterisk writes pjsip: where the sender has written sip:
_URI = re.compile(r"(?:pj)?(?:sips?|tel):([^@;>?]*)(?:@([^;>?\s]*))?")
_NAME = re.compile(r'^\s*"?([^"<]*)"?\s*<')
_SAFE_USER = re.compile(r"[0-9A-Za-z+._~*!'()%$&=-]{1,64}")
_SAFE_HOST = re.compile(r"[0-9A-Za-z.-]{1,128}(:[0-9]{1,5})?|\[[0-9A-Fa-f:]{2,45}\](:[0-9]{1,5})?")


class _Line(msgspec.Struct, kw_only=True):
    """A line of the file. All but the first two are in Base64, as the sender has written them."""

    by: str
    at: str
    sender: str = msgspec.field(name="from", default="")
    identity: str = ""
    to: str = ""
    peer: str = ""
    size: str = ""
    body: str = ""


def received(line: bytes, is_peer: Callable[[str], bool]) -> Received | None:
    """What a line says; None if it cannot be understood. `is_peer(address)`: of the trunk."""
    try:
        found = msgspec.json.decode(line, type=_Line)
        at = float(found.at)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError):
        return None
    sender, to = _text(found.sender), _text(found.to)
    user, host = _address(sender)
    size = _text(found.size)
    shown = _NAME.match(sender)
    is_phone = found.by == "phone"
    asserted = "" if is_phone else digits_of(_address(_text(found.identity))[0])
    peer = _text(found.peer)
    number = asserted or digits_of(user) or readable(user, 32)
    ours = (number if asserted or digits_of(user) else user, host)
    return Received(
        id=f"{int(max(at, 0) * 1000):012x}{hashlib.sha256(line).hexdigest()[:10]}",
        at=at,
        number=number,
        name=readable(shown[1]) if shown else "",
        address="@".join(ours) if _SAFE_USER.fullmatch(ours[0]) and host else "",
        peer=peer if is_peer(peer) else "",
        body=_text(found.body),
        size=int(size) if size.isdigit() and len(size) < 9 else 0,
        phone=user if is_phone else "",
        to=readable(_address(to)[0], 64),
    )


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _address(text: str) -> tuple[str, str]:
    """The user and the host of the address in a header's value; "" where there is none."""
    found = _URI.match(text.rpartition("<")[2].strip())
    if found is None:
        return "", ""
    host = found[2] or ""
    return found[1][:64], host if _SAFE_HOST.fullmatch(host) else ""


def peer_check(networks: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether an address and port, such as 192.0.2.1:5060, is of the trunk."""
    known = [ipaddress.ip_network(one) for one in networks]

    def is_peer(text: str) -> bool:
        host, _, port = text.rpartition(":")
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return port.isdigit() and any(address in one for one in known)

    return is_peer


class Place(msgspec.Struct, frozen=True):
    """Up to which byte the file is read. `aside`: the one that was put aside is meant."""

    offset: int = 0
    aside: bool = False


class TextSpool:
    """Follows the file at `path`, from `place` on."""

    def __init__(self, path: Path, is_peer: Callable[[str], bool]) -> None:
        self._path, self._is_peer = path, is_peer
        self._aside = path.with_suffix(".old")
        self.place = Place()
        self.not_understood = 0

    def remember(self, fact: object) -> None:
        """Read on where an earlier engine has read to."""
        try:
            self.place = msgspec.convert(fact or {}, Place)
        except msgspec.ValidationError:
            log.error("text_place_not_understood", fact=str(fact)[:100])

    async def follow(self, take: Callable[[list[Received], Place], object]) -> None:
        """Read until cancelled; `take(messages, place)` returns an awaitable.

        It has to keep both at once: so no message is lost, and none is there twice.
        """
        while True:
            if not await asyncio.to_thread(self._has_more):
                await asyncio.sleep(LOOK_S)
                continue
            found, place = await asyncio.to_thread(self._read)
            if not found and place == self.place:
                await asyncio.sleep(LOOK_S)  # half a line, or a disk that cannot be read
                continue
            await take(found, place)  # type: ignore[misc]
            self.place = place

    def _has_more(self) -> bool:
        try:
            aside = self._aside.stat()
            # for so long the dialplan may still have it open
            is_left = abs(time.time() - aside.st_ctime) > _LEFT_S
            return is_left or not self.place.aside or aside.st_size != self.place.offset
        except OSError:
            if self.place.aside:
                return True
        try:
            return self._path.stat().st_size != self.place.offset
        except OSError:
            return False

    def _read(self) -> tuple[list[Received], Place]:
        """Read a piece, to the end of a line; at the end of a large file, put it aside."""
        place = self.place
        path = self._aside if place.aside else self._path
        if not place.aside and self._aside.exists():
            # put aside by an engine that could not keep that any more
            place, path = Place(place.offset, aside=True), self._aside
        try:
            with path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < place.offset:
                    log.error("texts_file_is_another")  # somebody has taken the other one away
                    return [], Place(aside=place.aside)
                file.seek(place.offset)
                piece = file.read(_MOST_BYTES)
        except OSError as error:
            if place.aside:
                return [], Place()
            log.error("texts_not_read", error=str(error))
            return [], place
        end = piece.rfind(b"\n") + 1
        if not end and len(piece) == _MOST_BYTES:
            end = len(piece)  # no line is as long as that
        lines = piece[:end].split(b"\n")[:-1] if end else []
        at = place.offset + end
        if place.aside and not end:
            self._aside.unlink(missing_ok=True)
            return [], Place()
        aside = place.aside
        if at >= _LARGE and len(piece) < _MOST_BYTES and not aside:
            self._path.replace(self._aside)
            aside = True
        return self._understood(lines), Place(at, aside=aside)

    def _understood(self, lines: Sequence[bytes]) -> list[Received]:
        found = []
        for line in filter(None, lines):
            one = received(line, self._is_peer)
            if one is None:
                self.not_understood += 1
                log.error("text_not_understood", begin=line[:80].decode("ascii", "replace"))
            else:
                found.append(one)
        return found
