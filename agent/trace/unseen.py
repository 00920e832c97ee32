"""What cycles that nobody saw may have drawn: what was at the station at that time, and no more.

A cycle was missed within an interval. A load that fed it fed also the last cycle that was recorded
and ended before the interval began, or it began after that one: an interval that has a moment of
after something has that something, or begins after it. So what may have been drawn is what the
cycle before had, and what was put on since (D-7, D-44).

It is more where the records say so: what was taken off leaves the position unknown, so does a load
that was used up or retracted, and a serial component, for one that waited may have gone in. Where
no cycle of the same boot is known before, or history was lost since, it may be all that ever was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, String, and_, case, or_, select

from agent.trace import fetching
from agent.trace.corrections import Document, place_of
from agent.trace.rows import NAMES_AT_ONCE, given, pieces
from agent.trace.said import UNSEEN, lots_of
from agent.trace.tables import EPOCHS, EVENTS, IS_UNSEEN, LOADS

Uses = Sequence[Mapping[str, Any]]
"""As `components` of an event: one for each position."""

DRAWN = frozenset({"unit_completed", "unit_refused", "unit_unbound", "lot_counted"})
"""What says all that was at the positions of its station."""
_ENDS = frozenset({"component_unloaded", "load_used_up", "quantity_overrun", "history_lost"})
_GOES_ON = frozenset({"replaced", "spliced_out", "passed"})
"""Ends of loads behind which another one stands."""
TELLS = DRAWN | _ENDS | {"component_loaded", "load_refused"}
"""Kinds that say what a cycle behind them, which nobody saw, may have drawn."""
_TRIES = 20
_LOST = "history_lost"


def span_of(event: Document) -> tuple[int, int] | None:
    """Return between which moments of the boot clock cycles were missed; None: nobody knows."""
    if event["kind"] == _LOST:
        return None
    last = event.get("last_ms")
    if event["kind"] == "cycle_aborted":
        return event["time"]["boottime_ms"], event["time"]["boottime_ms"]
    first = event.get("first_ms")
    if first is None or last is None or first < 0:
        return None
    return first, last


def drawn(connection: Connection, events: Iterable[Document]) -> dict[fetching.Key, Uses | None]:
    """Return of events what may have been drawn; None: anything."""
    return {
        fetching.key_of(event): _drawn(connection, event["station"], event)
        for event in events
        if event["kind"] in UNSEEN
    }


def later(connection: Connection, fresh: Mapping[int, Document]) -> set[int]:
    """Return which events that are held these say something for: those behind them."""
    first: dict[str, tuple[str, int]] = {}
    for event in fresh.values():
        if event["kind"] in TELLS:
            place = place_of(event)
            first[event["station"]] = min(place, first.get(event["station"], place))
    known = fetching.sources(connection, first)
    places = [(known[station], *place) for station, place in first.items()]
    found: set[int] = set()
    for some in pieces(places, NAMES_AT_ONCE):
        behind = given(connection, (Integer(), String(), Integer()), some)
        of, epoch, seq = behind.c
        since = case((EPOCHS.c.name == epoch, seq), else_=0)
        asked = (
            select(EVENTS.c.id)
            .select_from(behind)
            .join(EPOCHS, and_(EPOCHS.c.station == of, EPOCHS.c.name >= epoch))
            .join(EVENTS, and_(EVENTS.c.epoch == EPOCHS.c.id, EVENTS.c.seq > since))
            .where(IS_UNSEEN)
        )
        found.update(number for (number,) in connection.execute(asked))
    return found


def _between(
    station: int | None,
    after: tuple[str, int],
    before: tuple[str, int],
    kinds: Iterable[str],
) -> Any:  # noqa: ANN401 - a question
    """Return the question for events of some kinds between two places."""
    epoch, seq = before
    is_same = and_(EPOCHS.c.name == epoch, EVENTS.c.seq < seq)
    terms = (_behind(after), or_(EPOCHS.c.name < epoch, is_same))
    return (
        select(EVENTS.c.id)
        .join(EPOCHS, EPOCHS.c.id == EVENTS.c.epoch)
        .where(EPOCHS.c.station == station, EVENTS.c.kind.in_(sorted(kinds)), *terms)
    )


def _behind(place: tuple[str, int]) -> ColumnElement[bool]:
    epoch, seq = place
    is_same = and_(EPOCHS.c.name == epoch, EVENTS.c.seq > seq)
    return or_(EPOCHS.c.name > epoch, is_same)


def _drawn(connection: Connection, station: str, event: Document) -> Uses | None:
    span = span_of(event)
    before = None if span is None else _before(connection, station, event, span[0])
    if span is None or before is None:
        return None
    source = fetching.source(connection, station)
    ends = connection.execute(_between(source, place_of(before), place_of(event), _ENDS))
    ended = list(fetching.bodies(connection, [number for (number,) in ends]).values())
    if any(each["kind"] == _LOST for each in ended):
        return None
    found: dict[str, list[str]] = {}
    loads: dict[str, list[str]] = {}
    unknown = {each["position"] for each in ended if each.get("reason") not in _GOES_ON}
    for use in before.get("components", ()):
        found[use["position"]] = list(use.get("candidates", ()))
        loads[use["position"]] = list(use.get("loads", ()))
    unknown |= _not_fed(connection, station, before)
    for load, stands in _put_on(connection, station, before, event, span[1]):
        lots = () if stands is None else lots_of(stands)
        unknown |= set() if lots else {load["position"]}
        found.setdefault(load["position"], []).extend(lots)
    return [
        {
            "position": position,
            "candidates": list(dict.fromkeys(lots)),
            "loads": loads.get(position, []),
            "certainty": "possible",
            "why": "material_unknown" if position in unknown else "cycle_missed",
        }
        for position, lots in found.items()
    ]


def _before(
    connection: Connection, station: str, event: Document, first_ms: int
) -> Document | None:
    """Return the last cycle that was recorded before an event, and ended before a moment."""
    epoch, seq = place_of(event)
    is_before = or_(EPOCHS.c.name < epoch, and_(EPOCHS.c.name == epoch, EVENTS.c.seq < seq))
    asked = (
        select(EVENTS.c.id)
        .join(EPOCHS, EPOCHS.c.id == EVENTS.c.epoch)
        .where(
            EVENTS.c.station == fetching.source(connection, station),
            EVENTS.c.boot == event["time"]["boot_id"],
            EVENTS.c.latest_ms <= first_ms,
            EVENTS.c.kind.in_(sorted(DRAWN)),
            is_before,
        )
        .order_by(EVENTS.c.latest_ms.desc(), EPOCHS.c.name.desc(), EVENTS.c.seq.desc())
        .limit(_TRIES)
    )
    ids = [number for (number,) in connection.execute(asked)]
    said = fetching.bodies(connection, ids)
    made = (said[number] for number in ids)
    return next((each for each in made if each.get("handshake") != "begin"), None)


def _not_fed(connection: Connection, station: str, before: Document) -> set[str]:
    """Return the positions of which the loads are not known to be loads: serials come by scan."""
    by_position = {
        use["position"]: set(use.get("loads", ())) for use in before.get("components", ())
    }
    addresses = {load for loads in by_position.values() for load in loads}
    said = fetching.by_address(connection, {(station, load) for load in addresses}).values()
    fed = {
        f"{each['epoch']}-{each['seq']}"
        for each in said
        if each["kind"] in {"component_loaded", "load_refused"}
    }
    return {position for position, loads in by_position.items() if not loads <= fed or not loads}


def _put_on(
    connection: Connection, station: str, before: Document, event: Document, last_ms: int
) -> Iterable[tuple[Document, Document | None]]:
    """Yield the loads that may have begun since a cycle, each as said and as it stands."""
    epoch, seq = place_of(before)
    latest = before.get("latest_ms", before.get("last_ms"))
    is_since = or_(LOADS.c.epoch > epoch, and_(LOADS.c.epoch == epoch, LOADS.c.seq > seq))
    asked = select(LOADS.c.event).where(
        LOADS.c.station == fetching.source(connection, station),
        LOADS.c.is_end.is_(False),
        LOADS.c.boot == event["time"]["boot_id"],
        LOADS.c.from_ms <= last_ms,
        or_(is_since, LOADS.c.from_ms > latest),
    )
    ids = [number for (number,) in connection.execute(asked.order_by(LOADS.c.event))]
    said = fetching.bodies(connection, ids)
    right = fetching.stand(connection, said.values())
    for load in sorted(said.values(), key=place_of):
        stands = right[fetching.key_of(load)]
        yield load, None if stands is None else stands.event
