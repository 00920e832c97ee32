"""A disk that is full at each step of a run's growth: 4 KiB more room, and again (P10, P11).

A whole station (`agent_work`) makes parts on a small file system, as large as what lies there and
so many steps. Where it is full the machine must read 7; then somebody makes room, and the
station goes on by itself. Afterwards the oracle of killed lives is held.

The small file system is a real one, in a name space of its own: this module runs in a process that
`unshare -Urm` started. Where the machine gives none, SQLite's and the journal's way to the disk is
limited instead.

usage: [unshare -Urm] python -m tests.crash.full tmpfs|quota DIRECTORY SEED FIRST STEP POINTS
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import apsw

from agent.journal.files import DiskFiles
from tests.crash.agent_judge import judge_lives
from tests.crash.agent_machine import Disk, Life, StuckError
from tests.crash.agent_work import live
from tests.crash.cuts import Tally
from tests.crash.told import Notes
from tests.namespaces import alone

STEP = 4096
STEPS = 256
"""The last MiB of a run's growth."""
PLENTY = 64 << 20
BALLAST = 256 << 10
RESERVE, OTHER = 128 << 10, 32
"""At every other 32 points the station holds before a commit finds no room, and not after."""
CYCLES = 12
PICTURE_BYTES = 80_000
"""What each unit brings: the run grows by more than those steps, and no commit fits into one."""
CHECKPOINT_PAGES = 400
"""The log grows through the whole run: each commit takes new room."""
FULL_SHARE = 0.8
"""In so many of the points the disk must have been full, or they prove nothing."""


class Room(Protocol):
    """A disk whose size can be set."""

    files: DiskFiles
    vfs: str | None

    def limit(self, size: int) -> None:
        """Make it so large."""
        ...


class TmpfsRoom:
    """A small file system of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.files: DiskFiles = DiskFiles()
        self.vfs: str | None = None
        self._mount(f"size={PLENTY},mode=700", "small")

    def limit(self, size: int) -> None:
        """Make it so large."""
        self._mount(f"remount,size={size}", "small")

    def _mount(self, options: str, name: str) -> None:
        mount = ["mount", "-t", "tmpfs", "-o", options, name, str(self._place)]
        subprocess.run(mount, check=True, capture_output=True)


class QuotaRoom(apsw.VFS):
    """SQLite and the journal's other files as if the disk were so large."""

    numbers = itertools.count()

    def __init__(self, place: Path) -> None:
        name = f"quota-{next(self.numbers)}"
        super().__init__(name, "")
        self._place, self._size = place, PLENTY
        self.files: DiskFiles = QuotaFiles(self)
        self.vfs: str | None = name

    def limit(self, size: int) -> None:
        """Make it so large."""
        self._size = size

    @property
    def left(self) -> int:
        """How much room there is."""
        return self._size - used(self._place)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: ANN401, N802 - SQLite's name, apsw's own names of files
        """Open a file on this disk."""
        return _QuotaFile(self, name, flags)


