"""Scenarios are played beside each other, and again if the machine has spoiled them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.chaos import run
from lab.chaos.line import ChaosFailed
from lab.chaos.play import Stage
from lab.chaos.verdict import Row
from ngalam112.config.settings import Settings, load_settings
from pbx.programs import Programs


class Played:
    """Scenarios that only wait; `rows` is what each play of a scenario comes to."""

    def __init__(self, rows: dict[str, list[Row | Exception]]) -> None:
        self.rows = {name: iter(each) for name, each in rows.items()}
        self.now: set[str] = set()
        self.seen: list[set[str]] = []
        self.bases: list[str] = []
        self.lots: list[float] = []
        self.said: list[str] = []

    def scenario(self, name: str) -> run.Scenario:
        async def play(stage: Stage) -> Row:
            self.now.add(name)
            self.seen.append(set(self.now))
            self.bases.append(stage.base.name)
            self.lots.append(stage.random.random())
            await asyncio.sleep(0.01)
            self.now.remove(name)
            found = next(self.rows[name])
            if isinstance(found, Exception):
                raise found
            return found

        return play


def a_row(name: str, *, late: str = "", loss: str = "", stalls_s: float = 0.0) -> Row:
    wrong = [one for one in (loss, late) if one]
    return Row(
        fault=name,
        calls_up=1,
        lost=0,
        back_s=1.0,
        records_missing=0,
        held=not wrong,
        wrong=wrong,
        late=[late] if late else [],
        stalls_s=stalls_s,
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    async def no_sounds(_: object) -> None:
        return None

    monkeypatch.setattr(run._Chaos, "_build_sounds", no_sounds)
    monkeypatch.setattr(Programs, "find", lambda: Programs(root=None))
    yield load_settings(home=tmp_path)


async def play(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    rows: dict[str, list[Row | Exception]],
    beside: int = 1,
) -> tuple[list[Row], Played]:
    played = Played(rows)
    monkeypatch.setattr(run, "SCENARIOS", {name: played.scenario(name) for name in rows})
    base, failures = settings.home / "chaos", settings.home / "failures"
    chaos = run._Chaos(settings, base, failures, 7, played.said.append, quick=True)
    return await chaos.all(list(rows), beside), played


async def test_so_many_are_played_at_once_and_rows_keep_their_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "soak", "b", "c", "sqlite_locked"]
    rows: dict[str, list[Row | Exception]] = {name: [a_row(name)] for name in names}
    found, played = await play(settings, monkeypatch, rows, beside=2)
    assert [row.fault for row in found] == names
    assert max(map(len, played.seen)) == 2
    # what compares the line with itself has the machine for itself, after all others
    assert played.seen[-2:] == [{"soak"}, {"sqlite_locked"}]


async def test_by_default_they_are_played_one_after_the_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: dict[str, list[Row | Exception]] = {name: [a_row(name)] for name in ("soak", "a", "b")}
    _, played = await play(settings, monkeypatch, rows)
    assert played.seen == [{"soak"}, {"a"}, {"b"}]


async def test_a_play_that_was_late_in_a_stall_is_repeated_with_its_seed_on_a_fresh_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = a_row("a", late="it was late", stalls_s=3.0)
    (row,), played = await play(settings, monkeypatch, {"a": [late, a_row("a")]})
    assert (row.held, row.spoiled) == (True, 1)
    assert played.bases == ["a", "a.2"]
    assert played.lots[0] == played.lots[1]
    assert "a: the machine stood still for 3.0 s; the play is repeated" in played.said
    assert not (settings.home / "failures").exists()


async def test_it_is_repeated_twice_at_most_and_the_cause_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = a_row("a", late="it was late", stalls_s=3.0)
    (row,), played = await play(settings, monkeypatch, {"a": [late] * 4})
    assert (row.held, row.spoiled, len(played.bases)) == (False, 2, 3)
    (kept,) = (settings.home / "failures").iterdir()
    assert kept.name.startswith("chaos-a-")
    told = (kept / "what_happened.txt").read_text()
    assert "chaos --only a --seed 7 --quick" in told and "it was late" in told
    assert played.said[-1] == f"a: what tells the cause is kept in {kept}"


@pytest.mark.parametrize(
    "row",
    [
        a_row("a", late="it was late"),
        a_row("a", loss="c1 was lost", late="it was late", stalls_s=3.0),
    ],
)
async def test_without_a_stall_or_with_a_loss_it_is_never_repeated(
    row: Row, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,), played = await play(settings, monkeypatch, {"a": [row]})
    assert (found.held, found.spoiled, len(played.bases)) == (False, 0, 1)


async def test_what_cannot_be_played_has_not_held_and_the_others_are_played(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: dict[str, list[Row | Exception]] = {"a": [ChaosFailed("no Asterisk")], "b": [a_row("b")]}
    found, _ = await play(settings, monkeypatch, rows)
    assert [row.held for row in found] == [False, True]
    assert found[0].wrong == ["it could not be played: no Asterisk"]
    assert found[0].spoiled == 0


async def test_what_could_not_be_played_in_a_stall_is_played_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "stood_still", lambda _: 2.0)
    (row,), played = await play(settings, monkeypatch, {"a": [ChaosFailed("x"), a_row("a")]})
    assert (row.held, row.spoiled, played.bases) == (True, 1, ["a", "a.2"])
