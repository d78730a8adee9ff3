"""SIPp as the citizens and the phones of a storm: one process a scenario, one for all phones.

Each SIPp looks for something to do some thousand times a second, so few of them leave the line more
of a processor. All its phones are registered at one port; the next turn is that of whichever phone
is rung next. Phones that die are `lab.storm.frail_phone`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from lab.actors.sipp import (
    SCENARIOS,
    SippError,
    SippResult,
    SippRun,
    credentials,
    free_port,
    run_sipp,
)
from lab.storm.frail_phone import FrailPhone
from lab.storm.frailty import Trouble
from lab.storm.kinds import AGENCY, FATES, PHONES
from lab.storm.ledger import Heard, read_heard
from lab.storm.phones import join
from lab.storm.plan import Plan, Turn
from pbx.programs import Programs

_ALL_KINDS = "phone_as_told"
_CARRIER = "carrier_by_number_noted"
AGENCY_CALLS = "agency"
_PHONES = "phones"
_REGISTER_A_SECOND = 100.0
_STARTS_A_SECOND = 500.0  # the calls wait in SIPp for their time


def turns_in_order(plan: Plan) -> list[Turn]:
    """All turns as they are taken: the first ones of all phones, then the second ones."""
    return [turn for same in zip(*plan.turns.values(), strict=True) for turn in same]


class StormPlayers:
    """Plays a plan on one line; everything started is stopped when the block is left."""

    def __init__(
        self,
        programs: Programs,
        work: Path,
        line_port: int,
        passwords: Mapping[str, str],
        limit_s: float,
    ) -> None:
        self._programs, self._work = programs, work
        self._line_port = line_port
        self._target = f"127.0.0.1:{line_port}"
        self._passwords, self._limit_s = passwords, limit_s
        self._runs: dict[str, SippRun] = {}
        self._carrier: SippRun | None = None
        self._frail: list[FrailPhone] = []

    async def __aenter__(self) -> StormPlayers:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        await self.stop_phones()

    async def phones(self, plan: Plan, agency_port: int) -> None:
        """Register all phones and let them and the agency take calls as their turns say."""
        self._work.mkdir(parents=True, exist_ok=True)
        files = [SCENARIOS / f"{kind.scenario}.xml" for kind in PHONES]
        text = join(files)
        (self._work / f"{_ALL_KINDS}.xml").write_text(text, "ascii")
        port = free_port()
        await self._register(port, list(plan.turns))
        await self._take_calls(_PHONES, port, turns_in_order(plan))
        for number, frail in plan.frail.items():
            password = self._passwords[number]
            one = FrailPhone(number, password, self._line_port, frail.transport, frail.turns)
            await one.__aenter__()
            self._frail.append(one)
        await self._take_calls(AGENCY, agency_port, plan.agency_turns)

    async def carrier(self, port: int) -> None:
        """Let the citizens' telephones be rung, each as its number says."""
        self._carrier = SippRun(
            self._programs,
            self._work,
            _CARRIER,
            port=port,
            echo=True,
            limit_s=self._limit_s,
            noted=True,
        )
        await self._carrier.__aenter__()

    async def _register(self, port: int, phones: Sequence[str]) -> None:
        """Register these phones at one port."""
        done = await run_sipp(
            self._programs,
            self._work,
            "phone_register_ok",
            target=self._target,
            port=port,
            calls=len(phones),
            rate=_REGISTER_A_SECOND,
            limit_s=30.0,
            rows=[credentials(one, self._passwords[one]) for one in phones],
        )
        if done.successful != len(phones):
            raise SippError(
                f"Only {done.successful} of {len(phones)} phones could register; "
                f"SIPp says of the first that could not: {done.why or 'nothing.'}"
            )

    async def _take_calls(self, who: str, port: int, turns: Sequence[Turn]) -> None:
        run = SippRun(
            self._programs,
            self._work,
            _ALL_KINDS,
            port=port,
            echo=True,
            limit_s=self._limit_s,
            scenarios=self._work,
            rows=[turn.row() for turn in turns],
        )
        await run.__aenter__()
        self._runs[who] = run

    async def stop_phones(self) -> None:
        """No phone, no agency and no citizen takes calls any more."""
        runs = [*self._runs.values(), *([self._carrier] if self._carrier else [])]
        await asyncio.gather(
            *(run.stop() for run in runs), *(phone.stop() for phone in self._frail)
        )

    def troubles(self) -> list[Trouble]:
        """Return what has happened to frail phones."""
        return [trouble for phone in self._frail for trouble in phone.troubles]

    def fates(self) -> dict[str, int]:
        """Return how many calls frail phones were offered, by what was to become of them."""
        counts = Counter({fate.name: 0 for fate in FATES})
        counts.update(turn.fate.name for phone in self._frail for turn in phone.taken)
        return dict(counts)

    async def heard(self) -> list[Heard]:
        """Return what the carrier has heard; after the stop. Raises SippError if it lost count."""
        assert self._carrier is not None
        result = await self._carrier.result()
        notes = self._carrier.notes
        heard = read_heard(notes.read_text("ascii")) if notes.exists() else []
        rung = sum(one.what == "rung" for one in heard)
        if rung != result.calls:
            raise SippError(f"SIPp as the carrier counts {result.calls} calls and notes {rung}.")
        return heard

    async def taken(self, plan: Plan) -> dict[str, int]:
        """Return how many calls were taken in which way, as SIPp counts them; after the stop."""
        counts: Counter[str] = Counter({kind.scenario: 0 for kind in PHONES})
        counts[AGENCY_CALLS] = (await self._runs[AGENCY].result()).calls
        turns = turns_in_order(plan)
        for call in range((await self._runs[_PHONES].result()).calls):
            counts[turns[call % len(turns)].kind.scenario] += 1
        return dict(counts)

    async def citizens(self, plan: Plan, scenario: str) -> SippResult:
        """Play all citizens of the plan who play this scenario."""
        rows = [one.row() for one in plan.citizens if one.kind.scenario == scenario]
        return await self._run(scenario, rows)

    async def dial(self, plan: Plan) -> SippResult:
        """Dial all codes of the plan at their phones."""
        return await self._run(
            "phone_dial_code_later_until_bye",
            [
                (
                    *credentials(one.phone, self._passwords[one.phone], one.code),
                    f"{one.at * 1e3:.0f}",
                )
                for one in plan.dials
            ],
        )

    async def log_in(self, plan: Plan) -> SippResult:
        """Log all operators in from their phones, a tenth of a second apart."""
        return await self._run(
            "phone_dial_code_later_until_bye",
            [self._dialling(one.phone, "*11", index / 10) for index, one in enumerate(plan.desks)],
        )

    def _dialling(self, phone: str, code: str, at: float) -> tuple[str, ...]:
        return (*credentials(phone, self._passwords[phone], code), f"{at * 1000:.0f}")

    async def _run(self, scenario: str, rows: list[tuple[str, ...]]) -> SippResult:
        return await run_sipp(
            self._programs,
            self._work,
            scenario,
            target=self._target,
            calls=len(rows),
            rate=_STARTS_A_SECOND,
            limit_s=self._limit_s,
            rows=rows,
        )
