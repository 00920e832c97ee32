"""The pairing strategies, one entry each (D-23): how a code and a cycle find each other.

A station declares exactly one. Its entry says how a cycle that has its snapshot looks for its unit,
and what a scan, an answered ask and the time mean beside the handshakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agent.core import bench, carriers, cavities, choosing, following, pairing, queueing, tagged
from agent.core.draft import Draft
from agent.core.state import Candidate, Rise, Snapshot, State, Working
from agent.core.station import Handshake, Station, Strategy
from drivers.base import AskAnswered, ValuesSeen


def _no_candidates(_state: State, _rise: Rise) -> tuple[Candidate, ...]:
    """Return none: no scan is waited for."""
    return ()


def _one_is_enough(_state: State, found: tuple[Candidate, ...]) -> bool:
    """Return whether there is a candidate: a second one is seen soon enough."""
    return bool(found)


def _no_wait(_station: Station) -> int:
    """Return 0: no scan is waited for."""
    return 0


def _no_rise(_draft: Draft, _handshake: Handshake, _rise: Rise) -> None:
    """That a trigger rose means nothing for what was scanned before it."""


def _no_scan(_draft: Draft) -> None:
    """A scan means nothing beside the handshakes."""


def _no_hold(_draft: Draft) -> None:
    """That nothing can be recorded means nothing beside the handshakes."""


def _no_values(_draft: Draft, _seen: ValuesSeen) -> None:
    """Values mean nothing beside the handshakes."""


def _no_answer(_draft: Draft, _seen: AskAnswered) -> None:
    """No ask is open beside those of the handshakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One strategy."""

    seek: Callable[[Draft, Handshake, Snapshot], None] = choosing.from_begin
    """A cycle that has its snapshot looks for its unit, where it waits for no scan."""
    candidates: Callable[[State, Rise], tuple[Candidate, ...]] = _no_candidates
    """The units whose scans may belong to the cycle of a rise."""
    enough: Callable[[State, tuple[Candidate, ...]], bool] = _one_is_enough
    """Whether the candidates are all that is waited for."""
    take: Callable[[Draft, Handshake, tuple[Candidate, ...]], None] = choosing.take
    """What becomes of a cycle with the candidates that were found."""
    wait_ms: Callable[[Station], int] = _no_wait
    """How long after the rise a scan is waited for before none or one is enough."""
    risen: Callable[[Draft, Handshake, Rise], None] = _no_rise
    """A trigger rose, or was found high."""
    scanned: Callable[[Draft], None] = _no_scan
    """Something was scanned: it is in the state."""
    seen: Callable[[Draft, ValuesSeen], None] = _no_values
    """Values were read: they are in the readings."""
    answered: Callable[[Draft, AskAnswered], None] = _no_answer
    """A look-up was answered."""
    held: Callable[[Draft], None] = _no_hold
    """From now on no cycle can be recorded."""
    timer: Callable[[Draft], None] = pairing.timer
    """Time has passed."""
    deadlines: Callable[[State, Working], Iterator[int]] = pairing.deadlines
    """When it wants to be looked at again."""


def _settle_ms(station: Station) -> int:
    return station.pairing.settle_ms


ENTRIES: Mapping[Strategy, Entry] = {
    Strategy.SCAN_THEN_CYCLE: Entry(candidates=pairing.candidates, wait_ms=_settle_ms),
    Strategy.CYCLE_THEN_SCAN: Entry(
        candidates=following.candidates,
        enough=following.enough,
        take=following.take,
        wait_ms=following.wait_ms,
        risen=following.risen,
        scanned=following.scanned,
        timer=following.timer,
        deadlines=following.deadlines,
    ),
    Strategy.FIFO: Entry(seek=queueing.seek, scanned=queueing.scanned, seen=queueing.seen),
    Strategy.TAG: Entry(seek=tagged.seek),
    Strategy.CARRIER: Entry(
        seek=carriers.seek,
        candidates=pairing.candidates,
        take=carriers.take,
        wait_ms=_settle_ms,
        scanned=carriers.scanned,
    ),
    Strategy.MULTI_CAVITY: Entry(
        seek=cavities.seek,
        candidates=pairing.candidates,
        enough=cavities.enough,
        take=cavities.take,
        wait_ms=_settle_ms,
    ),
    Strategy.SCAN_ONLY: Entry(
        scanned=bench.scanned,
        answered=bench.answered,
        held=bench.held,
        timer=bench.timer,
        deadlines=bench.deadlines,
    ),
    Strategy.COUNT_ONLY: Entry(),
}
"""Every strategy that is built; a station file names no other."""


def entry(station: Station) -> Entry:
    """Return the entry of a station's strategy."""
    return ENTRIES[station.pairing.strategy]
