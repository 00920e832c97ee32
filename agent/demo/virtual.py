"""A station's core in virtual time: what its PLC and reader do is played, the rest is the product.

No device, no disk, no waiting: each observation goes through `decide`, what it concludes is
committed at once, and the clock stands where the script puts it. So a shift takes a second, and the
events are those that a station would have recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.core import binder
from agent.core.events import Event
from agent.core.state import Ask, Decision, Health, LookupAsk, NotReady, SnapshotAsk, Working
from agent.core.station import Station
from drivers.base import (
    AskAnswered,
    ClockState,
    CodeScanned,
    Instant,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    TimerFired,
    ValuesSeen,
)

MONDAY_MS = 1_796_018_400_000
"""2026-11-30T06:00:00Z, the wall clock at boot time 0: the example is the same every day."""
PLC, READER = "plc", "reader"
_EPOCH = "000001-00000000"


class VirtualStation:
    """One station, and what happened at it so far."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.events: list[Event] = []
        self.tags: dict[str, Scalar] = {}
        self._ms = 1_000
        self._wakeup_ms: int | None = None
        self._n = 0
        self._state = binder.initial(station)
        self._working = Working()
        self._asks: list[Ask] = []
        beginning = binder.Beginning(
            epoch=_EPOCH, version="1", previous_epoch=None, previous_seq=None, previous_hash=None
        )
        self._take(binder.start(self._state, beginning, self._now))

    # -------------------------------------------------------------- what is played

    def connect(self, **tags: Scalar) -> None:
        """Let reader and PLC come up; the PLC's tags stand so."""
        self.tags |= tags
        self._observe(LinkChanged, device=READER, up=True, reason="")
        self._observe(LinkChanged, device=PLC, up=True, reason="")
        self._answer()
        self.poll(**tags)

    def wait(self, ms: int) -> None:
        """Let time pass; timers fire when the core asked for them."""
        until = self._ms + ms
        while self._wakeup_ms is not None and self._wakeup_ms <= until:
            self._ms = max(self._ms, self._wakeup_ms)
            self._observe(TimerFired)
        self._ms = until

    def poll(self, took_ms: int = 10, /, **tags: Scalar) -> None:
        """Let the PLC change tags, and the poll that ends after `took_ms` see them."""
        self.tags |= tags
        self._ms += took_ms
        earliest_ms = self._ms - took_ms
        self._observe(ValuesSeen, device=PLC, earliest_ms=earliest_ms, values=self._values(tags))

    def scan(self, code: str, took_ms: int = 20) -> None:
        """Let the reader send a code."""
        self._ms += took_ms
        raw = code.encode()
        self._observe(CodeScanned, device=READER, earliest_ms=self._ms - took_ms, raw=raw)

    def cycle(self, request: int) -> None:
        """Let the PLC ask with a request, take its answer, and drop the trigger."""
        self.poll(trigger=True, request=request)
        self._answer()
        self._pull()
        self.poll(trigger=False)
        self._pull()

    # -------------------------------------------------------------- how

    @property
    def _now(self) -> Instant:
        return Instant(
            wall_ms=MONDAY_MS + self._ms,
            offset_min=60,
            boot_ms=self._ms,
            boot_id="virtual",
            clock_state=ClockState.SYNCED,
        )

    def _observe(self, kind: Callable[..., Any], **members: Any) -> None:  # noqa: ANN401 - fields
        self._n += 1
        common = {
            "id": f"o{self._n}",
            "device": "",
            "earliest_ms": self._ms,
            "latest_ms": self._ms,
            "received": self._now,
        }
        observation = kind(**(common | members))
        self._take(binder.decide(self._state, self._working, observation, self._now))

    def _take(self, decision: Decision) -> None:
        self.events += decision.events
        self._state, self._working = decision.state, decision.working
        self._asks += decision.asks
        self._wakeup_ms = decision.wakeup_ms

    def _answer(self) -> None:
        """Answer what the core asked: from the PLC's tags, or that a unit was never here."""
        while self._asks:
            ask = self._asks.pop(0)
            if isinstance(ask, SnapshotAsk):
                self._observe(
                    SnapshotRead,
                    device=PLC,
                    ask=ask.id,
                    group=ask.handshake,
                    values=self._values(dict.fromkeys((*ask.guard, *ask.tags))),
                    coherent=True,
                    tries=1,
                )
            elif isinstance(ask, LookupAsk):
                as_of = self.events[-1].address
                self._observe(AskAnswered, ask=ask.id, known=True, knowledge_as_of=as_of)

    def _values(self, tags: dict[str, Any]) -> tuple[TagValue, ...]:
        return tuple(TagValue(tag=tag, value=self.tags[tag], quality=Quality.GOOD) for tag in tags)

    def _pull(self) -> None:
        """Hand the PLC what it must hold."""
        health = Health(now_ms=self._ms, reason=NotReady.READY)
        due = binder.due(self._state, self._working, health, PLC)
        self._working = binder.handed_over(self._working, due.standing)
