"""The person at the press: scans, puts parts in, presses the button, looks at the lamp."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from agent.demo import codes
from agent.demo.line import Line

PATIENCE_S = 60.0
"""How long somebody waits for the lamp before giving up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One part that went through the press."""

    serial: str
    answer: int
    """What let go of it (D-39)."""


@dataclass(slots=True)
class Person:
    """Works at the press of a line, one part after the other."""

    line: Line
    hand_s: float
    """From one hand movement to the next."""
    _serials: Iterator[str] = field(default_factory=lambda: (f"SN{n:06d}" for n in count(1)))

    async def scan(self, code: str) -> None:
        """Scan a code, with a reader that is plugged in, and look up from it."""
        await self.line.scanner.scan(code)
        await asyncio.sleep(self.hand_s)

    async def sign_on(self) -> None:
        """Scan one's badge."""
        await self.scan(codes.BADGE)

    async def part(
        self,
        *,
        serial: str | None = None,
        scanned: bool = True,
        damaged: bool = False,
        ok: bool = True,
    ) -> Made:
        """Take one part through the press and return what became of it.

        Args:
            serial: Whose label it bears; a new one if not given.
            scanned: Whether its label is scanned.
            damaged: Whether it is misread first, and then read right.
            ok: What the machine will say of it.

        Raises:
            TimeoutError: the lamp stays off, or no answer comes.
        """
        serial = serial or next(self._serials)
        label = codes.unit(serial)
        force_kn = 12.0 + int(serial[-2:]) / 50 if ok else 7.5
        while True:
            await self.line.press.until_ready(PATIENCE_S)
            if damaged:
                await self.scan(codes.damaged(serial))
            if scanned:
                await self.scan(label)
            answer = await self.line.press.stroke(label, force_kn=force_kn, ok=ok)
            if answer is not None:
                return Made(serial=serial, answer=answer)
