"""One SIP request as a text, for what SIPp's scenarios do not vary: addresses, headers, methods."""

from __future__ import annotations

import re
import socket
import uuid


def ask(
    port: int,
    method: str,
    uri: str,
    sender: str,
    host: str = "127.0.0.1",
    headers: tuple[str, ...] = (),
    body: bytes = b"",
) -> int:
    """Send a request from `host` to the line at `port`; return the first final status, 0 for none.

    `sender`: the value of From. A call that is answered is hung up at once.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind((host, 0))
        link.settimeout(3.0)
        here, call = f"{host}:{link.getsockname()[1]}", uuid.uuid4().hex

        def send(method: str, number: int, to: str, *more: str) -> None:
            lines = (
                f"{method} {uri} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{call}{number}{method}",
                f"From: {sender};tag={call}",
                f"To: {to}",
                f"Call-ID: {call}@{host}",
                f"CSeq: {number} {method}",
                f"Contact: <sip:test@{here}>",
                "Max-Forwards: 70",
                *more,
                f"Content-Length: {len(body)}",
            )
            head = "\r\n".join(lines) + "\r\n\r\n"
            link.sendto(head.encode() + body, ("127.0.0.1", port))

        send(method, 1, f"<{uri}>", *headers)
        try:
            while True:
                reply = link.recv(65535).decode()
                status = int(reply.split(" ", 2)[1])
                if status >= 200:
                    break
        except TimeoutError:
            return 0
        if method == "INVITE" and status == 200:
            found = re.search(r"^To: (.*)$", reply, re.MULTILINE)
            to = found[1].strip() if found else ""
            send("ACK", 1, to)
            send("BYE", 2, to)
        return status
