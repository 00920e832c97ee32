"""Stations that run through the real core, and what their events come down to in a trace store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import select

from agent.core.events import Event
from agent.formats.json import encode
from agent.trace.kits import LINKS
from agent.trace.store import Store
from agent.trace.tables import ABOUT, EPOCHS, EVENTS, MEASURED, SOURCES, THINGS


def _in_memory() -> str:
    return "sqlite://"


fresh: Callable[[], str] = _in_memory
"""Names an empty store; tests/contract/conftest.py has others."""


def documents(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return events as a consumer gets them."""
    return [orjson.loads(encode(event)) for event in events]


@contextmanager
def stored(*batches: Iterable[dict[str, Any]]) -> Iterator[Store]:
    """Open a store that has taken these."""
    with Store.open(fresh()) as store:
        for batch in batches:
            store.take_events(batch)
        yield store


def derived(store: Store) -> list[tuple[Any, ...]]:
    """Return everything that is derived, by names instead of numbers, in an order of its own."""
    with store.archive.connection.begin():
        run = store.archive.connection.execute
        names = {thing.id: thing.name for thing in run(select(THINGS))}
        asked = select(EVENTS.c.id, SOURCES.c.name, EPOCHS.c.name, EVENTS.c.seq)
        asked = asked.join(EPOCHS, EPOCHS.c.id == EVENTS.c.epoch)
        asked = asked.join(SOURCES, SOURCES.c.id == EPOCHS.c.station)
        at = {number: place for number, *place in run(asked)}
        uses = [
            (at[u.slot >> 12], u.slot & 4095, u.kind, names[u.holder], names[u.option], *rest(u))
            for u in run(select(LINKS))
        ]
        about = [
            (at[a.event], "about", names[a.thing], a.role, str(a.n)) for a in run(select(ABOUT))
        ]
        measured = [
            (at[m.event], "measured", m.name, str(m.number), str(m.verdict))
            for m in run(select(MEASURED))
        ]
        units = [
            (("", "", 0), "unit", n) for (n,) in run(select(THINGS.c.name).where(THINGS.c.is_unit))
        ]
    return sorted([*uses, *about, *measured, *units], key=repr)


def rest(use: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a row's type says nothing
    """Return what is left to say of a use."""
    return use.options, str(use.since), str(use.until), use.why


class Plant:
    """Events written by hand, each with the next address of its station."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._seqs: dict[str, int] = {}

    def add(self, kind: str, /, *, station: str = "acme/press", **members: Any) -> str:  # noqa: ANN401 - fields
        """Add an event and return its address."""
        seq = self._seqs.get(station, 0) + 1
        self._seqs[station] = seq
        at = len(self.events)
        head = {
            "epoch": "000001-aa",
            "seq": seq,
            "station": station,
            "machine": "press",
            "kind": kind,
            "certainty": "certain",
            "time": {
                "received": f"2026-11-25T06:{at // 60:02}:{at % 60:02}.000Z",
                "offset_min": 60,
                "boottime_ms": at * 1000,
                "boot_id": "boot-1",
                "clock_state": "synced",
            },
        }
        self.events.append(head | members)
        return f"000001-aa-{seq}"

    def unit(self, name: str | None, *lots: str, **members: Any) -> str:  # noqa: ANN401 - fields
        """Add a unit that drew these lots for certain, each at a position of its own."""
        uses = [
            {"position": f"p{at}", "candidates": [lot], "certainty": "certain", "loads": []}
            for at, lot in enumerate(lots)
        ]
        kind = "unit_completed" if name else "unit_unbound"
        ended_ms = len(self.events) * 1000
        made: dict[str, Any] = {"handshake": "end", "latest_ms": ended_ms, "components": uses}
        named: dict[str, Any] = {"unit": name} if name else {}
        return self.add(kind, **made, **named, **members)

    def install(self, unit: str, part: str, **members: Any) -> str:  # noqa: ANN401 - fields
        """Add a unit into which a part was put by its cycle."""
        use = {"position": "ecu", "candidates": [part], "certainty": "certain", "loads": []}
        ended_ms = len(self.events) * 1000
        made: dict[str, Any] = {"handshake": "end", "latest_ms": ended_ms, "components": [use]}
        cycle = self.add("unit_completed", unit=unit, **made)
        put_in = {"position": "ecu", "component": part, "unit": unit}
        self.add("component_installed", because=[cycle], **put_in, **members)
        return cycle

    def correct(self, address: str, **right: str) -> str:
        """Add a correction; without anything right instead, a retraction."""
        kinds = {f"{e['epoch']}-{e['seq']}": e.get("corrects", e["kind"]) for e in self.events}
        said = {"who": "k:1", "reason": "wrong", "corrects": kinds.get(address)}
        members: dict[str, Any] = {"supersedes": [address], **said}
        if right:
            members["replacement"] = [[name, value] for name, value in right.items()]
        else:
            members["retracted"] = True
        return self.add("event_corrected", **members)
