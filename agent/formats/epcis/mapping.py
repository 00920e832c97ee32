"""Our events in the words of EPCIS 2.0 (D-131 to D-135).

    mapper = Mapper(Settings(ids=Ids("https://id.acme.example/")))
    for event in events: write(mapper.take(event))
    write(mapper.finish())

Laws:
    1. EPCIS has no "one of these": what is only possible is never asserted as ADD. It stands in an
       own field of the observation, with its candidates; where not even the unit is certain there
       is no event, and `left_out` counts it (D-132).
    2. What an event becomes depends on that event alone, and on which parts its own cycle
       installed: mapped again, resent or bridged, it has the same eventID (D-135).
    3. Nobody is named: operators stay in Lineside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.formats.epcis import lots, shipping, units
from agent.formats.epcis.common import CONTEXT, Document, Epcis, Settings
from agent.formats.epcis.hashing import event_id

__all__ = ["CONTEXT", "Document", "Epcis", "Mapper", "Settings", "declared_wrong"]


class Mapper:
    """Maps events in the order of their stations; remembers no more than one decision."""

    def __init__(self, settings: Settings) -> None:
        self.left_out: Counter[str] = Counter()
        """What has no EPCIS event although it is about units or lots, by reason."""
        self._settings = settings
        self._waiting: dict[str, tuple[Document, set[str]]] = {}
        """Cycles whose lots are told once it is known which of their parts are no lots."""
        self._moment: tuple[str, Any] | None = None

    def take(self, event: Document) -> list[Epcis]:
        """Return the EPCIS events of an event, and what was waiting for it."""
        moment = (f"{event['station']} {event['epoch']}", event["time"].get("boottime_ms"))
        found = [] if moment == self._moment else self.finish()
        self._moment = moment
        found += self._sealed(_mapped(event, self._settings, self.left_out))
        address = f"{event['epoch']}-{event['seq']}"
        if event["kind"] == "unit_completed" and event.get("components"):
            self._waiting[address] = (event, set())
        elif event["kind"] == "component_installed" and event.get("because"):
            waiting = self._waiting.get(event["because"][0])
            if waiting is not None:
                waiting[1].add(event["component"])
        return found

    def finish(self) -> list[Epcis]:
        """Return what was waiting."""
        waiting, self._waiting = self._waiting, {}
        found: list[Epcis] = []
        for event, serials in waiting.values():
            found += self._sealed(units.lots_of_unit(event, self._settings, serials))
        return found

    def serials_of(self, event: Document) -> frozenset[str]:
        """Return which of a waiting cycle's parts are known to be no lots."""
        waiting = self._waiting.get(f"{event['epoch']}-{event['seq']}")
        return frozenset(waiting[1]) if waiting is not None else frozenset()

    def whole(self, event: Document, serials: Iterable[str]) -> list[Epcis]:
        """Return all EPCIS events of one event at once, its serial parts being known."""
        found = _mapped(event, self._settings, Counter())
        if event["kind"] == "unit_completed":
            found += units.lots_of_unit(event, self._settings, set(serials))
        return self._sealed(found)

    def _sealed(self, events: Iterable[Epcis]) -> list[Epcis]:
        return [{**event, "eventID": event_id(event, CONTEXT)} for event in events]


def declared_wrong(event: Epcis, at: str, *, is_retracted: bool, ids: Iterable[str]) -> Epcis:
    """Return an EPCIS event again, declared as an error.

    Args:
        event: As it was told.
        at: When it was corrected, RFC 3339.
        is_retracted: Whether it never happened.
        ids: eventIDs of what is right instead.
    """
    error: Epcis = {
        "declarationTime": at,
        "reason": "did_not_occur" if is_retracted else "incorrect_data",
    }
    corrective = list(ids)
    if corrective:
        error["correctiveEventIDs"] = corrective
    return {**event, "errorDeclaration": error}


def _mapped(event: Document, settings: Settings, left_out: Counter[str]) -> list[Epcis]:
    reader = _READERS.get(event["kind"])
    if reader is None:
        return []
    found = reader(event, settings)
    if found is None:
        left_out["possible"] += 1
        return []
    return found


_READERS: Mapping[str, Callable[[Document, Settings], list[Epcis] | None]] = {
    "unit_completed": units.completed,
    "component_installed": units.installed,
    "component_removed": units.removed,
    "unit_scrapped": units.scrapped,
    "unit_reidentified": units.reidentified,
    "unit_packed": units.packed,
    "unit_unpacked": units.unpacked,
    "unit_shipped": shipping.unit_shipped,
    "unit_returned": shipping.unit_returned,
    "lot_issued": shipping.lot_issued,
    "lot_returned": shipping.lot_returned,
    "lot_counted": lots.counted,
    "lot_merged": lots.merged,
    "lot_split": lots.split,
    "lot_relabelled": lots.relabelled,
    "lot_blocked": lots.blocked,
    "lot_unblocked": lots.unblocked,
    "component_loaded": lots.loaded,
    "component_unloaded": lots.unloaded,
}
"""Every kind that EPCIS has words for; the others stay in Lineside. None: it is only possible."""
