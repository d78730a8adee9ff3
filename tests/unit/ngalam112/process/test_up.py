"""What `ngalam112 up` prints: how to use the line, and each secret only when it is made."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from models.database import upgrade
from ngalam112.config.settings import load_settings
from ngalam112.process.up import _accounts, _announce


async def test_secrets_are_printed_when_they_are_made_and_never_again(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, database_url="")
    await upgrade(settings.url)
    shown = []
    for _ in range(2):
        screen = Console(file=io.StringIO(), width=200)
        _announce(settings, screen, *await _accounts(settings, screen))
        shown.append(screen.file.getvalue())  # type: ignore[attr-defined]
    first, second = shown
    secrets = re.findall(r"(?:password|PIN) (\w+) \(shown only now\)", first)
    assert len(secrets) == 8 and all(first.count(one) == 1 for one in secrets)
    assert "user 101" in second and not [one for one in secrets if one in second]
