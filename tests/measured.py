"""A station's day as events, for tests of key figures: what happened at which minute."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar

from agent.core import events as ev
from agent.core.calendars import Window
from drivers.base import ClockState

E = TypeVar("E", bound=ev.Event)
MINUTE_MS = 60_000
MORNING_MS = 1_732_514_400_000
"""2024-11-25T06:00:00Z, a Monday."""
STATION = "acme/press-07"


class Day:
    """Events in order; minute 0 is 06:00."""

    def __init__(self, *, boot: str = "boot-1", ahead_ms: int = 0) -> None:
        self.events: list[ev.Event] = []
        self.epoch, self.seq = 1, 0
        self.boot, self.ahead_ms = boot, ahead_ms
        self.clock = ClockState.SYNCED
        self.order: str | None = None

    def add(self, cls: type[E], minute: float, **said: Any) -> E:  # noqa: ANN401 - whatever the kind has
        """Record that something happened at a minute."""
        self.seq += 1
        boottime_ms = round(minute * MINUTE_MS) + 1_000_000
        envelope: dict[str, Any] = {
            "epoch": f"{self.epoch:06d}-0000000{self.epoch}",
            "seq": self.seq,
            "station": STATION,
            "config": "c1",
            "machine": "press-07",
            "order": self.order,
            "time": ev.EventTime(
                received_ms=MORNING_MS + round(minute * MINUTE_MS) + self.ahead_ms,
                offset_min=60,
                boottime_ms=boottime_ms,
                boot_id=self.boot,
                clock_state=self.clock,
            ),
        }
        names = set(cls.__dataclass_fields__)
        for key in ("earliest_ms", "latest_ms", "first_ms", "last_ms"):
            if key in names:
                envelope[key] = boottime_ms
        event = cls(**(envelope | said))
        self.events.append(event)
        return event

    def started(self, minute: float) -> None:
        """The agent begins an epoch."""
        if self.events:
            self.epoch, self.seq = self.epoch + 1, 0
        self.add(ev.AgentStarted, minute, version="0.1.0")

    def state(self, minute: float, category: str, reason: str | None = None, **said: Any) -> None:  # noqa: ANN401 - as above
        """The machine does something else."""
        said = {"source": "word", "state": category, "previous": "unknown", **said}
        self.add(ev.MachineStateChanged, minute, category=category, reason=reason, **said)

    def unit(
        self,
        minute: float,
        result: str | None = "ok",
        *,
        kind: type[ev.UnitEvent] = ev.UnitCompleted,
        **said: Any,  # noqa: ANN401 - as above
    ) -> None:
        """A cycle has ended."""
        said = {"cycle": "c", "handshake": "end", "generation": 1, "answer": 1, **said}
        if kind is ev.UnitCompleted:
            said = {"visit": 1, "unit": "SN-1", **said}
        if kind is ev.UnitRefused:
            said = {"reason": ev.Why.DUPLICATE, **said}
        if result is not None:
            said["result"] = ev.Result(result)
        self.add(kind, minute, **said)

    def pieces(self, minute: float, n: int, to_count: int, **said: Any) -> None:  # noqa: ANN401 - as above
        """Pieces were counted."""
        said = {"tag": "count", "from_count": to_count - n, "lot": "LOT-1", **said}
        self.add(ev.LotCounted, minute, n=n, to_count=to_count, **said)


def at(minute: float) -> int:
    """Return a minute as UTC ms."""
    return MORNING_MS + round(minute * MINUTE_MS)


def window(begin: float, end: float, *stops: tuple[float, float], name: str = "early") -> Window:
    """Return a shift by minutes."""
    spans = tuple((at(low), at(high)) for low, high in stops)
    return Window(
        name=name, day=date(2024, 11, 25), begin_ms=at(begin), end_ms=at(end), stops=spans
    )
