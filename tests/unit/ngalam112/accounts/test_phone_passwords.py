"""Passwords that are made for phones, and those that SIPp cannot sign with."""

from __future__ import annotations

import re

import pytest

from lab.actors.sipp import SippError, credentials
from ngalam112.accounts.admin import new_password
from pbx.render import PASSWORD


def test_a_made_password_is_one_that_every_phone_signs_with_as_it_stands() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        assert re.fullmatch("[0-9a-f]{24}", password)
        assert PASSWORD.match(password)
        assert credentials("201", password)


def test_a_password_that_sipp_reads_as_hexadecimal_bytes_is_refused_with_its_phone() -> None:
    with pytest.raises(SippError, match=r"password of phone 201 .* begins with 0x"):
        credentials("201", "0xWQFQ83bbfcva9K")
