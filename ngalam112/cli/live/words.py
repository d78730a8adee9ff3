"""The words of the board, in English and Indonesian: all its texts are here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH, INDONESIAN = "en", "id"
LANGUAGES = (ENGLISH, INDONESIAN)

# key: English, Indonesian
_TEXTS: Mapping[str, tuple[str, str]] = {
    "line": ("Ngalam 112", "Ngalam 112"),
    "engine": ("engine {up}", "mesin {up}"),
    "up": ("ok", "ok"),
    "down": ("DOWN", "MATI"),
    "database": ("database", "basis data"),
    "behind": ("{n} entries behind", "{n} entri tertunda"),
    "load_normal": ("load normal", "beban normal"),
    "load": ("load {level}", "beban {level}"),
    "traffic": (
        "{cps} calls/s, {channels} channels, {door} wait for admission",
        "{cps} panggilan/d, {channels} kanal, {door} menunggu masuk",
    ),
    "last_call": ("last call {ago} ago", "panggilan terakhir {ago} lalu"),
    "no_call": ("no call yet", "belum ada panggilan"),
    "refused": (
        "Trunk: Asterisk has refused {n} calls within a day: ngalam112 doctor",
        "Trunk: Asterisk menolak {n} panggilan dalam sehari: ngalam112 doctor",
    ),
    "no_alarm": ("No alarm.", "Tidak ada alarm."),
    "alarm": ("ALARM", "ALARM"),
    "acknowledged": ("acknowledged by {by}", "diketahui {by}"),
    "more_alarms": ("and {n} more alarms", "dan {n} alarm lagi"),
    "no_answer": (
        "No answer from the engine since {at}; asking again.",
        "Mesin tidak menjawab sejak {at}; dicoba lagi.",
    ),
    "old": ("Below: as of {at}.", "Di bawah: pukul {at}."),
    "connecting": ("Asking the engine ...", "Menghubungi mesin ..."),
    "queue": ("QUEUE", "ANTREAN"),
    "waiting": ("waiting", "menunggu"),
    "longest": ("longest", "terlama"),
    "nobody_waits": ("Nobody waits.", "Tidak ada yang menunggu."),
    "no_category": ("(none)", "(tanpa)"),
    "next": ("NEXT", "BERIKUTNYA"),
    "kind_callback": ("call back", "telepon balik"),
    "kind_verification": ("verify", "verifikasi"),
    "kind_text": ("text", "pesan"),
    "operators": ("OPERATORS", "OPERATOR"),
    "ready": ("ready", "siap"),
    "paused": ("paused", "jeda"),
    "logged_out": ("logged out", "keluar"),
    "no_operators": ("There are no operators.", "Tidak ada operator."),
    "more": ("... {n} more", "... {n} lagi"),
    "idle": ("free", "bebas"),
    "offered": ("rings", "berdering"),
    "talking": ("talks", "bicara"),
    "holding": ("holds", "menahan"),
    "calling": ("calls", "menelepon"),
    "wrap_up": ("wrap-up", "pencatatan"),
    "out": ("out", "keluar"),
    "then_pause": ("{state}, pause", "{state}, jeda"),
    "pause_for": ("pause: {reason}", "jeda: {reason}"),
    "pause": ("pause", "jeda"),
    "no_phone": ("no phone", "tanpa telepon"),
    "unreachable": ("{phone} away", "{phone} putus"),
    "taken": ("{n} taken", "{n} dilayani"),
    "writes": ("text", "pesan"),
    "callbacks": (
        "Callbacks: {n} open, the oldest {age}",
        "Telepon balik: {n} terbuka, tertua {age}",
    ),
    "callbacks_open": ("callbacks {n}", "telepon balik {n}"),
    "no_callbacks": ("Callbacks: none open", "Telepon balik: tidak ada"),
    "dispatches": (
        "Agencies: {sending} not reached, {overdue} not accepted in time",
        "Instansi: {sending} belum terkirim, {overdue} belum diterima tepat waktu",
    ),
    "no_dispatches": ("Agencies: all told", "Instansi: semua terkirim"),
    "sending": ("not reached", "belum terkirim"),
    "overdue": ("not accepted", "belum diterima"),
    "warnings": ("Warnings: {said}", "Peringatan: {said}"),
    "feed_away": ("the feed is away", "sumber putus"),
    "feed_off": ("no feed is set", "sumber tidak diatur"),
    "none": ("none", "tidak ada"),
    "replay": ("REPLAY {at}, {speed:g} times as fast", "PUTAR ULANG {at}, {speed:g} kali"),
    "replay_over": ("REPLAY, at its end ({at})", "PUTAR ULANG, selesai ({at})"),
    "totals": (
        "Offered {offered} = {answered} answered + {information} information + {fallback} by"
        " fallback + {live} live | + {lost} lost ({lost_menu} menu, {lost_queue} queue,"
        " {lost_ringing} ringing, {lost_fallback} fallback)",
        "Masuk {offered} = {answered} terjawab + {information} informasi + {fallback} cadangan"
        " + {live} aktif | + {lost} hilang ({lost_menu} menu, {lost_queue} antrean,"
        " {lost_ringing} berdering, {lost_fallback} cadangan)",
    ),
    "within": (
        "Answered in 10 s {ten} %, in 20 s {twenty} %; median {p50} s, 95 % in {p95} s",
        "Terjawab dalam 10 d {ten} %, dalam 20 d {twenty} %; median {p50} d, 95 % dalam {p95} d",
    ),
    # keys and questions
    "key_pause": ("Pause", "Jeda"),
    "key_ready": ("Ready", "Siap"),
    "key_log_out": ("Log out", "Keluarkan"),
    "key_listen": ("Listen", "Dengar"),
    "key_first": ("First", "Dahulukan"),
    "key_move": ("Move", "Pindah"),
    "key_acknowledge": ("Alarms", "Alarm"),
    "key_quit": ("Quit", "Tutup"),
    "ask_pause": ("Pause {who}: for what?", "Jeda {who}: untuk apa?"),
    "ask_log_out": ("Log out {who}? Enter; Esc: no.", "Keluarkan {who}? Enter; Esc: batal."),
    "ask_listen": (
        "Listen to {who}: which phone is to ring?",
        "Dengarkan {who}: telepon mana yang berdering?",
    ),
    "ask_which": ("Which call? Its number in NEXT.", "Panggilan mana? Nomornya di BERIKUTNYA."),
    "ask_where": ("To which category?", "Ke kategori mana?"),
    "no_such": ("There is no call {n} in NEXT.", "Tidak ada panggilan {n} di BERIKUTNYA."),
    "did_first": ("{who} is the next one.", "{who} didahulukan."),
    "did_category": ("{who} is moved.", "{who} dipindahkan."),
    "ask_acknowledge": (
        "Acknowledge {n}: {names}? Enter; Esc: no.",
        "Tandai {n} diketahui: {names}? Enter; Esc: batal.",
    ),
    "none_to_acknowledge": ("No alarm to acknowledge.", "Tidak ada alarm baru."),
    "did_acknowledge": ("{name} is acknowledged.", "{name} diketahui."),
    "ask_why": ("Why? It is written down.", "Alasannya? Akan dicatat."),
    "did_pause": ("{who} is paused.", "{who} dijeda."),
    "did_ready": ("{who} is ready.", "{who} siap."),
    "did_logout": ("{who} is logged out.", "{who} dikeluarkan."),
    "did_listen": ("Phone {phone} rings.", "Telepon {phone} berdering."),
}
_ALARMS_IN_INDONESIAN: Mapping[str, str] = {
    "wait": "ada warga yang menunggu terlalu lama",
    "operators": "tidak ada operator yang siap",
    "phones": "telepon lebih banyak operator yang siap tidak terjangkau",
    "trunk": "trunk tidak menjawab, atau lama tidak ada panggilan",
    "recordings": "ada panggilan yang tidak direkam; lihat ngalam112 status",
    "phone": "telepon seorang operator yang siap tidak terjangkau",
    "admission": "jalur penuh; warga menunggu untuk masuk",
    "dispatches": "instansi belum menerima laporan tepat waktu: ngalam112 incident alarms",
    "engine": "mesin tidak menjawab",
    "change": "mesin lain kini melayani; lihat lognya",
    "asterisk": "mesin tidak terhubung ke Asterisk (ARI); panggilan tidak dilayani",
    "ami": "mesin tidak terhubung ke AMI; keadaan telepon tidak diketahui",
    "database": "basis data putus; jurnal menyimpan yang terjadi",
    "journal": "jurnal tidak dapat ditulis; periksa disk",
    "lost": "entri hilang karena tidak dapat disimpan; lihat log mesin",
    "clock": "jam mesin diubah",
    "disk": "ruang disk hampir habis",
    "warnings": "sumber peringatan publik putus",
}


class Words:
    """The words of one language; one that is not there is English."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else ENGLISH
        self._place = LANGUAGES.index(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values filled in."""
        return _TEXTS[key][self._place].format(**values)

    def alarm(self, key: str, text: str) -> str:
        """Return what is said of an alarm; `text` is what the line itself says, in English."""
        if self.language == ENGLISH:
            return text
        name, _, which = key.partition(" ")
        said = _ALARMS_IN_INDONESIAN.get(name, text)
        return f"{said} ({which})" if which else said
