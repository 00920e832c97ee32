"""Where stations said that they stand: kept with the store, so that an answer knows of its own end.

A collector hears it as a retained `position`. Without it nobody can say whether something came
after the newest event that is held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select

from agent.trace.claims import Place, Stand, ordinal
from agent.trace.rows import lock
from agent.trace.tables import META

_NAME = "position:"


def keep(connection: Connection, stands: Iterable[Stand]) -> None:
    """Keep what stations say, unless what is kept of one is newer."""
    before = kept(connection)
    newer = [each for each in stands if _is_newer(each, before.get(each.station))]
    if not newer:
        return
    lock(connection)
    for each in newer:
        said = {"epoch": each.epoch, "seq": each.last_seq, "hash": each.last_hash}
        said["first_kept"] = each.first_kept
        connection.execute(delete(META).where(META.c.name == _NAME + each.station))
        values = {"name": _NAME + each.station, "value": json.dumps(said)}
        connection.execute(insert(META).values(values))


def kept(connection: Connection) -> dict[str, Stand]:
    """Return what stations said last."""
    asked = select(META.c.name, META.c.value).where(META.c.name.startswith(_NAME))
    found = {}
    for name, value in connection.execute(asked):
        said, station = json.loads(value), name.removeprefix(_NAME)
        first: Place | None = tuple(said["first_kept"]) if said["first_kept"] else None
        found[station] = Stand(
            station=station,
            epoch=said["epoch"],
            last_seq=said["seq"],
            last_hash=said["hash"],
            first_kept=first,
        )
    return found


def _is_newer(stand: Stand, before: Stand | None) -> bool:
    if before is None:
        return True
    return _order(stand) > _order(before) or (
        _order(stand) == _order(before) and stand.first_kept != before.first_kept
    )


def _order(stand: Stand) -> tuple[int, int]:
    return ordinal(stand.epoch), stand.last_seq
