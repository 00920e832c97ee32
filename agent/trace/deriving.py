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

from sqlalchemy import Connection, and_, bindparam, delete, or_, select

from agent.trace import affected, fetching, grounds, unseen
from agent.trace.corrections import Document, Standing, address_of, place_of, standing
from agent.trace.genealogy import Kind
from agent.trace.projection import changes_of
from agent.trace.rows import ids_of, known_ids, mark_things, put
from agent.trace.said import Around, Changes, Late, Removal, lots_of
from agent.trace.tables import ABOUT, LABELS, LOADS, MEASURED, REASONS, THINGS, USES

SLOTS = 1 << affected.SLOT_BITS
_CODES = {reason: number for number, reason in enumerate(REASONS)}
_LOADS = frozenset({"component_loaded", "load_refused"})
_CONFLICTS = frozenset({"component_conflict", "packing_conflict"})


def derive(connection: Connection, ids: Sequence[int], fresh: Mapping[int, Document]) -> None:
    """Read events anew; `fresh` has those that were just stored, and have no rows yet."""
    older = [number for number in ids if number not in fresh]
    events = dict(fetching.bodies(connection, older))
    events |= {number: fresh[number] for number in ids if number in fresh}
    by_station: dict[str, dict[int, Document]] = defaultdict(dict)
    for number in ids:
        by_station[events[number]["station"]][number] = events[number]
    first = {n: e for n, e in events.items() if e["kind"] == "unit_reidentified"}
    if first and len(first) < len(events):  # names come first: removals go by them
        derive(connection, list(first), fresh)
        rest = [number for number in ids if number not in first]
        derive(connection, rest, fresh)
        return
    _clear(connection, by_station, older)
    for station, some in by_station.items():
        whole = _with_drawn(connection, station, some)
        _write(connection, station, _Surroundings(connection, station, whole).read(whole))


def _with_drawn(
    connection: Connection, station: str, events: Mapping[int, Document]
) -> dict[int, Document]:
    """Return events, those of cycles that nobody saw with what they may have drawn (D-7)."""
    near = unseen.drawn(connection, station, events.values())
    found = dict(events)
    for number, event in events.items():
        uses, span = near.get(place_of(event)), unseen.span_of(event)
        if uses is not None and span is not None:
            found[number] = {**event, "components": uses, "latest_ms": span[1]}
    return found


def _clear(
    connection: Connection, by_station: Mapping[str, Mapping[int, Document]], older: Iterable[int]
) -> None:
    gone = set(older)
    if not gone:
        return
    for station, events in by_station.items():
        rows = [
            {"of": fetching.source(connection, station), "low": n * SLOTS, "high": (n + 1) * SLOTS}
            for n in events
            if n in gone
        ]
        if rows:
            uses = delete(USES).where(
                USES.c.source == bindparam("of"),
                USES.c.slot >= bindparam("low"),
                USES.c.slot < bindparam("high"),
            )
            connection.execute(uses, rows)
    for table in (ABOUT, LABELS, MEASURED):
        rows = [{"of": number} for number in gone]
        connection.execute(delete(table).where(table.c.event == bindparam("of")), rows)


def _write(connection: Connection, station: str, read: Mapping[int, Changes]) -> None:
    source = fetching.source(connection, station)
    names = {name for changes in read.values() for name, _, _ in changes.about}
    units: set[str] = set()
    for changes in read.values():
        units |= changes.units
        for slot in changes.slots:
            names.add(slot.holder)
            names.update(slot.options)
    ids = ids_of(connection, names | units)
    mark_things(connection, units, "is_unit")
    uses: list[tuple[Any, ...]] = []
    about: list[tuple[Any, ...]] = []
    measured: list[tuple[Any, ...]] = []
    for number, changes in read.items():
        for at, slot in enumerate(changes.slots, number * SLOTS):
            since = None if isinf(slot.since) else slot.since
            until = None if isinf(slot.until) else slot.until
            kind, holder, n = slot.kind.value, ids[slot.holder], len(slot.options)
            why = _CODES[slot.why]
            uses += [
                (source, at, kind, holder, ids[option], n, since, until, why)
                for option in slot.options
            ]
        about += [(ids[name], number, role.value, n) for name, role, n in changes.about]
        measured += [
            (name, number, _number(value), verdict) for name, value, verdict in changes.values
        ]
    columns = ("source", "slot", "kind", "holder", "option", "options", "since", "until", "why")
    put(connection, USES, columns, uses)
    put(connection, ABOUT, ("thing", "event", "role", "n"), about)
    put(connection, MEASURED, ("name", "event", "number", "verdict"), measured)
    labels = [(*each, number) for number, changes in read.items() for each in changes.labels]
    put(connection, LABELS, ("what", "name", "event"), labels)


