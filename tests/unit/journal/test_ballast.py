"""The ballast: freed when space is short, written when there is room."""

import errno
import os
from pathlib import Path

from agent.journal.ballast import Ballast
from agent.journal.files import DiskFiles

SIZE, RESERVE = 3000, 1000


class SmallDisk(DiskFiles):
    """A disk with as much room as a test says."""

    def __init__(self, free: int, *, is_broken: bool = False) -> None:
        self.free = free
        self.is_broken = is_broken

    def free_bytes(self, directory: Path) -> int:
        """Return what is left beside the ballast."""
        return self.free - (self.size(directory / "ballast") or 0)

    def fill(self, path: Path, size: int) -> None:
        """Write, or leave a part of it where the disk is broken."""
        super().fill(path, 10 if self.is_broken else size)
        if self.is_broken:
            raise OSError("no space left")


def ballast_on(disk: SmallDisk, directory: Path) -> Ballast:
    """Return a ballast that has looked once."""
    ballast = Ballast(disk, directory / "ballast", size=SIZE, reserve=RESERVE)
    ballast.look()
    ballast.refill()
    return ballast


def test_with_room_it_is_written(tmp_path: Path) -> None:
    """Really written bytes, and the station may record."""
    ballast = ballast_on(SmallDisk(SIZE + RESERVE), tmp_path)
    assert not ballast.is_short
    content = (tmp_path / "ballast").read_bytes()
    assert len(content) == SIZE
    assert content.count(0) < SIZE / 100


def test_without_room_the_station_holds(tmp_path: Path) -> None:
    """Less than ballast and reserve: nothing is written, and that is said."""
    ballast = ballast_on(SmallDisk(SIZE + RESERVE - 1), tmp_path)
    assert ballast.is_short
    assert not (tmp_path / "ballast").exists()


def test_it_is_given_back_when_space_runs_short_and_written_again(tmp_path: Path) -> None:
    """Short space frees it and holds; only room for both lets the station go on."""
    disk = SmallDisk(SIZE + RESERVE)
    ballast = ballast_on(disk, tmp_path)
    found = []
    for change in (0, -1, 0, 1):
        disk.free += change
        ballast.look()
        ballast.refill()
        found.append((ballast.is_short, (tmp_path / "ballast").exists()))
    assert found == [(False, True), (True, False), (True, False), (False, True)]


def test_one_of_an_earlier_run_is_known(tmp_path: Path) -> None:
    """A whole ballast is kept; half of one, left by a cut, is written anew."""
    disk = SmallDisk(SIZE + RESERVE)
    ballast_on(disk, tmp_path)
    written = (tmp_path / "ballast").stat().st_ino
    ballast_on(disk, tmp_path)
    assert (tmp_path / "ballast").stat().st_ino == written
    (tmp_path / "ballast").write_bytes(b"half")
    disk.free += 4
    ballast_on(disk, tmp_path)
    assert (tmp_path / "ballast").stat().st_size == SIZE


def test_somebody_else_was_faster(tmp_path: Path) -> None:
    """Where the room goes while it is written, nothing is left behind and the station holds."""
    ballast = ballast_on(SmallDisk(SIZE + RESERVE, is_broken=True), tmp_path)
    assert not (tmp_path / "ballast").exists()
    ballast.look()
    assert not ballast.is_short  # there is room, and the next time it may be written


def test_where_nothing_can_be_opened_it_waits(tmp_path: Path) -> None:
    """A process without descriptors records on in what is open, and has a ballast later (E02)."""

    class Shut(SmallDisk):
        def fill(self, path: Path, size: int) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path), size)

        def remove(self, path: Path) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    ballast = ballast_on(Shut(SIZE + RESERVE), tmp_path)
    assert not ballast.is_short
    ballast_on(SmallDisk(SIZE + RESERVE), tmp_path)
    assert (tmp_path / "ballast").stat().st_size == SIZE
