"""What was delivered: the events that an independent consumer has got, each by its address.

Pure. It proves for itself what a consumer can prove: each event's hash, that its successor names
it, that addresses run from 1 without a gap in each epoch, and where each epoch ended.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785

Event = Mapping[str, Any]
Place = tuple[str, str, int]
"""Station, epoch and seq: what no two events share."""

UNIT_KINDS = ("unit_completed", "unit_refused", "unit_unbound")
"""The kinds that answer a request at `end`."""


class Delivered:
    """Every event that came, the first time it came; repeats are counted."""

    def __init__(self) -> None:
        self.events: dict[Place, Event] = {}
        self.repeats = 0
        """How often an event came that was there already: at least once is what is promised."""
        self.conflicts: list[Place] = []
        """Addresses under which two different events came."""

    def take(self, message: bytes) -> Event | None:
        """Take one message of an events topic; return its event if it is a new one."""
        event: Event = json.loads(message)["data"]
        place = (event["station"], event["epoch"], event["seq"])
        before = self.events.setdefault(place, event)
        if before is event:
            return event
        self.repeats += 1
        if before != event:
            self.conflicts.append(place)
        return None

    def of(self, *kinds: str) -> Iterator[Event]:
        """Yield the events of some kinds."""
        return (event for event in self.events.values() if event["kind"] in kinds)

    def kinds(self) -> Counter[str]:
        """Return how many there are of each kind."""
        return Counter(event["kind"] for event in self.events.values())

    def epochs(self, station: str) -> dict[str, set[int]]:
        """Return the seqs that came of each epoch of a station."""
        found: dict[str, set[int]] = {}
        for name, epoch, seq in self.events:
            if name == station:
                found.setdefault(epoch, set()).add(seq)
        return found

    def wrong_hashes(self) -> list[Place]:
        """Return the events whose content does not fit their hash."""
        return [place for place, event in self.events.items() if _hash(event) != event["hash"]]

    def wrong_links(self) -> list[Place]:
        """Return the events that do not name the hash of the one before, where that one came."""
        return [
            place
            for place, event in self.events.items()
            if (before := self._before(place, event)) is not None
            and event["prev" if place[2] > 1 else "previous_hash"] != before["hash"]
        ]

    def ends(self, station: str) -> dict[str, int]:
        """Return the last seq of each epoch of a station that a later epoch names."""
        return {
            event["previous_epoch"]: event["previous_seq"]
            for event in self.of("agent_started")
            if event["station"] == station and event.get("previous_epoch") is not None
        }

    def _before(self, place: Place, event: Event) -> Event | None:
        station, epoch, seq = place
        if seq > 1:
            return self.events.get((station, epoch, seq - 1))
        if event.get("previous_epoch") is None:
            return None
        return self.events.get((station, event["previous_epoch"], event["previous_seq"]))


def _hash(event: Event) -> str:
    rest = {key: value for key, value in event.items() if key != "hash"}
    return hashlib.sha256(rfc8785.dumps(rest)).hexdigest()
