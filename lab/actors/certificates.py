"""A certificate for localhost and 127.0.0.1, made for this run, that vouches for itself."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from functools import cache
from pathlib import Path


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate for localhost, which vouches for itself, for one day."""
    key, certificate = folder / "server.key", folder / "server.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    whom = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate), "-noenc", "-days", "1"]
    subprocess.run([*make, *whom, *files], check=True, capture_output=True)
    return key, certificate


@cache
def _made() -> tuple[tempfile.TemporaryDirectory[str], Path, Path]:
    """The folder, which goes with this process, and in it the key and the certificate."""
    folder = tempfile.TemporaryDirectory(prefix="ngalam112-tls-")
    return folder, *_certificate(Path(folder.name))


def ca_file() -> Path:
    """The file by which a client trusts the servers of this process."""
    return _made()[2]


def server_tls() -> ssl.SSLContext:
    """What a server of a play or a test shows."""
    _, key, certificate = _made()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
