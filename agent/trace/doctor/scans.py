"""Stations whose scans fail, lag or are keyed by hand (D-14, the fourth mistake).

A scan fails that reads nothing, is refused or is cut short. It lags where its code comes when the
cycle has gone, or the cycle comes and no code has: the scan expires, the cycle stays unbound. One
that a person keyed in says so itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from agent.trace.doctor.finding import (
    FEWEST,
    Finding,
    Mistake,
    Period,
    Place,
    of_kinds,
    stations,
)
from agent.trace.fetching import bodies
from agent.trace.holdings import moment
from agent.trace.said import Role
from agent.trace.tables import ABOUT, EVENTS

MOST_FAILED = 0.05
"""A larger share of reads that fail is a finding."""
MOST_LATE = 0.02
"""A larger share of cycles without their code, or of codes without their cycle, is one."""
MOST_KEYED = 0.05
"""A larger share of codes that a person keyed in is one."""
_FAILURES = ("no_read", "code_refused", "scan_truncated")
_KINDS = ("code_scanned", *_FAILURES, "scan_expired", "unit_completed", "unit_unbound")
_LATE = frozenset({"window", "cycle_refused"})
"""Why a scan expires that no cycle could use; the others are no fault of the scan."""
_CODELESS = frozenset({"no_scan", "two_candidates", "order_of_facts", "bad_code"})
"""Why a cycle stays unbound that is due to its scan."""
_SHOWN = 4


@dataclass(slots=True)
class _Station:
    """What is counted at one station."""

    kinds: dict[str, int] = field(default_factory=dict)
    since_ms: int = 0
    until_ms: int = 0

    def of(self, *kinds: str) -> int:
        """Return how many events there are of some kinds."""
        return sum(self.kinds.get(kind, 0) for kind in kinds)


def find(connection: Connection, period: Period) -> Iterator[Finding]:
    """Yield the stations whose scans fail, lag or are keyed by hand."""
    names = stations(connection)
    for station, counted in sorted(_counted(connection, period).items()):
        place = Place(
            station=names[station],
            since=moment(counted.since_ms),
            until=moment(counted.until_ms),
        )
        yield from _failing(connection, period, station, place, counted)
        yield from _lagging(connection, period, station, place, counted)
        yield from _keyed(connection, period, station, place, counted)


def _counted(connection: Connection, period: Period) -> Mapping[int, _Station]:
    asked = (
        select(
            EVENTS.c.station,
            EVENTS.c.kind,
            func.count(),
            func.min(EVENTS.c.received_ms),
            func.max(EVENTS.c.received_ms),
        )
        .where(EVENTS.c.kind.in_(_KINDS), *period.terms())
        .group_by(EVENTS.c.station, EVENTS.c.kind)
    )
    found: dict[int, _Station] = {}
    for station, kind, n, since_ms, until_ms in connection.execute(asked):
        at = found.setdefault(station, _Station(since_ms=since_ms, until_ms=until_ms))
        at.kinds[kind] = n
        at.since_ms, at.until_ms = min(at.since_ms, since_ms), max(at.until_ms, until_ms)
    return found


def _failing(
    connection: Connection, period: Period, station: int, place: Place, counted: _Station
) -> Iterator[Finding]:
    failed = counted.of(*_FAILURES)
    reads = counted.of("code_scanned") + failed
    if failed < FEWEST or failed <= MOST_FAILED * reads:
        return
    why: Counter[str] = Counter()
    for _, event in of_kinds(connection, _FAILURES, period, station):
        what = event.get("reason") or event["kind"]
        why[f"{what} at {event['device']}"] += 1
    unbound = counted.of("unit_unbound")
    yield Finding(
        mistake=Mistake.SCANS_FAIL,
        place=place,
        shown_by=f"{failed:,} of {reads:,} reads failed ({failed / reads:.1%})",
        counts={"reads": reads, **{kind: counted.of(kind) for kind in _FAILURES}},
        examples=tuple(f"{n:,} x {what}" for what, n in _most(why.items())),
        costs=f"{failed:,} reads that somebody had to repeat or do without; {unbound:,} cycles "
        "stayed unbound there, and each belongs to every recall of its time",
        do="look at the label where it is read, and at the reader's light and distance; a refused "
        "code is shown part by part by `lineside decode`",
    )


def _lagging(
    connection: Connection, period: Period, station: int, place: Place, counted: _Station
) -> Iterator[Finding]:
    late: Counter[str] = Counter()
    for _, event in of_kinds(connection, ("scan_expired",), period, station):
        late[event["reason"]] += event["reason"] in _LATE
    without: Counter[str] = Counter()
    for _, event in of_kinds(connection, ("unit_unbound",), period, station):
        without.update(_CODELESS & set(event.get("why", ())))
    n_late, n_without = sum(late.values()), sum(without.values())
    scans, cycles = counted.of("code_scanned"), counted.of("unit_completed", "unit_unbound")
    is_late = n_late >= FEWEST and n_late > MOST_LATE * scans
    is_without = n_without >= FEWEST and n_without > MOST_LATE * cycles
    if not is_late and not is_without:
        return
    both = [*((f"scan {what}", n) for what, n in late.items()), *without.items()]
    yield Finding(
        mistake=Mistake.SCANS_LAG,
        place=place,
        shown_by=f"{n_without:,} of {cycles:,} cycles had no code of their own, and {n_late:,} of "
        f"{scans:,} codes met no cycle",
        counts={"cycles": cycles, "without_code": n_without, "scans": scans, "expired": n_late},
        examples=tuple(f"{n:,} x {what}" for what, n in _most(both) if n),
        costs=f"{n_without:,} units that nobody can name: each belongs to every recall of its time",
        do="let the code be read where the part lies in the machine, by a fixed reader or the PLC; "
        "where it stays by hand, let `begin` ask for it before the machine works, or widen "
        "`pair.window` if codes come early",
    )


def _keyed(
    connection: Connection, period: Period, station: int, place: Place, counted: _Station
) -> Iterator[Finding]:
    asked = (
        select(EVENTS.c.id)
        .distinct()
        .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
        .where(ABOUT.c.role == Role.ENTERED.value, EVENTS.c.station == station, *period.terms())
    )
    entered = bodies(connection, [number for (number,) in connection.execute(asked)])
    keyed = [event for event in entered.values() if event["entry"] == "keyed"]
    codes = counted.of("code_scanned")
    if len(keyed) < FEWEST or len(keyed) <= MOST_KEYED * codes:
        return
    why = Counter(f"{event['entry_reason']} at {event['device']}" for event in keyed)
    yield Finding(
        mistake=Mistake.SCANS_KEYED,
        place=place,
        shown_by=f"{len(keyed):,} of {codes:,} codes were keyed by hand ({len(keyed) / codes:.1%})",
        counts={"codes": codes, "keyed": len(keyed)},
        examples=tuple(f"{n:,} x {what}" for what, n in _most(why.items())),
        costs=f"{len(keyed):,} codes of which a slip of the fingers makes another unit's, where "
        "the code has no check digit",
        do="mend the label or the reader; where it is meant so, take codes with a check digit, or "
        "lots instead of serials",
    )


def _most(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the largest counts, in an order that does not depend on when they were counted."""
    return sorted(counts, key=lambda each: (-each[1], each[0]))[:_SHOWN]
