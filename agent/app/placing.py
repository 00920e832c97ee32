"""Files that a command writes: whole, or not under their name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.app.event_sources import SourceError


@contextmanager
def placed(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which gets its name when its last byte is on the disk.

    What is no file, a device or a pipe, is written itself: it is never replaced by one.

    Raises:
        SourceError: it cannot be written.
    """
    is_file = not path.exists() or path.is_file()
    place = path.resolve() if is_file else path
    part = place.with_name(f"{place.name}.part") if is_file else place
    try:
        with part.open("wb") as file:
            yield file
            if is_file:
                file.flush()
                os.fsync(file.fileno())
        if is_file:
            part.replace(place)
    except OSError as error:
        raise SourceError(f"{error.filename or path}: {error.strerror or error}") from error
    finally:
        if is_file:
            part.unlink(missing_ok=True)
