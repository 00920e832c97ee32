"""What a station knows (State, a fold of events) and what holds for this run only (Working).

Laws:
    1. State changes only by `evolve`; recovery folds the journal and gets the same value.
    2. Working starts empty with each run, a link's part with each link; it is never recovered.
       What would change a binding or an answer if lost is an event instead.
    3. Sets that grow without end (all serials ever seen) are never state: they are asked.

`parts` has what each concern remembers. Times are milliseconds of the boot clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique

from agent.core.events import ComponentUse, Event, Why
from agent.core.label_parts import LabelsState
from agent.core.lot_parts import LotsState
from agent.core.packages import PackingState
from agent.core.parts import (
    LONG_AGO,
    CarrierState,
    CycleState,
    MachineState,
    MaterialState,
    PairingState,
    ProductionState,
    ProductState,
    QueueState,
    RunState,
)
from agent.core.people_parts import PeopleState
from agent.core.station import Outcome, Station
from drivers.base import AskAnswered, CommandGiven, Quality, Scalar, TagValue, WriteGroup

EARLIER: tuple[object, ...] = ("earlier",)
"""Key of an answer that still stands at the device from an earlier rise."""

# ------------------------------------------------------------------ state


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything a station knows: its plan, its address, and each concern's part."""

    station: Station
    """The plan by which the events so far were concluded."""
    declared: Station
    """The plan of the station file as it is now; from the next start on, the station's."""
    epoch: str = ""
    seq: int = 0
    run: RunState = field(default_factory=RunState)
    cycle: CycleState = field(default_factory=CycleState)
    pairing: PairingState = field(default_factory=PairingState)
    carriers: CarrierState = field(default_factory=CarrierState)
    queue: QueueState = field(default_factory=QueueState)
    people: PeopleState = field(default_factory=PeopleState)
    material: MaterialState = field(default_factory=MaterialState)
    product: ProductState = field(default_factory=ProductState)
    packing: PackingState = field(default_factory=PackingState)
    production: ProductionState = field(default_factory=ProductionState)
    lots: LotsState = field(default_factory=LotsState)
    machine: MachineState = field(default_factory=MachineState)
    labels: LabelsState = field(default_factory=LabelsState)


# ------------------------------------------------------------------ working


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The newest value of a tag on this link."""

    device: str
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
    """The snapshot never held still, the part was taken out, or the journal is full: answer 7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """When the trigger went high: within [earliest, latest]; earliest LONG_AGO if nobody knows."""

    earliest_ms: int
    latest_ms: int
    seen_low: bool
    """Whether this link saw the trigger low before; only then it cannot be a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The request that the newest snapshot of this rise showed, coherent or torn."""

    request: int | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A request that no event answers when its trigger falls or is lost from sight."""

    generation: int
    request: int | None
    rise: Rise
    given: bool
    """Whether 7 was the answer: then the same request comes again (D-40)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one coherent snapshot of a handshake held, and which request it is."""

    id: str
    rise: Rise
    """Of the request: of its first trigger, where it is asked again after a 7 or a lost link."""
    generation: int
    request: int | None
    content: tuple[Scalar | None, ...]
    count: int | None
    """The piece counter, where the station has one beside its handshake (D-29)."""
    values: Mapping[str, TagValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit that a cycle may be bound to."""

    unit: str
    product: str | None
    because: tuple[str, ...]
    doubts: tuple[Why, ...] = ()
    """What makes the binding possible instead of certain."""
    since_ms: int = LONG_AGO
    """From when on the unit may have drawn material here."""
    begun_ms: int | None = None
    """By when its work here had begun for sure; None: not known."""
    cavity: str | None = None
    """The cavity that its scan names (strategy `multi-cavity`)."""
    is_maybe_old: bool = False
    """Whether its scan may have come before the window: the agent slept or was held up since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What is known of one cavity's unit, until all cavities of the cycle are decided."""

    cavity: str
    found: tuple[Candidate, ...]
    why: Why | None = None
    outcome: Outcome | None = None
    """None: its one candidate is looked up."""
    raw: str | None = None
    because: tuple[str, ...] = ()
    """The refused codes that it had in place of one."""
    is_asked: bool = False
    answer: AskAnswered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What the events of one cycle's cavities share, while they are made."""

    cavity: str
    cycle: str
    outcome: Outcome
    """The one answer."""
    components: tuple[ComponentUse, ...]
    """What the units received: each the same, for they were made at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The answer that was handed to the device under this rise; it stands until the fall."""

    code: int
    key: tuple[object, ...] | None
    """Which request it answers; None for a 7 given without a snapshot."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """One handshake on this link."""

    synced: bool = False
    """A coherent snapshot of this link was taken, and trigger and request read GOOD."""
    ask: str | None = None
    retry_ms: int | None = None
    """When a snapshot is asked for (again): the one before told nothing, or never came."""
    rise: Rise | None = None
    low_ms: int | None = None
    """When the trigger was first seen low after the newest cycle that was seen. Kept over a lost
    link; None where the link was lost while it was high, until it is seen low again."""
    shown: Shown | None = None
    left: Left | None = None
    """The request before, as long as it may come again."""
    snapshot: Snapshot | None = None
    torn: bool = False
    held: bool = False
    """Whether it came, or was being judged, while nothing could be recorded: answer 7 (D-142)."""
    removed: bool = False
    """Whether the part was taken out: the request is aborted, and gets no answer but 7."""
    overdue: bool = False
    """Whether `answer_within` has passed without an answer at the device (D-40)."""
    settle_ms: int | None = None
    candidate: Candidate | None = None
    sought: tuple[tuple[str, ...], ...] = ()
    """The scans that were candidates when the unit was chosen."""
    seats: tuple[Seat, ...] = ()
    sharing: Sharing | None = None
    lookup: str | None = None
    lookup_until_ms: int | None = None
    standing: Standing | None = None
    seven: bool = False
    """Whether 7 was the answer under the trigger before: its request may come again (D-40)."""
    doubts: tuple[Why, ...] = ()
    """What the request itself raises (repeat possible, id conflict)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterRead:
    """The counter's newest reading on this link."""

    count: int
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Pieces counted between two readings, not yet in an event."""

    count: int
    """The counter at its end."""
    n: int
    earliest_ms: int
    latest_ms: int
    unwatched: bool = False
    """The agent was away within it: a scan of another lot may have been missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Repeats of one scan, counted until the window ends."""

    first: str
    code: str
    raw: str | None
    n: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A device's heartbeat on this link (D-32)."""

    value: Scalar | None
    """None until it was read GOOD."""
    since_ms: int
    """When it changed last; when the link came up, as long as it has not changed."""
    alive: bool = False
    """Whether it has changed on this link and not stood still since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Astray:
    """A device whose clock does not go with ours, as it was seen last."""

    tag: str
    """By whose value."""
    off_ms: int
    """How far its time was ahead of ours; less than 0: behind."""
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question about something that was scanned and waits."""

    address: str
    """Of its scan."""
    until_ms: int
    ask: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCommand:
    """A person's command that waits for what it must know."""

    given: CommandGiven
    asks: Mapping[str, tuple[str, str]]
    """Open asks: which argument (name, value) each is about."""
    until_ms: int
    facts: Mapping[tuple[str, str], AskAnswered] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """When a counter that tells whether the machine runs has moved last (D-105)."""

    count: int
    at_ms: int
    """When it was first read on this link, as long as it has not moved."""
    moved: bool = False


