"""Power cuts within recovery: an image of an image of an image (P08)."""

from __future__ import annotations

import asyncio
import random
from contextlib import ExitStack
from pathlib import Path

from agent.journal.errors import JournalError
from agent.journal.opening import open_journal
from tests.crash.cuts import Disk, Run, Tally, cut_rim, images, recorded, weaker
from tests.crash.images import Image, Platter, lay_down
from tests.crash.record import Recording, on_record

DEPTH = 5


def cut_again(run: Run, work: Path, station: str, most: int) -> Tally:
    """Record a run, cut it, cut its recovery, and so on; judge what is left at the end."""
    place, recording, tally = recorded(run, work)
    source = random.Random(run.seed + 2)  # noqa: S311 - not a secret
    first = list(images(recording, source, run.between))
    with asyncio.Runner() as runner:
        for where, image, told in source.choices(first, k=most):
            left = image
            for _ in range(DEPTH):
                left = _cut_opening(left, place, station, run.disk, source)
            lay_down(left, place)
            what = runner.run(run.judge(place, told, False))  # noqa: FBT003 - a Judge
            tally.add(what.partition(":")[0], f"seed {run.seed}, {where}, {DEPTH} deep: {what}")
    return tally


def _cut_opening(
    image: Image, place: Path, station: str, disk: Disk, source: random.Random
) -> Image:
    """Open an image on a recorded disk and return what a cut somewhere in there leaves."""
    lay_down(image, place)
    recording = Recording(place)
    with ExitStack() as undo:
        undo.enter_context(weaker(disk))
        vfs = undo.enter_context(on_record(recording))
        asyncio.run(_open(place, station, vfs.name))
    platter = Platter.before(recording)
    for op in recording.ops[: source.randrange(len(recording.ops) + 1)]:
        platter.play(op)
    return source.choice(list(platter.images(source)))[1]


async def _open(place: Path, station: str, vfs: str) -> None:
    try:
        journal, _ = await open_journal(place, station, cut_rim(vfs))
    except JournalError:
        return  # the judge says so at the end
    await journal.close()
