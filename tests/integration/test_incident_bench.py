"""The bench's measure of incidents, with fewer of them, on real databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench import incidents
from lab.bench.incident_questions import QUESTIONS
from lab.bench.incident_rows import City
from lab.bench.peers import Ground
from lab.bench.stage import Stage
from lab.bench.tables import write_tables
from lab.chaos.postgres import PostgresFailed, PostgresServer
from models.tables import IncidentRow
from ngalam112.terminal import console
from pbx.programs import Programs
from places.districts import load_districts


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Stage:
    folder = tmp_path_factory.mktemp("b")  # a short name, for that of the socket
    ground = Ground(folder=folder, sounds=folder, programs=Programs.find(), timezone="Asia/Jakarta")
    return Stage(ground, 112, 1, said.append, quick=True)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "COUNT", 1500)
    monkeypatch.setattr(incidents, "QUICK_ROUNDS", 5)


async def test_every_question_is_measured_on_both_databases(
    stage: Stage, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = await incidents.measure(stage)
    assert set(found["incidents"]) == {"sqlite", "postgresql"}
    for one in found["incidents"].values():
        assert one["count"] == 1500 and list(one["questions"]) == list(QUESTIONS)
        for what, figures in one["questions"].items():
            assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["max_ms"], what
            assert figures["index"]
        assert one["questions"]["list open"]["rows"] == 60
        assert one["questions"]["by number"]["rows"] == 1
    assert any("filling postgresql" in line for line in said)
    write_tables(console(), found, [])
    assert "What is asked of 1,500 incidents on sqlite" in capsys.readouterr().out


async def test_without_postgresql_the_other_one_is_measured(
    stage: Stage, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: PostgresServer) -> None:
        raise PostgresFailed("initdb failed: it is not installed")

    monkeypatch.setattr(PostgresServer, "start", start)
    found = await incidents.measure(stage)
    assert set(found["incidents"]) == {"sqlite"}
    assert "initdb failed" in said[-1]


def test_the_same_seed_draws_the_same_city() -> None:
    def drawn(seed: int) -> list[object]:
        districts = load_districts(Path("places") / "malang.geojson")
        city = City(seed, 300, incidents.NOW, incidents.load_categories(), districts)
        return [row for rows in city.batches() for row in rows[IncidentRow]]

    assert drawn(1) == drawn(1) != drawn(2)
