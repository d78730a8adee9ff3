"""The result of a bench as one picture (SVG): ours beside app_queue and the limit. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lab.bench.stage import Figures

_WIDTH, _LEFT, _BARS = 860, 210, 470
_BAR, _GAP, _HEAD = 15, 5, 34
_COLOURS = {"ours": "#0b7a4b", "app_queue": "#b5651d", "bare": "#8a8f98"}
_NAMES = {"ours": "Ngalam 112", "app_queue": "app_queue", "bare": "bare Asterisk"}
Bar = tuple[str, str, float]
"""What it is of, the peer, and its value."""


def picture(found: Figures) -> str:
    """Draw every measure that is in the result."""
    parts, y = [], 20.0
    for title, unit, bars, scale in _panels(found):
        parts.append(_text(16, y + 14, title, weight="bold"))
        y += _HEAD
        for what, peer, value, width in _scaled(bars, logarithmic=scale):
            parts.append(_text(16, y + 12, what))
            colour = _COLOURS[peer]
            parts.append(
                f'<rect x="{_LEFT}" y="{y:.0f}" width="{width:.1f}" height="{_BAR}" rx="2" '
                f'fill="{colour}"/>'
            )
            label = f"{_figure(value)} {unit}  {_NAMES[peer]}"
            parts.append(_text(_LEFT + width + 6, y + 12, label))
            y += _BAR + _GAP
        y += 18
    about = found["machine"]
    foot = f"{about['cpu']}, {about['cores']} cores, Asterisk {about['asterisk']}"
    parts.append(_text(16, y + 8, f"{foot}, {found['pairs']} pairs, seed {found['seed']}"))
    height = y + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        f'font-family="sans-serif" font-size="12" role="img" '
        f'aria-label="Ngalam 112 beside app_queue">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" fill="#1c2430" font-weight="{weight}" '
        f'xml:space="preserve">{safe}</text>'
    )


def _scaled(bars: Sequence[Bar], *, logarithmic: bool) -> Iterator[tuple[str, str, float, float]]:
    """Give each bar its width; a logarithmic scale begins at 1."""
    longest = max(value for _, _, value in bars)
    before = ""
    for what, peer, value in bars:
        if logarithmic:
            part = math.log10(max(value, 1.05)) / math.log10(max(longest, 10.0))
        else:
            part = value / longest if longest else 0.0
        # what several bars are of stands before the first one
        yield ("" if what == before else what), peer, value, max(1.0, part * _BARS)
        before = what


def _panels(found: Figures) -> Iterator[tuple[str, str, list[Bar], bool]]:
    for part in ("p50", "p99"):
        bars = _by_peer(found.get("free_operator_ms", {}), (part,), "on duty")
        if bars:
            yield f"Free operator to next INVITE, {part} (logarithmic)", "ms", bars, True
    throughput = found.get("throughput_cps", {})
    bars = [("200 operators", peer, value) for peer, value in throughput.items() if peer in _NAMES]
    if bars:
        yield "Completed calls a second", "calls/s", bars, False
    bars = _by_peer(found.get("goodput_cps", {}), (), "times capacity comes")
    if bars:
        yield "Calls served a second, 20 operators", "calls/s", bars, False
    asterisk = found.get("asterisk_cpu_ms_per_call", {})
    bars = [("Asterisk", peer, value) for peer, value in asterisk.items() if peer in _NAMES]
    if bars:
        bars.append(("engine", "ours", found["engine_cpu_ms_per_call"]))
        yield "CPU of a call", "ms", bars, False
    bars = _by_peer(found.get("setup_ms", {}), ("digit", "p95"), "calls/s")
    if bars:
        yield "Digit to the phone's INVITE, p95", "ms", bars, False
    bars = _by_peer(found.get("growth", {}), ("free_p50_ms",), "waiting")
    if bars:
        yield "Free operator p50 with calls that wait (logarithmic)", "ms", bars, True


def _by_peer(by_peer: Figures, path: Sequence[str], what: str) -> list[Bar]:
    """The bars of one figure: for each size, the peers beside each other."""
    bars: list[Bar] = []
    for size in by_peer.get("ours", {}):
        for peer, by_size in by_peer.items():
            value = by_size.get(size, {})
            for key in path:
                value = value.get(key, {}) if isinstance(value, dict) else {}
            if isinstance(value, float | int):
                bars.append((f"{size} {what}", peer, float(value)))
    return bars
