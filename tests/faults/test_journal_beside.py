"""A reader and a proof beside a writer that never rests: neither sees half of anything."""

import asyncio
from pathlib import Path

from agent.journal.opening import open_journal
from agent.journal.reader import JournalReader, Query
from agent.journal.verify import verify
from tests.faults.disks import FailingDisk
from tests.histories import STATION, History, rim


async def test_readers_beside_the_writer_see_whole_decisions(tmp_path: Path) -> None:
    """Each look is a prefix of what was appended, whole decisions only, and proves whole."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    history = History()
    await journal.append(history.start(1))
    ended = asyncio.Event()

    async def write() -> None:
        for _ in range(150):
            await journal.append(history.links(3))
        ended.set()

    def look() -> list[int]:
        with JournalReader(tmp_path) as reader:
            seqs = [row.seq for row in reader.query(Query())][::-1]
        assert verify(tmp_path).is_whole
        return seqs

    writing = asyncio.create_task(write())
    looks = []
    while not ended.is_set():
        looks.append(await asyncio.to_thread(look))
    await writing
    await journal.close()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in looks)
    assert {len(seqs) % 3 for seqs in looks} == {1}
    assert len(looks) > 1


async def test_each_commit_syncs_the_log(tmp_path: Path) -> None:
    """FULL is seen at work: no commit without its sync (S6)."""
    disk, history = FailingDisk(), History()
    journal, _ = await open_journal(tmp_path, STATION, rim(vfs=disk.name))
    syncs = []
    for row in history.start(1) + history.links(9):
        before = disk.calls["sync"]
        await journal.append([row])
        syncs.append(disk.calls["sync"] - before)
    await journal.close()
    assert min(syncs) == 1
