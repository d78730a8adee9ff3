"""The receiver in docs/deliveries.md takes what the line sends, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest

from deliveries.attempt import Attempt, Delivered, Failed, Reason
from deliveries.signatures import Secret, new_secret
from deliveries.webhook import Hook, WebhookSender, event
from lab.actors.sipp import free_port
from lab.machine.waiting import eventually
from ngalam112.config.settings import PROJECT

KEY = new_secret()


class Receiver:
    """The page's code in a process; `end` ends it."""

    def __init__(self, folder: Path) -> None:
        page = (PROJECT / "docs" / "deliveries.md").read_text()
        (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        (folder / "receiver.py").write_text(code.replace("8000", str(port)))
        self._process = subprocess.Popen(
            [sys.executable, folder / "receiver.py"],
            env=os.environ | {"WEBHOOK_SECRET": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> list[str]:
        """Return what it has said."""
        self._process.kill()
        if self._process.stdout is None or self._process.stdout.closed:
            return []
        return self._process.communicate()[0].decode().splitlines()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    found = Receiver(tmp_path)
    yield found
    found.end()


async def test_the_documented_receiver_takes_what_is_signed_and_nothing_else(
    receiver: Receiver,
) -> None:
    sender = WebhookSender(("127.0.0.1",))
    body = event("dispatch.created", 0.0, {"incident": "2026-17"})

    async def sent(*keys: str) -> Attempt | None:
        hook = Hook(receiver.url, tuple(Secret(one) for one in keys))
        found = await sender.send(hook, "job-1", body, time())
        return None if isinstance(found, Failed) and found.reason is Reason.UNREACHABLE else found

    assert await eventually(lambda: sent(KEY)) == Delivered("HTTP 204")
    assert await sent(new_secret(), KEY) == Delivered("HTTP 204")
    refused = await sent(new_secret())
    assert isinstance(refused, Failed) and refused.detail == "127.0.0.1 answers 401."
    assert receiver.end() == ["dispatch.created {'incident': '2026-17'}"] * 2
