"""The daemon with a clock that a test moves on, and a loop that it blocks.

usage: python -m tests.journeys.doctored CLOCK run PATH --state STATE

CLOCK is a file with the milliseconds that both clocks are ahead: as if the machine had slept for so
long, or the process stood still, without anybody having to wait for it. SIGUSR1 blocks the event
loop for good, in the thread that it runs in; the other threads go on.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from agent.app import rim
from agent.cli import main

FOR_GOOD_S = 3_600


class Moved:
    """`time` as the rim uses it, with clocks that a file moves on."""

    def __init__(self, ahead: Path) -> None:
        self._ahead = ahead

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever time has
        return getattr(time, name)

    @property
    def _ahead_ns(self) -> int:
        return int(self._ahead.read_text("ascii") or 0) * 1_000_000

    def time_ns(self) -> int:
        """Return the wall clock."""
        return time.time_ns() + self._ahead_ns

    def clock_gettime_ns(self, clock: int) -> int:
        """Return the boot clock."""
        return time.clock_gettime_ns(clock) + self._ahead_ns


def block(_number: int, _frame: FrameType | None) -> None:
    """Stand still, as a call would that never comes back."""
    sys.stdout.write('{"event": "blocked"}\n')
    sys.stdout.flush()
    time.sleep(FOR_GOOD_S)


def run() -> None:
    """Be the daemon."""
    setattr(rim, "time", Moved(Path(sys.argv[1])))  # noqa: B010 - stands for the module
    signal.signal(signal.SIGUSR1, block)
    main(tuple(sys.argv[2:]))


if __name__ == "__main__":
    run()
