"""Events of the archive -> rows of what is in what, and of what they are about.

What other events say of one is fetched for many at a time (`Around` of projection.py), then each is
read by the pure function, and its rows take the place of those that it had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isinf
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
)

from agent.trace import affected, fetching, grounds, unseen
from agent.trace.corrections import Document, Standing, place_of, standing
from agent.trace.fetching import Key, key_of
from agent.trace.identities import identities, names_of
from agent.trace.kits import Draws, Kits, named_in
from agent.trace.label_sets import put_labels
from agent.trace.projection import changes_of
from agent.trace.rows import (
    NAMES_AT_ONCE,
    among,
    given,
    ids_of,
    pieces,
    put,
    put_shipments,
)
from agent.trace.said import UNSEEN, Around, Changes, Late, Removal, Role, lots_of
from agent.trace.tables import (
    ABOUT,
    DRAWN,
    LABELLED,
    LOADS,
    MEASURED,
    REASONS,
    SHIPMENTS,
    USES,
)

SLOTS = 1 << affected.SLOT_BITS
_CODES = {reason: number for number, reason in enumerate(REASONS)}
_LOADS = frozenset({"component_loaded", "load_refused"})
_CONFLICTS = frozenset({"component_conflict", "packing_conflict"})
_NONE: Mapping[str, Any] = {}


def derive(connection: Connection, ids: Sequence[int], fresh: Mapping[int, Document]) -> None:
    """Read events anew; `fresh` has those that were just stored, and have no rows yet."""
    older = [number for number in ids if number not in fresh]
    events = dict(fetching.bodies(connection, older))
    events |= {number: fresh[number] for number in ids if number in fresh}
    first = {n: e for n, e in events.items() if e["kind"] == "unit_reidentified"}
    if first and len(first) < len(events):  # names come first: removals go by them
        derive(connection, list(first), fresh)
        rest = [number for number in ids if number not in first]
        derive(connection, rest, fresh)
        return
    _clear(connection, {number: events[number] for number in older})
    in_order = _with_drawn(connection, {number: events[number] for number in ids})
    _write(connection, in_order, _Surroundings(connection, in_order).read(in_order))


def as_said(connection: Connection, events: Mapping[int, Document]) -> dict[int, set[str]]:
    """Return all that each event would name if nobody had corrected it."""
    found = _Surroundings(connection, events).read(events, is_corrected=False)
    return {number: set(named_in([changes])) for number, changes in found.items()}


def _with_drawn(connection: Connection, events: Mapping[int, Document]) -> dict[int, Document]:
    """Return events, those of cycles that nobody saw with what they may have drawn (D-7)."""
    near = unseen.drawn(connection, events.values())
    found = dict(events)
    for number, event in events.items():
        if event["kind"] in UNSEEN:
            uses, span = near.get(key_of(event)), unseen.span_of(event)
            if uses is not None and span is not None:
                found[number] = {**event, "components": uses, "latest_ms": span[1]}
    return found


def _clear(connection: Connection, older: Mapping[int, Document]) -> None:
    """Remove what events that were read before came down to."""
    known = fetching.sources(connection, {event["station"] for event in older.values()})
    rows = [
        {"of": known[event["station"]], "low": n * SLOTS, "high": (n + 1) * SLOTS}
        for n, event in older.items()
    ]
    for table in (USES, DRAWN) if rows else ():
        of_event = delete(table).where(
            table.c.source == bindparam("of"),
            table.c.slot >= bindparam("low"),
            table.c.slot < bindparam("high"),
        )
        connection.execute(of_event, rows)
    for some in pieces(older, NAMES_AT_ONCE):
        for table in (ABOUT, LABELLED, MEASURED, SHIPMENTS):
            connection.execute(delete(table).where(among(connection, table.c.event, some)))


def _write(
    connection: Connection, events: Mapping[int, Document], read: Mapping[int, Changes]
) -> None:
    sources = fetching.sources(connection, {event["station"] for event in events.values()})
    units = {name for changes in read.values() for name in changes.units}
    names = {name for changes in read.values() for name, _, _ in changes.about}
    names |= {each.thing for changes in read.values() for each in changes.shipments}
    ids = ids_of(connection, names | units | named_in(read.values()), units)
    uses: list[tuple[Any, ...]] = []
    about: list[tuple[Any, ...]] = []
    measured: list[tuple[Any, ...]] = []
    drawn = Draws(ids)
    for number, changes in read.items():
        first, source = number * SLOTS, sources[events[number]["station"]]
        for at, slot in drawn.take(source, first, changes.slots):
            since = None if isinf(slot.since) else slot.since
            until = None if isinf(slot.until) else slot.until
            kind, holder, n = slot.kind.value, ids[slot.holder], len(slot.options)
            why = _CODES[slot.why]
            uses += [
                (source, first + at, kind, holder, ids[option], n, since, until, why)
                for option in slot.options
            ]
        about += [(ids[name], number, role.value, n) for name, role, n in changes.about]
        measured += [
            (name, number, _number(value), verdict) for name, value, verdict in changes.values
        ]
    columns = ("source", "slot", "kind", "holder", "option", "options", "since", "until", "why")
    put(connection, USES, columns, uses)
    drawn.put(connection)
    put(connection, ABOUT, ("thing", "event", "role", "n"), about)
    put(connection, MEASURED, ("name", "event", "number", "verdict"), measured)
    shipped = [
        (sources[events[number]["station"]], number, each)
        for number, changes in read.items()
        for each in changes.shipments
    ]
    put_shipments(connection, ids, shipped)
    put_labels(connection, {number: changes.labels for number, changes in read.items()})


def _number(value: object) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    return None


# ------------------------------------------------------------------ around


class _Surroundings:
    """What other events say of some."""

    def __init__(self, connection: Connection, events: Mapping[int, Document]) -> None:
        self._connection = connection
        of_kind: dict[str, list[Document]] = defaultdict(list)
        for event in events.values():
            of_kind[event["kind"]].append(event)
        draws = [event for event in events.values() if "components" in event or _draws(event)]
        self._kits = Kits(draws)
        self._chains = fetching.chains(connection, map(key_of, events.values()))
        self._installs = fetching.installs(connection, map(key_of, of_kind["unit_completed"]))
        said = [each for some in self._installs.values() for each in some]
        self._installs_stand = fetching.stand(connection, said)
        self._spoken_for = self._causes(of_kind["component_installed"])
        self._lots, self._said = self._corrected_loads()
        self._late = self._late_loads(draws)
        self._removals = self._moves(events.values())
        self._grounds = grounds.doubts(connection, events.values(), self._chains)
        self._conflicts = affected.with_two_bearers(
            connection, [event["unit"] for event in of_kind["unit_reidentified"]]
        )

    def read(
        self, events: Mapping[int, Document], *, is_corrected: bool = True
    ) -> dict[int, Changes]:
        """Return what each says, by what corrects it or as it was recorded."""
        found: dict[int, Changes] = {}
        for number, event in events.items():
            key = key_of(event)
            stands = standing(event, self._chains.get(key, ()) if is_corrected else ())
            if stands is not None:
                doubt = self._grounds.get(key)
                if doubt is not None:
                    stands = replace(stands, doubts=(*stands.doubts, doubt))
                is_as_said = stands.event is event
                around = self._around(key, event, is_as_said=is_as_said)
                found[number] = changes_of(stands, around)
                if not is_as_said:
                    _keep_units(found[number], event)
            else:
                found[number] = Changes()
                _keep_units(found[number], event)
        return found

    def _around(self, key: Key, event: Document, *, is_as_said: bool) -> Around:
        station = key[0]
        because = event.get("because")
        return Around(
            lots=self._lots.get(station, _NONE),
            said=self._said.get(station, _NONE),
            late=self._late.get(key, ()),
            installs=[
                (said, self._installs_stand[key_of(said)]) for said in self._installs.get(key, ())
            ],
            removals=self._removals,
            is_installed_elsewhere=bool(
                because and not event.get("who") and (station, because[0]) in self._spoken_for
            ),
            is_conflict=event.get("unit") in self._conflicts,
            kit=self._kits.of.get(key) if is_as_said else None,
        )

    def _causes(self, installs: Iterable[Document]) -> set[Key]:
        """Return which cycles that installs belong to are held."""
        causes = {
            (e["station"], e["because"][0])
            for e in installs
            if e.get("because") and not e.get("who")
        }
        return {key_of(event) for event in fetching.by_address(self._connection, causes).values()}

    # -------------------------------------------------------------- loads

    def _corrected_loads(
        self,
    ) -> tuple[dict[str, dict[str, tuple[str, ...] | None]], dict[str, dict[str, tuple[str, ...]]]]:
        """Return by station the loads that are corrected: as they are right, as first said."""
        loads = {
            (station, load)
            for station, components in self._kits.components
            for use in components
            for load in use.get("loads", ())
        }
        chain = fetching.chains(self._connection, loads)
        events = fetching.by_address(self._connection, chain)
        held = {key_of(event): event for event in events.values()}
        right: dict[str, dict[str, tuple[str, ...] | None]] = defaultdict(dict)
        said: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for key, corrections in chain.items():
            (station, address), event = key, held.get(key)
            if event is None or event["kind"] not in _LOADS:
                right[station][address] = None
                continue
            said[station][address] = lots_of(event)
            stands = standing(event, corrections)
            right[station][address] = None if stands is None else lots_of(stands.event)
        return right, said

    def _late_loads(self, draws: Sequence[Document]) -> dict[Key, list[Late]]:
        """Return what was recorded after each and meets it by its interval (D-44)."""
        by_station: dict[str, list[Document]] = defaultdict(list)
        for event in draws:
            by_station[event["station"]].append(event)
        after = self._loads_after(by_station)
        stand = fetching.bodies(
            self._connection, {load.event for loads in after.values() for load in loads}
        )
        right = fetching.stand(self._connection, stand.values())
        found: dict[Key, list[Late]] = defaultdict(list)
        for station, loads in after.items():
            for event in by_station[station]:
                place, boot, at_ms = place_of(event), event["time"]["boot_id"], _latest(event)
                for load in loads:
                    if _meets((place, boot, at_ms), load, loads):
                        stands = right[key_of(stand[load.event])]
                        if stands is not None:
                            lots = () if load.is_end else lots_of(stands.event)
                            found[key_of(event)].append(Late(load.position, lots))
        return found

    def _loads_after(self, draws: Mapping[str, Sequence[Document]]) -> dict[str, list[Any]]:
        """Return by station the loads after its first event that may meet one of them."""
        known = fetching.sources(self._connection, draws)
        names = {number: station for station, number in known.items()}
        rows = [
            (known[station], *min(map(place_of, some)), boot, at)
            for station, some in draws.items()
            for boot, at in _latest_by_boot(some).items()
        ]
        found: dict[str, dict[int, Any]] = defaultdict(dict)
        for some in pieces(rows, NAMES_AT_ONCE):
            kinds = (Integer(), String(), Integer(), String(), BigInteger())
            place = given(self._connection, kinds, some)
            of, epoch, seq, boot, at = place.c
            is_behind = tuple_(LOADS.c.epoch, LOADS.c.seq) > tuple_(epoch, seq)  # by the index
            meets = or_(LOADS.c.from_ms < 0, and_(LOADS.c.boot == boot, LOADS.c.from_ms <= at))
            asked = select(LOADS).select_from(place).join(LOADS, LOADS.c.station == of)
            for load in self._connection.execute(asked.where(is_behind, meets)):
                found[names[load.station]][load.event] = load
        return {
            station: sorted(loads.values(), key=lambda load: (load.epoch, load.seq))
            for station, loads in found.items()
        }

    # -------------------------------------------------------------- parts

    def _moves(self, events: Iterable[Document]) -> dict[str, list[Removal]]:
        """Return what ended the stay of parts, or put it in doubt."""
        serials = {said["component"] for some in self._installs.values() for said in some}
        serials |= {s.event["component"] for s in self._installs_stand.values() if s is not None}
        for event in events:
            if event["kind"] in {"component_installed", "unit_packed"}:
                serials.add(event.get("component") or event["child"])
                for each in self._chains.get(key_of(event), ()):
                    serials.update(
                        v for name, v in each.get("replacement", ()) if name == "component"
                    )
        parts = set(serials)
        for _, components in self._kits.components:
            parts.update(lot for use in components for lot in use.get("candidates", ()))
        names = identities(self._connection, serials)
        moved = affected.moved(self._connection, {*parts, *names})
        said = fetching.bodies(self._connection, {n for some in moved.values() for n in some})
        found: dict[str, list[Removal]] = defaultdict(list)
        for stands in fetching.stand(self._connection, said.values()).values():
            if stands is not None and stands.event["kind"] != "identity_conflict":
                part, removal = self._removal(stands)
                for name in names.get(part, (part,)):
                    found[name].append(removal)
        return found

    def _removal(self, stands: Standing) -> tuple[str, Removal]:
        event = stands.event
        is_conflict = event["kind"] in _CONFLICTS
        unit = event.get("other") if is_conflict else event.get("unit") or event.get("parent")
        names = frozenset() if unit is None else names_of(self._connection, unit)
        return event.get("component") or event["child"], Removal(event, names, is_conflict)


def _draws(event: Document) -> bool:
    return event["kind"] in {"unit_completed", "unit_unbound", "unit_refused", "lot_counted"}


def _latest_by_boot(draws: Iterable[Document]) -> dict[str, int]:
    """Return of each boot when the last of these ended."""
    latest: dict[str, int] = {}
    for event in draws:
        boot, at = event["time"]["boot_id"], _latest(event)
        latest[boot] = max(at, latest.get(boot, at))
    return latest


def _latest(event: Document) -> int:
    found = event.get("latest_ms", event.get("last_ms"))
    return int(found) if found is not None else 0


def _meets(
    draw: tuple[tuple[str, int], str, int],
    load: Any,  # noqa: ANN401 - a row
    loads: Sequence[Any],
) -> bool:
    """Whether a load concerns what was drawn before it, at (place, boot, end by its clock)."""
    place, boot, at_ms = draw
    if load.boot == boot:
        return bool(load.from_ms <= at_ms and (load.epoch, load.seq) > place)
    if load.from_ms >= 0 or (load.epoch, load.seq) <= place:
        return False
    return not any(
        place < (each.epoch, each.seq) < (load.epoch, load.seq)
        and each.position == load.position
        and not each.is_end
        for each in loads
    )


def _keep_units(changes: Changes, event: Document) -> None:
    """Let names be what they were once recorded as: their history shows the correction."""
    for name in (event.get("unit"), event.get("new")):
        if name and name not in changes.units:
            changes.unit(name, Role.WAS)
    told = {name for name, _, _ in changes.about}
    for name in (event.get("lot"), event.get("component"), event.get("child")):
        if name and name not in told:
            changes.about.append((name, Role.WAS, None))
