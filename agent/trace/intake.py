"""Messages of a broker into the store: each event proven, then held; what cannot be is set aside.

Laws:
    1. When `take` returns, everything in the batch is in the store for good, or set aside there and
       named: all of it may be confirmed to the broker. When it raises, nothing may be.
    2. What cannot be taken never keeps the rest waiting: a batch that is refused is taken in parts,
       down to the one message that is the cause.
    3. Twice is once. Two contents under one address: the first stays, the second is set aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from agent.trace import fetching
from agent.trace.archive import DocumentError
from agent.trace.aside import Aside, all_aside, drop, set_aside
from agent.trace.claims import Link, Place, ordinal
from agent.trace.corrections import address_of
from agent.trace.heard import HeardError, event_of, link_of
from agent.trace.store import RowError, Store

_UNREADABLE = (DocumentError, RowError, ArithmeticError, AttributeError, LookupError, TypeError)
"""What an event that is not as an agent writes it may come to while it is read; ValueError too."""


@dataclass(slots=True)
class Took:
    """What a batch came down to."""

    new: int = 0
    known: int = 0
    """How many were held already."""
    aside: list[Aside] = field(default_factory=list)
    """What was set aside, and was not before."""
    unreadable: list[Link] = field(default_factory=list)
    """Events that are what was recorded, and cannot be taken all the same: no resend helps."""
    newest: dict[str, Place] = field(default_factory=dict)
    """Per station: the newest address that came."""
    spoke: list[tuple[str, bytes]] = field(default_factory=list)
    """(station, message): what came as an answer to us, in its order."""

    def came(self, link: Link) -> None:
        """Note that an event came."""
        place, before = (link.epoch, link.seq), self.newest.get(link.station)
        if before is None or (ordinal(place[0]), place[1]) > (ordinal(before[0]), before[1]):
            self.newest[link.station] = place


@dataclass(frozen=True, slots=True)
class _Proven:
    """A message whose event is what was hashed."""

    topic: str
    payload: bytes
    members: Mapping[str, Any]
    link: Link


class Intake:
    """Takes batches of messages into a store.

    Args:
        store: Where to.
        root: First part of every topic.
        name: The branch of `reply` on which we are answered.
    """

    def __init__(self, store: Store, root: str, name: str) -> None:
        self._store = store
        self._prefix = f"{root}/v1/"
        self._reply = f"/reply/{name}"

    def take(self, messages: Sequence[tuple[str, bytes]], now_ms: int) -> Took:
        """Take messages, as (topic, payload), in.

        Raises:
            TraceStoreError: the store cannot be used now; take them again.
        """
        took, bad, proven = Took(), [], []
        for topic, payload in messages:
            try:
                one = self._proven(topic, payload, took)
            except HeardError as error:
                digest = sha256(payload).hexdigest()
                bad.append(_aside(topic, payload, str(error), digest, now_ms))
                continue
            if one is not None:
                proven.append(one)
        bad += self._put(proven, took, now_ms)
        if took.known:
            bad += self._conflicts(proven, now_ms)
        connection = self._store.archive.connection
        took.aside = self._store.guarded(lambda: set_aside(connection, bad))
        return took

    def _proven(self, topic: str, payload: bytes, took: Took) -> _Proven | None:
        """Return the event of a message; None: it is the end of an answer, or nothing for us.

        Raises:
            HeardError: it is none, or was altered.
        """
        path = topic.removeprefix(self._prefix)
        if path.endswith(self._reply):
            station = path.removesuffix(self._reply)
            took.spoke.append((station, payload))
            members = event_of(payload) if b'"data"' in payload else None
        else:
            station = path.rpartition("/events/")[0]
            members = event_of(payload)
        if members is None:
            return None
        link = link_of(members)
        if link.station != station:
            raise HeardError(f"{link.epoch}-{link.seq}: is of station {link.station}")
        took.came(link)
        return _Proven(topic, payload, members, link)

    def _put(self, proven: Sequence[_Proven], took: Took, now_ms: int) -> list[Aside]:
        """Take events; return those that cannot be."""
        if not proven:
            return []
        try:
            taken = self._store.take_events(one.members for one in proven)
        except (*_UNREADABLE, ValueError) as error:
            if len(proven) > 1:
                half = len(proven) // 2
                return [
                    *self._put(proven[:half], took, now_ms),
                    *self._put(proven[half:], took, now_ms),
                ]
            (one,) = proven
            took.unreadable.append(one.link)
            said = f"{one.link.epoch}-{one.link.seq}: {type(error).__name__}: {error}"
            return [_aside(one.topic, one.payload, said, one.link.hash, now_ms)]
        took.new += taken.new
        took.known += taken.known
        return []

    def _conflicts(self, proven: Sequence[_Proven], now_ms: int) -> list[Aside]:
        """Return those whose address is held with another content."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for one in proven:
            wanted[one.link.station].add(f"{one.link.epoch}-{one.link.seq}")
        held = self._store.guarded(lambda: self._hashes(wanted))
        found = []
        for one in proven:
            address = f"{one.link.epoch}-{one.link.seq}"
            if held.get((one.link.station, address), one.link.hash) != one.link.hash:
                said = f"{address}: is held with another content: was this station cloned?"
                found.append(_aside(one.topic, one.payload, said, one.link.hash, now_ms))
        return found

    def _hashes(self, wanted: Mapping[str, set[str]]) -> dict[tuple[str, str], str]:
        connection = self._store.archive.connection
        with connection.begin():
            return {
                (station, address_of(event)): event.get("hash", "")
                for station, addresses in wanted.items()
                for event in fetching.by_address(connection, station, addresses).values()
            }


def again(store: Store, now_ms: int) -> tuple[int, list[Aside]]:
    """Take what was set aside anew, as after an update; return how many went in, and the rest.

    Raises:
        TraceStoreError: the store cannot be used now.
    """
    connection = store.archive.connection
    gone = 0
    for one in store.guarded(lambda: list(all_aside(connection))):
        root, name = one.topic.partition("/v1/")[0], one.topic.rpartition("/")[2]
        if Intake(store, root, name).take([(one.topic, one.payload)], now_ms).new:
            store.guarded(partial(drop, connection, one.digest))
            gone += 1
    return gone, store.guarded(lambda: list(all_aside(connection)))


def _aside(topic: str, payload: bytes, said: str, digest: str, now_ms: int) -> Aside:
    return Aside(topic=topic, payload=payload, why=said, digest=digest, at_ms=now_ms)
