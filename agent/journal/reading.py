"""Look-ups beside the writer, on a connection of their own: short, read-only, proven (S2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import apsw
import orjson

from agent.journal.chain import Proven, ordinal_at, prove, seq_at
from agent.journal.store import stored_after
from agent.journal.walk import Lost
from agent.ports import Address, Row

UNIT_KINDS = ("unit_started", "unit_completed", "unit_refused")
"""Kinds that say that a unit was here."""
_PAGE = 500


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

    def after(self, where: int, limit: int) -> tuple[list[Row], dict[int, Lost]]:
        """Return rows after a place, oldest first, and what does not hold between them."""
        good: list[Row] = []
        damage: dict[int, Lost] = {}
        while len(good) < limit:
            stored = stored_after(self._connection, where, limit + 1)
            found = [(at, prove(body)) for at, body in stored]
            for at, row in _held(found[:limit], found[limit:]):
                if row is not None:
                    good.append(row.row)
                else:
                    damage[at] = (_epoch_near(at, good), seq_at(at), seq_at(at), "damaged")
            if len(stored) <= limit:
                break
            where = stored[limit - 1][0]
        return good[:limit], damage

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

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _held(
    rows: list[tuple[int, Proven | None]], successor: list[tuple[int, Proven | None]]
) -> Iterator[tuple[int, Proven | None]]:
    """Yield each row, None in place of one that stands wrong or whose successor disowns it."""
    for (at, row), (_, newer) in pairwise([*rows, *(successor or [(-1, None)])]):
        is_disowned = (
            row is not None
            and newer is not None
            and row.place + 1 == newer.place
            and newer.prev != row.row.hash
        )
        yield at, None if row is None or row.place != at or is_disowned else row


def _epoch_near(at: int, good: list[Row]) -> str:
    number = ordinal_at(at)
    for row in reversed(good):
        if row.epoch.startswith(f"{number:06d}-"):
            return row.epoch
    return f"{number:06d}-unknown"
