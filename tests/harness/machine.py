"""A pytest plugin: the machine under the tests. Stalls are measured, and no test suffers from one.

A test that failed while the machine stood still for longer than `SLACK_S` is repeated, at most
twice, with fresh fixtures, and the run's summary says so. One that failed without a stall is never
repeated. A failure names the folder in which its cause is kept (`what_happened.txt` first).
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import examples
import lines
import pytest
import side_by_side
import structlog
from _pytest.runner import runtestprotocol
from xdist.scheduler import LoadScopeScheduling

from lab.machine import failure_report
from lab.machine.busy import has_room
from lab.machine.stalls import stalls, stood_still, watched
from ngalam112.config.settings import PROJECT

SLACK_S = 0.25
"""Every bound of a test has at least so much room for what the machine does."""
MOST_REPEATS = 2
PLAYS_AT_ONCE = 1 if examples.FULL else 2
_MOST_WAIT_S = 30.0
_FAILURES = "NGALAM112_FAILURES"  # where plays keep theirs as well
_SPOILED = "spoiled"
_KEPT = pytest.StashKey[Path]()
_WATCH = pytest.StashKey[ExitStack]()
_TURNS = pytest.StashKey["Turns"]()


# as text and nothing more: colours and columns that nobody sees were a tenth of the unit tests' CPU
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
    ]
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Name the folder of this run's failures; workers have the name from the one who has them."""
    given = getattr(config, "workerinput", {}).get("failures")
    if given is None:
        base = Path(os.environ.get(_FAILURES) or PROJECT / "var" / "failures")
        given = str(base / time.strftime(f"%Y%m%d-%H%M%S-{os.getpid()}"))
    config.stash[_KEPT] = Path(given)
    os.environ[_FAILURES] = given
    name = "ngalam112-" + re.sub(r"[^0-9-]", "", Path(given).name)
    turns = config.stash[_TURNS] = Turns(Path(tempfile.gettempdir()) / name)
    config.pluginmanager.register(turns)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where this run keeps its failures."""
    node.workerinput["failures"] = str(node.config.stash[_KEPT])


class Scheduler(LoadScopeScheduling):
    """Says which tests run in one process: those that share a line. All others go out singly.

    Each play has a crowd of its own, so no more than `PLAYS_AT_ONCE` processes take plays; they
    take one after the other until there is none left, while the others take what is no play.
    (Groups by xdist's own mark are lost with pytest 9.2, which has ids of tests that xdist 3.8
    cannot change.)
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self._players: set[Any] = set()

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.endswith("test_bench.py"):
            return file  # two benches at a time would measure each other
        return file if _text(file).count('scope="module"') else nodeid

    def _assign_work_unit(self, node: Any) -> None:
        first = next((scope for scope in self.workqueue if self._may_take(node, scope)), None)
        if first is None:
            node.shutdown()  # it does what it has, and there are only plays left
            return
        if _is_play(first.partition("::")[0]):
            self._players.add(node)
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)

    def _may_take(self, node: Any, scope: str) -> bool:
        if not _is_play(scope.partition("::")[0]):
            return True
        return node in self._players or len(self._players) < PLAYS_AT_ONCE

    def _reschedule(self, node: Any) -> None:
        # a play lasts a minute: one that waits behind another is enough (fewer than two tests a
        # process does not begin)
        if node in self._players and self._pending_of(self.assigned_work.get(node, {})) > 1:
            return
        super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """A process has ended, or crashed: another one may take plays."""
        self._players.discard(node)
        crashed: str | None = super().remove_node(node)
        return crashed


