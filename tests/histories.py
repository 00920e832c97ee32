"""Histories for the tests of journal and formats: events as the engine makes them, sealed in order.

Laws:
    1. A history numbers and links its rows by itself; a test only says what happened.
    2. Time moves by one second an event, so that every test knows which moment belongs to which.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.core.events import (
    AgentStarted,
    ComponentUse,
    Event,
    EventTime,
    HistoryLost,
    LinkLost,
    Result,
    SinkSkipped,
    StateCarried,
    UnitCompleted,
)
from agent.journal.chain import seal
from agent.journal.commits import Store
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.journal.store import create
from agent.ports import Address, Recovery, Row
from agent.threads import ThreadWorker
from drivers.base import ClockState
from tests.doubles import MORNING_MS, ManualClock

STATION = "acme/graz/line-3/press-07"


def epoch(number: int) -> str:
    """Return the name of an epoch."""
    return f"{number:06d}-{number * 0x01010101:08x}"


def make(
    cls: type[Event],
    at: Address,
    state: ClockState = ClockState.SYNCED,
    ahead_ms: int = 0,
    **fields: Any,  # noqa: ANN401 - whatever the kind has
) -> Event:
    """Return an event at an address, its envelope filled in."""
    time = EventTime(
        received_ms=MORNING_MS + at.seq * 1000 + ahead_ms,
        offset_min=60,
        boottime_ms=at.seq * 1000,
        boot_id="boot-1",
        clock_state=state,
    )
    envelope: dict[str, Any] = {
        "epoch": at.epoch,
        "seq": at.seq,
        "station": STATION,
        "config": "9c41",
        "time": time,
        "machine": "press-07",
    }
    return cls(**(envelope | fields))


class History:
    """One station's rows, in order."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.clock_state = ClockState.SYNCED
        """By what sort of clock what is added from now on is stamped."""
        self.ahead_ms = 0
        """How far that clock has jumped."""
        self._last: Address | None = None
        self._hash: str | None = None

    @classmethod
    def after(cls, recovery: Recovery) -> History:
        """Return a history that goes on behind what a recovery found."""
        history = cls()
        if recovery.last is not None:
            history._last, history._hash = recovery.last.address, recovery.last.hash
        return history

    def add(self, cls: type[Event], **fields: Any) -> Row:  # noqa: ANN401 - whatever the kind has
        """Seal the next event of the running epoch."""
        assert self._last is not None, "a history begins with `start`"
        return self._seal(cls, Address(self._last.epoch, self._last.seq + 1), fields)

    def start(self, number: int, *, carried: int = 0) -> list[Row]:
        """Begin an epoch, with a set of carried states of that many parts; return its rows."""
        previous: dict[str, Any] = {}
        if self._last is not None:
            previous = {
                "previous_epoch": self._last.epoch,
                "previous_seq": self._last.seq,
                "previous_hash": self._hash,
            }
        first = self._seal(AgentStarted, Address(epoch(number), 1), {"version": "0.1.0"} | previous)
        return [first, *self.carry(carried)]

    def carry(self, parts: int) -> list[Row]:
        """Add a complete set of carried states."""
        return [
            self.add(
                StateCarried,
                part=f"part-{part}",
                part_schema=1,
                body={"n": part},
                last=part == parts,
            )
            for part in range(1, parts + 1)
        ]

    def skip(self, sink: str, first: Address, last: Address, n: int) -> Row:
        """Add the event that names what an optional sink lost."""
        return self.add(SinkSkipped, sink=sink, from_address=str(first), to_address=str(last), n=n)

    def unit(
        self,
        serial: str,
        *,
        visit: int = 1,
        handshake: str = "end",
        components: tuple[ComponentUse, ...] = (),
        result: Result = Result.OK,
    ) -> Row:
        """Add a completed unit."""
        return self.add(
            UnitCompleted,
            unit=serial,
            components=components,
            cycle="c-1",
            handshake=handshake,
            generation=1,
            request=7,
            answer=1,
            earliest_ms=1,
            latest_ms=2,
            result=result,
            visit=visit,
        )

    def lose(self, gap: tuple[str, int, int, str]) -> Row:
        """Add the event that names a range as lost."""
        lost_epoch, first, last, reason = gap
        return self.add(
            HistoryLost, lost_epoch=lost_epoch, first_seq=first, last_seq=last, reason=reason
        )

    def links(self, count: int) -> list[Row]:
        """Add that many small events."""
        return [self.add(LinkLost, device="plc", reason=f"cut {number}") for number in range(count)]

    def _seal(self, cls: type[Event], at: Address, fields: dict[str, Any]) -> Row:
        row = seal(make(cls, at, self.clock_state, self.ahead_ms, **fields), self._hash)
        self.rows.append(row)
        self._last, self._hash = at, row.hash
        return row


def batches(rows: list[Row], size: int) -> list[list[Row]]:
    """Return rows as they are committed: at most so many at a time, never two epochs together."""
    epochs = [list(group) for _, group in itertools.groupby(rows, key=lambda row: row.epoch)]
    return [group[at : at + size] for group in epochs for at in range(0, len(group), size)]


def rim(clock: ManualClock | None = None, **changes: Any) -> Rim:  # noqa: ANN401 - whatever a rim has
    """Return a journal's outside: this disk, threads, a clock that stands still."""
    parts: dict[str, Any] = {
        "files": DiskFiles(),
        "clock": clock or ManualClock(),
        "worker": ThreadWorker,
        "log_bytes": 0,
    }
    return Rim(**(parts | changes))


def two_epochs() -> History:
    """Return a history of two starts, each with a unit: eight events."""
    history = History()
    history.start(1, carried=1)
    history.unit("SN-1")
    history.links(3)
    history.start(2)
    history.unit("SN-2")
    return history


def stored(directory: Path, rows: Sequence[Row]) -> Path:
    """Return a directory that is made a closed journal of some rows."""
    directory.mkdir()
    path = directory / "journal.db"
    journal = Store(create(path, None, STATION), path)
    journal.commit(rows, {})
    journal.close()
    return directory


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file round."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
