"""The words of the projection: what an event adds, and what others say that matters for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

from agent.trace.corrections import Document, Standing, address_of, place_of
from agent.trace.interchange import Drawn, Slot
from agent.trace.shipment import Shipment
from drivers.base import SET_CLOCKS

UNKNOWN = "unknown:"
UNIDENTIFIED = "unidentified:"
DRAWS = frozenset({"unit_started", "unit_completed", "unit_refused", "unit_unbound", "lot_counted"})
"""Kinds that draw material."""
CYCLES = DRAWS | {"cycle_counted"}
"""Kinds that stand for cycles, with what was on."""
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an event that is not as an agent writes it may come to while it is read."""
UNSEEN = frozenset(
    {"cycle_missed", "cycle_aborted", "counter_reset", "interlock_bypassed", "history_lost"}
)
"""Kinds that stand for cycles which nobody saw (D-7)."""


@unique
class Role(StrEnum):
    """What an event says of a thing."""

    IS = "is"
    """It is about this unit, lot or component."""
    MAY_BE = "may_be"
    SCRAPPED = "scrapped"
    PIECES = "pieces"
    """So many pieces were counted to this lot."""
    UNIDENTIFIED = "unidentified"
    """So many units that nobody can name; no number: nobody knows how many."""
    LEFT = "left"
    """It left the place: it was issued."""
    WAS = "was"
    """It was recorded as about this, and is corrected: a line of its history, and no more."""
    ENTERED = "entered"
    """Its code came otherwise than from a reader that decoded it: nobody has seen it by that."""


@dataclass(frozen=True, slots=True)
class Late:
    """A load, or an end of one, that was recorded after a unit and may concern it."""

    position: str
    lots: tuple[str, ...]
    """None of them: what was there may have been gone."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A part was taken out, or is somewhere else too by what is known."""

    event: Document
    names: frozenset[str]
    """Of the unit that it was in, all its identities; none: not known."""
    is_conflict: bool = False
    """It was not taken out, but found elsewhere: from then on it is possible in both (D-42)."""


@dataclass(slots=True)
class Around:
    """What other events say that matters for one."""

    lots: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    """Loads that are corrected, by address: the lots as they are right; None: never loaded."""
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The same loads: the lots as first said."""
    late: Sequence[Late] = ()
    installs: Sequence[tuple[Document, Standing | None]] = ()
    """The installations of the cycle, as first said and as they stand."""
    removals: Mapping[str, Sequence[Removal]] = field(default_factory=dict)
    """By part."""
    is_installed_elsewhere: bool = False
    """Of an installation: whether the event of its cycle is known and speaks for it."""
    is_conflict: bool = False
    """Of a new identity: whether the old one came again (D-37)."""
    kit: tuple[str, ...] | None = None
    """What `loaded_lots` says of its components."""


@dataclass(slots=True)
class Changes:
    """What an event adds."""

    slots: list[Slot | Drawn] = field(default_factory=list)
    """They are counted in this order, each lot of a `Drawn` as one."""
    units: set[str] = field(default_factory=set)
    """Things that are units, holders that stand for units among them."""
    about: list[tuple[str, Role, int | None]] = field(default_factory=list)
    values: list[tuple[str, Any, str | None]] = field(default_factory=list)
    """Name, value, verdict by its limits."""
    shipments: list[Shipment] = field(default_factory=list)
    labels: list[tuple[str, str]] = field(default_factory=list)
    """What was on: `machine`, `order`, `operator`, or `operator?` who may have been there."""

    def unit(self, name: str, role: Role = Role.IS, n: int | None = None) -> None:
        """Note a unit that the event is about."""
        self.units.add(name)
        self.about.append((name, role, n))


def plant_address(event: Document) -> str:
    """Return an event's address with its station: unique in a plant."""
    return f"{event['station']}/{address_of(event)}"


def when(event: Document) -> float:
    """Return when an event was received, in seconds of UTC."""
    return datetime.fromisoformat(event["time"]["received"]).timestamp()


def unknown_at(event: Document, position: str | None = None) -> str:
    """Return what stands for whatever may have been at a position, or anywhere in the station."""
    place = event["station"] if position is None else f"{event['station']}/{position}"
    return f"unknown:{place}"


def lots_of(event: Document) -> tuple[str, ...]:
    """Return the lots that a load is of."""
    return tuple(event.get("lots", ())) or (event["lot"],)


def loaded_lots(components: Iterable[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """Return what stood at each position, where that was one lot that was loaded; None: not so."""
    lots: list[str] = []
    for use in components:
        candidates = use.get("candidates", ())
        if len(candidates) != 1 or use.get("certainty") != "certain" or not use.get("loads"):
            return None
        lots += candidates
    return tuple(lots)


# ------------------------------------------------------------------ reasons

_REASONS = {
    "boundary_uncertain": "boundary_uncertain",
    "hopper_mix": "hopper_mix",
    "multi_lot_label": "multi_lot_label",
    "material_unknown": "material_unknown",
    "lot_used_up": "material_unknown",
    "conflict": "conflict",
    "identity_conflict": "conflict",
    "carrier_conflict": "conflict",
    "knowledge_missing": "gap",
    "no_lot_open": "unbound_cycle",
    "cycle_missed": "unbound_cycle",
}
DIRECT, INTERVAL, ALIAS, UNBOUND = "direct_link", "load_interval", "alias", "unbound_cycle"


def reason_of(why: str | None, otherwise: str) -> str:
    """Return the reason code for why something is only possible."""
    return _REASONS.get(why or "", otherwise)


def corrected(use: Mapping[str, Any], left: Iterable[str], around: Around) -> Iterable[str]:
    """Yield the candidates of a use, those of a corrected load as they are right."""
    left, all_loads = list(left), use.get("loads", ())
    loads = [load for load in all_loads if load in around.lots]
    said = [around.said.get(load, ()) for load in loads]
    wrong = {lot for lots in said for lot in lots}
    # A lot that another load may have brought as well is still one.
    brought_again = len(all_loads) > len(loads) and (
        len(all_loads) > len(left) or any(len(lots) != 1 for lots in said)
    )
    yield from (lot for lot in left if lot not in wrong or brought_again)
    yield from (lot for load in loads for lot in around.lots[load] or ())


def is_after(later: Document, event: Document) -> bool:
    """Whether an event came after another, of another station too: only if that is proven."""
    if later["station"] == event["station"]:
        return place_of(later) > place_of(event)
    clocks = {later["time"]["clock_state"], event["time"]["clock_state"]}
    return clocks <= SET_CLOCKS and when(later) > when(event)
