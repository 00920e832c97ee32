"""Files that hold keys: made for their owner alone, whole or not at all, and never over another."""

from __future__ import annotations

from pathlib import Path

from agent.app.owner import as_owner
from agent.journal.files import DiskFiles


class KeyFileError(Exception):
    """A file with a key cannot be made or read; the text says which, why, and what to do."""


def write_new(path: Path, content: bytes, *, private: bool) -> None:
    """Write a file that was not there; a private one is for its owner alone from the start.

    In the agent's directory it is the agent's, also where root makes it.

    Raises:
        KeyFileError: there is one, or it cannot be written.
    """
    try:
        with as_owner(path.parent):
            _write_new(path, content, private=private)
    except FileExistsError:
        raise KeyFileError(
            f"{path}: there is one already, and nothing is written over a key; name another file"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error


def _write_new(path: Path, content: bytes, *, private: bool) -> None:
    files, beside = DiskFiles(), path.with_name(f"{path.name}.new")
    files.remove(beside)
    files.create(beside, content)
    if not private:
        beside.chmod(0o644)
    try:
        files.name(beside, path)
    except FileExistsError:
        files.remove(beside)
        raise


def read(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        KeyFileError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
