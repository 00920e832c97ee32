"""Rot: single bits turned round in a journal that was put away (P18, P19, P23; S1, S2).

Laws:
    1. What is gone is named: by the opening, or by reading through. What is there is as issued.
    2. The station goes on: a fresh event is stored behind it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

from agent.journal.errors import JournalError
from agent.journal.opening import open_journal
from tests.crash.cuts import Run, Tally, Told, compare, cut_rim, recorded
from tests.crash.images import Platter, lay_down
from tests.crash.record import Note, Recording
from tests.histories import STATION, History, flip

KINDS = ("journal.db", "journal.db-wal", "mark")


def turn_bits(
    run: Run, work: Path, name: str, most: int, progress: Callable[[int], None] = lambda _: None
) -> Tally:
    """Record a run, then turn one bit of a file round, so many times, each time anew."""
    place, recording, tally = recorded(run, work)
    told, platter = Told(), Platter.before(recording)
    for op in recording.ops[: _last_answer(recording) + 1]:
        if isinstance(op, Note):
            told.take(op)
        else:
            platter.play(op)
    whole = platter.image(list, len(platter.entries))
    source = random.Random(run.seed + 3)  # noqa: S311 - not a secret
    with asyncio.Runner() as runner:
        for _ in range(most):
            bit = source.randrange(len(whole[name]) * 8)
            lay_down(whole, place)
            flip(place / name, bit)
            what = runner.run(judge_rot(place, told))
            tally.add(what.partition(":")[0], f"seed {run.seed}, {name} bit {bit}: {what}")
            progress(tally.images)
    return tally


def _last_answer(recording: Recording) -> int:
    """Return the step of the last acknowledgement: the log still holds what came since."""
    answers = (at for at, op in enumerate(recording.ops) if isinstance(op, Note))
    return max(at for at in answers if cast("Note", recording.ops[at]).kind == "acked")


async def judge_rot(directory: Path, told: Told) -> str:
    """Open what rotted, read through, hold it against what was told, go on."""
    try:
        journal, found = await open_journal(directory, STATION, cut_rim(), is_thorough=True)
    except JournalError as error:
        return f"unreadable: {error}"
    try:
        what = compare(await journal.read(None, 1_000_000), told, journal.cursor("plant"))
        named = [*found.lost, *journal.damage]
        if what.startswith("lost") and named:
            what = f"named: {what}, told {named}"
        fresh = History.after(found)
        await journal.append(fresh.start(found.highest_ordinal + 1))
    except JournalError as error:
        return f"stuck: {error}"
    finally:
        await journal.close()
    return what
