"""Lots swept too wide: recalls that take far more than a component fed (D-10, D-14, D-44, D-55).

Three ways to it: a product lot that is not cut, changes of material of which nobody knows exactly
when they were, and a change that nobody scanned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import Connection, func, select

from agent.trace.deriving import SLOTS
from agent.trace.doctor.finding import FEWEST, Finding, Mistake, Period, Place, of_kinds, stations
from agent.trace.genealogy import Kind
from agent.trace.holdings import moment
from agent.trace.kits import LINKS
from agent.trace.said import Role, when
from agent.trace.tables import ABOUT, EVENTS, REASONS

WIDE, WIDE_BY = 3, 100
"""A recall that takes so many times what was fed, and so many pieces more, is a finding."""
MOST_UNSURE = 0.2
"""A larger share of links that are only possible is a finding."""
LONG, FEWEST_LOADS = 3, 5
"""A load that fed so many times the usual is one, where there were so many loads to compare."""
_SHOWN = 3


def find(connection: Connection, period: Period) -> Iterator[Finding]:
    """Yield the stations whose lots are swept too wide."""
    names = stations(connection)
    yield from _too_wide(connection, period, names)
    yield from _unsure(connection, period, names)
    yield from _not_changed(connection, period, names)


# ------------------------------------------------------------------ lots that are not cut


@dataclass(slots=True)
class _Counted:
    """What a counting station recorded."""

    pieces: Counter[str] = field(default_factory=Counter)
    """Of each lot or sub-lot."""
    fed: Counter[str] = field(default_factory=Counter)
    """Of each component lot, the pieces that it may have gone into."""
    holds: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Of each component lot, the product lots that have it."""
    times: list[float] = field(default_factory=list)


def _too_wide(
    connection: Connection, period: Period, names: Mapping[int, str]
) -> Iterator[Finding]:
    found: dict[int, _Counted] = defaultdict(_Counted)
    for station, event in of_kinds(connection, ("lot_counted",), period):
        counted, lots = found[station], event.get("lots", ())
        lots = lots or ([event["lot"]] if event.get("lot") else [])
        counted.times.append(when(event))
        counted.pieces.update(dict.fromkeys(lots, event["n"]))
        for use in event.get("components", ()):
            for component in use.get("candidates", ()):
                counted.fed[component] += event["n"]
                counted.holds[component].update(lots)
    for station, counted in sorted(found.items()):
        swept = {c: sum(counted.pieces[lot] for lot in counted.holds[c]) for c in counted.fed}
        wide = [
            component
            for component, fed in counted.fed.items()
            if swept[component] >= WIDE * fed and swept[component] >= fed + WIDE_BY
        ]
        if wide:
            yield _wide(names[station], counted, swept, wide)


def _wide(station: str, counted: _Counted, swept: dict[str, int], wide: list[str]) -> Finding:
    worst = sorted(wide, key=lambda c: (counted.fed[c] - swept[c], c))
    usual = round(median(counted.fed[c] for c in wide))
    most = worst[0]
    return Finding(
        mistake=Mistake.LOTS_TOO_WIDE,
        place=_place(station, counted.times),
        shown_by=f"{len(wide):,} of {len(counted.fed):,} component lots fed {usual:,} pieces as a "
        f"rule, and a recall of one takes {round(median(swept[c] for c in wide)):,}",
        counts={
            "component_lots": len(counted.fed),
            "swept_wide": len(wide),
            "fed": usual,
            "recalled": round(median(swept[c] for c in wide)),
        },
        examples=tuple(
            f"{c} fed {counted.fed[c]:,}, its recall takes {swept[c]:,}" for c in worst[:_SHOWN]
        ),
        costs=f"up to {swept[most] - counted.fed[most]:,} pieces too many in one recall",
        do=f"cut lots while they are made: `track.lots.sublots.every: {_round(usual)}` is of the "
        "size of what one component lot feeds; or count to a container that is scanned",
    )


def _round(number: int) -> int:
    """Return the largest of 1, 2, 5, 10, … that is not above a number."""
    steps = [1]
    while steps[-1] <= number:
        steps += [steps[-1] * 2, steps[-1] * 5, steps[-1] * 10]
    return max(step for step in steps if step <= max(1, number))


def _place(station: str, times_s: list[float]) -> Place:
    since, until = (round(end(times_s) * 1_000) for end in (min, max))
    return Place(station=station, since=moment(since), until=moment(until))


# ------------------------------------------------------------------ links that are only possible

_DO = {
    "boundary_uncertain": "change material while the line stands, scan at the change itself, and "
    "declare an `uncertainty` no larger than it is",
    "material_unknown": "scan every load: require the position, so that nothing is made from what "
    "nobody scanned",
    "hopper_mix": "record when the vessel was seen empty (`means: emptied`), or declare its plug "
    "flow",
    "multi_lot_label": "ask the supplier for packages of one lot",
}


