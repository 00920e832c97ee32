"""A row of a commit in doubt: it is made durable before anything says that it is there (S5)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.journal.errors import JournalError
from agent.journal.opening import open_journal
from tests.crash.cuts import cut_rim
from tests.crash.images import lay_down
from tests.crash.record import on_record
from tests.histories import STATION, History
from tests.sim.disk import Condition, LiveRecording
from tests.sim.world import World


async def test_the_mark_never_names_a_row_that_only_memory_holds(tmp_path: Path) -> None:
    """Whenever the power goes while a journal is opened after a failed sync, nothing is lost."""
    kept, cut = tmp_path / "kept", tmp_path / "cut"
    for directory in (kept, cut):
        directory.mkdir(mode=0o700)
    images: list[Mapping[str, bytes]] = []
    source = random.Random(1)  # noqa: S311 - not a secret
    condition = Condition(World(1))
    recording = LiveRecording(kept, condition=condition)

    def take_images() -> None:
        images.extend(image for _, image in recording.platter.images(source))
        condition.cut_after = 1

    condition.cut = take_images
    with on_record(recording) as vfs:
        journal, _ = await open_journal(kept, STATION, cut_rim(vfs.name))
        history = History()
        await journal.append(history.start(1))
        condition.fails = "sync"
        with pytest.raises(JournalError):
            await journal.append(history.links(1))
        await journal.close()
        condition.heal()
        condition.cut_after = 1
        journal, found = await open_journal(kept, STATION, cut_rim(vfs.name))
        condition.cut_after = None
        await journal.close()
    assert found.last is not None
    assert found.last.seq == history.rows[-1].seq
    assert len(images) > 10
    for image in images:
        lay_down(image, cut)
        journal, found = await open_journal(cut, STATION, cut_rim())
        await journal.close()
        assert found.lost == ()
