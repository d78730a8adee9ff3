"""The bench's measure of reports, with fewer calls, on real databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lab.bench import reports
from lab.bench.bounds import verdicts
from lab.bench.peers import Ground
from lab.bench.stage import Stage
from lab.bench.tables import write_tables
from models.database import Database
from ngalam112.terminal import console
from pbx.programs import Programs
from reports.summary import summary

pytest_plugins = ("databases",)


async def test_every_report_is_measured_on_both_databases(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(reports, "MONTH", 300)
    monkeypatch.setattr(reports, "MONTHS", 2)
    monkeypatch.setattr(reports, "INCIDENTS", 50)
    folder = tmp_path_factory.mktemp("b")  # a short name, for that of the socket
    ground = Ground(folder=folder, sounds=folder, programs=Programs.find(), timezone="Asia/Jakarta")
    stage = Stage(ground, 112, 1, lambda _: None, quick=True)
    found = await reports.measure(stage)
    assert list(found["reports"]) == ["sqlite", "postgresql"]
    for one in found["reports"].values():
        assert one["year_calls"] == 600 and list(one["reports"]) == list(reports.REPORTS)
    assert len([one for one in verdicts(found) if "reports on" in one.name]) == 4
    write_tables(console(), found, [])
    assert "Reports of 300 and 600 calls on postgresql, s" in capsys.readouterr().out


async def test_a_year_is_so_many_months_which_are_alike(database: Database) -> None:
    await reports.fill(database, 112, 200, months=3)
    month = timedelta(days=reports.DAYS)
    async with database.session() as session:
        whole = await summary(session)
        parts = [
            await summary(session, reports.BEGIN + n * month, reports.BEGIN + (n + 1) * month)
            for n in range(3)
        ]
    assert whole.offered == 600 and [one.offered for one in parts] == [200, 200, 200]
    assert {one.answered for one in parts} == {parts[0].answered} and whole.adds_up
