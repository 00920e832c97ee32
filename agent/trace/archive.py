"""The archive of events, and what is derived from it, kept in step.

    archive.take(documents)   -> what was new
    archive.rebuild()         derives everything anew

Laws:
    1. An event is held once, by (station, epoch, seq): sent twice is sent once.
    2. What is derived is a function of which events are held, whatever order they came in: an event
       that says something of another makes that one read anew.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from agent.trace import affected, deriving, fetching, filtered, grounds
from agent.trace.claims import Answered, Place
from agent.trace.corrections import Document
from agent.trace.fetching import STATION
from agent.trace.garbage import looked_for_seldom
from agent.trace.heard import place_of
from agent.trace.outdated import events_are_anew
from agent.trace.rows import NAMES_AT_ONCE, ROWS_AT_ONCE, given, lock, next_id, pieces, put, reading
from agent.trace.said import CYCLES, UNSEEN, when
from agent.trace.spans import Spans
from agent.trace.tables import (
    ABOUT,
    BODIES,
    DRAWN,
    EPOCHS,
    EVENTS,
    KIT_LOTS,
    KITS,
    LABEL_SETS,
    LABELLED,
    LOADS,
    MEASURED,
    MOVES,
    REFS,
    SET_LABELS,
    SHIPMENTS,
    SOURCES,
    USES,
)
from agent.trace.unseen import span_of

MOVED = {
    "component_removed": "component",
    "component_conflict": "component",
    "unit_unpacked": "child",
    "packing_conflict": "child",
    "identity_conflict": "unit",
}
"""Kinds that say of a part that it is no longer, or not only, where it was put."""
ENDS = frozenset({"unloaded", "emptied"})
_AT_ONCE = 2_000
_DERIVED = (DRAWN, KIT_LOTS, KITS, ABOUT, LABELLED, SET_LABELS, LABEL_SETS, MEASURED)
"""What is of stations only, and made anew from their events."""


class DocumentError(Exception):
    """What was handed in is no event; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking events did."""

    new: int
    known: int
    """How many were held already."""
    derived: int
    """How many events were read: the new ones, and older ones that they speak of."""


@dataclass(slots=True)
class Run:
    """An epoch, and which of its events are held."""

    id: int
    station: int
    name: str
    held: list[list[int]] = field(default_factory=list)
    previous: dict[str, Any] | None = None

    def has(self, seq: int) -> bool:
        """Whether an event of it is held."""
        return any(low <= seq <= high for low, high in self.held)

    def add(self, seqs: Iterable[int]) -> None:
        """Note events as held."""
        joined: list[list[int]] = []
        for low, high in sorted([*self.held, *([seq, seq] for seq in seqs)]):
            if joined and low <= joined[-1][1] + 1:
                joined[-1][1] = max(joined[-1][1], high)
            else:
                joined.append([low, high])
        self.held = joined


class Archive:
    """The events of a store, within a connection of its own transactions."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @looked_for_seldom()
    def take(self, documents: Iterable[Mapping[str, Any]]) -> Taken:
        """Take events in, as stored or in the envelope they are delivered in.

        Raises:
            DocumentError: one is no event; those before it may have been taken.
        """
        new = known = derived = 0
        for some in pieces(documents, _AT_ONCE):
            events = [event_of(document) for document in some]
            with self.connection.begin():
                lock(self.connection)
                fresh = self._held(events)
                self._note_afters(some)
                known += len(events) - len(fresh)
                new += len(fresh)
                derived += self._derive_around(fresh)
        return Taken(new, known, derived)

    def answered(self, answer: Answered) -> None:
        """Note what the end of a resend says, of a filtered stream, if all of it is held."""
        if not answer.is_filtered:
            return
        with self.connection.begin():
            lock(self.connection)
            run = self._run(answer.station, answer.epoch)
            held = Spans()
            for low, high in run.held:
                held.add(low, high)
            if held.within(answer.first, answer.last) >= answer.sent:
                filtered.note_answer(self.connection, run.id, answer)

    @looked_for_seldom()
    def rebuild(self) -> int:
        """Derive everything anew from the events; return how many there are."""
        with self.connection.begin():
            lock(self.connection)
            stations = select(SOURCES.c.id).where(SOURCES.c.name.startswith(STATION))
            self.connection.execute(delete(USES).where(USES.c.source.in_(stations)))
            for table in _DERIVED:
                self.connection.execute(delete(table))
            self.connection.execute(delete(SHIPMENTS).where(SHIPMENTS.c.event.is_not(None)))
            asked = select(EVENTS.c.id).order_by(EVENTS.c.kind != "unit_reidentified", EVENTS.c.id)
            ids = [number for (number,) in self.connection.execute(asked)]
            for some in pieces(ids, _AT_ONCE):
                deriving.derive(self.connection, some, {})
            events_are_anew(self.connection)
        return len(ids)

    def runs(self) -> list[tuple[str, Run]]:
        """Return every epoch with its station's name, in order."""
        asked = (
            select(SOURCES.c.name, EPOCHS)
            .join(SOURCES, SOURCES.c.id == EPOCHS.c.station)
            .order_by(SOURCES.c.name, EPOCHS.c.name)
        )
        with reading(self.connection):
            return [
                (name.removeprefix(STATION), _run(row))
                for name, *row in self.connection.execute(asked)
            ]

    # -------------------------------------------------------------- in

    def _held(self, events: Sequence[Document]) -> dict[int, Document]:
        """Store the events that are not held; return them by their new ids."""
        groups: dict[tuple[str, str], dict[int, Document]] = defaultdict(dict)
        for event in events:
            groups[event["station"], event["epoch"]][event["seq"]] = event
        number = next_id(self.connection, EVENTS)
        runs = self._runs(groups)
        fresh: dict[int, Document] = {}
        rows: list[tuple[Any, ...]] = []
        grown: list[dict[str, Any]] = []
        for key, by_seq in sorted(groups.items()):
            run = runs[key]
            new = [seq for seq in sorted(by_seq) if not run.has(seq)]
            for seq in new:
                event = by_seq[seq]
                fresh[number] = event
                rows.append(_event_row(number, run, event))
                number += 1
            run.add(new)
            started = by_seq.get(1)
            if started is not None and started["kind"] == "agent_started":
                run.previous = {
                    key: started.get(f"previous_{key}") for key in ("epoch", "seq", "hash")
                }
            values = {"held": json.dumps(run.held), "previous": json.dumps(run.previous)}
            grown.append({"run": run.id, **values})
        if grown:
            self.connection.execute(update(EPOCHS).where(EPOCHS.c.id == bindparam("run")), grown)
        self._put(rows, fresh)
        return fresh

    def _note_afters(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Note what events of a filtered stream say of what lies between them."""
        afters: dict[tuple[str, str], list[tuple[int, Place]]] = defaultdict(list)
        for document in documents:
            if "after" in document and "specversion" in document:
                event = event_of(document)
                after = _place(document["after"])
                afters[event["station"], event["epoch"]].append((event["seq"], after))
        for (station, epoch), said in afters.items():
            filtered.note(self.connection, self._run(station, epoch).id, epoch, said)

    def _put(self, rows: list[tuple[Any, ...]], fresh: Mapping[int, Document]) -> None:
        stations = {row[0]: row[3] for row in rows}
        run = self.connection
        put(run, EVENTS, _EVENT_COLUMNS, rows)
        bodies = ((n, zlib.compress(orjson.dumps(event), 1)) for n, event in fresh.items())
        put(run, BODIES, ("event", "body"), bodies)
        refs = [ref for n, event in fresh.items() for ref in _refs(n, stations[n], event)]
        put(run, REFS, ("station", "target", "event", "kind"), refs)
        loads = [_load(n, stations[n], event) for n, event in fresh.items() if _is_load(event)]
        columns = ("event", "station", "position", "epoch", "seq", "boot", "from_ms", "is_end")
        put(run, LOADS, columns, loads)
        moves = [
            (n, event[MOVED[event["kind"]]]) for n, event in fresh.items() if event["kind"] in MOVED
        ]
        put(run, MOVES, ("event", "part"), moves)

    def _run(self, station: str, epoch: str) -> Run:
        """Return an epoch; added if it is new."""
        return self._runs([(station, epoch)])[station, epoch]

    def _runs(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Run]:
        """Return epochs by station and name; added if they are new."""
        keys = sorted(wanted)
        sources = self._stations({station for station, _ in keys})
        names = {number: station for station, number in sources.items()}
        found: dict[tuple[str, str], Run] = {}
        for some in pieces([(sources[station], epoch) for station, epoch in keys], NAMES_AT_ONCE):
            place = given(self.connection, (Integer(), String()), some)
            of, name = place.c
            is_it = and_(EPOCHS.c.station == of, EPOCHS.c.name == name)
            asked = select(EPOCHS).select_from(place).join(EPOCHS, is_it)
            for run in map(_run, self.connection.execute(asked)):
                found[names[run.station], run.name] = run
        for station, epoch in keys:
            if (station, epoch) not in found:
                values = {"station": sources[station], "name": epoch, "held": "[]"}
                added = self.connection.execute(insert(EPOCHS).values(**values, previous="null"))
                (number, *_) = added.inserted_primary_key or (0,)
                found[station, epoch] = Run(number, sources[station], epoch)
        return found

    def _stations(self, names: Collection[str]) -> dict[str, int]:
        """Return the numbers of stations; added if they are new."""
        new = sorted(names - fetching.sources(self.connection, names).keys())
        if new:
            rows = [{"name": STATION + name, "body": b""} for name in new]
            self.connection.execute(insert(SOURCES), rows)
        return fetching.sources(self.connection, names)

    def _derive_around(self, fresh: Mapping[int, Document]) -> int:
        others = affected.by(self.connection, fresh)
        names = sorted(fresh, key=lambda n: (fresh[n]["kind"] != "unit_reidentified", n))
        deriving.derive(self.connection, names, fresh)
        # What the new ones brought may name what older ones did not know before.
        older = sorted(others - fresh.keys())
        for some in pieces(older, ROWS_AT_ONCE):
            deriving.derive(self.connection, some, {})
        return len(fresh) + len(older)


def event_of(document: Mapping[str, Any]) -> Document:
    """Return the event of a document: as stored, or out of its CloudEvents envelope.

    Raises:
        DocumentError: it is none.
    """
    event = document["data"] if "specversion" in document and "data" in document else document
    if not isinstance(event, dict):
        raise DocumentError(f"no event: {event!r:.80}")
    missing = [
        name
        for name, kind in (("station", str), ("epoch", str), ("seq", int), ("kind", str))
        if not isinstance(event.get(name), kind)
    ]
    if not missing and not isinstance(event.get("time"), dict):
        missing = ["time"]
    if missing:
        raise DocumentError(f"no event: it has no {', '.join(missing)}")
    return event


def _place(address: object) -> Place:
    try:
        return place_of(str(address))
    except ValueError as error:
        raise DocumentError(f"no address: {address!r:.80}") from error


def _run(row: Any) -> Run:  # noqa: ANN401 - a row's type says nothing
    number, station, name, held, previous = row
    return Run(number, station, name, json.loads(held), json.loads(previous or "null"))


def _event_row(number: int, run: Run, event: Document) -> tuple[Any, ...]:
    kind, received_ms = event["kind"], round(when(event) * 1000)
    head = (number, run.id, event["seq"], run.station, kind, received_ms)
    if kind not in _BEGINS:
        return (*head, None, None, None)
    return (*head, event["time"]["boot_id"], *_span(event, received_ms))


_BEGINS = CYCLES | UNSEEN
_EVENT_COLUMNS = (
    "id",
    "epoch",
    "seq",
    "station",
    "kind",
    "received_ms",
    "boot",
    "latest_ms",
    "began_ms",
)


def note_beginnings(connection: Connection) -> None:
    """Note of every event since when it may have been: of a store that did not keep it.

    So of corrections what bindings rest on (grounds.py).
    """
    asked = select(EVENTS.c.id, EVENTS.c.station).where(EVENTS.c.kind == "event_corrected")
    stations = {number: station for number, station in connection.execute(asked)}  # noqa: C416 - rows are no pairs to mypy
    said = fetching.bodies(connection, stations)
    marks = [
        (stations[n], grounds.MARK, n, grounds.MARK) for n in said if grounds.is_corrected(said[n])
    ]
    put(connection, REFS, ("station", "target", "event", "kind"), marks)
    asked = select(EVENTS.c.id, EVENTS.c.received_ms).where(EVENTS.c.kind.in_(sorted(_BEGINS)))
    for some in pieces(connection.execute(asked).fetchall(), _AT_ONCE):
        said = fetching.bodies(connection, [number for number, _ in some])
        rows = [
            {"of": n, "at": said[n]["time"]["boot_id"], "latest": latest, "began": began}
            for n, at_ms in some
            for latest, began in [_span(said[n], at_ms)]
        ]
        noted = update(EVENTS).where(EVENTS.c.id == bindparam("of"))
        values: dict[str, Any] = {"boot": bindparam("at"), "latest_ms": bindparam("latest")}
        connection.execute(noted.values(**values, began_ms=bindparam("began")), rows)


def _span(event: Document, received_ms: int) -> tuple[int | None, int | None]:
    """Return when cycles ended by the boot clock, and since when they may have been, UTC ms."""
    if event["kind"] in CYCLES:
        latest = event.get("latest_ms", event.get("last_ms"))
    else:
        span = span_of(event)
        latest = None if span is None else span[1]
    return latest, _began_ms(event, received_ms)


def _began_ms(event: Document, received_ms: int) -> int | None:
    """Return since when what an event tells may have been, UTC ms; None: nobody knows.

    A moment before the boot of the event is none that the boot clock can tell (D-91).
    """
    since_ms = event.get("earliest_ms", event.get("first_ms"))
    if since_ms is None and event["kind"] in CYCLES:
        return received_ms
    if since_ms is None or since_ms < 0:
        return None
    return received_ms - max(0, int(event["time"]["boottime_ms"]) - int(since_ms))


def _refs(number: int, station: int, event: Document) -> Iterable[tuple[int, str, int, str]]:
    if event["kind"] == "event_corrected":
        for target in event["supersedes"]:
            yield station, target, number, "correct"
        if grounds.is_corrected(event):
            yield station, grounds.MARK, number, grounds.MARK
    elif event["kind"] == "history_lost":
        yield station, event["lost_epoch"], number, "lost"
    elif event["kind"] == "component_installed" and not event.get("who") and event.get("because"):
        yield station, event["because"][0], number, "install"


def _is_load(event: Document) -> bool:
    if event["kind"] == "component_unloaded":
        return event["reason"] in ENDS
    return event["kind"] in {"component_loaded", "load_refused"}


def _load(number: int, station: int, event: Document) -> tuple[Any, ...]:
    is_end = event["kind"] == "component_unloaded"
    from_ms = event.get("unsure_from_ms" if is_end else "meets_from_ms")
    from_ms = event["earliest_ms"] if from_ms is None else from_ms
    place = (event["epoch"], event["seq"], event["time"]["boot_id"])
    return (number, station, event["position"], *place, from_ms, is_end)
