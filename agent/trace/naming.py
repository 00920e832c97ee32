"""What somebody may mean who has half a code: a serial or a lot number without what it is of.

A label's serial is what people read out and type; the store knows it by its whole identity. One
that ends so is it; of several none is taken, for a wrong one would be a wrong recall.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from sqlalchemy import Connection, func, or_, select

from agent.trace.genealogy import STANDS_FOR
from agent.trace.rows import reading
from agent.trace.tables import THINGS

MOST = 10
"""So many names are told at most."""
_LOOKED_AT = 1_000


def ending(connection: Connection, text: str) -> list[str]:
    """Return the names whose last part is this: the serial of a unit, the number of a lot."""
    ends = ("/" + text, "/" + quote(text, safe=""))
    found = _like(connection, [f"%{_plain(end)}" for end in ends])
    return [name for name in found if text and name.endswith(ends)][:MOST]


def similar(connection: Connection, text: str) -> list[str]:
    """Return some names that have this in them, in capitals or not."""
    return _like(connection, [f"%{_plain(text)}%"])[:MOST]


def _like(connection: Connection, patterns: Iterable[str]) -> list[str]:
    name = func.lower(THINGS.c.name)
    asked = (
        select(THINGS.c.name)
        .where(or_(*(name.like(each.lower(), escape="\\") for each in patterns)))
        .order_by(func.length(THINGS.c.name), THINGS.c.name)
        .limit(_LOOKED_AT)
    )
    with reading(connection):
        found = [name for (name,) in connection.execute(asked)]
    return [name for name in found if not name.startswith(STANDS_FOR)]


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
