"""What each concern remembers: the parts of the state, as `state_carried` writes them.

Times are milliseconds of the boot clock. They compare only within one boot; what was learned in
another boot carries `LONG_AGO` once `agent_started` of the new boot is folded (D-91).

A field added later has a default, so that an older `state_carried` can still be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.core.events import OperatorRef, Why
from agent.core.station import By
from drivers.base import Scalar

LONG_AGO = -(2**53) + 1
"""Before everything that this boot can remember; an integer that JSON can carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The newest request that a handshake has an event for."""

    generation: int
    request: int | None
    content: tuple[Scalar | None, ...]
    code: int
    address: str
    epoch: str
    snapshot: str
    """The observation that was judged; it alone identifies a request with nothing to tell it by."""
    bound: bool
    """False for refused and unbound: a scan under the same trigger belongs to it (D-24)."""
    unit: str | None
    rise_ms: int
    """When the trigger rose at the earliest; LONG_AGO if nobody knows, or in another boot."""
    risen_ms: int
    """When it rose at the latest."""
    count: int | None = None
    """The piece counter at that moment, where the station has one (D-29)."""
    others: tuple[str, ...] = ()
    """What else was scanned for it: the candidates of an unbound cycle, or of a correction."""
    since_ms: int = LONG_AGO
    """From when on its unit may have drawn: since the cycle before rose, at the earliest."""
    early: bool = False
    """Bound by a scan that may have come after its trigger rose: that may be of the next cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The unit that `begin` let in and that `end` will complete."""

    unit: str
    product: str | None
    cycle: str
    address: str
    rise_ms: int
    doubts: tuple[Why, ...] = ()
    """`end` is not surer of the unit than `begin` was."""
    operators: tuple[OperatorRef, ...] = ()
    """Who was on when it was let in: they were there, whatever is known of them later."""


@dataclass(frozen=True, kw_only=True)
class CycleState:
    """What the handshakes leave behind."""

    answered: Mapping[str, Answered] = field(default_factory=dict)
    generations: Mapping[str, int] = field(default_factory=dict)
    """Per handshake: the device generation, from 1."""
    started: Started | None = None
    suspect: tuple[str, ...] = ()
    """Handshakes whose next request may have been answered in a lost part of the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An accepted scan of a unit that no cycle has used yet."""

    address: str
    epoch: str
    code: str
    product: str | None
    earliest_ms: int
    latest_ms: int
    doubts: tuple[Why, ...] = ()
    """It may belong to a cycle that came before the one it will meet."""
    device: str = ""
    """The reader."""
    cavity: str | None = None
    """The cavity that it is of, where the station has several."""
    since_ms: int | None = None
    """When its unit was first scanned, where this scan stands for an older one of it."""
    nok: str = ""
    """At a bench: address of the label by which its result is NOK; empty: it is OK."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastScan:
    """The newest accepted scan of a reader, for the duplicate window (D-34)."""

    address: str
    code: str
    latest_ms: int
    means: str = ""
    """What it meant; the same identity with another meaning is no repeat."""
    raw: str | None = None
    """Of an action on a lot: the bytes. Two pallets of one lot are no repeat of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadScan:
    """A code that was refused, and that the next cycle may have had as its own (D-85)."""

    address: str
    device: str
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True, kw_only=True)
class PairingState:
    """Scans that wait for their cycle."""

    pending: tuple[Pending, ...] = ()
    last_scans: Mapping[str, LastScan] = field(default_factory=dict)
    """Per reader; emptied by a cycle, so that a scan after it is a new one."""
    unrecorded_ms: int = LONG_AGO
    """When a cycle last ended without a record: aborted, or missed (D-7)."""
    bad: tuple[BadScan, ...] = ()
    """The newest refused code of each reader since the last cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A part between the reader upstream and the station."""

    address: str
    """Of its scan, or of the event that it could not be read."""
    unit: str | None
    """None: it could not be read."""
    product: str | None
    latest_ms: int


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """The parts on their way to the station, the next one first (D-26)."""

    parts: tuple[Queued, ...] = ()
    lost: str | None = None
    """Why the order is not known, a `QueueLoss`; None: it is."""
    since: tuple[str, ...] = ()
    """Addresses of what was bound since the last sync point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """The carrier that was read at the load point last: the units read after it are on it."""

    carrier: str
    address: str
    epoch: str
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One association of a carrier and a unit (D-28)."""

    carrier: str
    unit: str
    product: str | None
    address: str
    epoch: str
    because: tuple[str, ...]
    touched_ms: int
    """When it was opened or, once it is closed, when that was, at the latest."""
    is_open: bool = True
    doubts: tuple[Why, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CarrierState:
    """What the carriers bear; a closed association stays until a cycle has passed."""

    loading: Loading | None = None
    mounted: tuple[Mounted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One lot at one position, from a moment in [from_lo, from_hi] to one in [to_lo, to_hi]."""

    position: str
    lot: str
    address: str
    from_lo_ms: int
    from_hi_ms: int
    to_lo_ms: int | None = None
    """None while nothing says that it was taken off."""
    to_hi_ms: int | None = None
    """None while it may still be loaded."""
    product: str | None = None
    expiry: str | None = None
    """ISO date: its last good day."""
    opened_ms: int | None = None
    """Since when it counts as open; the same label scanned again does not begin anew."""
    faults: tuple[Why, ...] = ()
    """Why no unit may be made from it: refused when it was scanned, or expired since."""
    refused: bool = False
    """Whether it should never have been put on, and perhaps was not (`load_refused`)."""
    amount: str | None = None
    """What was in it, in the position's measure; None: not known."""
    used: str = "0"
    """What was drawn from it by count: by units that had no other load to draw from."""
    used_most: str = "0"
    """What may have been drawn from it at the most."""
    empty_ms: int | None = None
    """From when on it may be used up: what came after may be of a load that nobody scanned."""
    told: tuple[str, ...] = ()
    """What was said of its quantity."""
    lots: tuple[str, ...] = ()
    """The lots on its label, where it names several: units may be of each (D-51)."""
    leaving: int | None = None
    """Pieces until it is out, once the next one was joined behind it (D-47)."""
    ahead: str | None = None
    """What was in the vessel with it when it was put in; None: not known."""
    passed: str = "0"
    """What was drawn from the vessel since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A package that was taken off its position, and may come back."""

    position: str
    lot: str
    open_ms: int
    """How long it was open by then, at the most."""
    off_ms: int
    """When it was taken off, at the latest; LONG_AGO in another boot."""
    left: str | None = None
    """What was left in it, as said or by count; None: not known, its label counts."""
    least: str | None = None
    """The same if everything was drawn from it that may have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A lot or serial that must not be used from now on (D-56)."""

    lot: str
    source: str
    """`scan` or `file`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Pieces that were made, so that a splice reaches back by their number (D-47)."""

    n: int
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingComponent:
    """A serial component that was scanned and goes into the next unit."""

    position: str
    component: str
    address: str
    epoch: str
    doubts: tuple[Why, ...] = ()
    installed_in: str | None = None
    """The unit that it is in by what is known; None: in none, or that is being asked."""


