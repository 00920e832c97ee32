"""What one event says of what is in what: an event that stands -> slots and their options.

Pure: an event, and what other events say of the same (`Around`), to what it adds. The order in
which events are received does not matter, only which there are.

Rules:
    - What a unit drew at a position is one slot with the candidates that the event names. Where it
      is not known what was there, or which unit it was, one more option stands for all else, so
      that nothing of it is certain (D-4, D-44).
    - A load that was scanned after the unit was recorded, and by its interval was there before, is
      a candidate as well; one that is corrected counts as what is right (D-44, D-143).
    - A cycle that nobody could bind is a holder of its own: `unidentified:ADDRESS`. Each unit that
      it may have been possibly is it (D-7, D-25).
    - What is not known to have been at a position may be any lot that ever was there, or any lot of
      the same product: `unknown:PLACE`, `any:PRODUCT`. Cycles that nobody saw may have drawn what
      was there when they were missed (unseen.py).
    - A part with an identity of its own is in its unit from its installation to its removal (D-42).
    - A new identity and the old one are the same thing, in both directions (D-37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from agent.trace.corrections import Document, Standing
from agent.trace.genealogy import OTHER, Kind
from agent.trace.interchange import Drawn, Slot
from agent.trace.said import (
    ALIAS,
    CYCLES,
    DIRECT,
    INTERVAL,
    UNBOUND,
    UNIDENTIFIED,
    UNSEEN,
    Around,
    Changes,
    Role,
    corrected,
    is_after,
    plant_address,
    reason_of,
    unknown_at,
    when,
)
from agent.trace.shipment import of_event


def changes_of(stands: Standing, around: Around) -> Changes:
    """Return what an event says; nothing for the kinds that say nothing of it."""
    changes = Changes()
    changes.labels += _labels(stands.event)
    changes.shipments += of_event(stands.event, when(stands.event))
    reader = _READERS.get(stands.event["kind"])
    if reader is not None:
        reader(_Reading(stands, around, changes, stands.event, when(stands.event)))
    return changes


def _labels(event: Document) -> Iterable[tuple[str, str]]:
    """Yield what was on; who and for what is not known of cycles that nobody saw."""
    kind = event["kind"]
    if kind in CYCLES or kind in UNSEEN:
        yield "machine", event["machine"]
    if kind in CYCLES:
        if event.get("order"):
            yield "order", event["order"]
        for operator in event.get("operators", ()):
            what = "operator" if operator.get("certainty") is None else "operator?"
            yield what, operator["ref"]


@dataclass(slots=True)
class _Reading:
    """One event being read."""

    stands: Standing
    around: Around
    changes: Changes
    event: Document
    at: float
    """When it was received."""

    @property
    def anonym(self) -> str:
        """The holder that stands for the unit of this event."""
        return f"{UNIDENTIFIED}{plant_address(self.event)}"

    def add(self, holder: str, kind: Kind, options: Iterable[str], why: str) -> None:
        """Add a slot from now on."""
        distinct = tuple(dict.fromkeys(options))
        self.changes.slots.append(Slot(holder, kind, distinct, self.at, why=why))

    def alias(self, old: str, new: str) -> None:
        """Make one thing of two names, the newer of which counts."""
        other = (OTHER,) if self.around.is_conflict else ()
        why = "conflict" if other else ALIAS
        self.changes.slots.append(Slot(new, Kind.NAME, (old, *other), why=why))
        self.changes.slots.append(Slot(old, Kind.LOT, (new, *other), why=why))

    # -------------------------------------------------------------- units

    def unit(self) -> None:
        """A bound cycle: which unit, and what it drew."""
        event = self.event
        self._values()
        name = event.get("unit")
        if name is None or self.stands.doubts or event["kind"] == "unit_refused":
            self.unbound()
            return
        is_sure = event.get("certainty") == "certain" and event["kind"] == "unit_completed"
        is_named = is_sure or event.get("certainty") != "possible"
        self.changes.unit(name, Role.IS if is_named else Role.MAY_BE)
        self._draw(name, is_sure=is_sure)
        self._of_lots(name, is_sure=is_sure)

    def unbound(self) -> None:
        """A cycle whose unit is not known: a holder of its own, which each candidate may be.

        So is one that was refused: a label that was read twice was on another unit.
        """
        event = self.event
        if event.get("handshake") == "begin":
            if event.get("unit"):
                self.changes.unit(event["unit"])
            return  # nothing was made
        self.changes.unit(self.anonym, Role.UNIDENTIFIED, 1)
        self._draw(self.anonym, is_sure=True)
        self._of_lots(self.anonym, is_sure=True)
        named = [event.get("unit"), *event.get("candidates", ())]
        for doubt in self.stands.doubts:
            named += doubt.get("candidates", ())
        for unit in dict.fromkeys(name for name in named if name):
            self.changes.unit(unit, Role.MAY_BE)
            self.add(unit, Kind.FEED, (self.anonym, OTHER), UNBOUND)
            for doubt in self.stands.doubts:
                if not doubt.get("candidates"):
                    group = f"group:{plant_address(doubt)}"
                    self.add(unit, Kind.FEED, (group, OTHER), UNBOUND)
                    self.add(group, Kind.LOT, (self.anonym, OTHER), UNBOUND)

    def _of_lots(self, holder: str, *, is_sure: bool) -> None:
        """Add the lot that a unit is one of, and the one that it was a piece of until marked.

        Where nobody knows which one was open, it may be of every lot of the station (D-4).
        """
        event = self.event
        why = next((each for each in event.get("lot_why", ())), None)
        code = reason_of(why, "boundary_uncertain")
        for one, several in (("lot", "lots"), ("from_lot", "from_lots")):
            lots = [event[one]] if event.get(one) else list(event.get(several, ()))
            is_one_of_them = why == "boundary_uncertain" and len(lots) > 1
            if lots and (why is None or is_one_of_them):
                self._slot(holder, tuple(lots), code if why else DIRECT, is_sure=is_sure)
            elif lots:
                self.add(holder, Kind.FEED, (*lots, unknown_at(event, LOTS), OTHER), code)
        nowhere = not any(event.get(key) for key in ("lot", "lots", "from_lot", "from_lots"))
        if nowhere and why is not None:
            self.add(holder, Kind.FEED, (unknown_at(event, LOTS), OTHER), code)

    def piece(self) -> None:
        """A cycle of a piece without an identity: a line of its lot's history."""
        self._values()
        for lot in (self.event.get("lot"), *self.event.get("lots", ())):
            if lot is not None:
                self.changes.about.append((lot, Role.IS, None))

    def opened(self) -> None:
        """A lot of this station: what is of an unknown one may be of it.

        One that was opened under a wrong name has its pieces under that: they may be of either.
        """
        self.lot()
        lot = self.event["lot"]
        said = lot if self.stands.said is None else self.stands.said["lot"]
        if said != lot:
            self.changes.about.append((said, Role.IS, None))
            self.add(said, Kind.LOT, (lot, OTHER), ALIAS)
            self.add(lot, Kind.LOT, (said, OTHER), ALIAS)
        self.add(unknown_at(self.event, LOTS), Kind.LOT, (self.event["lot"], OTHER), UNBOUND)

    def _values(self) -> None:
        for value in self.event.get("values", ()):
            found = (value["name"], value.get("value"), value.get("verdict"))
            self.changes.values.append(found)

    # -------------------------------------------------------------- what was drawn

    def _draw(self, holder: str, *, is_sure: bool) -> None:
        """Add a slot for each position that something was drawn from, and each part put in."""
        around, slots, at = self.around, self.changes.slots, self.at
        is_plain = is_sure and not (around.installs or around.late or around.lots)
        if is_plain and around.kit and around.removals.keys().isdisjoint(around.kit):
            slots.append(Drawn(holder, around.kit, at))
            return
        installed: set[tuple[str, str]] = set()
        for said, stands in self.around.installs:
            installed.add((said["position"], said["component"]))
            if stands is not None:
                self._part(holder, stands.event, is_sure=is_sure)
        seen = set()
        for use in self.event.get("components", ()):
            candidates = use.get("candidates", ())
            is_one = is_plain and len(candidates) == 1 and use["certainty"] == "certain"
            if is_one and candidates[0] not in around.removals:
                is_loaded = bool(use.get("loads"))
                slots.append(Slot(holder, Kind.FEED, candidates, at, inf, INTERVAL, is_loaded))
                continue
            seen.add(use["position"])
            left = [
                each
                for each in use.get("candidates", ())
                if (use["position"], each) not in installed
            ]
            if left or not use.get("candidates"):
                self._use(holder, use, left, is_sure=is_sure)
        for late in self.around.late:
            if late.position not in seen and late.lots:
                self.add(holder, Kind.FEED, (*late.lots, OTHER), "boundary_uncertain")

    def _use(self, holder: str, use: Mapping[str, Any], left: list[str], *, is_sure: bool) -> None:
        certain = use.get("certainty") == "certain"
        why = use.get("why")
        options = dict.fromkeys(corrected(use, left, self.around))
        if list(options) != left and len(options) > 1:
            certain, why = False, why or "boundary_uncertain"
        lost = any(
            self.around.lots.get(load, ()) is None and load in self.around.lots
            for load in use.get("loads", ())
        )
        for late in self.around.late:
            if late.position == use["position"] and not set(late.lots) <= options.keys():
                certain, why = False, "boundary_uncertain"
                options |= dict.fromkeys(late.lots)
            elif late.position == use["position"] and not late.lots:
                certain, why = False, why or "boundary_uncertain"
        if lost or why in _UNKNOWN or not options:
            certain, why = False, "material_unknown"
            options[unknown_at(self.event, use["position"])] = None
        if certain and len(options) > 1:  # several serials, each of them in it
            for option in options:
                self._slot(holder, (option,), DIRECT, is_sure=is_sure)
            return
        if not certain and why not in _ONE_OF_THEM:
            options[OTHER] = None
        code = INTERVAL if certain else reason_of(why, "boundary_uncertain")
        self._slot(holder, tuple(options), code, is_sure=is_sure)

    def _slot(self, holder: str, options: tuple[str, ...], why: str, *, is_sure: bool) -> None:
        """Add what was drawn; a serial component that was taken out again is in it until then."""
        until = self._removed(holder, options[0]) if len(options) == 1 else inf
        if not is_sure and OTHER not in options:
            options, why = (*options, OTHER), UNBOUND
        if len(options) == 1 and self._is_elsewhere(holder, options[0]):
            options, why = (*options, OTHER), "conflict"
        slot = Slot(holder, Kind.FEED, options, self.at, until, why=why)
        self.changes.slots.append(slot)

    def _part(self, holder: str, install: Document, *, is_sure: bool) -> None:
        self.changes.unit(install["component"])
        is_sure = is_sure and install.get("certainty", "certain") == "certain"
        self._put_in(holder, Kind.PART, install["component"], is_sure=is_sure)

    def _put_in(self, holder: str, kind: Kind, part: str, *, is_sure: bool) -> None:
        options, why = ((part,), DIRECT) if is_sure else ((part, OTHER), UNBOUND)
        if self._is_elsewhere(holder, part):
            options, why = (part, OTHER), "conflict"
        until = self._removed(holder, part)
        self.changes.slots.append(Slot(holder, kind, options, self.at, until, why=why))

    def _removed(self, holder: str, part: str) -> float:
        """Return when a part was taken out of its unit, as far as that is proven."""
        ends = (
            when(removal.event)
            for removal in self.around.removals.get(part, ())
            if not removal.is_conflict
            and holder in removal.names
            and is_after(removal.event, self.event)
        )
        return min(ends, default=inf)

    def _is_elsewhere(self, holder: str, part: str) -> bool:
        """Whether a part was found in another unit while it was in this one."""
        return any(
            removal.is_conflict and holder in removal.names
            for removal in self.around.removals.get(part, ())
        )

    # -------------------------------------------------------------- unidentified

    def missed(self) -> None:
        """Cycles that nobody saw: units that may have drawn what was there then (`unseen`).

        Where that is not known, it may be whatever the station ever held.
        """
        event = self.event
        n = 1 if event.get("reason") in {"trigger_fell", "part_removed"} else event.get("n")
        if n == 0 or (event["kind"] == "cycle_aborted" and event.get("handshake") == "begin"):
            return
        self.changes.unit(self.anonym, Role.UNIDENTIFIED, n)
        if "components" in event:  # what was there then is known
            self._draw(self.anonym, is_sure=True)
        else:
            self.add(self.anonym, Kind.FEED, (unknown_at(event), OTHER), UNBOUND)

    # -------------------------------------------------------------- one thing, two names

    def scrapped(self) -> None:
        """A unit is scrap."""
        self.changes.unit(self.event["unit"])
        self.changes.about.append((self.event["unit"], Role.SCRAPPED, None))

    def moved(self) -> None:
        """A unit or a parcel left the house, or is back: a line of its history."""
        self.changes.about.append((self.event["unit"], Role.IS, None))

    def reworked(self) -> None:
        """A unit may come once more: a line of its history."""
        self.changes.unit(self.event["unit"])

    def reidentified(self) -> None:
        """A unit has another identity."""
        for name in (self.event["unit"], self.event["new"]):
            self.changes.unit(name)
        self.alias(self.event["unit"], self.event["new"])

    def relabelled(self) -> None:
        """A lot has another identity."""
        for name in (self.event["lot"], self.event["new_lot"]):
            self.changes.about.append((name, Role.IS, None))
        self.alias(self.event["lot"], self.event["new_lot"])

    # -------------------------------------------------------------- lots

    def counted(self) -> None:
        """Pieces of a lot, or of one of several."""
        event, changes = self.event, self.changes
        lots = [event["lot"]] if event.get("lot") else list(event.get("lots", ()))
        is_sure = len(lots) == 1 and event.get("certainty") == "certain"
        if not lots or event.get("products"):  # of a changeover: or units without a record
            changes.unit(self.anonym, Role.UNIDENTIFIED, event["n"])
            self._draw(self.anonym, is_sure=True)
        for lot in lots:
            changes.about.append((lot, Role.PIECES, event["n"]))
            self._draw(lot, is_sure=is_sure)
            if event.get("part_of"):
                changes.about.append((event["part_of"], Role.IS, None))
                self.add(event["part_of"], Kind.SUBLOT, (lot,), DIRECT)
                self.add(lot, Kind.WHOLE, (event["part_of"], OTHER), INTERVAL)

    def lot(self) -> None:
        """A line of a lot's history; a sub-lot is a part of its lot."""
        event = self.event
        self.changes.about.append((event["lot"], Role.IS, None))
        if event["kind"] == "lot_issued":
            self.changes.about.append((event["lot"], Role.LEFT, None))

    def split(self) -> None:
        """Each child is all of its parent (D-52)."""
        self.changes.about.append((self.event["lot"], Role.IS, None))
        for child in self.event["children"]:
            self.changes.about.append((child["lot"], Role.IS, None))
            self.add(child["lot"], Kind.LOT, (self.event["lot"],), DIRECT)

    def merged(self) -> None:
        """What they became is made of all of them; each piece of one, unless blended (D-52)."""
        lot, parents = self.event["lot"], [each["lot"] for each in self.event["parents"]]
        self.changes.about += [(name, Role.IS, None) for name in (lot, *parents)]
        if self.event.get("blended"):
            for parent in parents:
                self.add(lot, Kind.LOT, (parent,), DIRECT)
        else:
            why = DIRECT if len({*parents}) == 1 else "hopper_mix"
            self.add(lot, Kind.LOT, parents, why)

    # -------------------------------------------------------------- material

    def loaded(self) -> None:
        """A lot that the unknown may have been; of a label with several lots, each."""
        event = self.event
        places = [unknown_at(event, event["position"]), unknown_at(event)]
        if event.get("product"):
            anything = f"any:{event['product']}"
            self.add(places[0], Kind.LOT, (anything, OTHER), "material_unknown")
            places.append(anything)
        for lot in (event["lot"], *event.get("lots", ())):
            self.changes.about.append((lot, Role.IS, None))
            for place in places:
                self.add(place, Kind.LOT, (lot, OTHER), "material_unknown")

    def returned(self) -> None:
        """A mixed lot: it may be all of what was in the vessel (D-53)."""
        event = self.event
        self.changes.about.append((event["lot"], Role.IS, None))
        parents = list(event.get("parents", ()))
        if not parents or event.get("certainty") != "certain":
            parents.append(unknown_at(event, event["position"]))
        for parent in parents:
            self.add(event["lot"], Kind.LOT, (parent, OTHER), "hopper_mix")

    def installed(self) -> None:
        """A part went in, by hand or by a cycle whose own event is not here."""
        event = self.event
        self.changes.unit(event["component"])
        if not self.around.is_installed_elsewhere:
            self.changes.unit(event["unit"])
            self._part(event["unit"], event, is_sure=True)

    def removed(self) -> None:
        """A line of the histories of part and unit; what it ends is read where it began."""
        self.changes.unit(self.event["component"])
        if self.event.get("unit"):
            self.changes.unit(self.event["unit"])

    def conflict(self) -> None:
        """A part is in two units by what is known: possible in both (D-42)."""
        event = self.event
        for unit in (event["unit"], event["other"]):
            self.changes.unit(unit, Role.MAY_BE)
            self.add(unit, Kind.FEED, (event["component"], OTHER), "conflict")

    def packed(self) -> None:
        """A child is in a package: it is still what is recalled, and this says where it is."""
        event = self.event
        for name in (event["child"], event["parent"]):
            self.changes.about.append((name, Role.IS, None))
        is_sure = event.get("certainty") == "certain"
        self._put_in(event["parent"], Kind.PACK, event["child"], is_sure=is_sure)

    def unpacked(self) -> None:
        """A line of two histories; what it ends is read where it began."""
        for name in (self.event["child"], self.event["parent"]):
            self.changes.about.append((name, Role.IS, None))

    def mentioned(self) -> None:
        """A line of a unit's history."""
        self.changes.unit(self.event["unit"])

    def scanned(self) -> None:
        """A code that was keyed, or typed by a reader: a line of what it names (D-84, D-85)."""
        event = self.event
        if event.get("entry") is not None and event["means"] not in _NAMES_NOTHING:
            self.changes.about.append((event["code"], Role.ENTERED, None))

    def blocked(self) -> None:
        """A line of a lot's or a component's history."""
        self.changes.about.append((self.event["lot"], Role.IS, None))


