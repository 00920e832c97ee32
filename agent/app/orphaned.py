"""What others hold of a station's history and its own journal does not (FAULTS P21).

A sink that connects says what its other side has: a broker the position that it keeps, a file its
last line. What the journal knows nothing of was recorded by this station all the same: an older
copy of its state directory was put back, or another agent works under its name.

Laws:
    1. The first that a sink says in this process may be a backup that was put back. The run ends in
       order and the next one begins as after any loss: its ordinal is behind all that is out, it
       names the range (`history_lost`), and requests of that range are possible repeats.
    2. What comes later, or cannot be, is another agent or nobody's word: it is an alarm alone, for
       two agents under one name must not make each other begin anew, again and again.
    3. The alarm is a fault of that sink, named with the address that is out there, and stands until
       the agent is started again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.journal.chain import ordinal
from agent.journal.outside import Readable, Unknown, unknown_to
from agent.ports import Address, Recovery
from drivers.base import TagFault

REASON = (
    "a sink holds it and the journal does not: an older state directory was put back, or another "
    "agent records under this name"
)
HINT = (
    "if a backup was put back, nothing: whoever holds those events keeps them. If not, find the "
    "other agent and stop it, or give it a station path of its own"
)
FARTHEST = 10_000
"""Epochs that may lie between a backup and what came after it: nobody starts so often."""

Told = Callable[[str, str], None]
"""Told (sink, what is to be looked at)."""


class Orphans:
    """What the sinks of one station hold beyond its journal, over all its runs in this process."""

    def __init__(self, tell: Told, begin_anew: Callable[[], None]) -> None:
        self._tell = tell
        self._begin_anew = begin_anew
        self._heard: set[str] = set()
        self._faults: dict[str, TagFault] = {}
        self._untold: dict[str, Unknown] = {}
        """By epoch, what the next run has to name."""

    def faults(self, sink: str) -> tuple[TagFault, ...]:
        """Return what stands against a sink."""
        fault = self._faults.get(sink)
        return () if fault is None else (fault,)

    async def is_known(self, journal: Readable, sink: str, held: Address, digest: str) -> bool:
        """Return whether this run may go on, told what the other side of a sink holds.

        Raises:
            JournalError: the journal cannot be read.
        """
        is_first = sink not in self._heard
        self._heard.add(sink)
        unknown = await journal.look(lambda connection: unknown_to(connection, held, digest))
        if unknown is None:
            return True
        if held.epoch in self._untold:  # no run has named it yet: it is kept out there until then
            return self._name(unknown)
        cause = _cause(unknown)
        self._faults[sink] = TagFault(tag="history", cause=cause, hint=HINT)
        self._tell(sink, f"{cause}; {HINT}")
        if not is_first or unknown.is_other or not _can_be(held, journal.last):
            return True
        return self._name(unknown)

    def _name(self, unknown: Unknown) -> bool:
        """Have the next run name a range; this one is over."""
        known = self._untold.get(unknown.epoch)
        if known is None or known.last < unknown.last:
            self._untold[unknown.epoch] = unknown
        self._begin_anew()
        return False

    def with_untold(self, recovery: Recovery) -> Recovery:
        """Return what an opening found, and as lost what is only known to others."""
        if not self._untold:
            return recovery
        ordinals = [ordinal(epoch) for epoch in self._untold]
        lost = [(one.epoch, one.first, one.last, REASON) for one in self._untold.values()]
        return replace(
            recovery,
            highest_ordinal=max(recovery.highest_ordinal, *ordinals),
            lost=(*recovery.lost, *lost),
        )

    def told(self, recovery: Recovery) -> bool:
        """Take note that a run has named what was lost; return whether nothing is left to name."""
        for epoch, _, last, reason in recovery.lost:
            one = self._untold.get(epoch)
            if reason == REASON and one is not None and one.last <= last:
                del self._untold[epoch]
        return not self._untold


def _cause(unknown: Unknown) -> str:
    address = Address(unknown.epoch, unknown.last)
    if unknown.is_other:
        return f"it holds {address} with another content than the journal"
    return (
        f"it holds events of this station up to {address} that the journal does not know (from "
        f"{Address(unknown.epoch, unknown.first)} on): an older state directory was put back, or "
        "another agent records under this name"
    )


def _can_be(held: Address, last: Address | None) -> bool:
    return last is not None and ordinal(held.epoch) - ordinal(last.epoch) <= FARTHEST
