"""A simulated machine's side of its control: JSON lines in on stdin, JSON lines out on stdout.

The lines out are the truth: what was asked, answered, counted. They are written when it happens,
and a machine that is switched off has written all of it. When stdin closes, the machine ends: it
never outlives who started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

Command = Mapping[str, Any]


def say(said: str, **facts: object) -> None:
    """Write down what has happened."""
    os.write(sys.stdout.fileno(), json.dumps({"said": said, **facts}).encode() + b"\n")


def off() -> NoReturn:
    """Go out like a lamp: no goodbye on any connection, as when the power fails."""
    os._exit(0)


def now_ms() -> int:
    """Return the machine's own clock, which only measures durations."""
    return time.monotonic_ns() // 1_000_000


async def obey(take: Callable[[Command], None]) -> None:
    """Hand over each command that comes; switch off when there can be no more."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        take(json.loads(line))
    off()


class Retentive:
    """The memory that a machine keeps while it is off: a file, or nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: str | None = None

    def read(self) -> dict[str, Any] | None:
        """Return what was kept, None where the memory is empty."""
        if not self._path.exists():
            return None
        kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return kept

    def keep(self, content: Mapping[str, object]) -> None:
        """Keep this from now on; whole or not at all."""
        text = json.dumps(content)
        if text == self._kept:
            return
        beside = self._path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._path)
        self._kept = text