LOTS = "lots"
"""The place of lots that nobody knows, beside the positions of a station."""
_UNKNOWN = frozenset({"material_unknown", "component_missing"})
"""Why it may be something that is not among the candidates."""
_ONE_OF_THEM = frozenset({"multi_lot_label", "hopper_mix"})
"""Why it is not certain which of the candidates it was, while it was one of them."""
_NAMES_NOTHING = frozenset(
    {
        *("operator", "operator_off", "order", "order_end", "cancel", "emptied", "lot_end"),
        *("parent_end", "unpack", "scrap", "rework", "reidentify", "nok"),
    }
)
"""Meanings of codes that are no unit's, lot's or part's."""

_READERS: Mapping[str, Callable[[_Reading], None]] = {
    "code_scanned": _Reading.scanned,
    "unit_started": _Reading.unit,
    "unit_completed": _Reading.unit,
    "unit_refused": _Reading.unit,
    "unit_unbound": _Reading.unit,
    "unit_scrapped": _Reading.scrapped,
    "unit_reworked": _Reading.reworked,
    "unit_shipped": _Reading.moved,
    "unit_returned": _Reading.moved,
    "unit_reidentified": _Reading.reidentified,
    "identity_conflict": _Reading.mentioned,
    "cycle_missed": _Reading.missed,
    "cycle_aborted": _Reading.missed,
    "counter_reset": _Reading.missed,
    "interlock_bypassed": _Reading.missed,
    "history_lost": _Reading.missed,
    "carrier_loaded": _Reading.mentioned,
    "carrier_unloaded": _Reading.mentioned,
    "cycle_counted": _Reading.piece,
    "lot_opened": _Reading.opened,
    "lot_closed": _Reading.lot,
    "lot_issued": _Reading.lot,
    "lot_returned": _Reading.lot,
    "lot_counted": _Reading.counted,
    "lot_split": _Reading.split,
    "lot_merged": _Reading.merged,
    "lot_relabelled": _Reading.relabelled,
    "lot_blocked": _Reading.blocked,
    "lot_unblocked": _Reading.blocked,
    "component_loaded": _Reading.loaded,
    "component_unloaded": _Reading.blocked,
    "load_refused": _Reading.loaded,
    "material_returned": _Reading.returned,
    "component_installed": _Reading.installed,
    "component_removed": _Reading.removed,
    "component_conflict": _Reading.conflict,
    "unit_packed": _Reading.packed,
    "unit_unpacked": _Reading.unpacked,
}
"""Every kind that says something of units, lots or parts; the others are kept in the archive."""
