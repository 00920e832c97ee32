"""Finds the event on which a broker hangs up, so that it cannot stop those behind it.

A broker that dislikes one message closes the connection, and would do so again on each new one
(PITFALLS Q3, D-118). Theory:

    1. An event that was under way when the broker hung up twice in a row is a suspect. Suspects
       are sent alone, one after the other, on connections that have just answered for another
       message (the birth): so what the broker hangs up on is that event and nothing else.
    2. Three hang-ups on the same event alone prove it.
    3. A confirmation clears the event and all before it.

Only what the broker does without another reason counts: a restart, a take-over or a quota that it
names, or silence, say nothing about an event.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.ports import Address

SUSPECT_AFTER = 2
POISON_AFTER = 3


class Poison:
    """What is known of the events under way at hang-ups."""

    def __init__(self) -> None:
        self._dropped: dict[Address, int] = {}
        self._suspects: set[Address] = set()
        self._alone: dict[Address, int] = {}

    @property
    def suspected(self) -> bool:
        """Whether events have to be sent alone for now."""
        return bool(self._suspects)

    def proven(self, address: Address) -> bool:
        """Whether the broker hangs up on this very event."""
        return self._alone.get(address, 0) >= POISON_AFTER

    def dropped(self, under_way: Collection[Address]) -> None:
        """Take note that the broker hung up while these were not confirmed."""
        if len(under_way) == 1:
            (address,) = under_way
            if address in self._suspects:
                self._alone[address] = self._alone.get(address, 0) + 1
        self._dropped = {address: self._dropped.get(address, 0) + 1 for address in under_way}
        self._suspects |= {
            address for address, times in self._dropped.items() if times >= SUSPECT_AFTER
        }

    def done(self, address: Address) -> None:
        """Take note that an event was confirmed, or has gone to quarantine."""
        if self._suspects:
            self._suspects = {other for other in self._suspects if other > address}
            self._alone = {a: n for a, n in self._alone.items() if a in self._suspects}
        self._dropped.pop(address, None)
