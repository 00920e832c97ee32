"""A state directory that is put back from a backup: what it knew is known, no id is used twice."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path

from agent.journal.chain import Proven, prove
from tests.crash.agent_machine import Life
from tests.crash.agent_work import live
from tests.crash.told import Notes
from tests.sim.oracle import event_of


def tell_nobody(_kind: str, _text: str) -> None:
    """Nothing here dies."""


def test_no_id_is_used_twice_after_a_backup_is_put_back(tmp_path: Path) -> None:
    """What was recorded since keeps its ids, and a consumer sees two successors: a fork (P21)."""
    state, backup, notes = tmp_path / "state", tmp_path / "backup", Notes()
    state.mkdir(mode=0o700)
    asyncio.run(live(state, Life(seed=1, cycles=2), notes, tell_nobody))
    shutil.copytree(state, backup)
    asyncio.run(live(state, Life(seed=2, cycles=2), notes, tell_nobody))
    shutil.rmtree(state)
    shutil.copytree(backup, state)
    asyncio.run(live(state, Life(seed=3, cycles=2, is_calm=True), notes, tell_nobody))
    delivered = [one for payload in notes.taken["plant"] if (one := proven(payload)) is not None]
    bodies = {one.row.address: one.row.body for one in delivered}
    assert all(bodies[one.row.address] == one.row.body for one in delivered)
    first = {one.row.epoch: one.previous for one in delivered if one.row.seq == 1}
    assert len(first) == 3
    assert Counter(first.values()).most_common(1)[0][1] == 2


def proven(payload: str) -> Proven | None:
    """Return the event in what a sink took."""
    return prove(event_of(payload.encode()))
