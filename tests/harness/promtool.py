"""Runs promtool, which checks what Prometheus reads; and what names an expression of it has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from deploy import promtool

_METRIC = re.compile(r"(ngalam112_[a-z0-9_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def checked(*arguments: str | Path, given: bytes = b"", cwd: Path | None = None) -> str:
    """Run it and return what it says; fails if it is not content."""
    program = promtool.find()
    assert program is not None, "There is no promtool; run `make setup`."
    done = subprocess.run(
        [program, *arguments], input=given, capture_output=True, timeout=60, cwd=cwd
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def metrics_in(expression: str) -> list[tuple[str, dict[str, tuple[str, str]]]]:
    """The metrics of an expression, each with what it says of its labels: operator and value."""
    return [
        (name, {label: (sign, value) for label, sign, value in _LABEL.findall(labels)})
        for name, labels in _METRIC.findall(expression)
    ]


def expressions_of(panels: list[dict[str, Any]]) -> list[str]:
    """The expressions of a dashboard's panels."""
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]
