"""Files that hold keys: made for their owner alone, whole or not at all, and never over another."""

from __future__ import annotations

import os
from pathlib import Path

from agent.lines import sync_directory


class KeyFileError(Exception):
    """A file with a key cannot be made or read; the text says which, why, and what to do."""


def write_new(path: Path, content: bytes, *, private: bool) -> None:
    """Write a file that was not there; a private one is for its owner alone from the start.

    Raises:
        KeyFileError: there is one, or it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)
    except FileExistsError:
        raise KeyFileError(
            f"{path}: there is one already, and nothing is written over a key; name another file"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error


def read(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        KeyFileError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
