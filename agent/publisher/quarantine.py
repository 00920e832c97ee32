"""Where one sink's undeliverable events go: a file of JSON lines beside the journal.

Each line holds the event itself, so that it can be shown and released although the journal may have
let go of it. It is on the disk before the cursor passes the event.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from agent.lines import LineFile
from agent.ports import Address, Clock, Row, Worker


class Quarantine:
    """One sink's quarantine; its file is made with the first event that goes there."""

    def __init__(self, path: Path, worker: Worker, clock: Clock) -> None:
        self.path = path
        self._file = LineFile(path)
        self._worker = worker
        self._clock = clock
        self._held: set[Address] | None = None

    async def put(self, row: Row, cause: str) -> None:
        """Keep an event, once, however often it is put; on the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        line = orjson.dumps(
            {
                "epoch": row.epoch,
                "seq": row.seq,
                "kind": row.kind,
                "cause": cause,
                "wall_ms": self._clock.now().wall_ms,
                "body": row.body.decode("utf-8", "backslashreplace"),
            }
        )
        await self._worker.run(lambda: self._write(row.address, line))

    def _write(self, address: Address, line: bytes) -> None:
        """Append the line, the file open for just that long: this is rare."""
        self._file.open()
        try:
            if self._held is None:
                kept = (orjson.loads(old) for old in self.path.read_bytes().splitlines())
                self._held = {Address(entry["epoch"], entry["seq"]) for entry in kept}
            if address not in self._held:
                self._file.append((line,))
                self._held.add(address)
        finally:
            self._file.close()