@dataclass(frozen=True, kw_only=True)
class MaterialState:
    """What feeds the positions; closed loads stay while a unit may still have drawn from them."""

    loads: tuple[Load, ...] = ()
    waiting: tuple[WaitingComponent, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    made: tuple[Made, ...] = ()
    """The newest pieces, as many as the longest splice reaches back."""
    recent: tuple[Made, ...] = ()
    """The newest pieces, also those without a record, as far back as the scan of a load may be
    late: they may have been drawn from it (D-55)."""
    clean: tuple[str, ...] = ()
    """Vessels that were seen empty once: what was put in since is all that is in them."""
    shelf: tuple[Shelved, ...] = ()
    """Packages that were taken off and may come back, the newest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Up to where a counter is accounted for."""

    count: int
    at_ms: int
    epoch: str
    edge_ms: int | None = None
    """When the newest piece was counted, at the earliest; None: not before `at_ms`."""

    @property
    def next_ms(self) -> int:
        """From when on the next piece may draw: a piece is made before it is counted."""
        return self.at_ms if self.edge_ms is None else self.edge_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPart:
    """The sub-lot being made."""

    lot: str
    since_ms: int
    """When it began, at the latest; LONG_AGO in another boot."""
    carrier: str | None = None
    n: int = 0
    n_possible: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLot:
    """The lot being made."""

    lot: str
    product: str | None
    address: str
    n: int = 0
    n_possible: int = 0
    quantity: str | None = None
    """How many pieces are in it, where its code says so."""
    part: OpenPart | None = None
    ended: str | None = None
    """The sub-lot that ended in doubt and that no other has followed: what lies before is its."""

    @property
    def counts_to(self) -> str:
        """What its pieces are counted to: the sub-lot, else the lot."""
        return self.part.lot if self.part is not None else self.lot


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A product as this station tracks it."""

    named: str | None
    """What its source calls it; None: nothing is named."""
    product: str | None
    """Its name in the station file; None: that has none which fits."""
    by: By
    from_lot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was made until a change."""

    made: tuple[Tracked, ...]
    """One, but for changes that were too many to be kept apart."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval of the change."""


@dataclass(frozen=True, kw_only=True)
class ProductState:
    """Which product is made; `products` reads it."""

    running: Tracked | None = None
    """None: nothing was ever named."""
    past: tuple[Past, ...] = ()
    """What was made before, since the last record that lies wholly after a change."""
    changed: str = ""
    """Address of the newest change."""
    uncounted: int = 0
    """Cycles recorded since the newest accounted piece whose counter could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The newest change of lot: steps that began before its end may be of either (D-29)."""

    lots: tuple[str, ...]
    """The lots before, since the last record that lies wholly after a change."""
    latest_ms: int
    earliest_ms: int = LONG_AGO
    """What was over before it was of one of these lots."""
    within: str | None = None
    """The lot of which they are all sub-lots, if it was open all the time."""


@dataclass(frozen=True, kw_only=True)
class ProductionState:
    """What is being made, and how much was counted."""

    counted: Counted | None = None
    lot: OpenLot | None = None
    boundary: Boundary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the machine was last known to do."""

    state: str
    category: str
    reason: str | None = None
    mode: str | None = None


@dataclass(frozen=True, kw_only=True)
class MachineState:
    """What the machine said of itself."""

    bypass_on: bool | None = None
    """None: the key was never seen."""
    passed: Counted | None = None
    """Up to where the units let go without an answer are accounted for."""
    shown: Shown | None = None
    """None: nothing was ever seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a device says of its newest start (D-33)."""

    boots: int | None = None
    life: int | None = None


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The run itself: which file it works by, what is known to be broken."""

    config: str = ""
    boot_id: str = ""
    faults: tuple[str, ...] = ()
    """Sources with a standing `fault_raised`."""
    last_ms: int = LONG_AGO
    """When the newest event was made."""
    carried_ms: int = LONG_AGO
    """When the state was last carried."""
    lives: Mapping[str, Life] = field(default_factory=dict)
    """Per device that tells its starts."""
    carried_seq: int = 0
    """The seq of the last event of that."""
