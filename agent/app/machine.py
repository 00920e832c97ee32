"""Which machine this is: so that a copied state directory is noticed (FAULTS P22)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

PLACES = (Path("/etc/machine-id"), Path("/proc/device-tree/serial-number"))
"""The system's id, which a copied disk image takes along, and the board's, which it does not."""


def machine(places: Iterable[Path] = PLACES) -> str:
    """Return an id of this machine that says nothing about it; an empty text where there is none.

    `LINESIDE_MACHINE` takes its place where the system's id changes by itself, as in a container.
    """
    given = os.environ.get("LINESIDE_MACHINE", "")
    words = [given] if given else [_content(place) for place in places]
    if not any(words):
        return ""
    return sha256("lineside machine {}".format("\0".join(words)).encode()).hexdigest()[:16]


def _content(place: Path) -> str:
    try:
        return place.read_text("utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
