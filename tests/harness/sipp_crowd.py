"""A crowd of SIPp's at a line's phones and on its trunk, with the logs of all SIP messages."""

from __future__ import annotations

from random import Random
from typing import Any

from lines import PASSWORD, Line

from lab.actors.sipp import SippRun, credentials, free_port, run_sipp


class Crowd:
    """Plays citizens and phones on a line: so many calls at most. Logs are in the folder `work`."""

    def __init__(self, line: Line, most: int) -> None:
        self.line, self.work, self.most = line, line.settings.home / "crowd", most
        self.target = f"127.0.0.1:{line.settings.sip_port}"
        self.lot = Random("a crowd")
        self.count = 0

    async def phones(self, numbers: list[str]) -> SippRun:
        """Phones at one port: the first call of each rings on, later ones are answered."""
        port = free_port()
        accounts = [credentials(one, PASSWORD) for one in numbers]
        registered = await run_sipp(
            *(self.line.programs, self.work, "phone_register_ok"),
            target=self.target,
            port=port,
            calls=len(accounts),
            rows=accounts,
        )
        assert registered.successful == len(numbers)
        rows = [("60000", "0")] * len(numbers)
        rows += [(self._ms(200, 900), self._ms(500, 2500)) for _ in range(self.most)]
        run = self._run("phone_noted_answer_some_talk_bye", rows, port=port)
        await run.__aenter__()
        for number in numbers:
            await self.line.post(f"/api/operators/1{number}/login", {"phone": number})
        return run

    async def citizens(self, scenario: str, count: int, rate: float, *more: str) -> SippRun:
        """Citizens who press a key after 0.3 to 0.8 s; `more`: further fields of each row."""
        numbers = [f"0817{self.count + n:06}" for n in range(count)]
        self.count += count
        rows = [
            (number, "0", self._ms(300, 800), self.lot.choice("234"), *more) for number in numbers
        ]
        run = self._run(scenario, rows, target=self.target, calls=count, rate=rate)
        await run.__aenter__()
        return run

    def _run(self, scenario: str, rows: list[tuple[str, ...]], **more: Any) -> SippRun:
        return SippRun(
            *(self.line.programs, self.work, scenario),
            rows=rows,
            trace=True,
            limit_s=300,
            **more,
        )

    def _ms(self, *bounds: int) -> str:
        return str(self.lot.randint(*bounds))
