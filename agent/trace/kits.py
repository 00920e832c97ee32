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
from typing import Any

from sqlalchemy import Connection, Null, Select, SmallInteger, literal, null, select, union_all
from sqlalchemy.types import TypeEngine

from agent.trace.corrections import Document
from agent.trace.fetching import Key, key_of
from agent.trace.genealogy import Kind
from agent.trace.interchange import Drawn, Slot
from agent.trace.rows import numbers_of, put
from agent.trace.said import INTERVAL, Changes, loaded_lots
from agent.trace.tables import DRAWN, KIT_LOTS, KITS, REASONS, USES

Kit = tuple[tuple[int, int], ...]
"""Its lots: (place among the slots of an event, number of the lot)."""


class Kits:
    """What was drawn by some events; for most, it is word for word what the unit before drew."""

    def __init__(self, draws: Iterable[Document]) -> None:
        self.of: dict[Key, tuple[str, ...] | None] = {}
        self.components: list[tuple[str, Sequence[Mapping[str, Any]]]] = []
        """Of each station what differs from what was before it."""
        before: dict[str, tuple[Any, tuple[str, ...] | None]] = {}
        for event in draws:
            station, components = event["station"], event.get("components", ())
            if station not in before or before[station][0] != components:
                before[station] = components, loaded_lots(components)
                self.components.append((station, components))
            self.of[key_of(event)] = before[station][1]


def named_in(read: Iterable[Changes]) -> set[str]:
    """Return every name in the slots of events."""
    names: set[str] = set()
    kits: set[tuple[str, ...]] = set()
    for changes in read:
        for slot in changes.slots:
            names.add(slot.holder)
            if isinstance(slot, Slot):
                names.update(slot.options)
            else:
                kits.add(slot.lots)
    return names.union(*kits)


class Draws:
    """Whole kits that were drawn, by events that are read.

    Args:
        ids: The numbers of all that is named in them.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = ids
        self._drawn: list[tuple[int, int, int, Kit, float]] = []
        self._kits: dict[tuple[int, tuple[str, ...]], Kit] = {}

    def take(
        self, source: int, first: int, slots: Iterable[Slot | Drawn]
    ) -> Iterable[tuple[int, Slot]]:
        """Note what an event drew, of which `first` is the first slot; return the rest by place."""
        at = 0
        rest: list[tuple[int, Slot]] = []
        loaded: dict[tuple[str, float], list[tuple[int, Slot]]] = {}
        for slot in slots:
            if isinstance(slot, Drawn):
                kit = self._kit(at, slot.lots)
                self._drawn.append((source, first, self._ids[slot.holder], kit, slot.since))
                at += len(slot.lots)
                continue
            if slot.is_loaded:
                loaded.setdefault((slot.holder, slot.since), []).append((at, slot))
            else:
                rest.append((at, slot))
            at += 1
        for (holder, since), some in loaded.items():
            kit = tuple((place, self._ids[slot.options[0]]) for place, slot in some)
            self._drawn.append((source, first, self._ids[holder], kit, since))
        return rest

    def _kit(self, at: int, lots: tuple[str, ...]) -> Kit:
        kit = self._kits.get((at, lots))
        if kit is None:
            kit = tuple(enumerate((self._ids[lot] for lot in lots), at))
            self._kits[at, lots] = kit
        return kit

    def put(self, connection: Connection) -> None:
        """Insert it, and the kits that are new."""
        ids = _ids_of(connection, {kit for _, _, _, kit, _ in self._drawn})
        rows = [(of, first, who, ids[kit], since) for of, first, who, kit, since in self._drawn]
        put(connection, DRAWN, ("source", "slot", "holder", "kit", "since"), rows)


def _ids_of(connection: Connection, kits: Iterable[Kit]) -> dict[Kit, int]:
    numbers, new = numbers_of(connection, KITS, kits)
    lots = [(numbers[kit], at, option) for kit in new for at, option in kit]
    put(connection, KIT_LOTS, ("kit", "at", "option"), lots)
    return numbers


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
