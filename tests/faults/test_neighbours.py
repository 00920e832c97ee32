"""A neighbour through bad days: what is said to be all of it is true, and in the end all is known.

Chance decides: the saw records and loses its broker, begins new runs, answers resends or not; the
broker goes, loses messages and sends others twice; the reader is stopped and begins again, and its
file rots. Beside it stands what the saw truly recorded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from agent.app.neighbouring import Neighbourhood
from agent.app.registries import registries
from agent.app.surroundings import Surroundings
from agent.config.load import load
from agent.core.events import Result
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.trace.lookup import Known
from tests.contract.test_neighbours import BENCH
from tests.contract.test_neighbours_elsewhere import FOLLOWS
from tests.doubles import InlineWorker, ManualClock, SeededRandom, settled
from tests.histories import STATION, History
from tests.neighbour_rig import Broker, Elsewhere
from tests.unit.app.test_trouble import Told

STEPS = 100
UNITS = [f"SN-{n}" for n in range(8)]


@dataclass
class Days:
    """The saw, the broker and who follows it."""

    directory: Path
    random: Random
    clock: ManualClock = field(default_factory=ManualClock)
    broker: Broker = field(default_factory=Broker)
    truth: dict[str, str] = field(default_factory=dict)
    """The newest result of each unit at the saw."""
    said: int = 0
    """Answers that were said to be all."""
    hood: Neighbourhood | None = None
    _running: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.saw = Elsewhere(self.broker)
        self.is_joined = True
        """Whether the saw reaches the broker."""
        file = self.directory / "press.yaml"
        text = BENCH.format(name="press", previous=f"previous: [{STATION}]") + FOLLOWS
        file.write_text(text, encoding="utf-8")
        self.config = load(file, registries())

    # -------------------------------------------------------------- the reader

    async def begin(self) -> None:
        """Begin to follow the saw."""
        around = Surroundings(
            clock=self.clock,
            random=SeededRandom(),
            worker=lambda _: InlineWorker(),
            journal=Rim(files=DiskFiles(), clock=self.clock, worker=lambda _: InlineWorker()),
            secret=str,
            directory=self.directory,
            journal_path=self.directory / "journal",
            attach=self.broker.attach,
        )
        wanted = self.config.neighbours
        assert wanted is not None
        self.hood = Neighbourhood(self.config, wanted, around, Told(), lambda _link: True)
        self._running = asyncio.create_task(self.hood.run())
        await settled()

    async def stop(self) -> None:
        """Stop, wherever it is."""
        assert self._running is not None
        assert self.hood is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.hood.close()

    async def known(self, unit: str) -> Known:
        """Return what the reader knows of a unit."""
        assert self.hood is not None
        asked = asyncio.ensure_future(self.hood.sources[STATION].known({unit}))
        await settled()
        await self.clock.advance(1)
        return asked.result()

    async def ask(self, unit: str) -> None:
        """Ask for a unit: what is said to be all of it is the truth."""
        known = await self.known(unit)
        if known.is_whole:
            self.said += 1
            results = [stay.result for stay in known.history.stays]
            assert (results[-1] if results else None) == self.truth.get(unit)

    # -------------------------------------------------------------- what happens

    async def record(self) -> None:
        """Record some units at the saw, and send what the broker lets through."""
        for _ in range(self.random.randrange(1, 4)):
            unit = self.random.choice(UNITS)
            result = self.random.choice([Result.OK, Result.NOK])
            self.saw.history.unit(unit, result=result)
            self.truth[unit] = result.value
        await self.publish()

    async def publish(self) -> None:
        """Send what is to be sent, if the saw reaches the broker; some of it is lost there."""
        if self.is_joined and self.broker.is_up:
            lost = [n for n in range(5) if self.random.random() < 0.08]
            await self.saw.send(without=lost)

    async def join(self, *, joined: bool) -> None:
        """Let the saw lose its broker, which says so, or find it again and send what waited."""
        if self.broker.is_up:
            self.is_joined = joined
            self.saw.online(up=joined)
            await self.publish()
            await settled()

    async def start_anew(self) -> None:
        """Begin a new run of the saw's agent."""
        self.saw.history.start(int(self.saw.history.rows[-1].epoch[:6]) + 1)
        await self.publish()

    async def go(self, *, up: bool) -> None:
        """Let the broker go or come; the saw finds it again."""
        await self.broker.go(up=up)
        await self.publish()

    async def repeat(self) -> None:
        """Send some old events once more."""
        if self.broker.is_up:
            for row in self.random.choices(self.saw.history.rows, k=3):
                self.saw.publish(row)
        await settled()

    async def restart(self) -> None:
        """Stop the reader and begin again; now and then its file has rotted."""
        await self.stop()
        for file in (self.directory / "neighbours").glob("*.db"):
            if self.random.random() < 0.2:
                file.write_bytes(b"rot" * 3000)
        await self.begin()

    async def step(self) -> None:
        """Let something happen."""
        chance = self.random.random()
        if chance < 0.28:
            await self.record()
        elif chance < 0.64:
            await self.ask(self.random.choice(UNITS))
        elif chance < 0.71:
            await self.join(joined=not self.is_joined or self.random.random() < 0.2)
        elif chance < 0.76:
            await self.go(up=not self.broker.is_up or self.random.random() < 0.4)
        elif chance < 0.80:
            await self.start_anew()
        elif chance < 0.84:
            await self.repeat()
        elif chance < 0.87:
            await self.restart()
        elif chance < 0.90:
            self.saw.answers = self.random.random() < 0.8
        else:
            await self.clock.advance(self.random.choice([1, 5, 70]))

    async def heal(self) -> None:
        """Let all that is away come back, and what lacks be sent again."""
        self.saw.answers = True
        await self.go(up=True)
        await self.join(joined=True)
        self.saw.position()
        await self.clock.advance(150)


@pytest.mark.parametrize("seed", range(12, 20))
async def test_what_is_said_to_be_all_is_true_and_in_the_end_all_is(
    seed: int, tmp_path: Path
) -> None:
    """Through all of it no answer that claims to be whole is wrong; healed, each unit is known."""
    days = Days(tmp_path, Random(seed))  # noqa: S311 - not for secrets
    await days.begin()
    await days.saw.begin()
    for _ in range(STEPS):
        await days.step()
    await days.heal()
    for unit in UNITS:
        known = await days.known(unit)
        assert known.is_whole
        assert [stay.result for stay in known.history.stays] == results(days.saw.history, unit)
    await days.stop()
    assert days.said > 0  # else it would be true of nothing


def results(history: History, unit: str) -> list[str]:
    """Return the results of a unit at the saw, oldest first."""
    words = {Result.OK.value.encode(): "ok", Result.NOK.value.encode(): "nok"}
    return [
        next(word for raw, word in words.items() if b'"result":"' + raw + b'"' in row.body)
        for row in history.rows
        if row.unit == unit
    ]
