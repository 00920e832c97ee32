"""A file of whole lines that grows at its end and survives being cut off.

Laws:
    1. When `append` has returned, the lines are on the disk.
    2. Whatever killed the writer, the file is whole lines again once it is opened.

A power cut can leave a torn last line, or blocks of zeros where the data never arrived; both stand
behind what `append` has promised, and are cut. What blocks (all of it) is called on a worker.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TAIL_BYTES = 8 << 20
"""How far back from the end torn blocks are looked for: more than one append ever writes."""

_LONGEST = 1 << 20
"""A last line that is longer is not looked for."""


OWNER_ONLY = 0o600
_OWNER_AND_GROUP = 0o640


class LineFile:
    """The file, open for appending between `open` and `close`."""

    def __init__(self, path: Path, mode: int = _OWNER_AND_GROUP) -> None:
        self.path = path
        self._mode = mode
        self.size = 0
        """Bytes of whole lines in it; known once it is open."""
        self._fd: int | None = None

    def open(self) -> None:
        """Open or make the file, and cut what is torn at its end.

        Raises:
            OSError: the directory is not there or the file cannot be written.
        """
        self.close()
        made = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, self._mode)
        try:
            self.size = _whole(fd)
            os.ftruncate(fd, self.size)
            if made:
                sync_directory(self.path.parent)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd

    def last(self) -> bytes:
        """Return the last line, without its end; empty where there is none, or it is very long.

        Raises:
            OSError: it cannot be read.
        """
        return _last(self._open_fd(), self.size)

    def append(self, lines: Iterable[bytes]) -> None:
        """Write the lines (without their ends) and return when they are on the disk.

        Raises:
            OSError: the disk is full or broken. Some lines may be there; the file is closed, and
                after the next `open` it is whole lines.
        """
        fd, block = self._open_fd(), b"".join(line + b"\n" for line in lines)
        try:
            done = 0
            while done < len(block):
                done += os.write(fd, block[done:])
            os.fdatasync(fd)
        except OSError:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                os.ftruncate(fd, self.size)
            self.close()
            raise
        self.size += len(block)

    def set_aside(self, under: Path) -> None:
        """Give what was written another name, and begin an empty file under this one.

        Raises:
            OSError: the directory cannot be written.
        """
        self.close()
        self.path.rename(under)
        self.open()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open_fd(self) -> int:
        if self._fd is None:
            raise OSError(f"{self.path} is not open")
        return self._fd


def last_line(path: Path) -> bytes:
    """Return the last whole line of a file that nobody writes any more, as `LineFile.last` does.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _last(fd, _whole(fd))
    finally:
        os.close(fd)


def sync_directory(directory: Path) -> None:
    """Make names in the directory durable.

    Raises:
        OSError: the disk refuses.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _last(fd: int, size: int) -> bytes:
    start = max(0, size - _LONGEST)
    text = os.pread(fd, size - start, start)
    _, end, line = text[:-1].rpartition(b"\n")
    return line if end or not start else b""


def _whole(fd: int) -> int:
    """Return how many bytes from the start are whole lines without a zero byte."""
    size = os.fstat(fd).st_size
    start = size
    while start > 0:
        start = max(0, start - _TAIL_BYTES)
        sound = os.pread(fd, size - start, start).partition(b"\0")[0]
        if end := sound.rfind(b"\n") + 1:
            return start + end
    return 0
