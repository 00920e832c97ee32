"""Messages of a broker into the store: each event proven, then held; what cannot be is set aside.

Laws:
    1. When `take` returns, everything in the batch is in the store for good, or set aside there and
       named: all of it may be confirmed to the broker. When it raises, nothing may be.
    2. What cannot be taken never keeps the rest waiting: a batch that is refused is taken in parts,
       down to the one message that is the cause.
    3. Twice is once. Two contents under one address: the first stays, the second is set aside.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from agent.trace import fetching
from agent.trace.archive import DocumentError
from agent.trace.aside import all_aside, drop, set_aside
from agent.trace.garbage import looked_for_seldom
from agent.trace.said import UNREADABLE
from agent.trace.store import RowError, Store
from agent.trace.took import OTHER_CONTENT, Aside, Proof, Proven, Took


class Intake:
    """Takes batches of messages into a store.

    Args:
        store: Where to.
        root: First part of every topic.
        name: The branch of `reply` on which we are answered.
    """

    def __init__(self, store: Store, root: str, name: str) -> None:
        self._store = store
        self._proof = Proof(root, name)

    @looked_for_seldom()
    def take(self, messages: Sequence[tuple[str, bytes]], now_ms: int) -> Took:
        """Take messages, as (topic, payload), in.

        Raises:
            TraceStoreError: the store cannot be used now; take them again.
        """
        took = Took()
        proven, bad = self._proof.of(messages, took, now_ms)
        bad += self._put(proven, took, now_ms)
        if took.known:
            bad += self._conflicts(proven, now_ms)
        connection = self._store.archive.connection
        took.aside = self._store.guarded(lambda: set_aside(connection, bad))
        return took

    def _put(self, proven: Sequence[Proven], took: Took, now_ms: int) -> list[Aside]:
        """Take events; return those that cannot be."""
        if not proven:
            return []
        try:
            taken = self._store.take_events(one.members for one in proven)
        except (DocumentError, RowError, *UNREADABLE) as error:
            if len(proven) > 1:
                half = len(proven) // 2
                return [
                    *self._put(proven[:half], took, now_ms),
                    *self._put(proven[half:], took, now_ms),
                ]
            (one,) = proven
            took.unreadable.append(one.link)
            return [one.aside(f"{type(error).__name__}: {error}", now_ms)]
        took.new += taken.new
        took.known += taken.known
        return []

    def _conflicts(self, proven: Sequence[Proven], now_ms: int) -> list[Aside]:
        """Return those whose address is held with another content."""
        wanted = {(one.link.station, f"{one.link.epoch}-{one.link.seq}") for one in proven}
        held = self._store.guarded(lambda: self._hashes(wanted))
        found = []
        for one in proven:
            address = f"{one.link.epoch}-{one.link.seq}"
            if held.get((one.link.station, address), one.link.hash) != one.link.hash:
                found.append(one.aside(OTHER_CONTENT, now_ms))
        return found

    def _hashes(self, wanted: Collection[fetching.Key]) -> dict[fetching.Key, str]:
        connection = self._store.archive.connection
        with connection.begin():
            held = fetching.by_address(connection, wanted)
            return {fetching.key_of(event): event.get("hash", "") for event in held.values()}


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
