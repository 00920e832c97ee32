"""What the broker keeps of our own `position`: how far this station's journal had got.

It is read before a new one is put in its place: a state directory that was put back from a backup
knows less, and nothing on the box betrays that (DESIGN 3, FAULTS P21). No broker is waited for: it
answers a ping behind what it sends for a subscription, and one that does not gets a moment more.
"""

from __future__ import annotations

import asyncio
import contextlib

import orjson

from agent.backoff import within
from agent.ports import Address, Clock
from agent.sinks.mqtt.connection import Connection
from agent.sinks.mqtt.reasons import REFUSED
from agent.sinks.options import held_position

LATE_S = 0.3
"""How long a kept message may come after the answer to a ping; most come before."""
_SHOWN = 60


class UnreadError(Exception):
    """Nothing can be said of what is kept; the text says why, and what to do."""


async def kept_position(
    connection: Connection, topic: str, clock: Clock
) -> tuple[Address, str] | None:
    """Return address and hash of the newest event by the kept position; None: there is none.

    Raises:
        UnreadError: it may not be read, or is no position.
    """
    kept: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def take(_topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 - as the connection says it
        if is_retained and not kept.done():
            kept.set_result(payload)

    connection.on_message = take
    code = await connection.listen(topic, retained=True)
    if connection.ended.done():
        return None
    if code >= REFUSED:
        raise UnreadError(
            f"topic {topic} may not be read: nobody notices here if an older state directory is "
            "put back; allow it in the broker's access list"
        )
    await _all_said(connection, kept, clock)
    connection.ignore(topic)
    return _parsed(topic, kept.result()) if kept.done() else None


async def _all_said(connection: Connection, kept: asyncio.Future[bytes], clock: Clock) -> None:
    """Return once there is a message, or none will come."""
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    connection.prove(lambda: answered.set_result(None))
    over = (kept, connection.ended)
    await asyncio.wait((answered, *over), return_when=asyncio.FIRST_COMPLETED)
    with contextlib.suppress(TimeoutError):
        late = asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        await within(clock, LATE_S, late)


def _parsed(topic: str, payload: bytes) -> tuple[Address, str]:
    held = None
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError:
        said = None
    if isinstance(said, dict):
        held = held_position(said.get("epoch"), said.get("last_seq"), said.get("last_hash"))
    if held is None:
        shown = payload[:_SHOWN].decode("ascii", "backslashreplace")
        raise UnreadError(
            f"topic {topic} keeps no position of ours: {shown}; see who may write there"
        )
    return held
