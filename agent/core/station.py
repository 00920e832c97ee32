"""What a station is told to do: the plan that a station file comes down to, without its devices.

`agent.config` builds it from YAML; the core reads nothing else. Durations are milliseconds by the
boot clock, tags are the names of the station file, answers are the codes that the PLC reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType

from agent.core.bounds import Limit, ResultBy
from agent.core.crew import Crew
from agent.core.identity.rules import ScanRule
from agent.core.levels import Level
from agent.core.lot_plan import Lots
from agent.core.order_plan import OrderPlan


@unique
class By(StrEnum):
    """What one traceable unit is (D-1)."""

    SERIAL = "serial"
    LOT = "lot"
    BOTH = "both"
    """Units with an identity of their own, each of them one of a lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """How the pieces of one product are tracked at this station (D-1, D-12)."""

    name: str
    """Its name in the station file."""
    by: By
    from_lot: bool = False
    """Whether its units are pieces of a lot until they get their identity here."""
    ids: tuple[str, ...] = ()
    """What the source calls it: article numbers, recipes, GTINs of 14 digits."""
    pattern: str | None = None
    """What else the source may call it, matched as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPlan:
    """Where a station with several products learns which one it makes.

    One source: a tag, the order (`orders`), or else the codes of units and lots that are scanned.
    """

    products: tuple[Product, ...]
    tag: str | None = None
    device: str | None = None
    """Of the tag that tells it: the product's, or the order's."""
    orders: tuple[tuple[str, str], ...] = ()
    """(begin of an order's number, name of its product); the longest that fits counts."""
    unknown: Product
    """How pieces are tracked while the product is not known."""
    refuses: bool = False
    """Whether a unit of an unknown product is refused (answer 6); pieces are counted all the same:
    they are made."""

    @property
    def by_scan(self) -> bool:
        """Whether the codes of units and lots say the product."""
        return self.tag is None and not self.orders


@unique
class Strategy(StrEnum):
    """How a code and a cycle find each other; one a station (D-23)."""

    SCAN_THEN_CYCLE = "scan-then-cycle"
    CYCLE_THEN_SCAN = "cycle-then-scan"
    FIFO = "fifo"
    TAG = "tag"
    CARRIER = "carrier"
    MULTI_CAVITY = "multi-cavity"
    SCAN_ONLY = "scan-only"
    COUNT_ONLY = "count-only"


@unique
class Outcome(StrEnum):
    """What an answer says, whatever number the station gives it (D-39)."""

    STORED_OK = "stored_ok"
    STORED_NOK = "stored_nok"
    DUPLICATE = "duplicate"
    BAD_CODE = "bad_code"
    PREVIOUS_STATION = "previous_station"
    NOT_RELEASED = "not_released"
    NOT_STORED = "not_stored"
    UNBOUND = "unbound"


DEFAULT_ANSWERS: Mapping[Outcome, int] = MappingProxyType(
    {outcome: code for code, outcome in enumerate(Outcome, start=1)}
)
"""1 stored OK … 8 stored but not bound; 0 is never an answer (D-39)."""


@unique
class Until(StrEnum):
    """How long a load feeds its position (D-46 to D-48)."""

    REPLACED = "replaced"
    """One package at a time: the next one takes its place."""
    SPLICED = "spliced"
    """The next one is joined behind it, and follows some pieces later."""
    EMPTIED = "emptied"
    """It mixes with what is there, until somebody has seen that nothing is left."""


@unique
class Policy(StrEnum):
    """What to do with a unit where something is missing or cannot be known."""

    REFUSE = "refuse"
    RECORD = "record"
    """Go on, and say in the event what is missing."""


@unique
class Mode(StrEnum):
    """How the machine works; only what it makes automatically is production."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    SET_UP = "set_up"
    DRY_CYCLE = "dry_cycle"
    GOLDEN_PART = "golden_part"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeTag:
    """Where a handshake's PLC says its mode."""

    tag: str
    values: Mapping[int, Mode]
    bind: bool = False
    """Whether a cycle in another mode than automatic is bound to its unit all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cavity:
    """One of the places of a machine that makes several units a cycle; one of its three sources."""

    name: str
    tag: str | None = None
    """The tag that carries the code of the unit in it."""
    reader: str | None = None
    """The reader that reads it alone."""
    mark: str | None = None
    """What a code of it has in its group `cavity`."""
    verdict: str | None = None
    """Its own verdict; None: the handshake's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One four-phase handshake with a PLC (D-18)."""

    name: str
    """`end`: store this. `begin`: may this unit run here?"""
    device: str
    trigger: str
    request: str | None
    modulus: int | None
    """Where the request number wraps; None without a request tag."""
    guard: tuple[str, ...]
    """Tags that must hold still over the snapshot, beside trigger and request (D-21)."""
    values: tuple[str, ...]
    unit: str | None
    """The tag that carries the unit's code (strategy `tag`), or the carrier's (`carrier`)."""
    verdict: str | None
    result: str
    ack: str
    answer_within_ms: int
    result_request: str | None = None
    """Where it is written which request the answer is for, before the ack."""
    abort: str | None = None
    """The tag that says: the part was taken out, this cycle is none."""
    inside: str | None = None
    """The tag that says how many parts are in the queue, by sensors (strategy `fifo`)."""
    cavities: tuple[Cavity, ...] = ()
    """The places of a machine that makes several units a cycle (strategy `multi-cavity`)."""
    limits: tuple[Limit, ...] = ()
    """Of those of its values that have limits."""

    @property
    def snapshot_guard(self) -> tuple[str, ...]:
        """The tags read before and after the data."""
        request = (self.request,) if self.request else ()
        return (self.trigger, *request, *self.guard)

    @property
    def snapshot_tags(self) -> tuple[str, ...]:
        """The data tags between the two guard reads."""
        own = tuple(tag for cavity in self.cavities for tag in (cavity.tag, cavity.verdict))
        bounds = tuple(tag for limit in self.limits for tag in limit.tags)
        tags = (self.unit, self.verdict, self.abort, self.inside, *self.values, *own, *bounds)
        return tuple(dict.fromkeys(tag for tag in tags if tag))

    @property
    def code_tags(self) -> tuple[str, ...]:
        """The tags that carry codes; with the guard they tell requests apart."""
        tags = (self.unit, *(cavity.tag for cavity in self.cavities))
        return tuple(tag for tag in tags if tag)

    def cavity_of(self, reader: str, mark: str | None) -> str | None:
        """Return the cavity that a reader's code is of, None where it does not say."""
        return next(
            (
                cavity.name
                for cavity in self.cavities
                if cavity.reader == reader or (mark is not None and cavity.mark == mark)
            ),
            None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The way from a reader upstream to the station (strategy `fifo`)."""

    entry: str
    """The reader that every part passes."""
    fewest: int
    most: int
    """How many parts can be inside when the station asks, its own counted."""
    gate: bool
    """Whether a part that was not read is taken out before the station."""
    sync: str | None = None
    """A second reader, at the station: what it reads is the next cycle's."""
    clear: str | None = None
    """The tag that says that nothing is inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """When a scan and a cycle belong together (D-24)."""

    strategy: Strategy
    window_ms: int
    """A scan older than this at the trigger is no candidate."""
    settle_ms: int
    """How long to wait before deciding that nothing came."""
    late_ms: int = 0
    """How long after a refused cycle's trigger was seen low a scan still belongs to it."""
    load: tuple[str, ...] = ()
    """Readers at the load point: a carrier, then its unit (strategy `carrier`)."""
    queue: Queue | None = None
    unload: tuple[str, ...] = ()
    """Readers at unload points: what is read there leaves its carrier, or is left by its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter tag and how it behaves (D-29 to D-31)."""

    device: str
    tag: str
    modulus: int
    max_step: int
    """Rollover if the old value is within this of the modulus and the new one below it."""
    fastest_ms: int
    """Fastest cycle time of the machine; a faster rise is a jump, not a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A position that units receive material from (D-43, D-44)."""

    position: str
    by: By
    required: bool
    """Whether a unit without a known load here is refused (code 6)."""
    uncertainty_ms: int = 0
    """How far the scan of a load may lie from the change itself, either way (u1 = u2)."""
    lag_min_ms: int = 0
    lag_max_ms: int = 0
    """Feed path: material used now was fed between these times ago."""
    products: tuple[str, ...] = ()
    """Products that belong here; none: every one."""
    product_pattern: str | None = None
    """What the product must match as a whole."""
    open_life_ms: int | None = None
    """How long a load may be used once it is on; None: as long as it lasts."""
    open_life_pauses: bool = False
    """Whether the open life of what is taken off pauses until it is on again: dry storage."""
    unfit: Policy = Policy.REFUSE
    """A unit made from what is blocked, expired or the wrong part: answer 6, or recorded so."""
    use: str | None = None
    """What one unit takes; None: quantities are not counted."""
    measure: str | None = None
    """Unit of measure of the four amounts."""
    quantity: str | None = None
    """What is in a load whose code does not say it."""
    low: str | None = None
    """How much is left when it is warned."""
    tolerance: str = "0"
    """How far the quantity on a label may be wrong, either way."""
    pieces: int = 1
    """How many serial components one unit gets here: more or fewer is an incomplete kit."""
    installed: Policy = Policy.REFUSE
    """A serial component that is in another unit: answer 3, or recorded as a conflict (D-42)."""
    until: Until = Until.REPLACED
    splice_pieces: int = 0
    """Pieces either side of a splice of which nobody knows from which of the two they are."""
    plug_flow: str | None = None
    """How many times what was in the vessel has to pass until a lot is gone; None: it mixes."""
    several_lots: str | None = None
    """What stands between the lots on a label that names several (D-51)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Where the agent says whether it can record."""

    device: str
    tag: str
    reason: str | None
    """Integer tag for the reason word (0 = ready); None where the PLC has none."""
    text: str | None = None
    """String tag for the HMI."""


@unique
class Numbering(StrEnum):
    """Which numbers PackML's states have; there is no default (D-106)."""

    PACKTAGS = "packtags"
    """PackTags and OPC 30050."""
    OPC30060 = "opc30060"
    """The StateEnumeration of OPC 30060."""


@unique
class Category(StrEnum):
    """What a machine state is for OEE (D-106, D-108)."""

    RUNNING = "running"
    IDLE = "idle"
    STOPPED = "stopped"
    PLANNED_STOP = "planned_stop"
    SETUP = "setup"
    STARVED = "starved"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    """Starved or blocked: the machine does not say which."""
    HELD = "held"
    DOWN = "down"
    UNKNOWN = "unknown"
    """Neither up nor down: it cannot be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSource:
    """Where the machine's state is seen; one way a station (D-105)."""

    device: str
    word: str | None = None
    """The tag that holds a number: of PackML with `numbering`, else of `values`."""
    numbering: Numbering | None = None
    categories: Mapping[str, Category] = field(default_factory=dict)
    """Per PackML state."""
    values: Mapping[int, Category] = field(default_factory=dict)
    run: str | None = None
    fault: str | None = None
    quiet_ms: int = 0
    """Where the counter tells it: without a cycle for so long the machine has stopped."""
    reason: str | None = None
    """The tag that holds the machine's reason code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """Where the PLC says which units it let go without an answer (D-40)."""

    counter: Counter
    key: str | None = None


CLOCK_WITHIN_MS = 300_000
"""How far the clock of a device may be from ours where nothing is declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How it is known that a PLC's program runs, and how the PLC knows that we do (D-32)."""

    device: str
    heartbeat: str | None = None
    """The tag that the program changes as long as it runs."""
    within_ms: int = 5_000
    """Without a change for so long nothing of the device is believed."""
    agent_heartbeat: str | None = None
    """The tag that we change as long as we run."""
    every_ms: int = 1_000
    modulus: int | None = None
    """Where our heartbeat wraps to 0; None: it is a bit that toggles."""
    boots: str | None = None
    """The tag that counts the starts of the program (D-33)."""
    memory_lost: str | None = None
    """The tag that changes when, and only when, the device's memory was lost."""
    clock_within_ms: int = CLOCK_WITHIN_MS
    """How far its clock may be from ours before that is told."""

    @property
    def life_tags(self) -> tuple[str, ...]:
        """The tags that tell a start of the program; they stand in each snapshot."""
        return tuple(tag for tag in (self.boots, self.memory_lost) if tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Everything the core needs to know of one station."""

    path: str
    """ISA-95 equipment path, segments of `[a-z0-9_-]` joined by `/`."""
    machine: str
    config: str
    """Hash of the station file."""
    by: By
    """What it binds; with `products`, what its pairing strategy binds."""
    pairing: Pairing
    handshakes: tuple[Handshake, ...] = ()
    """`begin` before `end`, where both exist."""
    counter: Counter | None = None
    lot: str | None = None
    """The tag that names the lot being made, `lot_device` holds it; None where it is scanned."""
    lot_device: str | None = None
    from_lot: bool = False
    """Whether units are pieces of a lot until they get their identity here."""
    products: ProductPlan | None = None
    """Where each product has a granularity of its own; None: `by` and `from_lot` hold for all."""
    lots: Lots = field(default_factory=Lots)
    order: str | None = None
    """The tag that names the order, `order_device` holds it; None where it is scanned."""
    order_device: str | None = None
    orders: OrderPlan = field(default_factory=OrderPlan)
    scans: tuple[ScanRule, ...] = ()
    no_reads: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    """Per reader: the frames that mean "nothing read" (D-81)."""
    keyed: tuple[str, ...] = ()
    """Readers in whose place a person may key in a code by hand (D-85)."""
    keyed_twice: tuple[str, ...] = ()
    """Those of them for which it has to be keyed in twice (FAULTS I10)."""
    repeat_window_ms: int = 1000
    """Same code, same reader, no cycle between: a repeat, not a new scan (D-34, D-82)."""
    crew: Crew = field(default_factory=Crew)
    requires_order: Policy | None = None
    """None: not required."""
    components: tuple[Component, ...] = ()
    packing: tuple[Level, ...] = ()
    """What goes into what here."""
    blocked: tuple[str, ...] = ()
    """Lots and serial components that the station file blocks (D-56)."""
    ready: Ready | None = None
    answers: Mapping[Outcome, int] = field(default_factory=lambda: DEFAULT_ANSWERS)
    duplicates: Policy = Policy.REFUSE
    """A unit that already passed here: answer 3, or record another visit (D-35)."""
    retests: bool = False
    """Whether one whose newest result here is NOK may come again all the same."""
    rework_limit: int | None = None
    """How often a unit may come again (D-35); None: as often as `duplicates` lets it."""
    unknown: Policy = Policy.RECORD
    """What to do when a look-up cannot be answered in time (D-41)."""
    lookup_within_ms: int = 500
    previous: tuple[str, ...] = ()
    """Stations, by path, that must have completed a unit as OK before this one (D-38)."""
    operator_idle_ms: int | None = None
    """A session without scan or cycle for this long ends (D-60)."""
    shift_ends: tuple[int, ...] = ()
    """Minutes of the local day at which shifts end, in order; empty: sessions know no shifts."""
    shift_grace_ms: int = 900_000
    """How long after its shift a session ends, and how early one of the next shift may begin."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Per value tag: its unit of measure."""
    result_by: ResultBy = ResultBy.WORST
    """Whose word is a unit's result, where values have limits."""
    devices: tuple[str, ...] = ()
    """Every device that must be reached before the station is ready."""
    mode: ModeTag | None = None
    bypass: Bypass | None = None
    state: StateSource | None = None
    watches: tuple[Watch, ...] = ()
    """At most one a device."""
    timezone: str = ""
    people: str = ""
    """How operators are written in events; another text, and one person has another name."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Per tag: a digest of where it is; another one, and its values are another's."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """Per meaning: a digest of its scan rules; only in a plan that was recorded, in their place."""

    @property
    def needed_tags(self) -> frozenset[str]:
        """The tags without which no cycle can be recorded; a fault of another tag is only told."""
        needed = {tag for h in self.handshakes for tag in (h.trigger, h.request, h.unit)}
        needed |= {tag for h in self.handshakes for tag in (h.result, h.ack, h.result_request)}
        needed |= {self.counter.tag} if self.counter else set()
        needed |= {tag for watch in self.watches for tag in watch.life_tags}
        return frozenset(tag for tag in needed if tag is not None)

    @property
    def counts_pieces(self) -> bool:
        """Whether the counter counts pieces to lots: always, or as long as a product wants it."""
        if self.counter is None:
            return False
        if self.products is None:
            return self.pairing.strategy is Strategy.COUNT_ONLY
        return any(each.by is By.LOT for each in (*self.products.products, self.products.unknown))

    def told_with(self, device: str) -> tuple[str, ...]:
        """Return the tags of a device that say the product and the lot of a cycle."""
        plan = self.products
        named = (self.lot, self.lot_device), (plan and plan.tag, plan and plan.device)
        return tuple(tag for tag, home in named if tag and home == device)

    @property
    def names_lots(self) -> bool:
        """Whether a lot is open here, which pieces are counted to or units are of."""
        plan = self.products
        each = (*plan.products, plan.unknown) if plan is not None else ()
        by_product = any(product.by is not By.SERIAL or product.from_lot for product in each)
        counts = self.pairing.strategy is Strategy.COUNT_ONLY
        return counts or self.by is By.BOTH or self.from_lot or by_product

    def outcome_code(self, outcome: Outcome) -> int:
        """Return the number that this station gives an outcome."""
        return self.answers[outcome]

    def watch(self, device: str) -> Watch | None:
        """Return how a device's program is watched."""
        return next((watch for watch in self.watches if watch.device == device), None)

    def clock_within_ms(self, device: str) -> int:
        """Return how far a device's clock may be from ours before that is told."""
        watch = self.watch(device)
        return CLOCK_WITHIN_MS if watch is None else watch.clock_within_ms

    def component(self, position: str) -> Component | None:
        """Return the component declared at a position."""
        return next((c for c in self.components if c.position == position), None)

    def level(self, name: str) -> Level | None:
        """Return the level of packing of a name."""
        return next((level for level in self.packing if level.name == name), None)
