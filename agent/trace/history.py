"""The history of one unit under all its names, and what is in it, as a tree."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import isinf
from typing import Any

from sqlalchemy import select

from agent.trace import fetching
from agent.trace.corrections import Document, address_of
from agent.trace.genealogy import OTHER, Kind, Use
from agent.trace.holdings import moment
from agent.trace.identities import names_of
from agent.trace.rows import NAMES_AT_ONCE, among, pieces, reading
from agent.trace.store import Store
from agent.trace.tables import ABOUT, EVENTS, THINGS

MOST_NODES = 5_000


@dataclass(slots=True)
class Node:
    """One thing in a tree, and what may be in it."""

    name: str
    is_certain: bool = True
    """Whether it is what its slot holds: the only option of it."""
    why: str = ""
    kind: str = ""
    since: str | None = None
    until: str | None = None
    """When it was taken out again."""
    children: list[Node] = field(default_factory=list)
    is_cut: bool = False
    """Whether what is in it is told elsewhere in the tree, or left out of one that is too large."""


def names(store: Store, name: str) -> list[str]:
    """Return every identity of a unit or lot, this one first."""
    with reading(store.archive.connection):
        found = names_of(store.archive.connection, name)
    return [name, *sorted(found - {name})]


def newest_name(store: Store, name: str) -> str:
    """Return the identity that a unit or lot bears now (D-37)."""
    seen = {name}
    while True:
        newer = [
            use.holder
            for use in store.above([name])
            if use.kind is Kind.NAME and use.stands and use.holder not in seen
        ]
        if not newer:
            return name
        name = newer[-1]
        seen.add(name)


def history(store: Store, name: str) -> list[dict[str, Any]]:
    """Return what is recorded of a unit, lot or component under all its names, in time order.

    Each entry has the event's `time`, `station`, `address`, `kind`, the `event` as recorded, and
    `corrected_by`: the corrections that count for it.
    """
    connection = store.archive.connection
    wanted = names(store, name)
    with reading(connection):
        asked = (
            select(EVENTS.c.id, EVENTS.c.received_ms)
            .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
            .join(THINGS, THINGS.c.id == ABOUT.c.thing)
            .where(among(connection, THINGS.c.name, wanted))
            .distinct()
        )
        at = {number: at_ms for number, at_ms in connection.execute(asked)}  # noqa: C416 - rows are no pairs to mypy
        events = fetching.bodies(connection, at)
        stands = fetching.stand(connection, events.values())
        gone = fetching.chains(connection, [key for key, each in stands.items() if each is None])
    entries = []
    for number in sorted(at, key=lambda n: (at[n], events[n]["epoch"], events[n]["seq"])):
        event = events[number]
        key = fetching.key_of(event)
        found, chain = stands[key], gone.get(key, ())
        by = found.by if found is not None else map(address_of, filter(_retracts, chain))
        entries.append(
            {
                "time": moment(at[number]),
                "station": event["station"],
                "address": address_of(event),
                "kind": event["kind"],
                "counts": found is not None,
                "corrected_by": list(by),
                "event": dict(event),
            }
        )
    return entries


def _retracts(correction: Document) -> bool:
    return bool(correction.get("retracted"))


def tree(store: Store, name: str) -> Node:
    """Return what is in a unit or lot, and was, to any depth; each thing is opened once."""
    root = Node(name)
    opened, n = {name: root}, 1
    again: list[Node] = []
    frontier = [root]
    while frontier:
        by_name = {node.name: node for node in frontier}
        frontier = []
        for some in pieces(sorted(by_name), NAMES_AT_ONCE):
            for use in sorted(store.below(some), key=_order):
                if use.option == OTHER or _is_back(use, by_name[use.holder], opened, name):
                    continue
                node = _node(use)
                by_name[use.holder].children.append(node)
                n += 1
                if use.option in opened:
                    again.append(node)
                elif n > MOST_NODES:
                    node.is_cut = True
                else:
                    opened[use.option] = node
                    frontier.append(node)
    for node in again:
        first = opened[node.name]
        node.is_cut = first.is_cut or bool(first.children)
    return root


def _is_back(use: Use, holder: Node, opened: Collection[str], root: str) -> bool:
    """Whether a use leads back to what it came from, or to the other sub-lots of a lot."""
    if use.kind is Kind.SUBLOT:
        return holder.kind == Kind.WHOLE
    if use.kind is Kind.WHOLE:
        return use.option in opened
    return use.kind is Kind.LOT and use.option == root


def _order(use: Use) -> tuple[Any, ...]:
    return (use.holder, use.since, str(use.slot), use.option)


def _node(use: Use) -> Node:
    return Node(
        use.option,
        use.options == 1,
        use.why,
        use.kind.value,
        None if isinf(use.since) else moment(round(use.since * 1000)),
        None if isinf(use.until) else moment(round(use.until * 1000)),
    )


def flat(node: Node, depth: int = 0) -> Iterable[tuple[int, Node]]:
    """Yield every node of a tree with its depth, from the top down."""
    yield depth, node
    for child in node.children:
        yield from flat(child, depth + 1)
