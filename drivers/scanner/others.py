"""Who else has a port open: two readers share the bytes, and each gets parts of codes.

An exclusive open stops other programs only if they ask for it too, or are not root (PITFALLS T1).
So the port is also watched: the kernel reports each open of it (inotify), before whoever opened it
can have read a byte.

Laws:
    1. Who looks after reading, and is told of nobody, has read bytes that nobody else has touched.
    2. The far side of a pseudo-terminal is the device, not a second reader.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_IN_OPEN = 0x20
_EVENT_BYTES = 4096
_PTY_MAJORS = range(136, 144)  # UNIX 98 pseudo-terminals; Linux, Documentation/admin-guide/devices


class OpenWatch:
    """Tells whether anybody has opened a device file since it was last asked."""

    def __init__(self, path: str) -> None:
        """Begin to watch.

        Raises:
            OSError: the kernel refuses another watch, or the path is gone.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "no inotify instance left")
        if libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_OPEN) < 0:
            error = ctypes.get_errno()
            self.close()
            raise OSError(error, os.strerror(error), path)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when somebody opens the file."""
        return self._fd

    def was_opened(self) -> bool:
        """Say whether the file was opened since the last call."""
        try:
            return bool(os.read(self._fd, _EVENT_BYTES))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop watching."""
        os.close(self._fd)


def is_pty(path: str) -> bool:
    """Say whether the port is the near side of a pseudo-terminal."""
    status = Path(path).stat()
    return stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) in _PTY_MAJORS


def others_with(path: str) -> tuple[str, ...]:
    """Return the processes, other than this one, that have the port open: `pid 4711 (minicom)`.

    Only those that this user may look into: root sees all, others see their own.
    """
    device = Path(path).stat().st_rdev
    number = os.path.realpath(path).removeprefix("/dev/pts/")
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        files = dict(_device_files(process))
        has_it = any(_device_of(process / "fd" / fd) == device for fd in files)
        if has_it and not any(
            target.endswith("/ptmx") and _is_far_side(process / "fdinfo" / fd, number)
            for fd, target in files.items()
        ):
            found.append(f"pid {process.name} ({_name_of(process)})")
    return tuple(found)


def _device_files(process: Path) -> Iterator[tuple[str, str]]:
    """Yield descriptor and path of each device file that a process has open, as far as shown."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:  # it has ended, or is another user's
        return
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.startswith("/dev/"):
            yield descriptor.name, target


def _device_of(descriptor: Path) -> int | None:
    try:
        return descriptor.stat().st_rdev
    except OSError:  # closed meanwhile
        return None


def _is_far_side(descriptor: Path, number: str) -> bool:
    try:
        return f"tty-index:\t{number}\n" in descriptor.read_text("ascii")
    except OSError:  # closed meanwhile
        return False


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:  # it has ended meanwhile
        return "ended"
