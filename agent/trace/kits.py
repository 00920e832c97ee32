"""Lots that are drawn together again and again, kept once: a row a unit instead of one a component.

Between two changes of material every unit draws the same lots: twenty components are twenty links a
unit, and the same twenty for thousands of units. What stood there is a *kit* (`kits`, `kit_lots`),
and a unit that drew from all of it is one row (`drawn`). That is how it is kept and nothing more:
`drawn_links` gives every link as a row of `uses`, and whoever asks sees no difference.

Only what is certain and still stands is kept so: one candidate, a lot that was loaded. The rest has
its rows in `uses`, and an event that is read anew gets new rows (deriving.py). A kit is never
changed, and one that nothing draws any more says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import Connection, Null, Select, SmallInteger, literal, null, select, union_all
from sqlalchemy.types import TypeEngine

from agent.trace.genealogy import Kind
from agent.trace.interchange import Slot
from agent.trace.rows import NAMES_AT_ONCE, among, next_id, pieces, put
from agent.trace.said import INTERVAL
from agent.trace.tables import DRAWN, KIT_LOTS, KITS, REASONS, USES

FEWEST = 2
"""Lots that make a kit: one is no shorter that way."""

Kit = tuple[tuple[int, int], ...]
"""Its lots: (place among the slots of an event, number of the lot)."""


class Draw(NamedTuple):
    """One unit that drew a whole kit in one event."""

    source: int | None
    first: int
    """The first slot of the event."""
    holder: int
    since: float
    kit: Kit


def together(
    slots: Sequence[Slot], ids: Mapping[str, int]
) -> tuple[list[tuple[int, float, Kit]], list[tuple[int, Slot]]]:
    """Return what the holders of an event drew as (holder, since, kit), and the rest by place."""
    loaded: dict[tuple[str, float], list[tuple[int, int]]] = {}
    rest: list[tuple[int, Slot]] = []
    by: tuple[str, float] | None = None
    lots: list[tuple[int, int]] = []
    for at, slot in enumerate(slots):
        if not slot.is_loaded:
            rest.append((at, slot))
            continue
        if by is None or slot.holder != by[0] or slot.since != by[1]:
            by = (slot.holder, slot.since)
            lots = loaded.setdefault(by, [])
        lots.append((at, ids[slot.options[0]]))
    drawn = []
    for (holder, since), some in loaded.items():
        if len(some) < FEWEST:
            rest += [(at, slots[at]) for at, _ in some]
        else:
            drawn.append((ids[holder], since, tuple(some)))
    return drawn, rest


def put_drawn(connection: Connection, drawn: Sequence[Draw]) -> None:
    """Insert what was drawn, and the kits that are new."""
    ids = _ids_of(connection, {draw.kit for draw in drawn})
    rows = [(draw.source, draw.first, draw.holder, ids[draw.kit], draw.since) for draw in drawn]
    put(connection, DRAWN, ("source", "slot", "holder", "kit", "since"), rows)


def _ids_of(connection: Connection, kits: Iterable[Kit]) -> dict[Kit, int]:
    digests = {_digest(kit): kit for kit in kits}
    found: dict[Kit, int] = {}
    for some in pieces(sorted(digests), NAMES_AT_ONCE):
        asked = select(KITS.c.digest, KITS.c.id).where(among(connection, KITS.c.digest, some))
        found.update((digests[digest], number) for digest, number in connection.execute(asked))
    new = [(digest, kit) for digest, kit in sorted(digests.items()) if kit not in found]
    if new:
        first = next_id(connection, KITS)
        rows = [(number, digest) for number, (digest, _) in enumerate(new, first)]
        put(connection, KITS, ("id", "digest"), rows)
        fresh = {kit: number for number, (_, kit) in enumerate(new, first)}
        lots = [(number, at, option) for kit, number in fresh.items() for at, option in kit]
        put(connection, KIT_LOTS, ("kit", "at", "option"), lots)
        found |= fresh
    return found


def _digest(kit: Kit) -> str:
    return blake2b(repr(kit).encode(), digest_size=16).hexdigest()


def drawn_links() -> Select[Any]:
    """Return what was drawn as rows of `uses`, in the order of its columns."""

    def always(value: object, name: str, kind: TypeEngine[Any]) -> Any:  # noqa: ANN401 - a column of any type
        given = null() if value is None else literal(value, literal_execute=True)
        return given.cast(kind).label(name) if isinstance(given, Null) else given.label(name)

    return select(
        DRAWN.c.source,
        (DRAWN.c.slot + KIT_LOTS.c.at).label("slot"),
        always(Kind.FEED.value, "kind", USES.c.kind.type),
        DRAWN.c.holder,
        KIT_LOTS.c.option,
        always(1, "options", USES.c.options.type),
        DRAWN.c.since,
        always(None, "until", USES.c.until.type),
        always(REASONS.index(INTERVAL), "why", SmallInteger()),
    ).join_from(DRAWN, KIT_LOTS, KIT_LOTS.c.kit == DRAWN.c.kit)


LINKS = union_all(select(USES), drawn_links()).subquery("links")
"""Every link, however it is kept, with the columns of `uses`."""
