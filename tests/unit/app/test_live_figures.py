"""The figures of the shift that runs, as a station keeps them for its sinks (D-112)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.app.live_figures import LiveFigures
from agent.app.outlets import figures_of
from agent.core import events as ev
from agent.journal.chain import seal
from agent.journal.commits import Store
from agent.journal.store import create
from agent.ports import Row
from drivers.base import ClockState
from tests.doubles import InlineWorker, ManualClock, MemoryJournal, settled
from tests.measured import MINUTE_MS, MORNING_MS, STATION, Day
from tests.unit.config.stations import PRESS, edited, loaded

OEE = """oee:
  ideal_cycle: 30s
  every: 5s
  shifts:
    night: {time: "06:00-07:00", days: [mon]}
    early: {time: "07:00-08:00", days: [mon]}
"""
STATE = "track:\n  state: {word: state, values: {running: 1, down: 2}}\n"
TAG = 'tags:\n  state: {device: plc, node: "nsu=urn:a;s=State"}\n'
TEXT = edited(PRESS, ("track:\n", OEE + STATE), ("tags:\n", TAG))


@dataclass
class Bench:
    """A station's figures at a minute of its morning, with a journal beside."""

    directory: Path
    clock: ManualClock
    day: Day
    rows: list[Row] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    figures: LiveFigures = field(init=False)
    journal: MemoryJournal = field(init=False)

    def __post_init__(self) -> None:
        self.figures = LiveFigures(loaded(TEXT), self.clock, self.directory, self._tell)
        self.rows = self._sealed()
        self.journal = MemoryJournal(self.rows)

    def _tell(self, event: str, **fields: object) -> None:
        self.told.append((event, str(fields["error"])))

    def _sealed(self) -> list[Row]:
        rows = list(self.rows)
        for event in self.day.events[len(rows) :]:
            rows.append(seal(event, rows[-1].hash if rows else None))
        return rows

    def commit(self) -> None:
        """Let what was recorded be on disk, for whoever reads it anew."""
        path = self.directory / "journal.db"
        path.unlink(missing_ok=True)
        store = Store(create(path, None, STATION), path)
        store.commit(self.rows, {})
        store.close()

    async def record(self) -> None:
        """Let what has happened reach the journal, and whoever follows it."""
        known = len(self.rows)
        self.rows = self._sealed()
        self.commit()
        for row in self.rows[known:]:
            self.journal.append([row])
        await settled()

    async def at(self, minute: float) -> dict[str, Any]:
        """Go on to a minute and return what is shown."""
        now_ms = MORNING_MS + minute * MINUTE_MS
        await self.clock.advance((now_ms - self.clock.now().wall_ms) / 1000)
        shown = self.figures.show()
        assert shown is not None
        return dict(shown)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep the figures until the test is done with them."""
        task = asyncio.create_task(self.figures.keep(self.journal, InlineWorker()))
        await settled()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def bench(directory: Path, minute: float = 10) -> Bench:
    """Return a morning that has gone on for some minutes; the shift began at 0."""
    day = Day()
    day.state(-30, "running")
    day.state(2, "down", "E7")
    day.state(4, "running")
    day.unit(5)
    clock = ManualClock(
        wall_ms=MORNING_MS + round(minute * MINUTE_MS),
        boot_ms=1_000_000 + round(minute * MINUTE_MS),
    )
    return Bench(directory, clock, day)


async def test_the_shift_so_far_and_the_one_before(tmp_path: Path) -> None:
    """From the journal as it was, and then with every event; what is so is so until now."""
    plant = bench(tmp_path)
    plant.commit()
    assert plant.figures.show() is None
    async with plant.keeping():
        await plant.clock.advance(6)
        first = await plant.at(11)
        running = first["running"]
        assert (running["shift"], running["produced"], running["is_over"]) == ("early", 1, False)
        assert running["times_s"]["planned_busy"] == 660.0
        assert running["losses"] == [{"category": "down", "reason": "E7", "s": 120.0}]
        assert first["last"]["shift"] == "night"
        assert first["last"]["availability"]["why"] == "coverage_below_1"
        assert (first["station"], first["as_of"]) == (STATION, plant.day.events[-1].address)
        assert plant.figures.show() is plant.figures.show()
        plant.day.unit(11.5)
        await plant.record()
        await plant.clock.advance(1.5)
        later = await plant.at(12)
        assert (later["running"]["produced"], later["as_of"]) == (2, plant.day.events[-1].address)
        over = await plant.at(61)
        assert over["running"] is None
        assert (over["last"]["shift"], over["last"]["times_s"]["planned_busy"]) == ("early", 3600)


async def test_a_correction_is_read_anew(tmp_path: Path) -> None:
    """What is no longer right is not shown any more (D-143)."""
    plant = bench(tmp_path)
    plant.commit()
    async with plant.keeping():
        wrong = plant.day.events[-1].address
        assert (await plant.at(11))["running"]["produced"] == 1
        plant.day.add(
            ev.EventCorrected, 12, supersedes=(wrong,), reason="no", who="k:1", retracted=True
        )
        await plant.record()
        await plant.clock.advance(2)
        assert (await plant.at(13))["running"]["produced"] == 0


async def test_nothing_is_shown_while_the_clock_is_not_set(tmp_path: Path) -> None:
    """Shifts go by wall time, and only while that can be trusted (D-91)."""
    plant = bench(tmp_path)
    plant.commit()
    plant.clock.clock_state = ClockState.UNSYNCED
    async with plant.keeping():
        await plant.clock.advance(6)
        assert plant.figures.show() is None
        plant.clock.clock_state = ClockState.SYNCED
        await plant.clock.advance(60)
        assert (await plant.at(12))["running"]["produced"] == 1


async def test_a_journal_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    """The station works on, and it is tried again."""
    plant = bench(tmp_path)
    async with plant.keeping():
        await plant.clock.advance(61)
        await plant.clock.advance(61)
        assert [name for name, _ in plant.told] == ["figures_failed"]
        assert "no journal here" in plant.told[0][1]
        assert plant.figures.show() is None
        plant.commit()
        await plant.clock.advance(61)
        assert (await plant.at(20))["running"]["produced"] == 1


async def test_windows_are_made_anew_before_they_are_used_up(tmp_path: Path) -> None:
    """Also where nothing is recorded for days."""
    plant = bench(tmp_path)
    plant.commit()
    async with plant.keeping():
        assert (await plant.at(11))["last"] is not None
        for _ in range(7):
            await plant.clock.advance(24 * 3600)
        shown = await plant.at(7 * 24 * 60 + 10)
        assert shown["running"]["shift"] == "early"


def test_who_declares_no_shifts_gets_no_figures(tmp_path: Path) -> None:
    """Nothing is measured against nothing (D-104)."""

    def tell(event: str, **fields: object) -> None:
        """Nobody listens."""

    without = edited(PRESS, ("track:\n", "oee: {ideal_cycle: 30s}\ntrack:\n"))
    for text in (PRESS, without):
        assert figures_of(loaded(text), ManualClock(), tmp_path, tell) is None
    assert figures_of(loaded(TEXT), ManualClock(), tmp_path, tell) is not None
