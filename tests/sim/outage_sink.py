"""The sink of an outage: nobody is there for days, then somebody takes and proves everything."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from agent.journal.chain import Proven, prove
from agent.ports import Delivery, SinkDownError
from agent.sinks.options import FORMATS, SinkOptions, SinkPlace, SinkSpec
from tests.sim.oracle import event_of

WINDOW = 50


@dataclass(slots=True)
class Subscriber:
    """Who gets the events: keeps the newest, and proves that each follows the one before."""

    is_away: bool = True
    delivered: int = 0
    newest: Proven | None = None
    problems: list[str] = field(default_factory=list)

    here: ClassVar[Subscriber | None] = None
    """Set for the time of one run."""

    def take(self, payload: bytes) -> None:
        """Take one event."""
        one, before = prove(event_of(payload)), self.newest
        if one is None:
            self.problems.append(f"not whole: {payload[:120]!r}")
            return
        address = one.row.address
        if before is not None and address <= before.row.address:
            return  # again
        if before is None:
            fits = address.seq == 1
        elif before.row.epoch == address.epoch:
            fits = address.seq == before.row.seq + 1 and one.prev == before.row.hash
        else:
            fits = address.seq == 1 and one.previous == before.row.address
        if not fits:
            self.problems.append(f"{address} does not follow {before and before.row.address}")
        self.newest, self.delivered = one, self.delivered + 1


class WaitingSink:
    """A sink to that subscriber: while it is away there is nobody, then each event is confirmed."""

    window = WINDOW

    def __init__(self, options: SinkOptions, place: SinkPlace) -> None:
        del place
        assert Subscriber.here is not None
        self.counts: Counter[str] = Counter()
        self._encode, self._subscriber = FORMATS[options.format], Subscriber.here

    async def connect(self) -> None:
        """Reach the subscriber."""
        if self._subscriber.is_away:
            raise SinkDownError("broker: connection refused; start it")

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Send one event; it is confirmed in a later turn of the loop."""
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[None] = loop.create_future()
        self._subscriber.take(self._encode(delivery))
        loop.call_soon(confirmed.set_result, None)
        return confirmed

    async def hold(self) -> None:
        """The connection does not end."""
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """There is nothing to close."""


class WaitingOptions(SinkOptions):
    """As the simulation's sinks: a root for every topic."""

    root: str
    """The first part of every topic."""


SPEC = SinkSpec(summary="Waits for a test.", options=WaitingOptions, build=WaitingSink)
SINKS = {"simulated": "tests.sim.outage_sink"}
