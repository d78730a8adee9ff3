"""Holds what the API answers against the type that its document tells."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ngalam112.api.table import ROUTES

_PATHS = [(one, re.compile(re.sub(r"\{\w+\}", "[^/]+", one.path))) for one in ROUTES]


def hold_to_its_type(method: str, path: str, answer: Any) -> None:
    """Fail if an answer has not exactly the fields of its type, each as it is told there."""
    route = next(one for one, at in _PATHS if one.method == method and at.fullmatch(path))
    typed = msgspec.json.encode(msgspec.convert(answer, route.answer))
    assert msgspec.json.decode(typed) == answer, path
