"""What a station knows (State, a fold of events) and what holds for this run only (Working).

Laws:
    1. State changes only by `evolve`; recovery folds the journal and gets the same value.
    2. Working starts empty with each run, a link's part with each link; it is never recovered.
       What would change a binding or an answer if lost is an event instead.
    3. Sets that grow without end (all serials ever seen) are never state: they are asked.

Times are milliseconds of the boot clock. They compare only within one boot; what was learned in
another boot carries `LONG_AGO` once `agent_started` of the new boot is folded (D-91).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique

from agent.core.events import Event
from agent.core.station import Station
from drivers.base import Instant, Quality, Scalar, TagValue, WriteGroup

LONG_AGO = -(2**53) + 1
"""Before everything that this boot can remember; an integer that JSON can carry."""

EARLIER: tuple[object, ...] = ("earlier",)
"""Key of an answer that still stands at the device from an earlier rise."""

# ------------------------------------------------------------------ state, part by part


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
    """When the trigger rose at the earliest; LONG_AGO if not seen, or in another boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The unit that `begin` let in and that `end` will complete."""

    unit: str
    product: str | None
    cycle: str
    address: str
    rise_ms: int
    epoch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleState:
    """What the handshakes leave behind."""

    answered: Mapping[str, Answered] = field(default_factory=dict)
    generations: Mapping[str, int] = field(default_factory=dict)
    """Per handshake: the device generation, from 1."""
    started: Started | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An accepted scan of a unit that no cycle has used yet."""

    address: str
    epoch: str
    code: str
    product: str | None
    earliest_ms: int
    latest_ms: int
    doubtful: bool = False
    """It may belong to the refused cycle before (its order to the trigger's fall is unknown)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastScan:
    """The newest accepted scan of a reader, for the duplicate window (D-34)."""

    address: str
    code: str
    latest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingState:
    """Scans that wait for their cycle."""

    pending: tuple[Pending, ...] = ()
    last_scans: Mapping[str, LastScan] = field(default_factory=dict)
    """Per reader; emptied by a cycle, so that a scan after it is a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One operator at this station (D-60)."""

    ref: str
    role: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleState:
    """Who works here, and on what."""

    sessions: tuple[Session, ...] = ()
    active_ms: int = LONG_AGO
    """When somebody last scanned or a cycle came, for the idle limit."""
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One lot at one position, from a moment in [from_lo, from_hi] to one in [to_lo, to_hi]."""

    position: str
    lot: str
    address: str
    from_lo_ms: int
    from_hi_ms: int
    to_lo_ms: int | None = None
    """None while it is loaded."""
    to_hi_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingComponent:
    """A serial component that was scanned and goes into the next unit."""

    position: str
    component: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialState:
    """What feeds the positions; closed loads stay while a unit may still have drawn from them."""

    loads: tuple[Load, ...] = ()
    waiting: tuple[WaitingComponent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Up to where a counter is accounted for."""

    count: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLot:
    """The lot being made."""

    lot: str
    product: str | None
    address: str
    n: int = 0
    n_possible: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The newest change of lot: steps that overlap it may be of either lot (D-29)."""

    previous: str | None
    latest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionState:
    """What is being made, and how much was counted."""

    counted: Counted | None = None
    lot: OpenLot | None = None
    boundary: Boundary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything a station knows: its plan, its address, and each concern's part."""

    station: Station
    epoch: str = ""
    seq: int = 0
    run: RunState = RunState()
    cycle: CycleState = CycleState()
    pairing: PairingState = PairingState()
    people: PeopleState = PeopleState()
    material: MaterialState = MaterialState()
    production: ProductionState = ProductionState()


# ------------------------------------------------------------------ working


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The newest value of a tag on this link."""

    seen: TagValue
    earliest_ms: int
    latest_ms: int

    @property
    def good(self) -> Scalar | None:
        """The value where it is GOOD, else None."""
        return self.seen.value if self.seen.quality is Quality.GOOD else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A device's link as this run knows it."""

    up: bool
    since_ms: int
    faults: tuple[str, ...] = ()
    """Tags that the device has not got as configured."""


@unique
class Phase(StrEnum):
    """Where a handshake stands: a function of (state, working)."""

    BLIND = "blind"
    """No coherent snapshot of this link yet, or trigger or request does not read GOOD."""
    IDLE = "idle"
    """Trigger low."""
    ASKING = "asking"
    """Trigger high, the snapshot is being read."""
    SETTLING = "settling"
    """Snapshot taken; waiting for the scan that may still be on its way."""
    LOOKING = "looking"
    """Waiting for a look-up."""
    ANSWERED = "answered"
    """An event answers this request (perhaps not yet on disk)."""
    TORN = "torn"
    """The snapshot never held still: answer 7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """When the trigger went high: within [earliest, latest]; earliest is LONG_AGO if unseen."""

    earliest_ms: int
    latest_ms: int
    seen_low: bool
    """Whether this link saw the trigger low before; only then it cannot be a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one coherent snapshot of a handshake held, and which request it is."""

    id: str
    generation: int
    request: int | None
    content: tuple[Scalar | None, ...]
    values: Mapping[str, TagValue]
    received: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit that a cycle may be bound to."""

    unit: str
    product: str | None
    because: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    """Values of `Why` that make the binding possible instead of certain."""
    since_ms: int = LONG_AGO
    """From when on the unit may have drawn material here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The answer that was handed to the device under this rise; it stands until the fall."""

    code: int
    key: tuple[object, ...] | None
    """Which request it answers; None for a 7 given without a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One handshake on this link."""

    synced: bool = False
    """A coherent snapshot of this link was taken, and trigger and request read GOOD."""
    ask: str | None = None
    retry_ms: int | None = None
    rise: Rise | None = None
    low_ms: int | None = None
    """When the trigger was first seen low after it was high; kept over a lost link."""
    snapshot: Snapshot | None = None
    torn: bool = False
    settle_ms: int | None = None
    candidate: Candidate | None = None
    lookup: str | None = None
    lookup_until_ms: int | None = None
    standing: Standing | None = None
    doubts: tuple[str, ...] = ()
    """Values of `Why` that the request itself raises (repeat possible, id conflict)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The counter as last read, and the reading before it (production)."""

    tag: str
    count: int
    earliest_ms: int
    latest_ms: int
    before: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Repeats of one scan, counted until the window ends."""

    first: str
    code: str
    raw: str | None
    n: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What holds for this run and link only."""

    links: Mapping[str, Link] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    live: Mapping[str, Live] = field(default_factory=dict)
    """Per handshake."""
    step: Step | None = None
    """Counted but not yet in an event: the counter is absolute, so a crash loses nothing."""
    flushed_ms: int = LONG_AGO
    repeats: Mapping[str, Repeats] = field(default_factory=dict)
    """Per reader."""
    asked: int = 0
    """How many asks were made, for their ids."""
    stopping: bool = False


# ------------------------------------------------------------------ what decide gives back


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotAsk:
    """Read this handshake's group, coherent: guard, data, guard (D-21)."""

    id: str
    device: str
    handshake: str
    guard: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupAsk:
    """Was this unit here before? To be answered up to the planned events."""

    id: str
    unit: str
    handshake: str


Ask = SnapshotAsk | LookupAsk


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a reader is told after the commit: goes out once, dropped when a second old."""

    device: str
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from one observation."""

    events: tuple[Event, ...]
    state: State
    """The planned state: `reduce(evolve, events, state before)`."""
    working: Working
    asks: tuple[Ask, ...] = ()
    replies: tuple[Reply, ...] = ()
    wakeup_ms: int | None = None
    """Boot-clock time at which decide wants a `TimerFired`; None: nothing is waited for."""


@unique
class NotReady(IntEnum):
    """The reason word that a PLC reads; 0 is ready."""

    READY = 0
    STARTING = 1
    JOURNAL = 2
    """The journal cannot record."""
    DISK_FULL = 3
    SLOW_DISK = 4
    DEVICE_LOST = 5
    """A device that the station needs cannot be reached."""
    TAG_FAULT = 6
    """A tag of the handshake is not there as configured, or does not read GOOD."""
    OVERRUN = 7
    """More came in than could be decided; some of it was lost."""
    STOPPING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the rim knows and the core cannot: whether an event could be recorded now."""

    now_ms: int
    reason: NotReady = NotReady.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one device must hold now, and what that makes standing."""

    groups: tuple[WriteGroup, ...]
    standing: Mapping[str, Standing | None]
    """Per handshake on this device; to be noted when the groups are handed over."""
