"""Whose a file is that root makes in a directory of somebody else's.

The agent runs as a user of its own, in directories that are for that user alone. What root made
there at a command line the agent could not read. So a command becomes that user while it writes: it
has no more rights then than the directory's owner has, whatever lies in there.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = 0


def owner(path: Path) -> tuple[int, int]:
    """Return user and group of a path, or of the nearest directory above it that is there.

    Raises:
        OSError: it cannot be looked at.
    """
    there = next(one for one in (path, *path.absolute().parents) if one.exists())
    status = there.stat()
    return status.st_uid, status.st_gid


@contextmanager
def as_owner(directory: Path) -> Iterator[None]:
    """Be the owner of a directory, where root runs this; for commands, which have one thread.

    Raises:
        OSError: the directory cannot be looked at.
    """
    user, group = owner(directory)
    if os.geteuid() != ROOT or user == ROOT:
        yield
        return
    before = os.getegid()
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(ROOT)
        os.setegid(before)


def doubt(directory: Path) -> str | None:
    """Return what is wrong with running in a directory that is another's, as root; None: nothing.

    Raises:
        OSError: the directory cannot be looked at.
    """
    user, _ = owner(directory)
    if os.geteuid() != ROOT or user == ROOT:
        return None
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = f"#{user}"
    return (
        f"{directory} belongs to the user {name}, who cannot read what root makes there; stop "
        f"this, and run it as that user: sudo -u {name} lineside run …"
    )
