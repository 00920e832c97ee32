"""Look-ups beside the writer, on a connection of their own: short, read-only, proven (S2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import apsw
import orjson

from agent.journal.chain import place, prove
from agent.journal.store import stored_from, told_lost
from agent.journal.walk import Lost, Walk
from agent.ports import Address, Row

T = TypeVar("T")

UNIT_KINDS = ("unit_started", "unit_completed", "unit_refused")
"""Kinds that say that a unit was here."""
REMOVED = "component_removed"
COMPONENT_KINDS = ("component_installed", REMOVED)
"""Kinds that say where a serial component is; they are found by the component."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the journal knows of a unit."""

    address: str | None = None
    kind: str | None = None
    result: str | None = None
    visits: int = 0


class Lookup:
    """One reading connection. A row that does not hold is named, never returned."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def first_kept(self) -> Address | None:
        """Return the address of the oldest row that holds."""
        rows, _ = self.after(-1, 1)
        return rows[0].address if rows else None

    def after(self, where: int, limit: int) -> tuple[list[Row], list[Lost]]:
        """Return rows after a place, oldest first, and what is damaged or missing among them."""
        told, size = told_lost(self._connection), limit + 2
        while True:
            stored = stored_from(self._connection, where, size)
            walk = Walk(None, told)
            held = [found for found, _ in walk.run(reversed(stored)) if found.place > where][::-1]
            if len(stored) == size:  # the last one only speaks for the one before it
                held = [found for found in held if found.place < stored[-1][0]]
            if len(held) >= limit or len(stored) < size:
                break
            size *= 2  # so much is damaged that a page is not enough
        edge = held[limit - 1].place if len(held) >= limit else math.inf
        lost = [gap for gap in reversed(walk.lost) if place(Address(gap[0], gap[1])) < edge]
        return [found.row for found in held[:limit]], lost

    def seen(self, unit: str, handshake: str) -> Seen:
        """Return the newest event that says that a unit was here, and its completed visits."""
        kinds = ", ".join(f"'{kind}'" for kind in UNIT_KINDS)
        sql = f"SELECT body FROM events WHERE unit = ? AND kind IN ({kinds}) ORDER BY place DESC"  # noqa: S608 - constants
        newest, visits = Seen(), 0
        for (body,) in self._connection.execute(sql, (unit,)):
            found = prove(body)
            if found is None or found.row.unit != unit:
                continue
            members = orjson.loads(found.row.body)
            visits += found.row.kind == "unit_completed"
            if newest.address is None and members.get("handshake") == handshake:
                newest = Seen(
                    address=str(found.row.address),
                    kind=found.row.kind,
                    result=members.get("result"),
                )
        return Seen(address=newest.address, kind=newest.kind, result=newest.result, visits=visits)

    def installed(self, component: str) -> tuple[str, str | None, str | None] | None:
        """Return the newest event that moved a serial component, its unit now and its place in it.

        None: it was never in a unit here. A unit of None: it was taken out.
        """
        kinds = ", ".join(f"'{kind}'" for kind in COMPONENT_KINDS)
        sql = f"SELECT body FROM events WHERE unit = ? AND kind IN ({kinds}) ORDER BY place DESC"  # noqa: S608 - constants
        for (body,) in self._connection.execute(sql, (component,)):
            found = prove(body)
            if found is not None and found.row.unit == component:
                members = orjson.loads(found.row.body)
                if found.row.kind == REMOVED:  # its unit is the one that it was in
                    return str(found.row.address), None, None
                return str(found.row.address), members.get("unit"), members.get("position")
        return None

    def ask(self, job: Callable[[apsw.Connection], T]) -> T:
        """Return what a short job finds on this connection."""
        return job(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
