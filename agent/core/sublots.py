"""A lot cut into sub-lots while it is made, so that less of it is recalled (D-1, D-10).

    by count    after `every_n` pieces. The agent cuts at the count itself, between two readings
                too: which piece is of which sub-lot is certain, and so are the sums
    by time     after `every_ms` from its first piece, at the count that was recorded last
    by carrier  with the scan of the next container: pieces about that scan may be in either. What
                is made before the first scan is of the lot and in no container

A sub-lot is `LOT/0001`, or `LOT/CARRIER`; its numbers go on when the lot comes again. It begins
with its first piece, so that no empty one is left at the end. Pieces in doubt are never cut apart:
the row stays whole, and the sub-lot that it was counted to ends behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from agent.core import events as ev
from agent.core import lotbook
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.lot_plan import Sublots
from agent.core.parts import OpenLot, OpenPart
from agent.core.state import State, Step
from agent.core.station import Counter

MOST_CUTS = 100
"""Into so many sub-lots one step is cut at the most. All its pieces have the same interval, and so
the same material: cutting on would make records, and no recall smaller."""

FULL, TIME, CARRIER, CONFIG = "full", "time", "carrier", "config"


def carrier_part(lot: str, carrier: str) -> str:
    """Return the identity of what is of a lot and in a container."""
    return f"{lot}/{quote(carrier.rpartition('/')[2], safe='')}"


def divided(state: State, counter: Counter, steps: list[Step]) -> list[list[Step]]:
    """Return certain steps by the sub-lots that they fill, each but the last to its limit."""
    plan, running = state.station.lots.sublots, state.production.lot
    if plan is None or plan.every_n is None or running is None:
        return [steps]
    room = plan.every_n
    if running.part is not None:
        room -= running.part.n + running.part.n_possible
    parts: list[list[Step]] = [[]]
    for step in steps:
        rest = step
        while rest.n > room and len(parts) < MOST_CUTS:
            head, rest = _cut(rest, room, counter.modulus)
            parts[-1].append(head)
            parts.append([])
            room = plan.every_n
        parts[-1].append(rest)
        room -= rest.n
    return [part for part in parts if part]


def _cut(step: Step, n: int, modulus: int) -> tuple[Step, Step]:
    """Return a step's first `n` pieces and the rest; when they were made is known of neither."""
    rest = step.n - n
    return replace(step, n=n, count=(step.count - rest) % modulus), replace(step, n=rest)


def begin(draft: Draft, steps: list[Step]) -> None:
    """Open the sub-lot that the next pieces are counted to, where the agent cuts by itself."""
    plan, running = draft.station.lots.sublots, draft.state.production.lot
    counted = draft.state.production.counted
    if plan is None or plan.by_carrier or running is None or running.part is not None:
        return
    entry = lotbook.known(draft.state, running.lot)
    number = (entry.parts if entry else 0) + 1
    between_ms = (steps[0].earliest_ms, steps[0].latest_ms)
    count = counted.count if counted else 0
    _open(draft, running, f"{running.lot}/{number:04d}", between_ms, (), from_count=count)


def with_its_lot(draft: Draft, carrier: str | None, between_ms: tuple[int, int]) -> None:
    """Open the sub-lot in the container that was there before its lot."""
    running, counted = draft.state.production.lot, draft.state.production.counted
    if carrier is not None and running is not None:
        part = carrier_part(running.lot, carrier)
        count = counted.count if counted else 0
        _open(draft, running, part, between_ms, (), carrier=carrier, from_count=count)


def carrier_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Go on in the container that was scanned; what was counted before the scan is recorded."""
    plan, running = draft.station.lots.sublots, draft.state.production.lot
    if plan is None or not plan.by_carrier or running is None:
        return
    if running.part is not None and running.part.carrier == scan.code:
        return
    between_ms, because = (scan.earliest_ms, scan.latest_ms), (scan.address,)
    close(draft, CARRIER, between_ms, because)
    part = carrier_part(running.lot, scan.code)
    _open(draft, running, part, between_ms, because, carrier=scan.code)


def _open(
    draft: Draft,
    running: OpenLot,
    part: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...],
    *,
    carrier: str | None = None,
    from_count: int | None = None,
) -> None:
    draft.add(
        ev.LotOpened(
            **draft.head(because=because),
            lot=part,
            product=running.product,
            previous=running.part.lot if running.part else None,
            part_of=running.lot,
            carrier=carrier,
            from_count=from_count,
            earliest_ms=between_ms[0],
            latest_ms=between_ms[1],
        )
    )


def close(
    draft: Draft,
    reason: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...] = (),
    *,
    to_count: int | None = None,
) -> None:
    """End the sub-lot that is open."""
    running = draft.state.production.lot
    if running is None or running.part is None:
        return
    draft.add(
        ev.LotClosed(
            **draft.head(because=because),
            lot=running.part.lot,
            n=running.part.n,
            n_possible=running.part.n_possible,
            measure=draft.station.lots.measure,
            reason=reason,
            part_of=running.lot,
            to_count=to_count,
            earliest_ms=between_ms[0],
            latest_ms=between_ms[1],
        )
    )


def end_if_full(draft: Draft, steps: list[Step]) -> None:
    """End the sub-lot that these steps have filled."""
    plan, part = draft.station.lots.sublots, _open_part(draft.state)
    if part is None or plan is None or plan.every_n is None:
        return
    if part.n + part.n_possible >= plan.every_n:
        between_ms = (steps[-1].earliest_ms, steps[-1].latest_ms)
        close(draft, FULL, between_ms, to_count=steps[-1].count)


def end_if_due(draft: Draft) -> None:
    """End a sub-lot whose time is over, or that the station file no longer wants, at the count."""
    part, counted = _open_part(draft.state), draft.state.production.counted
    if part is None or counted is None:
        return
    due_ms = _due_ms(draft.station.lots.sublots, part)
    if due_ms is not None and due_ms <= draft.now_ms:
        reason = TIME if _is_wanted(draft.station.lots.sublots, part) else CONFIG
        close(draft, reason, (counted.at_ms, draft.now_ms), to_count=counted.count)


def deadlines(state: State) -> Iterator[int]:
    """Yield when the open sub-lot's time is over."""
    part = _open_part(state)
    due_ms = _due_ms(state.station.lots.sublots, part) if part is not None else None
    if due_ms is not None:
        yield due_ms


def _open_part(state: State) -> OpenPart | None:
    return state.production.lot.part if state.production.lot is not None else None


def _is_wanted(plan: Sublots | None, part: OpenPart) -> bool:
    """Whether the station file still cuts lots in the way in which this sub-lot began."""
    return plan is not None and plan.by_carrier == (part.carrier is not None)


def _due_ms(plan: Sublots | None, part: OpenPart) -> int | None:
    if plan is None or not _is_wanted(plan, part):
        return part.since_ms
    return None if plan.every_ms is None else part.since_ms + plan.every_ms
