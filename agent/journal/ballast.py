"""The ballast: space that is given back when the disk is full (PITFALLS S4).

Deleting and checkpointing need space too, so a full disk would block its own way out. A file of
really written bytes is removed first; while it is gone, or space is short, the station is not
ready. It is written again once there is room for it and the reserve.
"""

from __future__ import annotations

import random
from pathlib import Path

from agent.ports import Files

MIB = 1 << 20
BALLAST_BYTES = 24 * MIB
"""More than the write-ahead log may grow to, and a few MiB."""
RESERVE_BYTES = 16 * MIB
"""Below that much free space the station holds."""


class Ballast:
    """The ballast file of one journal."""

    def __init__(
        self, files: Files, path: Path, *, size: int = BALLAST_BYTES, reserve: int = RESERVE_BYTES
    ) -> None:
        self._files = files
        self._path = path
        self._size = size
        self._reserve = reserve
        self._is_there = files.size(path) == size
        self.is_short = False
        """Whether there is too little space to go on recording."""

    def look(self) -> None:
        """Free the ballast when space is short; write it again when there is room.

        Raises:
            OSError: the disk cannot be asked.
        """
        free = self._files.free_bytes(self._path.parent)
        if self._is_there and free < self._reserve:
            self.free()
        elif not self._is_there and free >= self._size + self._reserve:
            self._write()
        self.is_short = not self._is_there and free < self._size + self._reserve

    def free(self) -> None:
        """Give the space back."""
        self._files.remove(self._path)
        self._is_there = False
        self.is_short = True

    def _write(self) -> None:
        block = random.Random(0).randbytes(MIB)  # noqa: S311 - not for secrets: not compressible
        content = (block * (self._size // MIB + 1))[: self._size]
        self._files.remove(self._path)  # half of one may stand there after a cut
        try:
            self._files.create(self._path, content)
        except OSError:
            self._files.remove(self._path)  # somebody else was faster
        else:
            self._is_there = True
