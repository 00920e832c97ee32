"""Publishing between two runs: what ends it, and what is remembered of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from agent.app.meanwhile import Meanwhile
from agent.app.outlets import Outlets
from agent.app.surroundings import Surroundings
from agent.journal.errors import JournalError
from agent.journal.held import HeldJournal
from agent.journal.opening import open_journal
from agent.journal.place import Lock
from agent.ports import Address, Worker
from agent.publisher import Publisher
from tests.doubles import InlineWorker, ManualClock, SeededRandom, settled
from tests.histories import STATION, History, epoch, rim
from tests.unit.app.test_trouble import Told
from tests.unit.journal.test_recovery import fill

PLANT = "plant"


class Mover:
    """A publisher that confirms up to an address, or finds that it cannot read on."""

    name = PLANT

    def __init__(self, journal: HeldJournal, to: Address | None) -> None:
        self._journal, self._to = journal, to
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Do one of the two."""
        self._task = asyncio.current_task()
        if self._to is None:
            raise JournalError("a page is broken")
        self._journal.move_cursor(PLANT, self._to)
        await asyncio.Event().wait()

    async def close(self, within_s: float) -> None:
        """End."""
        assert within_s == 0
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))


class Sinks:
    """The sinks of a station, of which each is such a publisher."""

    def __init__(self, to: Address | None) -> None:
        self._to = to

    def workers(self) -> list[Worker]:
        """Return a worker, as for each sink."""
        return [InlineWorker()]

    def publishers(
        self, journal: HeldJournal, workers: Sequence[Worker], *_: object
    ) -> list[Publisher]:
        """Return the publisher of it."""
        assert len(workers) == 1
        return [cast("Publisher", Mover(journal, self._to))]


class Bench:
    """What is published meanwhile, on a journal that nobody holds."""

    def __init__(self, directory: Path, to: Address | None = None, **changes: Any) -> None:  # noqa: ANN401 - whatever surrounds it
        self.clock, self.told, self.stop = ManualClock(), Told(), asyncio.Event()
        self.directory = directory
        parts: dict[str, Any] = {
            "clock": self.clock,
            "random": SeededRandom(),
            "worker": lambda _: InlineWorker(),
            "journal": rim(self.clock, worker=lambda _: InlineWorker()),
            "secret": str,
            "directory": directory,
            "journal_path": directory,
        }
        around = Surroundings(**(parts | changes))
        outlets = cast("Outlets", Sinks(to))
        self.meanwhile = Meanwhile(outlets, around, dict, self.told)
        directory.chmod(0o700)
        history = History()
        history.start(1)
        history.links(9)
        fill(directory, history)
        (directory / "lock").mkdir()

    def publish(self) -> asyncio.Task[bool]:
        """Begin to publish."""
        return asyncio.create_task(self.meanwhile.publish(STATION, self.stop))


async def test_it_ends_once_the_place_takes_writing_and_tells_how_far_sinks_came(
    tmp_path: Path,
) -> None:
    """Whether the next journal is opened or only read: its cursors are never moved back."""
    to = Address(epoch(1), 5)
    bench = Bench(tmp_path, to)
    publishing = bench.publish()
    await bench.clock.advance(30)
    assert not publishing.done()
    (tmp_path / "lock").rmdir()
    await bench.clock.advance(1)
    assert await publishing
    outside = rim(bench.clock, worker=lambda _: InlineWorker())
    journal, _ = await open_journal(tmp_path, STATION, outside)
    bench.meanwhile.bring(journal)
    assert journal.cursor(PLANT) == to
    journal.move_cursor(PLANT, Address(epoch(1), 7))
    bench.meanwhile.bring(journal)
    assert journal.cursor(PLANT) == Address(epoch(1), 7)
    await journal.close()
    assert [event for event, _ in bench.told.lines] == ["publishing_goes_on"]


async def test_it_ends_with_the_station(tmp_path: Path) -> None:
    """At once, though the place takes no writing."""
    bench = Bench(tmp_path, Address(epoch(1), 5))
    publishing = bench.publish()
    await settled()
    bench.stop.set()
    assert not await publishing


async def test_a_journal_that_cannot_be_read_on_is_to_be_opened(tmp_path: Path) -> None:
    """Nothing is kept hold of: the next opening mends what can be."""
    bench = Bench(tmp_path)
    assert not await bench.publish()
    (tmp_path / "lock").rmdir()
    Lock(tmp_path).release()


@pytest.mark.parametrize("changes", [{"publish": False}, {"journal_path": Path("/nowhere/at/all")}])
async def test_where_there_is_nothing_to_publish_nothing_is_said(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """`try` publishes nothing, and why nothing can be read is told with why nothing is recorded."""
    bench = Bench(tmp_path, **changes)
    assert not await bench.publish()
    assert bench.told.lines == []
