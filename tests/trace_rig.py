"""Stations that run through the real core, and what their events come down to in a trace store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import select

from agent.core.events import Event
from agent.formats.json import encode
from agent.trace.store import Store
from agent.trace.tables import ABOUT, EPOCHS, EVENTS, MEASURED, THINGS, USES


def documents(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return events as a consumer gets them."""
    return [orjson.loads(encode(event)) for event in events]


@contextmanager
def stored(*batches: Iterable[dict[str, Any]]) -> Iterator[Store]:
    """Open a store in memory that has taken these."""
    with Store.open("sqlite://") as store:
        for batch in batches:
            store.take_events(batch)
        yield store


def derived(store: Store) -> list[tuple[Any, ...]]:
    """Return everything that is derived, by names instead of numbers, in an order of its own."""
    with store.archive.connection.begin():
        run = store.archive.connection.execute
        names = {thing.id: thing.name for thing in run(select(THINGS))}
        asked = select(EVENTS.c.id, EPOCHS.c.station, EPOCHS.c.name, EVENTS.c.seq)
        asked = asked.join(EPOCHS, EPOCHS.c.id == EVENTS.c.epoch)
        at = {number: place for number, *place in run(asked)}
        uses = [
            (at[u.slot >> 12], u.slot & 4095, u.kind, names[u.holder], names[u.option], *rest(u))
            for u in run(select(USES))
        ]
        about = [
            (at[a.event], "about", names[a.thing], a.role, str(a.n)) for a in run(select(ABOUT))
        ]
        measured = [
            (at[m.event], "measured", m.name, str(m.number), str(m.verdict))
            for m in run(select(MEASURED))
        ]
        units = [
            ((0, 0, 0), "unit", n) for (n,) in run(select(THINGS.c.name).where(THINGS.c.is_unit))
        ]
    return sorted([*uses, *about, *measured, *units], key=repr)


def rest(use: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a row's type says nothing
    """Return what is left to say of a use."""
    return use.options, str(use.since), str(use.until), use.why
