"""What is said of a list by the number of somebody whose data is restricted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ngalam112.api import answers


@pytest.mark.parametrize(
    ("kind", "name"), [(answers.Calls, "calls"), (answers.Incidents, "incidents")]
)
def test_how_many_are_not_shown_is_in_the_types_of_the_lists(kind: Any, name: str) -> None:
    assert msgspec.convert({name: [], "restricted": 2}, kind).restricted == 2
    assert msgspec.convert({name: []}, kind).restricted is msgspec.UNSET
    (schema,), parts = msgspec.json.schema_components([kind])
    assert schema and parts[kind.__name__]["required"] == [name]
    assert "restricted" in parts[kind.__name__]["properties"]
