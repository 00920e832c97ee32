"""The machine's states on their way out: from the journal, confirmed like any event.

What a birth showed already, and what came before it, is historical; each state keeps its time.
"""

from __future__ import annotations

import asyncio

from agent.core.events import MachineStateChanged
from agent.formats.codec import FormatError
from agent.formats.json import decode
from agent.ports import Address, Row, SinkDownError
from agent.sinks.options import MachineNow
from agent.sinks.sparkplug.node import CATEGORY, EVENT, MODE, REASON, STATE, NodeValues, node_sample
from agent.sinks.values import Sample
from drivers.base import Scalar

Shown = asyncio.Future[None]
Values = dict[str, Scalar | None]


class States:
    """State changes that were given to the sink, until the broker has them."""

    def __init__(self) -> None:
        self._as_of: Address | None = None
        self._waiting: list[tuple[Row, Shown]] = []
        self._sent: list[Shown] = []

    def born(self, machine: MachineNow, values: NodeValues, wall_ms: int) -> None:
        """Put what a birth says of the machine; events up to it are history from now on."""
        self._as_of = machine.as_of
        said: Values = {
            STATE: machine.state,
            CATEGORY: machine.category,
            REASON: machine.reason,
            MODE: machine.mode,
        }
        if values.note(said, wall_ms):
            values.note({EVENT: None}, wall_ms)  # its event is still on its way here

    def take(self, row: Row) -> Shown:
        """Take an event; the future is done when the broker has it."""
        shown: Shown = asyncio.get_running_loop().create_future()
        self._waiting.append((row, shown))
        return shown

    def due(self, values: NodeValues, *, historical: bool) -> list[Sample]:
        """Return what the events before, or behind, the birth say; they count as sent."""
        samples, left = list[Sample](), list[tuple[Row, Shown]]()
        for row, shown in self._waiting:
            is_past = self._as_of is not None and row.address <= self._as_of
            if is_past is not historical:
                left.append((row, shown))
                continue
            self._sent.append(shown)
            said = _said(row)
            if is_past:
                samples += [node_sample(name, value, row.wall_ms) for name, value in said.items()]
            else:
                samples += values.note(said, row.wall_ms)
        self._waiting = left
        return samples

    @property
    def unproven(self) -> int:
        """How many were sent and are not known to be there."""
        return len(self._sent)

    def proven(self, n: int) -> None:
        """Confirm the first `n` that were sent."""
        done, self._sent = self._sent[:n], self._sent[n:]
        for shown in done:
            if not shown.done():  # whoever sent it may have stopped waiting
                shown.set_result(None)

    def fail(self, error: SinkDownError) -> None:
        """Give all of them back."""
        given, self._sent = [*self._sent, *(shown for _, shown in self._waiting)], []
        self._waiting = []
        for shown in given:
            if not shown.done():
                shown.set_exception(error)


def _said(row: Row) -> Values:
    """Return what an event says of the machine; nothing, where it is of a later version."""
    try:
        event = decode(row.body)
    except FormatError:
        return {}
    if not isinstance(event, MachineStateChanged):
        return {}
    return {
        STATE: event.state,
        CATEGORY: event.category,
        REASON: event.reason,
        MODE: event.mode,
        EVENT: str(row.address),
    }
