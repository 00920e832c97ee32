"""A code reader on a pseudo-terminal, under a stable name as udev gives it; it can be unplugged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from pathlib import Path

END = b"\r"


class Scanner:
    """The far side of the line. The agent opens `link`, which stays the same over a replug."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.scans = 0
        """Codes sent, whether or not anybody listened."""
        self.plugged = asyncio.Event()
        self._far: int | None = None

    def plug(self) -> None:
        """Plug it in: the name is there from now on."""
        self.unplug()
        far, near = os.openpty()
        tty.setraw(near)
        os.set_blocking(far, False)
        beside = self.link.with_suffix(".new")
        beside.symlink_to(os.ttyname(near))
        beside.replace(self.link)
        os.close(near)
        self._far = far
        self.plugged.set()

    def unplug(self) -> None:
        """Pull it out: the line hangs up, and the name is gone."""
        self.plugged.clear()
        self.link.unlink(missing_ok=True)
        if self._far is not None:
            os.close(self._far)
            self._far = None

    async def scan(self, code: str) -> None:
        """Send one code, once the reader is plugged in."""
        await self.plugged.wait()
        if self._far is None:
            raise AssertionError("what is plugged in has its line")
        self.scans += 1
        with contextlib.suppress(BlockingIOError):  # a reader does not wait for its listener
            os.write(self._far, code.encode("latin-1") + END)