class Turns:
    """Says when a test begins: how many may run beside each other is what the machine can bear.

    No test runs beside a play that fills the machine: each would hear what is not its own. Of the
    others, one that starts Asterisk, SIPp or the like begins once few programs wait for a
    processor, or nobody else runs, or it has waited for `_MOST_WAIT_S`; so the suite slows down
    beside other work instead of failing. Around everything else that is done for a test, so that
    its time limit does not count the wait.
    """

    def __init__(self, file: Path) -> None:
        self._gate, self._room = file.with_suffix(".gate"), file.with_suffix(".room")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Wait for the turn of this test, and give it back."""
        with self._room.open("a") as room:
            # whoever waits for the whole room keeps the gate, so that no others come in meanwhile
            with self._gate.open("a") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                fcntl.flock(room, fcntl.LOCK_EX if _fills_the_machine(item) else fcntl.LOCK_SH)
                if _starts_programs(item):
                    self._wait_for_room(room)
            return (yield)

    def _wait_for_room(self, room: IO[str]) -> None:
        """Wait, with the gate in hand, until one more test does not slow down the others."""
        until = time.monotonic() + _MOST_WAIT_S
        while not has_room() and time.monotonic() < until:
            try:
                fcntl.flock(room, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # what was a shared lock before is none now
                fcntl.flock(room, fcntl.LOCK_SH)
            else:
                fcntl.flock(room, fcntl.LOCK_SH)
                return  # nobody else runs: what is busy is not ours

    def remove(self) -> None:
        """Leave nothing behind."""
        for file in (self._gate, self._room):
            file.unlink(missing_ok=True)


def _fills_the_machine(item: pytest.Item) -> bool:
    play = item.get_closest_marker("play")
    return play is not None and bool(play.kwargs.get("fills_the_machine"))


def _starts_programs(item: pytest.Item) -> bool:
    """Whether a test has an Asterisk; one with databases alone is over sooner than it is asked."""
    return "programs" in getattr(item, "fixturenames", ())


@functools.cache
def _text(file: str) -> str:
    path = PROJECT / file
    return path.read_text("utf-8") if path.is_file() else ""


def _is_play(file: str) -> bool:
    return "pytest.mark.play" in _text(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    """Give the tests to the processes as said above."""
    config.option.loadscopereorder = False
    return Scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let plays begin first, and what takes milliseconds come last, to fill up.

    What mounts disks of its own is left to `make test FULL=1`.
    """
    if not examples.FULL:
        left = [item for item in items if item.get_closest_marker("disk") is not None]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    for item in items:
        if "unit" not in item.path.parts:
            item.add_marker(pytest.mark.integration)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if _fills_the_machine(item):
        return -1  # all else waits for these: it is to wait once
    if _is_play(item.nodeid.partition("::")[0]):
        return 0
    return 1 if item.get_closest_marker("integration") is not None else 2


def pytest_sessionstart(session: pytest.Session) -> None:
    """Watch the machine from now on."""
    watch = ExitStack()
    folder = watch.enter_context(tempfile.TemporaryDirectory(prefix="ngalam112-machine-"))
    watch.enter_context(watched(Path(folder) / "stalls"))
    session.config.stash[_WATCH] = watch


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Watch it no longer."""
    session.config.stash[_WATCH].close()
    if not hasattr(session.config, "workerinput"):
        session.config.stash[_TURNS].remove()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, and again if it failed while the machine stood still."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    spoiled = 0
    while True:
        begun = time.monotonic()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        # what several tests of a file play together has begun with the first of them
        still = stood_still(side_by_side.begun(getattr(item, "module", None), begun))
        failed = any(report.failed for report in reports)
        if not failed or still <= SLACK_S or spoiled == MOST_REPEATS:
            break
        spoiled += 1
        item.user_properties.append((_SPOILED, f"{still:.1f} s"))
        # what the failed one has left behind in a shared line must not meet the next try
        item.session._setupstate.teardown_exact(None)
    for report in reports:
        report.user_properties = list(item.user_properties)
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep what tells the cause of a failure, while the test's lines are still there."""
    report = yield
    if report.failed:
        with suppress(OSError):
            where = _keep(item, call, str(report.longreprtext))
            report.sections.append(("what happened", _in_short(where)))
    return report


def _keep(item: pytest.Item, call: pytest.CallInfo[None], error: str) -> Path:
    """Keep the logs of all lines that this test had; returns the folder."""
    begun = time.monotonic() - (time.time() - call.start)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", item.nodeid.rpartition("/")[2])[:120]
    folder = item.config.stash[_KEPT] / name
    found = [f"{end - begin:.1f} s" for begin, end in stalls(begun)]
    facts = {
        "test": item.nodeid,
        "stage": call.when,
        "took": f"{call.duration:.1f} s",
        "the machine stood still": ", ".join(found) or "never for over 0.1 s",
        "load of the machine": " ".join(f"{one:.1f}" for one in os.getloadavg()),
    }
    homes = lines.homes_since(begun)
    for index, home in enumerate(homes):
        failure_report.keep_failure(home, folder / f"line-{index}", facts)
    if not homes:
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}: {fact}\n" for name, fact in facts.items())
        (folder / "what_happened.txt").write_text(text)
    (folder / "error.txt").write_text(error)
    return folder


def _in_short(folder: Path) -> str:
    """Where it is kept, and what the log of a line says of it."""
    said = [f"kept in {folder}"]
    for file in sorted(folder.glob("**/what_happened.txt")):
        said += [line[:200] for line in file.read_text("utf-8", "replace").splitlines()[:40]]
    return "\n".join(said)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which tests were repeated, and where failures are kept."""
    spoiled: dict[str, list[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                found = [value for name, value in report.user_properties if name == _SPOILED]
                if found:
                    spoiled[report.nodeid] = found
    for nodeid, found in spoiled.items():
        terminalreporter.write_line(
            f"spoiled: {len(found)}  {nodeid}: repeated, for the machine stood still for "
            f"{' and '.join(found)}"
        )
    folder = terminalreporter.config.stash[_KEPT]
    if folder.is_dir():
        terminalreporter.write_line(f"What tells the causes is in {folder}")
