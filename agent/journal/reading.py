"""Look-ups beside the writer, on a connection of their own: short, read-only, proven (S2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import apsw
import orjson

from agent.journal.chain import place, prove
from agent.journal.store import stored_from, told_lost
from agent.journal.walk import Lost, Walk
from agent.ports import Address, Row
from drivers.base import EventSeen

T = TypeVar("T")

UNIT_KINDS = ("unit_started", "unit_completed", "unit_refused")
"""Kinds that say that a unit was here."""
CORRECTED = "event_corrected"
LIFE_KINDS = (*UNIT_KINDS, "unit_scrapped", "unit_reworked", "unit_reidentified", CORRECTED)
"""Kinds that say something of a unit; a correction is found by what it is about."""
OUT = ("component_removed", "unit_unpacked")
COMPONENT_KINDS = ("component_installed", "unit_packed", *OUT)
"""Kinds that say where a serial component or a child is; they are found by it."""
HOLDING_KINDS = ("unit_completed", "parent_closed", "parent_dissolved")
"""Kinds that say what is in a unit or a parent; they are found by that."""


MOST_PLACE = 2**63 - 1
"""What SQLite has for a number; no place of ours comes near."""


def is_by_person(members: dict[str, Any]) -> bool:
    """Whether a correction says what is right; the agent's own only say that it is in doubt."""
    return bool(members.get("replacement") or members.get("retracted"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the journal knows of a unit."""

    address: str | None = None
    kind: str | None = None
    result: str | None = None
    visits: int = 0
    done_result: str | None = None
    scrapped: bool = False
    reworked: bool = False
    renamed_to: str | None = None


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
        """Return the newest event that says that a unit was here, its completed visits, its life.

        What a person has corrected does not count; `handshake` empty: whichever it was.
        """
        newest, visits, dead = Seen(), 0, set[str]()
        scrapped = reworked = False
        renamed_to = done_result = None
        for address, kind, members in self._of(unit, LIFE_KINDS):
            if address in dead:
                continue
            if kind == CORRECTED:
                dead |= set(members["supersedes"]) if is_by_person(members) else set()
            elif kind == "unit_scrapped":
                scrapped = True
            elif kind == "unit_reworked":
                reworked = reworked or visits == 0
            elif kind == "unit_reidentified":
                renamed_to = renamed_to or members["new"]
            else:
                if kind == "unit_completed":
                    visits, done_result = visits + 1, done_result or members.get("result")
                if newest.address is None and handshake in {"", members.get("handshake")}:
                    newest = Seen(address=address, kind=kind, result=members.get("result"))
        return replace(
            newest,
            visits=visits,
            done_result=done_result,
            scrapped=scrapped,
            reworked=reworked,
            renamed_to=renamed_to,
        )

    def event(self, address: Address) -> EventSeen | None:
        """Return what is known of an event; None: it is not kept, or does not hold."""
        at = place(address)
        if at > MOST_PLACE:
            return None
        for (body,) in self._connection.execute("SELECT body FROM events WHERE place = ?", (at,)):
            found = prove(body)
            if found is None or found.row.address != address:
                continue
            members, about = orjson.loads(found.row.body), found.row.unit
            supersedes = tuple(members.get("supersedes", ()))
            return EventSeen(
                address=str(address),
                kind=found.row.kind,
                about=about,
                superseded_by=self._correction_of(address, about),
                supersedes=supersedes,
                corrects=members.get("corrects"),
            )
        return None

    def _correction_of(self, address: Address, about: str | None) -> str | None:
        """Return the newest correction of an event that stands itself.

        What is about nothing is in no index: all that came after it is looked through.
        """
        dead = set[str]()
        for by, _, members in self._of(about, (CORRECTED,), after=place(address)):
            if by not in dead:
                dead |= set(members["supersedes"])
                if str(address) in dead:
                    return by
        return None

    def _of(
        self, about: str | None, kinds: tuple[str, ...], *, after: int = -1
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (address, kind, members) of what holds about a unit or lot, newest first."""
        names = ", ".join(f"'{kind}'" for kind in kinds)
        equal = "IS" if about is None else "="
        sql = (
            f"SELECT body FROM events WHERE unit {equal} ? AND kind IN ({names}) "  # noqa: S608 - constants
            "AND place > ? ORDER BY place DESC"
        )
        for (body,) in self._connection.execute(sql, (about, after)):
            found = prove(body)
            if found is not None and found.row.unit == about:
                yield str(found.row.address), found.row.kind, orjson.loads(found.row.body)

    def installed(self, component: str) -> tuple[str, str | None, str | None] | None:
        """Return the newest event that moved a component or child, what it is in, and where there.

        None: it was never in anything here. A unit of None: it was taken out.
        """
        dead = set[str]()
        for address, kind, members in self._of(component, (*COMPONENT_KINDS, CORRECTED)):
            if kind == CORRECTED and address not in dead:
                dead |= set(members["supersedes"])
            elif kind in OUT and address not in dead:  # its unit is the one that it was in
                return address, None, None
            elif address not in dead:
                return (
                    address,
                    members.get("parent") or members.get("unit"),
                    members.get("position"),
                )
        return None

    def contents(self, parent: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the children in a closed parent, and the serial components in a unit.

        What was put in is in its own records; what of it is still there, in those of each.
        """
        children: dict[str, None] = {}
        components: dict[str, None] = {}
        is_whole = True
        for _, kind, members in self._of(parent, HOLDING_KINDS):
            if kind == "unit_completed":
                uses = members.get("components", ())
                components |= dict.fromkeys(c for use in uses for c in use.get("candidates", ()))
            elif kind == "parent_dissolved":
                is_whole = False  # what was put in before came out then
            elif is_whole:
                children |= dict.fromkeys(members.get("children", ()))
        return self._still_in(parent, children), self._still_in(parent, components)

    def _still_in(self, parent: str, codes: Iterable[str]) -> tuple[str, ...]:
        homes = {code: self.installed(code) for code in codes}
        return tuple(code for code, home in homes.items() if home and home[1] == parent)

    def ask(self, job: Callable[[apsw.Connection], T]) -> T:
        """Return what a short job finds on this connection."""
        return job(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
