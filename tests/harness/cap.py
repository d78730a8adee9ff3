"""Warnings as an authority writes them: CAP 1.2 documents, and lists of links to them."""

from __future__ import annotations

from datetime import UTC, datetime

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
MALANG = "-7.9,112.5 -7.9,112.75 -8.1,112.75 -8.1,112.5 -7.9,112.5"
KLOJEN = "-7.976,112.625 -7.976,112.635 -7.985,112.635 -7.985,112.625 -7.976,112.625"
JAKARTA = "-6.1,106.7 -6.1,106.9 -6.3,106.9 -6.3,106.7 -6.1,106.7"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def area(text: str = "Jawa Timur", *polygons: str, more: str = "") -> str:
    shapes = "".join(f"<polygon>{one}</polygon>" for one in polygons)
    return f"<area><areaDesc>{text}</areaDesc>{shapes}{more}</area>"


def info(
    areas: str, *, now: float, language: str = "id", more: str = "", **changes: str | None
) -> str:
    given: dict[str, str | None] = {
        "language": language,
        "category": "Met",
        "event": "Hujan Lebat dan Petir",
        "urgency": "Immediate",
        "severity": "Moderate",
        "certainty": "Observed",
        "effective": iso(now),
        "expires": iso(now + 7200),
        "headline": "Hujan Lebat disertai Petir di Jawa Timur",
        "description": "Berpotensi hujan lebat.",
        **changes,
    }
    rows = "".join(f"<{key}>{value}</{key}>" for key, value in given.items() if value is not None)
    return f"<info>{rows}{more}{areas}</info>"


def alert(infos: str = "", *, now: float, namespace: str = CAP, **changes: str | None) -> bytes:
    given: dict[str, str | None] = {
        "identifier": "2.49.0.0.360.1",
        "sender": "signature.bmkg.go.id",
        "sent": iso(now),
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
        **changes,
    }
    rows = "".join(f"<{key}>{value}</{key}>" for key, value in given.items() if value is not None)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><alert xmlns="{namespace}">{rows}{infos}</alert>'
    ).encode()


def rss(*links: tuple[str, str]) -> bytes:
    items = "".join(
        f"<item><title>Hujan Lebat di Jawa Timur</title><link>{url}</link>"
        f"<guid>{url}</guid><pubDate>{at}</pubDate></item>"
        for url, at in links
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'.encode()


def atom(*links: tuple[str, str]) -> bytes:
    entries = "".join(
        f'<entry><id>{url}</id><updated>{at}</updated><link href="{url}"/></entry>'
        for url, at in links
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'.encode()
