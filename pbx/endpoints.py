"""How Asterisk dials: a phone of the line, a SIP address, or digits through the carrier."""

from __future__ import annotations


def endpoint(phone: str, carrier: str) -> str:
    """What Asterisk dials for a phone's number, a SIP address ("sip:") or digits ("tel:")."""
    if phone.startswith("sip:"):
        return f"PJSIP/outside/{phone}"
    if phone.startswith("tel:"):
        return f"PJSIP/outside/sip:{phone.removeprefix('tel:')}@{carrier}"
    return f"PJSIP/{phone}"
