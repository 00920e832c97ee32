"""Events out of the store in the order of their addresses, a page at a time: for exports.

Memory does not grow with the store: epochs are listed, events are read a page each.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, select

from agent.trace.archive import event_of
from agent.trace.corrections import Document
from agent.trace.fetching import STATION
from agent.trace.tables import BODIES, EPOCHS, EVENTS, SOURCES
from agent.trace.wanted import Wanted

PAGE = 2_000


def stations(connection: Connection) -> list[str]:
    """Return the paths of the stations of which events are held."""
    asked = select(SOURCES.c.name).where(SOURCES.c.name.startswith(STATION)).order_by("name")
    with connection.begin():
        return [name.removeprefix(STATION) for (name,) in connection.execute(asked)]


def stream(connection: Connection, wanted: Wanted) -> Iterator[Document]:
    """Yield events, station by station, in the order of their addresses."""
    for epoch in _epochs(connection, wanted):
        after = 0
        while True:
            asked = _page(wanted).where(EVENTS.c.epoch == epoch, EVENTS.c.seq > after)
            asked = asked.order_by(EVENTS.c.seq).limit(PAGE)
            with connection.begin():
                found = connection.execute(asked).fetchall()
            for _, body in found:
                yield event_of(orjson.loads(zlib.decompress(body)))
            if len(found) < PAGE:
                break
            after = found[-1][0]


def newest(connection: Connection, wanted: Wanted) -> Document | None:
    """Return the last of the events in the order of `stream`; None: there is none."""
    for epoch in reversed(_epochs(connection, wanted)):
        asked = _page(wanted).where(EVENTS.c.epoch == epoch)
        with connection.begin():
            found = connection.execute(asked.order_by(EVENTS.c.seq.desc()).limit(1)).fetchone()
        if found is not None:
            return event_of(orjson.loads(zlib.decompress(found[1])))
    return None


def _epochs(connection: Connection, wanted: Wanted) -> list[int]:
    asked = select(EPOCHS.c.id).join(SOURCES, SOURCES.c.id == EPOCHS.c.station)
    if wanted.station is not None:
        asked = asked.where(SOURCES.c.name == STATION + wanted.station)
    with connection.begin():
        found = connection.execute(asked.order_by(SOURCES.c.name, EPOCHS.c.name))
        return [epoch for (epoch,) in found]


def _page(wanted: Wanted) -> Select[Any]:
    asked = select(EVENTS.c.seq, BODIES.c.body).join(BODIES, BODIES.c.event == EVENTS.c.id)
    return asked.where(*_terms(wanted))


def _terms(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.kinds:
        yield EVENTS.c.kind.in_(wanted.kinds)
    if wanted.since_ms is not None:
        yield EVENTS.c.received_ms >= wanted.since_ms
    if wanted.until_ms is not None:
        yield EVENTS.c.received_ms < wanted.until_ms