class _QuotaFile(apsw.VFSFile):
    def __init__(self, room: QuotaRoom, name: Any, flags: list[int]) -> None:  # noqa: ANN401 - apsw's own names of files
        super().__init__("", name, flags)
        self._room = room

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write, if there is room."""
        if offset + len(data) - self.xFileSize() > max(0, self._room.left):
            raise apsw.FullError(os.strerror(errno.ENOSPC))
        super().xWrite(data, offset)


class QuotaFiles(DiskFiles):
    """The files beside the database on such a disk."""

    def __init__(self, room: QuotaRoom) -> None:
        self._room = room

    def _need(self, size: int) -> None:
        if size > self._room.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def create(self, path: Path, content: bytes) -> None:
        """Write a new file, if there is room."""
        self._need(len(content))
        super().create(path, content)

    def fill(self, path: Path, size: int) -> None:
        """Write a new file of that many bytes, if there is room."""
        self._need(size)
        super().fill(path, size)

    def free_bytes(self, directory: Path) -> int:
        """Return the space that is left."""
        del directory
        return max(0, self._room.left)


def used(place: Path) -> int:
    """Return how much room the files of a directory take, in whole steps."""
    sizes = (path.stat().st_size for path in place.rglob("*") if path.is_file())
    return sum(-(-size // STEP) * STEP for size in sizes)


@dataclass(slots=True)
class Filler:
    """Lets the disk run full at one point after the other."""

    place: Path
    base: Path
    room: Room
    seed: int
    full: int = 0
    """Points at which the disk was full, and the station said so."""
    refused: int = 0
    """Points at which the machine read 7."""

    def points(self, first: int, step: int, count: int) -> Tally:
        """Return what became of so many points, from one on, every so many steps."""
        tally, notes = Tally(), Notes()
        self.base.mkdir(mode=0o700)
        roomy = Disk(ballast_bytes=BALLAST, checkpoint_pages=CHECKPOINT_PAGES)
        asyncio.run(live(self.base, Life(seed=self.seed), notes, _nobody, roomy))
        for point in range(first, first + step * count, step):
            told = notes.copy()
            what = self._point(point, told)
            tally.events += len(told.acknowledged)
            tally.add(what.partition(":")[0], f"seed {self.seed}, {point} x 4 KiB: {what}")
        if self.full < count * FULL_SHARE or self.refused * 2 < self.full:
            seen = f"full at {self.full} of {count} points, 7 read at {self.refused}"
            tally.add("stuck", f"void: {seen}")
        return tally

    def _point(self, point: int, notes: Notes) -> str:
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.room.limit(PLENTY)
        shutil.copytree(self.base, self.place, dirs_exist_ok=True)
        self.room.limit(used(self.place) + point * STEP)
        reasons = set[object]()

        def said(event: str, **fields: object) -> None:
            if event == "not_ready":
                reasons.add(fields["reason"])

        disk = Disk(
            files=self.room.files,
            vfs=self.room.vfs,
            ballast_bytes=BALLAST,
            checkpoint_pages=CHECKPOINT_PAGES,
            picture_bytes=PICTURE_BYTES,
            reserve_bytes=RESERVE if point // OTHER % 2 else 0,
            said=said,
            relieve=lambda: self.room.limit(PLENTY),
        )
        life = Life(seed=self.seed + 1, cycles=CYCLES)
        try:
            asyncio.run(live(self.place, life, notes, _nobody, disk))
        except StuckError as error:
            return f"stuck: {error}"
        self.full += "disk_full" in reasons
        self.refused += any("7" in answers for answers in notes.answers.values())
        self.room.limit(PLENTY)
        return judge_lives(self.place, notes, self.seed)


def _nobody(_kind: str, _text: str) -> None:
    """Tell nobody: nothing here dies."""


def fill(directory: Path, seed: int, *, first: int, step: int, count: int) -> Tally:
    """Return what became of so many points, in a process of its own."""
    begun = alone()
    how = "tmpfs" if begun else "quota"
    numbers = [str(number) for number in (seed, first, step, count)]
    ended = subprocess.run(
        [*begun, sys.executable, "-m", "tests.crash.full", how, str(directory),
         *numbers],
        stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    found: Tally = pickle.loads(ended.stdout)  # noqa: S301 - of our own child
    return found


def main(how: str, directory: Path, seed: int, points: tuple[int, int, int]) -> None:
    """Do some points (the first, how far apart, how many) and write what became of them."""
    place = directory / "disk"
    place.mkdir(mode=0o700)
    room: Room = TmpfsRoom(place) if how == "tmpfs" else QuotaRoom(place)
    tally = Filler(place, directory / "base", room, seed).points(*points)
    sys.stdout.buffer.write(pickle.dumps(tally))


if __name__ == "__main__":
    _, how_, where_, seed_, first_, step_, count_ = sys.argv
    main(how_, Path(where_), int(seed_), (int(first_), int(step_), int(count_)))
