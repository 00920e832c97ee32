"""What a test could leave behind: threads, child processes, open files."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

Left = TypeVar("Left", bound=Hashable)

ENDS_S = 30.0
"""What has done its work may need a turn of a busy processor to end; what hangs is seen."""
LOOK_AGAIN_S = 0.002


def left_of(seen: Callable[[], set[Left]], before: set[Left], ends_s: float = ENDS_S) -> set[Left]:
    """Return what is there, was not before, and does not end.

    A library may end a thread, or let go of a file, a moment after it has answered.
    """
    until_s = time.monotonic() + ends_s
    while (left := seen() - before) and time.monotonic() < until_s:
        time.sleep(LOOK_AGAIN_S)
    return left


def threads() -> set[threading.Thread]:
    """Return the threads of this process that Python has begun."""
    return set(threading.enumerate())


def children() -> set[str]:
    """Return the process ids of this process's children, ended but not waited for included."""
    found: set[str] = set()
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - with each test: a Path takes longer
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found.update(Path(f"/proc/self/task/{thread}/children").read_text("ascii").split())
    return found


def open_files() -> set[tuple[str, str]]:
    """Return each open descriptor of this process with what it points to."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - closes its own descriptor before we look
        with contextlib.suppress(FileNotFoundError):  # that descriptor, or one a thread has closed
            found.add((name, os.readlink(f"/proc/self/fd/{name}")))  # noqa: PTH115 - as for children
    return found
