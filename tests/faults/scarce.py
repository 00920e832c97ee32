"""A process whose disk has no more inodes, and then is read-only; it says what became of it.

usage: unshare -Urm python -m tests.faults.scarce tmpfs DIRECTORY
       python -m tests.faults.scarce double DIRECTORY      where no name space is to be had

As a double, what the system would refuse to make or to write is refused on the way there: to SQLite
by its own way to the disk, to everything else by `os.open`.
"""

import asyncio
import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import apsw

from agent.journal.errors import JournalError
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim
from tests.doubles import InlineWorker, ManualClock, settled
from tests.faults.journal_filler import say
from tests.histories import STATION, History, rim

INODES = 32
BALLAST, RESERVE = 256 << 10, 64 << 10


class Disk(Protocol):
    """A small disk that can become scarce."""

    vfs: str | None

    def use_up(self) -> int:
        """Let nothing new be made; return how many files that took."""
        ...

    def give_back(self) -> None:
        """Let files be made again."""
        ...

    def turn(self, how: str) -> None:
        """Make it read-only (`ro`) or writable (`rw`)."""
        ...


class Tmpfs:
    """A real one, in a name space of its own."""

    vfs: str | None = None

    def __init__(self, place: Path) -> None:
        self._place, self._filler = place, place / "others"
        self._mount(f"size=8M,nr_inodes={INODES},mode=700")
        self._filler.mkdir()

    def _mount(self, options: str) -> None:
        mount = ["mount", "-t", "tmpfs", "-o", options, "small", str(self._place)]
        subprocess.run(mount, check=True)

    def use_up(self) -> int:
        """Make files until none can be made."""
        for number in range(INODES):
            try:
                (self._filler / str(number)).touch()
            except OSError as error:
                return number if error.errno == errno.ENOSPC else 0
        raise AssertionError("it does not run out")

    def give_back(self) -> None:
        """Remove them."""
        for file in self._filler.iterdir():
            file.unlink()

    def turn(self, how: str) -> None:
        """Mount it anew."""
        self._mount(f"remount,{how}")


class Double(apsw.VFS):
    """What such a disk would refuse, refused on the way there."""

    def __init__(self, place: Path) -> None:
        super().__init__("scarce", "")
        self.vfs: str | None = "scarce"
        self._place, self._refused = place, 0
        self._open, self._mkdir = os.open, os.mkdir
        mock.patch.object(os, "open", self._opened).start()
        mock.patch.object(os, "mkdir", self._made).start()

    def _opened(self, path: Any, flags: int, *more: Any, **named: Any) -> int:  # noqa: ANN401 - as os has it
        is_here = str(path).startswith(str(self._place))
        if is_here and self._refused == errno.EROFS and flags & os.O_ACCMODE:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        is_new = flags & os.O_CREAT and not Path(path).exists()
        if is_here and self._refused == errno.ENOSPC and is_new:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._open(path, flags, *more, **named)

    def _made(self, path: Any, *more: Any, **named: Any) -> None:  # noqa: ANN401 - as os has it
        if self._refused and str(path).startswith(str(self._place)):
            raise OSError(self._refused, os.strerror(self._refused))
        self._mkdir(path, *more, **named)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: ANN401, N802 - SQLite's name, apsw's own names of files
        """Open a file on this disk."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        if self._refused and not Path(text).exists():
            raise apsw.CantOpenError(f"unable to open database file {text}")
        return super().xOpen(name, flags)

    def use_up(self) -> int:
        """Refuse what is new."""
        self._refused = errno.ENOSPC
        return 1

    def give_back(self) -> None:
        """Refuse nothing."""
        self._refused = 0

    def turn(self, how: str) -> None:
        """Refuse what writes, or nothing."""
        self._refused = errno.EROFS if how == "ro" else 0


async def live(disk: Disk, directory: Path) -> None:
    """Record while nothing new can be made, then be refused where that must be opened anew."""
    clock, history = ManualClock(), History()
    outside = rim(
        clock,
        vfs=disk.vfs,
        worker=lambda _: InlineWorker(),
        ballast_bytes=BALLAST,
        reserve_bytes=RESERVE,
    )
    journal, _ = await open_journal(directory, STATION, outside)
    await journal.append(history.start(1))
    say(used_up=disk.use_up())
    await journal.append(history.links(300))
    await clock.advance(10)
    await settled()
    say(recorded=journal.last, trouble=journal.trouble)
    rows = await journal.read(None, 1_000)
    journal.move_cursor("plant", rows[-1].address)
    await clock.advance(10)
    await settled()
    say(published=len(rows), cursor=journal.cursor("plant"))
    await journal.close()
    disk.use_up()  # what the journal has given back
    await _begins(outside, directory, "no_inode")
    await _begins(outside, directory / "new", "no_inode_for_a_new_one")
    disk.give_back()
    await _begins(outside, directory, "again")
    disk.turn("ro")
    await _begins(outside, directory, "read_only")
    disk.turn("rw")
    await _begins(outside, directory, "at_last")


async def _begins(outside: Rim, directory: Path, name: str) -> None:
    """Open the journal and say where it ends, or why it does not open."""
    try:
        journal, recovery = await open_journal(directory, STATION, outside)
    except JournalError as error:
        say(**{name: f"{type(error).__name__}: {error}"})
    else:
        say(**{name: recovery.last.address if recovery.last else None})
        await journal.close()


def main(how: str, directory: Path) -> None:
    """Mount the small disk if we may, and live on it."""
    place = directory / "disk"
    place.mkdir(mode=0o700)
    disk: Disk = Tmpfs(place) if how == "tmpfs" else Double(place)
    with contextlib.ExitStack() as undo:
        undo.callback(mock.patch.stopall)
        asyncio.run(live(disk, place))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
