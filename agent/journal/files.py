"""The real disk behind the `Files` port: the few files that stand beside the database.

Laws:
    1. What a method changed is on the disk when it returns, the directory entry included.
    2. Files are made with mode 0600: a journal holds what people made and when.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OWNER_ONLY = 0o600
_PIECE = 1 << 16
"""What is held in memory while a file is filled."""


class DiskFile:
    """A file on such a disk, held open for writing in place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def overwrite(self, offset: int, content: bytes) -> None:
        """Write in place and fdatasync; the file keeps its size."""
        if os.pwrite(self._descriptor, content, offset) != len(content):
            raise OSError(f"{self._path}: short write")
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


class DiskFiles:
    """Files on a disk of this machine."""

    def read(self, path: Path, offset: int = 0, limit: int = -1) -> bytes | None:
        """Return the file from `offset` on, at most `limit` bytes; None where there is none."""
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return None

    def size(self, path: Path) -> int | None:
        """Return the length in bytes, or None where there is no such file."""
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return None

    def create(self, path: Path, content: bytes) -> None:
        """Write a new file and its directory entry through to the disk."""
        with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        _sync(path.parent)

    def fill(self, path: Path, size: int) -> None:
        """Write a new file of that many bytes to the disk; a file system cannot compress them."""
        noise = random.Random(0)  # noqa: S311 - not a secret
        with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
            while size:
                size -= os.write(descriptor, noise.randbytes(min(size, _PIECE)))
            os.fsync(descriptor)
        _sync(path.parent)

    def hold(self, path: Path) -> DiskFile:
        """Open a file that is written in place again and again."""
        return DiskFile(path)

    def lay_out(self, path: Path, size: int) -> None:
        """Make a file at least that long by zero bytes at its end, through to the disk.

        It stays the file it is, for whoever has it open.
        """
        with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as descriptor:
            left = size - os.fstat(descriptor).st_size
            while left > 0:
                left -= os.write(descriptor, bytes(min(left, _PIECE)))
            os.fsync(descriptor)
        _sync(path.parent)

    def copy(self, source: Path, target: Path) -> None:
        """Write a copy of a file and its directory entry through to the disk."""
        shutil.copyfile(source, target)
        with _opened(target, os.O_RDWR) as descriptor:
            os.fchmod(descriptor, _OWNER_ONLY)
            os.fsync(descriptor)
        _sync(target.parent)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another's name in one step, through to the disk."""
        source.replace(target)
        _sync(target.parent)

    def name(self, source: Path, target: Path) -> None:
        """Give a file a name that none has, in one step, through to the disk.

        Raises:
            FileExistsError: one has it; the source stays.
        """
        os.link(source, target)
        source.unlink()
        _sync(target.parent)

    def remove(self, path: Path) -> None:
        """Remove the file if it is there, through to the disk."""
        path.unlink(missing_ok=True)
        _sync(path.parent)

    def free_bytes(self, directory: Path) -> int:
        """Return the space left for an unprivileged writer."""
        status = os.statvfs(directory)
        return status.f_bavail * status.f_frsize


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    with _opened(directory, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)
