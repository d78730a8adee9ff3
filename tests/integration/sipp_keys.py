"""A SIPp phone that presses keys in a talk: the scenario is written for the keys, as SIPp reads the
recording of each key (payload 101, as Asterisk offers it) when it loads a scenario."""

from __future__ import annotations

from pathlib import Path

from ngalam112.demo.sipp import SCENARIOS

_NAMES = {"*": "star", "#": "pound"}
_KEY_MS = 300


def pressing(work: Path, *turns: tuple[int, str]) -> str:
    """Write a scenario that answers and at each turn waits so many ms and presses keys."""
    steps = []
    for wait_ms, keys in turns:
        steps.append(f'<pause milliseconds="{wait_ms}" />')
        for key in keys:
            pcap = f"/usr/share/sip-tester/dtmf_2833_{_NAMES.get(key, key)}.pcap"
            steps.append(f'<nop><action><exec play_pcap_audio="{pcap}" /></action></nop>')
            steps.append(f'<pause milliseconds="{_KEY_MS}" />')
    text = (SCENARIOS / "phone_answer_until_bye.xml").read_text("utf-8")
    ack, codec = '  <recv request="ACK" />\n', "RTP/AVP 8\n      a=rtpmap:8 PCMA/8000\n"
    assert ack in text and codec in text
    text = text.replace(ack, ack + "\n".join(steps) + "\n")
    more = "RTP/AVP 8 101\n      a=rtpmap:8 PCMA/8000\n      a=rtpmap:101 telephone-event/8000\n"
    text = text.replace(codec, more)
    spelled = "_".join(_NAMES.get(key, key) for _, keys in turns for key in keys)
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"phone_press_{spelled}.xml"
    path.write_text(text, "utf-8")
    return str(path.with_suffix(""))
