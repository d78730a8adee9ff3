"""Makes the types of answers out of the types of what is kept.

A row is answered as it is kept, with its moments as texts, so its type in the API's document has
the same fields, and cannot name another one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import GenericAlias
from typing import Annotated, Any, Optional, get_args

import msgspec
from msgspec import UNSET, UnsetType

Moment = Annotated[
    str,
    msgspec.Meta(description="In the line's time zone.", extra_json_schema={"format": "date-time"}),
]
"""A moment as JSON has it: ISO 8601 with the offset of the line's time zone."""


def is_moment(name: str) -> bool:
    """Whether a field of that name is a moment."""
    return name == "at" or name.endswith(("_at", "_since"))


def many(kind: Any) -> Any:
    """Return the type of a list of these."""
    return GenericAlias(list, (kind,))


def shown(
    kind: type[msgspec.Struct],
    name: str,
    says: str,
    *,
    without: Iterable[str] = (),
    omits: bool = False,
    **other: Any,
) -> Any:
    """Return the type of a row of `kind` in answers, under this name in the document.

    `says`: what it is; what `kind` says of its fields follows. `without`: fields that are not told.
    `omits`: what has its default may be left out. `other`: fields of another type, and further
    ones.
    """
    fields: dict[str, tuple[Any, Any]] = {}
    for one in msgspec.structs.fields(kind):
        if one.name in without:
            continue
        of = _as_told(one.name, one.type)
        left_out = omits and not one.required
        fields[one.name] = (of | msgspec.UnsetType, msgspec.UNSET) if left_out else (of, ...)
    fields |= {name: (of, ...) for name, of in other.items()}
    return _struct(name, "\n\n".join([says, *_of_fields(kind)]), fields)


def answer(name: str, says: str, **fields: Any) -> Any:
    """Return the type of an answer with these fields.

    They are always there, but for those whose type has UnsetType.
    """
    given = {one: (of, UNSET if UnsetType in get_args(of) else ...) for one, of in fields.items()}
    return _struct(name, says, given)


def _struct(name: str, says: str, fields: dict[str, tuple[Any, Any]]) -> Any:
    given = [
        (one, of) if default is ... else (one, of, default) for one, (of, default) in fields.items()
    ]
    return msgspec.defstruct(
        name, given, kw_only=True, module=__name__, namespace={"__doc__": says}
    )


def _as_told(name: str, of: Any) -> Any:
    if not is_moment(name):
        return of
    return Moment if of is float else Optional[Moment]  # noqa: UP045 - a value, not an annotation


def _of_fields(kind: type) -> list[str]:
    """What the type's own description says behind its first paragraph."""
    told = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[2]
    return [" ".join(told.split())] if told else []
