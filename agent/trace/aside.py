"""Messages that could not be taken: kept as they came, and named; nothing waits for them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, delete, insert, select

from agent.trace.rows import lock
from agent.trace.tables import ASIDE
from agent.trace.took import Aside

__all__ = ["Aside", "all_aside", "drop", "set_aside"]


def set_aside(connection: Connection, messages: Sequence[Aside]) -> list[Aside]:
    """Keep messages; return those that were not kept yet."""
    fresh: list[Aside] = []
    if not messages:
        return fresh
    with connection.begin():
        lock(connection)
        for message in messages:
            asked = select(ASIDE.c.id).where(ASIDE.c.digest == message.digest)
            if connection.scalar(asked) is None:
                values = {
                    "digest": message.digest,
                    "at_ms": message.at_ms,
                    "topic": message.topic.replace("\0", "\ufffd"),
                    "why": message.why.replace("\0", "\ufffd")[:1000],
                    "body": zlib.compress(message.payload, 1),
                }
                connection.execute(insert(ASIDE).values(values))
                fresh.append(message)
    return fresh


def all_aside(connection: Connection) -> Iterator[Aside]:
    """Yield what is set aside, in the order in which it came."""
    with connection.begin():
        found = connection.execute(select(ASIDE).order_by(ASIDE.c.id)).fetchall()
    for row in found:
        body = zlib.decompress(row.body)
        yield Aside(topic=row.topic, payload=body, why=row.why, digest=row.digest, at_ms=row.at_ms)


def drop(connection: Connection, digest: str) -> None:
    """Forget one: it was taken after all."""
    with connection.begin():
        lock(connection)
        connection.execute(delete(ASIDE).where(ASIDE.c.digest == digest))