@dataclass(frozen=True, kw_only=True)
class Working:
    """What holds for this run and link only."""

    links: Mapping[str, Link] = field(default_factory=dict)
    beats: Mapping[str, Beat] = field(default_factory=dict)
    """Per device with a heartbeat that is watched."""
    clocks: Mapping[str, Astray] = field(default_factory=dict)
    """Per device whose clock is wrong."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    live: Mapping[str, Live] = field(default_factory=dict)
    """Per handshake."""
    counter: CounterRead | None = None
    steps: tuple[Step, ...] = ()
    """Counted but not yet in an event: the counter is absolute, so a crash loses nothing."""
    flushed_ms: int = LONG_AGO
    repeats: Mapping[str, Repeats] = field(default_factory=dict)
    """Per reader."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Per ask: whether a serial component that waits is in a unit already."""
    commands: Mapping[str, WaitingCommand] = field(default_factory=dict)
    """Per id of its observation."""
    packing: Check | None = None
    """The question about what was read and has its turn to be packed."""
    closing: tuple[str, ...] = ()
    """Levels of packing whose tag has risen: closed when what was read before is decided."""
    activity: Activity | None = None
    asked: int = 0
    """How many asks were made, for their ids."""
    stopping: bool = False
    held: bool = False
    """Whether no cycle is recorded, because the journal has no room (D-142)."""

    def trusts(self, device: str | None) -> bool:
        """Return whether a device's values can be believed: its program is seen to run, D-32."""
        return all(beat.alive for name, beat in self.beats.items() if name == device)


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
    """Whose newest event of the unit is wanted; empty: of whichever."""
    lots: tuple[str, ...] = ()
    """What is on: is any of it blocked at another station?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentAsk:
    """Which unit is this serial component in? To be answered up to the planned events."""

    id: str
    component: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAsk:
    """Is there an event under this address, and does it stand?"""

    id: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageAsk:
    """What is this in, to any depth, and what is in it? To be answered up to the planned events."""

    id: str
    code: str


Ask = SnapshotAsk | LookupAsk | ComponentAsk | EventAsk | PackageAsk


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a reader is told after the commit: goes out once, dropped when a second old."""

    device: str
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply:
    """What a person is told of a command, once the event that says so is durable."""

    command: str
    """The id of its observation."""
    address: str
    """Of the event: of what was done, or of its `command_refused`."""
    refused: str | None = None
    """Why it was not carried out, in words; None: it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from one observation."""

    events: tuple[Event, ...]
    state: State
    """The planned state: `reduce(evolve, events, state before)`."""
    working: Working
    asks: tuple[Ask, ...] = ()
    replies: tuple[Reply, ...] = ()
    command_replies: tuple[CommandReply, ...] = ()
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
    HEARTBEAT = 9
    """A device's heartbeat stands still: its program stands, or its gateway repeats itself."""


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