def _number(value: object) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    return None


# ------------------------------------------------------------------ around


class _Surroundings:
    """What other events say of some of one station."""

    def __init__(
        self, connection: Connection, station: str, events: Mapping[int, Document]
    ) -> None:
        self._connection = connection
        self._station = station
        self._source = fetching.source(connection, station)
        of_kind: dict[str, list[Document]] = defaultdict(list)
        for event in events.values():
            of_kind[event["kind"]].append(event)
        draws = [event for event in events.values() if "components" in event or _draws(event)]
        self._chains = fetching.chains(
            connection, station, [address_of(event) for event in events.values()]
        )
        cycles = [address_of(e) for e in of_kind["unit_completed"]]
        self._installs = fetching.installs(connection, station, cycles)
        said = [each for some in self._installs.values() for each in some]
        self._installs_stand = fetching.stand(connection, station, said)
        self._spoken_for = self._causes(of_kind["component_installed"])
        self._lots, self._said = self._corrected_loads(draws)
        self._late = self._late_loads(draws)
        self._removals = self._moves(events.values())
        self._grounds = grounds.doubts(connection, station, events.values(), self._chains)
        self._conflicts = affected.moved(
            connection, [event["unit"] for event in of_kind["unit_reidentified"]]
        )

    def read(self, events: Mapping[int, Document]) -> dict[int, Changes]:
        """Return what each says."""
        found: dict[int, Changes] = {}
        for number, event in events.items():
            stands = standing(event, self._chains.get(address_of(event), ()))
            if stands is not None:
                doubt = self._grounds.get(address_of(event))
                if doubt is not None:
                    stands = replace(stands, doubts=(*stands.doubts, doubt))
                found[number] = changes_of(stands, self._around(event))
                if stands.event is not event:
                    _keep_units(found[number], event)
            else:
                found[number] = Changes()
                _keep_units(found[number], event)
        return found

    def _around(self, event: Document) -> Around:
        address = address_of(event)
        return Around(
            lots=self._lots,
            said=self._said,
            late=self._late.get(address, ()),
            installs=[
                (said, self._installs_stand[address_of(said)])
                for said in self._installs.get(address, ())
            ],
            removals=self._removals,
            is_installed_elsewhere=bool(
                event.get("because")
                and not event.get("who")
                and event["because"][0] in self._spoken_for
            ),
            is_conflict=event.get("unit") in self._conflicts,
        )

    def _causes(self, installs: Iterable[Document]) -> set[str]:
        """Return which cycles that installs belong to are held."""
        causes = {e["because"][0] for e in installs if e.get("because") and not e.get("who")}
        held = fetching.by_address(self._connection, self._station, causes)
        return {address_of(event) for event in held.values()}

    # -------------------------------------------------------------- loads

    def _corrected_loads(
        self, draws: Iterable[Document]
    ) -> tuple[dict[str, tuple[str, ...] | None], dict[str, tuple[str, ...]]]:
        """Return those loads that are corrected: as they are right, and as first said."""
        loads = {
            load
            for event in draws
            for use in event.get("components", ())
            for load in use.get("loads", ())
        }
        chain = fetching.chains(self._connection, self._station, loads)
        events = fetching.by_address(self._connection, self._station, chain)
        held = {address_of(event): event for event in events.values()}
        right: dict[str, tuple[str, ...] | None] = {}
        said: dict[str, tuple[str, ...]] = {}
        for address, corrections in chain.items():
            event = held.get(address)
            if event is None or event["kind"] not in _LOADS:
                right[address] = None
                continue
            said[address] = lots_of(event)
            stands = standing(event, corrections)
            right[address] = None if stands is None else lots_of(stands.event)
        return right, said

    def _late_loads(self, draws: Sequence[Document]) -> dict[str, list[Late]]:
        """Return what was recorded after each and meets it by its interval (D-44)."""
        if not draws:
            return {}
        loads = self._loads_after(min(place_of(event) for event in draws), draws)
        if not loads:
            return {}
        stand = fetching.bodies(self._connection, [load.event for load in loads])
        right = fetching.stand(self._connection, self._station, stand.values())
        found: dict[str, list[Late]] = defaultdict(list)
        for event in draws:
            for load in loads:
                if _meets(event, load, loads):
                    stands = right[address_of(stand[load.event])]
                    if stands is not None:
                        lots = () if load.is_end else lots_of(stands.event)
                        found[address_of(event)].append(Late(load.position, lots))
        return found

    def _loads_after(self, place: tuple[str, int], draws: Sequence[Document]) -> Sequence[Any]:
        latest: dict[str, int] = {}
        for event in draws:
            boot, at = event["time"]["boot_id"], _latest(event)
            latest[boot] = max(at, latest.get(boot, at))
        epoch, seq = place
        meets = [and_(LOADS.c.boot == boot, LOADS.c.from_ms <= at) for boot, at in latest.items()]
        asked = (
            select(LOADS)
            .where(
                LOADS.c.station == self._source,
                or_(LOADS.c.epoch > epoch, and_(LOADS.c.epoch == epoch, LOADS.c.seq > seq)),
                or_(LOADS.c.from_ms < 0, *meets),
            )
            .order_by(LOADS.c.epoch, LOADS.c.seq)
        )
        return self._connection.execute(asked).fetchall()

    # -------------------------------------------------------------- parts

    def _moves(self, events: Iterable[Document]) -> dict[str, list[Removal]]:
        """Return what ended the stay of parts, or put it in doubt."""
        parts = {said["component"] for some in self._installs.values() for said in some}
        parts |= {s.event["component"] for s in self._installs_stand.values() if s is not None}
        for event in events:
            if event["kind"] in {"component_installed", "unit_packed"}:
                parts.add(event.get("component") or event["child"])
                for each in self._chains.get(address_of(event), ()):
                    parts.update(
                        v for name, v in each.get("replacement", ()) if name == "component"
                    )
            parts.update(
                c for use in event.get("components", ()) for c in use.get("candidates", ())
            )
        moved = affected.moved(self._connection, parts)
        said = fetching.bodies(self._connection, {n for some in moved.values() for n in some})
        stations: dict[str, list[Document]] = defaultdict(list)
        for event in said.values():
            stations[event["station"]].append(event)
        found: dict[str, list[Removal]] = defaultdict(list)
        for station, some in stations.items():
            for stands in fetching.stand(self._connection, station, some).values():
                if stands is not None and stands.event["kind"] != "identity_conflict":
                    part, removal = self._removal(stands)
                    found[part].append(removal)
        return found

    def _removal(self, stands: Standing) -> tuple[str, Removal]:
        event = stands.event
        is_conflict = event["kind"] in _CONFLICTS
        unit = event.get("other") if is_conflict else event.get("unit") or event.get("parent")
        names = frozenset() if unit is None else names_of(self._connection, unit)
        return event.get("component") or event["child"], Removal(event, names, is_conflict)


