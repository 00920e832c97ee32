"""What sinks hold and the journal does not: when a run begins anew for it, and when not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.app.orphaned import FARTHEST, REASON, Orphans
from agent.journal.opening import open_journal
from agent.journal.sqlite import SqliteJournal
from agent.ports import Address, Recovery
from tests.doubles import InlineWorker
from tests.histories import STATION, History, epoch, rim

HASH = "0" * 64


class Heard:
    """What was told, and how often a run was to begin anew."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.anew = 0
        self.orphans = Orphans(self._tell, self._begin)

    def _tell(self, sink: str, text: str) -> None:
        self.told.append(f"{sink}: {text.partition(' that the')[0]}")

    def _begin(self) -> None:
        self.anew += 1


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """A journal with two epochs, in the second of which it runs."""
    opened, _ = await open_journal(tmp_path, STATION, rim(worker=lambda _: InlineWorker()))
    history = History()
    await opened.append(history.start(1))
    await opened.append(history.start(2))
    yield opened
    await opened.close()


def found(lost: tuple[tuple[str, int, int, str], ...] = ()) -> Recovery:
    """Return what an opening finds."""
    return Recovery(last=None, highest_ordinal=2, fold=(), lost=lost, set_aside=())


async def test_a_first_word_of_more_begins_the_run_anew(journal: SqliteJournal) -> None:
    """The next run is behind all that is out and names it; named, there is nothing left to name."""
    heard = Heard()
    orphans = heard.orphans
    assert orphans.with_untold(found()) == found()
    assert not await orphans.is_known(journal, "plant", Address(epoch(7), 4), HASH)
    assert not await orphans.is_known(journal, "other", Address(epoch(7), 3), HASH)
    assert not await orphans.is_known(journal, "third", Address(epoch(7), 9), HASH)
    assert heard.anew == 3
    assert not await orphans.is_known(journal, "plant", Address(epoch(7), 9), HASH)
    assert len(heard.told) == 1
    assert heard.anew == 4
    assert [one.tag for one in orphans.faults("plant")] == ["history"]
    first = (epoch(1), 5, 6, "damaged")
    next_run = orphans.with_untold(found(lost=(first,)))
    assert next_run.highest_ordinal == 7
    assert next_run.lost == (first, (epoch(7), 1, 9, REASON))
    assert not orphans.told(found(lost=(first,)))
    assert orphans.told(next_run)
    assert orphans.with_untold(found()) == found()
    assert orphans.faults("plant") != ()


async def test_what_is_known_is_nothing_to_tell(journal: SqliteJournal) -> None:
    """The position of the run before is what a broker keeps."""
    heard = Heard()
    (row,) = await journal.read(None, 1)
    assert await heard.orphans.is_known(journal, "plant", row.address, row.hash)
    assert (heard.told, heard.orphans.faults("plant")) == ([], ())


async def test_another_agent_never_makes_this_one_begin_anew_again(journal: SqliteJournal) -> None:
    """What a sink says later is told as an alarm, and the run goes on: two would never end."""
    heard = Heard()
    (row,) = await journal.read(None, 1)
    assert await heard.orphans.is_known(journal, "plant", row.address, row.hash)
    assert await heard.orphans.is_known(journal, "plant", Address(epoch(3), 8), HASH)
    assert heard.told == [f"plant: it holds events of this station up to {epoch(3)}-8"]
    assert heard.anew == 0
    assert heard.orphans.with_untold(found()) == found()


async def test_what_no_agent_can_have_sent_moves_no_ordinal(journal: SqliteJournal) -> None:
    """An epoch far beyond, or another content of an address, is told and nothing else."""
    heard = Heard()
    far = Address(f"{FARTHEST + 3:06d}-00000000", 1)
    assert await heard.orphans.is_known(journal, "plant", far, HASH)
    assert await heard.orphans.is_known(journal, "other", Address(epoch(1), 1), HASH)
    assert heard.told[0] == f"plant: it holds events of this station up to {far}"
    assert heard.told[1].startswith(f"other: it holds {epoch(1)}-1 with another content")
    assert heard.anew == 0
