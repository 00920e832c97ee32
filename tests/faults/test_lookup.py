"""Kill, damage, deletion and pruning: what the look-up knows outlives them, or says it does not."""

import asyncio
import shutil
from pathlib import Path

import pytest

from agent.journal.opening import open_journal
from agent.journal.retention import Filling, Keep
from agent.ports import Address
from agent.trace.facts_file import BrokenError, set_aside
from agent.trace.lookup import COMMIT_EVERY_S, FILE, LookupStore
from agent.trace.remembered import Store
from tests.doubles import MORNING_MS, InlineWorker, ManualClock
from tests.histories import STATION, History, epoch, rim

UNITS = 120


def history() -> History:
    """Return one epoch of units."""
    made = History()
    made.start(1)
    for number in range(UNITS):
        made.unit(f"SN-{number}")
    return made


def known(store: Store) -> set[str]:
    """Return which of the units are known."""
    names = [f"SN-{number}" for number in range(UNITS)]
    return {name for name in names if store.history({name}).stays}


@pytest.mark.parametrize("every", [1, 7])
def test_a_kill_at_any_moment_costs_nothing(tmp_path: Path, every: int) -> None:
    """What a kill leaves of the file is opened; the events after its position are taken again."""
    rows = history().rows
    place = tmp_path / "killed"
    place.mkdir()
    store = Store(tmp_path / FILE, STATION)
    store._db.execute("PRAGMA cache_size = 1")  # noqa: SLF001 - so that pages are written before the commit
    for at in range(0, len(rows), 8):
        store.take(rows[at : at + 8])
        if at // 8 % every == 0:
            store.commit()
        for name in (FILE, f"{FILE}-journal"):
            (place / name).unlink(missing_ok=True)
            if (tmp_path / name).exists():
                shutil.copy(tmp_path / name, place / name)
        left = Store(place / FILE, STATION)
        assert left.committed == store.committed
        begin = [row.address for row in rows].index(left.heard) + 1 if left.heard else 0
        left.take(rows[begin:])
        assert len(known(left)) == UNITS
        assert left.since == ""
        left.close()
    store.close()


@pytest.mark.parametrize("page", range(6))
def test_a_page_that_rots_is_noticed_or_harmless(tmp_path: Path, page: int) -> None:
    """Either the file opens and knows everything, or it is set aside and filled anew."""
    rows = history().rows
    store = Store(tmp_path / FILE, STATION)
    store.take(rows)
    store.commit()
    store.close()
    content = bytearray((tmp_path / FILE).read_bytes())
    content[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    (tmp_path / FILE).write_bytes(content)
    try:
        again = Store(tmp_path / FILE, STATION)
    except BrokenError:
        set_aside(tmp_path / FILE)
        again = Store(tmp_path / FILE, STATION)
        again.take(rows)
    assert len(known(again)) == UNITS
    again.close()


async def test_a_pruned_journal_still_answers(tmp_path: Path) -> None:
    """Nothing goes that the look-up has not committed; what went is known all the same (D-142)."""
    clock = ManualClock(wall_ms=MORNING_MS + 10_000_000)
    store = LookupStore(
        tmp_path,
        STATION,
        worker=lambda _: InlineWorker(),
        clock=clock,
        keep_s=1e6,
        tell=lambda *_, **__: None,
    )
    keep = Keep(keep_s=60, quota_bytes=1 << 40, sinks={}, taken=lambda: store.taken)
    outside = rim(clock, worker=lambda _: InlineWorker(), ballast_bytes=4096, reserve_bytes=4096)
    journal, _ = await open_journal(tmp_path / "journal", STATION, outside, keep=keep)
    made = history()
    made.carry(3)
    made.links(5)
    await journal.append(made.rows[: UNITS + 1])
    await journal.append(made.rows[UNITS + 1 : UNITS + 4])
    await journal.append(made.rows[UNITS + 4 :])
    await clock.advance(10)
    assert journal.first_kept == Address(epoch(1), 1)
    feed = asyncio.create_task(store.feed(journal, None))
    await clock.advance(COMMIT_EVERY_S + 10)
    assert journal.first_kept == Address(epoch(1), UNITS + 1)
    assert journal.aged_ms is not None
    assert (await journal.unit_seen("SN-1", "end")).visits == 0
    found = await store.known({"SN-1"})
    assert (len(found.history.stays), found.since) == (1, "")
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)
    await store.close()
    await journal.close()


async def test_who_holds_a_full_journal_is_named(tmp_path: Path) -> None:
    """A look-up that cannot take what a full journal has to give up is told like a sink."""
    clock = ManualClock(wall_ms=MORNING_MS + 10_000_000)
    keep = Keep(keep_s=60, quota_bytes=1, sinks={}, taken=lambda: None)
    outside = rim(clock, worker=lambda _: InlineWorker(), ballast_bytes=4096, reserve_bytes=4096)
    journal, _ = await open_journal(tmp_path / "journal", STATION, outside, keep=keep)
    made = history()
    made.carry(3)
    await journal.append(made.rows[: UNITS + 1])
    await journal.append(made.rows[UNITS + 1 :])
    await clock.advance(3)
    filling: Filling = journal.filling
    assert filling.held_by == ("lookup",)
    assert journal.first_kept == Address(epoch(1), 1)
    await journal.close()
