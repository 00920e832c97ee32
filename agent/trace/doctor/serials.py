"""Serials that never join anything, and units under two spellings (D-14, the third mistake).

A serial joins something where a component or lot is in it, where it is in something, or where a
second station knew it too: then it was of use. One that does none of these was paid for in vain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest

from sqlalchemy import Connection, or_, select

from agent.core.plan_volume import STORE_EVENT
from agent.trace.doctor.finding import FEWEST, Finding, Mistake, Period, Place, stations
from agent.trace.genealogy import STANDS_FOR, Kind
from agent.trace.holdings import moment
from agent.trace.kits import LINKS
from agent.trace.rows import NAMES_AT_ONCE, among, pieces
from agent.trace.said import Role
from agent.trace.tables import ABOUT, EVENTS, REASONS, THINGS, USES

MOST_UNJOINED = 0.5
"""A larger share of serials that join nothing is a finding."""
_SHOWN = 3
_ALIAS = REASONS.index("alias")


@dataclass(slots=True)
class _Seen:
    """The units that stations completed."""

    at: dict[int, set[int]]
    """Of each unit, the stations."""
    times: dict[int, list[int]]
    """Of each station, when it completed units."""


def find(connection: Connection, period: Period) -> Iterator[Finding]:
    """Yield what is wrong with serials, by station."""
    names = stations(connection)
    seen = _seen(connection, period)
    same = _aliases(connection, seen.at.keys())
    joined = _joined(connection) | {unit for unit, at in seen.at.items() if len(at) > 1}
    joined |= {unit for unit in seen.at if same.get(unit, set()) & joined}
    by_station: dict[int, list[int]] = defaultdict(list)
    for unit, at in seen.at.items():
        for station in at:
            by_station[station].append(unit)
    for station, units in sorted(by_station.items()):
        loose = [unit for unit in units if unit not in joined]
        times = seen.times[station]
        place = Place(station=names[station], since=moment(min(times)), until=moment(max(times)))
        if len(loose) >= FEWEST and len(loose) > MOST_UNJOINED * len(units):
            yield _unlinked(connection, place, loose, len(units), len(times))
        yield from _spellings(connection, place, units, same)


def _seen(connection: Connection, period: Period) -> _Seen:
    asked = (
        select(ABOUT.c.thing, EVENTS.c.station, EVENTS.c.received_ms)
        .join(EVENTS, EVENTS.c.id == ABOUT.c.event)
        .where(
            EVENTS.c.kind == "unit_completed",
            ABOUT.c.role.in_((Role.IS.value, Role.MAY_BE.value)),
            *period.terms(),
        )
    )
    seen = _Seen(defaultdict(set), defaultdict(list))
    for unit, station, at_ms in connection.execute(asked):
        seen.at[unit].add(station)
        seen.times[station].append(at_ms)
    return seen


def _joined(connection: Connection) -> set[int]:
    """Return everything that is in something, or has something in it, names aside."""
    holder, option = THINGS.alias(), THINGS.alias()
    is_link = [
        LINKS.c.kind != Kind.NAME.value,
        or_(LINKS.c.why.is_(None), LINKS.c.why != _ALIAS),
        *(~holder.c.name.startswith(each) for each in STANDS_FOR),
        *(~option.c.name.startswith(each) for each in STANDS_FOR),
    ]
    joined = LINKS.join(holder, holder.c.id == LINKS.c.holder).join(
        option, option.c.id == LINKS.c.option
    )
    found: set[int] = set()
    for end in (LINKS.c.holder, LINKS.c.option):
        asked = select(end).distinct().select_from(joined).where(*is_link)
        found.update(thing for (thing,) in connection.execute(asked))
    return found


def _aliases(connection: Connection, units: Collection[int]) -> Mapping[int, set[int]]:
    """Return of units with several names all of these (D-37)."""
    asked = select(USES.c.holder, USES.c.option).where(USES.c.kind == Kind.NAME.value)
    groups: dict[int, set[int]] = {}
    for holder, option in connection.execute(asked):
        both = groups.get(holder, {holder}) | groups.get(option, {option})
        groups |= dict.fromkeys(both, both)
    return {unit: groups[unit] for unit in units if unit in groups}


def _unlinked(
    connection: Connection, place: Place, loose: list[int], units: int, records: int
) -> Finding:
    """Return the finding of serials that join nothing."""
    kept_mb = len(loose) * STORE_EVENT * 2 / 1e6
    return Finding(
        mistake=Mistake.UNLINKED_SERIALS,
        place=place,
        shown_by=f"{len(loose):,} of {units:,} serials join nothing: no component or lot in them, "
        "in nothing themselves, known to no other station",
        counts={"serials": units, "unjoined": len(loose), "records": records},
        examples=tuple(nsmallest(_SHOWN, _names(connection, loose).values())),
        costs=f"some {kept_mb:,.1f} MB of records in this store that answer no question; a faulty "
        f"component recalls all {units:,}",
        do="declare what goes in under `track.components` and scan it when it is loaded or put in; "
        "or, if nothing that matters goes in, track by lot",
    )


def _names(connection: Connection, things: Collection[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in pieces(things, NAMES_AT_ONCE):
        asked = select(THINGS.c.id, THINGS.c.name).where(among(connection, THINGS.c.id, some))
        found.update((number, name) for number, name in connection.execute(asked))
    return found


def _spellings(
    connection: Connection, place: Place, units: list[int], same: Mapping[int, set[int]]
) -> Iterator[Finding]:
    """Yield the finding of names that differ in case and separators alone."""
    spelt: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for unit, name in _names(connection, units).items():
        spelt[_folded(name)].append((unit, name))
    twice = [
        sorted(name for _, name in some)
        for some in spelt.values()
        if len(some) > 1 and not same.get(some[0][0], set()) >= {unit for unit, _ in some}
    ]
    if twice:
        yield Finding(
            mistake=Mistake.TWO_SPELLINGS,
            place=place,
            shown_by=f"{len(twice):,} serials are there in two spellings that differ in case or "
            "separators alone",
            counts={"serials": len(units), "in_two_spellings": len(twice)},
            examples=tuple(" and ".join(names) for names in sorted(twice)[:_SHOWN]),
            costs="two histories where there is one unit, if they are the same: a question for one "
            "misses what the other has",
            do="give the scan rules a pattern that only the right spelling matches; join what is "
            "one unit with `lineside do STATION reidentify`",
        )


def _folded(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign not in " -_.")
