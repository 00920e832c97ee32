"""Events as flat tables for analysts: units, links, values, shipments, events; with meanings.

Pure: one event to its rows. Who works where is not in them: no figure is made of a person (D-66).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

import orjson

from agent.formats.json import subject

Document = Mapping[str, Any]
Row = tuple[Any, ...]


@unique
class Sort(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    MOMENT = "moment"
    """RFC 3339, UTC, with milliseconds."""
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name is public."""

    name: str
    sort: Sort
    meaning: str
    unit: str = ""
    """Unit of measure, where it has one of its own."""


@dataclass(frozen=True, slots=True)
class Table:
    """One sort of rows."""

    about: str
    columns: tuple[Column, ...]
    kinds: tuple[str, ...]
    """Kinds of events that have rows in it; none: all have."""
    rows: Callable[[Document], Iterator[Row]]


_WHERE = (
    Column("time", Sort.MOMENT, "when it was recorded, by the gateway's clock"),
    Column("station", Sort.TEXT, "the station's path"),
    Column("machine", Sort.TEXT, "the machine's name"),
    Column("epoch", Sort.TEXT, "the run of the agent: with `seq` the event's address"),
    Column("seq", Sort.WHOLE, "the event's number within the epoch"),
)
_SURE = (
    Column("certainty", Sort.TEXT, "`certain`, `possible` or `refused`"),
    Column("why", Sort.TEXT, "why it is not certain; reasons joined by a space"),
)


def _where(event: Document) -> Row:
    return (
        event["time"]["received"],
        event["station"],
        event["machine"],
        event["epoch"],
        event["seq"],
    )


def _sure(event: Document) -> Row:
    return event.get("certainty", "certain"), " ".join(event.get("why", ())) or None


# ------------------------------------------------------------------ units

_UNITS = (
    *_WHERE,
    Column("kind", Sort.TEXT, "what was recorded: `unit_completed`, `unit_refused`, …"),
    Column("source_time", Sort.MOMENT, "when it was by the device's clock, where it keeps one"),
    Column("unit", Sort.TEXT, "the unit's identity; empty where it is not known"),
    Column("product", Sort.TEXT, "what it is, as its code or the station says"),
    Column("lot", Sort.TEXT, "the lot that it is one of, where it is tracked by both"),
    Column("order", Sort.TEXT, "what it was made for"),
    Column("result", Sort.TEXT, "`ok` or `nok`; empty where there is none"),
    Column("visit", Sort.WHOLE, "1 for the first pass through this station", "passes"),
    Column("answer", Sort.WHOLE, "the code that the PLC was given"),
    Column("handshake", Sort.TEXT, "`begin` or `end`"),
    Column("cycle", Sort.TEXT, "the cycle's id"),
    Column("mode", Sort.TEXT, "the machine's mode where it was not automatic"),
    Column("count", Sort.WHOLE, "the piece counter, where there is one", "pieces"),
    *_SURE,
)


def _units(event: Document) -> Iterator[Row]:
    names = ("unit", "product", "lot", "order", "result", "visit", "answer", "handshake")
    said = tuple(event.get(name) for name in (*names, "cycle", "mode"))
    count = event.get("count")
    said = (*said, int(count) if isinstance(count, str) else count)  # text where beyond 2^53
    yield (*_where(event), event["kind"], event["time"].get("source"), *said, *_sure(event))


# ------------------------------------------------------------------ links

_LINKS = (
    *_WHERE,
    Column("action", Sort.TEXT, "`add`: from then on it is in it; `remove`: no longer"),
    Column("holder", Sort.TEXT, "the unit, lot or package; empty where it is not known"),
    Column("position", Sort.TEXT, "where in it"),
    Column("part", Sort.TEXT, "the lot, component or child; empty where nothing is known"),
    Column("options", Sort.WHOLE, "of how many candidates this is one; 1: there is no other"),
    Column("n", Sort.WHOLE, "how many pieces the holder stands for", "pieces"),
    *_SURE,
)


def _links(event: Document) -> Iterator[Row]:
    reader = _LINKED.get(event["kind"])
    if reader is not None:
        yield from ((*_where(event), *link) for link in reader(event))


def _uses(event: Document, holder: str | None, n: int) -> Iterator[Row]:
    for use in event.get("components", ()):
        names = use.get("candidates") or [None]
        is_set = use["certainty"] == "certain"
        options = 1 if is_set else len(names)
        for name in names:
            said = (use["position"], name, options, n, use["certainty"], use.get("why"))
            yield ("add", holder, *said)


def _of_unit(event: Document) -> Iterator[Row]:
    yield from _uses(event, event.get("unit"), 1)


def _of_refused(event: Document) -> Iterator[Row]:
    """A cycle that was refused when it was over: whose material it was is not known."""
    yield from _uses(event, None, 1)


def _of_pieces(event: Document) -> Iterator[Row]:
    yield from _uses(event, event.get("lot"), event["n"])


def _link(action: str, holder: str, part: str) -> Callable[[Document], Iterator[Row]]:
    """Return what reads one link out of an event's fields."""

    def read(event: Document) -> Iterator[Row]:
        said = (event.get(holder), event.get("position"), event.get(part), 1, 1)
        yield (action, *said, *_sure(event))

    return read


