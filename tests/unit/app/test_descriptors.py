"""A station in a process that has no more file descriptors (FAULTS E02)."""

import contextlib
import os
import resource
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.core.state import NotReady
from tests.doubles import settled
from tests.unit.app.test_station import World


class NoDescriptors:
    """Nothing can be opened in this process once it is `full`, until the end."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._held: list[int] = []

    def __enter__(self) -> Self:
        """Lower the limit."""
        open_now = sum(1 for _ in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 8, self._limits[1]))
        self.full()
        return self

    def full(self) -> None:
        """Take whatever is left, or was given back since."""
        with contextlib.suppress(OSError):
            while True:
                self._held.append(os.open(os.devnull, os.O_RDONLY))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give everything back."""
        for descriptor in self._held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)


async def test_without_descriptors_the_open_journal_records_on(tmp_path: Path) -> None:
    """What is open is enough; what must be opened again waits, says why, and comes by itself."""
    async with World(tmp_path).running() as bench:
        with NoDescriptors() as few:
            await bench.station.emit(bench.scan(b"WO-000001"))
            await bench.clock.advance(5)
            assert bench.station.readiness() is not NotReady.JOURNAL
            bench.disk.error = OSError("no spindle")
            await bench.station.emit(bench.scan(b"WO-000002"))
            await settled()
            few.full()
            await bench.clock.advance(5)
            assert bench.station.readiness() is NotReady.JOURNAL
        await bench.clock.advance(60)
        failed = [str(fields["error"]) for event, fields in bench.told.lines if "error" in fields]
        orders = [event["order"] for event in bench.events("order_started")]
    assert any("Too many open files" in error for error in failed), failed
    assert orders == ["000001", "000002"]
