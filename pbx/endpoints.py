"""How Asterisk dials: a phone of the line, a SIP address, or digits through the carrier."""

from __future__ import annotations

ECHO = "echo:"
"""The address of the line's own echo (the context `tests` of the dialplan)."""


def endpoint(phone: str, carrier: str) -> str:
    """What Asterisk dials: a phone's number, a SIP address ("sip:"), digits ("tel:"), or ECHO."""
    if phone == ECHO:
        return "Local/echo@tests/n"
    if phone.startswith("sip:"):
        return f"PJSIP/outside/{phone}"
    if phone.startswith("tel:"):
        return f"PJSIP/outside/sip:{phone.removeprefix('tel:')}@{carrier}"
    return f"PJSIP/{phone}"
