"""The ballast: space that is given back when the disk is full (PITFALLS S4).

Deleting and checkpointing need space too, so a full disk would block its own way out. A file of
really written bytes is removed first; while it is gone, or space is short, the station is not
ready. It is written again once there is room for it and the reserve.
"""

from __future__ import annotations

import threading
from pathlib import Path

from agent.ports import Files

MIB = 1 << 20
BALLAST_BYTES = 24 * MIB
"""More than the write-ahead log may grow to, and a few MiB."""
RESERVE_BYTES = 16 * MIB
"""Below that much free space the station holds."""


class Ballast:
    """The ballast file of one journal. Freed by the thread that writes, refilled by another."""

    def __init__(
        self, files: Files, path: Path, *, size: int = BALLAST_BYTES, reserve: int = RESERVE_BYTES
    ) -> None:
        self._files = files
        self._path = path
        self._size = size
        self._reserve = reserve
        self._lock = threading.Lock()
        self._is_there = files.size(path) == size
        self.is_short = False
        """Whether there is too little space to go on recording."""

    def look(self) -> None:
        """See how much space is left; free the ballast when it is short.

        Raises:
            OSError: the disk cannot be asked.
        """
        free = self._files.free_bytes(self._path.parent)
        if self._is_there and free < self._reserve:
            self.free()
        else:
            self.is_short = not self._is_there and free < self._size + self._reserve

    def free(self) -> None:
        """Give the space back.

        Raises:
            OSError: the disk does not let us.
        """
        with self._lock:
            self._files.remove(self._path)
            self._is_there = False
            self.is_short = True

    def refill(self) -> None:
        """Write the ballast where it is missing and there is room.

        Raises:
            OSError: the disk does not let us remove half of one.
        """
        with self._lock:
            if self._is_there or self.is_short:
                return
            self._clear()  # half of one may stand there after a cut
            try:
                self._files.fill(self._path, self._size)
            except OSError:
                self._clear()  # somebody else took the space meanwhile
            else:
                self._is_there = True

    def _clear(self) -> None:
        """Leave nothing behind; where nothing is, nothing has to be opened for it."""
        if self._files.size(self._path) is not None:
            self._files.remove(self._path)
