"""What others hold of a journal and it does not: nothing else tells that it is an older copy.

A state directory that is put back from a backup is whole: the mark went back with the journal
(FAULTS P21). What was sent out did not: a broker keeps the newest position, a file its last line.

Not unknown is what was pruned, what a `history_lost` has named, and what is missing or rotten in
the middle of an epoch that goes on behind it: the walk names that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import apsw

from agent.journal.chain import Proven, ordinal, place, prove
from agent.journal.store import Stored, stored_edge, stored_from, told_lost
from agent.ports import Address, Recorded

T = TypeVar("T")
_UNNAMED = "-unknown"
"""How the walk calls an epoch of which it knows the ordinal alone."""
_BELOW = "SELECT body FROM events WHERE place < ? ORDER BY place DESC LIMIT 1"


class Readable(Recorded, Protocol):
    """A journal that can be asked, whether it can be written or not."""

    async def look(self, job: Callable[[apsw.Connection], T]) -> T:
        """Return what a job finds in the database."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A range that others hold, and the journal does not."""

    epoch: str
    first: int
    last: int
    is_other: bool = False
    """Whether the journal has another event under that very address."""


def unknown_to(connection: apsw.Connection, held: Address, digest: str) -> Unknown | None:
    """Return what the journal lacks up to an address that others hold; None: nothing.

    Args:
        connection: The journal's database.
        held: The newest address that others hold.
        digest: The hash of that event, as they have it.
    """
    at, edge = place(held), stored_edge(connection)
    if (edge is not None and at <= edge.place) or _is_told(connection, held):
        return None
    for found in map(_proven, stored_from(connection, at, 1)):
        if found is None:
            return None
        if found.row.address == held and found.row.hash != digest:
            return Unknown(epoch=held.epoch, first=held.seq, last=held.seq, is_other=True)
        if found.row.epoch == held.epoch:
            return None
    below = prove(connection.execute(_BELOW, (at,)).get)
    is_begun = below is not None and below.row.epoch == held.epoch
    first = below.row.seq + 1 if below is not None and is_begun else 1
    return Unknown(epoch=held.epoch, first=first, last=held.seq)


def _proven(stored: Stored) -> Proven | None:
    return prove(stored[1])


def _is_told(connection: apsw.Connection, held: Address) -> bool:
    return any(
        first <= held.seq <= last
        and (
            epoch == held.epoch
            or (epoch.endswith(_UNNAMED) and ordinal(epoch) == ordinal(held.epoch))
        )
        for epoch, first, last in told_lost(connection)
    )