def _draws(event: Document) -> bool:
    return event["kind"] in {"unit_completed", "unit_unbound", "unit_refused", "lot_counted"}


def _latest(event: Document) -> int:
    found = event.get("latest_ms", event.get("last_ms"))
    return int(found) if found is not None else 0


def _meets(event: Document, load: Any, loads: Sequence[Any]) -> bool:  # noqa: ANN401 - a row
    if (load.epoch, load.seq) <= place_of(event):
        return False
    if load.boot == event["time"]["boot_id"]:
        return bool(load.from_ms <= _latest(event))
    if load.from_ms >= 0:
        return False
    return not any(
        place_of(event) < (each.epoch, each.seq) < (load.epoch, load.seq)
        and each.position == load.position
        and not each.is_end
        for each in loads
    )


def _keep_units(changes: Changes, event: Document) -> None:
    """Let names be units that were once recorded as such: their history shows the correction."""
    for name in (event.get("unit"), event.get("new")):
        if name and name not in changes.units:
            changes.unit(name)


def names_of(connection: Connection, name: str) -> frozenset[str]:
    """Return every identity that a unit or lot had or has, this one included (D-37)."""
    seen, frontier = {name}, {name}
    while frontier:
        ids = list(known_ids(connection, frontier).values())
        other = THINGS.alias()
        steps = [
            select(other.c.name)
            .join(USES, USES.c[there] == other.c.id)
            .where(USES.c[here].in_(ids), USES.c.kind == Kind.NAME.value)
            for here, there in (("holder", "option"), ("option", "holder"))
        ]
        found = {each for step in steps for (each,) in connection.execute(step)}
        frontier = found - seen - {"unknown:other"}
        seen |= frontier
    return frozenset(seen)