def _of_merge(event: Document) -> Iterator[Row]:
    parents = event["parents"]
    options = 1 if event.get("blended") else len(parents)
    for parent in parents:
        yield ("add", event["lot"], None, parent["lot"], options, None, *_sure(event))


def _of_split(event: Document) -> Iterator[Row]:
    for child in event["children"]:
        yield ("add", child["lot"], None, event["lot"], 1, None, *_sure(event))


_LINKED: Mapping[str, Callable[[Document], Iterator[Row]]] = {
    "unit_completed": _of_unit,
    "unit_unbound": _of_unit,
    "unit_refused": _of_refused,
    "lot_counted": _of_pieces,
    "component_installed": _link("add", "unit", "component"),
    "component_removed": _link("remove", "unit", "component"),
    "unit_packed": _link("add", "parent", "child"),
    "unit_unpacked": _link("remove", "parent", "child"),
    "unit_reidentified": _link("add", "new", "unit"),
    "lot_relabelled": _link("add", "new_lot", "lot"),
    "lot_merged": _of_merge,
    "lot_split": _of_split,
}

# ------------------------------------------------------------------ shipments

_SHIPMENTS = (
    *_WHERE,
    Column("action", Sort.TEXT, "`ship`: it left the house; `back`: it is in it again"),
    Column("thing", Sort.TEXT, "the unit, or the parcel with all that is in it, or the lot"),
    Column("quantity", Sort.TEXT, "of a lot, how much; empty: all of it, or nobody said"),
    Column("measure", Sort.TEXT, "unit of measure of `quantity`"),
    Column("party", Sort.TEXT, "who got it, or gave it back"),
    Column("document", Sort.TEXT, "the delivery note, or what else went with it"),
    Column("why", Sort.TEXT, "what should have kept it: `scrapped`, `unit_blocked`, `lot_blocked`"),
)


def _shipments(event: Document) -> Iterator[Row]:
    if event["kind"] in {"lot_issued", "lot_returned"} and not event.get("shipped"):
        return
    is_back = event["kind"] in {"unit_returned", "lot_returned"}
    thing = event.get("unit") or event.get("lot")
    party = event.get("origin") if is_back else event.get("destination")
    said = (thing, event.get("quantity"), event.get("measure"), party, event.get("document"))
    why = " ".join(event.get("why", ())) or None
    yield (*_where(event), "back" if is_back else "ship", *said, why)


# ------------------------------------------------------------------ values

_VALUES = (
    *_WHERE,
    Column("unit", Sort.TEXT, "of which unit; empty where it is not known"),
    Column("order", Sort.TEXT, "what was made"),
    Column("name", Sort.TEXT, "the value's name"),
    Column("number", Sort.NUMBER, "the value, where it is a number", "as `measure` says"),
    Column("text", Sort.TEXT, "the value as text; `true`, `false`; a whole number beyond 2^53"),
    Column("measure", Sort.TEXT, "unit of measure of `number`, `low` and `high`"),
    Column("quality", Sort.TEXT, "`good`, `uncertain` or `bad`"),
    Column("low", Sort.NUMBER, "the least that it may be", "as `measure` says"),
    Column("high", Sort.NUMBER, "the most that it may be", "as `measure` says"),
    Column("verdict", Sort.TEXT, "by its limits: `ok`, `low`, `high`, `unknown`; empty: no limits"),
)


def _values(event: Document) -> Iterator[Row]:
    head = (*_where(event), event.get("unit"), event.get("order"))
    for value in event.get("values", ()):
        limits = value.get("limits") or {}
        yield (
            *head,
            value["name"],
            _number(value.get("value")),
            _text(value.get("value")),
            value.get("measure"),
            value["quality"],
            _limit(limits.get("low")),
            _limit(limits.get("high")),
            value.get("verdict"),
        )


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # it is a number


def _limit(value: object) -> float | None:
    """Return a limit; beyond 2^53 it is written as text."""
    return float(value) if isinstance(value, str) else _number(value)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


# ------------------------------------------------------------------ events

_EVENTS = (
    *_WHERE,
    Column("kind", Sort.TEXT, "what happened"),
    Column("subject", Sort.TEXT, "the unit, lot or component that it is about"),
    Column("order", Sort.TEXT, "the order that was on"),
    *_SURE,
    Column("body", Sort.TEXT, "the whole event as JSON"),
)


def _events(event: Document) -> Iterator[Row]:
    about = (event["kind"], subject(event), event.get("order"))
    yield (*_where(event), *about, *_sure(event), orjson.dumps(event).decode())


TABLES: Mapping[str, Table] = {
    "units": Table(
        "A row for each cycle of a unit.",
        _UNITS,
        ("unit_started", "unit_completed", "unit_refused", "unit_unbound"),
        _units,
    ),
    "links": Table(
        "A row for each part that went into something, came out, or may be in it.",
        _LINKS,
        tuple(_LINKED),
        _links,
    ),
    "values": Table(
        "A row for each captured value.",
        _VALUES,
        ("unit_started", "unit_completed", "unit_refused", "unit_unbound", "cycle_counted"),
        _values,
    ),
    "shipments": Table(
        "A row for each unit, parcel or lot that left the house, or came back.",
        _SHIPMENTS,
        ("unit_shipped", "unit_returned", "lot_issued", "lot_returned"),
        _shipments,
    ),
    "events": Table("A row for each event.", _EVENTS, (), _events),
}
"""Every table, by its name on the command line."""
