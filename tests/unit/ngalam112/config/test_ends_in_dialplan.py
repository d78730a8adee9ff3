"""Whoever hangs up in the middle of the dialplan has a record, wherever that is."""

from __future__ import annotations

import re

from ngalam112.config.settings import PROJECT


def test_each_part_that_a_citizen_passes_notes_an_end() -> None:
    text = (PROJECT / "asterisk_conf" / "extensions.conf").read_text("utf-8")
    parts = dict(re.findall(r"^\[([a-z-]+)\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL))
    passed = set(re.findall(r"Gosub\(([a-z-]+),s,1\)", parts["citizens"]))
    assert {"citizen-headers", "one-of-address", "recording"} <= passed
    without = [one for one in sorted(passed) if "exten = h,1," not in parts[one]]
    assert without == [], "Asterisk runs what follows a hang-up in the part where it happens"
