"""The links to Asterisk are cut: packets vanish, nothing is closed; in a network of its own.

Line and people run in a network namespace made for them, which ends with them; in it packets of
one port are dropped by nftables. That needs root, or a user namespace in which we are root.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec

from lab.chaos import verdict
from lab.chaos.engine import RINGS_LIMIT_S, SERVED_WITHIN_S, STANDBY_WITHIN_S
from lab.chaos.line import ChaosFailed
from lab.chaos.notes import FALLBACK, times
from lab.chaos.play import Ended, Moment, Stage, a_play, ending, row
from lab.chaos.verdict import Row
from lab.machine.stalls import watched
from ngalam112.config.settings import PROJECT
from pbx.processes import end, start
from pbx.programs import Programs

BACK_LIMIT_S = 10.0  # from the end of the cut
_DROP = """table inet chaos {{
  chain input {{
    type filter hook input priority 0; policy accept;
    tcp dport {port} drop
    tcp sport {port} drop
  }}
}}
"""
_END_WITHIN_S = 60.0
_NEW_AFTER_S = 1.0
_CALM_S, _QUICK_S = (4.0, 6.0), (2.0, 3.0)  # others call for so long before the cut
_AFTER_S = (10, 5)  # how long others call after the cut, in which a gap would be seen


class Inside(msgspec.Struct, frozen=True):
    """What the process in the namespace is told: the stage, without what cannot be told."""

    fault: str
    base: str
    sounds: str
    seed: int
    quick: bool
    timezone: str


async def ari_cut(stage: Stage) -> Row:
    """No packet of ARI arrives for half a minute."""
    return await _in_a_network("ari_cut", stage)


async def ami_cut(stage: Stage) -> Row:
    """No packet of AMI arrives for half a minute."""
    return await _in_a_network("ami_cut", stage)


async def _in_a_network(fault: str, stage: Stage) -> Row:
    """Play it in a process that has a network namespace of its own; return its verdict."""
    told = Inside(
        fault,
        str(stage.base),
        str(stage.sounds),
        stage.random.randrange(1 << 30),
        stage.quick,
        stage.timezone,
    )
    apart = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--"]
    process = await start(
        *("setpriv", "--pdeathsig", "TERM", "--"),
        *apart,
        *(sys.executable, "-m", "lab.chaos.network", msgspec.json.encode(told).decode()),
        cwd=PROJECT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await _talk(process, stage)
    finally:
        await asyncio.shield(asyncio.ensure_future(end(process, within=_END_WITHIN_S)))
    try:
        return msgspec.json.decode(out, type=Row)
    except msgspec.DecodeError:
        raise ChaosFailed(errors or f"it ended with {process.returncode}") from None


async def _talk(process: asyncio.subprocess.Process, stage: Stage) -> tuple[bytes, str]:
    """Pass on what the process says; return what it prints, and its last word."""
    assert process.stdout is not None and process.stderr is not None
    reading = asyncio.create_task(process.stdout.read())
    last = ""
    try:
        while line := (await process.stderr.readline()).decode("utf-8", "replace").rstrip():
            last = line
            stage.say(line)
        return await reading, last
    finally:
        reading.cancel()


# --- in the namespace -------------------------------------------------------------------------


@asynccontextmanager
async def cut(port: int) -> AsyncIterator[None]:
    """Drop every packet to and from a port, until the block is left."""
    await _run("nft", "-f", "-", given=_DROP.format(port=port))
    try:
        yield
    finally:
        await _run("nft", "delete", "table", "inet", "chaos")


async def _run(*argv: str, given: str = "") -> None:
    # not on every user's path
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            input=given,
            capture_output=True,
            text=True,
            timeout=10,
            env={**os.environ, "PATH": path},
        )

    try:
        done = await asyncio.to_thread(run)
    except FileNotFoundError:
        raise ChaosFailed(f"There is no {argv[0]} on this machine; run `make setup`.") from None
    if done.returncode != 0:
        raise ChaosFailed(f"{' '.join(argv)} failed: {done.stderr.strip()[:200]}")


async def _cut_ari(stage: Stage) -> Row:
    return await _play("ari_cut", stage, by_fallback=True)


async def _cut_ami(stage: Stage) -> Row:
    return await _play("ami_cut", stage, by_fallback=False)


async def _play(fault: str, stage: Stage, *, by_fallback: bool) -> Row:
    """Cut a link while citizens call, fewer than there are operators."""
    await _run("ip", "link", "set", "lo", "up")
    seconds, at_once = stage.of(30, 10), stage.of(10, 5)
    async with a_play(stage, desks=at_once + 6, pairs=2) as play:
        await play.all_come()
        await play.players.crowd(at_once=at_once)
        await play.line.stands_by(STANDBY_WITHIN_S)
        await asyncio.sleep(stage.random.uniform(*(_QUICK_S if stage.quick else _CALM_S)))
        up = await play.line.stages()
        settings = play.line.settings
        begun = Moment.now()
        async with cut(settings.ari_port if by_fallback else settings.ami_port):
            stage.say(f"cut: {up}")
            await asyncio.sleep(_NEW_AFTER_S)
            # who is up may stay up till the cut is over: others must come
            await play.players.crowd(calls=stage.of(20, 4), rate=1.0)
            await asyncio.sleep(seconds - _NEW_AFTER_S)
            over = Moment.now()
        stage.say("whole again")
        await asyncio.sleep(stage.of(*_AFTER_S))
        ended = await ending(play, SERVED_WITHIN_S, [begun, over])
        broken = ended.broken(play.endpoints, [begun, over])
    losses, late, fallback = in_the_cut(ended, begun.wall, over.wall)
    back = verdict.back_s(ended.calls, ended.phones, over.wall)
    if back is None:
        losses.append("no engine offered a call after the cut's end")
    elif back > BACK_LIMIT_S:
        late.append(f"an engine offered a call {back:.2f} s after the cut's end")
    if by_fallback and not fallback:
        losses.append("the fallback has served nobody who called during the cut")
    cut_off, vain = verdict.cut_talks(ended.phones, ended.calls)
    return row(
        fault,
        ended,
        calls_up=sum(up.values()),
        back_s=back,
        losses=[*losses, *broken.cut, *cut_off],
        late=[*late, *broken.late],
        details={
            "up": up,
            "cut_s": seconds,
            "rang_by_fallback_in_the_cut": fallback,
            "answered_in_vain": vain,
            "by_fallback": ended.by_fallback(),
            **broken.shown,
        },
    )


def in_the_cut(ended: Ended, begun: float, over: float) -> tuple[list[str], list[str], int]:
    """Say who dialled during the cut and rang no phone, and who late; count the fallback's.

    Who dialled in its last seconds may ring after it.
    """
    rings = times(ended.phones, "rings")
    by_fallback = {note.citizen for note in ended.phones if note.shown == FALLBACK}
    new = {who: at for who, at in times(ended.citizens, "dialled").items() if begun < at < over}
    never = [f"{who} dialled during the cut and rang no phone" for who in new.keys() - rings.keys()]
    after = {who: rings[who] - at for who, at in new.items() if who in rings}
    late = [
        f"{who} dialled during the cut and rang a phone after {seconds:.2f} s"
        for who, seconds in after.items()
        if seconds > RINGS_LIMIT_S
    ]
    return never, late, len(by_fallback & new.keys())


_PLAYS: dict[str, Callable[[Stage], Awaitable[Row]]] = {"ari_cut": _cut_ari, "ami_cut": _cut_ami}


def main(given: Sequence[str]) -> int:
    """Play one cut in the namespace that this process is in; print the row."""
    told = msgspec.json.decode(given[0], type=Inside)
    stage = Stage(
        base=Path(told.base),
        sounds=Path(told.sounds),
        programs=Programs.find(),
        random=Random(told.seed),  # noqa: S311
        quick=told.quick,
        timezone=told.timezone,
        say=lambda text: print(text, file=sys.stderr, flush=True),  # noqa: T201
    )
    try:
        # what the process that started this one sees of the machine is in another process
        with watched(stage.base.with_name(f"{stage.base.name}.stalls")):
            found = asyncio.run(_until_told(_PLAYS[told.fault](stage)))
    except Exception as error:
        stage.say(str(error))
        return 1
    sys.stdout.write(msgspec.json.encode(found).decode())
    return 0


async def _until_told(play: Awaitable[Row]) -> Row:
    task = asyncio.ensure_future(play)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    raise ChaosFailed("it was interrupted")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
