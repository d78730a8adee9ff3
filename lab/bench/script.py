"""A recording, made ready to be played: what is said, and how each request is recognized."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from lab.bench.recording import (
    Answer,
    Claimed,
    Heard,
    Recording,
    Request,
    Told,
    parts_of,
    pattern_of,
)

_Key = tuple[str, str, str, int]


def key_of(method: str, uri: str) -> _Key:
    """What requests of one kind have in common: all but the ids."""
    words = uri.split("/")
    return method, words[0], words[2] if len(words) > 2 else "", len(words)


def words_of(uri: str, query: Iterable[tuple[str, str]]) -> str:
    """Return all of a request that a pattern looks at."""
    return "\n".join([uri, *(f"{name}={value}" for name, value in sorted(query))])


class Template:
    """A text with variables, to be filled in."""

    def __init__(self, text: str) -> None:
        self._parts = parts_of(text)
        self._names = self._parts[1::2]

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with these values."""
        parts = self._parts.copy()
        parts[1::2] = [values[name] for name in self._names]
        return "".join(parts)


DONE = Template(
    '{"type":"RESTResponse","request_id":"$request$","status_code":204,'
    '"reason_phrase":"No Content"}'
)


class Step:
    """One item of the call. `gap_s`: since the item before it."""

    def __init__(self, gap_s: float) -> None:
        self.gap_s = gap_s


class Wanted(Step):
    """A request, how it is recognized, and what is answered."""

    def __init__(self, request: Request, number: int, answer: Template, gap_s: float) -> None:
        super().__init__(gap_s)
        self.bit, self.answer = 1 << number, answer
        self.key = key_of(request.method, request.uri)
        self.match = pattern_of(words_of(request.uri, request.query.items())).fullmatch


class Said(Step):
    """An event; over AMI or over the event socket."""

    def __init__(self, text: str, gap_s: float, *, ami: bool) -> None:
        super().__init__(gap_s)
        self.text, self.ami = Template(text), ami


class Script:
    """A recording, made ready to be played."""

    def __init__(self, recording: Recording) -> None:
        self.steps: list[Step] = []
        self.wanted: dict[_Key, list[Wanted]] = {}
        self.of_line: dict[str, Template] = {}
        answers = {one.to: one for one in recording.call if isinstance(one, Answer | Claimed)}
        before = recording.call[0].at_ms
        for item in recording.call:
            gap_s, before = (item.at_ms - before) / 1000, item.at_ms
            match item:
                case Request(number=number):
                    answer = answers[number]
                    text = _text(answer.response) if isinstance(answer, Answer) else ""
                    wanted = Wanted(item, len(self.steps), Template(text), gap_s)
                    self.wanted.setdefault(wanted.key, []).append(wanted)
                    self.steps.append(wanted)
                case Told(event=event):
                    self.steps.append(Said(_text(event), gap_s, ami=False))
                case Heard(headers=headers):
                    text = "\r\n".join([*headers, "", ""])
                    self.steps.append(Said(text, gap_s, ami=True))
        asked = {one.number: one for one in recording.line if isinstance(one, Request)}
        for item in recording.line:
            if isinstance(item, Answer):
                request = asked[item.to]
                self.of_line[f"{request.method} {request.uri}"] = Template(_text(item.response))


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()
