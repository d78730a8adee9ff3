"""What Asterisk and an engine said to each other over one call: a JSON-lines file.

Each line is one item, in the order in which it was seen between the two. What differs from call to
call stands as `$name$`: the ids, the caller, the phone, the folder of the prompts. So a replay can
put others there, and two recordings of the same kind of call can be held against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

KEPT = Path(__file__).with_name("recorded_call.jsonl")
_NAME = re.compile(r"\$(\w+)\$")


class RecordingError(Exception):
    """A recording cannot be read, or is not of the kind of call that was asked for."""


class Item(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", omit_defaults=True):
    """What all items share. `at_ms`: since the call's first item."""

    at_ms: float = 0.0


class Request(Item, frozen=True, kw_only=True, tag="request"):
    """The engine asked for something, over the event socket or (the claim) over HTTP."""

    number: int
    method: str
    uri: str
    query: dict[str, str] = {}


class Answer(Item, frozen=True, kw_only=True, tag="answer"):
    """What Asterisk said to the request of this number, as it was but for `$request$`.

    `line`: it is about no call.
    """

    to: int
    response: msgspec.Raw
    line: bool = False


class Claimed(Item, frozen=True, kw_only=True, tag="claimed"):
    """What Asterisk said over HTTP to the request of this number."""

    to: int
    status: int


class Told(Item, frozen=True, kw_only=True, tag="event"):
    """An event over the event socket, as it was."""

    event: msgspec.Raw


class Heard(Item, frozen=True, kw_only=True, tag="ami"):
    """An event over AMI: its headers, in order."""

    headers: list[str]


class About(Item, frozen=True, kw_only=True, tag="about"):
    """The first line: what was recorded, and with which Asterisk."""

    asterisk: str
    call: str


Anything = About | Request | Answer | Claimed | Told | Heard
_decode = msgspec.json.Decoder(Anything).decode


class Recording(msgspec.Struct, frozen=True):
    """`line`: what the engine asks for beside its calls, and the answers. `call`: one call."""

    about: About
    line: list[Item]
    call: list[Item]


def made_variable(items: Iterable[Item], names: Mapping[str, str]) -> list[Item]:
    """Return the items with `$name$` in place of each value; `names` gives names by values."""
    longest_first = sorted(names, key=len, reverse=True)
    made = []
    for item in items:
        text = msgspec.json.encode(item).decode()
        for value in longest_first:
            text = text.replace(value, f"${names[value]}$")
        made.append(_decode(text))
    return made


def save(recording: Recording, path: Path) -> None:
    """Write the recording to a file."""
    items = [recording.about, *recording.line, *recording.call]
    path.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))


def load(path: Path = KEPT) -> Recording:
    """Read a recording; raises RecordingError."""
    try:
        items = [_decode(line) for line in path.read_bytes().splitlines()]
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordingError(
            f"The recording {path} cannot be read ({error}); record one with --record."
        ) from None
    if not items or not isinstance(items[0], About):
        raise RecordingError(f"{path} is no recording: its first line tells nothing about it.")
    of_line = {item.to for item in items if isinstance(item, Answer) and item.line}
    line: list[Item] = []
    call: list[Item] = []
    for item in items[1:]:
        number = getattr(item, "number", getattr(item, "to", None))
        (line if number in of_line else call).append(item)
    return Recording(items[0], line, call)


class Shape(msgspec.Struct, frozen=True):
    """What must be the same in each recording of the same kind of call.

    `requests` in their order; the types of the `events` in their order, for each channel, because
    two channels of Asterisk do not wait for each other; the AMI events by their kind.
    """

    requests: list[str]
    events: dict[str, list[str]]
    ami: list[str]


class _Channel(msgspec.Struct, frozen=True):
    id: str = ""
    state: str = ""


class _Told(msgspec.Struct):
    type: str
    channel: _Channel = _Channel()


def shape(recording: Recording) -> Shape:
    """Return the shape of the call."""
    events: dict[str, list[str]] = {}
    ami = []
    for item in recording.call:
        if isinstance(item, Told):
            told = msgspec.json.decode(item.event, type=_Told)
            state = f" {told.channel.state}" if told.type == "ChannelStateChange" else ""
            events.setdefault(told.channel.id, []).append(told.type + state)
        elif isinstance(item, Heard):
            ami.append(" ".join(sorted(_telling(item.headers))))
    requests = [
        " ".join([one.method, one.uri, *sorted(one.query)])
        for one in recording.call
        if isinstance(one, Request)
    ]
    return Shape(requests, events, sorted(ami))


def _telling(headers: Iterable[str]) -> Iterator[str]:
    for header in headers:
        name, _, value = header.partition(": ")
        if name in ("Event", "Device", "State"):
            yield value


def parts_of(text: str) -> list[str]:
    """Return the text cut at its variables: plain text at even places, names at odd ones."""
    return _NAME.split(text)


def pattern_of(text: str) -> re.Pattern[str]:
    """Return what matches the text with any values in it; the groups have the variables' names."""
    parts, seen, pattern = parts_of(text), set[str](), ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>[^\\n]+)"
            seen.add(part)
    return re.compile(pattern)
