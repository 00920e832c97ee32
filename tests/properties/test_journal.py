"""Laws of the journal against a simple model: a list, and how much of it was acknowledged."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.journal.opening import open_journal
from agent.journal.sqlite import SqliteJournal
from agent.ports import Recovery, Row
from tests.doubles import InlineWorker
from tests.histories import STATION, History, rim

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5)),
        st.tuples(st.just("carry"), st.integers(1, 3)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("kill"), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 7)),
    ),
    max_size=15,
)


class Model:
    """What has to be true of one station's journal, whatever is done to it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._generation = 0
        self.rows: list[Row] = []
        self.journal: SqliteJournal
        self.history: History

    async def begin(self) -> None:
        """Open the journal, check what was found, and begin an epoch."""
        self.journal, recovery = await open_journal(
            self._path(), STATION, rim(worker=lambda _: InlineWorker())
        )
        self._check(recovery)
        self.history = History.after(recovery)
        await self.append(self.history.start(recovery.highest_ordinal + 1))

    def _path(self) -> Path:
        return self._directory / f"{self._generation}"

    def _check(self, recovery: Recovery) -> None:
        assert recovery.last == (self.rows[-1] if self.rows else None)
        assert (recovery.lost, recovery.set_aside, recovery.mark_rebuilt) == ((), (), False)
        assert recovery.fold == tuple(self.rows[self._newest_set() :])

    def _newest_set(self) -> int:
        """Return where the newest complete set of carried states begins."""
        ends = [at for at, row in enumerate(self.rows) if b'"last":true' in row.body]
        if not ends:
            return 0
        begin = ends[-1]
        while self.rows[begin - 1].kind == "state_carried" and begin - 1 not in ends:
            begin -= 1
        return begin

    async def append(self, rows: list[Row]) -> None:
        """Append one decision and wait for it."""
        await self.journal.append(rows)
        self.rows += rows
        assert self.journal.last == rows[-1].address

    async def read(self, limit: int) -> None:
        """Read everything in pages, as a publisher does."""
        found: list[Row] = []
        while page := await self.journal.read(found[-1].address if found else None, limit):
            assert len(page) <= limit
            found += page
        assert found == self.rows

    async def restart(self) -> None:
        """End in order and begin again."""
        await self.journal.close()
        await self.begin()

    async def kill(self) -> None:
        """Go on with the files as they are at this moment."""
        before = self._path()
        self._generation += 1
        shutil.copytree(before, self._path())
        await self.journal.close()
        await self.begin()


async def run(directory: Path, actions: list[tuple[str, int]]) -> None:
    """Do all of it to one journal."""
    model = Model(directory)
    await model.begin()
    for action, count in actions:
        match action:
            case "append":
                await model.append(model.history.links(count))
            case "carry":
                await model.append(model.history.carry(count))
            case "read":
                await model.read(count)
            case "restart":
                await model.restart()
            case _:
                await model.kill()
    await model.read(100)
    await model.journal.close()


@settings(max_examples=40)
@given(ACTIONS)
def test_a_journal_is_a_list_that_outlives_its_process(actions: list[tuple[str, int]]) -> None:
    """Appends, reads, restarts and kills in any order: what was acknowledged is what is there."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), actions))
