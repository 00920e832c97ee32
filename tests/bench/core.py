"""How many steps of decide and evolve one core does: press cycles in memory, one after the other.

A step is one observation: scan, rise, snapshot, look-up, fall, and the values between, in the
proportion of a press of which ten value changes are seen in a cycle. Both folds of an engine are
made (planned in `decide`, durable by `evolve` again), and what is due is pulled as it would be.
"""

import time
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from agent.core import binder
from agent.core.state import Ask, Health, State, Working
from drivers.base import (
    AnyObservation,
    AskAnswered,
    CodeScanned,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
)
from tests.bench.result import Result
from tests.core_rig import HOUSING, PRESS, instant

GOAL_PER_S = 20_000
VALUES = 10
"""Changes of values that are no trigger, seen in one cycle."""
STATION = replace(PRESS, components=(HOUSING,))


@dataclass(slots=True)
class Line:
    """One station in memory, and how many steps it has done."""

    state: State
    working: Working
    steps: int = 0
    ms: int = 1_000
    asks: tuple[Ask, ...] = ()

    def step(self, observation: AnyObservation) -> None:
        """Decide one observation, and fold its events again as the durable fold does."""
        decision = binder.decide(self.state, self.working, observation, observation.received)
        self.state = reduce(binder.evolve, decision.events, self.state)
        self.working, self.asks = decision.working, decision.asks
        self.steps += 1

    def seen(self, device: str, took_ms: int) -> dict[str, Any]:
        """Return what every observation has; time goes on."""
        self.ms += took_ms
        return {
            "id": f"o-{self.steps}",
            "device": device,
            "earliest_ms": self.ms - took_ms,
            "latest_ms": self.ms,
            "received": instant(self.ms),
        }

    def values(self, **tags: Scalar) -> None:
        """Let a poll see values."""
        self.step(ValuesSeen(**self.seen("plc", 10), values=good(tags)))

    def snapshot(self, **tags: Scalar) -> None:
        """Answer the snapshot that was asked for."""
        self.step(
            SnapshotRead(
                **self.seen("plc", 5),
                ask=self.asks[0].id,
                group="end",
                values=good(tags),
                coherent=True,
                tries=1,
            )
        )

    def pull(self) -> None:
        """Pull what the PLC must hold."""
        due = binder.due(self.state, self.working, Health(now_ms=self.ms), "plc")
        self.working = binder.handed_over(self.working, due.standing)

    def cycle(self, request: int) -> None:
        """Make one unit."""
        code = f"SN-{request}".encode()
        self.step(CodeScanned(**self.seen("scanner", 20), raw=code))
        for n in range(VALUES):
            self.values(**{f"value-{n}": request + n})
        self.values(trigger=True, request=request % 65_536)
        self.pull()
        self.snapshot(trigger=True, request=request % 65_536, count=request, force=1.5, ok=True)
        self.step(AskAnswered(**self.seen("", 1), ask=self.asks[0].id, known=True))
        self.pull()
        self.values(trigger=False)
        self.pull()


def good(tags: dict[str, Scalar]) -> tuple[TagValue, ...]:
    """Return good values."""
    return tuple(TagValue(tag=tag, value=v, quality=Quality.GOOD) for tag, v in tags.items())


def begun() -> Line:
    """Return a press in operation."""
    beginning = binder.Beginning(
        epoch="000001-aa",
        version="1",
        previous_epoch=None,
        previous_seq=None,
        previous_hash=None,
    )
    start = binder.start(binder.initial(STATION), beginning, instant(1_000))
    line = Line(start.state, start.working)
    line.step(LinkChanged(**line.seen("scanner", 1), up=True))
    line.step(LinkChanged(**line.seen("plc", 1), up=True))
    line.snapshot(trigger=False, request=0, count=0, force=1.5, ok=True)
    line.step(CodeScanned(**line.seen("scanner", 20), raw=b"L-1"))
    return line


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - as every bench module is called
    """Measure steps a second of processor time: the machine may have other work."""
    line, cycles = begun(), 200 if quick else 3_000
    for request in range(1, 51):
        line.cycle(request)
    before, began_s = line.steps, time.process_time()
    for request in range(51, 51 + cycles):
        line.cycle(request)
    took_s = time.process_time() - began_s
    per_s = (line.steps - before) / took_s
    return [
        Result(
            goal="core",
            what="decide and evolve, both folds and outputs, one core",
            figure=per_s,
            unit="steps/s",
            bare=None,
            ratio=None,
            passed=per_s >= GOAL_PER_S,
            note=f"{took_s / cycles * 1e6:.0f} us a unit; goal >= {GOAL_PER_S:,} steps/s",
        )
    ]