def _unsure(connection: Connection, period: Period, names: Mapping[int, str]) -> Iterator[Finding]:
    event = LINKS.c.slot // SLOTS
    asked = (
        select(
            EVENTS.c.station,
            LINKS.c.why,
            func.count(func.distinct(LINKS.c.slot)),
            func.min(EVENTS.c.received_ms),
            func.max(EVENTS.c.received_ms),
        )
        .join(EVENTS, EVENTS.c.id == event)
        .where(LINKS.c.kind == Kind.FEED.value, LINKS.c.source == EVENTS.c.station, *period.terms())
        .group_by(EVENTS.c.station, LINKS.c.why)
    )
    by_station: dict[int, dict[str, int]] = defaultdict(dict)
    times: dict[int, list[float]] = defaultdict(list)
    for station, why, n, since_ms, until_ms in connection.execute(asked):
        by_station[station][REASONS[why or 0]] = n
        times[station] += [since_ms / 1_000, until_ms / 1_000]
    for station, reasons in sorted(by_station.items()):
        links = sum(reasons.values())
        unsure = {why: n for why, n in reasons.items() if why in _DO}
        n = sum(unsure.values())
        if n < FEWEST or n <= MOST_UNSURE * links:
            continue
        worst = max(unsure, key=lambda why: (unsure[why], why))
        yield Finding(
            mistake=Mistake.LINKS_UNSURE,
            place=_place(names[station], times[station]),
            shown_by=f"{n:,} of {links:,} links to what went in are only possible "
            f"({n / links:.0%})",
            counts={"links": links, **unsure},
            costs=f"a recall of any of these lots takes up to {n:,} units or rows that did not get "
            "it",
            do=_DO[worst],
        )


# ------------------------------------------------------------------ changes that nobody scanned


def _not_changed(
    connection: Connection, period: Period, names: Mapping[int, str]
) -> Iterator[Finding]:
    made = _made(connection, period)
    for (station, position), loads in sorted(_loads(connection, period).items()):
        times, sums = made.get(station, ([], [0]))
        ends = [*(at_ms for at_ms, _ in loads[1:]), None]
        fed = [
            sums[len(times) if end is None else bisect_left(times, end)]
            - sums[bisect_left(times, begin)]
            for (begin, _), end in zip(loads, ends, strict=True)
        ]
        if len(loads) < FEWEST_LOADS:
            continue
        usual = median(fed)
        long = [
            (n, lot)
            for n, (_, lot) in zip(fed, loads, strict=True)
            if n >= LONG * usual and n >= usual + FEWEST
        ]
        if long:
            yield _missed(names[station], position, loads, round(usual), long)


def _missed(
    station: str,
    position: str,
    loads: list[tuple[int, str]],
    usual: int,
    long: list[tuple[int, str]],
) -> Finding:
    long = sorted(long, reverse=True)
    return Finding(
        mistake=Mistake.LOAD_NOT_CHANGED,
        place=_place(station, [at_ms / 1_000 for at_ms, _ in loads]),
        shown_by=f"{len(long):,} of {len(loads):,} loads at {position} fed far more than the usual "
        f"{usual:,}",
        counts={"loads": len(loads), "usual": usual, "long": len(long), "most": long[0][0]},
        examples=tuple(f"{lot} fed {n:,}" for n, lot in long[:_SHOWN]),
        costs="if a change was not scanned, what came after it is recorded with the wrong lot: too "
        "wide for one recall, and missing in the other",
        do=f"look whether a change was missed; count {position} down (`use` and `quantity`), so "
        "that a load that must be empty is noticed",
    )


def _made(connection: Connection, period: Period) -> dict[int, tuple[list[int], list[int]]]:
    """Return of each station when units and pieces were made, and how many until then."""
    asked = (
        select(EVENTS.c.station, EVENTS.c.received_ms, func.max(ABOUT.c.n))
        .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
        .where(
            EVENTS.c.kind.in_(("unit_completed", "unit_unbound", "lot_counted")),
            ABOUT.c.role.in_((Role.IS.value, Role.MAY_BE.value, Role.PIECES.value)),
            *period.terms(),
        )
        .group_by(EVENTS.c.id, EVENTS.c.station, EVENTS.c.received_ms)
        .order_by(EVENTS.c.received_ms)
    )
    found: dict[int, tuple[list[int], list[int]]] = {}
    for station, at_ms, n in connection.execute(asked):
        times, sums = found.setdefault(station, ([], [0]))
        times.append(at_ms)
        sums.append(sums[-1] + (n or 1))
    return found


def _loads(connection: Connection, period: Period) -> dict[tuple[int, str], list[tuple[int, str]]]:
    """Return of each position when something was loaded, and what, in order."""
    found: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for station, event in of_kinds(connection, ("component_loaded",), period):
        at_ms = round(when(event) * 1_000)
        found[station, event["position"]].append((at_ms, event["lot"]))
    return {place: sorted(loads) for place, loads in found.items()}
