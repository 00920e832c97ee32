"""The real outside: clock, randomness, secrets. A test or a simulation passes its own."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.base import ClockState, Instant

_TOUCHED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd touches it each time that it has set the clock (its manual page)."""
_MADE = Path("/run/chrony/synchronized")
"""It is there while the clock is set. The syscall that would say so is barred (PITFALLS D3)."""
_LOOK_EVERY_MS = 1000
_FRESH_MS = 3 * 3600 * 1000
"""No time daemon that works is silent for so long: systemd-timesyncd asks every 34 minutes."""


def boot_id() -> str:
    """Return the id of this boot of the machine, 32 hex digits.

    The service manager passes it where the kernel's own is hidden (PITFALLS D3).
    """
    given = os.environ.get("LINESIDE_BOOT_ID")
    if given:
        return given
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")


def offset_min(zone: ZoneInfo, wall_ms: int) -> int:
    """Return how far local time is from UTC at a moment, in minutes."""
    delta = datetime.fromtimestamp(wall_ms / 1000, tz=UTC).astimezone(zone).utcoffset()
    return 0 if delta is None else int(delta.total_seconds() // 60)


class SystemClock:
    """Wall clock and CLOCK_BOOTTIME of this machine, with the local offset of one zone."""

    def __init__(self, timezone: str = "UTC", touched: Path = _TOUCHED, made: Path = _MADE) -> None:
        self._zone = ZoneInfo(timezone)
        self._touched, self._made = touched, made
        self._boot_id = boot_id()
        self._minute = -1
        self._offset_min = 0
        self._looked_ms = -_LOOK_EVERY_MS
        self._state = ClockState.UNSYNCED
        self._touched_ms: int | None = None
        self._set_ms: int | None = None
        """When a time source last set the clock, by boot time; None: never, for all we know."""

    def now(self) -> Instant:
        """Return both clocks."""
        wall_ms = time.time_ns() // 1_000_000
        boot_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        if wall_ms // 60_000 != self._minute:
            self._minute = wall_ms // 60_000
            self._offset_min = offset_min(self._zone, wall_ms)
        if boot_ms - self._looked_ms >= _LOOK_EVERY_MS:
            self._looked_ms = boot_ms
            self._state = self._look(wall_ms, boot_ms)
        return Instant(
            wall_ms=wall_ms,
            offset_min=self._offset_min,
            boot_ms=boot_ms,
            boot_id=self._boot_id,
            clock_state=self._state,
            unsynced_s=None if self._set_ms is None else self._unsynced_s(boot_ms, self._set_ms),
        )

    def _look(self, wall_ms: int, boot_ms: int) -> ClockState:
        touched_ms = _touched_ms(self._touched)
        if touched_ms is not None and touched_ms != self._touched_ms:
            self._set_ms = boot_ms - max(0, wall_ms - touched_ms)
        self._touched_ms = touched_ms
        if self._made.exists():
            self._set_ms = boot_ms
            return ClockState.SYNCED
        if self._set_ms is None:
            return ClockState.UNSYNCED
        is_fresh = touched_ms is not None and boot_ms - self._set_ms < _FRESH_MS
        return ClockState.SYNCED if is_fresh else ClockState.HOLDOVER

    def _unsynced_s(self, boot_ms: int, set_ms: int) -> int | None:
        return (boot_ms - set_ms) // 1000 if self._state is ClockState.HOLDOVER else None

    async def sleep(self, delay_s: float) -> None:
        """Return after that long."""
        await asyncio.sleep(delay_s)


def _touched_ms(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


class SystemRandom:
    """Randomness: unguessable for ids, ordinary for jitter."""

    def token_hex(self, n_bytes: int) -> str:
        """Return that many random bytes as lower-case hex."""
        return secrets.token_hex(n_bytes)

    def uniform(self, low: float, high: float) -> float:
        """Return a number between the two."""
        return random.uniform(low, high)  # noqa: S311 - jitter


def secret(reference: str) -> str:
    """Return what `credential:NAME`, `file:PATH` or `env:NAME` stands for, read anew.

    Raises:
        OSError: it cannot be read, is not there, or no credentials were passed.
    """
    source, _, name = reference.partition(":")
    if source == "env":
        if name not in os.environ:
            raise OSError(f"the environment has no {name}")
        return os.environ[name]
    if source == "credential":
        if (directory := os.environ.get("CREDENTIALS_DIRECTORY")) is None:
            raise OSError(f"no credentials were passed; the unit says LoadCredential={name}:FILE")
        return _text(Path(directory, name))
    return _text(Path(name))


def _text(path: Path) -> str:
    """Return what a file says; of one that says nothing readable not even a byte is told."""
    try:
        return path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        raise OSError(f"{path} is no text") from None


def state_directory() -> Path:
    """Return where the agent keeps its journals: systemd's, `$LINESIDE_STATE`, or the user's."""
    for variable in ("LINESIDE_STATE", "STATE_DIRECTORY"):
        if given := os.environ.get(variable):
            return Path(given)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base, "lineside")
