"""Writes what the line has of a person into files that only their owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ngalam112.terminal import safe
from privacy.errors import PrivacyError
from reports.privacy_export import Export

_TITLES = {
    "calls": "Panggilan",
    "callbacks": "Panggilan balik",
    "incidents": "Kejadian",
    "texts": "Percakapan tertulis",
    "requests": "Permintaan atas data pribadi",
}
_WORDS = {
    "caller_number": "nomor",
    "caller_name": "nama",
    "number": "nomor",
    "name": "nama",
    "called_number": "nomor yang dihubungi",
    "language": "bahasa",
    "category": "kategori",
    "arrived_at": "masuk",
    "operator_answered_at": "dijawab",
    "ended_at": "berakhir",
    "opened_at": "dibuka",
    "closed_at": "ditutup",
    "created_at": "dibuat",
    "outcome": "hasil",
    "place": "tempat",
    "lat": "lintang",
    "lon": "bujur",
    "radius_m": "radius (m)",
    "description": "uraian",
    "contacts": "pelapor",
    "answers": "jawaban",
    "state": "keadaan",
    "reason": "alasan",
    "note": "catatan",
    "address": "alamat",
    "body": "isi",
    "author": "penulis",
    "digit": "tombol",
    "means": "arti",
    "text": "isi",
    "kelurahan": "kelurahan",
    "kecamatan": "kecamatan",
    "received_at": "diterima",
    "due_at": "batas waktu",
    "kind": "jenis",
}
_STEPS = {
    "arrived": "panggilan masuk",
    "digit": "tombol menu",
    "key": "tombol",
    "queued": "menunggu",
    "located": "lokasi diketahui",
    "offered": "ditawarkan kepada petugas",
    "answered": "dijawab",
    "ended": "berakhir",
    "opened": "dibuka",
    "contact": "pelapor",
    "described": "uraian",
    "noted": "catatan",
    "moved": "keadaan berubah",
    "erased": "data pribadi dihapus",
}
_LISTS = ("history", "timeline", "messages")


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


class FileThere(PrivacyError):
    """A file of that name exists; what is in it may be another person's."""


def write_export(export: Export, stem: Path) -> list[Path]:
    """Write the export as JSON and as a text, both or none, mode 0600; returns the files.

    Raises FileThere or OSError.
    """
    bodies = {
        ".json": json.dumps(msgspec.to_builtins(export), indent=2, ensure_ascii=False) + "\n",
        ".txt": as_text(export),
    }
    written: list[Path] = []
    try:
        for ending, body in bodies.items():
            path = stem.with_name(stem.name + ending)
            _write(path, body, written)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return written


def _write(path: Path, body: str, written: list[Path]) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FileThere(f"{path} is there already; give --output another name.") from None
    written.append(path)
    with open(file, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(body)


def as_text(export: Export) -> str:
    """Return an export as a text for the person, in the line's own language."""
    return "\n".join(_lines(export)) + "\n"


def _lines(export: Export) -> Iterator[str]:
    yield f"Data pribadi untuk nomor {safe(export.number)} (UU 27/2022 tentang PDP, pasal 32)"
    yield f"Dibuat {export.made_at}"
    yield "Semua rincian ada dalam berkas JSON dengan nama yang sama."
    yield "Data orang lain tidak ditampilkan (pasal 33); petugas disebut menurut perannya."
    for name, title in _TITLES.items():
        rows = getattr(export, name)
        yield ""
        yield f"{title}: {len(rows)}"
        for number, row in enumerate(rows, 1):
            yield ""
            yield f"{title} {number}"
            yield from _facts(row, "  ")
    yield ""
    if export.registered_place is None:
        yield "Tempat terdaftar: tidak ada"
    else:
        yield "Tempat terdaftar"
        yield from _facts(export.registered_place, "  ")


def _facts(row: Mapping[str, Any], indent: str) -> Iterator[str]:
    """What means something to the person, with a word for it; all else is in the JSON."""
    for name, word in _WORDS.items():
        if row.get(name) not in (None, "", [], {}):
            yield f"{indent}{word}: {_said(row[name])}"
    for name in _LISTS:
        for step in row.get(name, ()):
            words = {**step, **step.get("data", {})}
            kind = words.pop("kind", "")
            rest = "; ".join(
                f"{word}: {_said(words[key])}"
                for key, word in _WORDS.items()
                if words.get(key) not in (None, "", [], {})
            )
            what = f" {_STEPS.get(kind, kind.replace('_', ' '))}" if kind else ""
            yield f"{indent}- {_said(step['at'])}{what}" + (f" ({rest})" if rest else "")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    if isinstance(value, Mapping):
        parts = (f"{_WORDS.get(name, name)}: {_said(one)}" for name, one in value.items() if one)
        return safe(", ".join(parts))
    if isinstance(value, list):
        return safe("; ".join(_said(one) for one in value))
    text = safe(str(value))
    # a moment as the clock on the wall shows it
    return text[:16].replace("T", " ") if _MOMENT.fullmatch(text) else text
