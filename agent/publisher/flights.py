"""The events between journal and confirmation, oldest first.

Laws:
    1. The cursor moves over the contiguous settled prefix, and over nothing else.
    2. An event that came back unconfirmed is sent again before those behind it.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from agent.ports import Address, Row


@dataclass(slots=True, eq=False)
class Flight:
    """One event on its way."""

    place: int
    """Its place in the order of the journal."""
    row: Row
    address: Address
    after: Address | None
    wanted: bool
    """Whether this sink gets it; one that it does not get is settled from the start."""
    under_way: bool = False
    settled: bool = False
    sent_ms: int = 0


class Flights:
    """What was read from the journal and has not been passed by the cursor."""

    def __init__(self) -> None:
        self.under_way = 0
        self._order: deque[Flight] = deque()
        self._unsent: list[tuple[int, Flight]] = []
        self._places = 0

    def __len__(self) -> int:
        """How many the cursor has not passed."""
        return len(self._order)

    @property
    def unsent(self) -> int:
        """How many wait to be sent, for the first time or again."""
        return len(self._unsent)

    @property
    def oldest_sent_ms(self) -> int | None:
        """When the oldest under way was sent; None while nothing is."""
        return min((flight.sent_ms for flight in self._order if flight.under_way), default=None)

    def add(self, row: Row, address: Address, after: Address | None, *, wanted: bool) -> None:
        """Take a row that comes next in the journal, and where it stands."""
        self._places += 1
        flight = Flight(self._places, row, address, after, wanted, settled=not wanted)
        self._order.append(flight)
        if wanted:
            heapq.heappush(self._unsent, (flight.place, flight))

    def take(self, now_ms: int) -> Flight | None:
        """Return the oldest that is to be sent, now under way; None when none waits."""
        if not self._unsent:
            return None
        _, flight = heapq.heappop(self._unsent)
        flight.under_way, flight.sent_ms = True, now_ms
        self.under_way += 1
        return flight

    def land(self, flight: Flight) -> None:
        """Note that it is no longer under way; what becomes of it is said next."""
        if flight.under_way:
            flight.under_way = False
            self.under_way -= 1

    def settle(self, flight: Flight) -> None:
        """Let the cursor pass it: it is confirmed, or safe in the quarantine."""
        self.land(flight)
        flight.settled = True

    def put_back(self, flight: Flight) -> None:
        """Have it sent again."""
        self.land(flight)
        heapq.heappush(self._unsent, (flight.place, flight))

    def put_back_all(self) -> None:
        """Have all that was sent and is not settled sent again: the connection is gone."""
        self.under_way = 0
        self._unsent = []
        for flight in self._order:
            flight.under_way = False
            if not flight.settled:
                self._unsent.append((flight.place, flight))

    def advance(self) -> tuple[Address | None, Address | None]:
        """Drop the settled prefix.

        Returns:
            The newest address of it, and the newest that this sink was to get; None for neither.
        """
        passed: Address | None = None
        delivered: Address | None = None
        while self._order and self._order[0].settled:
            flight = self._order.popleft()
            passed = flight.address
            if flight.wanted:
                delivered = passed
        return passed, delivered
