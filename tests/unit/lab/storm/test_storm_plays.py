"""A storm that the machine has spoiled is played again, on a line of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from lab.machine.spoiled import Repeats
from lab.storm import run
from lab.storm.ledger import ledger
from lab.storm.plan import Plan, make_plan
from lab.storm.report import Report
from lab.storm.verdict import Verdict
from ngalam112.config.settings import Settings, load_settings

HELD = Verdict(
    stuck_operators=0,
    orphan_channels=0,
    orphan_bridges=0,
    records_missing=0,
    wrapup_worst_ms=40,
    state_late_worst_ms=0,
    refers_accepted=0,
    engine_errors=0,
    complaints=0,
)
PLAN = make_plan(7, 5)


def a_report(stalls_s: float = 0.0, **changes: int) -> Report:
    verdict = msgspec.structs.replace(HELD, **changes)
    return Report(
        verdict=verdict,
        callbacks=ledger([], [], [], []),
        details={},
        wrong=verdict.late(),
        stalls_s=stalls_s,
    )


async def played(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: Sequence[Report | Exception]
) -> tuple[Report, list[str], list[str]]:
    """What counts of plays that come to this, the folders of their lines, and what is said."""
    homes: list[str] = []
    said: list[str] = []
    results = iter(found)

    async def play(plan: Plan, settings: Settings, _: object, **kills: bool) -> Report:
        assert plan is PLAN
        homes.append(settings.home.name)
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(run, "play", play)
    names = [tmp_path / name for name in ("s", "s-2", "s-3")]
    report = await run._until_it_counts(
        PLAN, load_settings(home=tmp_path), names, Repeats(said.append), said.append
    )
    return report, homes, said


async def test_a_storm_that_was_late_in_a_stall_is_played_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    late = a_report(3.0, wrapup_worst_ms=2800)
    report, homes, said = await played(monkeypatch, tmp_path, [late, late, a_report()])
    assert report.verdict.held
    assert homes == ["s", "s-2", "s-3"]
    assert said[0] == "the machine stood still for 3.0 s; the play is repeated"
    assert said[1] == "thrown away: a wrap-up was 2800 ms from its setting; 500 ms are allowed"


@pytest.mark.parametrize(
    "report",
    [
        a_report(0.0, wrapup_worst_ms=2800),
        a_report(3.0, wrapup_worst_ms=2800, records_missing=1),
        a_report(3.0),  # it was held all the same
    ],
)
async def test_without_a_stall_or_with_a_loss_it_counts(
    report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, homes, _ = await played(monkeypatch, tmp_path, [report])
    assert (found, homes) == (report, ["s"])


async def test_what_could_not_be_played_counts_unless_the_machine_stood_still(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failed = run.StormFailed("SIPp made 3 of 5 calls")
    with pytest.raises(run.StormFailed):
        await played(monkeypatch, tmp_path, [failed])
    monkeypatch.setattr(run, "stood_still", lambda _: 2.0)
    report, homes, _ = await played(monkeypatch, tmp_path, [failed, a_report()])
    assert (report.verdict.held, homes) == (True, ["s", "s-2"])
