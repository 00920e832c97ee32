"""What was on at an event, kept once: the machine, the order and who was there, as one set.

The units of an order have all of it in common, so an event names its set (`labelled`) instead of
having a row for each name. `LABELS` gives the names of events again, a row each. A set is never
changed, and one that no event has any more says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from agent.trace.rows import numbers_of, put
from agent.trace.tables import LABEL_SETS, LABELLED, SET_LABELS

Label = tuple[str, str]
"""What it is (`machine`, `order`, `operator`, `operator?`), and its name."""


def put_labels(connection: Connection, labels: Mapping[int, Iterable[Label]]) -> None:
    """Insert the labels of events, by the events' ids, and the sets that are new."""
    sets = {event: tuple(sorted(set(some))) for event, some in labels.items()}
    numbers, new = numbers_of(connection, LABEL_SETS, {some for some in sets.values() if some})
    names = [(numbers[some], *label) for some in new for label in some]
    put(connection, SET_LABELS, ("labels", "what", "name"), names)
    rows = [(event, numbers[some]) for event, some in sets.items() if some]
    put(connection, LABELLED, ("event", "labels"), rows)


LABELS = (
    select(LABELLED.c.event, SET_LABELS.c.what, SET_LABELS.c.name)
    .join_from(LABELLED, SET_LABELS, SET_LABELS.c.labels == LABELLED.c.labels)
    .subquery("labels")
)
"""Every label of every event: (event, what, name)."""
