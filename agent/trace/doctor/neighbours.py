"""Stations that let units in, or turn them away, without knowing where they were (D-38, D-41).

A station of `previous` that cannot be asked leaves each unit to `track.unknown`. Now and then that
is a broker that was away; where it is many units, the interlock does not do what it is there for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from agent.trace.doctor.finding import FEWEST, Finding, Mistake, Period, Place, of_kinds, stations
from agent.trace.holdings import moment
from agent.trace.said import when

MOST_UNKNOWN = 0.02
"""A larger share of units of which it was not known is a finding."""
_KINDS = ("unit_started", "unit_completed", "unit_refused")
_UNKNOWN = "previous_unknown"
_SHOWN = 4


@dataclass(slots=True)
class _Judged:
    """What a station with an interlock judged."""

    units: int = 0
    unknown: int = 0
    refused: int = 0
    """Of these: turned away."""
    of: Counter[str] = field(default_factory=Counter)
    """By the station before that was not known."""
    times: list[float] = field(default_factory=list)


def find(connection: Connection, period: Period) -> Iterator[Finding]:
    """Yield the stations whose interlock often does not know."""
    names = stations(connection)
    found: dict[int, _Judged] = {}
    for station, event in of_kinds(connection, _KINDS, period):
        previous = event.get("previous", ())
        if not previous:
            continue
        judged = found.setdefault(station, _Judged())
        judged.units += 1
        judged.times.append(when(event))
        if _UNKNOWN in event.get("why", ()) or event.get("reason") == _UNKNOWN:
            judged.unknown += 1
            judged.refused += event["kind"] == "unit_refused"
            judged.of.update(
                each["station"]
                for each in previous
                if each.get("incomplete") or "knowledge_as_of" not in each
            )
    for station, judged in sorted(found.items()):
        if judged.unknown >= FEWEST and judged.unknown > MOST_UNKNOWN * judged.units:
            yield _finding(names[station], judged)


def _finding(station: str, judged: _Judged) -> Finding:
    passed = judged.unknown - judged.refused
    most = sorted(judged.of.items(), key=lambda each: (-each[1], each[0]))[:_SHOWN]
    return Finding(
        mistake=Mistake.PREVIOUS_UNKNOWN,
        place=Place(
            station=station,
            since=moment(round(min(judged.times) * 1000)),
            until=moment(round(max(judged.times) * 1000)),
        ),
        shown_by=f"of {judged.unknown:,} of {judged.units:,} units it was not known whether they "
        "had passed the stations before",
        counts={"units": judged.units, "unknown": judged.unknown, "refused": judged.refused},
        examples=tuple(f"{n:,} x {name}" for name, n in most),
        costs=f"{passed:,} units went on that nobody had judged, and {judged.refused:,} were "
        "turned away for no fault of theirs",
        do="see `neighbour_unknown` in that station's log for why, and why links of "
        "`neighbour/STATION` were lost; a station of the same folder must run to be asked",
    )
