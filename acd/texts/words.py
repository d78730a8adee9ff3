"""What the line itself writes: to citizens and to operators' phones.

One sentence each, in the line's own language; a citizen's text is never a part of them.
"""

from __future__ import annotations

RECEIVED = "112: pesan Anda diterima. Petugas akan membalas di sini. Tulis lokasi dan kejadian."
HELD = "112: pesan Anda diterima, banyak pesan masuk. Bila bisa, telepon 112."
EMPTY = (
    "112: pesan Anda tiba tetapi tidak terbaca (terlalu panjang atau kosong). Kirim pesan pendek."
)
FLOOD = "112: terlalu banyak pesan. Pesan berikut tidak terbaca; tunggu jawaban petugas."
FLOODING = "[112] Terlalu banyak pesan dari pengirim ini; sebagian tidak dicatat."
GOODBYE = "112: percakapan ditutup. Tulis lagi bila Anda butuh pertolongan."
SILENT = "112: Anda tidak menulis lagi, percakapan ditutup. Tulis lagi bila butuh pertolongan."


def number_is(number: str) -> str:
    """What the citizen has told of has this number, by which it can be asked for."""
    return f"112: nomor laporan Anda {number}. Untuk menanyakannya kirim: STATUS {number}"


def status(number: str, state: str, agency: str, expected: str) -> str:
    """How it stands with an incident; `agency`, `expected` (a date): "" if not known."""
    parts = [f"112: laporan {number} {_STATES.get(state, state)}"]
    if agency:
        parts.append(f"instansi {agency}")
    if expected:
        parts.append(f"jawaban paling lambat {expected}")
    return ", ".join(parts) + "."


_STATES = {
    "opened": "sudah diterima",
    "dispatched": "sudah diteruskan",
    "acknowledged": "sedang ditangani",
    "on_scene": "sedang ditangani di lokasi",
    "resolved": "sudah ditindaklanjuti",
    "closed": "sudah selesai",
    "cancelled": "dibatalkan",
    "reopened": "dibuka kembali",
}

UNREADABLE = "(pesan {size} bita yang tidak terbaca)"


def to_phone(number: str, text: str) -> str:
    """A citizen's text as it is shown on an operator's phone."""
    return f"{number}: {text}"


def taken(number: str, incident: str, close: str) -> str:
    """The operator has the conversation from now on; `incident`: its number, "" if not known."""
    of = f", insiden {incident}" if incident else ""
    return f"[112] Percakapan dengan {number}{of}. Balas di sini. Tutup: kirim atau putar {close}."


def undelivered(text: str, status: int, again: bool) -> str:
    """An answer has not arrived."""
    what = "dicoba lagi" if again else "GAGAL"
    return f"[112] Belum terkirim ({status}, {what}): {text[:60]}"


def not_yours(number: str) -> str:
    """What a phone has sent goes to nobody."""
    return f"[112] Tidak dikirim: Anda tidak memegang percakapan dengan {number}."


CLOSED = "[112] Percakapan ditutup."
TAKEN_AWAY = "[112] Tidak ada jawaban Anda; percakapan diberikan kepada petugas lain."
